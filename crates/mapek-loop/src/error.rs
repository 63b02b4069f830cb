//! What can go wrong in the loop.

use mapek_execute::Error as Execute;

/// Why what a person asked for was not done, for those who have to say so in another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// What it is about is not known, or no more.
    Unknown,
    /// This person may not.
    Forbidden,
    /// It does not fit what has happened meanwhile.
    Conflict,
    /// A name or a reason is missing.
    Unsigned,
    /// It cannot be made to last at the moment.
    Unavailable,
    /// Something is wrong inside.
    Defect,
}

/// An error of the loop, or of a stage that it ran.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Execute refused or failed.
    #[error("the executor refused")]
    Execute(#[source] mapek_execute::Error),
    /// The loop no longer runs.
    #[error("the loop has stopped")]
    Stopped,
    /// A part that the loop cannot do without was not given to the builder.
    #[error("the loop needs {what}: give it to the builder")]
    #[non_exhaustive]
    Missing {
        /// Which part.
        what: &'static str,
    },
}

impl Error {
    /// Why it was not done.
    #[must_use]
    pub const fn obstacle(&self) -> Obstacle {
        match self {
            Self::Execute(Execute::UnknownExecution { .. } | Execute::UnknownProposal { .. }) => {
                Obstacle::Unknown
            }
            Self::Execute(Execute::OwnProposal { .. }) => Obstacle::Forbidden,
            Self::Execute(Execute::Unsigned { .. }) => Obstacle::Unsigned,
            Self::Execute(
                Execute::Proposal { .. }
                | Execute::Illegal { .. }
                | Execute::NotNow { .. }
                | Execute::TargetBusy { .. }
                | Execute::PauseFile { .. }
                | Execute::NotPermitted { .. }
                | Execute::NoEffector { .. },
            ) => Obstacle::Conflict,
            Self::Execute(Execute::Journal { .. } | Execute::TooManyProposals { .. })
            | Self::Stopped => Obstacle::Unavailable,
            _ => Obstacle::Defect,
        }
    }
}
