//! What nothing is done about although something is wrong: no plan, no permission, or a loop that fails.

use std::collections::BTreeMap;

use mapek_execute::{Decision, Refusal};
use mapek_loop::{CycleReport, LoopState, NoPlanning};

use super::Condition;
use crate::Kind;

/// So many faulty cycles in a row are no hiccup.
const FAULTY: usize = 2;

pub(super) fn conditions(state: &LoopState) -> Vec<Condition> {
    let mut found: Vec<_> = faulty(state).into_iter().collect();
    found.extend(state.last().into_iter().flat_map(|last| held_back(last)));
    let Some(report) = newest_that_planned(state) else { return found };
    found.extend(no_plan(report));
    found.extend(no_permission(report));
    found
}

/// Whether a cycle has looked, and has planned where there was something to plan for.
pub(super) fn is_known(state: &LoopState) -> bool {
    let Some(last) = state.last() else { return false };
    let planned = state.reports.iter().any(|report| report.no_planning.is_none());
    planned || last.seen.open.is_empty()
}

/// The newest cycle that planned, as long as what it said may still be so: not while a plan is at work, nor where nothing is
/// wrong any more.
fn newest_that_planned(state: &LoopState) -> Option<&CycleReport> {
    let last = state.last()?;
    let busy = matches!(last.no_planning, Some(NoPlanning::Awaits { .. }));
    if busy || last.seen.open.is_empty() {
        return None;
    }
    let planned = state.reports.iter().rev().find(|report| report.no_planning.is_none());
    planned.map(AsRef::as_ref)
}

fn no_plan(report: &CycleReport) -> Option<Condition> {
    let why = report.planning.escalate.as_ref()?;
    let open = report.seen.open.len();
    let text = format!("{open} violation(s) are open, and nothing is done: {why}");
    let condition = Condition::new(Kind::Escalation, "no-plan", "there is no plan", text);
    Some(condition.fact("why", why).fact("violations", open))
}

/// A pause and a frozen target are told of as what they are.
fn is_told_otherwise(refusals: &[Refusal]) -> bool {
    refusals.iter().all(|it| it.rail == "pause" || it.rail == "frozen_target")
}

/// What was begun and may not go on: it stands half done until it may, or its plan expires and it is undone.
fn held_back(report: &CycleReport) -> impl Iterator<Item = Condition> {
    report.progress.iter().filter_map(|progress| {
        let advance = &progress.advance;
        let Some(Decision::Refused { refusals }) = &advance.held_back else { return None };
        if is_told_otherwise(refusals) || advance.status.may_have_run().is_empty() {
            return None;
        }
        let (id, status) = (advance.execution, &advance.status);
        let why = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let text = format!("execution {id} ({status}) may not go on: {why}");
        let condition =
            Condition::new(Kind::Escalation, format!("held/{id}"), "a plan is half done", text);
        Some(condition.fact("rails", rails(refusals)).fact("execution", id))
    })
}

fn rails(refusals: &[Refusal]) -> String {
    refusals.iter().map(|it| it.rail.as_str()).collect::<Vec<_>>().join(", ")
}

/// One for each cause: its plans may be others in each cycle.
fn no_permission(report: &CycleReport) -> impl Iterator<Item = Condition> {
    let mut refused = BTreeMap::new();
    for decided in &report.decisions {
        let Decision::Refused { refusals } = &decided.decision else { continue };
        if is_told_otherwise(refusals) {
            continue;
        }
        let plan = report.planning.plans.iter().find(|plan| plan.id == decided.plan);
        let cause = plan.map(|plan| plan.cause.to_string()).unwrap_or_default();
        refused.entry(cause).or_insert((decided, refusals));
    }
    refused.into_iter().map(|(cause, (decided, refusals))| {
        let why = decided.decision.to_string();
        let text = format!("{} may not run: {why}", decided.summary);
        let subject = format!("refused/{cause}");
        let condition = Condition::new(Kind::Escalation, subject, "a plan may not run", text);
        condition.fact("rails", rails(refusals)).fact("hash", decided.hash).fact("cause", cause)
    })
}

fn faulty(state: &LoopState) -> Option<Condition> {
    let last: Vec<_> = state.reports.iter().rev().take(FAULTY).collect();
    if last.len() < FAULTY || last.iter().any(|report| report.faults.is_empty()) {
        return None;
    }
    let fault = last.first()?.faults.first()?;
    let text = format!("cycles fail, and begin nothing: {fault}");
    Some(
        Condition::new(Kind::Escalation, "faulty", "the loop itself fails", text)
            .fact("fault", fault),
    )
}
