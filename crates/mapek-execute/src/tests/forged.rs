//! Journals of which each record vouches for itself, and that no writer of ours leaves behind.

use std::collections::BTreeMap;

use mapek_model::{
    ApprovalEvent, ContentHash, CycleNumber, Ending, Epoch, ExecutionEvent, ExecutionRecord,
    Sequence,
};
use mapek_store::{Error as StoreError, Pruned, Pruning, Store, Stored};

use super::world::{id, plan, start_time};
use crate::{Body, CycleInputs, Record, Verified, scan, verify};

/// A store that holds what it is given.
#[derive(Debug, Clone)]
struct Forged {
    records: Vec<Stored>,
    blobs: BTreeMap<ContentHash, Vec<u8>>,
    epoch: Epoch,
    pruned: Pruned,
    head: Sequence,
    last: ContentHash,
    journal: Option<ContentHash>,
    /// Whether it loses the medium below its values.
    fails: bool,
}

impl Forged {
    fn new() -> Self {
        Self {
            records: Vec::new(),
            blobs: BTreeMap::new(),
            epoch: Epoch::new(9),
            pruned: Pruned::default(),
            head: Sequence::new(0),
            last: ContentHash::of(b"mapek/journal/1"),
            journal: None,
            fails: false,
        }
    }

    /// One more record, of this epoch, that follows the one before it.
    fn write(&mut self, epoch: u64, body: Body) -> Sequence {
        let (epoch, sequence) = (Epoch::new(epoch), self.head.next());
        let (at, cycle, previous) = (start_time(), CycleNumber::new(1), self.last);
        let record = Record { target: None, epoch, sequence, at, cycle, previous, body };
        let json = serde_json::to_vec(&record).unwrap();
        self.last = ContentHash::of(&json);
        self.head = sequence;
        self.journal.get_or_insert(self.last);
        let bytes = [self.last.to_string().as_bytes(), b"\n", &json].concat();
        self.records.push(Stored { sequence, epoch, bytes });
        sequence
    }

    fn keep(&mut self, bytes: &[u8]) -> ContentHash {
        let hash = ContentHash::of(bytes);
        self.blobs.insert(hash, bytes.to_vec());
        hash
    }

    /// All before here is pruned but for `keep`, and a checkpoint says what `say` makes of that.
    fn cut(&mut self, keep: &[u64], say: impl FnOnce(&mut Said)) -> Sequence {
        let (through, hash, journal) = (self.head, self.last, self.journal.unwrap());
        let mut kept = BTreeMap::new();
        for stored in &self.records {
            if keep.contains(&stored.sequence.get()) {
                kept.insert(stored.sequence, ContentHash::of(&stored.bytes[65..]));
            }
        }
        self.records.retain(|stored| keep.contains(&stored.sequence.get()));
        let mut said = Said { through, hash, journal, list: Some(kept) };
        say(&mut said);
        let kept = match &said.list {
            Some(list) => self.keep(&serde_json::to_vec(list).unwrap()),
            None => ContentHash::of(b"nowhere"),
        };
        let Said { through: told, hash, journal, .. } = said;
        let body = Body::Checkpoint { journal, through: told, hash, kept, signature: None };
        let checkpoint = self.write(1, body);
        self.pruned = Pruned { through, checkpoint };
        checkpoint
    }

    fn found(&self) -> Verified {
        verify(self).unwrap()
    }

    /// What is damaged, where, and how that begins.
    fn damage(&self) -> Vec<(u64, String)> {
        let found = self.found().damage.into_iter();
        found.map(|it| (it.record.map_or(0, Sequence::get), it.reason)).collect()
    }

    /// Which records are read as good ones.
    fn good(&self) -> Vec<u64> {
        let mut good = Vec::new();
        scan(self, |item| good.extend(item.ok().map(|it| it.sequence.get()))).unwrap();
        good
    }
}

/// What a checkpoint says.
struct Said {
    through: Sequence,
    hash: ContentHash,
    journal: ContentHash,
    list: Option<BTreeMap<Sequence, ContentHash>>,
}

impl Store for Forged {
    fn head(&self) -> Result<Sequence, StoreError> {
        Ok(self.head)
    }

    fn epoch(&self) -> Result<Epoch, StoreError> {
        Ok(self.epoch)
    }

    fn raise_epoch(&self) -> Result<Epoch, StoreError> {
        Err(StoreError::ReadOnly)
    }

    fn append(&self, _: Epoch, _: Sequence, _: &[Vec<u8>]) -> Result<Sequence, StoreError> {
        Err(StoreError::ReadOnly)
    }

    fn read(&self, after: Sequence, limit: usize) -> Result<Vec<Stored>, StoreError> {
        let behind = self.records.iter().filter(|stored| stored.sequence > after);
        Ok(behind.take(limit).cloned().collect())
    }

