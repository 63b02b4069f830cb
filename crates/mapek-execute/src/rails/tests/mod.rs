//! Each rail refuses what it is there for, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use mapek_model::{
    Action, ActionKind, Component, DoubtKind, Duration, Execution, ExecutionEvent, ExecutionId,
    ExecutionRecord, IdempotencyKey, Measured, Observation, Plan, Quality, Resource, SensorCensus,
    SourceName, Step, StepIndex, TargetId, Timestamp, Verdict, Violation, Way, Witness, earlier,
    later, proptest1,
};
use proptest::{prelude::*, strategy::ValueTree as _};
use uuid::Uuid;

use super::*;

mod autonomy;
mod budget;
mod doubt;
mod edges;
mod place;
mod properties;

fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn node(name: &str) -> Action {
    let node = Some(Component::try_new(name).unwrap());
    Action::RestartService { graceful: true, timeout: seconds(1), node }
}

/// A plan of these actions with two confirmed episodes of two families, both open, on a pool of eight.
fn scene(actions: &[Action]) -> (Plan, Observation) {
    static MADE: LazyLock<(Plan, Violation)> = LazyLock::new(|| {
        let runner = &mut proptest::test_runner::TestRunner::deterministic();
        let plan = proptest1::plan().new_tree(runner).unwrap().current();
        (plan, proptest1::violation().new_tree(runner).unwrap().current())
    });
    let (mut plan, mut one) = MADE.clone();
    plan.steps = actions.iter().cloned().map(Step::of).collect();
    plan.expires = later(now(), seconds(60));
    plan.risk_if_wrong = mapek_model::Risk::Low;
    let mut observation = Observation::empty(TargetId::default(), now());
    one.expectation = mapek_model::Expectation::try_new("slow").unwrap();
    let mut other = one.clone();
    other.expectation = mapek_model::Expectation::try_new("failing").unwrap();
    let witness = one.witnesses.first().unwrap().clone();
    let of = |family: &str| {
        let family = Some(mapek_model::MetricName::try_new(family).unwrap());
        BTreeSet::from([Witness { family, ..witness.clone() }])
    };
    (one.witnesses, other.witnesses) = (of("latency"), of("failures"));
    plan.explains = vec![one.key(), other.key()];
    observation.open = vec![one, other];
    observation.resources = vec![Resource {
        kind: "pool".to_owned(),
        id: "workers".to_owned(),
        status: "normal".to_owned(),
        generation: None,
        changed: None,
        attributes: BTreeMap::from([("replicas".to_owned(), 8.into())]),
    }];
    (plan, observation)
}

fn low_risk() -> Action {
    Action::ScaleUp { replicas: 5 }
}

struct Ask<'a> {
    config: RailsConfig,
    others: Vec<&'a Execution>,
    approvals: BTreeSet<String>,
    rearmed: BTreeMap<ActionKind, Timestamp>,
    paused: Option<Paused>,
}

impl Ask<'_> {
    fn new() -> Self {
        let mut config = RailsConfig::default();
        config.autonomy.profile = Profile::Auto;
        Ask {
            config,
            others: Vec::new(),
            approvals: BTreeSet::new(),
            rearmed: BTreeMap::new(),
            paused: None,
        }
    }

    fn decide(&self, plan: &Plan, observation: &Observation) -> Decision {
        self.decide_at(plan, observation, now())
    }

    fn decide_at(&self, plan: &Plan, observation: &Observation, now: Timestamp) -> Decision {
        Rails::new(&self.config).decide(&Context {
            plan,
            execution: None,
            observation,
            now,
            approvals: &self.approvals,
            others: &self.others,
            damaged: &[],
            foreign: &[],
            resources: &[],
            rearmed: &self.rearmed,
            paused: self.paused.as_ref(),
        })
    }
}

#[track_caller]
fn refused_by(decision: &Decision, rail: &str) {
    let Decision::Refused { refusals } = decision else { panic!("{rail}: {decision:?}") };
    assert!(refusals.iter().any(|refusal| refusal.rail == rail), "{rail}: {decision}");
}

/// How many people are asked, and why.
#[track_caller]
fn asked(decision: &Decision) -> (u8, Vec<&str>) {
    let Decision::AwaitApproval { needed, because } = decision else { panic!("{decision:?}") };
    (*needed, because.iter().map(|it| it.reason.as_str()).collect())
}

#[test]
fn without_a_reason_nothing_is_refused() {
    let (plan, observation) = scene(&[low_risk(), node("a")]);
    assert_eq!(Ask::new().decide(&plan, &observation), Decision::Run);
}

#[test]
fn a_plan_without_steps_does_not_run() {
    let (plan, observation) = scene(&[]);
    assert_ne!(Ask::new().decide(&plan, &observation), Decision::Run);
}

#[test]
fn an_expired_plan_does_not_run() {
    let (mut plan, observation) = scene(&[low_risk()]);
    plan.expires = now();
    refused_by(&Ask::new().decide(&plan, &observation), "expiry");
}

