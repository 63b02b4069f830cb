//! Plans: those that wait for people, and what was decided about the others.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use mapek_loop::{CycleReport, Decided, LoopState};
use mapek_model::{Approval, CycleNumber, InvalidName, Plan, PlanHash, PlanId, Timestamp};
use serde::Serialize;

use super::{
    App, Problem,
    page::{self, Limit},
};

/// A plan, and where it stands.
#[derive(Debug, Clone, Serialize)]
struct Proposed<'a> {
    /// What it would do; the same in every cycle that proposes the same.
    hash: PlanHash,
    /// The cycle that proposed it last; absent if that cycle is no longer kept.
    cycle: Option<CycleNumber>,
    /// Since when it is before people; absent unless it is.
    since: Option<Timestamp>,
    /// What they said.
    approval: Option<&'a Approval>,
    /// What that cycle decided; absent if it did not get so far.
    decided: Option<&'a Decided>,
    /// Why it is not to be acted on yet.
    waits: Option<String>,
    plan: &'a Plan,
}

/// Those before people first, then the newest.
pub(super) async fn list(State(app): State<App>, limit: Limit) -> Response {
    let state = app.state();
    // The same plan is proposed again in every cycle until its cause is gone: it is listed once.
    let mut known = BTreeSet::new();
    let mut all = proposed(&state);
    all.retain(|one| known.insert(one.hash));
    page::list(&state, all.into_iter(), limit)
}

pub(super) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let wanted: PlanId = id
        .parse()
        .map_err(|error: InvalidName| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let state = app.state();
    let found = proposed(&state).into_iter().find(|one| one.plan.id == wanted);
    // A plan that was run outlives the cycle that proposed it.
    let run = || state.executions.values().find(|run| run.plan.id == wanted);
    let found = found.or_else(|| run().map(|execution| Proposed::new(&execution.plan)));
    let found = found.ok_or_else(|| Problem::missing("plan", wanted, "/api/v1/plans"))?;
    Ok(Json(found).into_response())
}

impl<'a> Proposed<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self {
            hash: plan.hash(),
            cycle: None,
            since: None,
            approval: None,
            decided: None,
            waits: None,
            plan,
        }
    }
}

/// All that are kept: a plan that was proposed in many cycles is there as often.
fn proposed(state: &LoopState) -> Vec<Proposed<'_>> {
    let in_cycles: Vec<_> =
        state.reports.iter().rev().flat_map(|report| proposed_in(report)).collect();
    let mut newest = BTreeMap::new();
    for one in &in_cycles {
        newest.entry(one.hash).or_insert(one);
    }
    let before_people = state.proposals.iter().map(|proposal| Proposed {
        since: Some(proposal.since),
        approval: Some(&proposal.approval),
        plan: &proposal.plan,
        ..newest
            .get(&proposal.hash)
            .map_or_else(|| Proposed::new(&proposal.plan), |one| (*one).clone())
    });
    let mut all: Vec<_> = before_people.collect();
    all.extend(in_cycles);
    all
}

fn proposed_in(report: &CycleReport) -> impl Iterator<Item = Proposed<'_>> {
    let cycle = Some(report.number);
    let decided = |id: PlanId| report.decisions.iter().find(move |decided| decided.plan == id);
    let planned = report.planning.plans.iter().map(move |plan| Proposed {
        cycle,
        decided: decided(plan.id),
        ..Proposed::new(plan)
    });
    let waiting = report.planning.waiting.iter().map(move |waiting| Proposed {
        cycle,
        waits: Some(waiting.reason.to_string()),
        ..Proposed::new(&waiting.plan)
    });
    planned.chain(waiting)
}
