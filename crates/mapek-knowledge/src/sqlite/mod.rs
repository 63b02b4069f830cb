//! Outcomes in an SQLite file.

mod sql;

use std::path::Path;

use async_trait::async_trait;
use mapek_model::{ContentHash, Experience, Outcome, Sequence, TargetId};
use mapek_store::{Database, Schema, rusqlite};

use crate::{
    Cursor, Error, Filter, Idle, KnowledgeStore, Limits, OUTCOMES_MAX, Recorded, Statistics, Taken,
    row::{IdleKey, Row},
    store::untaken,
    tallies::Tallies,
};

/// `counts` and `times` are what experience is read from: they follow from the other tables, change with them in one
/// transaction, and stay small however many outcomes there are.
const SCHEMA: Schema = Schema::new("mapek knowledge", &STEPS);

const STEPS: [&str; 2] = [
    "CREATE TABLE state (
           id INTEGER PRIMARY KEY CHECK (id = 0),
           cursor INTEGER NOT NULL,
           outcomes INTEGER NOT NULL,
           idle INTEGER NOT NULL
       ) STRICT;
       INSERT INTO state VALUES (0, 0, 0, 0);
       CREATE TABLE outcomes (
           execution TEXT NOT NULL PRIMARY KEY,
           target TEXT NOT NULL,
           cause TEXT NOT NULL,
           signature TEXT NOT NULL,
           verdict TEXT NOT NULL,
           time_ms INTEGER,
           judged_us INTEGER NOT NULL,
           body TEXT NOT NULL
       ) STRICT, WITHOUT ROWID;
       CREATE INDEX outcomes_by_time ON outcomes (judged_us, execution);
       CREATE INDEX outcomes_detailed ON outcomes (judged_us, execution) WHERE body <> '';
       CREATE TABLE idle (
           target TEXT NOT NULL,
           cause TEXT NOT NULL,
           component TEXT NOT NULL,
           began_us INTEGER NOT NULL,
           verdict TEXT NOT NULL,
           judged_us INTEGER NOT NULL,
           PRIMARY KEY (target, cause, component, began_us)
       ) STRICT, WITHOUT ROWID;
       CREATE INDEX idle_by_time ON idle (judged_us, target, cause, component, began_us);
       CREATE TABLE counts (
           target TEXT NOT NULL,
           cause TEXT NOT NULL,
           signature TEXT NOT NULL,
           verdict TEXT NOT NULL,
           n INTEGER NOT NULL,
           PRIMARY KEY (target, cause, signature, verdict)
       ) STRICT, WITHOUT ROWID;
       CREATE TABLE times (
           target TEXT NOT NULL,
           cause TEXT NOT NULL,
           signature TEXT NOT NULL,
           time_ms INTEGER NOT NULL,
           n INTEGER NOT NULL,
           PRIMARY KEY (target, cause, signature, time_ms)
       ) STRICT, WITHOUT ROWID;",
    // Which journal the cursor is in.
    "ALTER TABLE state ADD COLUMN journal BLOB;",
];

/// Keeps outcomes in a file that this process alone writes.
///
/// What it has answered survives a crash of the machine, too: the journal may be pruned of what was learned from it.
///
/// ```
/// use mapek_knowledge::{Cursor, KnowledgeStore, Limits, SqliteKnowledge};
/// use mapek_model::{ContentHash, Sequence};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("knowledge.db");
/// let seventh = Cursor::at(ContentHash::of(b"the journal's id"), Sequence::new(7));
/// SqliteKnowledge::open(&path, Limits::default())?.set_cursor(seventh).await?;
/// let again = SqliteKnowledge::open(&path, Limits::default())?;
/// assert_eq!(again.cursor().await?, seventh);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SqliteKnowledge {
    database: Database,
    limits: Limits,
}

impl SqliteKnowledge {
    /// Opens the file, or makes it, directories included.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] if somebody else has it open, if it is no such file, or if it cannot be written.
    pub fn open(path: impl AsRef<Path>, limits: Limits) -> Result<Self, Error> {
        let database = Database::open(path, SCHEMA)
            .map_err(|error| failed("opening the knowledge file", error))?;
        Ok(Self { database, limits })
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.database.submit(work).await.map_err(|error| failed(doing, error))
    }