#[test]
fn a_pause_refuses() {
    let (plan, observation) = scene(&[low_risk()]);
    let paused = Paused::Latch { who: "ada".to_owned(), reason: "x".to_owned(), at: now() };
    let ask = Ask { paused: Some(paused), ..Ask::new() };
    refused_by(&ask.decide(&plan, &observation), "pause");
}

/// An execution of these actions that has done the first of them.
fn execution(n: u128, actions: &[Action], started: Timestamp) -> Execution {
    done(n, actions, 1, started)
}

/// One that has done all of them.
fn executed(n: u128, actions: &[Action], started: Timestamp) -> Execution {
    done(n, actions, actions.len(), started)
}

fn done(n: u128, actions: &[Action], steps: usize, started: Timestamp) -> Execution {
    let id = ExecutionId::from_uuid(Uuid::from_u128(n));
    let (plan, _) = scene(actions);
    let record = |event| ExecutionRecord { execution: id, at: started, event };
    let (chosen_with, before) = (mapek_model::Confidence::MAX, Measured::default());
    let begin = ExecutionEvent::Started { plan: Box::new(plan), chosen_with, before };
    let mut execution = Execution::begin(&record(begin)).unwrap();
    for step in (0..).map(StepIndex).take(steps) {
        let way = Way::Do;
        let key = IdempotencyKey::of(id, step, way);
        for event in [
            ExecutionEvent::Intended { step, way, attempt: 1, key, captured: None },
            ExecutionEvent::Applied { step, way, receipt: serde_json::Value::Null },
        ] {
            execution.apply(&record(event)).unwrap();
        }
    }
    execution
}

fn end(mut execution: Execution, verdict: Verdict) -> Execution {
    let (id, at) = (execution.id, execution.started);
    let (after, time_to_effect) = (Measured::default(), None);
    let ending = mapek_model::Ending::Completed;
    for event in [
        ExecutionEvent::VerificationBegan,
        ExecutionEvent::Judged { verdict, reason: "measured".to_owned(), after, time_to_effect },
        ExecutionEvent::Ended { ending, reason: "done".to_owned() },
    ] {
        execution.apply(&ExecutionRecord { execution: id, at, event }).unwrap();
    }
    execution
}

/// The one change that is said to be needed.
#[track_caller]
fn change(decision: &Decision) -> String {
    let changes = decision.changes(None);
    let [change] = &changes[..] else { panic!("{changes:?}") };
    change.clone()
}

#[test]
fn what_is_said_to_be_needed_is_enough_and_no_less_is() {
    let (mut plan, observation) = scene(&[low_risk()]);
    plan.expires = later(now(), seconds(100_000));
    let run = |n: u64, ago: u64| {
        let at = earlier(now(), seconds(ago));
        end(execution(u128::from(n), &[low_risk()], at), Verdict::Success)
    };
    let often: Vec<_> = (1..=5).map(|n| run(n, 600 * n)).collect();
    let recent = run(9, 119);
    for others in [often.iter().collect(), vec![&recent]] {
        let ask = Ask { others, ..Ask::new() };
        let change = change(&ask.decide(&plan, &observation));
        let at = change.strip_prefix("it is ").and_then(|rest| rest.strip_suffix(" or later"));
        let at: Timestamp = at.unwrap_or_else(|| panic!("{change}")).parse().unwrap();
        let before = ask.decide_at(&plan, &observation, earlier(at, seconds(1)));
        assert!(matches!(before, Decision::Refused { .. }), "{change}");
        assert_eq!(ask.decide_at(&plan, &observation, at), Decision::Run, "{change}");
    }

    let mut doubtful = observation.clone();
    doubtful.sensors = SensorCensus { total: 10, bad: 5 };
    let said = change(&Ask::new().decide(&plan, &doubtful));
    assert_eq!(said, "at most 40 % of the 10 sensors are bad");
    doubtful.sensors.bad = 4;
    assert_eq!(Ask::new().decide(&plan, &doubtful), Decision::Run);

    let (restart, mut observation) = scene(&[node("a")]);
    observation.open.truncate(1);
    let said = change(&Ask::new().decide(&restart, &observation));
    assert!(said.starts_with("a second source confirms it"), "{said}");
}

#[test]
fn a_rail_of_ones_own_counts_like_the_others() {
    #[derive(Debug)]
    struct Never;
    impl Rail for Never {
        fn check(&self, _: &Context<'_>) -> Result<(), Refusal> {
            Err(Refusal::new("never", "not today"))
        }
    }
    let (plan, observation) = scene(&[low_risk()]);
    let ask = Ask::new();
    let decision = Rails::new(&ask.config).with(Box::new(Never)).decide(&Context {
        plan: &plan,
        execution: None,
        observation: &observation,
        now: now(),
        approvals: &ask.approvals,
        others: &[],
        damaged: &[],
        foreign: &[],
        resources: &[],
        rearmed: &ask.rearmed,
        paused: None,
    });
    refused_by(&decision, "never");
}
