//! The journal: what happened, in order, chained by hashes.
//!
//! Sequence, epoch and chain live here, above a [`Store`] that only keeps bytes, so that simulation runs the same logic on a
//! store in memory that fails on demand. A chain without an outside anchor shows accidents (a torn write, a lost record, a
//! flipped bit), not an owner who rewrites it from there to the end.
//!
//! What is older than anybody needs is pruned: a checkpoint record says how far, with the hash that the chain goes on from,
//! and which older records stay. A journal is named by the hash of its first record, which every checkpoint repeats.

mod archive;
mod chain;
mod codec;
mod record;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mapek_model::{ContentHash, CycleNumber, Epoch, Sequence, Timestamp};
use mapek_store::{Pruned, Pruning, Store};
use serde::{Serialize, de::DeserializeOwned};

pub use archive::Archive;
pub use record::{Body, CycleDecisions, CycleInputs, Entry, PlanDecision, Proposed, Record};

use crate::Error;

/// Records read at a time when the journal is opened: bounds memory, not speed.
const PAGE: usize = 1024;

/// A record that cannot be trusted. Those around it are read all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// Where it is.
    pub sequence: Sequence,
    /// What is wrong with it.
    pub reason: String,
}

/// The journal, open for writing.
#[derive(Debug)]
pub struct Journal {
    store: Arc<dyn Store>,
    epoch: Epoch,
    head: Sequence,
    last: ContentHash,
    id: Option<ContentHash>,
    pruned: Sequence,
}

/// What goes, and what stays.
#[derive(Debug)]
pub(crate) struct Cut {
    /// The newest record that goes. It is one that can be trusted.
    pub(crate) through: Sequence,
    /// Its hash.
    pub(crate) hash: ContentHash,
    /// Records up to there that stay, with their hashes.
    pub(crate) keep: BTreeMap<Sequence, ContentHash>,
    /// Values that go with the rest.
    pub(crate) values: BTreeSet<ContentHash>,
}

/// A record as it is looked at before it is pruned.
#[derive(Debug)]
pub(crate) struct Old {
    pub(crate) sequence: Sequence,
    pub(crate) hash: ContentHash,
    /// What it says; absent if it cannot be trusted.
    pub(crate) record: Option<Record>,
}

impl Journal {
    /// Begins a new epoch, so that whoever wrote before is refused from now on, and reads all that there is: each record,
    /// or why it cannot be trusted, goes to `visit`, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails. A bad record is no error.
    pub fn open(
        store: Arc<dyn Store>,
        visit: impl FnMut(Result<Record, BadRecord>),
    ) -> Result<Self, Error> {
        let epoch = store.raise_epoch().map_err(Error::journal("beginning an epoch"))?;
        let (chain, pruned) = follow(store.as_ref(), visit)?;
        let (head, last, id) = (chain.head(), chain.last(), chain.journal());
        Ok(Self { store, epoch, head, last, id, pruned })
    }

    /// Reads all that there is once more, in the same epoch: after an append that failed, only the store knows whether the
    /// record is there.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails; nothing has changed then.
    pub fn reread(&mut self, visit: impl FnMut(Result<Record, BadRecord>)) -> Result<(), Error> {
        let (chain, pruned) = follow(self.store.as_ref(), visit)?;
        (self.head, self.last, self.id) = (chain.head(), chain.last(), chain.journal());
        self.pruned = pruned;
        Ok(())
    }

    /// The journal's id: the hash of its first record, however long ago that was pruned. `None` before the first. Two
    /// journals never share it: a record says when it was written, and what came before it.
    #[must_use]
    pub const fn id(&self) -> Option<ContentHash> {
        self.id
    }

    /// Records up to here were pruned, but for those that had to stay; 0 if nothing was.
    #[must_use]
    pub const fn pruned(&self) -> Sequence {
        self.pruned
    }

    /// The epoch that this journal writes in.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The newest record's place.
    #[must_use]
    pub const fn head(&self) -> Sequence {
        self.head
    }

    /// The store below.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Appends an entry and answers it as a record; it is durable then.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`]. If it [is transient](Error::is_transient), the record may be there all the same: open the journal again.
    pub fn append(&mut self, entry: Entry) -> Result<Record, Error> {
        let record = self.next(entry);
        let (bytes, digest) = codec::encode(&record)?;
        let head = self
            .store
            .append(self.epoch, self.head, &[bytes])
            .map_err(Error::journal("appending to the journal"))?;
        self.wrote(head, digest);
        debug_assert_eq!(head, record.sequence);
        Ok(record)
    }

