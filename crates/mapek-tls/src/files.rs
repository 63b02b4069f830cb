//! The bytes of files, and whether they are still the same.

use std::{fs::File, io::Read as _, path::Path};

use sha2::{Digest as _, Sha256};

use crate::Error;

/// Largest file that is read, in bytes: a bundle of all public authorities is a quarter of it.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What was in a file.
pub(crate) struct Content {
    /// What errors call it.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Content {
    /// What did not come from a file.
    pub(crate) fn given(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), bytes: bytes.to_owned() }
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| {
            file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
            Ok(())
        });
        match read {
            Err(source) => Err(Error::Unreadable { file: name, source }),
            Ok(()) if bytes.len() as u64 > FILE_BYTES_MAX => Err(Error::TooLarge { file: name }),
            Ok(()) => Ok(Self { name, bytes }),
        }
    }
}

/// What several files hold together; also what is wrong with those that cannot be read.
pub(crate) type Fingerprint = [u8; 32];

/// The fingerprint of these contents.
pub(crate) fn fingerprint<'a>(
    contents: impl IntoIterator<Item = &'a Result<Content, Error>>,
) -> Fingerprint {
    let mut hash = Sha256::new();
    for content in contents {
        let (kind, bytes) = match content {
            Ok(content) => (0, content.bytes.clone()),
            Err(Error::Unreadable { source, .. }) => (1, source.kind().to_string().into_bytes()),
            Err(_) => (2, Vec::new()),
        };
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    hash.finalize().into()
}
