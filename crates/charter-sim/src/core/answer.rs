//! What a call is answered with, before any transport.

use charter_client::{ETag, PolicyId, Problem, ProblemKind, Reason};
use serde::Serialize;
use serde_json::Value;

use crate::plant::{FleetRefusal, PolicyRefusal};

/// A successful answer to a mutation, as it goes over the wire and as it is remembered under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The tag of the subject after the mutation.
    pub etag: ETag,
    /// Where the subject is, for what was created.
    pub location: Option<String>,
    /// Whether it is the remembered answer of an earlier request.
    pub replayed: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, body: &impl Serialize, etag: ETag) -> Self {
        let body =
            serde_json::to_value(body).expect("wire types have string keys and finite numbers");
        Self { status, body, etag, location: None, replayed: false }
    }
}

/// A 422 with its reasons.
pub(crate) fn invalid(detail: &str, reasons: Vec<Reason>) -> Problem {
    Problem::new(ProblemKind::ValidationFailed).with_detail(detail).with_reasons(reasons)
}

pub(crate) fn no_such_policy(id: &PolicyId) -> Problem {
    PolicyRefusal::NoSuchPolicy(id.clone()).into()
}

impl From<FleetRefusal> for Problem {
    fn from(refusal: FleetRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            FleetRefusal::OutOfRange { .. } => {
                invalid("the size is not accepted", vec![Reason::new("replicas", text)])
            }
            FleetRefusal::NoSuchNode(_) => Self::new(ProblemKind::NodeNotFound).with_detail(text),
            FleetRefusal::Busy => Self::new(ProblemKind::CommitteeBusy).with_detail(text),
        }
    }
}

impl From<PolicyRefusal> for Problem {
    fn from(refusal: PolicyRefusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            PolicyRefusal::NoSuchPolicy(_) => {
                Self::new(ProblemKind::PolicyNotFound).with_detail(text)
            }
            PolicyRefusal::NothingInEffect(_) => {
                Self::new(ProblemKind::PolicyConflict).with_detail(text)
            }
            PolicyRefusal::TooMany => {
                invalid("there is no room", vec![Reason::new("policy", text)])
            }
        }
    }
}
