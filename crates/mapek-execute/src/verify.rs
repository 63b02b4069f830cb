//! Whether a journal is what its writer left: looked at record by record, without writing.

use std::collections::BTreeSet;

use mapek_model::{ContentHash, Epoch, Sequence};
use mapek_store::{Pruned, Store};
use serde::Serialize;

use crate::{BadRecord, Body, Error, Record, journal, ledger::View};

/// Most places that are told apart; a file that is nothing but damage must not fill memory.
const DAMAGE_MAX: usize = 1000;

/// Something in a journal that its writer did not leave so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// At which record; it is the row of that number. Absent if it is about the file as a whole.
    pub record: Option<Sequence>,
    /// What is there, and what was expected.
    pub reason: String,
}

/// What a journal was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The journal's id: the hash of its first record; absent while there is none.
    pub journal: Option<ContentHash>,
    /// The newest record.
    pub head: Sequence,
    /// Its hash, which names all that led to it. Kept elsewhere it shows whether anything before it was rewritten.
    pub hash: ContentHash,
    /// The newest epoch.
    pub epoch: Epoch,
    /// Records up to here were pruned, but for those that somebody still needed.
    pub pruned: Sequence,
    /// How many records there are.
    pub records: u64,
    /// How many executions were followed.
    pub executions: u64,
    /// How many kept values were compared with their hash.
    pub values: u64,
    /// What is damaged, in order; the first thousand.
    pub damage: Vec<Damage>,
    /// How many more places are.
    pub more: u64,
}

impl Verified {
    /// Whether nothing is damaged.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Looks whether a journal is sound: whether each record has the hash that it says, follows the one before it, in number, by hash and in
/// no older epoch; whether each event may follow those before it; whether every value that is named by its content is there, and is that
/// value; and whether the checkpoint of the newest pruning fits what is left.
///
/// A chain without an anchor outside shows accidents, not an owner who writes all of it anew from some record on:
/// [`Verified::hash`] is that anchor, if somebody keeps it elsewhere.
///
/// # Errors
///
/// [`Error::Journal`] if the store fails. Damage is no error.
pub fn verify(store: &dyn Store) -> Result<Verified, Error> {
    let read = Error::journal("reading the journal");
    let (epoch, end) = (store.epoch().map_err(read)?, store.head().map_err(read)?);
    let pruned = store.pruned().map_err(read)?;
    let mut look = Look::new(store, epoch, pruned);
    look.checkpoint()?;
    let (chain, _) = journal::follow(store, |item| look.take(item))?;
    let (head, hash, journal) = (chain.head(), chain.last(), chain.journal());
    if let Some(error) = look.failed.take() {
        return Err(error);
    }
    look.named(journal);
    if head != end {
        look.note(None, format!("the newest record is {head}, expected {end}"));
    }
    let mut damage = look.damage;
    damage.sort_by_key(|it| it.record);
    Ok(Verified {
        journal,
        head,
        hash,
        epoch,
        pruned: pruned.through,
        records: look.records,
        executions: look.executions,
        values: look.values.len() as u64,
        damage,
        more: look.more,
    })
}

struct Look<'a> {
    store: &'a dyn Store,
    /// The newest epoch, as the store says.
    epoch: Epoch,
    pruned: Pruned,
    view: View,
    /// The epoch of the record before.
    before: Epoch,
    /// The newest checkpoint so far, and the journal that checkpoints name.
    checkpoint: Option<(Sequence, ContentHash)>,
    records: u64,
    executions: u64,
    values: BTreeSet<ContentHash>,
    damage: Vec<Damage>,
    more: u64,
    failed: Option<Error>,
}

impl<'a> Look<'a> {
    fn new(store: &'a dyn Store, epoch: Epoch, pruned: Pruned) -> Self {
        Self {
            store,
            epoch,
            pruned,
            view: View::default(),
            before: Epoch::default(),
            checkpoint: None,
            records: 0,
            executions: 0,
            values: BTreeSet::new(),
            damage: Vec::new(),
            more: 0,
            failed: None,
        }
    }

