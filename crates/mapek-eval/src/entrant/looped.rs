//! The loop itself, and the person beside it.

use std::{collections::BTreeSet, fmt};

use async_trait::async_trait;
use mapek_execute::{Control, Proposal};
use mapek_loop::{Cycle, CycleReport, WakeReason};
use mapek_model::{Approval, Plan, StepIndex, Timestamp, later};

use super::{Entrant, Seat, Steering, Turn};
use crate::{Approves, Error, Look, Scenario};

/// How a loop is put together for a seat.
pub type BuildLoop = dyn Fn(&Seat) -> Result<Cycle, Error> + Send + Sync;

/// The loop as somebody has configured it, with the operator of the scenario beside it.
pub struct Looped {
    name: String,
    build: Box<BuildLoop>,
    reports: bool,
}

impl Looped {
    /// A loop that `build` puts together.
    pub fn new(
        name: impl Into<String>,
        build: impl Fn(&Seat) -> Result<Cycle, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), build: Box::new(build), reports: false }
    }

    /// The same; each turn also hands over the cycle's report as JSON.
    #[must_use]
    pub fn with_reports(mut self) -> Self {
        self.reports = true;
        self
    }
}

impl fmt::Debug for Looped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Looped").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Entrant for Looped {
    fn name(&self) -> &str {
        &self.name
    }

    fn sit_down(&self, seat: Seat) -> Result<Box<dyn Steering>, Error> {
        let cycle = (self.build)(&seat)?;
        Ok(Box::new(Seated { cycle, seat, reports: self.reports }))
    }
}

struct Seated {
    cycle: Cycle,
    seat: Seat,
    reports: bool,
}

#[async_trait]
impl Steering for Seated {
    async fn turn(&mut self, now: Timestamp, mut woken_by: BTreeSet<WakeReason>) -> Turn {
        let control = self.cycle.control();
        let answered = answer(&self.seat.scenario, &control, now);
        if !answered.is_empty() {
            woken_by.insert(WakeReason::Request);
        }
        let report = self.cycle.run_once(now, woken_by).await;
        let mut look = look(&report);
        look.answered = answered;
        let executions = report.progress.iter().filter_map(|progress| {
            let steps = u16::try_from(progress.state.plan.steps.len()).ok()?;
            Some((progress.state.id, StepIndex(steps)))
        });
        let next = next_answer(&self.seat.scenario, &control);
        Turn {
            look,
            executions: executions.collect(),
            report: self.reports.then(|| serde_json::to_string(&*report).unwrap_or_default()),
            next_due: next.map_or(report.next_due, |it| it.max(now).min(report.next_due)),
        }
    }
}

fn look(report: &CycleReport) -> Look {
    let causes = report.diagnosis.causes.iter().map(|it| (it.cause.clone(), it.confidence));
    Look {
        at_s: 0.0,
        open: report.seen.open.iter().map(|it| it.expectation.clone()).collect(),
        causes: causes.collect(),
        acts: report.decisions.iter().any(|decided| decided.execution.is_some()),
        escalations: report.escalations.clone(),
        answered: Vec::new(),
    }
}

/// The people of a scenario: as many as any plan needs. They agree with each other.
const OPERATORS: [&str; 2] = ["first-operator", "second-operator"];

/// Answers what has waited long enough, as people do who know the fault; says what was answered.
fn answer(scenario: &Scenario, control: &Control, now: Timestamp) -> Vec<String> {
    let mut answered = Vec::new();
    for proposal in
        waiting(scenario, control).filter(|it| later(it.since, scenario.operator.after) <= now)
    {
        let verdict = if approves(scenario, &proposal.plan) {
            // A second opinion that comes too late finds the proposal approved.
            let given = OPERATORS.map(|by| control.approve(&proposal.hash, by, None, now));
            if given.iter().any(Result::is_ok) { "approved" } else { "could not approve" }
        } else {
            let why = Some("not what I would do");
            match control.reject(&proposal.hash, OPERATORS[0], why, now) {
                Ok(_) => "rejected",
                Err(_) => "could not reject",
            }
        };
        answered.push(format!("{verdict} a plan against {}", proposal.plan.cause));
    }
    answered
}

fn approves(scenario: &Scenario, plan: &Plan) -> bool {
    match scenario.operator.approves {
        Approves::Always => true,
        Approves::Never => false,
        Approves::Acceptable => plan.steps.iter().all(|it| scenario.accepts(&it.action.kind())),
    }
}

/// When somebody will have looked at what waits.
fn next_answer(scenario: &Scenario, control: &Control) -> Option<Timestamp> {
    waiting(scenario, control).map(|it| later(it.since, scenario.operator.after)).min()
}

/// What waits for somebody. Where nobody is there, it waits in vain.
fn waiting(scenario: &Scenario, control: &Control) -> impl Iterator<Item = Proposal> {
    let attended = scenario.operator.approves != Approves::Never;
    let pending = move |it: &Proposal| attended && matches!(it.approval, Approval::Pending { .. });
    control.proposals().into_iter().filter(pending)
}
