//! Files that are read beside whoever writes them, or while nobody does.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use rusqlite::{Connection, OpenFlags};

use super::{database::BUSY_TIMEOUT, failed};
use crate::Error;

/// What a file was when it was opened, where it is read as what cannot change.
#[derive(Debug)]
pub(super) struct Still(Option<Stamp>);

impl Still {
    /// Fails if the file was written although it was read as what cannot change.
    pub(super) fn holds(&self, path: &Path) -> Result<(), Error> {
        if let Self(Some(then)) = self
            && Stamp::of(path)? != *then
        {
            let doing = format!("reading {}", path.display());
            return Err(Error::backend(doing, "somebody began to write it; read it once more"));
        }
        Ok(())
    }
}

/// Opens a file to read it. Without a write-ahead log beside it nobody writes it, and it is read as what cannot change.
pub(super) fn open(path: &Path) -> Result<(Connection, Still), Error> {
    let doing = |error| failed(format!("opening {}", path.display()), error);
    let stamp = Stamp::of(path)?;
    let still = (!stamp.has_wal).then_some(stamp);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection =
        Connection::open_with_flags(uri(path, still.is_some()), flags).map_err(doing)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(doing)?;
    Ok((connection, Still(still)))
}

/// Tells a file that was written from one that was not.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    has_wal: bool,
}

impl Stamp {
    fn of(path: &Path) -> Result<Self, Error> {
        let doing = || format!("opening {}", path.display());
        let found = fs::metadata(path).map_err(|error| Error::backend(doing(), error))?;
        let has_wal = wal(path).exists();
        Ok(Self { bytes: found.len(), modified: found.modified().ok(), has_wal })
    }
}

fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The file as SQLite wants it named where there is more to say about it.
pub(super) fn uri(path: &Path, immutable: bool) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri + if immutable { "?immutable=1" } else { "" }
}
