//! What is on the disk, as against what was only written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Of each file what has been flushed, in a directory beside it; and in memory what has been done since.
pub(crate) struct Flushed {
    directory: PathBuf,
    since: BTreeMap<PathBuf, Vec<Change>>,
    /// Logs that were opened and not flushed since.
    opened: BTreeSet<PathBuf>,
    /// Files that were deleted since the directory was flushed.
    deleted: BTreeSet<PathBuf>,
}

/// What was done to a file and is not flushed.
enum Change {
    /// The file is another one than what was flushed under its name.
    Made,
    Written {
        offset: u64,
        bytes: Vec<u8>,
    },
    Cut {
        length: u64,
    },
}

impl Flushed {
    pub(crate) fn of(live: &Path, directory: &Path) -> io::Result<Self> {
        let is_new = !directory.is_dir();
        fs::create_dir_all(directory)?;
        let mut flushed = Self {
            directory: directory.to_owned(),
            since: BTreeMap::new(),
            opened: BTreeSet::new(),
            deleted: BTreeSet::new(),
        };
        for file in files(live)? {
            let (here, there) = (fs::read(&file)?, flushed.place(&file));
            if is_new {
                fs::write(there, here)?;
            } else if fs::read(&there).ok().as_ref() != Some(&here) {
                // Of a process that was killed: the system has it still, and flushes it with whatever comes next.
                let length = here.len() as u64;
                flushed.change(&file, Change::Written { offset: 0, bytes: here });
                flushed.change(&file, Change::Cut { length });
            }
        }
        Ok(flushed)
    }

    pub(crate) fn opened(&mut self, file: &Path, was_there: bool, creates: bool) {
        if !was_there {
            self.change(file, Change::Made);
        }
        // The first flush of a log that may be new flushes the directory, too (`UNIXFILE_DIRSYNC` in SQLite's
        // `os_unix.c`).
        if creates && is_log(file) {
            self.opened.insert(file.to_owned());
        }
    }

    pub(crate) fn written(&mut self, file: &Path, offset: u64, bytes: &[u8]) {
        self.change(file, Change::Written { offset, bytes: bytes.to_owned() });
    }

    pub(crate) fn cut(&mut self, file: &Path, length: u64) {
        self.change(file, Change::Cut { length });
    }

    /// Nothing of it will ever be flushed, unless it is written again.
    pub(crate) fn failed(&mut self, file: &Path) {
        if let Some(since) = self.since.get_mut(file) {
            // That it is another file is in the directory, and not lost with what it holds.
            since.retain(|change| matches!(change, Change::Made));
        }
    }

    /// All of it is on the disk now.
    ///
    /// # Panics
    ///
    /// If the directory beside it cannot be written: then nothing that is said of this disk is true any more.
    pub(crate) fn flushed(&mut self, file: &Path) {
        let place = self.place(file);
        let changes = self.since.remove(file).unwrap_or_default();
        apply(&place, changes).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        self.deleted.remove(file);
        if self.opened.remove(file) {
            self.flush_the_directory();
        }
    }

    /// It is gone. Until the directory is flushed, a power cut may bring it back as it was flushed.
    ///
    /// # Panics
    ///
    /// As [`flushed`](Self::flushed).
    pub(crate) fn deleted(&mut self, file: &Path, and_flushed: bool) {
        self.since.remove(file);
        self.opened.remove(file);
        self.deleted.insert(file.to_owned());
        if and_flushed {
            self.flush_the_directory();
        }
    }