    fn put_blob(&self, _: &[u8]) -> Result<ContentHash, StoreError> {
        Err(StoreError::ReadOnly)
    }

    fn blob(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
        if self.fails {
            return Err(StoreError::backend("reading a value", "the medium is gone"));
        }
        Ok(self.blobs.get(hash).cloned())
    }

    fn pruned(&self) -> Result<Pruned, StoreError> {
        Ok(self.pruned)
    }

    fn prune(&self, _: Epoch, _: Sequence, _: &[u8], _: &Pruning) -> Result<Sequence, StoreError> {
        Err(StoreError::ReadOnly)
    }
}

fn latch(reason: &str) -> Body {
    Body::Latch { paused: true, by: "ada".to_owned(), reason: reason.to_owned() }
}

fn cycle(observation: ContentHash, experience: ContentHash) -> Body {
    let config = ContentHash::of(b"configuration");
    Body::Cycle(CycleInputs::new(CycleNumber::new(1), config, 7, observation, experience))
}

/// Records of these epochs.
fn of_epochs(epochs: &[u64]) -> Forged {
    let mut forged = Forged::new();
    for epoch in epochs {
        forged.write(*epoch, latch("so"));
    }
    forged
}

/// Four records, of which the first two are pruned but for `keep`, and the checkpoint between them and the rest.
fn pruned(keep: &[u64], say: impl FnOnce(&mut Said)) -> Forged {
    let mut forged = of_epochs(&[1, 1]);
    forged.cut(keep, say);
    forged.write(1, latch("behind"));
    forged
}

#[test]
fn epochs_never_go_back_and_none_is_ahead_of_the_store() {
    assert_eq!(of_epochs(&[1, 2, 2, 9]).damage(), []);
    let back = of_epochs(&[2, 1, 1, 2]).damage();
    let reason = "it is of epoch 1, expected 2 or later, as the record before it";
    assert_eq!(back, [(2, reason.to_owned()), (3, reason.to_owned())]);
    let ahead = of_epochs(&[9, 10]).damage();
    assert_eq!(ahead, [(2, "it is of epoch 10, expected 9 at most".to_owned())]);
}

#[test]
fn of_very_much_damage_a_thousand_places_are_told_and_the_rest_is_counted() {
    let found = of_epochs(&[10; 1003]).found();
    assert_eq!((found.damage.len(), found.more, found.records), (1000, 3, 1003));
    assert_eq!(of_epochs(&[10; 1000]).found().more, 0);
}

#[test]
fn a_value_is_looked_at_once_and_must_be_what_it_is_named() {
    let mut forged = Forged::new();
    let (kept, lost) = (forged.keep(b"\"seen\""), ContentHash::of(b"lost"));
    forged.write(1, cycle(kept, kept));
    assert_eq!(forged.damage(), []);
    forged.write(1, cycle(kept, lost));
    forged.write(1, cycle(lost, kept));
    let reason = format!("a value that it names is not there, expected {lost}");
    assert_eq!(forged.damage(), [(2, reason)]);
    assert_eq!(forged.found().values, 2);

    let mut forged = Forged::new();
    forged.blobs.insert(kept, b"something else".to_vec());
    forged.write(1, cycle(kept, kept));
    let found = ContentHash::of(b"something else");
    let reason = format!("a value that it names has the hash {found}, expected {kept}");
    assert_eq!(forged.damage(), [(1, reason)]);

    forged.fails = true;
    assert!(verify(&forged).unwrap_err().is_transient(), "what cannot be read is no damage");
}

#[test]
fn executions_are_counted_whether_they_can_be_followed_or_not() {
    let mut forged = Forged::new();
    for n in 1..=3 {
        let event = ExecutionEvent::Ended { ending: Ending::Undone, reason: "so".to_owned() };
        let record = ExecutionRecord { execution: id(n), at: start_time(), event };
        forged.write(1, Body::Execution { record: record.clone() });
        forged.write(1, Body::Execution { record });
    }
    assert_eq!((forged.found().executions, forged.found().records), (3, 6));
}

#[test]
fn what_was_said_to_a_plan_follows_its_proposal_unless_that_was_pruned() {
    let event = ApprovalEvent::Approved { by: "ada".to_owned(), reason: None };
    let approval = || Body::Approval { plan: plan(Vec::new()).hash(), event: event.clone() };
    let mut whole = Forged::new();
    whole.write(1, approval());
    let damage = whole.damage();
    assert!(damage.len() == 1 && damage[0].1.contains("no proposal"), "{damage:?}");

    let mut cut = pruned(&[], |_| ());
    cut.write(1, approval());
    assert_eq!(cut.damage(), []);
    // Of an execution nothing is missing: its log is kept whole, or goes.
    let event = ExecutionEvent::Ended { ending: Ending::Undone, reason: "so".to_owned() };
    let record = ExecutionRecord { execution: id(1), at: start_time(), event };
    let at = cut.write(1, Body::Execution { record });
    assert_eq!(cut.damage().iter().map(|it| it.0).collect::<Vec<_>>(), [at.get()]);
}

