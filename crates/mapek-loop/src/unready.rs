//! Why a loop does not do its work.

use std::fmt;

use mapek_model::{Duration, duration};

/// Why a loop does not do its work; the gravest reason, if there are several.
///
/// ```
/// use mapek_loop::Unready;
///
/// let stuck = Unready::NeedsOperator { count: 1 };
/// assert_eq!(stuck.to_string(), "1 execution needs an operator");
/// assert_eq!(stuck.as_str(), "needs_operator");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unready {
    /// It has ended: no cycle will follow.
    Stopped,
    /// Its first cycle has not run.
    Starting,
    /// Cycles do not complete any more.
    Hanging {
        /// For how long none has, in whole seconds.
        waited: Duration,
    },
    /// Nothing may be done until it is resumed.
    Paused {
        /// By whom, when, and what for.
        why: String,
    },
    /// Something went wrong inside the loop in its last cycle.
    Faulty {
        /// What.
        fault: String,
    },
    /// Executions wait for a person, and freeze their target until then.
    NeedsOperator {
        /// How many.
        count: usize,
    },
}

impl Unready {
    /// The word that machines read.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Hanging { .. } => "hanging",
            Self::Paused { .. } => "paused",
            Self::Faulty { .. } => "faulty",
            Self::NeedsOperator { .. } => "needs_operator",
        }
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("the loop has stopped"),
            Self::Starting => f.write_str("the first cycle has not run"),
            Self::Hanging { waited } => {
                write!(f, "no cycle has completed for {}", duration::format(*waited))
            }
            Self::Paused { why } => f.write_str(why),
            Self::Faulty { fault } => write!(f, "the last cycle failed: {fault}"),
            Self::NeedsOperator { count: 1 } => f.write_str("1 execution needs an operator"),
            Self::NeedsOperator { count } => write!(f, "{count} executions need an operator"),
        }
    }
}