    async fn tallies(&self, target: &TargetId) -> Result<Tallies, Error> {
        let target = target.clone();
        let rows = self
            .run("reading experience", move |connection| sql::counts(connection, target.as_str()))
            .await?;
        sql::tallies(rows)
    }
}

fn failed(doing: &'static str, error: mapek_store::Error) -> Error {
    Error::backend(doing, error.is_transient(), error)
}

#[async_trait]
impl KnowledgeStore for SqliteKnowledge {
    async fn record(&self, outcome: &Outcome) -> Result<Recorded, Error> {
        let (row, limits) = (Row::of(outcome)?, self.limits);
        self.run("recording an outcome", move |connection| {
            let recorded = sql::upsert(connection, &row)?;
            sql::prune(connection, limits)?;
            Ok(recorded)
        })
        .await
    }

    async fn record_all(
        &self,
        journal: &ContentHash,
        taken: &[(Sequence, Outcome)],
    ) -> Result<Taken, Error> {
        // Checks them all before anything is stored; which of them are new is decided where nobody else writes.
        untaken(taken, Sequence::new(0))?;
        let rows: Vec<_> = taken
            .iter()
            .map(|(sequence, outcome)| Ok((*sequence, Row::of(outcome)?)))
            .collect::<Result<_, Error>>()?;
        let (limits, journal) = (self.limits, *journal);
        self.run("recording outcomes", move |connection| {
            let cursor = sql::cursor(connection)?;
            let before = cursor.within(&journal);
            let old = rows.partition_point(|(sequence, _)| *sequence <= before);
            for (_, row) in &rows[old..] {
                sql::upsert(connection, row)?;
            }
            sql::prune(connection, limits)?;
            let to = rows.last().map_or(cursor, |(last, _)| Cursor::at(journal, *last));
            let cursor = sql::set_cursor(connection, to)?;
            Ok(Taken { stored: rows.len() - old, skipped: old, cursor })
        })
        .await
    }

    async fn record_idle(&self, idle: &Idle) -> Result<Recorded, Error> {
        let (key, verdict, limits) = (IdleKey::of(idle), idle.verdict, self.limits);
        let judged_us = idle.judged.as_microsecond();
        self.run("recording what was left alone", move |connection| {
            let recorded = sql::upsert_idle(connection, &key, verdict, judged_us)?;
            sql::prune(connection, limits)?;
            Ok(recorded)
        })
        .await
    }

    async fn experience(&self, target: &TargetId) -> Result<Experience, Error> {
        Ok(self.tallies(target).await?.experience())
    }

    async fn outcomes(&self, filter: &Filter, limit: u32) -> Result<Vec<Outcome>, Error> {
        let (wanted, limit) = (filter.clone(), limit.min(OUTCOMES_MAX));
        let bodies = self
            .run("reading outcomes", move |connection| sql::bodies(connection, &wanted, limit))
            .await?;
        let outcomes: Vec<_> =
            bodies.iter().map(|body| crate::row::read(body)).collect::<Result<_, _>>()?;
        // Columns are exact but for time, which is cut to microseconds.
        Ok(outcomes.into_iter().filter(|outcome| filter.matches(outcome)).collect())
    }

    async fn statistics(&self, target: &TargetId) -> Result<Statistics, Error> {
        Ok(self.tallies(target).await?.statistics())
    }

    async fn cursor(&self) -> Result<Cursor, Error> {
        self.run("reading the cursor", sql::cursor).await
    }

    async fn set_cursor(&self, to: Cursor) -> Result<(), Error> {
        self.run("moving the cursor", move |connection| sql::set_cursor(connection, to)).await?;
        Ok(())
    }

    async fn reset_cursor(&self) -> Result<(), Error> {
        self.run("forgetting the cursor", |connection| {
            sql::write_cursor(connection, Cursor::default())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_of_the_first_version_knows_no_journal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("knowledge.db");
        const FIRST: Schema = Schema::new("mapek knowledge", &[STEPS[0]]);
        let old = Database::open(&path, FIRST).unwrap();
        old.call(|connection| connection.execute("UPDATE state SET cursor = 7", ())).unwrap();
        drop(old);
        let store = SqliteKnowledge::open(&path, Limits::default()).unwrap();
        let sequence = Sequence::new(7);
        assert_eq!(store.cursor().await.unwrap(), Cursor { journal: None, sequence });
    }
}
