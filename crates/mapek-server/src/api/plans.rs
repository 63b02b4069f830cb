//! Plans: those that wait for people, and what was decided about the others.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use mapek_loop::{CycleReport, Decided, LoopState};
use mapek_model::{
    Action, Approval, Cause, CycleNumber, Execution, ExecutionId, InvalidName, Plan, PlanHash,
    PlanId, Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    App, Problem,
    page::{self, All, Asked},
};

/// A plan, and where it stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Proposed<'a> {
    /// What it would do; the same in every cycle that proposes the same.
    pub(crate) hash: PlanHash,
    /// The cycle that proposed it last; absent if that cycle is no longer kept.
    pub(crate) cycle: Option<CycleNumber>,
    /// Since when it is before people; absent unless it is.
    pub(crate) since: Option<Timestamp>,
    /// What they said.
    pub(crate) approval: Option<&'a Approval>,
    /// Whose approvals count, and when they gave them.
    pub(crate) given: Option<&'a BTreeMap<String, Timestamp>>,
    /// What that cycle decided; absent if it did not get so far.
    pub(crate) decided: Option<&'a Decided>,
    /// The newest execution of the same that began since it was proposed.
    pub(crate) execution: Option<ExecutionId>,
    /// Why it is not to be acted on yet.
    pub(crate) waits: Option<String>,
    /// The least that would have to be otherwise for it to run, as far as it can be told.
    pub(crate) unless: Vec<String>,
    pub(crate) plan: &'a Plan,
}

/// Those before people first, then the newest.
pub(super) async fn list(State(app): State<App>, asked: Asked<All>) -> Result<Response, Problem> {
    let state = app.state();
    page::list(&state, all(&state), &asked, |_, _| true, |one| one.hash.to_string(), |one| one)
}

pub(super) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let wanted: PlanId = id
        .parse()
        .map_err(|error: InvalidName| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let state = app.state();
    let found =
        find(&state, wanted).ok_or_else(|| Problem::missing("plan", wanted, "/api/v1/plans"))?;
    Ok(Json(found).into_response())
}

/// All plans, each once: the same plan is proposed again in every cycle until its cause is gone.
pub(crate) fn all(state: &LoopState) -> Vec<Proposed<'_>> {
    let mut known = BTreeSet::new();
    let mut all = proposed(state);
    all.retain(|one| known.insert(one.hash));
    all
}

/// The plan with this id. One that was run outlives the cycle that proposed it.
pub(crate) fn find(state: &LoopState, id: PlanId) -> Option<Proposed<'_>> {
    let found = proposed(state).into_iter().find(|one| one.plan.id == id);
    let run = || state.executions.values().find(|run| run.plan.id == id);
    found.or_else(|| run().map(|it| Proposed { execution: Some(it.id), ..Proposed::new(&it.plan) }))
}

/// What the plan with this id would do.
pub(super) fn hash_of(state: &LoopState, id: PlanId) -> Option<PlanHash> {
    proposed(state).into_iter().find(|one| one.plan.id == id).map(|one| one.hash)
}

/// What the newest cycle that planned did not propose.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Rejected<'a> {
    /// What it would have done; absent where it could not be made.
    hash: Option<PlanHash>,
    cycle: CycleNumber,
    cause: &'a Cause,
    /// Why not.
    text: &'a str,
    /// What would have to be otherwise for it to be proposed: any one of these.
    unless: Vec<String>,
    actions: &'a [Action],
}

/// Those of the newest cycle that planned at all; the likeliest causes first.
pub(super) async fn rejected(
    State(app): State<App>,
    asked: Asked<All>,
) -> Result<Response, Problem> {
    let state = app.state();
    let newest = state.reports.iter().rev().find(|report| report.no_planning.is_none());
    let rejected: Vec<_> = newest
        .into_iter()
        .flat_map(|report| report.planning.rejected.iter().map(|it| (report.number, it)))
        .map(|(cycle, it)| Rejected {
            hash: it.hash,
            cycle,
            cause: &it.cause,
            text: &it.text,
            unless: it.reason.changes(),
            actions: &it.actions,
        })
        .collect();
    // They have no name of their own: their place in their cycle is one.
    let named = rejected.into_iter().enumerate();
    let key = |(i, one): &(usize, Rejected<'_>)| format!("{}-{i}", one.cycle);
    page::list(&state, named, &asked, |_, _| true, key, |(_, one)| one)
}

impl<'a> Proposed<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self {
            hash: plan.hash(),
            cycle: None,
            since: None,
            approval: None,
            given: None,
            decided: None,
            execution: None,
            waits: None,
            unless: Vec::new(),
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
    let before_people = state.proposals.iter().map(|proposal| {
        let newest = newest.get(&proposal.hash);
        let newest = newest.map_or_else(|| Proposed::new(&proposal.plan), |one| (*one).clone());
        let decision = newest.decided.map(|decided| &decided.decision);
        Proposed {
            since: Some(proposal.since),
            approval: Some(&proposal.approval),
            given: Some(&proposal.given),
            // What people have said since counts.
            unless: decision.map(|it| it.changes(Some(&proposal.approval))).unwrap_or_default(),
            plan: &proposal.plan,
            ..newest
        }
    });
    let mut all: Vec<_> = before_people.collect();
    all.extend(in_cycles);
    note_begun(&mut all, state);
    all
}

/// What people have approved begins in a later cycle, by another id if it was made anew until then.
fn note_begun(all: &mut [Proposed<'_>], state: &LoopState) {
    let Some(oldest) = all.iter().map(|one| one.plan.created).min() else { return };
    let lately = state.executions.values().filter(|run| run.started >= oldest);
    // The newest comes last, and stays.
    let runs: BTreeMap<PlanHash, &Execution> = lately.map(|run| (run.plan.hash(), run)).collect();
    for one in all {
        let run = runs.get(&one.hash).filter(|run| run.started >= one.plan.created);
        if let Some(run) = run {
            one.execution = Some(run.id);
            one.unless.clear();
        }
    }
}

fn proposed_in(report: &CycleReport) -> impl Iterator<Item = Proposed<'_>> {
    let cycle = Some(report.number);
    let decided = |id: PlanId| report.decisions.iter().find(move |decided| decided.plan == id);
    let planned = report.planning.plans.iter().map(move |plan| {
        let decided = decided(plan.id);
        let unless = decided.map(|decided| decided.decision.changes(None)).unwrap_or_default();
        let execution = decided.and_then(|decided| decided.execution);
        Proposed { cycle, decided, execution, unless, ..Proposed::new(plan) }
    });
    let waiting = report.planning.waiting.iter().map(move |waiting| Proposed {
        cycle,
        waits: Some(waiting.reason.to_string()),
        unless: waiting.reason.changes(),
        ..Proposed::new(&waiting.plan)
    });
    planned.chain(waiting)
}
