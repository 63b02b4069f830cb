//! Execute alone: an effector of our own, and a plan of two steps whose second fails. The first is undone.
//!
//! `cargo run -p mapek-examples --example execute_alone`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use mapek_execute::{
    Config, EffectError, Effector, Executor, Order, Presence, Profile, Rails, Repeat, Sending,
};
use mapek_model::{
    Action, ActionKind, Captured, Cause, Confidence, Cost, Duration, Ending, ExecutionId, Labels,
    Observation, Plan, Priority, Quality, Resource, Risk, Score, Severity, SourceName, Step,
    TargetId, Timestamp, Utility, Violation, ViolationSource, Way, Witness, later,
};
use mapek_store::MemoryStore;
use serde_json::{Value, json};

/// A cluster that can be scaled, and whose load balancer refuses everything.
#[derive(Debug)]
struct Cluster {
    replicas: AtomicU64,
}

impl Cluster {
    fn set(&self, replicas: u64) -> Value {
        println!("  {} -> {replicas} replicas", self.replicas.swap(replicas, Ordering::SeqCst));
        json!({ "replicas": replicas })
    }
}

#[async_trait]
impl Effector for Cluster {
    /// Both actions set a state, so sending one of them twice changes nothing.
    fn repeat(&self, kind: &ActionKind, _: Way) -> Option<Repeat> {
        matches!(kind, ActionKind::ScaleUp | ActionKind::RebalanceLoad)
            .then_some(Repeat::AbsoluteSet)
    }

    /// What undo will need. It is in the journal before the step is sent.
    async fn capture(&self, _: &Action) -> Result<Value, EffectError> {
        Ok(json!(self.replicas.load(Ordering::SeqCst)))
    }

    async fn rehearse(&self, _: &Action, _: Way, _: &Captured) -> Result<(), EffectError> {
        Ok(())
    }

    async fn apply(
        &self,
        action: &Action,
        _: &Captured,
        _: &Sending,
    ) -> Result<Value, EffectError> {
        match action {
            Action::ScaleUp { replicas } => Ok(self.set(u64::from(*replicas))),
            _ => Err(EffectError::refused("the load balancer is read-only")),
        }
    }

    async fn undo(
        &self,
        _: &Action,
        captured: &Captured,
        _: &Value,
        _: &Sending,
    ) -> Result<Value, EffectError> {
        let before = captured.state.as_u64();
        Ok(self.set(before.ok_or_else(|| EffectError::refused("nothing was captured"))?))
    }

    /// Asked if an answer was lost, before another step, and before it is undone: is the effect there?
    async fn read_back(
        &self,
        _: &Action,
        way: Way,
        captured: &Captured,
        _: &Value,
    ) -> Result<Presence, EffectError> {
        let as_before = captured.state == json!(self.replicas.load(Ordering::SeqCst));
        Ok(match as_before == (way == Way::Undo) {
            true => Presence::Applied { receipt: Value::Null },
            false => Presence::NotApplied,
        })
    }
}

/// What is wrong: without a confirmed violation there is no reason to act, and the rails would refuse.
fn violation(at: Timestamp) -> Result<Violation, Box<dyn Error>> {
    let witness = Witness {
        source: ViolationSource::Rule,
        by: source(),
        name: "slow".to_owned(),
        family: None,
        confirmed: true,
    };
    Ok(Violation {
        target: TargetId::default(),
        expectation: "slow".parse()?,
        component: None,
        severity: Severity::Critical,
        onset: at,
        last_seen: at,
        closed: None,
        witnesses: BTreeSet::from([witness]),
        metric: None,
        value: Some(2.0),
        threshold: Some(1.0),
        labels: Labels::default(),
        description: "it is slow".to_owned(),
    })
}

/// What to do about it, as Plan would have proposed it.
fn plan(violation: &Violation, at: Timestamp) -> Result<Plan, Box<dyn Error>> {
    let rebalance = Action::RebalanceLoad { strategy: "least_loaded".to_owned() };
    Ok(Plan {
        id: "00000000-0000-0000-0000-000000000001".parse()?,
        target: TargetId::default(),
        diagnosis: "00000000-0000-0000-0000-000000000002".parse()?,
        cause: Cause { kind: "overload".parse()?, component: None, metric: None },
        confidence: Confidence::try_new(0.9)?,
        explains: vec![violation.key()],
        steps: vec![Step::of(Action::ScaleUp { replicas: 5 }), Step::of(rebalance)],
        benefit: Utility::try_new(0.85)?,
        cost: Cost::try_new(0.265)?,
        score: Score::try_new(0.585)?,
        success: Confidence::try_new(0.5)?,
        risk_if_wrong: Risk::Low,
        priority: Priority::High,
        time_to_effect: Duration::from_secs(60),
        verification: None,
        symptoms: Vec::new(),
        created: at,
        expires: later(at, Duration::from_secs(600)),
        rationale: "more replicas, evenly loaded".to_owned(),
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Arc::new(Cluster { replicas: AtomicU64::new(3) });
    let effector: Arc<dyn Effector> = cluster.clone();
    let effectors = BTreeMap::from([(TargetId::default(), effector)]);

    // Without a state directory there is no pause file; the journal is in memory. Nobody is asked here.
    let mut config = Config { state_dir: None, ..Config::default() };
    config.rails.autonomy.profile = Profile::Auto;
    let rails = Rails::new(&config.rails);
    let store = Arc::new(MemoryStore::new());
    let (mut executor, _recovery) = Executor::open(config, rails, store, effectors)?;

    let mut now: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let violation = violation(now)?;
    let order = Order {
        execution: "00000000-0000-0000-0000-000000000003".parse::<ExecutionId>()?,
        plan: plan(&violation, now)?,
        chosen_with: Confidence::MAX,
    };
    let observed = |at| {
        let mut observation = Observation::empty(TargetId::default(), at);
        observation.quality.extend([(source(), Quality::fresh())]);
        observation.open.push(violation.clone());
        observation.resources.push(pool(3));
        observation
    };
    let id = executor.start(order, &observed(now), now)?;

    // Nothing sleeps in there: an execution is a state, and each call takes it as far as it gets.
    for _ in 0..20 {
        for advance in executor.advance(&observed(now), now).await? {
            for event in &advance.events {
                println!("{now}: {}", serde_json::to_value(event)?["event"]);
            }
            now = advance.due.unwrap_or(now).max(later(now, Duration::from_secs(1)));
        }
    }
    let execution = executor.control().execution(id)?;
    println!("{}: {}", execution.status, execution.reason.unwrap_or_default());
    assert_eq!(execution.status.ending(), Some(Ending::Undone));
    assert_eq!(cluster.replicas.load(Ordering::SeqCst), 3, "as it was before");
    Ok(())
}

/// How large it is: where nobody knows how much of it a plan would touch, nothing passes.
fn pool(replicas: u64) -> Resource {
    Resource {
        kind: "pool".to_owned(),
        id: "cluster".to_owned(),
        status: "normal".to_owned(),
        generation: None,
        changed: None,
        attributes: BTreeMap::from([("replicas".to_owned(), json!(replicas))]),
    }
}

fn source() -> SourceName {
    SourceName::try_new("prometheus").expect("it is a short word in small letters")
}