    /// Lets go of old records, and answers the checkpoint that says so; both or neither.
    pub(crate) fn prune(
        &mut self,
        cut: Cut,
        at: Timestamp,
        cycle: CycleNumber,
    ) -> Result<Record, Error> {
        let kept = self.put(&cut.keep)?;
        // What is to be pruned has a first record.
        let journal = self.id.unwrap_or(cut.hash);
        let (through, hash, signature) = (cut.through, cut.hash, None);
        let body = Body::Checkpoint { journal, through, hash, kept, signature };
        let record = self.next(Entry { target: None, at, cycle, body });
        let (bytes, digest) = codec::encode(&record)?;
        let mut blobs = cut.values;
        blobs.remove(&kept);
        let pruning = Pruning { through, keep: cut.keep.into_keys().collect(), blobs };
        let head = self
            .store
            .prune(self.epoch, self.head, &bytes, &pruning)
            .map_err(Error::journal("pruning the journal"))?;
        self.wrote(head, digest);
        self.pruned = through;
        Ok(record)
    }

    fn next(&self, entry: Entry) -> Record {
        Record {
            target: entry.target,
            epoch: self.epoch,
            sequence: self.head.next(),
            at: entry.at,
            cycle: entry.cycle,
            previous: self.last,
            body: entry.body,
        }
    }

    fn wrote(&mut self, head: Sequence, digest: ContentHash) {
        (self.head, self.last) = (head, digest);
        self.id = self.id.or(Some(digest));
    }

    /// The records up to `through`, in order, each looked at by itself.
    pub(crate) fn old(&self, through: Sequence, mut visit: impl FnMut(Old)) -> Result<(), Error> {
        let mut at = Sequence::default();
        loop {
            let page = self.store.read(at, PAGE).map_err(Error::journal("reading the journal"))?;
            for stored in &page {
                if stored.sequence > through {
                    return Ok(());
                }
                at = stored.sequence;
                let decoded = codec::decode(stored);
                let hash = chain::digest_of(stored, &decoded);
                visit(Old { sequence: at, hash, record: decoded.ok().map(|(record, _)| record) });
            }
            if page.is_empty() {
                return Ok(());
            }
        }
    }

    /// Keeps a value beside the journal, and answers the hash that records name it by.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails, [`Error::Json`] if the value is no JSON.
    pub fn put<T: Serialize + ?Sized>(&self, value: &T) -> Result<ContentHash, Error> {
        // What is kept is told apart by its bytes, not by what it means: sorting the keys of a hundred thousand episodes would cost as much
        // as all the rest of the cycle.
        let bytes = serde_json::to_vec(value).map_err(Error::json("a value to be kept"))?;
        self.store.put_blob(&bytes).map_err(Error::journal("keeping a value"))
    }

    /// The value that was kept under `hash`, if it was.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails, [`Error::Json`] if another type of value was kept.
    pub fn get<T: DeserializeOwned>(&self, hash: &ContentHash) -> Result<Option<T>, Error> {
        let bytes = self.store.blob(hash).map_err(Error::journal("reading a kept value"))?;
        bytes
            .map(|bytes| serde_json::from_slice(&bytes).map_err(Error::json("a kept value")))
            .transpose()
    }
}

/// Reads a journal without writing to it, as a tool beside a running loop does: each record, or why it cannot be trusted, goes to
/// `visit`, in order. Answers the place of the newest record and the hash that its successor must name.
///
/// # Errors
///
/// [`Error::Journal`] if the store fails.
pub fn scan(
    store: &dyn Store,
    visit: impl FnMut(Result<Record, BadRecord>),
) -> Result<(Sequence, ContentHash), Error> {
    follow(store, visit).map(|(chain, _)| (chain.head(), chain.last()))
}

/// Whether the record of the newest pruning vouches for it, and if not, why.
pub(crate) fn checkpoint(store: &dyn Store, pruned: Pruned) -> Result<Result<(), String>, Error> {
    chain::vouched(store, pruned)
}

/// Follows the chain to its end; answers how far it was pruned besides.
pub(crate) fn follow(
    store: &dyn Store,
    mut visit: impl FnMut(Result<Record, BadRecord>),
) -> Result<(chain::Chain, Sequence), Error> {
    let mut chain = chain::Chain::load(store)?;
    let pruned = chain.pruned();
    loop {
        let page = store.read(chain.head(), PAGE).map_err(Error::journal("reading the journal"))?;
        if page.is_empty() {
            return Ok((chain, pruned));
        }
        page.iter().for_each(|stored| chain.follow(stored, &mut visit));
    }
}

