//! A loop in the middle of an incident: requests pile up, one remedy works, another waits for people, and an old one is stuck.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mapek_execute::{Decision, Proposal, Refusal};
use mapek_knowledge::{Insight, Topic};
use mapek_loop::{CycleReport, LoopState, NoPlanning};
use mapek_model::{
    ActionKind, Approval, Confidence, CycleNumber, DoubtKind, Ending, Execution, ExecutionEvent,
    ExecutionId, IdempotencyKey, Measured, Plan, PlanId, Quality, Ratio, Sight, SourceName,
    StepIndex, Tally, UndoReason, Verdict, Violation, Way, later,
};
use mapek_server::{Credential, Identities, Proof, Role, TokenHash};
use serde_json::{Value, json};

use crate::sample::{
    at, decided, diagnosis, ended, execution, execution_id, judged, outcome, plan, plan_id,
    progress, push, records, report, violation,
};

/// The cycle in which most was decided.
pub(super) const DECIDED: u64 = 118;
/// Who looks at it: an approver.
pub(super) const ADA: &str = "ada";
/// The time in which it happens.
pub(super) const TIMELINE: &str = "/timeline?from=2026-03-01T11:58:00Z&to=2026-03-01T12:10:00Z";

pub(super) fn waiting_plan() -> PlanId {
    plan_id(0x1f3a)
}

pub(super) fn ended_execution() -> ExecutionId {
    execution_id(0x2e07)
}

/// Those who can come in, each with a token like the name.
pub(super) fn people() -> Identities {
    let one = |name: &str| Credential {
        person: name.parse().unwrap(),
        role: Role::Approver,
        proof: Proof::Token { hash: TokenHash::of(name), expires: None },
    };
    Identities::try_new(vec![one(ADA), one("grace")]).unwrap()
}

fn read<T: serde::de::DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn breach(
    name: &str,
    severity: &str,
    seconds: u64,
    what: &str,
    value: f64,
    limit: f64,
) -> Violation {
    let mut one = violation(name, severity, at(seconds));
    one.description = what.to_owned();
    (one.value, one.threshold) = (Some(value), Some(limit));
    one.labels = read(json!({"job": "charter", "severity": severity, "team": "sre"}));
    one
}

/// A plan with numbers of its own.
fn drawn(id: u128, action: Value, explains: &Violation, worth: [f64; 4], why: &str) -> Plan {
    let mut plan = plan(plan_id(id), action, explains);
    let [benefit, cost, score, success] = worth;
    plan.benefit = read(json!(benefit));
    plan.cost = read(json!(cost));
    plan.score = read(json!(score));
    plan.success = Confidence::saturating(success);
    plan.cause = read(json!({"kind": "overload"}));
    plan.rationale = why.to_owned();
    plan.created = later(explains.onset, Duration::from_secs(40));
    plan.expires = later(plan.created, Duration::from_secs(900));
    plan
}

/// When a cycle ran.
fn moment(number: u64) -> mapek_model::Timestamp {
    at((number - 100) * 30)
}

/// A cycle, with what was measured in it: quiet until the 115th, and then it gets worse.
fn cycle(number: u64, open: Vec<Violation>) -> CycleReport {
    let mut report = report(number, moment(number), open);
    let steps = u32::try_from(number - 100).unwrap();
    let (swing, bad) = (f64::from(steps % 4) / 100.0, f64::from(steps.saturating_sub(15)));
    let values = [
        ("committee_size", if number > DECIDED { 12.0 } else { 9.0 }),
        ("failure_rate", 0.01 + swing / 10.0 + 0.08 * bad),
        ("queue_length", 12.0 + 100.0 * swing + 44.0 * bad),
        ("throughput", 430.0 - 100.0 * swing - 4.0 * bad),
        ("validation_latency", 0.21 + swing + 0.43 * bad),
    ];
    report.seen.values = values.map(|(name, value)| (name.to_owned(), value)).into();
    report
}

fn looked(sight: Sight, left: f64, reason: &str) -> ExecutionEvent {
    ExecutionEvent::Looked { sight, left: Some(left), reason: reason.to_owned() }
}

