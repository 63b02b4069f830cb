//! Files in SQLite.

mod copy;
mod database;
mod lock;
mod log;
mod reader;
mod schema;
mod still;
mod writer;

pub use copy::copy;
pub use database::{Database, WorkError};
pub use log::SqliteStore;
pub use reader::SqliteReader;
pub use schema::Schema;

use crate::Error;

/// A named point inside a write; nothing unless the feature `failpoints` is on and somebody watches.
macro_rules! point {
    ($file:expr, $name:literal) => {
        #[cfg(feature = "failpoints")]
        crate::failpoints::reach($file.as_ref(), $name);
    };
}
pub(crate) use point;

/// Sorts what SQLite says: no room is no room, the rest is a failing backend.
pub(crate) fn failed(doing: impl Into<String>, error: rusqlite::Error) -> Error {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
        Error::full(doing)
    } else {
        Error::backend(doing, error)
    }
}
