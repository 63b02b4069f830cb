//! Files that people write: small ones are read, others are refused before they fill memory.

use std::{fs::File, io::Read as _, path::Path};

/// Largest file that is read, in bytes: a configuration of a thousand rules, or a scenario of a hundred faults of each kind, is a
/// tenth of it.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(std::io::Error),
    /// It has more bytes than are read.
    #[error("it has more bytes than are read")]
    TooLarge,
}

/// The text of a file of at most [`FILE_BYTES_MAX`].
pub(crate) fn read(path: &Path) -> Result<String, ReadError> {
    read_up_to(path, FILE_BYTES_MAX)
}

/// The text of a file of at most `max` bytes. What grows while it is read, or has no size (a pipe), is bounded, too.
pub(crate) fn read_up_to(path: &Path, max: u64) -> Result<String, ReadError> {
    let mut text = String::new();
    let file = File::open(path).map_err(ReadError::Unreadable)?;
    let mut bounded = file.take(max.saturating_add(1));
    let bytes = bounded.read_to_string(&mut text);
    if bounded.limit() == 0 {
        return Err(ReadError::TooLarge);
    }
    bytes.map_err(ReadError::Unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_limit_and_no_byte_further() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let limit = usize::try_from(FILE_BYTES_MAX).unwrap();
        std::fs::write(&path, "x".repeat(limit)).unwrap();
        assert_eq!(read(&path).unwrap().len(), limit);
        std::fs::write(&path, "x".repeat(limit + 1)).unwrap();
        assert!(matches!(read(&path), Err(ReadError::TooLarge)));
        // It says that it has no bytes at all.
        assert!(matches!(read(Path::new("/dev/zero")), Err(ReadError::TooLarge)));
        let missing = read(&directory.path().join("missing"));
        assert!(matches!(missing, Err(ReadError::Unreadable(_))));
    }
}