fn measured(latency: f64, failures: f64) -> Measured {
    let values =
        [("failure_rate", failures), ("validation_latency", latency), ("throughput", 412.5)];
    let values = values.map(|(name, value)| (read(json!(name)), value));
    Measured { explained_open: 2, values: values.into(), ..Measured::default() }
}

/// Why a remedy was taken back.
const WORSE: &str = "more is open than before";

fn done(id: ExecutionId, plan: &Plan, verdict: Verdict, ending: Ending) -> Execution {
    let good = verdict == Verdict::Success;
    let mut judgement = judged(verdict);
    if let ExecutionEvent::Judged { after, reason, .. } = &mut judgement {
        *after = if good { measured(0.21, 0.01) } else { measured(2.4, 0.41) };
        let why = "none of the 2 episodes is open any more";
        if good { why } else { WORSE }.clone_into(reason);
    }
    let looks = if good {
        [
            looked(Sight::Better, 0.4, "1 of 2 episodes is over, the other gets better"),
            looked(Sight::Healed, 0.0, "nothing of it is open"),
        ]
    } else {
        [looked(Sight::Same, 1.0, "2 of 2 episodes are open"), looked(Sight::Worse, 1.3, WORSE)]
    };
    let mut events = vec![];
    events.extend(looks);
    events.push(judgement);
    if ending == Ending::Undone {
        let (step, way) = (StepIndex(0), Way::Undo);
        let key = IdempotencyKey::of(id, step, way);
        let reason = WORSE.to_owned();
        events.push(ExecutionEvent::UndoBegan {
            why: UndoReason::Degradation,
            steps: vec![step],
            reason,
        });
        events.push(ExecutionEvent::Intended { step, way, attempt: 1, key, captured: None });
        events.push(ExecutionEvent::Applied { step, way, receipt: json!({}) });
    }
    events.push(ended(ending));
    let mut log = records(id, plan, events);
    for (place, record) in (0..).zip(&mut log) {
        record.at = later(plan.created, Duration::from_secs(10 * place));
    }
    let mut execution = Execution::replay(&log).unwrap();
    execution.before = measured(1.93, 0.34);
    execution.irreversible = Some(Vec::new());
    execution
}

fn insight(cause: &str, topic: Topic, tally: Tally) -> Insight {
    let text = format!("{} of {} succeeded", tally.success, tally.judged());
    Insight { cause: read(json!(cause)), topic, weight: Ratio::saturating(0.4), tally, text }
}

fn tally(success: u32, partial: u32, ineffective: u32, degradation: u32) -> Tally {
    let time_to_effect = Some(Duration::from_secs(42));
    Tally { success, partial, ineffective, degradation, unknown: 0, time_to_effect }
}

