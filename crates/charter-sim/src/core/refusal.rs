//! Why a call is not done.

use std::ops::Deref;

use charter_client::{Problem, ProblemKind, Reason};

use crate::plant::{FleetRefusal, PolicyRefusal};

/// A call that was refused, with the problem as it goes over the wire. Nothing has changed.
///
/// ```
/// use charter_client::ProblemKind;
/// use charter_sim::{Charter, Fault, FaultKind, PlantConfig};
/// use jiff::Timestamp;
///
/// let mut charter = Charter::try_new(PlantConfig::default(), 7, Timestamp::UNIX_EPOCH)?;
/// let refusal = charter.inject(Fault::new(FaultKind::Leak).on_node("nobody")).unwrap_err();
/// assert_eq!(refusal.kind(), Some(ProblemKind::ValidationFailed));
/// # Ok::<(), charter_sim::InvalidConfig>(())
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(Box<Problem>);

impl Refusal {
    /// A refusal of a kind, explained.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self::from(Problem::new(kind).with_detail(detail))
    }

    /// The problem itself.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        *self.0
    }

    /// A 422 with its reasons.
    pub(crate) fn invalid(detail: &str, reasons: Vec<Reason>) -> Self {
        Self::from(
            Problem::new(ProblemKind::ValidationFailed).with_detail(detail).with_reasons(reasons),
        )
    }
}

impl Deref for Refusal {
    type Target = Problem;

    fn deref(&self) -> &Problem {
        &self.0
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<ProblemKind> for Refusal {
    fn from(kind: ProblemKind) -> Self {
        Self::from(Problem::new(kind))
    }
}

impl From<FleetRefusal> for Refusal {
    fn from(refusal: FleetRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            FleetRefusal::OutOfRange { .. } => {
                Self::invalid("the size is not accepted", vec![Reason::new("replicas", text)])
            }
            FleetRefusal::NoSuchNode(_) => Self::new(ProblemKind::NodeNotFound, text),
            FleetRefusal::Busy => Self::new(ProblemKind::CommitteeBusy, text),
        }
    }
}

impl From<PolicyRefusal> for Refusal {
    fn from(refusal: PolicyRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            PolicyRefusal::NoSuchPolicy(_) => Self::new(ProblemKind::PolicyNotFound, text),
            PolicyRefusal::NothingInEffect(_) => Self::new(ProblemKind::PolicyConflict, text),
            PolicyRefusal::TooMany => {
                Self::invalid("there is no room", vec![Reason::new("policy", text)])
            }
        }
    }
}
