//! An inbox in a file.

use std::path::Path;

use async_trait::async_trait;
use mapek_store::{
    Database, Schema,
    rusqlite::{self, Connection, params},
};

use super::{AlertBatch, AlertInbox, InboxPosition, PendingAlert, Stored, keys::key};
use crate::Error;

/// Alerts that were dealt with stay for a while without their text, so that what is sent again is known.
const SCHEMA: Schema = Schema::new(
    "inbox",
    &["CREATE TABLE alerts (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        key BLOB NOT NULL UNIQUE,
        truncated INTEGER NOT NULL,
        alert TEXT
    ) STRICT;
    CREATE INDEX waiting ON alerts (position) WHERE alert IS NOT NULL;"],
);

/// An inbox that survives a crash of process and machine: SQLite, where the batches of concurrent webhooks share a commit.
///
/// It holds at most `capacity` alerts that wait, and remembers twice as many of those that were acknowledged.
///
/// ```
/// use mapek_monitor::{AlertBatch, AlertInbox, SqliteInbox};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let directory = tempfile::tempdir()?;
/// let inbox = SqliteInbox::open(directory.path().join("inbox.db"), SqliteInbox::CAPACITY)?;
/// inbox.store(&AlertBatch::default()).await?;
/// assert!(inbox.pending(10).await?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqliteInbox {
    database: Database,
    capacity: usize,
}

impl SqliteInbox {
    /// Ten of the largest webhook calls; about 100 MiB.
    pub const CAPACITY: usize = 100_000;

    /// Opens the file, or makes it; at most `capacity` alerts wait in it.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the file cannot be used, or another process has it.
    pub fn open(path: impl AsRef<Path>, capacity: usize) -> Result<Self, Error> {
        let database = Database::open(path, SCHEMA)
            .map_err(|error| Error::storage("opening the inbox", error))?;
        Ok(Self { database, capacity })
    }

    fn failed(&self, doing: &'static str, error: mapek_store::Error) -> Error {
        match error {
            // The sender should come back, as if there were no room.
            mapek_store::Error::Busy { .. } => Error::full(self.capacity),
            other => Error::storage(doing, other),
        }
    }
}

/// What is written of one alert.
struct Row {
    key: [u8; 32],
    text: String,
}

#[async_trait]
impl AlertInbox for SqliteInbox {
    async fn store(&self, batch: &AlertBatch) -> Result<Stored, Error> {
        let (capacity, truncated) = (self.capacity, batch.truncated > 0);
        let rows = batch
            .alerts
            .iter()
            .map(|alert| Ok(Row { key: key(alert), text: serde_json::to_string(alert)? }));
        let rows: Vec<Row> = rows
            .collect::<serde_json::Result<_>>()
            .map_err(|error| Error::storage("writing an alert", error))?;
        let given = rows.len();
        let stored = self
            .database
            .submit(move |connection| insert(connection, &rows, truncated, capacity))
            .await;
        match stored {
            Ok(Some(accepted)) => Ok(Stored { accepted, repeated: given - accepted }),
            Ok(None) => Err(Error::full(capacity)),
            Err(error) => Err(self.failed("storing alerts", error)),
        }
    }

    async fn pending(&self, limit: usize) -> Result<Vec<PendingAlert>, Error> {
        let rows = self.database.submit(move |connection| read(connection, limit)).await;
        let rows = rows.map_err(|error| self.failed("reading the inbox", error))?;
        let items = rows.into_iter().map(|(position, truncated, text)| {
            let alert = serde_json::from_str(&text)?;
            let position = InboxPosition(u64::try_from(position).unwrap_or(0));
            Ok(PendingAlert { position, alert, truncated })
        });
        items
            .collect::<serde_json::Result<_>>()
            .map_err(|error| Error::storage("reading an alert", error))
    }

    async fn acknowledge(&self, up_to: InboxPosition) -> Result<(), Error> {
        let keep = self.capacity.saturating_mul(2);
        let done = self.database.submit(move |connection| forget(connection, up_to.0, keep)).await;
        done.map_err(|error| self.failed("acknowledging alerts", error))
    }
}

/// How many were new; `None` if there is no room for them, and then nothing was written.
fn insert(
    connection: &Connection,
    rows: &[Row],
    truncated: bool,
    capacity: usize,
) -> rusqlite::Result<Option<usize>> {
    let waiting = waiting(connection)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO alerts (key, truncated, alert) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING",
    )?;
    // Counted before anything is written: a full inbox must not fail the others of a shared commit.
    let mut known =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM alerts WHERE key = ?)")?;
    let mut new = std::collections::BTreeMap::new();
    for row in rows {
        let exists: bool = known.query_row([&row.key], |found| found.get(0))?;
        if !exists {
            new.entry(row.key).or_insert(row);
        }
    }
    if waiting.saturating_add(new.len()) > capacity {
        return Ok(None);
    }
    let mut accepted = 0;
    for row in rows.iter().filter(|row| new.contains_key(&row.key)) {
        accepted += statement.execute(params![row.key, truncated, row.text])?;
    }
    Ok(Some(accepted))
}

