//! Loops in various states, made by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mapek_execute::{Damaged, Decision, Proposal, Refusal};
use mapek_loop::{CycleReport, Decided, LoopState, Seen, WakeReason};
use mapek_model::{
    Approval, Confidence, CycleNumber, Diagnosis, Duration, Ending, Execution, ExecutionEvent,
    ExecutionId, ExecutionRecord, IdempotencyKey, Measured, Plan, SensorCensus, StepIndex,
    TargetId, Timestamp, UndoReason, Verdict, Violation, Way, later,
};
use mapek_plan::Planning;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Condition, Kind, Notice, Phase};

pub(crate) fn at(seconds: u64) -> Timestamp {
    let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    later(noon, Duration::from_secs(seconds))
}

fn read<T: serde::de::DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

pub(crate) fn condition(subject: &str) -> Condition {
    let title = "an execution needs an operator";
    Condition::new(Kind::NeedsOperator, subject, title, "look at it").since(at(0))
}

pub(crate) fn notice() -> Notice {
    Notice::of(&condition("x"), Phase::Began, &TargetId::default(), at(1))
}

pub(crate) fn execution_id(number: u128) -> ExecutionId {
    ExecutionId::from_uuid(Uuid::from_u128(number))
}

fn violation() -> Violation {
    read(json!({
        "target": "default", "expectation": "high-latency", "component": null, "severity": "critical",
        "onset": at(0), "last_seen": at(0), "closed": null, "witnesses": [], "metric": null,
        "value": 1.4, "threshold": 0.5, "labels": {}, "description": "answers are late",
    }))
}

pub(crate) fn plan(number: u128) -> Plan {
    let step = json!({
        "action": {"kind": "restart_service", "graceful": true, "timeout": "30s"},
        "undo": "irreversible", "preconditions": [], "wait": "0s",
    });
    read(json!({
        "id": Uuid::from_u128(number), "target": "default", "diagnosis": Uuid::from_u128(1),
        "cause": {"kind": "leak"}, "confidence": 0.8, "explains": [violation().key()], "steps": [step],
        "benefit": 1.0, "cost": 0.2, "score": 0.6, "success": 0.5, "risk_if_wrong": "medium",
        "priority": "high", "time_to_effect": "1m", "created": at(0), "expires": at(900), "rationale": "",
    }))
}

/// An execution whose only step was sent, and what happened then, each at its second.
pub(crate) fn execution(number: u128, then: Vec<(u64, ExecutionEvent)>) -> Execution {
    let (id, step) = (execution_id(number), StepIndex(0));
    let key = IdempotencyKey::of(id, step, Way::Do);
    let begun = [
        ExecutionEvent::Started {
            plan: Box::new(plan(number)),
            chosen_with: Confidence::MAX,
            before: Measured::default(),
        },
        ExecutionEvent::Intended { step, way: Way::Do, attempt: 1, key, captured: None },
    ];
    let begun = begun.into_iter().map(|event| (0, event));
    let record = |(seconds, event)| ExecutionRecord { execution: id, at: at(seconds), event };
    let records: Vec<_> = begun.chain(then).map(record).collect();
    Execution::replay(&records).unwrap()
}

pub(crate) fn applied() -> (u64, ExecutionEvent) {
    (0, ExecutionEvent::Applied { step: StepIndex(0), way: Way::Do, receipt: Value::Null })
}

pub(crate) fn judged(seconds: u64, verdict: Verdict) -> [(u64, ExecutionEvent); 2] {
    let judged = ExecutionEvent::Judged {
        verdict,
        reason: "as measured".to_owned(),
        after: Measured::default(),
        time_to_effect: None,
    };
    [(seconds, ExecutionEvent::VerificationBegan), (seconds, judged)]
}

pub(crate) fn ended(seconds: u64, ending: Ending) -> (u64, ExecutionEvent) {
    (seconds, ExecutionEvent::Ended { ending, reason: "that is why".to_owned() })
}

pub(crate) fn undone(seconds: u64) -> Vec<(u64, ExecutionEvent)> {
    let (step, way) = (StepIndex(0), Way::Undo);
    let key = IdempotencyKey::of(execution_id(0), step, way);
    let (why, reason) = (UndoReason::Degradation, "it got worse".to_owned());
    vec![
        (seconds, ExecutionEvent::UndoBegan { why, steps: vec![step], reason }),
        (seconds, ExecutionEvent::Intended { step, way, attempt: 1, key, captured: None }),
        (seconds, ExecutionEvent::Applied { step, way, receipt: Value::Null }),
        ended(seconds, Ending::Undone),
    ]
}

/// One that needs an operator since second `seconds`.
pub(crate) fn stuck(number: u128, seconds: u64) -> Execution {
    execution(number, vec![ended(seconds, Ending::NeedsOperator)])
}

pub(crate) fn quiet() -> LoopState {
    LoopState::new(TargetId::default())
}

pub(crate) fn with(executions: impl IntoIterator<Item = Execution>) -> LoopState {
    let executions = executions.into_iter().map(|execution| (execution.id, execution));
    let mut state = quiet();
    state.executions = executions.collect();
    state
}

pub(crate) fn damaged() -> Damaged {
    Damaged {
        execution: execution_id(7),
        target: None,
        reason: "it begins in the middle".to_owned(),
    }
}

pub(crate) fn proposal(number: u128) -> Proposal {
    let mut plan = plan(number);
    // Another plan, not only another id.
    plan.cause.component = Some(mapek_model::Component::try_new(format!("c{number}")).unwrap());
    Proposal {
        hash: plan.hash(),
        plan,
        requester: "loop".to_owned(),
        approval: Approval::pending(2),
        given: BTreeMap::new(),
        approved: None,
        since: at(0),
        updated: at(0),
    }
}

/// A cycle in which something was wrong.
pub(crate) fn report(number: u64) -> CycleReport {
    let diagnosis: Diagnosis = read(json!({
        "id": Uuid::from_u128(1), "target": "default", "at": at(0), "findings": [], "causes": [],
        "unexplained": [], "risk": null, "recommendations": [],
    }));
    CycleReport {
        number: CycleNumber::new(number),
        target: TargetId::default(),
        at: at(number),
        woken_by: BTreeSet::from([WakeReason::Interval]),
        diagnosis,
        seen: Seen {
            open: vec![violation()],
            gone: Vec::new(),
            closed: Vec::new(),
            quality: BTreeMap::new(),
            sensors: SensorCensus { total: 1, bad: 0 },
            values: BTreeMap::new(),
            trends: Vec::new(),
        },
        planning: Planning::default(),
        decisions: Vec::new(),
        no_planning: None,
        progress: Vec::new(),
        outcomes: Vec::new(),
        escalations: Vec::new(),
        paused: None,
        faults: Vec::new(),
        next_due: at(number + 30),
        unknown: BTreeSet::new(),
    }
}

/// The same, with a plan that this rail refuses.
pub(crate) fn refusing(number: u64, rail: &str) -> CycleReport {
    let plan = plan(u128::from(number));
    let decision = Decision::Refused { refusals: vec![Refusal::new(rail, "not now")] };
    let summary = "restart".to_owned();
    let decided = Decided { plan: plan.id, hash: plan.hash(), summary, decision, execution: None };
    let planning = Planning { plans: vec![plan], ..Planning::default() };
    CycleReport { planning, decisions: vec![decided], ..report(number) }
}

pub(crate) fn push(state: &mut LoopState, report: CycleReport) {
    state.reports.push_back(Arc::new(report));
}
