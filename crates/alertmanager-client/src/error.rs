use crate::{BoxError, SilenceId};

/// Why a call to Alertmanager failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client cannot be made as configured.
    #[error("configuration of {key}: {reason}")]
    #[non_exhaustive]
    Config {
        /// The setting, as the configuration names it.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Alertmanager could not be reached, or the connection broke.
    #[error("{call}: alertmanager cannot be reached")]
    #[non_exhaustive]
    Unreachable {
        /// What was asked.
        call: &'static str,
        /// What the connection said.
        #[source]
        source: BoxError,
    },
    /// No whole answer came in time.
    #[error("{call}: no answer within {seconds} s")]
    #[non_exhaustive]
    Timeout {
        /// What was asked.
        call: &'static str,
        /// How long was waited, in seconds.
        seconds: f64,
    },
    /// Alertmanager, or a proxy before it, answered with a status that is no success.
    #[error("{call}: status {status}: {message}")]
    #[non_exhaustive]
    Refused {
        /// What was asked.
        call: &'static str,
        /// The HTTP status.
        status: u16,
        /// What the answer says, shortened.
        message: String,
    },
    /// There is no silence of that id.
    #[error("no silence {id}")]
    #[non_exhaustive]
    NoSuchSilence {
        /// The id that was asked for.
        id: SilenceId,
    },
    /// The answer is not what API v2 promises: a proxy's page, or another program.
    #[error("{call}: answer is not of alertmanager api v2: {reason}")]
    #[non_exhaustive]
    Protocol {
        /// What was asked.
        call: &'static str,
        /// What is wrong with the answer, and where.
        reason: String,
    },
    /// The answer is larger than allowed.
    #[error("{call}: answer is larger than the limit of {limit} bytes")]
    #[non_exhaustive]
    TooLarge {
        /// What was asked.
        call: &'static str,
        /// The limit that it exceeds.
        limit: usize,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Refused { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_that_pass_are_transient() {
        let refused = |status| Error::Refused { call: "alerts", status, message: String::new() };
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(refused(status).is_transient(), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 422] {
            assert!(!refused(status).is_transient(), "{status}");
        }
    }
}