#[test]
fn a_checkpoint_vouches_for_what_was_pruned() {
    for keep in [&[][..], &[1], &[2], &[1, 2]] {
        let forged = pruned(keep, |_| ());
        assert_eq!(forged.damage(), [], "{keep:?}");
        assert_eq!(forged.good(), [keep, &[3, 4]].concat());
    }
    let not_vouched = |forged: &Forged, why: &str| {
        let (at, reason) = forged.damage().remove(0);
        let expected = "it was pruned through 2, which record 3 does not vouch for: ";
        assert_eq!((at, reason.strip_prefix(expected)), (0, Some(why)), "{reason}");
    };
    not_vouched(&pruned(&[], |said| said.through = Sequence::new(1)), "it says 1");
    let nowhere = pruned(&[1], |said| said.list = None);
    not_vouched(&nowhere, "the list of what was kept is not there");
    let none = pruned(&[], |_| ());
    let without = Forged { records: none.records[1..].to_vec(), ..none.clone() };
    not_vouched(&without, "it is not there");
    let mut other = of_epochs(&[1, 1, 1]);
    other.pruned = Pruned { through: Sequence::new(2), checkpoint: Sequence::new(3) };
    not_vouched(&other, "it is no checkpoint");
    for (behind, why) in [(3, "it says that 3 was kept"), (4, "it says that 4 was kept")] {
        let also = |said: &mut Said| {
            let kept = said.list.as_mut().unwrap();
            kept.insert(Sequence::new(behind), ContentHash::of(b"x"));
        };
        not_vouched(&pruned(&[1], also), why);
    }
}

#[test]
fn what_was_pruned_and_is_there_all_the_same_was_not_kept() {
    let forged = pruned(&[1, 2], |said| {
        said.list.as_mut().unwrap().remove(&Sequence::new(1));
    });
    assert_eq!(forged.damage(), [(1, "it is there, and was not kept".to_owned())]);
    assert_eq!(forged.good(), [2, 3, 4]);
}

#[test]
fn where_nobody_knows_what_was_kept_that_is_said_once_behind_it() {
    for keep in [&[][..], &[1], &[2], &[1, 2]] {
        let forged = pruned(keep, |said| said.list = None);
        let mut bad = Vec::new();
        scan(&forged, |item| bad.extend(item.err())).unwrap();
        let bad: Vec<_> = bad.iter().map(|it| (it.sequence.get(), &*it.reason)).collect();
        assert_eq!(bad, [(3, "what was kept before it is not known")], "{keep:?}");
        assert_eq!(forged.good(), [keep, &[3, 4]].concat());
    }
}

/// Two checkpoints that are both still there.
fn twice(say: impl FnOnce(&mut Said)) -> Forged {
    let mut forged = of_epochs(&[1, 1]);
    forged.cut(&[2], say);
    let first = forged.head.get();
    forged.cut(&[2, first], |_| ());
    forged
}

#[test]
fn an_older_checkpoint_must_fit_too() {
    assert_eq!(twice(|_| ()).damage(), []);
    for through in [3, 4] {
        let reason = format!("it says that {through} was pruned, expected one before it");
        let forged = twice(|said| said.through = Sequence::new(through));
        assert_eq!(forged.damage(), [(3, reason)]);
    }
    let other = ContentHash::of(b"another journal");
    let forged = twice(|said| said.journal = other);
    let ours = forged.journal.unwrap();
    let reason = format!("it is of the journal {ours}, expected {other} as in record 3");
    assert_eq!(forged.damage(), [(4, reason)]);
}

#[test]
fn a_checkpoint_that_nobody_points_at_was_not_written_by_a_pruning() {
    let other = ContentHash::of(b"another journal");
    let mut forged = pruned(&[], |_| ());
    let before = forged.pruned;
    forged.cut(&[3, 4], |said| said.through = before.through);
    forged.pruned = before;
    let reason = "it is a checkpoint, expected none behind record 3".to_owned();
    assert_eq!(forged.damage(), [(5, reason)]);

    // One of another journal, in one of which nothing was ever pruned.
    let mut forged = of_epochs(&[1]);
    let whole = forged.records.clone();
    forged.cut(&[1], |said| said.journal = other);
    assert_eq!(forged.records[..1], whole);
    forged.pruned = Pruned::default();
    let named = forged.journal.unwrap();
    assert_ne!(named, other);
    let foreign = format!("it is of the journal {other}, expected {named}");
    let reason = "it is a checkpoint, expected none behind record 0".to_owned();
    assert_eq!(forged.damage(), [(2, foreign), (2, reason)]);
}
