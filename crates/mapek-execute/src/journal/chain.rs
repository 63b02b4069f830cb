//! Follows records from one to the next.

use std::collections::BTreeMap;

use mapek_model::{ContentHash, Sequence};
use mapek_store::{Pruned, Store, Stored};

use super::{BadRecord, Body, Record, codec::decode};
use crate::Error;

/// Records that stay where all around them is pruned, by content.
pub(super) type Kept = BTreeMap<Sequence, ContentHash>;

/// Where a journal begins, or where it goes on behind what was pruned.
struct Base {
    through: Sequence,
    /// What the record behind `through` must name as the one before it; `None` if nobody knows.
    hash: Option<ContentHash>,
    /// `None` if nobody knows.
    kept: Option<Kept>,
    journal: Option<ContentHash>,
}

impl Base {
    fn load(store: &dyn Store) -> Result<Self, Error> {
        let pruned = store.pruned().map_err(Error::journal("reading how far it was pruned"))?;
        if pruned.through == Sequence::default() {
            return Ok(Self {
                through: pruned.through,
                // The first record follows the name of the format.
                hash: Some(ContentHash::of(b"mapek/journal/1")),
                kept: Some(Kept::new()),
                journal: None,
            });
        }
        let through = pruned.through;
        Ok(match checkpoint(store, pruned)? {
            Ok((journal, hash, kept)) => {
                Self { through, hash: Some(hash), kept: kept.ok(), journal: Some(journal) }
            }
            Err(_) => Self { through, hash: None, kept: None, journal: None },
        })
    }
}

/// What the checkpoint says: the journal, the hash that the chain goes on from, and what was kept; or why it says nothing. Where only
/// the list of what was kept cannot be read, it says the rest.
type Vouched = Result<(ContentHash, ContentHash, Result<Kept, String>), String>;

/// What the record of the newest pruning vouches for.
fn checkpoint(store: &dyn Store, pruned: Pruned) -> Result<Vouched, Error> {
    let before = Sequence::new(pruned.checkpoint.get().saturating_sub(1));
    let found = store.read(before, 1).map_err(Error::journal("reading the checkpoint"))?;
    let Some(stored) = found.first().filter(|it| it.sequence == pruned.checkpoint) else {
        return Ok(Err("it is not there".to_owned()));
    };
    let record = match decode(stored) {
        Ok((record, _)) => record,
        Err(reason) => return Ok(Err(reason)),
    };
    let Body::Checkpoint { journal, through, hash, kept, .. } = record.body else {
        return Ok(Err("it is no checkpoint".to_owned()));
    };
    if through != pruned.through {
        return Ok(Err(format!("it says {through}")));
    }
    let list = store.blob(&kept).map_err(Error::journal("reading what was kept"))?;
    let list = list.ok_or_else(|| "the list of what was kept is not there".to_owned());
    let kept = list.and_then(|bytes| {
        serde_json::from_slice(&bytes)
            .map_err(|error| format!("the list of what was kept cannot be read: {error}"))
    });
    Ok(Ok((journal, hash, kept)))
}

/// Whether the record of the newest pruning vouches for it, and if not, why.
pub(crate) fn vouched(store: &dyn Store, pruned: Pruned) -> Result<Result<(), String>, Error> {
    Ok(checkpoint(store, pruned)?.and_then(|(_, _, kept)| {
        let behind = kept?.last_key_value().map(|(at, _)| *at).filter(|at| *at > pruned.through);
        behind.map_or(Ok(()), |at| Err(format!("it says that {at} was kept")))
    }))
}

/// Follows the chain from the beginning, or from where it was pruned.
pub(crate) struct Chain {
    base: Base,
    head: Sequence,
    last: ContentHash,
    /// Whether `last` is known to be the hash of the record at `head`.
    sure: bool,
    journal: Option<ContentHash>,
}

