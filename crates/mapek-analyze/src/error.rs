//! What can be wrong with what an analyzer is given.

/// Why a configuration, a catalogue or a line is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is out of range.
    #[error("{field} {why}")]
    #[non_exhaustive]
    Config {
        /// The key, as the configuration writes it (`algorithms.temporal.window`).
        field: String,
        /// What it must be, and what it was.
        why: String,
    },
    /// The catalogue of causes contradicts itself.
    #[error("catalogue of causes: {subject}: {why}")]
    #[non_exhaustive]
    Catalogue {
        /// The kind of cause, the family, or the position in the JSON text.
        subject: String,
        /// What is wrong with it.
        why: String,
    },
    /// A line is no violation.
    #[error("line {line}: {field}: {why}")]
    #[non_exhaustive]
    Line {
        /// Which line, counted from 1.
        line: usize,
        /// Which field of it; `line` if it is the line as a whole.
        field: String,
        /// What was expected, and what it was.
        why: String,
    },
}

impl Error {
    pub(crate) fn config(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Config { field: field.into(), why: why.into() }
    }

    pub(crate) fn catalogue(subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Catalogue { subject: subject.into(), why: why.into() }
    }
}
