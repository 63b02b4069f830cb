//! What can go wrong around an execution. What goes wrong with a step is an event, not an error.

use std::path::PathBuf;

use mapek_model::{ExecutionId, IllegalTransition, PlanHash, ReplayError, TargetId};

use crate::Decision;

/// The executor could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal could not be read or written.
    #[error("{doing} failed")]
    #[non_exhaustive]
    Journal {
        /// What was being done.
        doing: &'static str,
        /// What the store said.
        #[source]
        source: mapek_store::Error,
    },
    /// Something cannot be written as JSON, or is not the JSON that it should be.
    #[error("{what} is no valid JSON")]
    #[non_exhaustive]
    Json {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The rails do not let the plan run.
    #[error("the plan may not run: {decision}")]
    #[non_exhaustive]
    NotPermitted {
        /// What they say.
        decision: Decision,
    },
    /// The target has a live execution; it gets no other one.
    #[error("target {target} awaits execution {execution}")]
    #[non_exhaustive]
    TargetBusy {
        /// The target.
        target: TargetId,
        /// Its execution.
        execution: ExecutionId,
    },
    /// There is no effector for the target, or it does not know an action.
    #[error("target {target} cannot be acted on: {reason}")]
    #[non_exhaustive]
    NoEffector {
        /// The target.
        target: TargetId,
        /// Why.
        reason: String,
    },
    /// The observation is about another target.
    #[error("an observation of {observed} says nothing about {target}")]
    #[non_exhaustive]
    WrongObservation {
        /// What was observed.
        observed: TargetId,
        /// What it was to be about.
        target: TargetId,
    },
    /// There is no such execution, its log is damaged, or it ended so long ago that only the journal remembers it.
    #[error("no execution {execution} is known")]
    #[non_exhaustive]
    UnknownExecution {
        /// Which one.
        execution: ExecutionId,
    },
    /// An event cannot follow what happened before.
    #[error("execution cannot go on so")]
    #[non_exhaustive]
    Illegal {
        /// Which event, after which status.
        #[source]
        source: ReplayError,
    },
    /// What a person asked for does not fit where the execution stands.
    #[error("execution {execution} is {status}: {may}")]
    #[non_exhaustive]
    NotNow {
        /// Which one.
        execution: ExecutionId,
        /// Where it stands.
        status: String,
        /// What may be done instead.
        may: &'static str,
    },
    /// There is no such proposal.
    #[error("no proposal {hash} is known")]
    #[non_exhaustive]
    UnknownProposal {
        /// The hash of its plan.
        hash: PlanHash,
    },
    /// A proposal has ended, or what is asked does not fit it.
    #[error("proposal {hash} cannot change so")]
    #[non_exhaustive]
    Proposal {
        /// The hash of its plan.
        hash: PlanHash,
        /// Why.
        #[source]
        source: IllegalTransition,
    },
    /// Whoever asked for a plan cannot approve it.
    #[error("{by} asked for this plan and cannot approve it")]
    #[non_exhaustive]
    OwnProposal {
        /// Who.
        by: String,
    },
    /// Too many proposals wait for people.
    #[error("{count} proposals wait already")]
    #[non_exhaustive]
    TooManyProposals {
        /// How many.
        count: usize,
    },
    /// What only a named person may do, with a reason, was asked by nobody or without one.
    #[error("{missing} must be given")]
    #[non_exhaustive]
    Unsigned {
        /// What is missing.
        missing: &'static str,
    },
    /// The loop cannot be resumed by this way while its file says that it is paused, or while the file cannot be read.
    #[error("the loop stays paused: {reason} ({})", path.display())]
    #[non_exhaustive]
    PauseFile {
        /// The file.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
}

impl Error {
    pub(crate) const fn journal(
        doing: &'static str,
    ) -> impl FnOnce(mapek_store::Error) -> Self + Copy {
        move |source| Self::Journal { doing, source }
    }

    pub(crate) const fn json(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self + Copy {
        move |source| Self::Json { what, source }
    }

    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Journal { source, .. } => source.is_transient(),
            Self::TargetBusy { .. } | Self::TooManyProposals { .. } | Self::PauseFile { .. } => {
                true
            }
            Self::NotPermitted { decision } => !matches!(decision, Decision::ObserveOnly),
            _ => false,
        }
    }
}
