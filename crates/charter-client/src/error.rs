//! What can go wrong with a call, sorted by what the caller needs to know: did it take effect, and is it
//! worth asking again.

use std::time::Duration;

use crate::{Call, Problem, ProblemKind};

/// Any error, boxed: no transport's type is part of this crate's API.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What a failed call left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The call has had no effect and will have none.
    NotApplied,
    /// It may have had its effect, or may still have it: read the state back, then decide.
    Unknown,
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was sent: the request could not be built, or no connection could be made.
    #[error("charter call {call} was not sent")]
    #[non_exhaustive]
    NotSent {
        /// The call.
        call: Call,
        /// Whether asking again may help: yes for a connection, no for a request that cannot be built.
        transient: bool,
        /// What prevented it.
        #[source]
        source: BoxError,
    },
    /// The request was, or may have been, sent, and no whole answer came: timeout, reset, truncated body.
    #[error("charter call {call} was sent but not answered")]
    #[non_exhaustive]
    Unanswered {
        /// The call.
        call: Call,
        /// What happened to the answer.
        #[source]
        source: BoxError,
    },
    /// Charter refused the request (4xx).
    #[error("charter refused call {call} with status {status}: {problem}")]
    #[non_exhaustive]
    Refused {
        /// The call.
        call: Call,
        /// The status code.
        status: u16,
        /// Why, as the server says.
        problem: Box<Problem>,
        /// When the server wants to be asked again, if it said so.
        retry_after: Option<Duration>,
    },
    /// Charter failed (5xx).
    #[error("charter failed in call {call} with status {status}: {problem}")]
    #[non_exhaustive]
    Server {
        /// The call.
        call: Call,
        /// The status code.
        status: u16,
        /// Why, as the server says.
        problem: Box<Problem>,
        /// When the server wants to be asked again, if it said so.
        retry_after: Option<Duration>,
    },
    /// What answered does not speak the protocol: a proxy's page, a redirect, an unreadable or huge body.
    #[error("answer to charter call {call} with status {status} is outside the protocol: {reason}")]
    #[non_exhaustive]
    Protocol {
        /// The call.
        call: Call,
        /// The status code.
        status: u16,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The call was tried several times. An attempt before the last was sent and never answered, so what
    /// the last one met does not settle whether the call took effect.
    #[error("charter call {call} is unsettled after {attempts} attempts")]
    #[non_exhaustive]
    Unsettled {
        /// The call.
        call: Call,
        /// Attempts made.
        attempts: u32,
        /// What the last attempt met.
        #[source]
        source: Box<Error>,
    },
}

impl Error {
    /// No connection could be made. Nothing left; asking again may help.
    pub fn not_connected(call: Call, source: impl Into<BoxError>) -> Self {
        Self::NotSent { call, transient: true, source: source.into() }
    }

    /// The request cannot be built. Nothing left; asking again does not help.
    pub fn not_built(call: Call, source: impl Into<BoxError>) -> Self {
        Self::NotSent { call, transient: false, source: source.into() }
    }

    /// The request left, or may have, and no whole answer came.
    pub fn unanswered(call: Call, source: impl Into<BoxError>) -> Self {
        Self::Unanswered { call, source: source.into() }
    }

    /// The server answered with a problem: below 500 it refused, from 500 it failed.
    #[must_use]
    pub fn problem(
        call: Call,
        status: u16,
        problem: Problem,
        retry_after: Option<Duration>,
    ) -> Self {
        let problem = Box::new(problem);
        if status < 500 {
            Self::Refused { call, status, problem, retry_after }
        } else {
            Self::Server { call, status, problem, retry_after }
        }
    }

    /// The server answered with a problem of a known kind, under that kind's status.
    ///
    /// ```
    /// use charter_client::{Call, Error, Outcome, Problem, ProblemKind};
    ///
    /// let error = Error::refused(Call::Policy, Problem::new(ProblemKind::PolicyNotFound));
    /// assert_eq!(error.status(), Some(404));
    /// assert_eq!(error.outcome(), Outcome::NotApplied);
    /// ```
    #[must_use]
    pub fn refused(call: Call, problem: Problem) -> Self {
        let status = problem.kind().map(ProblemKind::status).or(problem.status).unwrap_or(400);
        Self::problem(call, status, problem, None)
    }

    /// What answered does not speak the protocol.
    pub fn protocol(call: Call, status: u16, reason: impl Into<String>) -> Self {
        Self::Protocol { call, status, reason: reason.into() }
    }

    /// Marks an error as the last of several attempts of which an earlier one may have taken effect.
    #[must_use]
    pub fn unsettled(self, attempts: u32) -> Self {
        match self {
            Self::Unsettled { call, source, .. } => Self::Unsettled { call, attempts, source },
            last => Self::Unsettled { call: last.call(), attempts, source: Box::new(last) },
        }
    }

