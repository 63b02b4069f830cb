//! What can go wrong with a store.

use std::path::PathBuf;

use mapek_model::{Epoch, Sequence};

/// Any error, boxed: no backend's type is part of this crate's errors.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A newer leader has taken over: this one must stop.
    #[error("epoch {epoch} is stale, {highest} has taken over")]
    #[non_exhaustive]
    StaleEpoch {
        /// The epoch of the append.
        epoch: Epoch,
        /// The highest one that the store has seen.
        highest: Epoch,
    },
    /// Somebody else has appended, or an earlier append of ours arrived although it seemed to fail.
    #[error("the log ends at {head}, not at {expected}")]
    #[non_exhaustive]
    WrongSequence {
        /// Where the caller thought that the log ends.
        expected: Sequence,
        /// Where it ends.
        head: Sequence,
    },
    /// A record, a blob or an append has more than the limit.
    #[error("{what} of {size} exceeds the limit of {max}")]
    #[non_exhaustive]
    TooLarge {
        /// What is too large, with its unit.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        max: usize,
    },
    /// Another process, or another part of this one, has the file open.
    #[error("{} is in use by another process", path.display())]
    #[non_exhaustive]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of this program wrote the file.
    #[error("{} has schema version {found}, this program knows {known} at most", path.display())]
    #[non_exhaustive]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// The file is not what it should be.
    #[error("{} is not usable: {reason}", path.display())]
    #[non_exhaustive]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It was opened to be read.
    #[error("it was opened to be read, not to be written")]
    ReadOnly,
    /// There is no room left.
    #[error("no space left for {subject}")]
    #[non_exhaustive]
    Full {
        /// What was to grow.
        subject: String,
    },
    /// More work is waiting than the limit allows. Nothing was done.
    #[error("too much work is waiting for {subject}")]
    #[non_exhaustive]
    Busy {
        /// What is busy.
        subject: String,
    },
    /// The writer has stopped: it was closed, or a closure panicked on it.
    #[error("the writer of {subject} has stopped")]
    #[non_exhaustive]
    Stopped {
        /// Whose writer.
        subject: String,
    },
    /// The backend failed. Whether what it was asked has been done is not known.
    #[error("{doing} failed")]
    #[non_exhaustive]
    Backend {
        /// What was being done, and to what.
        doing: String,
        /// What the backend said.
        #[source]
        source: BoxError,
    },
}

impl Error {
    /// The backend failed while `doing` something.
    pub fn backend(doing: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Backend { doing: doing.into(), source: source.into() }
    }

    /// There is no room left for `subject`.
    pub fn full(subject: impl Into<String>) -> Self {
        Self::Full { subject: subject.into() }
    }

    /// Whether the same may succeed later, without anybody's help or with more room.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Busy { .. } | Self::Backend { .. })
    }

    /// The same error for one more of those who shared a commit; the source is kept as text.
    #[cfg(feature = "sqlite")]
    pub(crate) fn shared(&self) -> Self {
        match self {
            Self::Full { subject } => Self::full(subject.clone()),
            other => {
                let source = std::error::Error::source(other).map(ToString::to_string);
                Self::backend(other.to_string(), source.unwrap_or_default())
            }
        }
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::*;

    #[test]
    fn who_shares_an_error_is_told_the_same() {
        let full = Error::full("a file").shared();
        assert!(matches!(&full, Error::Full { subject } if subject == "a file"), "{full:?}");
        let failed = Error::backend("committing", "the medium is gone");
        let shared = failed.shared();
        assert_eq!(shared.is_transient(), failed.is_transient());
        let why = std::error::Error::source(&shared).map(ToString::to_string);
        assert_eq!(why.as_deref(), Some("the medium is gone"));
    }
}