    fn flush_the_directory(&mut self) {
        for file in std::mem::take(&mut self.deleted) {
            let place = self.place(&file);
            gone(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        }
    }

    fn change(&mut self, file: &Path, change: Change) {
        self.since.entry(file.to_owned()).or_default().push(change);
    }

    fn place(&self, file: &Path) -> PathBuf {
        self.directory.join(file.file_name().unwrap_or_default())
    }
}

fn apply(place: &Path, changes: Vec<Change>) -> io::Result<()> {
    let open = |fresh| fs::OpenOptions::new().create(true).write(true).truncate(fresh).open(place);
    let mut file = open(false)?;
    for change in changes {
        match change {
            Change::Made => file = open(true)?,
            Change::Written { offset, bytes } => file.write_all_at(&bytes, offset)?,
            Change::Cut { length } => file.set_len(length)?,
        }
    }
    Ok(())
}

/// Takes the power away from files that nobody has open: in `live` there is afterwards what `flushed` has, and of
/// what was written since whatever the `seed` says, sector by sector.
///
/// ```
/// use mapek_disk::{Disk, cut_the_power};
/// use mapek_store::{SqliteStore, Store};
///
/// let (live, flushed) = (tempfile::tempdir()?, tempfile::tempdir()?);
/// let disk = Disk::of(live.path())?.remembering(flushed.path())?;
/// let journal = live.path().join("journal.db");
/// let store = SqliteStore::open(&journal)?;
/// let epoch = store.raise_epoch()?;
/// let head = store.append(epoch, store.head()?, &[b"kept".to_vec()])?;
/// drop((store, disk));
///
/// cut_the_power(live.path(), flushed.path(), 7)?;
/// assert_eq!(SqliteStore::open(&journal)?.head()?, head);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If a file cannot be read or written.
pub fn cut_the_power(live: &Path, flushed: &Path, seed: u64) -> io::Result<()> {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut names = names(live)?;
    names.extend(self::names(flushed)?);
    names.sort();
    names.dedup();
    for name in names {
        let (here, there) = (live.join(&name), flushed.join(&name));
        let written = read(&here)?;
        let kept = read(&there)?;
        match left(&mut chance, written, kept) {
            Some(bytes) => {
                fs::write(&here, &bytes)?;
                fs::write(&there, &bytes)?;
            }
            None => [here, there].iter().try_for_each(|file| gone(file))?,
        }
    }
    // Memory.
    for file in fs::read_dir(live)? {
        let file = file?.path();
        if file.to_string_lossy().ends_with("-shm") {
            gone(&file)?;
        }
    }
    Ok(())
}

/// What is left of a file that was written so, and of which so much had been flushed.
fn left(
    chance: &mut ChaCha8Rng,
    written: Option<Vec<u8>>,
    kept: Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let (written, kept) = match (written, kept) {
        // Neither that it was made nor that it was deleted need be on the disk.
        (None, kept) => return kept.filter(|_| chance.random()),
        (Some(_), None) if chance.random() => return None,
        (Some(written), kept) => (written, kept.unwrap_or_default()),
    };
    // None, all, or some of it: each often enough.
    let share = [0.0, 0.5, 1.0][chance.random_range(0..3)];
    let length = if chance.random_bool(share) { written.len() } else { kept.len() };
    let mut bytes = kept;
    bytes.resize(length, 0);
    for (sector, newer) in bytes.chunks_mut(SECTOR).zip(written.chunks(SECTOR)) {
        if chance.random_bool(share) {
            let both = sector.len().min(newer.len());
            sector[..both].copy_from_slice(&newer[..both]);
        }
    }
    Some(bytes)
}

fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn gone(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether it is beside a database, for the time that something is written into that.
fn is_log(file: &Path) -> bool {
    let name = file.to_string_lossy();
    name.ends_with("-wal") || name.ends_with("-journal")
}

/// The names of the files of SQLite in a directory.
fn names(directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let named = |file: PathBuf| file.file_name().map(ToOwned::to_owned);
    Ok(files(directory)?.into_iter().filter_map(named).collect())
}

fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for file in fs::read_dir(directory)? {
        let file = file?.path();
        if is_log(&file) || file.extension().is_some_and(|it| it == "db") {
            files.push(file);
        }
    }
    Ok(files)
}
