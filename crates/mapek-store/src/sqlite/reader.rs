//! A log in an SQLite file, read and not written: beside the loop that writes it, or a copy.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use mapek_model::{ContentHash, Epoch, Sequence};
use rusqlite::Connection;

use super::{failed, log, still, still::Still};
use crate::{Error, Pruned, Pruning, Store, Stored};

/// A log in an SQLite file, as it is when it is opened. It takes no lock, begins no epoch and changes nothing of what is there: a loop
/// may run on the file meanwhile, and its later records are not seen.
///
/// Where nobody has the file open there is no write-ahead log beside it. Then it is read as what cannot change, which leaves nothing
/// behind and needs no right to write; whoever begins to write it all the same makes the reads after that fail.
///
/// Whatever would write answers [`Error::ReadOnly`].
///
/// ```
/// use mapek_model::Sequence;
/// use mapek_store::{SqliteReader, SqliteStore, Store};
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("journal.db");
/// let running = SqliteStore::open(&path)?;
/// let epoch = running.raise_epoch()?;
/// running.append(epoch, Sequence::new(0), &[b"kept".to_vec()])?;
///
/// let reader = SqliteReader::open(&path)?;
/// assert_eq!(reader.read(Sequence::new(0), 10)?[0].bytes, b"kept");
/// assert!(reader.raise_epoch().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqliteReader {
    path: PathBuf,
    connection: Mutex<Connection>,
    /// Which version of the tables it has.
    version: i64,
    still: Still,
}

impl SqliteReader {
    /// Opens the file.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`] if it is no file of a journal, [`Error::NewerSchema`] if a newer program wrote it, else [`Error::Backend`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let (connection, still) = still::open(&path)?;
        let doing = |error| failed(format!("opening {}", path.display()), error);
        // All that follows sees one moment, whatever is written meanwhile.
        connection.execute_batch("BEGIN").map_err(doing)?;
        let version = log::SCHEMA.check(&path, &connection)?;
        Ok(Self { path, connection: Mutex::new(connection), version, still })
    }

    /// What SQLite itself finds wrong with the file, first of all; `None` if it finds nothing.
    ///
    /// # Errors
    ///
    /// If it cannot be looked at.
    pub fn damage(&self) -> Result<Option<String>, Error> {
        let found: String = self.query(|connection| {
            connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        })?;
        Ok((found != "ok").then_some(found))
    }

    fn query<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let connection: MutexGuard<'_, _> =
            self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let found = work(&connection);
        self.still.holds(&self.path)?;
        found.map_err(|error| failed(format!("reading {}", self.path.display()), error))
    }

    const fn refused(&self) -> Error {
        Error::ReadOnly
    }
}

impl Store for SqliteReader {
    fn head(&self) -> Result<Sequence, Error> {
        self.query(|connection| log::state(connection).map(|(_, head)| head))
    }

    fn epoch(&self) -> Result<Epoch, Error> {
        self.query(|connection| log::state(connection).map(|(epoch, _)| epoch))
    }

    fn raise_epoch(&self) -> Result<Epoch, Error> {
        Err(self.refused())
    }

    fn append(&self, _: Epoch, _: Sequence, _: &[Vec<u8>]) -> Result<Sequence, Error> {
        Err(self.refused())
    }

    fn read(&self, after: Sequence, limit: usize) -> Result<Vec<Stored>, Error> {
        self.query(|connection| log::read(connection, after, limit))
    }

    fn put_blob(&self, _: &[u8]) -> Result<ContentHash, Error> {
        Err(self.refused())
    }

    fn blob(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error> {
        self.query(|connection| log::blob(connection, hash))
    }

    fn pruned(&self) -> Result<Pruned, Error> {
        // The first version could not be pruned.
        if self.version < 2 {
            return Ok(Pruned::default());
        }
        self.query(log::pruned)
    }

    fn prune(&self, _: Epoch, _: Sequence, _: &[u8], _: &Pruning) -> Result<Sequence, Error> {
        Err(self.refused())
    }
}
