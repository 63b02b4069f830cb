//! The disk below the journal: a store in memory that fails at every place where a disk can.

use std::{collections::BTreeMap, sync::Arc};

use mapek_model::{ContentHash, Epoch, Sequence};
use mapek_store::{Error, MemoryStore, Pruned, Pruning, Store, Stored};

use crate::{
    bug::Bug,
    script::Weather,
    world::{Inner, ProcessId, World},
};

/// What is on the disk.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) store: MemoryStore,
    /// Whether it answers before what it was given is durable.
    lies: bool,
    /// How much of it a crash leaves.
    durable: Sequence,
    /// What it was given and has not made durable.
    volatile: Vec<Vec<u8>>,
    /// The file of a process that does not know that it was replaced.
    unlinked: BTreeMap<ProcessId, MemoryStore>,
}

impl Disk {
    pub(crate) fn new(lies: bool) -> Self {
        Self {
            store: MemoryStore::new(),
            lies,
            durable: Sequence::default(),
            volatile: Vec::new(),
            unlinked: BTreeMap::new(),
        }
    }

    /// A crash of the machine: what was not durable is gone.
    pub(crate) fn crash(&mut self) {
        if self.lies {
            self.store = self.store.fork(self.durable);
            self.volatile.clear();
        }
    }
}

/// What happens to one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// EIO before anything was written.
    Refuse,
    /// ENOSPC.
    Full,
    /// EIO, or a failed fsync, after all was written.
    Unanswered,
    /// EIO in the middle of the last record.
    Torn,
    /// The process dies before it writes.
    DieBefore,
    /// The process dies before it hears.
    DieAfter,
}

/// One process's handle on the disk.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) world: Arc<World>,
    pub(crate) process: ProcessId,
}

fn io(doing: &str) -> Error {
    Error::backend(format!("{doing} (EIO)"), "an injected fault")
}

impl Handle {
    fn fate(&self, inner: &mut Inner) -> Fate {
        if inner.is_dead(self.process) {
            return Fate::Refuse;
        }
        let (calm, rates) = (inner.calm, &inner.script.rates);
        let (write, crash) = (rates.disk_write, rates.disk_crash);
        let disk = &mut inner.streams.disk;
        let (fails, dies, how) = (disk.chance(write), disk.chance(crash), disk.between(0, 3));
        let process_dies = [Fate::DieBefore, Fate::DieAfter];
        let fails_how = [Fate::Refuse, Fate::Full, Fate::Unanswered, Fate::Torn];
        let place = usize::try_from(how).unwrap_or(0);
        let unanswered = inner.script.rates.person_write;
        let person = inner.life(self.process).person;
        let unheard = person && inner.streams.moments.chance(unanswered);
        if calm {
            Fate::Fine
        } else if unheard {
            Fate::Unanswered
        } else if inner.has(Weather::DiskDead) {
            fails_how[place & 2]
        } else if inner.has(Weather::DiskFull) {
            Fate::Full
        } else if dies {
            process_dies[place & 1]
        } else if fails {
            fails_how[place]
        } else {
            Fate::Fine
        }
    }

    /// Writes, as fate has it. `write` does it, and answers what is on the disk then.
    fn write<T>(
        &self,
        what: &str,
        write: impl FnOnce(&mut Inner) -> Result<T, Error>,
        tear: impl FnOnce(&mut Inner),
    ) -> Result<T, Error> {
        let mut inner = self.world.lock();
        let fate = self.fate(&mut inner);
        let process = self.process;
        if fate != Fate::Fine {
            inner.tell(format_args!("p{process} disk {what}: {fate:?}"));
        }
        let failed = |inner: &mut Inner, error: Error| {
            let life = inner.life(process);
            if !life.person {
                life.write_errors += 1;
            }
            Err(error)
        };
        match fate {
            Fate::Fine => write(&mut inner),
            Fate::DieBefore => {
                inner.kill(process);
                Err(io(what))
            }
            Fate::DieAfter => {
                drop(write(&mut inner));
                inner.kill(process);
                Err(io(what))
            }
            Fate::Unanswered => match write(&mut inner) {
                Err(error) if !error.is_transient() => Err(error),
                _ => failed(&mut inner, io(what)),
            },
            Fate::Torn => {
                tear(&mut inner);
                failed(&mut inner, io(what))
            }
            Fate::Full => failed(&mut inner, Error::full("the journal")),
            Fate::Refuse => failed(&mut inner, io(what)),
        }
    }