#[cfg(test)]
mod tests {
    use mapek_model::{CycleNumber, Timestamp};
    use mapek_store::{Fault, MemoryStore};

    use super::*;

    fn entry(reason: &str) -> Entry {
        Entry {
            target: None,
            at: Timestamp::UNIX_EPOCH,
            cycle: CycleNumber::new(1),
            body: Body::Latch { paused: true, by: "ada".to_owned(), reason: reason.to_owned() },
        }
    }

    fn read(store: &MemoryStore) -> (Vec<Record>, Vec<BadRecord>) {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        scan(store, |item| match item {
            Ok(record) => good.push(record),
            Err(record) => bad.push(record),
        })
        .unwrap();
        (good, bad)
    }

    fn three() -> (MemoryStore, Journal) {
        let store = MemoryStore::new();
        let mut journal = Journal::open(Arc::new(store.clone()), |_| panic!("empty")).unwrap();
        for reason in ["a", "b", "c"] {
            journal.append(entry(reason)).unwrap();
        }
        (store, journal)
    }

    #[test]
    fn what_was_appended_is_read_in_order_and_chained() {
        let (store, journal) = three();
        let (records, bad) = read(&store);
        assert_eq!(bad, []);
        assert_eq!(records.len(), 3);
        assert_eq!(records[2].sequence, journal.head());
        assert!(records.windows(2).all(|pair| pair[0].previous != pair[1].previous));
    }

    #[test]
    fn a_changed_record_is_found_and_stops_nobody_else() {
        for spoil in [
            (|bytes: &mut Vec<u8>| bytes.truncate(9)) as fn(&mut Vec<u8>),
            |bytes| bytes.clear(),
            |bytes| *bytes.last_mut().unwrap() = b' ',
            |bytes| bytes[70] ^= 1,
            |bytes| bytes[3] ^= 1,
        ] {
            let (store, _) = three();
            assert!(store.corrupt(Sequence::new(2), spoil));
            let (good, bad) = read(&store);
            assert_eq!(bad.len(), 1, "{bad:?}");
            assert_eq!(bad[0].sequence, Sequence::new(2));
            assert_eq!(good.iter().map(|r| r.sequence.get()).collect::<Vec<_>>(), [1, 3]);
        }
    }

    #[test]
    fn a_record_of_another_journal_breaks_the_chain() {
        let (store, _) = three();
        let (other, mut journal) = three();
        journal.append(entry("d")).unwrap();
        let foreign = other.read(Sequence::new(2), 1).unwrap().remove(0).bytes;
        store.corrupt(Sequence::new(2), |bytes| *bytes = foreign);
        let (_, bad) = read(&store);
        assert!(bad[0].reason.contains("says that it is record 3"), "{bad:?}");
    }

    #[test]
    fn after_a_bad_tail_the_journal_goes_on() {
        let (store, mut journal) = three();
        store.fail_append(1, Fault::Torn);
        assert!(journal.append(entry("d")).unwrap_err().is_transient());
        let mut journal = Journal::open(Arc::new(store.clone()), |_| ()).unwrap();
        journal.append(entry("e")).unwrap();
        let (good, bad) = read(&store);
        assert_eq!((good.len(), bad.len()), (4, 1));
    }

    #[test]
    fn an_old_writer_is_refused_once_a_new_one_has_opened() {
        let (store, mut old) = three();
        let new = Journal::open(Arc::new(store), |_| ()).unwrap();
        assert!(new.epoch() > old.epoch());
        let error = old.append(entry("d")).unwrap_err();
        assert!(!error.is_transient(), "{error:?}");
    }

    /// Six records of which the first four are pruned, but for the second.
    fn pruned() -> (MemoryStore, Journal) {
        let (store, mut journal) = three();
        for reason in ["d", "e", "f"] {
            journal.append(entry(reason)).unwrap();
        }
        let (mut keep, mut hash) = (BTreeMap::new(), None);
        journal
            .old(Sequence::new(4), |old| {
                hash = Some(old.hash);
                if old.sequence.get() == 2 {
                    keep.insert(old.sequence, old.hash);
                }
            })
            .unwrap();
        let through = Sequence::new(4);
        let cut = Cut { through, hash: hash.unwrap(), keep, values: BTreeSet::new() };
        journal.prune(cut, Timestamp::UNIX_EPOCH, CycleNumber::new(9)).unwrap();
        (store, journal)
    }

