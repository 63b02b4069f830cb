//! The log of the journal on a disk that fails at each operation in turn, or loses the power there.
#![expect(clippy::unwrap_used, reason = "what fails in the helpers fails the test")]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    task::{Context, Waker},
};

use mapek_disk::{Disk, Fate, What, cut_the_power};
use mapek_model::{Epoch, Sequence};
use mapek_store::{Database, Error, Pruning, Schema, SqliteStore, Store, rusqlite};

/// Records that are appended one after the other.
const APPENDS: u64 = 8;

/// Pages that SQLite keeps in memory.
const CACHE: i64 = 4;

/// A record. Each fifth is larger than what is kept in memory, so that some of it is written before its commit.
fn record(number: u64) -> Vec<u8> {
    let length = if number.is_multiple_of(5) { 40_000 } else { 300 };
    let mut bytes = vec![number as u8; length];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// What was answered for, and what is left to see.
#[derive(Debug, Default)]
struct Told {
    /// How far the log was said to go.
    head: Sequence,
    /// The highest epoch that was answered for.
    epoch: Epoch,
    errors: Vec<Error>,
}

/// Opens the log, appends to it, prunes it and closes it, as far as it can.
fn live(path: &Path, told: &mut Told) {
    match SqliteStore::open(path) {
        Ok(store) => work(&store, told),
        Err(error) => told.errors.push(error),
    }
}

/// Appends to the log and prunes it, as far as it can.
fn work(store: &SqliteStore, told: &mut Told) {
    store.database().call(|it| it.pragma_update(None, "cache_size", CACHE)).unwrap();
    let epoch = match store.raise_epoch() {
        Ok(epoch) => epoch,
        Err(error) => return told.errors.push(error),
    };
    assert!(epoch > told.epoch, "an epoch was begun twice");
    told.epoch = epoch;
    let Ok(mut head) = store.head().map_err(|error| told.errors.push(error)) else { return };
    assert!(head >= told.head, "{head} is there, and {} was answered for", told.head);
    // Twice as often as there is something to append: what failed is tried once more.
    for _ in 0..2 * APPENDS {
        if head.get() >= APPENDS {
            break;
        }
        match store.append(epoch, head, &[record(head.get() + 1)]) {
            Ok(now) => {
                (head, told.head) = (now, now);
            }
            Err(Error::WrongSequence { head: now, .. }) => head = now,
            Err(error) => {
                told.errors.push(error);
                // As the journal does behind an error: it looks how far the log goes.
                head = store.head().unwrap_or(head);
            }
        }
    }
    if head.get() == APPENDS {
        let keep = [Sequence::new(2)].into();
        let pruning = Pruning { through: Sequence::new(4), keep, blobs: [].into() };
        match store.prune(epoch, head, &record(APPENDS + 1), &pruning) {
            Ok(now) => told.head = now,
            Err(error) => told.errors.push(error),
        }
    }
}

/// What the log has is what was appended, without a hole but what was pruned, at least as far as it was answered for.
fn look(path: &Path, told: &Told) {
    let store = SqliteStore::open(path).unwrap();
    let head = store.head().unwrap();
    assert!(head >= told.head, "{head} is there, and {} was answered for", told.head);
    let pruned = store.pruned().unwrap();
    let records = store.read(Sequence::new(0), 100).unwrap();
    let numbers: Vec<_> = records.iter().map(|it| it.sequence.get()).collect();
    let all: Vec<_> =
        (1..=head.get()).filter(|it| *it == 2 || *it > pruned.through.get()).collect();
    assert_eq!(numbers, all);
    for it in &records {
        assert!(it.bytes == record(it.sequence.get()), "record {} is another", it.sequence);
    }
    assert!(store.epoch().unwrap() >= told.epoch);
    let sound: String = store
        .database()
        .call(|it| it.query_row("PRAGMA integrity_check", (), |row| row.get(0)))
        .unwrap();
    assert_eq!(sound, "ok");
}

/// A disk of one case.
struct Case {
    directory: tempfile::TempDir,
    flushed: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        // A disk in memory loses as much as another, and is faster.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let [directory, flushed] = [(); 2].map(|()| tempfile::tempdir_in(&place).unwrap());
        // Then what there is counts as flushed, and there is nothing.
        std::fs::remove_dir(flushed.path()).unwrap();
        Self { directory, flushed }
    }

    fn disk(&self) -> Disk {
        Disk::of(self.directory.path()).unwrap().remembering(self.flushed.path()).unwrap()
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("journal.db")
    }

    fn cut(&self, seed: u64) {
        cut_the_power(self.directory.path(), self.flushed.path(), seed).unwrap();
    }
}

