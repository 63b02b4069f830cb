//! The log in an SQLite file.

use std::path::Path;

use mapek_model::{ContentHash, Epoch, Sequence};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Database, Schema, database::WorkError};
use crate::{
    Error, Pruned, Pruning, Store, Stored,
    store::{check_blob, check_pruning, check_records, check_turn},
};

pub(super) const SCHEMA: Schema = Schema::new(
    "mapek journal",
    &[
        "CREATE TABLE state (
           id INTEGER PRIMARY KEY CHECK (id = 0),
           epoch INTEGER NOT NULL,
           head INTEGER NOT NULL
       ) STRICT;
       INSERT INTO state VALUES (0, 0, 0);
       CREATE TABLE records (
           sequence INTEGER PRIMARY KEY,
           epoch INTEGER NOT NULL,
           bytes BLOB NOT NULL
       ) STRICT;
       CREATE TABLE blobs (
           hash BLOB NOT NULL PRIMARY KEY,
           bytes BLOB NOT NULL
       ) STRICT;",
        // How far it was pruned, and by which record.
        "ALTER TABLE state ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
       ALTER TABLE state ADD COLUMN checkpoint INTEGER NOT NULL DEFAULT 0;",
    ],
);

/// A log in an SQLite file, durable against a crash of the machine.
///
/// The file does not shrink when it is pruned: the room is used again.
///
/// Opening it does not begin an epoch: whoever begins to write does, by [`raise_epoch`](Store::raise_epoch), as the journal does whenever
/// it is opened. A tool that only reads leaves the leader alone.
///
/// ```
/// use mapek_model::Sequence;
/// use mapek_store::{SqliteStore, Store};
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("journal.db");
/// let store = SqliteStore::open(&path)?;
/// let epoch = store.raise_epoch()?;
/// store.append(epoch, Sequence::new(0), &[b"kept".to_vec()])?;
/// drop(store);
///
/// let store = SqliteStore::open(&path)?;
/// assert_eq!(store.read(Sequence::new(0), 10)?[0].bytes, b"kept");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqliteStore {
    database: Database,
}

impl SqliteStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// As [`Database::open`]; and [`Error::Unusable`] if the records that it holds are not those that it counted.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let database = Database::open(path, SCHEMA)?;
        let (counted, newest) = database.call(|connection| {
            connection.query_row(
                "SELECT head, (SELECT max(sequence) FROM records) FROM state",
                (),
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)),
            )
        })?;
        if newest.is_some_and(|newest| newest != counted) || (newest.is_none() && counted != 0) {
            let reason = format!("it counted {counted} records, the newest is {newest:?}");
            return Err(Error::Unusable { path: database.path().to_owned(), reason });
        }
        Ok(Self { database })
    }

    /// Leaves out so many epochs: for a file that was put back from a copy, whose epochs since then were given to calls that a managed system
    /// remembers. The next one that is begun is beyond them.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn skip_epochs(&self, count: u32) -> Result<Epoch, Error> {
        self.database.call(move |connection| {
            connection.execute("UPDATE state SET epoch = epoch + ?1", [count])?;
            state(connection).map(|(epoch, _)| epoch)
        })
    }

    /// The file below.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }
}

impl Store for SqliteStore {
    fn head(&self) -> Result<Sequence, Error> {
        self.database.call(|connection| state(connection).map(|(_, head)| head))
    }

    fn epoch(&self) -> Result<Epoch, Error> {
        self.database.call(|connection| state(connection).map(|(epoch, _)| epoch))
    }

    fn raise_epoch(&self) -> Result<Epoch, Error> {
        self.database.call(|connection| {
            connection.execute("UPDATE state SET epoch = epoch + 1", ())?;
            state(connection).map(|(epoch, _)| epoch)
        })
    }

    fn append(
        &self,
        epoch: Epoch,
        expected: Sequence,
        records: &[Vec<u8>],
    ) -> Result<Sequence, Error> {
        check_records(records)?;
        let records = records.to_vec();
        self.database.call(move |connection| append(connection, epoch, expected, &records))
    }

