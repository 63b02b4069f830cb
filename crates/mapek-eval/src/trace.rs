//! What happened in one run, as far as it is needed to score it, to draw it, and to ask what would have been otherwise.

use charter_sim::Mutation;
use mapek_model::{ActionKind, Cause, Confidence, ExecutionId, Expectation, StepIndex, Way};
use serde::Serialize;

/// One run: a scenario under a seed, steered by somebody. Times are seconds after the end of the warm-up; the warm-up itself is
/// negative.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trace {
    /// The scenario.
    pub scenario: String,
    /// What random numbers came from.
    pub seed: u64,
    /// Who steered.
    pub entrant: String,
    /// The plant, every few seconds.
    pub moments: Vec<Moment>,
    /// What whoever steered saw and thought, each time they looked.
    pub looks: Vec<Look>,
    /// What was done to the plant, in order.
    pub calls: Vec<CallRecord>,
}

/// The plant at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Moment {
    /// When.
    pub at_s: f64,
    /// Whether the objective is met.
    pub met: bool,
    /// How much is lost: 0 to 1.
    pub loss: f64,
    /// p99 of validation, in seconds.
    pub validation_p99_s: f64,
    /// Share of requests that fail: 0 to 1.
    pub failure_rate: f64,
    /// Requests served per second.
    pub throughput: f64,
    /// Requests that arrive per second, retries included.
    pub arrivals: f64,
    /// Requests over what the nodes can serve: 1 is all that they can do.
    pub load: f64,
    /// Replicas wanted.
    pub replicas: u32,
}

/// One look at the system, and what was made of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Look {
    /// When.
    pub at_s: f64,
    /// What is breached.
    pub open: Vec<Expectation>,
    /// Causes that were told, most likely first, with the confidence that was stated.
    pub causes: Vec<(Cause, Confidence)>,
    /// Whether it was decided to act.
    pub acts: bool,
    /// What people are told.
    pub escalations: Vec<String>,
    /// What an operator answered.
    pub answered: Vec<String>,
}

/// A call that changes the plant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallRecord {
    /// When.
    pub at_s: f64,
    /// What kind of action it is, whichever way it goes.
    pub kind: ActionKind,
    /// What was asked for.
    #[serde(serialize_with = "as_words")]
    pub mutation: Mutation,
    /// What came of it.
    pub result: CallResult,
    /// Which step of which execution it was, where there are executions.
    pub step: Option<StepOf>,
}

/// A step of an execution, one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StepOf {
    /// The execution.
    pub execution: ExecutionId,
    /// The step.
    pub step: StepIndex,
    /// There or back.
    pub way: Way,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallResult {
    /// It took effect.
    Applied,
    /// It was refused, without effect.
    Refused,
    /// It took effect, and the answer never came.
    Lost,
}

impl CallResult {
    /// Whether it changed anything.
    #[must_use]
    pub const fn took_effect(self) -> bool {
        matches!(self, Self::Applied | Self::Lost)
    }
}

/// The call and what it is about, in words.
fn as_words<S: serde::Serializer>(mutation: &Mutation, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&words(mutation))
}

/// `scale to 8`, `restart validator-1`, `apply mapek-throttle`, `roll privacy-baseline back`.
#[must_use]
pub fn words(mutation: &Mutation) -> String {
    match mutation {
        Mutation::Apply(request) => {
            let id = request.policy.policy_id.as_ref().map(ToString::to_string);
            format!("apply {}", id.unwrap_or_else(|| request.policy.name.clone()))
        }
        Mutation::Rollback(policy) => format!("roll {policy} back"),
        Mutation::Scale(request) => format!("scale to {}", request.replicas),
        Mutation::Restart(request) => match &request.node {
            Some(node) => format!("restart {node}"),
            None => "restart all".to_owned(),
        },
    }
}
