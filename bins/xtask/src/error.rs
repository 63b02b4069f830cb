//! Why a chore ended early, and what to type next.

use std::fmt;

/// A failure that a person reads in a terminal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// A command ended with a failure, or could not be started.
    Command {
        /// The command line, ready to be pasted.
        line: String,
        /// How it ended.
        how: String,
    },
    /// Anything else, in words.
    Other(String),
}

impl Error {
    pub(crate) fn other(text: impl Into<String>) -> Self {
        Self::Other(text.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { line, how } => {
                write!(f, "a command {how}; to run it again:\n    {line}")
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}
