//! What can go wrong while looking.

/// Any error, boxed: no transport's type is part of this crate's API.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why evidence could not be had, or an inbox could not do its work.
///
/// `source_name` is the source as the configuration names it, `doing` what was asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source could not be reached, or the connection broke before the whole answer was here.
    #[error("{doing}: {source_name} cannot be reached")]
    #[non_exhaustive]
    Unreachable {
        /// The source.
        source_name: String,
        /// What was asked.
        doing: String,
        /// What the connection said.
        #[source]
        source: BoxError,
    },
    /// No whole answer came in time.
    #[error("{doing}: no answer from {source_name} in time")]
    #[non_exhaustive]
    Timeout {
        /// The source.
        source_name: String,
        /// What was asked.
        doing: String,
    },
    /// The source, or a proxy before it, answered that it cannot answer now (429 or 5xx).
    #[error("{doing}: {source_name} is unavailable, status {status}: {reason}")]
    #[non_exhaustive]
    Unavailable {
        /// The source.
        source_name: String,
        /// What was asked.
        doing: String,
        /// The HTTP status.
        status: u16,
        /// What the answer says, shortened.
        reason: String,
    },
    /// The source refuses this question: an expression that it cannot evaluate, a missing permission.
    #[error("{doing}: {source_name} refuses: {reason}")]
    #[non_exhaustive]
    Refused {
        /// The source.
        source_name: String,
        /// What was asked.
        doing: String,
        /// Why.
        reason: String,
    },
    /// The answer is outside the protocol: a proxy's page, or values that cannot be read.
    #[error("{doing}: answer of {source_name} is outside the protocol: {reason}")]
    #[non_exhaustive]
    Protocol {
        /// The source.
        source_name: String,
        /// What was asked.
        doing: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The answer is larger than allowed.
    #[error("{doing}: answer of {source_name} is larger than the limit of {limit} {unit}")]
    #[non_exhaustive]
    TooLarge {
        /// The source.
        source_name: String,
        /// What was asked.
        doing: String,
        /// The limit that it exceeds.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// The inbox has no room; the sender should come back.
    #[error("the inbox is full: {capacity} alerts wait")]
    #[non_exhaustive]
    Full {
        /// How many alerts it holds at most.
        capacity: usize,
    },
    /// What is durable could not be read or written.
    #[error("{doing} failed")]
    #[non_exhaustive]
    Storage {
        /// What was done.
        doing: String,
        /// What the store said.
        #[source]
        source: BoxError,
    },
    /// The configuration, or a saved state, makes no sense.
    #[error("{what}: {reason}")]
    #[non_exhaustive]
    Config {
        /// Which part of it.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// The source could not be reached.
    pub fn unreachable(
        source_name: impl Into<String>,
        doing: impl Into<String>,
        source: impl Into<BoxError>,
    ) -> Self {
        Self::Unreachable {
            source_name: source_name.into(),
            doing: doing.into(),
            source: source.into(),
        }
    }

    /// No whole answer came in time.
    pub fn timeout(source_name: impl Into<String>, doing: impl Into<String>) -> Self {
        Self::Timeout { source_name: source_name.into(), doing: doing.into() }
    }

    /// The source cannot answer now.
    pub fn unavailable(
        source_name: impl Into<String>,
        doing: impl Into<String>,
        status: u16,
        reason: impl Into<String>,
    ) -> Self {
        Self::Unavailable {
            source_name: source_name.into(),
            doing: doing.into(),
            status,
            reason: reason.into(),
        }
    }

    /// The source refuses this question.
    pub fn refused(
        source_name: impl Into<String>,
        doing: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::Refused {
            source_name: source_name.into(),
            doing: doing.into(),
            reason: reason.into(),
        }
    }

    /// The answer is outside the protocol.
    pub fn protocol(
        source_name: impl Into<String>,
        doing: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::Protocol {
            source_name: source_name.into(),
            doing: doing.into(),
            reason: reason.into(),
        }
    }

    /// The answer has more `unit` than `limit`.
    pub fn too_large(
        source_name: impl Into<String>,
        doing: impl Into<String>,
        limit: u64,
        unit: &'static str,
    ) -> Self {
        Self::TooLarge { source_name: source_name.into(), doing: doing.into(), limit, unit }
    }

    /// The inbox has no room.
    #[must_use]
    pub fn full(capacity: usize) -> Self {
        Self::Full { capacity }
    }

    /// What is durable could not be read or written.
    pub fn storage(doing: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Storage { doing: doing.into(), source: source.into() }
    }

    /// The configuration, or a saved state, makes no sense.
    pub fn config(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Config { what: what.into(), reason: reason.into() }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    ///
    /// A page of HTML is transient too: proxies show one while what is behind them restarts.
    ///
    /// ```
    /// use mapek_monitor::Error;
    ///
    /// assert!(Error::timeout("prometheus", "query `up`").is_transient());
    /// assert!(!Error::refused("prometheus", "query `up{`", "parse error").is_transient());
    /// ```
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Unavailable { .. }
            | Self::Protocol { .. }
            | Self::Full { .. }
            | Self::Storage { .. } => true,
            Self::Refused { .. } | Self::TooLarge { .. } | Self::Config { .. } => false,
        }
    }

    /// The whole chain of causes in one line, for a [`Doubt`](mapek_model::Doubt) or a log.
    #[must_use]
    pub fn chain(&self) -> String {
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