    #[test]
    fn what_stays_of_a_pruned_journal_still_verifies() {
        let (store, mut journal) = pruned();
        journal.append(entry("g")).unwrap();
        let (good, bad) = read(&store);
        assert_eq!(bad, []);
        assert_eq!(good.iter().map(|r| r.sequence.get()).collect::<Vec<_>>(), [2, 5, 6, 7, 8]);
        let again = Journal::open(Arc::new(store), |_| ()).unwrap();
        assert_eq!((again.head(), again.pruned()), (journal.head(), Sequence::new(4)));
        assert_eq!((again.id(), again.id().is_some()), (journal.id(), true));
    }

    #[test]
    fn a_journal_is_named_by_its_first_record() {
        let (store, journal) = three();
        let empty = Journal::open(Arc::new(MemoryStore::new()), |_| ()).unwrap();
        assert_eq!(empty.id(), None);
        let again = Journal::open(Arc::new(store), |_| ()).unwrap();
        assert_eq!((again.id(), again.id().is_some()), (journal.id(), true));
        let other = Journal::open(Arc::new(MemoryStore::new()), |_| ()).unwrap();
        let mut other = other;
        other.append(entry("z")).unwrap();
        assert_ne!(other.id(), journal.id());
    }

    #[test]
    fn whatever_happens_to_a_pruned_journal_is_found() {
        let says = |spoil: &dyn Fn(&MemoryStore)| {
            let (store, _) = pruned();
            spoil(&store);
            let (good, bad) = read(&store);
            assert!(good.len() >= 2, "the rest is read all the same");
            let bad: Vec<_> = bad.into_iter().map(|it| (it.sequence.get(), it.reason)).collect();
            assert_eq!(bad.len(), 1, "{bad:?}");
            bad[0].clone()
        };
        let flip = |at: u64| {
            move |store: &MemoryStore| {
                assert!(store.corrupt(Sequence::new(at), |bytes| bytes[70] ^= 1));
            }
        };
        assert_eq!(says(&flip(2)).0, 2);
        assert_eq!(says(&flip(5)).0, 5);
        // Another record of the same number, in itself as it should be.
        let foreign = |store: &MemoryStore| {
            let mut other = Journal::open(Arc::new(MemoryStore::new()), |_| ()).unwrap();
            other.append(entry("x")).unwrap();
            other.append(entry("y")).unwrap();
            let bytes = other.store().read(Sequence::new(1), 1).unwrap().remove(0).bytes;
            store.corrupt(Sequence::new(2), |old| *old = bytes);
        };
        let (at, reason) = says(&foreign);
        assert!(reason.starts_with("it is not the record that was kept: "), "{reason}");
        assert_eq!(at, 2);
    }

    #[test]
    fn what_was_kept_and_is_not_there_is_missed() {
        let (store, mut journal) = pruned();
        let hash = ContentHash::of(b"somebody took it away");
        let keep = BTreeMap::from([(Sequence::new(1), hash)]);
        let cut = Cut { through: Sequence::new(4), hash, keep, values: BTreeSet::new() };
        journal.prune(cut, Timestamp::UNIX_EPOCH, CycleNumber::new(9)).unwrap();
        let (_, bad) = read(&store);
        assert_eq!((bad[0].sequence.get(), &*bad[0].reason), (1, "it was kept, and is not there"));
    }

    #[test]
    fn without_its_checkpoint_a_pruned_journal_says_what_it_does_not_know() {
        let (store, journal) = pruned();
        let head = journal.head();
        assert!(store.corrupt(head, |bytes| bytes[70] ^= 1));
        let (good, bad) = read(&store);
        assert_eq!(good.iter().map(|r| r.sequence.get()).collect::<Vec<_>>(), [2, 5, 6]);
        let at: Vec<_> = bad.iter().map(|it| it.sequence.get()).collect();
        assert_eq!(at, [5, 7], "{bad:?}");
    }

    #[test]
    fn values_are_kept_by_their_content() {
        let (_, journal) = three();
        let hash = journal.put(&vec![1, 2]).unwrap();
        assert_eq!(journal.get::<Vec<i32>>(&hash).unwrap(), Some(vec![1, 2]));
        assert!(journal.get::<String>(&hash).is_err());
        assert_eq!(journal.get::<String>(&ContentHash::of(b"")).unwrap(), None);
    }
}
