//! Which files are watched, and what becomes of each operation on them.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use crate::{flushed::Flushed, vfs};

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum What {
    /// It is opened, or made.
    Open,
    /// Bytes are read.
    Read,
    /// Bytes are written.
    Write,
    /// It is made shorter, or longer.
    Truncate,
    /// It is flushed (`fsync`).
    Sync,
    /// It is deleted.
    Delete,
    /// The index of its write-ahead log is made larger.
    Grow,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Open, Self::Read, Self::Write, Self::Truncate, Self::Sync, Self::Delete, Self::Grow];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Truncate => "truncate",
            Self::Sync => "sync",
            Self::Delete => "delete",
            Self::Grow => "grow",
        }
    }

    /// Whether it may want room that there is not: then [`Fate::Full`] can meet it.
    #[must_use]
    pub const fn wants_room(self) -> bool {
        matches!(self, Self::Write | Self::Grow)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One operation, before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation<'a> {
    /// The file, by its whole name.
    pub file: &'a Path,
    /// What is to be done to it.
    pub what: What,
}

impl<'a> Operation<'a> {
    /// This operation on that file.
    #[must_use]
    pub const fn new(file: &'a Path, what: What) -> Self {
        Self { file, what }
    }
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// It is done.
    Done,
    /// It fails (EIO), and nothing of it is done.
    Fails,
    /// A write fails in its middle: one half is there. What is no write fails as a whole.
    Torn,
    /// There is no room (ENOSPC). A flush, and what wants none, fails (EIO).
    Full,
}

/// Who says what becomes of an operation.
type Judge = Arc<dyn Fn(Operation<'_>) -> Fate + Send + Sync>;

/// A directory whose SQLite files are on this disk, until it is dropped.
///
/// Files that are open when it begins or ends stay what they were.
pub struct Disk {
    directory: PathBuf,
    of: Arc<Claimed>,
}

/// What is known of a directory.
pub(crate) struct Claimed {
    judge: RwLock<Judge>,
    flushed: Mutex<Option<Flushed>>,
}

static CLAIMED: Mutex<BTreeMap<PathBuf, Arc<Claimed>>> = Mutex::new(BTreeMap::new());

impl Disk {
    /// Takes over what lies right in `directory`, not in those below it. Nothing fails until somebody
    /// [judges](Self::judge).
    ///
    /// # Errors
    ///
    /// If the directory is not there, is taken already, or SQLite does not take another file system.
    pub fn of(directory: impl AsRef<Path>) -> io::Result<Self> {
        // SQLite calls files by their names without links.
        let directory = directory.as_ref().canonicalize()?;
        vfs::install()?;
        let of = Arc::new(Claimed {
            judge: RwLock::new(Arc::new(|_| Fate::Done)),
            flushed: Mutex::new(None),
        });
        let mut claimed = lock(&CLAIMED);
        if claimed.contains_key(&directory) {
            let reason = format!("{} is taken already", directory.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        claimed.insert(directory.clone(), Arc::clone(&of));
        Ok(Self { directory, of })
    }

    /// Keeps in `flushed` what has been flushed. What is there of an earlier disk is what had been flushed then;
    /// without it all that lies in the directory counts as flushed.
    ///
    /// # Errors
    ///
    /// If it cannot be read or written.
    pub fn remembering(self, flushed: impl AsRef<Path>) -> io::Result<Self> {
        let flushed = Flushed::of(&self.directory, flushed.as_ref())?;
        *lock(&self.of.flushed) = Some(flushed);
        Ok(self)
    }

    /// From here on `judge` says what becomes of each operation, before it is done, on the thread that does it. It is
    /// called by C: one that panics ends the process.
    pub fn judge(&self, judge: impl Fn(Operation<'_>) -> Fate + Send + Sync + 'static) {
        *self.of.judge.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(judge);
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        lock(&CLAIMED).remove(&self.directory);
    }
}

/// A file that is watched.
pub(crate) struct Watched {
    path: PathBuf,
    of: Arc<Claimed>,
}

impl Watched {
    /// The file, if somebody has claimed a directory above it.
    pub(crate) fn find(path: &Path) -> Option<Self> {
        let of = lock(&CLAIMED).get(path.parent()?).map(Arc::clone)?;
        Some(Self { path: path.to_owned(), of })
    }

    /// What is to become of an operation.
    pub(crate) fn fate(&self, what: What) -> Fate {
        let judge = Arc::clone(&self.of.judge.read().unwrap_or_else(PoisonError::into_inner));
        judge(Operation::new(&self.path, what))
    }

    /// Notes what has been done.
    pub(crate) fn note(&self, done: impl FnOnce(&mut Flushed, &Path)) {
        if let Some(flushed) = lock(&self.of.flushed).as_mut() {
            done(flushed, &self.path);
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
