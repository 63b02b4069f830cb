//! What can go wrong with knowledge.

use mapek_model::Sequence;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Knowledge could not be stored or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The backend failed. Nothing of what was asked for took effect, unless it is the answer that got lost: then
    /// recording it again changes nothing.
    #[error("{doing} failed")]
    #[non_exhaustive]
    Backend {
        /// What was being done.
        doing: &'static str,
        /// Whether the same may work later.
        transient: bool,
        /// What the backend said.
        #[source]
        source: BoxError,
    },
    /// What is stored cannot be read as what it should be.
    #[error("stored {what} cannot be read")]
    #[non_exhaustive]
    Corrupt {
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        #[source]
        source: BoxError,
    },
    /// An outcome that cannot be learned from.
    #[error("an outcome that {why} is not stored")]
    #[non_exhaustive]
    Invalid {
        /// What is wrong with it.
        why: String,
    },
    /// Outcomes were not handed in by the order of their records.
    #[error(
        "record {sequence} comes after record {after}: outcomes are taken in the order of the journal"
    )]
    #[non_exhaustive]
    OutOfOrder {
        /// The record that is out of order.
        sequence: Sequence,
        /// The one before it.
        after: Sequence,
    },
    /// This build has no such backend.
    #[error("database {database} is not in this build")]
    #[non_exhaustive]
    Unsupported {
        /// The word in the configuration.
        database: &'static str,
    },
}

impl Error {
    /// The backend failed at `doing`.
    pub fn backend(doing: &'static str, transient: bool, source: impl Into<BoxError>) -> Self {
        Self::Backend { doing, transient, source: source.into() }
    }

    /// Whether the same may work later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Backend { transient: true, .. })
    }

    pub(crate) fn corrupt(what: &'static str, source: impl Into<BoxError>) -> Self {
        Self::Corrupt { what, source: source.into() }
    }
}
