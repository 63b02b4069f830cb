//! The journal: what happened, in order, chained by hashes.
//!
//! Sequence, epoch and chain live here, above a [`Store`] that only keeps bytes, so that simulation runs the same logic on a
//! store in memory that fails on demand. A chain without an outside anchor shows accidents (a torn write, a lost record, a
//! flipped bit), not an owner who rewrites it from there to the end.

mod codec;
mod record;

use std::sync::Arc;

use mapek_model::{ContentHash, Epoch, Sequence};
use mapek_store::Store;
use serde::{Serialize, de::DeserializeOwned};

pub use record::{Body, CycleInputs, Entry, Proposed, Record};

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
        let (head, last) = scan(store.as_ref(), visit)?;
        Ok(Self { store, epoch, head, last })
    }

    /// Reads all that there is once more, in the same epoch: after an append that failed, only the store knows whether the
    /// record is there.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails; nothing has changed then.
    pub fn reread(&mut self, visit: impl FnMut(Result<Record, BadRecord>)) -> Result<(), Error> {
        (self.head, self.last) = scan(self.store.as_ref(), visit)?;
        Ok(())
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
        let record = Record {
            target: entry.target,
            epoch: self.epoch,
            sequence: self.head.next(),
            at: entry.at,
            cycle: entry.cycle,
            previous: self.last,
            body: entry.body,
        };
        let (bytes, digest) = codec::encode(&record)?;
        let head = self
            .store
            .append(self.epoch, self.head, &[bytes])
            .map_err(Error::journal("appending to the journal"))?;
        debug_assert_eq!(head, record.sequence);
        (self.head, self.last) = (head, digest);
        Ok(record)
    }

    /// Keeps a value beside the journal, and answers the hash that records name it by.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails, [`Error::Json`] if the value is no JSON.
    pub fn put<T: Serialize + ?Sized>(&self, value: &T) -> Result<ContentHash, Error> {
        let bytes =
            mapek_model::canonical_json(value).map_err(Error::json("a value to be kept"))?;
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
    mut visit: impl FnMut(Result<Record, BadRecord>),
) -> Result<(Sequence, ContentHash), Error> {
    let mut chain = codec::Chain::default();
    loop {
        let page = store.read(chain.head(), PAGE).map_err(Error::journal("reading the journal"))?;
        if page.is_empty() {
            return Ok((chain.head(), chain.last()));
        }
        page.iter().for_each(|stored| visit(chain.follow(stored)));
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

    #[test]
    fn values_are_kept_by_their_content() {
        let (_, journal) = three();
        let hash = journal.put(&vec![1, 2]).unwrap();
        assert_eq!(journal.get::<Vec<i32>>(&hash).unwrap(), Some(vec![1, 2]));
        assert!(journal.get::<String>(&hash).is_err());
        assert_eq!(journal.get::<String>(&ContentHash::of(b"")).unwrap(), None);
    }
}
