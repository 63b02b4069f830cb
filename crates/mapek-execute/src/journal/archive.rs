//! The journal, for whoever looks back beside a running loop.

use std::sync::Arc;

use mapek_model::{ContentHash, CycleNumber, Sequence, Timestamp};
use mapek_store::Store;
use serde::de::DeserializeOwned;

use super::{PAGE, Record, codec};
use crate::Error;

/// Records that are tried one after the other for one that can be trusted, where the search steps on bad ones.
const BAD_MAX: usize = 64;

/// What a journal keeps of what is long over. It only reads, and never waits for whoever writes; clones share it.
///
/// Each record vouches for itself here; what cannot be trusted is passed over. Whether records are missing is for
/// [`scan`](crate::scan) to say. A beginning is looked for by halving: where the clock was set back, it may be found too late.
///
/// ```
/// use std::sync::Arc;
///
/// use mapek_execute::Archive;
/// use mapek_model::{CycleNumber, Timestamp};
///
/// let archive = Archive::new(Arc::new(mapek_store::MemoryStore::new()));
/// assert!(archive.cycle(CycleNumber::new(7))?.is_empty());
/// archive.since(Timestamp::UNIX_EPOCH, |_| panic!("nothing was recorded"))?;
/// # Ok::<(), mapek_execute::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Archive {
    store: Arc<dyn Store>,
}

impl Archive {
    /// What is in this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The records from `since` on, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails.
    pub fn since(&self, since: Timestamp, mut visit: impl FnMut(Record)) -> Result<(), Error> {
        let begin = self.behind(|record| record.at < since)?;
        self.follow(begin, |record| {
            visit(record);
            true
        })
    }

    /// The records of one cycle, in order: what it was worked out from, what it decided and what was done; nothing if the journal
    /// does not have it.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails.
    pub fn cycle(&self, number: CycleNumber) -> Result<Vec<Record>, Error> {
        let begin = self.behind(|record| record.cycle < number)?;
        let mut records = Vec::new();
        self.follow(begin, |record| {
            let within = record.cycle == number;
            records.extend(Some(record).filter(|_| within));
            within
        })?;
        Ok(records)
    }

    /// The value that was kept under `hash`, if it still is.
    ///
    /// # Errors
    ///
    /// [`Error::Journal`] if the store fails, [`Error::Json`] if it is another type.
    pub fn kept<T: DeserializeOwned>(&self, hash: &ContentHash) -> Result<Option<T>, Error> {
        let bytes = self.store.blob(hash).map_err(Error::journal("reading a kept value"))?;
        let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes);
        bytes.map(|bytes| read(bytes).map_err(Error::json("a kept value"))).transpose()
    }

    /// The last place up to which all records are early.
    fn behind(&self, early: impl Fn(&Record) -> bool) -> Result<Sequence, Error> {
        let head = self.store.head().map_err(Error::journal("reading the journal's head"))?;
        let (mut low, mut high) = (0, head.get());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.next(Sequence::new(middle))? {
                Some(record) if early(&record) => low = record.sequence.get().min(high),
                _ => high = middle,
            }
        }
        Ok(Sequence::new(low))
    }

    /// The first record behind `after` that can be trusted, unless there are too many bad ones before it.
    fn next(&self, after: Sequence) -> Result<Option<Record>, Error> {
        let first = self.store.read(after, 1).map_err(Error::journal("reading the journal"))?;
        let found = first.first().and_then(|stored| codec::decode(stored).ok());
        if found.is_some() || first.is_empty() {
            return Ok(found.map(|(record, _)| record));
        }
        let more =
            self.store.read(after, BAD_MAX).map_err(Error::journal("reading the journal"))?;
        Ok(more.iter().find_map(|stored| Some(codec::decode(stored).ok()?.0)))
    }

    /// Reads on behind `after`, until `visit` says that it is enough.
    fn follow(
        &self,
        mut after: Sequence,
        mut visit: impl FnMut(Record) -> bool,
    ) -> Result<(), Error> {
        loop {
            let page =
                self.store.read(after, PAGE).map_err(Error::journal("reading the journal"))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.sequence;
            for stored in &page {
                let Ok((record, _)) = codec::decode(stored) else { continue };
                if !visit(record) {
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mapek_model::later;
    use mapek_store::MemoryStore;

    use super::*;
    use crate::{Body, Entry, Journal};

    fn at(number: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, std::time::Duration::from_secs(number * 30))
    }

    /// Three records for each of so many cycles.
    fn journal(cycles: u64) -> MemoryStore {
        let store = MemoryStore::new();
        let mut journal = Journal::open(Arc::new(store.clone()), |_| ()).unwrap();
        for number in 1..=cycles {
            for reason in ["a", "b", "c"] {
                let (by, reason) = ("ada".to_owned(), reason.to_owned());
                let body = Body::Latch { paused: true, by, reason };
                let cycle = CycleNumber::new(number);
                journal.append(Entry { target: None, at: at(number), cycle, body }).unwrap();
            }
        }
        store
    }

    fn since(archive: &Archive, from: Timestamp) -> Vec<u64> {
        let mut found = Vec::new();
        archive.since(from, |record| found.push(record.sequence.get())).unwrap();
        found
    }

    #[test]
    fn every_beginning_is_found() {
        for cycles in [0, 1, 2, 7] {
            let archive = Archive::new(Arc::new(journal(cycles)));
            for number in 0..=cycles + 1 {
                let expected: Vec<_> =
                    (1..=cycles * 3).filter(|it| it.div_ceil(3) >= number).collect();
                assert_eq!(since(&archive, at(number)), expected, "{number} of {cycles}");
                let found = archive.cycle(CycleNumber::new(number)).unwrap();
                let found: Vec<_> = found.iter().map(|it| it.sequence.get()).collect();
                let own = expected.iter().copied().filter(|it| it.div_ceil(3) == number);
                assert_eq!(found, own.collect::<Vec<_>>(), "{number} of {cycles}");
            }
        }
    }

    #[test]
    fn what_is_bad_is_passed_over() {
        let store = journal(6);
        for bad in [7, 8, 9, 14] {
            assert!(store.corrupt(Sequence::new(bad), |bytes| bytes[70] ^= 1));
        }
        let archive = Archive::new(Arc::new(store));
        assert_eq!(since(&archive, at(3)), [10, 11, 12, 13, 15, 16, 17, 18]);
        assert!(archive.cycle(CycleNumber::new(3)).unwrap().is_empty());
        assert_eq!(archive.cycle(CycleNumber::new(5)).unwrap().len(), 2);
    }
}
