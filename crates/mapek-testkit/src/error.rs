//! What can go wrong around a test, told so that the reader of a CI log needs nothing else.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

/// The cause of an error, of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a service, a fake or a condition failed the test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program or tool is not installed.
    #[error("`{program}` not found: run `cargo xtask setup`")]
    Missing {
        /// What was looked for, on `PATH` or below the target directory.
        program: String,
    },
    /// A service ended although it was needed.
    #[error("`{program}` ended with {status}; its output ends with:\n{output}")]
    Exited {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it wrote.
        output: String,
    },
    /// A tool did not accept what it was given.
    #[error("`{program}` refused its input:\n{output}")]
    Refused {
        /// The program.
        program: String,
        /// What it said.
        output: String,
    },
    /// A condition did not become true in time.
    #[error("{what} did not happen within {after:?}{}", output_block(.output))]
    TimedOut {
        /// The condition.
        what: String,
        /// The deadline.
        after: Duration,
        /// The last lines of the service that was waited for; empty where there is none.
        output: String,
    },
    /// A service that is stopped was asked to do something.
    #[error("`{program}` is not running")]
    Stopped {
        /// The program.
        program: String,
    },
    /// The operating system refused.
    #[error("{what} failed")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A service could not be asked, or answered with something else than success and JSON.
    #[error("{what} failed")]
    Http {
        /// What was asked.
        what: String,
        /// What came instead.
        #[source]
        source: BoxError,
    },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what: what.into(), source }
    }

    /// Whether a service found its port taken.
    pub(crate) fn is_address_in_use(&self) -> bool {
        matches!(self, Self::Exited { output, .. } if output.contains("address already in use"))
    }

    /// Adds what a service wrote to an error that can show it.
    pub(crate) fn with_output(self, said: impl FnOnce() -> String) -> Self {
        match self {
            Self::TimedOut { what, after, .. } => Self::TimedOut { what, after, output: said() },
            other => other,
        }
    }

    pub(crate) fn http(what: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Http { what: what.into(), source: source.into() }
    }
}

fn output_block(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!("; the output ends with:\n{output}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_tells_how_to_get_it() {
        let error = Error::Missing { program: "prometheus".into() };
        assert_eq!(error.to_string(), "`prometheus` not found: run `cargo xtask setup`");
    }

    #[test]
    fn a_timeout_shows_output_only_where_there_is_some() {
        let after = Duration::from_secs(1);
        let silent = Error::TimedOut { what: "rain".into(), after, output: String::new() };
        assert_eq!(silent.to_string(), "rain did not happen within 1s");
        let loud = Error::TimedOut { what: "rain".into(), after, output: "dry".into() };
        assert!(loud.to_string().ends_with("the output ends with:\ndry"));
    }
}
