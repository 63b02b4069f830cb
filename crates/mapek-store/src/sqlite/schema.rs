//! What tables a file has, and whose file it is.

use std::path::Path;

use mapek_model::ContentHash;
use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::{failed, point};
use crate::Error;

/// The tables of a file: a name that says whose file it is, and the steps from an empty file to the newest version.
///
/// A step that was released is never changed; a change of tables is a new step at the end.
///
/// ```
/// use mapek_store::Schema;
///
/// const SCHEMA: Schema = Schema::new("example", &["CREATE TABLE notes (text TEXT NOT NULL) STRICT;"]);
/// assert_eq!(SCHEMA.version(), 1);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    name: &'static str,
    steps: &'static [&'static str],
}

impl Schema {
    /// The schema called `name`, that each of `steps`, one SQL script each, leads one version further.
    #[must_use]
    pub const fn new(name: &'static str, steps: &'static [&'static str]) -> Self {
        Self { name, steps }
    }

    /// The newest version.
    #[must_use]
    pub const fn version(&self) -> usize {
        self.steps.len()
    }

    /// What marks files of this schema: SQLite's application id, the first four bytes of the name's hash.
    fn application_id(&self) -> i32 {
        let [a, b, c, d, ..] = *ContentHash::of(self.name.as_bytes()).as_bytes();
        // 0 means that nobody has marked the file.
        // The sign would read differently in tools that show it as unsigned.
        (i32::from_be_bytes([a, b, c, d]) & i32::MAX).max(1)
    }

    /// Brings the file to the newest version.
    pub(super) fn migrate(&self, path: &Path, connection: &mut Connection) -> Result<(), Error> {
        self.check_owner(path, connection)?;
        let found = pragma(path, connection, "user_version")?;
        let known = i64::try_from(self.version()).unwrap_or(i64::MAX);
        if found > known {
            return Err(Error::NewerSchema { path: path.to_owned(), found, known });
        }
        // First of all: a crash behind the tables and before the mark would leave a file that nobody takes for ours again.
        connection
            .pragma_update(None, "application_id", self.application_id())
            .map_err(|error| failed(format!("marking {}", path.display()), error))?;
        point!(path, "marked");
        Migrations::new(self.steps.iter().map(|step| M::up(step)).collect())
            .to_latest(connection)
            .map_err(|error| Error::backend(format!("migrating {}", path.display()), error))?;
        point!(path, "migrated");
        Ok(())
    }

    /// Looks whether the file is one of these, without changing it; answers its version.
    pub(super) fn check(&self, path: &Path, connection: &Connection) -> Result<i64, Error> {
        self.check_owner(path, connection)?;
        let found = pragma(path, connection, "user_version")?;
        let known = i64::try_from(self.version()).unwrap_or(i64::MAX);
        match found {
            0 => Err(Error::Unusable { path: path.to_owned(), reason: "it is empty".to_owned() }),
            _ if found > known => Err(Error::NewerSchema { path: path.to_owned(), found, known }),
            _ => Ok(found),
        }
    }

    fn check_owner(&self, path: &Path, connection: &Connection) -> Result<(), Error> {
        let found = pragma(path, connection, "application_id")?;
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
            .map_err(|error| unreadable(path, &error))?;
        if found == i64::from(self.application_id()) || (found == 0 && tables == 0) {
            return Ok(());
        }
        let reason = format!("it is not a file of the {} (application id {found})", self.name);
        Err(Error::Unusable { path: path.to_owned(), reason })
    }
}

pub(super) fn pragma(path: &Path, connection: &Connection, name: &str) -> Result<i64, Error> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> Error {
    Error::Unusable { path: path.to_owned(), reason: error.to_string() }
}
