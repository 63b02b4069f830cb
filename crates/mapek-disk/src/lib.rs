//! A disk under SQLite that fails where it is told to, and loses what was not flushed: for tests of who keeps
//! something on it.
//!
//! It stands between SQLite and the operating system, as SQLite's default file system (VFS) of this process. What
//! lies below a directory that somebody has [claimed](Disk::of) is asked about, one [`Operation`] at a time; all else
//! is passed on. So nothing of what is tested knows of it, and what is tested is SQLite as it ships.
//!
//! ```
//! use mapek_disk::{Disk, Fate, What};
//! use mapek_store::{Error, SqliteStore, Store};
//!
//! let directory = tempfile::tempdir()?;
//! let disk = Disk::of(directory.path())?;
//! let store = SqliteStore::open(directory.path().join("journal.db"))?;
//! let epoch = store.raise_epoch()?;
//! let head = store.append(epoch, store.head()?, &[b"kept".to_vec()])?;
//!
//! disk.judge(|operation| if operation.what == What::Sync { Fate::Fails } else { Fate::Done });
//! assert!(store.append(epoch, head, &[b"never answered for".to_vec()]).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a flush is
//!
//! A claimed directory can have a second one beside it ([`Disk::remembering`]) with what has been flushed so far:
//! what a write left there counts only when the file has been flushed since. [`cut_the_power`] puts that in the place
//! of the first, together with whatever part of the rest happened to be written back. A flush that fails flushes
//! nothing, and what it was to flush is never flushed by a later one, unless it is written again: so it is on Linux,
//! where a page that could not be written back counts as clean
//! (["fsyncgate"](https://wiki.postgresql.org/wiki/Fsync_Errors)).
//!
//! # What it is not
//!
//! The index of the write-ahead log (`-shm`) is memory that processes share; it can fail to grow, and nothing of it
//! survives a power cut. Files that SQLite does not write are none of its business.

mod disk;
mod flushed;
mod vfs;

pub use disk::{Disk, Fate, Operation, What};
pub use flushed::cut_the_power;