/// Every operation of a life without trouble, and with which of them the closing begins.
fn operations() -> (Vec<What>, usize) {
    let case = Case::new();
    let disk = case.disk();
    let seen = Arc::new(Mutex::new(Vec::new()));
    disk.judge({
        let seen = Arc::clone(&seen);
        move |operation| {
            seen.lock().unwrap().push(operation.what);
            Fate::Done
        }
    });
    let mut told = Told::default();
    let store = SqliteStore::open(case.path()).unwrap();
    work(&store, &mut told);
    let closing = seen.lock().unwrap().len();
    drop((store, disk));
    assert!(told.errors.is_empty(), "{:?}", told.errors);
    look(&case.path(), &told);
    (Arc::into_inner(seen).unwrap().into_inner().unwrap(), closing)
}

#[test]
fn whatever_fails_nothing_is_lost_that_was_answered_for() {
    let (operations, closing) = operations();
    for what in [What::Write, What::Sync, What::Truncate, What::Grow, What::Delete, What::Open] {
        assert!(operations.contains(&what), "nothing was tried that does `{what}`");
    }
    let mut tried = 0;
    for (nth, what) in (0..).zip(&operations) {
        let troubles: &[_] = match what {
            What::Read => &[(Fate::Fails, 1)],
            What::Write => {
                &[(Fate::Fails, 1), (Fate::Torn, 1), (Fate::Full, 3), (Fate::Full, usize::MAX)]
            }
            _ => &[(Fate::Fails, 1), (Fate::Fails, 3), (Fate::Fails, usize::MAX)],
        };
        for (fate, lasts) in troubles {
            tried += 1;
            let is_told = fails(nth, *fate, *lasts, tried);
            // Who closes has asked for nothing more.
            assert_eq!(is_told, nth < closing, "{what} {nth}, {fate:?} {lasts} times");
        }
    }
}

/// A life in which so many operations fail from the `nth` on, then one without trouble. Answers whether somebody was
/// told.
fn fails(nth: usize, fate: Fate, lasts: usize, seed: u64) -> bool {
    let case = Case::new();
    let disk = case.disk();
    let count = AtomicUsize::new(0);
    disk.judge(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let in_trouble = (nth..nth.saturating_add(lasts)).contains(&number);
        if in_trouble { fate } else { Fate::Done }
    });
    let mut told = Told::default();
    live(&case.path(), &mut told);
    for error in &told.errors {
        let text = error.to_string();
        assert!(text.contains("journal.db"), "{text}");
        assert!(!matches!(error, Error::Full { .. }) || fate == Fate::Full, "{text}");
    }
    disk.judge(|_| Fate::Done);
    drop(disk);
    // And every other time the machine goes down behind it.
    if seed.is_multiple_of(2) {
        case.cut(seed);
    }
    look(&case.path(), &told);
    let noticed = !told.errors.is_empty();
    told.errors.clear();
    live(&case.path(), &mut told);
    assert!(told.errors.is_empty(), "{:?}", told.errors);
    look(&case.path(), &told);
    noticed
}