    fn read(&self, after: Sequence, limit: usize) -> Result<Vec<Stored>, Error> {
        self.database.call(move |connection| read(connection, after, limit))
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<ContentHash, Error> {
        check_blob(bytes)?;
        let (hash, bytes) = (ContentHash::of(bytes), bytes.to_vec());
        self.database.call(move |connection| {
            connection
                .prepare_cached("INSERT INTO blobs VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                .execute(params![hash.as_bytes(), bytes])
        })?;
        Ok(hash)
    }

    fn blob(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, Error> {
        let hash = *hash;
        self.database.call(move |connection| blob(connection, &hash))
    }

    fn pruned(&self) -> Result<Pruned, Error> {
        self.database.call(pruned)
    }

    fn prune(
        &self,
        epoch: Epoch,
        expected: Sequence,
        checkpoint: &[u8],
        pruning: &Pruning,
    ) -> Result<Sequence, Error> {
        check_pruning(checkpoint, pruning, expected)?;
        let (records, pruning) = ([checkpoint.to_vec()], pruning.clone());
        self.database.call(move |connection| {
            let head = append(connection, epoch, expected, &records)?;
            prune(connection, &pruning, head)?;
            Ok::<_, WorkError>(head)
        })
    }
}

pub(super) fn state(connection: &Connection) -> rusqlite::Result<(Epoch, Sequence)> {
    connection.prepare_cached("SELECT epoch, head FROM state")?.query_row((), |row| {
        Ok((Epoch::new(unsigned(row.get(0)?)), Sequence::new(unsigned(row.get(1)?))))
    })
}

pub(super) fn read(
    connection: &Connection,
    after: Sequence,
    limit: usize,
) -> rusqlite::Result<Vec<Stored>> {
    connection
        .prepare_cached(
            "SELECT sequence, epoch, bytes FROM records
             WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
        )?
        .query_map(params![signed(after.get()), signed(limit as u64)], |row| {
            Ok(Stored {
                sequence: Sequence::new(unsigned(row.get(0)?)),
                epoch: Epoch::new(unsigned(row.get(1)?)),
                bytes: row.get(2)?,
            })
        })?
        .collect()
}

pub(super) fn blob(
    connection: &Connection,
    hash: &ContentHash,
) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT bytes FROM blobs WHERE hash = ?1")?
        .query_row([hash.as_bytes()], |row| row.get(0))
        .optional()
}

pub(super) fn pruned(connection: &Connection) -> rusqlite::Result<Pruned> {
    connection.query_row("SELECT pruned, checkpoint FROM state", (), |row| {
        let at = |column| row.get(column).map(|it| Sequence::new(unsigned(it)));
        Ok(Pruned { through: at(0)?, checkpoint: at(1)? })
    })
}

fn append(
    connection: &Connection,
    epoch: Epoch,
    expected: Sequence,
    records: &[Vec<u8>],
) -> Result<Sequence, WorkError> {
    let (highest, head) = state(connection)?;
    check_turn((epoch, highest), (expected, head))?;
    let mut insert = connection.prepare_cached("INSERT INTO records VALUES (?1, ?2, ?3)")?;
    let mut sequence = head;
    for bytes in records {
        sequence = sequence.next();
        insert.execute(params![signed(sequence.get()), signed(epoch.get()), bytes])?;
    }
    connection.prepare_cached("UPDATE state SET head = ?1")?.execute([signed(sequence.get())])?;
    Ok(sequence)
}

/// What is kept cuts what goes into ranges: a range is one walk along the table, whatever its length.
fn prune(
    connection: &Connection,
    pruning: &Pruning,
    checkpoint: Sequence,
) -> Result<(), rusqlite::Error> {
    let mut range =
        connection.prepare_cached("DELETE FROM records WHERE sequence > ?1 AND sequence < ?2")?;
    let mut after = Sequence::new(0);
    let end = pruning.through.next();
    for kept in pruning.keep.range(..end).copied().chain([end]) {
        range.execute([signed(after.get()), signed(kept.get())])?;
        after = kept;
    }
    let mut blob = connection.prepare_cached("DELETE FROM blobs WHERE hash = ?1")?;
    for hash in &pruning.blobs {
        blob.execute([hash.as_bytes()])?;
    }
    connection
        .prepare_cached("UPDATE state SET pruned = max(pruned, ?1), checkpoint = ?2")?
        .execute([signed(pruning.through.get()), signed(checkpoint.get())])?;
    Ok(())
}

/// Counters stay far below 2⁶³; should one not, the greatest number is refused as a duplicate, not wrapped.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Only numbers that [`signed`] made are read; a negative one is somebody's vandalism and reads as 0.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_column_holds_are_the_nearest_that_it_does() {
        for number in [0, 1, 2, i64::MAX] {
            assert_eq!(signed(unsigned(number)), number);
        }
        assert_eq!((signed(u64::MAX), unsigned(-1)), (i64::MAX, 0));
    }
}
