//! What only a person can close.

use axum::{extract::State, response::Response};
use mapek_loop::LoopState;
use mapek_model::{ExecutionId, TargetId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    App, Problem,
    page::{self, All, Asked},
};

/// An execution that freezes its target until a person resolves it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Stuck {
    pub(crate) execution: ExecutionId,
    /// Its target; absent if nobody can tell, and all are frozen.
    pub(crate) frozen: Option<TargetId>,
    /// Since when; absent if nobody can tell.
    pub(crate) since: Option<Timestamp>,
    /// What it was to do; absent if nobody can tell.
    pub(crate) did: Option<String>,
    /// Why a person has to look.
    pub(crate) why: String,
}

/// Oldest first; those whose age nobody can tell come before all others.
pub(super) async fn list(State(app): State<App>, asked: Asked<All>) -> Result<Response, Problem> {
    let state = app.state();
    page::list(&state, all(&state), &asked, |_, _| true, |one| one.execution.to_string(), |one| one)
}

/// All of it, in that order.
pub(crate) fn all(state: &LoopState) -> Vec<Stuck> {
    let mut stuck: Vec<_> = stuck(state).collect();
    stuck.sort_by_key(|one| (one.since, one.execution));
    stuck
}

fn stuck(state: &LoopState) -> impl Iterator<Item = Stuck> + '_ {
    let needing = state.executions.values().filter(|it| it.status.needs_operator());
    let needing = needing.map(|execution| {
        let steps: Vec<_> =
            execution.plan.steps.iter().map(|step| step.action.to_string()).collect();
        Stuck {
            execution: execution.id,
            frozen: Some(execution.plan.target.clone()),
            since: Some(execution.updated),
            did: Some(steps.join(", then ")),
            why: "it cannot be known what of it has taken effect, or an undo failed".to_owned(),
        }
    });
    let damaged = state.damaged.iter().map(|damaged| Stuck {
        execution: damaged.execution,
        frozen: damaged.target.clone(),
        since: None,
        did: None,
        why: format!("its log cannot be followed: {}", damaged.reason),
    });
    damaged.chain(needing)
}