    fn read<T>(
        &self,
        what: &str,
        read: impl Fn(&MemoryStore) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut inner = self.world.lock();
        let rate = inner.script.rates.disk_read;
        let fails = inner.streams.disk.chance(rate) && !inner.calm;
        if fails || inner.is_dead(self.process) {
            let process = self.process;
            inner.tell(format_args!("p{process} disk {what}: EIO"));
            return Err(io(what));
        }
        read(inner.disk.of(self.process))
    }
}

impl Disk {
    fn of(&self, process: ProcessId) -> &MemoryStore {
        self.unlinked.get(&process).unwrap_or(&self.store)
    }
}

impl Inner {
    /// What was appended is durable, unless the disk lies.
    fn wrote(&mut self, process: ProcessId, head: Sequence, records: &[Vec<u8>]) {
        if self.disk.unlinked.contains_key(&process) {
            return;
        }
        self.disk.volatile.extend_from_slice(records);
        // One that lies writes when it has something better to do.
        if !self.disk.lies || head.get().is_multiple_of(8) {
            self.disk.durable = head;
            let durable = std::mem::take(&mut self.disk.volatile);
            let (now, wall) = (self.now, self.wall());
            for bytes in &durable {
                self.check.durable(bytes, now, wall);
            }
        }
    }

    /// Puts half of the last record of a batch on the disk.
    fn tear(&mut self, process: ProcessId, epoch: Epoch, expected: Sequence, records: &[Vec<u8>]) {
        let store = self.disk.of(process).clone();
        let Ok(head) = store.append(epoch, expected, records) else { return };
        store.corrupt(head, |bytes| bytes.truncate(bytes.len() / 2));
        if !self.disk.unlinked.contains_key(&process) {
            self.disk.durable = head;
            self.check.torn += 1;
        }
    }
}

impl Store for Handle {
    fn head(&self) -> Result<Sequence, Error> {
        self.read("reading the head", Store::head)
    }

    fn epoch(&self) -> Result<Epoch, Error> {
        self.read("reading the epoch", Store::epoch)
    }

    fn raise_epoch(&self) -> Result<Epoch, Error> {
        self.write(
            "raising the epoch",
            |inner| {
                let epoch = inner.disk.store.raise_epoch()?;
                inner.check.epoch = epoch;
                Ok(epoch)
            },
            |_| (),
        )
    }

    fn append(
        &self,
        epoch: Epoch,
        expected: Sequence,
        records: &[Vec<u8>],
    ) -> Result<Sequence, Error> {
        let process = self.process;
        let appended = self.write(
            "appending",
            |inner| {
                let head = inner.disk.of(process).append(epoch, expected, records)?;
                inner.wrote(process, head, records);
                Ok(head)
            },
            |inner| inner.tear(process, epoch, expected, records),
        );
        match appended {
            Err(error)
                if error.is_transient()
                    && self.world.lock().bug == Some(Bug::SwallowsWriteErrors) =>
            {
                Ok(Sequence::new(expected.get() + records.len() as u64))
            }
            other => other,
        }
    }

    fn read(&self, after: Sequence, limit: usize) -> Result<Vec<Stored>, Error> {
        let forgets = self.world.lock().bug == Some(Bug::ForgetsPause);
        let mut found = Self::read(self, "reading", |store| store.read(after, limit))?;
        if forgets {
            // As if nobody had thought of the latch when the journal is read at start.
            found.retain(|stored| {
                let text = String::from_utf8_lossy(&stored.bytes);
                !text.contains(r#""body":"latch""#)
            });
        }
        Ok(found)
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<ContentHash, Error> {
        let process = self.process;
        self.write("keeping a value", |inner| inner.disk.of(process).put_blob(bytes), |_| ())
    }

    fn blob(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error> {
        Self::read(self, "reading a value", |store| store.blob(hash))
    }

    fn pruned(&self) -> Result<Pruned, Error> {
        Self::read(self, "reading how far it was pruned", Store::pruned)
    }

    fn prune(
        &self,
        epoch: Epoch,
        expected: Sequence,
        checkpoint: &[u8],
        pruning: &Pruning,
    ) -> Result<Sequence, Error> {
        let process = self.process;
        let records = [checkpoint.to_vec()];
        self.write(
            "pruning",
            |inner| {
                let head = inner.disk.of(process).prune(epoch, expected, checkpoint, pruning)?;
                inner.wrote(process, head, &records);
                Ok(head)
            },
            |inner| inner.tear(process, epoch, expected, &records),
        )
    }
}

impl Inner {
    /// With [`Bug::SplitBrain`], who is replaced goes on in a file of its own.
    pub(crate) fn split(&mut self, old: ProcessId) {
        if self.bug == Some(Bug::SplitBrain) {
            let fork = self.disk.store.fork(Sequence::new(u64::MAX));
            self.disk.unlinked.insert(old, fork);
        }
    }
}