    fn note(&mut self, record: Option<Sequence>, reason: String) {
        if self.damage.len() < DAMAGE_MAX {
            self.damage.push(Damage { record, reason });
        } else {
            self.more += 1;
        }
    }

    /// Whether the record that is said to tell how far it was pruned does so.
    fn checkpoint(&mut self) -> Result<(), Error> {
        let Pruned { through, checkpoint } = self.pruned;
        if through == Sequence::default() {
            return Ok(());
        }
        if let Err(reason) = journal::checkpoint(self.store, self.pruned)? {
            let reason = format!(
                "it was pruned through {through}, which record {checkpoint} does not vouch for: {reason}"
            );
            self.note(None, reason);
        }
        Ok(())
    }

    fn take(&mut self, item: Result<Record, BadRecord>) {
        self.records += 1;
        match item {
            Ok(record) => self.record(&record),
            Err(BadRecord { sequence, reason }) => self.note(Some(sequence), reason),
        }
    }

    fn record(&mut self, record: &Record) {
        let at = Some(record.sequence);
        if record.epoch < self.before {
            let reason = format!(
                "it is of epoch {}, expected {} or later, as the record before it",
                record.epoch, self.before
            );
            self.note(at, reason);
        }
        if record.epoch > self.epoch {
            let reason =
                format!("it is of epoch {}, expected {} at most", record.epoch, self.epoch);
            self.note(at, reason);
        }
        self.before = self.before.max(record.epoch);
        if let Err(error) = self.view.check(&record.body) {
            // What was proposed may have been pruned since.
            let pruned = matches!(error, Error::UnknownProposal { .. })
                && self.pruned.through > Sequence::default();
            if !pruned {
                self.note(at, chain(&error));
            }
        }
        let known = self.view.executions.len() + self.view.damaged.len();
        self.view.fold(record);
        let now = self.view.executions.len() + self.view.damaged.len();
        self.executions += u64::from(now > known);
        if let Body::Checkpoint { journal, through, .. } = &record.body {
            if *through >= record.sequence {
                let reason = format!("it says that {through} was pruned, expected one before it");
                self.note(at, reason);
            }
            if let Some((sequence, other)) = self.checkpoint
                && other != *journal
            {
                let reason = format!(
                    "it is of the journal {journal}, expected {other} as in record {sequence}"
                );
                self.note(at, reason);
            }
            self.checkpoint = Some((record.sequence, *journal));
        }
        for value in record.body.values() {
            self.value(record.sequence, value);
        }
    }

    fn value(&mut self, record: Sequence, hash: ContentHash) {
        if !self.values.insert(hash) {
            return;
        }
        let reason = match self.store.blob(&hash) {
            Ok(Some(bytes)) => {
                let found = ContentHash::of(&bytes);
                (found != hash).then(|| format!("a value that it names has the hash {found}"))
            }
            Ok(None) => Some("a value that it names is not there".to_owned()),
            Err(error) => {
                self.failed.get_or_insert(Error::journal("reading a kept value")(error));
                None
            }
        };
        if let Some(reason) = reason {
            self.note(Some(record), format!("{reason}, expected {hash}"));
        }
    }

    /// Whether checkpoints name the journal that this is.
    fn named(&mut self, journal: Option<ContentHash>) {
        if let (Some((sequence, named)), Some(journal)) = (self.checkpoint, journal)
            && named != journal
        {
            let reason = format!("it is of the journal {named}, expected {journal}");
            self.note(Some(sequence), reason);
        }
        let newest = self.checkpoint.map_or(Sequence::default(), |(sequence, _)| sequence);
        if newest > self.pruned.checkpoint {
            let expected = self.pruned.checkpoint;
            let reason = format!("it is a checkpoint, expected none behind record {expected}");
            self.note(Some(newest), reason);
        }
    }
}

/// An error with its causes, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