impl Chain {
    pub(super) fn load(store: &dyn Store) -> Result<Self, Error> {
        let base = Base::load(store)?;
        let last = base.hash.unwrap_or(ContentHash::of(b""));
        let (sure, journal) = (base.hash.is_some(), base.journal);
        Ok(Self { base, head: Sequence::default(), last, sure, journal })
    }

    pub(crate) const fn head(&self) -> Sequence {
        self.head
    }

    pub(crate) const fn last(&self) -> ContentHash {
        self.last
    }

    /// How far it was pruned.
    pub(super) const fn pruned(&self) -> Sequence {
        self.base.through
    }

    /// The journal's id: the hash of its first record.
    pub(crate) const fn journal(&self) -> Option<ContentHash> {
        self.journal
    }

    /// The next record, or why it cannot be trusted; and before it those that should have been there.
    pub(super) fn follow(
        &mut self,
        stored: &Stored,
        visit: &mut impl FnMut(Result<Record, BadRecord>),
    ) {
        self.miss(stored.sequence, visit);
        if stored.sequence <= self.base.through {
            self.head = stored.sequence;
            return visit(self.kept(stored));
        }
        // All that was kept lies behind us.
        self.head = self.head.max(self.base.through);
        visit(self.chained(stored));
    }

    /// What was kept and should lie between here and `next`, and does not.
    fn miss(&mut self, next: Sequence, visit: &mut impl FnMut(Result<Record, BadRecord>)) {
        let Some(kept) = &mut self.base.kept else {
            if next > self.base.through && self.head <= self.base.through {
                let reason = "what was kept before it is not known".to_owned();
                visit(Err(BadRecord { sequence: next, reason }));
            }
            return;
        };
        while let Some(missing) = kept.first_entry().filter(|it| *it.key() < next) {
            let (sequence, _) = missing.remove_entry();
            let reason = "it was kept, and is not there".to_owned();
            visit(Err(BadRecord { sequence, reason }));
        }
    }

    fn kept(&mut self, stored: &Stored) -> Result<Record, BadRecord> {
        let bad = |reason: String| BadRecord { sequence: stored.sequence, reason };
        let expected = self.base.kept.as_mut().map(|kept| kept.remove(&stored.sequence));
        let (record, digest) = decode(stored).map_err(bad)?;
        match expected {
            Some(None) => Err(bad("it is there, and was not kept".to_owned())),
            Some(Some(expected)) if expected != digest => Err(bad(format!(
                "it is not the record that was kept: {digest}, expected {expected}"
            ))),
            _ => Ok(record),
        }
    }

    fn chained(&mut self, stored: &Stored) -> Result<Record, BadRecord> {
        let bad = |reason: String| BadRecord { sequence: stored.sequence, reason };
        let expected = self.head.next();
        let gap = stored.sequence != expected;
        self.head = stored.sequence;
        let decoded = decode(stored);
        let digest = digest_of(stored, &decoded);
        self.journal = self.journal.or(Some(digest));
        match decoded {
            Ok((record, _)) => {
                // After a bad record nobody can say what its hash was; the next one vouches for itself.
                let (sure, last) = (self.sure, self.last);
                (self.last, self.sure) = (digest, true);
                if sure && gap {
                    Err(bad(format!("record {expected} was expected before it")))
                } else if sure && record.previous != last {
                    let named = record.previous;
                    let reason = "it does not follow the record before it";
                    Err(bad(format!("{reason}: it names {named}, expected {last}")))
                } else {
                    Ok(record)
                }
            }
            Err(reason) => {
                (self.last, self.sure) = (digest, false);
                Err(bad(reason))
            }
        }
    }
}

/// What names a record by its content, a bad one too.
pub(super) fn digest_of(
    stored: &Stored,
    decoded: &Result<(Record, ContentHash), String>,
) -> ContentHash {
    decoded.as_ref().map_or_else(|_| ContentHash::of(&stored.bytes), |(_, digest)| *digest)
}