pub(super) fn state() -> LoopState {
    let mut state = LoopState::new(mapek_model::TargetId::default());
    let (slow, failing, stale) = (
        breach(
            "high-validation-latency",
            "critical",
            500,
            "p99 of validation is over its limit",
            1.93,
            0.5,
        ),
        breach("high-failure-rate", "warning", 520, "more requests fail than may", 0.34, 0.1),
        breach(
            "stale-policy",
            "info",
            525,
            "a policy has not been loaded for a day",
            91_400.0,
            86_400.0,
        ),
    );
    let open = vec![slow.clone(), failing, stale];

    let scale = drawn(
        0x1f38,
        json!({"kind": "scale_up", "replicas": 12}),
        &slow,
        [0.81, 0.15, 0.66, 0.86],
        "capacity for what arrives, and a fifth more",
    );
    let throttle = drawn(
        0x1f3a,
        json!({"kind": "throttle_requests", "rate_limit": 380.0}),
        &slow,
        [0.7, 0.4, 0.3, 0.64],
        "less in, so that what is in gets done; taken back once arrivals are as usual",
    );
    let mut bypass = drawn(
        0x1f3b,
        json!({"kind": "bypass_validation", "duration": "5m", "scope": "low-risk"}),
        &slow,
        [0.74, 0.7, 0.04, 0.5],
        "validation is what is slow",
    );
    bypass.risk_if_wrong = mapek_model::Risk::High;

    for number in 100..=116 {
        push(&mut state, cycle(number, Vec::new()));
    }
    let mut began = cycle(117, vec![slow.clone()]);
    began.diagnosis.causes.clear();
    began.diagnosis.unexplained = vec![slow.key()];
    push(&mut state, began);

    let running = execution(
        execution_id(0x2e08),
        &scale,
        vec![looked(Sight::Better, 0.6, "1 of 2 episodes is over")],
    );
    let mut busy = cycle(DECIDED, open.clone());
    busy.diagnosis = diagnosis(moment(DECIDED), &open);
    let [first] = &mut busy.diagnosis.causes[..] else { panic!("one cause") };
    first.cause = read(json!({"kind": "overload"}));
    first.confidence = Confidence::saturating(0.87);
    first.reasons = vec![
        "more arrives than usual (+3.6 robust deviations)".to_owned(),
        "queues grow on all nodes alike (+1.9)".to_owned(),
        "no policy was changed in the last half hour (+0.4)".to_owned(),
    ];
    let mut second = first.clone();
    second.cause = read(json!({"kind": "retry-cascade"}));
    second.confidence = Confidence::saturating(0.09);
    second.reasons = vec![
        "failures come back as arrivals (+0.3)".to_owned(),
        "but arrivals rose first (−1.2)".to_owned(),
    ];
    busy.diagnosis.causes.push(second);
    busy.planning.plans = vec![scale.clone(), throttle.clone(), bypass.clone()];
    let refusals = vec![
        Refusal::new("blast_radius", "it would touch all 9 of 9 nodes, at most 5 are allowed")
            .unless("at most 5 nodes are touched"),
        Refusal::new("doubt", "one source alone says so, and the risk is high")
            .unless("a second independent source says so"),
    ];
    let because = vec![Refusal::new("autonomy", "throttle_requests is only suggested")];
    busy.decisions = vec![
        decided(&scale, Decision::Run, Some(running.id)),
        decided(&throttle, Decision::AwaitApproval { needed: 2, because }, None),
        decided(&bypass, Decision::Refused { refusals }, None),
    ];
    busy.planning.rejected = vec![
        read(json!({
            "cause": {"kind": "overload"}, "actions": [{"kind": "restart_service", "graceful": true, "timeout": "30s"}],
            "signature": "restart_service", "hash": scale.hash(),
            "reason": {"reason": "does_not_pay", "benefit": 0.11, "cost": 0.2, "score": -0.09, "needed": null, "needed_utility": 0.24},
            "text": "restart the service: benefit 0.11 does not exceed cost 0.20",
        })),
        read(json!({
            "cause": {"kind": "retry-cascade"}, "actions": [], "signature": "", "hash": null,
            "reason": {"reason": "unsure", "confidence": 0.09, "needed": 0.6},
            "text": "confidence 0.09 is below 0.60",
        })),
    ];
    let mut moved = progress(&running);
    moved.advance.events = vec![
        ExecutionEvent::Rehearsed { irreversible: Vec::new() },
        ExecutionEvent::Applied {
            step: StepIndex(0),
            way: Way::Do,
            receipt: json!({"replicas": 12}),
        },
        ExecutionEvent::VerificationBegan,
    ];
    moved.advance.waits = Some("its effect, which is looked for at 12:10:00".to_owned());
    busy.progress = vec![moved];
    push(&mut state, busy);

    let mut last = cycle(119, open.clone());
    last.diagnosis = state.last().unwrap().diagnosis.clone();
    last.no_planning = Some(NoPlanning::Awaits { execution: running.id });
    let doubtful = Quality::fresh().with(
        DoubtKind::TargetDown,
        "up{instance=\"node-7\"}",
        "node-7 cannot be scraped",
    );
    last.seen.quality.insert(SourceName::try_new("alertmanager").unwrap(), Quality::fresh());
    last.seen.quality.insert(SourceName::try_new("charter").unwrap(), doubtful);
    last.seen.sensors.total = 9;
    last.seen.sensors.bad = 1;
    let trend = |name: &str, way: &str| {
        read(json!({"name": name, "direction": way, "slope": 0.1, "value": 1.0, "deviation": 2.0}))
    };
    last.seen.trends = vec![
        trend("failure_rate", "falling"),
        trend("queue_length", "falling"),
        trend("throughput", "rising"),
        trend("committee_size", "steady"),
    ];
    push(&mut state, last);

    let old = |number: u128, action: Value| {
        let earlier = breach("high-validation-latency", "critical", 0, "", 1.5, 0.5);
        drawn(number, action, &earlier, [0.8, 0.15, 0.6, 0.8], "capacity")
    };
    let before = old(0x1f30, json!({"kind": "scale_up", "replicas": 9}));
    let good = done(ended_execution(), &before, Verdict::Success, Ending::Completed);
    let policy = old(
        0x1f31,
        json!({"kind": "rollback_policy", "policy": "default-limits", "from_version": "14"}),
    );
    let bad = done(execution_id(0x2e06), &policy, Verdict::Degradation, Ending::Undone);
    let restart = old(
        0x1f32,
        json!({"kind": "restart_service", "graceful": true, "timeout": "30s", "node": "node-7"}),
    );
    let unknown = ExecutionEvent::Ended {
        ending: Ending::NeedsOperator,
        reason: "the restart was sent and nobody answered".to_owned(),
    };
    let stuck = execution(execution_id(0x2e05), &restart, vec![unknown]);
    for (run, verdict) in [(&bad, Verdict::Degradation), (&good, Verdict::Success)] {
        let mut outcome = outcome(run, verdict);
        outcome.reason.clone_from(&run.judgement.as_ref().unwrap().reason);
        state.outcomes.push_back(outcome);
    }
    for run in [running, good, bad, stuck] {
        state.executions.insert(run.id, run);
    }
    state.disabled.insert(ActionKind::RebalanceLoad, at(100));
    state.proposals.push(Proposal {
        hash: throttle.hash(),
        plan: throttle,
        requester: "loop".to_owned(),
        approval: Approval::Pending { needed: 2, by: ["grace".to_owned()].into() },
        given: BTreeMap::from([("grace".to_owned(), at(560))]),
        approved: None,
        since: at(540),
        updated: at(560),
    });
    let plans = |signature: &str| Topic::Plan { signature: signature.parse().unwrap() };
    let best = |signature: &str| Topic::Best { signature: signature.parse().unwrap() };
    state.insights = vec![
        insight("overload", best("scale_up"), tally(14, 2, 1, 0)),
        insight("overload", plans("scale_up"), tally(14, 2, 1, 0)),
        insight("overload", plans("throttle_requests"), tally(3, 1, 1, 0)),
        insight("overload", Topic::Nothing, tally(1, 0, 6, 0)),
        insight("policy-misconfiguration", plans("rollback_policy"), tally(5, 0, 0, 0)),
        insight("policy-misconfiguration", plans("restart_service"), tally(0, 0, 2, 1)),
        insight("hot-spot", plans("rebalance_load+restart_service"), tally(2, 1, 0, 1)),
    ];
    assert_eq!(state.last().unwrap().number, CycleNumber::new(119));
    state
}

