//! Copies of files that somebody may be writing.

use std::{fs::File, path::Path};

use super::{failed, still};
use crate::Error;

/// Copies an SQLite file as it is at one moment, beside whoever writes it, into one that is not there yet. What was committed before is in the copy,
/// and the copy is on the disk, when this answers; nothing of the original is changed.
///
/// ```
/// use mapek_model::Sequence;
/// use mapek_store::{SqliteReader, SqliteStore, Store, copy};
///
/// let directory = tempfile::tempdir()?;
/// let (path, aside) = (directory.path().join("journal.db"), directory.path().join("copy.db"));
/// let running = SqliteStore::open(&path)?;
/// let epoch = running.raise_epoch()?;
/// running.append(epoch, Sequence::new(0), &[b"kept".to_vec()])?;
///
/// copy(&path, &aside)?;
/// assert_eq!(SqliteReader::open(&aside)?.read(Sequence::new(0), 10)?[0].bytes, b"kept");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Unusable`] if `to` is there already, else [`Error::Full`] or [`Error::Backend`]; then what there is of `to` is not to be used.
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Error> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let doing = || format!("copying {} to {}", from.display(), to.display());
    if to.exists() {
        let reason = "it is there already, and a copy overwrites nothing".to_owned();
        return Err(Error::Unusable { path: to.to_owned(), reason });
    }
    let (connection, still) = still::open(from)?;
    connection
        .execute("VACUUM INTO ?1", [still::uri(to, false)])
        .map_err(|error| failed(doing(), error))?;
    still.holds(from)?;
    let flush = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    // A bare name is in a directory, too.
    let directory = std::path::absolute(to).map(|to| to.parent().map(Path::to_owned));
    let flushed = directory.and_then(|directory| {
        flush(to)?;
        directory.map_or(Ok(()), |directory| flush(&directory))
    });
    flushed.map_err(|error| Error::backend(doing(), error))
}
