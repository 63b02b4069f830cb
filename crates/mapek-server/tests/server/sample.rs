//! A loop in the middle of its work, made by hand, and a server that shows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use mapek_execute::{Decision, Proposal, Refusal};
use mapek_knowledge::{Insight, Topic};
use mapek_loop::{
    CycleReport, Decided, LoopState, NoPlanning, Progress, Seen, Timings, WakeReason,
};
use mapek_model::{
    Approval, Confidence, CycleNumber, Diagnosis, Execution, ExecutionEvent, ExecutionId,
    ExecutionRecord, ExecutionStatus, IdempotencyKey, Measured, Outcome, Plan, PlanId, Quality,
    Ratio, SensorCensus, SourceName, StepIndex, Tally, TargetId, Timestamp, Verdict, Violation,
    Way, later,
};
use mapek_plan::Planning;
use mapek_server::{Metrics, Options, Server, ServerConfig, router};
use serde_json::{Value, json};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};
use uuid::Uuid;

/// Seconds after noon of a day in March.
pub(crate) fn at(seconds: u64) -> Timestamp {
    let noon: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    later(noon, Duration::from_secs(seconds))
}

fn read<T: serde::de::DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

pub(crate) fn execution_id(number: u128) -> ExecutionId {
    ExecutionId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn plan_id(number: u128) -> PlanId {
    PlanId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn violation(name: &str, severity: &str, onset: Timestamp) -> Violation {
    read(json!({
        "target": "default", "expectation": name, "component": "validator", "severity": severity,
        "onset": onset, "last_seen": onset, "closed": null,
        "witnesses": [{
            "source": "rule", "by": "prometheus", "name": name, "family": "latency_seconds",
            "confirmed": true,
        }],
        "metric": "latency_seconds", "value": 1.4, "threshold": 0.5, "labels": {"job": "web"},
        "description": "answers are late",
    }))
}

pub(crate) fn plan(id: PlanId, action: Value, explains: &Violation) -> Plan {
    let action: mapek_model::Action = read(action);
    read(json!({
        "id": id, "target": "default", "diagnosis": Uuid::from_u128(1),
        "cause": {"kind": "overload", "component": "validator"}, "confidence": 0.8,
        "explains": [explains.key()],
        "steps": [{
            "action": action, "undo": action.kind().undo_class(), "preconditions": [], "wait": "0s",
        }],
        "benefit": 1.0, "cost": 0.15, "score": 0.61, "success": 0.5, "risk_if_wrong": "low",
        "priority": "high", "time_to_effect": "1m", "created": explains.onset,
        "expires": later(explains.onset, Duration::from_secs(900)), "rationale": "more workers",
    }))
}

pub(crate) fn diagnosis(at: Timestamp, open: &[Violation]) -> Diagnosis {
    let keys: Vec<_> = open.iter().map(Violation::key).collect();
    let findings = json!([{
        "kind": "temporal", "episodes": keys, "component": "validator", "confidence": 0.85,
        "hypothesis": "cascade failure in progress",
    }]);
    let causes = json!([{
        "cause": {"kind": "overload", "component": "validator"}, "confidence": 0.8,
        "explains": keys, "since": at, "persisted_cycles": 2, "reasons": ["queue grows"],
    }]);
    let none = json!([]);
    let sick = !open.is_empty();
    read(json!({
        "id": Uuid::from_u128(1), "target": "default", "at": at,
        "findings": if sick { &findings } else { &none },
        "causes": if sick { &causes } else { &none },
        "unexplained": [], "risk": if sick { json!("medium") } else { Value::Null },
        "recommendations": [],
    }))
}

/// An execution of one step, as far as its events have taken it.
pub(crate) fn execution(id: ExecutionId, plan: &Plan, events: Vec<ExecutionEvent>) -> Execution {
    Execution::replay(&records(id, plan, events)).unwrap()
}

/// Its log: the step took effect, and then this happened.
pub(crate) fn records(
    id: ExecutionId,
    plan: &Plan,
    events: Vec<ExecutionEvent>,
) -> Vec<ExecutionRecord> {
    let started = ExecutionEvent::Started {
        plan: Box::new(plan.clone()),
        chosen_with: Confidence::MAX,
        before: Measured { explained_open: 1, ..Measured::default() },
    };
    let step = StepIndex(0);
    let key = IdempotencyKey::of(id, step, Way::Do);
    let sent = [
        started,
        ExecutionEvent::Intended { step, way: Way::Do, attempt: 1, key, captured: None },
        ExecutionEvent::Applied { step, way: Way::Do, receipt: json!({"replicas": 5}) },
        ExecutionEvent::VerificationBegan,
    ];
    let events = sent.into_iter().chain(events);
    events.map(|event| ExecutionRecord { execution: id, at: plan.created, event }).collect()
}

pub(crate) fn judged(verdict: Verdict) -> ExecutionEvent {
    ExecutionEvent::Judged {
        verdict,
        reason: "all gone".to_owned(),
        after: Measured::default(),
        time_to_effect: Some(Duration::from_secs(40)),
    }
}

pub(crate) fn ended(ending: mapek_model::Ending) -> ExecutionEvent {
    ExecutionEvent::Ended { ending, reason: "verified".to_owned() }
}

pub(crate) fn outcome(execution: &Execution, verdict: Verdict) -> Outcome {
    Outcome {
        execution: execution.id,
        plan: execution.plan.id,
        plan_hash: execution.plan.hash(),
        target: execution.plan.target.clone(),
        cause: execution.plan.cause.clone(),
        signature: execution.plan.signature(),
        verdict,
        reason: "all gone".to_owned(),
        predicted: execution.plan.success,
        chosen_with: Confidence::MAX,
        before: execution.before.clone(),
        after: Measured::default(),
        time_to_effect: Some(Duration::from_secs(40)),
        started: execution.started,
        judged: later(execution.started, Duration::from_secs(60)),
    }
}

/// A cycle that saw these violations, on fresh evidence, and did nothing.
pub(crate) fn report(number: u64, at: Timestamp, open: Vec<Violation>) -> CycleReport {
    let prometheus = SourceName::try_new("prometheus").unwrap();
    CycleReport {
        number: CycleNumber::new(number),
        target: TargetId::default(),
        at,
        woken_by: BTreeSet::from([WakeReason::Interval]),
        diagnosis: diagnosis(at, &open),
        seen: Seen {
            open,
            gone: Vec::new(),
            closed: Vec::new(),
            quality: BTreeMap::from([(prometheus, Quality::fresh())]),
            sensors: SensorCensus { total: 6, bad: 0 },
            values: BTreeMap::from([("latency".to_owned(), 1.4)]),
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
        next_due: later(at, Duration::from_secs(30)),
        unknown: BTreeSet::new(),
    }
}

pub(crate) fn decided(plan: &Plan, decision: Decision, execution: Option<ExecutionId>) -> Decided {
    let summary = plan.steps[0].action.to_string();
    Decided { plan: plan.id, hash: plan.hash(), summary, decision, execution }
}

pub(crate) fn refused(rail: &str) -> Decision {
    Decision::Refused { refusals: vec![Refusal::new(rail, "not now")] }
}

pub(crate) fn progress(execution: &Execution) -> Progress {
    let advance = mapek_execute::Advance {
        execution: execution.id,
        target: execution.plan.target.clone(),
        events: Vec::new(),
        status: ExecutionStatus::clone(&execution.status),
        waits: None,
        held_back: None,
        fault: None,
        due: None,
    };
    Progress { advance, state: execution.clone() }
}

pub(crate) fn push(state: &mut LoopState, report: CycleReport) {
    state.next_due = Some(report.next_due);
    state.paused.clone_from(&report.paused);
    for progress in &report.progress {
        state.executions.insert(progress.state.id, progress.state.clone());
    }
    state.outcomes.extend(report.outcomes.iter().cloned());
    state.statistics.cycles += 1;
    state.chronicle.take(&report);
    state.reports.push_back(Arc::new(report));
}

/// Two cycles: the first started a plan, and the second waits for it. A better one waits for a person, and another was
/// run before.
pub(crate) fn state() -> LoopState {
    let mut state = LoopState::new(TargetId::default());
    let late = violation("high-latency", "critical", at(0));

    let scale = plan(plan_id(10), json!({"kind": "scale_up", "replicas": 5}), &late);
    let running = execution(execution_id(20), &scale, Vec::new());
    let throttle = json!({"kind": "throttle_requests", "rate_limit": 50.0});
    let throttle = plan(plan_id(11), throttle, &late);
    let mut first = report(41, at(0), vec![late.clone()]);
    first.planning.plans = vec![scale.clone(), throttle.clone()];
    let because = Refusal::new("autonomy", "the profile shipped asks for throttle_requests");
    let because = vec![because.unless("execute.rails.profile is auto")];
    first.decisions = vec![
        decided(&scale, Decision::Run, Some(running.id)),
        decided(&throttle, Decision::AwaitApproval { needed: 1, because }, None),
    ];
    first.planning.rejected = vec![read(json!({
        "cause": scale.cause, "actions": [{"kind": "scale_up", "replicas": 6}],
        "signature": "scale_up", "hash": scale.hash(),
        "reason": {"reason": "outranked", "rank": 6, "limit": 5, "needed": 0.2},
        "text": "scale up to 6 replicas: ranked 6, only the first 5 are proposed",
    }))];
    first.progress = vec![progress(&running)];
    push(&mut state, first);

    let mild = violation("stale-policy", "info", at(30));
    let mut second = report(42, at(30), vec![mild, late.clone()]);
    second.no_planning = Some(NoPlanning::Awaits { execution: running.id });
    push(&mut state, second);

    let earlier = violation("high-latency", "critical", "2026-03-01T10:00:00Z".parse().unwrap());
    let before = plan(plan_id(9), json!({"kind": "scale_up", "replicas": 4}), &earlier);
    let done = vec![judged(Verdict::Success), ended(mapek_model::Ending::Completed)];
    let done = execution(execution_id(19), &before, done);
    state.outcomes.push_back(outcome(&done, Verdict::Success));
    state.executions.insert(done.id, done);

    state.proposals.push(Proposal {
        hash: throttle.hash(),
        plan: throttle,
        requester: "loop".to_owned(),
        approval: Approval::pending(1),
        given: BTreeMap::new(),
        approved: None,
        since: at(0),
        updated: at(0),
    });
    state.insights.push(Insight {
        cause: scale.cause.kind.clone(),
        topic: Topic::Best { signature: scale.signature() },
        weight: Ratio::saturating(0.1),
        tally: Tally { success: 1, ..Tally::default() },
        text: "scale_up works best against overload".to_owned(),
    });
    state.timings = Timings {
        monitor: Duration::from_millis(20),
        total: Duration::from_millis(25),
        ..Timings::default()
    };
    state
}

/// A server that shows states, and stops with the value.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) address: SocketAddr,
    pub(crate) states: watch::Sender<Arc<LoopState>>,
    pub(crate) metrics: Metrics,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<(), mapek_server::Error>>,
}

impl Shown {
    pub(crate) async fn start(state: LoopState) -> Self {
        let metrics = Metrics::new();
        let (states, watched) = watch::channel(Arc::new(state));
        let options = Options {
            version: "1.2.3".to_owned(),
            metrics: Some(metrics.clone()),
            ..Options::default()
        };
        tokio::spawn(metrics.recorder().follow(watched.clone()));
        let mut shown = Self::serve(router(watched, options), ServerConfig::default()).await;
        (shown.states, shown.metrics) = (states, metrics);
        shown
    }

    /// Any router, under limits of one's own.
    pub(crate) async fn serve(router: axum::Router, config: ServerConfig) -> Self {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let server = server.with_config(config);
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(router, async {
            stopped.await.ok();
        }));
        let states = watch::Sender::new(Arc::new(LoopState::new(TargetId::default())));
        Self { address, states, metrics: Metrics::new(), stop: Some(stop), serving }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        client().get(self.url(path)).send().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.headers()["content-type"], "application/json", "{path}");
        response.json().await.unwrap()
    }

    /// Asks it to stop, and answers how it ended.
    pub(crate) async fn stop(mut self) -> Result<(), mapek_server::Error> {
        drop(self.stop.take());
        self.serving.await.unwrap()
    }
}

pub(crate) fn client() -> reqwest::Client {
    // No certificates are needed, and none may be installed.
    reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap()
}