/// The same, with a text wherever somebody outside has a say.
pub(super) fn hostile(text: &str) -> LoopState {
    let mut state = state();
    state.chronicle = mapek_loop::Chronicle::default();
    let reports: Vec<_> = state.reports.drain(..).map(|it| it.as_ref().clone()).collect();
    for mut report in reports {
        for one in report.seen.open.iter_mut().chain(&mut report.seen.closed) {
            one.description = format!("{text} {}", "x".repeat(300));
            one.labels = read(
                json!({"job": text, "a_label_with_quite_a_long_name": text, "instance": "y".repeat(300)}),
            );
        }
        for cause in &mut report.diagnosis.causes {
            cause.reasons.push(text.to_owned());
        }
        for finding in &mut report.diagnosis.findings {
            text.clone_into(&mut finding.hypothesis);
        }
        for plan in &mut report.planning.plans {
            text.clone_into(&mut plan.rationale);
        }
        report.seen.values.insert(text.to_owned(), f64::MAX);
        report.escalations = vec![text.to_owned()];
        report.faults = vec![format!("{text} {}", "z".repeat(300))];
        report.paused = Some(text.to_owned());
        state.chronicle.take(&report);
        state.reports.push_back(Arc::new(report));
    }
    state.paused = Some(format!("paused by ada: {text}"));
    for run in state.executions.values_mut() {
        run.reason = Some(text.to_owned());
    }
    for one in &mut state.proposals {
        text.clone_into(&mut one.plan.rationale);
    }
    for one in &mut state.outcomes {
        text.clone_into(&mut one.reason);
    }
    state
}
