//! What can go wrong with a target, a text or the store.

use std::fmt;

/// Any error, boxed: no transport's type is part of this crate's API.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A text that is not in the exposition format, or larger than allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
#[non_exhaustive]
pub struct ExpositionError {
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// Why a target could not be scraped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrapeError {
    /// It could not be reached, did not answer in time, or the connection broke before the whole answer was here.
    #[error("the target cannot be reached")]
    #[non_exhaustive]
    Unreachable {
        /// What the connection said.
        #[source]
        source: BoxError,
    },
    /// It answered with another status than success.
    #[error("the target answers with status {status}")]
    #[non_exhaustive]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// Its answer is no text of metrics: a page, JSON, or bytes that are not UTF-8.
    #[error("the answer is no exposition: {reason}")]
    #[non_exhaustive]
    NotExposition {
        /// What it is instead.
        reason: String,
    },
    /// Its answer is larger than allowed.
    #[error("the answer is larger than the limit of {limit} bytes")]
    #[non_exhaustive]
    TooLarge {
        /// The limit that it exceeds.
        limit: usize,
    },
    /// Its answer cannot be read.
    #[error("the answer cannot be read")]
    #[non_exhaustive]
    Exposition {
        /// Where, and why.
        #[source]
        source: ExpositionError,
    },
    /// The store has no room for its series.
    #[error("the samples cannot be stored")]
    #[non_exhaustive]
    Store {
        /// Which limit was reached.
        #[source]
        source: AppendError,
    },
}

impl ScrapeError {
    /// Whether the next scrape may succeed without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status } => *status >= 500 || *status == 429,
            // A proxy shows a page while what is behind it restarts.
            Self::NotExposition { .. } => true,
            Self::TooLarge { .. } | Self::Exposition { .. } | Self::Store { .. } => false,
        }
    }

    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

/// Why a sample was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The series already has a sample of that instant or a later one.
    #[error("the series has a sample that is as new or newer")]
    OutOfOrder,
    /// It is older than what is kept.
    #[error("the sample is older than the retention")]
    TooOld,
    /// The store is full.
    #[error("the store holds {limit} {unit}, which is its limit")]
    #[non_exhaustive]
    Full {
        /// The limit.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
}

/// A scraper cannot be built so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {reason}")]
#[non_exhaustive]
pub struct ConfigError {
    /// Which part of the configuration.
    pub what: String,
    /// What is wrong with it.
    pub reason: String,
}

impl ConfigError {
    pub(crate) fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into() }
    }
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl Position {
    /// Where the byte `offset` of `text` lies.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Self { line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
    }
}

/// An expression that is no PromQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct PromqlError {
    /// Where; unknown for some mistakes that only the whole expression shows.
    pub position: Option<Position>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for PromqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(Position { line, column }) => {
                write!(f, "line {line}, column {column}: {}", self.reason)
            }
            None => f.write_str(&self.reason),
        }
    }
}

/// An expression that the embedded source does not evaluate, or not as Prometheus would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{feature}: {why}")]
#[non_exhaustive]
pub struct NotConforming {
    /// The function or the feature of the language.
    pub feature: String,
    /// Why it is refused.
    pub why: String,
}

impl NotConforming {
    pub(crate) fn new(feature: impl Into<String>, why: impl Into<String>) -> Self {
        Self { feature: feature.into(), why: why.into() }
    }
}
