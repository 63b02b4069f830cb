//! The store in memory, faulty on demand.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mapek_model::{ContentHash, Epoch, Sequence};

use crate::{
    Error, Pruned, Pruning, Store, Stored,
    store::{check_blob, check_pruning, check_records, check_turn},
};

/// What is to go wrong with an append, or a pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The medium fails and nothing is written.
    Refuse,
    /// There is no room left; nothing is written.
    Full,
    /// All is written, but the answer is an error: as if the process had died before it heard.
    Unanswered,
    /// A medium that lies about being atomic: of the last record only the first half is written, nothing is pruned, and the
    /// answer is an error.
    Torn,
}

/// A log in memory. Clones share it, as two handles on one disk would; [`fork`](Self::fork) copies it.
///
/// ```
/// use mapek_model::Sequence;
/// use mapek_store::{Fault, MemoryStore, Store};
///
/// let store = MemoryStore::new();
/// let epoch = store.raise_epoch()?;
/// store.fail_append(2, Fault::Full);
/// let head = store.append(epoch, Sequence::new(0), &[b"fits".to_vec()])?;
/// assert!(store.append(epoch, head, &[b"does not".to_vec()]).is_err());
/// assert_eq!(store.append(epoch, head, &[b"fits again".to_vec()])?, Sequence::new(2));
/// # Ok::<(), mapek_store::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Clone, Default)]
struct Disk {
    records: Vec<Stored>,
    blobs: BTreeMap<ContentHash, Vec<u8>>,
    epoch: Epoch,
    appends: u64,
    faults: BTreeMap<u64, Fault>,
    pruned: Pruned,
}

impl MemoryStore {
    /// An empty log in epoch 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the `nth` append from now fail; the next one is 1. A pruning counts as one: it appends its checkpoint.
    pub fn fail_append(&self, nth: u64, fault: Fault) {
        let mut disk = self.disk();
        let at = disk.appends.saturating_add(nth);
        disk.faults.insert(at, fault);
    }

    /// How many appends were tried.
    #[must_use]
    pub fn appends(&self) -> u64 {
        self.disk().appends
    }

    /// A disk of its own with the records up to and including `through`, and all blobs: what a crash at that moment
    /// leaves behind, unless it was pruned since. Faults that have not struck yet are not copied.
    #[must_use]
    pub fn fork(&self, through: Sequence) -> Self {
        let mut disk = self.disk().clone();
        disk.records.retain(|record| record.sequence <= through);
        disk.faults.clear();
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Overwrites a record behind everybody's back, as a failing disk would; answers whether there is such a record.
    pub fn corrupt(&self, sequence: Sequence, change: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.disk()
            .records
            .iter_mut()
            .find(|record| record.sequence == sequence)
            .map(|record| change(&mut record.bytes))
            .is_some()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // Nothing panics between two changes that belong together.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn head(&self) -> Sequence {
        self.records.last().map(|record| record.sequence).unwrap_or_default()
    }

    fn write(&mut self, epoch: Epoch, records: &[Vec<u8>]) {
        for bytes in records {
            let sequence = self.head().next();
            self.records.push(Stored { sequence, epoch, bytes: bytes.clone() });
        }
    }

    /// Whether it is this one's turn, and whether a fault strikes it.
    fn turn(&mut self, epoch: Epoch, expected: Sequence) -> Result<Option<Fault>, Error> {
        check_turn((epoch, self.epoch), (expected, self.head()))?;
        self.appends += 1;
        let turn = self.appends;
        Ok(self.faults.remove(&turn))
    }

    fn prune(&mut self, pruning: &Pruning) {
        let Pruning { through, keep, blobs } = pruning;
        let stays = |at: Sequence| at > *through || keep.contains(&at);
        self.records.retain(|record| stays(record.sequence));
        self.blobs.retain(|hash, _| !blobs.contains(hash));
        let through = self.pruned.through.max(*through);
        self.pruned = Pruned { through, checkpoint: self.head() };
    }

    fn suffer(
        &mut self,
        fault: Fault,
        epoch: Epoch,
        records: &[Vec<u8>],
        pruning: Option<&Pruning>,
    ) -> Error {
        let error = match fault {
            Fault::Full => return Error::full("the log in memory"),
            Fault::Refuse => "refused by an injected fault",
            Fault::Unanswered => {
                self.write(epoch, records);
                pruning.into_iter().for_each(|it| self.prune(it));
                "written, but not answered, by an injected fault"
            }
            Fault::Torn => {
                self.write(epoch, records);
                if let Some(last) = self.records.last_mut() {
                    last.bytes.truncate(last.bytes.len() / 2);
                }
                "torn by an injected fault"
            }
        };
        Error::backend("appending to the log in memory", error)
    }
}

impl Store for MemoryStore {
    fn head(&self) -> Result<Sequence, Error> {
        Ok(self.disk().head())
    }