/// Who shares a commit shares its end, and a write that fails in the middle of it takes back what others of the group
/// had done before.
#[test]
fn of_those_who_share_a_commit_who_was_answered_is_there() {
    const NOTES: Schema =
        Schema::new("notes", &["CREATE TABLE notes (number INTEGER, text BLOB) STRICT;"]);
    let undisturbed = Case::new();
    let database = Database::open(undisturbed.path(), NOTES).unwrap();
    let before = database.commits();
    assert_eq!((share_a_commit(&database).len(), database.commits() - before), (6, 1));
    let (mut refused, mut kept) = (0, 0);
    for nth in (0..200).step_by(5) {
        for fate in [Fate::Fails, Fate::Full] {
            let case = Case::new();
            let disk = case.disk();
            let database = Database::open(case.path(), NOTES).unwrap();
            database.call(|it| it.pragma_update(None, "cache_size", CACHE)).unwrap();
            let count = AtomicUsize::new(0);
            disk.judge(move |operation| {
                let is_it =
                    operation.what != What::Read && count.fetch_add(1, Ordering::Relaxed) == nth;
                if is_it { fate } else { Fate::Done }
            });
            let answered = share_a_commit(&database);
            disk.judge(|_| Fate::Done);
            drop(database);
            drop(disk);
            case.cut(nth as u64);
            let database = Database::open(case.path(), NOTES).unwrap();
            let there: BTreeSet<u32> = database
                .call(|it| {
                    let mut all = it.prepare("SELECT number FROM notes")?;
                    let numbers = all.query_map((), |row| row.get(0))?;
                    numbers.collect()
                })
                .unwrap();
            let lost: Vec<_> = answered.difference(&there).collect();
            assert!(lost.is_empty(), "{fate:?} at {nth}: {lost:?} of {answered:?} are gone");
            refused += usize::from(answered.is_empty());
            kept += answered.len();
        }
    }
    assert!(refused > 0 && kept > 0, "{refused} groups were refused, {kept} notes kept");
}

/// Six that wait together, large and small in turn. Answers whose notes were answered for.
fn share_a_commit(database: &Database) -> BTreeSet<u32> {
    let (release, held) = sync_channel::<()>(0);
    let (reached, holds) = sync_channel(0);
    let mut holder = pin!(database.submit(move |_| {
        reached.send(()).ok();
        held.recv().ok();
        Ok::<(), rusqlite::Error>(())
    }));
    let mut sent = Context::from_waker(Waker::noop());
    assert!(holder.as_mut().poll(&mut sent).is_pending());
    holds.recv().unwrap();
    let insert = |number: u32| {
        let text = vec![0_u8; if number.is_multiple_of(2) { 40_000 } else { 10 }];
        database.submit(move |it| it.execute("INSERT INTO notes VALUES (?1, ?2)", (number, text)))
    };
    let mut waiting: Vec<_> = (0..6).map(|number| (number, Box::pin(insert(number)))).collect();
    // The first look at each hands it in.
    assert!(waiting.iter_mut().all(|(_, it)| it.as_mut().poll(&mut sent).is_pending()));
    drop(release);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        holder.await.ok();
        let mut answered = BTreeSet::new();
        for (number, told) in waiting {
            answered.extend(told.await.ok().map(|_| number));
        }
        answered
    })
}

/// The power goes before each operation in turn: what has come over the lips of the log by then is there.
#[test]
fn wherever_the_power_is_cut_nothing_is_lost_that_was_answered_for() {
    for nth in 0..operations().0.len() {
        for seed in 0..2 {
            let case = Case::new();
            let disk = case.disk();
            let count = AtomicUsize::new(0);
            // Behind the cut nothing reaches the disk any more: all of it fails.
            disk.judge(move |_| {
                let is_off = count.fetch_add(1, Ordering::Relaxed) >= nth;
                if is_off { Fate::Fails } else { Fate::Done }
            });
            let mut told = Told::default();
            live(&case.path(), &mut told);
            drop(disk);
            case.cut(seed * 1000 + nth as u64);
            look(&case.path(), &told);
            // The same disk, after the power is back, is as good as another.
            let disk = case.disk();
            live(&case.path(), &mut told);
            look(&case.path(), &told);
            drop(disk);
        }
    }
}