/// How many alerts wait. What is acknowledged is always all up to a position, and positions have no gaps: so those that wait are all from
/// the first of them to the last. Counting them one by one for each webhook would cost more than storing it.
fn waiting(connection: &Connection) -> rusqlite::Result<usize> {
    let waiting: i64 = connection
        .prepare_cached(
            "SELECT coalesce((SELECT max(position) FROM alerts)
                - (SELECT min(position) FROM alerts WHERE alert IS NOT NULL) + 1, 0)",
        )?
        .query_row((), |row| row.get(0))?;
    Ok(usize::try_from(waiting).unwrap_or(usize::MAX))
}

fn read(connection: &Connection, limit: usize) -> rusqlite::Result<Vec<(i64, bool, String)>> {
    let mut statement = connection.prepare_cached(
        "SELECT position, truncated, alert FROM alerts WHERE alert IS NOT NULL
         ORDER BY position LIMIT ?",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

fn forget(connection: &Connection, up_to: u64, keep: usize) -> rusqlite::Result<()> {
    let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
    connection
        .prepare_cached("UPDATE alerts SET alert = NULL WHERE position <= ? AND alert IS NOT NULL")?
        .execute([up_to])?;
    let keep = i64::try_from(keep).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "DELETE FROM alerts WHERE alert IS NULL AND position <= -?1 + (
                SELECT coalesce(min(position) - 1, (SELECT max(position) FROM alerts))
                FROM alerts WHERE alert IS NOT NULL)",
        )?
        .execute([keep])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AlertStatus::Firing;
    use crate::inbox::contract::{self, alert, batch};

    #[tokio::test]
    async fn it_keeps_the_contract() {
        let directory = tempfile::tempdir().unwrap();
        let inbox = SqliteInbox::open(directory.path().join("inbox.db"), 4).unwrap();
        contract::holds(&inbox).await;
    }

    #[tokio::test]
    async fn what_was_stored_is_there_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("inbox.db");
        let first = batch(vec![alert("a", 1, Firing), alert("b", 1, Firing)]);
        let inbox = SqliteInbox::open(&path, 4).unwrap();
        inbox.store(&first).await.unwrap();
        let waiting = inbox.pending(9).await.unwrap();
        inbox.acknowledge(waiting[0].position).await.unwrap();
        drop(inbox);

        let inbox = SqliteInbox::open(&path, 4).unwrap();
        assert_eq!(inbox.pending(9).await.unwrap(), waiting[1..]);
        assert_eq!(inbox.store(&first).await.unwrap().accepted, 0);
        let taken = SqliteInbox::open(&path, 4).unwrap_err();
        assert!(taken.chain().contains("in use"), "{}", taken.chain());
    }

    #[tokio::test]
    async fn what_was_dealt_with_is_forgotten_at_last() {
        let directory = tempfile::tempdir().unwrap();
        let inbox = SqliteInbox::open(directory.path().join("inbox.db"), 2).unwrap();
        for i in 0..20 {
            inbox.store(&batch(vec![alert("a", i, Firing)])).await.unwrap();
            let last = inbox.pending(9).await.unwrap().pop().unwrap();
            inbox.acknowledge(last.position).await.unwrap();
        }
        let rows = |connection: &Connection| {
            connection.query_row("SELECT count(*) FROM alerts", (), |row| row.get::<_, i64>(0))
        };
        assert_eq!(inbox.database.submit(rows).await.unwrap(), 4, "twice the capacity");
        let again = inbox.store(&batch(vec![alert("a", 19, Firing)])).await.unwrap();
        assert_eq!(again.repeated, 1);
    }

    /// What is not counted one by one is still the number of those that wait: also after a refusal, a repetition, a restart, and when
    /// all is acknowledged.
    #[tokio::test]
    async fn the_room_that_is_left_is_what_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("inbox.db");
        let one = |i: u64| batch(vec![alert("a", i, Firing)]);
        let mut inbox = SqliteInbox::open(&path, 3).unwrap();
        let mut next = 0;
        for round in 0..20_u64 {
            let mut room = 3 - inbox.pending(9).await.unwrap().len();
            while inbox.store(&one(next)).await.is_ok() {
                assert_eq!(inbox.store(&one(next)).await.unwrap().repeated, 1);
                (next, room) = (next + 1, room - 1);
            }
            assert_eq!(room, 0, "round {round}");
            let waiting = inbox.pending(9).await.unwrap();
            let dealt_with = usize::try_from(round % 4).unwrap();
            if let Some(last) = waiting.iter().take(dealt_with).next_back() {
                inbox.acknowledge(last.position).await.unwrap();
            }
            if round % 5 == 0 {
                drop(inbox);
                inbox = SqliteInbox::open(&path, 3).unwrap();
            }
        }
        assert_eq!(next, 3 + (0..19).map(|round| round % 4).sum::<u64>());
    }

    #[tokio::test]
    async fn webhooks_that_come_together_are_each_counted_once() {
        let directory = tempfile::tempdir().unwrap();
        let inbox = SqliteInbox::open(directory.path().join("inbox.db"), 1_000).unwrap();
        let batches: Vec<_> = (0..50_u64)
            .map(|i| batch(vec![alert("a", i / 2, Firing), alert("b", i, Firing)]))
            .collect();
        let stored =
            futures_util::future::join_all(batches.iter().map(|batch| inbox.store(batch))).await;
        let accepted: usize = stored.into_iter().map(|it| it.unwrap().accepted).sum();
        assert_eq!((accepted, inbox.pending(1_000).await.unwrap().len()), (75, 75));
    }
}