    fn epoch(&self) -> Result<Epoch, Error> {
        Ok(self.disk().epoch)
    }

    fn raise_epoch(&self) -> Result<Epoch, Error> {
        let mut disk = self.disk();
        disk.epoch = disk.epoch.next();
        Ok(disk.epoch)
    }

    fn append(
        &self,
        epoch: Epoch,
        expected: Sequence,
        records: &[Vec<u8>],
    ) -> Result<Sequence, Error> {
        check_records(records)?;
        let mut disk = self.disk();
        if let Some(fault) = disk.turn(epoch, expected)? {
            return Err(disk.suffer(fault, epoch, records, None));
        }
        disk.write(epoch, records);
        Ok(disk.head())
    }

    fn read(&self, after: Sequence, limit: usize) -> Result<Vec<Stored>, Error> {
        let disk = self.disk();
        let from = disk.records.partition_point(|record| record.sequence <= after);
        Ok(disk.records.iter().skip(from).take(limit).cloned().collect())
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<ContentHash, Error> {
        check_blob(bytes)?;
        let hash = ContentHash::of(bytes);
        self.disk().blobs.entry(hash).or_insert_with(|| bytes.to_vec());
        Ok(hash)
    }

    fn blob(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.disk().blobs.get(hash).cloned())
    }

    fn pruned(&self) -> Result<Pruned, Error> {
        Ok(self.disk().pruned)
    }

    fn prune(
        &self,
        epoch: Epoch,
        expected: Sequence,
        checkpoint: &[u8],
        pruning: &Pruning,
    ) -> Result<Sequence, Error> {
        check_pruning(checkpoint, pruning, expected)?;
        let records = [checkpoint.to_vec()];
        let mut disk = self.disk();
        if let Some(fault) = disk.turn(epoch, expected)? {
            return Err(disk.suffer(fault, epoch, &records, Some(pruning)));
        }
        disk.write(epoch, &records);
        disk.prune(pruning);
        Ok(disk.head())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Vec<Vec<u8>> {
        vec![text.as_bytes().to_vec()]
    }

    fn texts(store: &MemoryStore) -> Vec<String> {
        let all = store.read(Sequence::new(0), usize::MAX).unwrap();
        all.into_iter().map(|stored| String::from_utf8(stored.bytes).unwrap()).collect()
    }

    #[test]
    fn each_fault_leaves_what_it_says() {
        for (fault, left) in [
            (Fault::Refuse, vec![]),
            (Fault::Full, vec![]),
            (Fault::Unanswered, vec!["abcd"]),
            (Fault::Torn, vec!["ab"]),
        ] {
            let store = MemoryStore::new();
            store.fail_append(1, fault);
            let error = store.append(Epoch::new(0), Sequence::new(0), &one("abcd")).unwrap_err();
            assert!(error.is_transient(), "{error}");
            assert_eq!(texts(&store), left, "{fault:?}");
        }
    }

    #[test]
    fn a_pruning_suffers_as_an_append_does() {
        for (fault, left, through) in [
            (Fault::Refuse, vec!["abcd"], 0),
            (Fault::Full, vec!["abcd"], 0),
            (Fault::Unanswered, vec!["mark"], 1),
            (Fault::Torn, vec!["abcd", "ma"], 0),
        ] {
            let store = MemoryStore::new();
            let head = store.append(Epoch::new(0), Sequence::new(0), &one("abcd")).unwrap();
            store.fail_append(1, fault);
            let all = Pruning { through: head, ..Pruning::default() };
            store.prune(Epoch::new(0), head, b"mark", &all).unwrap_err();
            assert_eq!(texts(&store), left, "{fault:?}");
            assert_eq!(store.pruned().unwrap().through.get(), through, "{fault:?}");
            assert_eq!(store.appends(), 2, "those that failed are counted");
        }
    }

    #[test]
    fn one_record_is_spoilt_and_no_other() {
        let store = MemoryStore::new();
        store.append(Epoch::new(0), Sequence::new(0), &[one("a"), one("b")].concat()).unwrap();
        assert!(store.corrupt(Sequence::new(2), |bytes| bytes.push(b'!')));
        assert!(!store.corrupt(Sequence::new(3), |_| panic!("there is no such record")));
        assert_eq!(texts(&store), ["a", "b!"]);
    }

    #[test]
    fn a_fork_is_a_disk_of_its_own() {
        let store = MemoryStore::new();
        let mut head = Sequence::new(0);
        for text in ["a", "b", "c"] {
            head = store.append(Epoch::new(0), head, &one(text)).unwrap();
        }
        let fork = store.fork(Sequence::new(2));
        assert_eq!(texts(&fork), ["a", "b"]);
        fork.append(Epoch::new(0), Sequence::new(2), &one("d")).unwrap();
        assert_eq!(texts(&store), ["a", "b", "c"]);
    }
}