    /// The call that failed.
    #[must_use]
    pub fn call(&self) -> Call {
        match self {
            Self::NotSent { call, .. }
            | Self::Unanswered { call, .. }
            | Self::Refused { call, .. }
            | Self::Server { call, .. }
            | Self::Protocol { call, .. }
            | Self::Unsettled { call, .. } => *call,
        }
    }

    /// The status code of the (last) answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. }
            | Self::Server { status, .. }
            | Self::Protocol { status, .. } => Some(*status),
            Self::Unsettled { source, .. } => source.status(),
            Self::NotSent { .. } | Self::Unanswered { .. } => None,
        }
    }

    /// The kind of problem that the server named, if it named one that this version knows.
    #[must_use]
    pub fn problem_kind(&self) -> Option<ProblemKind> {
        match self {
            Self::Refused { problem, .. } | Self::Server { problem, .. } => problem.kind(),
            Self::Unsettled { source, .. } => source.problem_kind(),
            _ => None,
        }
    }

    /// When the server wants to be asked again, if it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Server { retry_after, .. } => *retry_after,
            Self::Unsettled { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    /// Whether the call can have changed Charter. For a call that only reads: whatever this says, nothing
    /// has changed.
    ///
    /// Only what Charter itself says counts as *not applied*: a page from a proxy proves nothing, whatever
    /// its status. `unavailable` is the one 5xx that promises that the request was not touched.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::NotSent { .. } => Outcome::NotApplied,
            // The first request with this key is at work at this moment.
            Self::Refused { .. } if self.problem_kind() == Some(ProblemKind::KeyInUse) => {
                Outcome::Unknown
            }
            Self::Refused { .. } => Outcome::NotApplied,
            Self::Server { .. } if self.problem_kind() == Some(ProblemKind::Unavailable) => {
                Outcome::NotApplied
            }
            Self::Server { .. }
            | Self::Unanswered { .. }
            | Self::Protocol { .. }
            | Self::Unsettled { .. } => Outcome::Unknown,
        }
    }

    /// Whether the same call may succeed later. It does not say that repeating is *safe*: a mutation
    /// whose [`outcome`](Self::outcome) is unknown needs an idempotency key that the server honours.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotSent { transient, .. } => *transient,
            Self::Unanswered { .. } => true,
            Self::Refused { status, .. } => {
                matches!(status, 408 | 425 | 429)
                    || matches!(
                        self.problem_kind(),
                        Some(ProblemKind::KeyInUse | ProblemKind::CommitteeBusy)
                    )
            }
            Self::Server { status, .. } => *status != 501,
            // A gateway's own page while the server behind it is away.
            Self::Protocol { status, .. } => matches!(status, 408 | 425 | 429 | 502..=504),
            Self::Unsettled { source, .. } => source.is_transient(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kind: ProblemKind) -> Error {
        Error::refused(Call::Scale, Problem::new(kind))
    }

    #[test]
    fn what_is_known_about_the_effect() {
        use Outcome::{NotApplied, Unknown};
        let scale = Call::Scale;
        for (error, outcome, transient) in [
            (Error::not_connected(scale, "refused"), NotApplied, true),
            (Error::not_built(scale, "bad"), NotApplied, false),
            (Error::unanswered(scale, "reset"), Unknown, true),
            (refused(ProblemKind::ValidationFailed), NotApplied, false),
            (refused(ProblemKind::EpochStale), NotApplied, false),
            (refused(ProblemKind::PreconditionFailed), NotApplied, false),
            (refused(ProblemKind::RateLimited), NotApplied, true),
            (refused(ProblemKind::CommitteeBusy), NotApplied, true),
            (refused(ProblemKind::KeyInUse), Unknown, true),
            (refused(ProblemKind::Internal), Unknown, true),
            (refused(ProblemKind::Unavailable), NotApplied, true),
            (Error::protocol(scale, 200, "html"), Unknown, false),
            (Error::protocol(scale, 502, "html"), Unknown, true),
            (Error::protocol(scale, 404, "html"), Unknown, false),
            (Error::not_connected(scale, "refused").unsettled(2), Unknown, true),
            (refused(ProblemKind::EpochStale).unsettled(2), Unknown, false),
        ] {
            assert_eq!(error.outcome(), outcome, "{error:?}");
            assert_eq!(error.is_transient(), transient, "{error:?}");
            assert_eq!(error.call(), scale);
        }
    }

    #[test]
    fn messages_name_the_call_and_the_reason() {
        let text = refused(ProblemKind::EpochStale).to_string();
        assert_eq!(text, "charter refused call scale with status 409: A newer leader was seen");
    }

    #[test]
    fn unsettled_is_not_nested() {
        let error = Error::unanswered(Call::Apply, "reset").unsettled(2).unsettled(3);
        let Error::Unsettled { attempts, source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*attempts, 3);
        assert!(matches!(**source, Error::Unanswered { .. }));
    }
}
