//! What survives a restart: what each channel was told.
//!
//! Losing it costs repetition, not silence: what still is so is told once more. So it is a small file for each channel that is replaced as a
//! whole, and no log.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{Book, ChannelName};

/// A book cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The file system said no.
    #[error("{doing} {path} failed", path = path.display())]
    #[non_exhaustive]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is there is no book of this version.
    #[error("{path} holds no book of this version", path = path.display())]
    #[non_exhaustive]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Where books are kept. Calls may block: they are made where nobody else waits.
pub trait Memory: fmt::Debug + Send + Sync {
    /// The book of a channel, if it has one.
    ///
    /// # Errors
    ///
    /// [`MemoryError`] if there is something that cannot be read.
    fn load(&self, channel: &ChannelName) -> Result<Option<Book>, MemoryError>;

    /// Replaces the book of a channel, as a whole.
    ///
    /// # Errors
    ///
    /// [`MemoryError`]; the one before is still there.
    fn save(&self, channel: &ChannelName, book: &Book) -> Result<(), MemoryError>;
}

const _: Option<&dyn Memory> = None; // stays usable as a trait object

/// Books in memory: for a process that may repeat itself after a restart, and for tests.
#[derive(Debug, Default)]
pub struct InMemory(Mutex<BTreeMap<ChannelName, Book>>);

impl Memory for InMemory {
    fn load(&self, channel: &ChannelName) -> Result<Option<Book>, MemoryError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(channel).cloned())
    }

    fn save(&self, channel: &ChannelName, book: &Book) -> Result<(), MemoryError> {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        books.insert(channel.clone(), book.clone());
        Ok(())
    }
}

/// A file for each channel, which is written beside itself, flushed and renamed.
#[derive(Debug, Clone)]
pub struct FileMemory {
    directory: PathBuf,
}

impl FileMemory {
    /// In the directory `notify` of this one, which is made if it is not there.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self { directory: directory.join("notify") }
    }

    fn path(&self, channel: &ChannelName) -> PathBuf {
        self.directory.join(format!("{channel}.json"))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let beside = path.with_extension("json.new");
        let mut file = fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    }
}

impl Memory for FileMemory {
    fn load(&self, channel: &ChannelName) -> Result<Option<Book>, MemoryError> {
        let path = self.path(channel);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(MemoryError::Io { doing: "reading", path, source }),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| MemoryError::Format { path, source })
    }

    fn save(&self, channel: &ChannelName, book: &Book) -> Result<(), MemoryError> {
        let path = self.path(channel);
        let bytes = serde_json::to_vec(book)
            .map_err(|source| MemoryError::Format { path: path.clone(), source })?;
        let written = self.replace(&path, &bytes);
        written.map_err(|source| MemoryError::Io { doing: "writing", path, source })
    }
}

#[cfg(test)]
mod tests {
    use mapek_model::Duration;

    use super::*;
    use crate::fixture::{at, condition};

    #[test]
    fn a_book_is_read_back_and_what_is_none_is_said_to_be() {
        let directory = tempfile::tempdir().unwrap();
        let memory = FileMemory::in_directory(directory.path());
        let name: ChannelName = "chat".parse().unwrap();
        assert_eq!(memory.load(&name).unwrap(), None);
        let mut book = Book::default();
        let due = book.due(&[condition("x")], at(0), Duration::from_secs(60));
        book.note(&due[0], at(0));
        memory.save(&name, &book).unwrap();
        assert_eq!(memory.load(&name).unwrap(), Some(book));
        assert_eq!(memory.load(&"other".parse().unwrap()).unwrap(), None);

        let path = directory.path().join("notify/chat.json");
        fs::write(&path, "{\"told\": 7}").unwrap();
        let error = memory.load(&name).unwrap_err().to_string();
        assert!(error.ends_with("notify/chat.json holds no book of this version"), "{error}");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(memory.load(&name).unwrap_err().to_string().starts_with("reading "));
        assert!(memory.save(&name, &Book::default()).is_err());
    }
}
