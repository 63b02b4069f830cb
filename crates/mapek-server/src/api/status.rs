//! The loop at a glance.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use mapek_loop::{LoopState, Statistics};
use mapek_model::{Approval, Severity, TargetId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::{App, cycles::Summary};

/// What `/api/v1/status` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Status {
    target: TargetId,
    version: String,
    ready: bool,
    /// Why it is not ready.
    unready: Option<String>,
    /// Why no action is allowed.
    paused: Option<String>,
    next_due: Option<Timestamp>,
    last_cycle: Option<Summary>,
    /// Seconds that the newest cycle took, by stage.
    stage_seconds: BTreeMap<&'static str, f64>,
    /// Open violations by severity.
    violations: BTreeMap<&'static str, usize>,
    plans_awaiting_approval: usize,
    executions_live: usize,
    executions_needing_operator: usize,
    statistics: Statistics,
}

pub(super) async fn status(State(app): State<App>) -> Json<Status> {
    let state = app.state();
    let unready = app.unready().map(|why| why.to_string());
    Json(Status {
        target: state.target.clone(),
        version: app.version.to_string(),
        ready: unready.is_none(),
        unready,
        paused: state.paused.clone(),
        next_due: state.next_due,
        last_cycle: state.last().map(|report| Summary::of(report)),
        stage_seconds: stage_seconds(&state),
        violations: violations(&state),
        plans_awaiting_approval: awaiting_approval(&state),
        executions_live: state.executions.values().filter(|one| one.status.is_live()).count(),
        executions_needing_operator: state.needing_operator(),
        statistics: state.statistics.clone(),
    })
}

fn stage_seconds(state: &LoopState) -> BTreeMap<&'static str, f64> {
    let stages = state.timings.stages().into_iter();
    let all = stages.chain([("total", state.timings.total)]);
    // Before the first cycle there is nothing to tell.
    all.filter(|_| state.last().is_some()).map(|(name, took)| (name, took.as_secs_f64())).collect()
}

pub(crate) fn awaiting_approval(state: &LoopState) -> usize {
    let pending = |approval: &Approval| matches!(approval, Approval::Pending { .. });
    state.proposals.iter().filter(|proposal| pending(&proposal.approval)).count()
}

pub(crate) fn violations(state: &LoopState) -> BTreeMap<&'static str, usize> {
    let mut counts: BTreeMap<_, _> =
        Severity::ALL.iter().map(|severity| (severity.as_str(), 0)).collect();
    for violation in state.last().into_iter().flat_map(|report| &report.seen.open) {
        *counts.entry(violation.severity.as_str()).or_default() += 1;
    }
    counts
}
