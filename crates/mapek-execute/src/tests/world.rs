//! A managed system in memory that fails as it is told, and scenes to run plans in.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use mapek_model::{
    Action, ActionKind, Captured, Cause, CauseKind, Component, Confidence, Cost, DiagnosisId,
    Duration, EpisodeKey, Execution, ExecutionId, Expectation, Generation, Labels, MetricName,
    Observation, Plan, PlanId, Priority, Resource, Risk, Score, Severity, SourceName, Step,
    TargetId, Timestamp, UndoClass, Utility, Violation, ViolationSource, Way, Witness, later,
};
use mapek_store::{MemoryStore, Store};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    BlastRadiusConfig, Config, EffectError, Effector, Executor, Order, Presence, Profile, Rails,
    Recovery, Repeat, Sending,
};

/// How one call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is refused, and may not be later.
    Transient,
    /// It is refused for good.
    Refused,
    /// It takes effect, but nobody hears of it.
    AnswerLost,
    /// It never arrives, and nobody hears of that.
    RequestLost,
    /// It is answered as if it had taken effect, and has not.
    Lie,
    /// It is still on its way when nobody waits for its answer any more: [`World::arrive`] lets it take effect.
    Late,
}

#[derive(Debug, Default)]
pub(super) struct State {
    values: BTreeMap<String, String>,
    /// All effects in order: way and name of the action.
    pub(super) effects: Vec<(Way, String)>,
    pub(super) keys: Vec<String>,
    /// What undos were told of the steps.
    pub(super) receipts: Vec<Value>,
    calls: BTreeMap<(String, Way), usize>,
    /// What goes wrong with the n-th call for an action.
    pub(super) faults: BTreeMap<(String, Way, usize), Fault>,
    pub(super) unreadable: bool,
    /// It can be read so often, and then once not.
    pub(super) away_after: Option<usize>,
    /// It cannot be read, and never will be.
    pub(super) unreadable_for_good: bool,
    pub(super) blind: bool,
    pub(super) non_repeatable: bool,
    /// How long it remembers keys, without which nothing may be sent twice.
    pub(super) remembers: Option<Duration>,
    /// Actions whose undo would be refused for good, and those of which that cannot be said yet.
    pub(super) no_way_back: BTreeSet<String>,
    pub(super) way_back_unknown: BTreeSet<String>,
    /// Actions that would be refused for good.
    pub(super) not_accepted: BTreeSet<String>,
    /// Whether it tells which resource an action changes: the one of its name.
    pub(super) tells_resources: bool,
    /// What is still on its way.
    late: Vec<(Way, String, String)>,
}

/// It deduplicates nothing: whatever is sent twice takes effect twice, and shows.
#[derive(Debug, Clone, Default)]
pub(super) struct World(Arc<Mutex<State>>);

impl World {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn fail(&self, name: &str, way: Way, nth: usize, fault: Fault) {
        self.state().faults.insert((name.to_owned(), way, nth), fault);
    }

    pub(super) fn effects(&self, way: Way) -> Vec<String> {
        let state = self.state();
        state.effects.iter().filter(|it| it.0 == way).map(|it| it.1.clone()).collect()
    }

    /// Somebody else sets what an action of this name sets.
    pub(super) fn set_by_others(&self, name: &str, value: &str) {
        self.state().values.insert(name.to_owned(), value.to_owned());
    }

    /// What an action of this name sets.
    pub(super) fn is(&self, name: &str) -> String {
        self.state().values.get(name).cloned().unwrap_or_else(|| "initial".to_owned())
    }

    /// What is not as it was in the beginning.
    pub(super) fn changed(&self) -> BTreeSet<String> {
        let state = self.state();
        state.values.iter().filter(|(_, v)| *v != "initial").map(|(name, _)| name.clone()).collect()
    }

    /// What is still on its way arrives.
    pub(super) fn arrive(&self) {
        let mut state = self.state();
        for (way, name, value) in std::mem::take(&mut state.late) {
            state.effects.push((way, name.clone()));
            state.values.insert(name, value);
        }
    }

    fn call(
        &self,
        name: &str,
        way: Way,
        value: String,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        let mut state = self.state();
        let calls = state.calls.entry((name.to_owned(), way)).or_default();
        *calls += 1;
        let nth = *calls;
        state.keys.push(sending.key.to_string());
        // What is refused for good stays refused.
        let refused =
            (1..nth).any(|n| state.faults.get(&(name.to_owned(), way, n)) == Some(&Fault::Refused));
        let now = state.faults.get(&(name.to_owned(), way, nth)).copied();
        let fault = if refused { Some(Fault::Refused) } else { now };
        if matches!(fault, None | Some(Fault::AnswerLost)) {
            state.effects.push((way, name.to_owned()));
            state.values.insert(name.to_owned(), value.clone());
        }
        match fault {
            None | Some(Fault::Lie) => Ok(json!({ "now": value })),
            Some(Fault::Transient) => Err(EffectError::transient("busy")),
            Some(Fault::Refused) => Err(EffectError::refused("no")),
            Some(Fault::Late) => {
                state.late.push((way, name.to_owned(), value));
                Err(EffectError::unclear("timeout"))
            }
            Some(Fault::AnswerLost | Fault::RequestLost) => Err(EffectError::unclear("timeout")),
        }
    }

    fn value(&self, action: &Action) -> Result<String, EffectError> {
        let mut state = self.state();
        let left = state.away_after.take();
        state.away_after = left.and_then(|left| left.checked_sub(1));
        if state.unreadable || left == Some(0) {
            return Err(EffectError::transient("away"));
        }
        if state.unreadable_for_good {
            return Err(EffectError::refused("gone"));
        }
        let value = state.values.get(&name(action)).cloned();
        Ok(value.unwrap_or_else(|| "initial".to_owned()))
    }
}

fn name(action: &Action) -> String {
    action.kind().as_str().to_owned()
}

/// What an action sets: what its parameter `to` says, if it has one.
fn goal(action: &Action) -> String {
    let to = match action {
        Action::Custom { parameters, .. } => parameters.get("to").and_then(Value::as_str),
        _ => None,
    };
    to.unwrap_or("changed").to_owned()
}

#[async_trait]
impl Effector for World {
    fn repeat(&self, kind: &ActionKind, _: Way) -> Option<Repeat> {
        let state = self.state();
        let once = state.non_repeatable || *kind == ActionKind::RestartService;
        Some(match state.remembers {
            _ if once => Repeat::NonRepeatable,
            Some(_) => Repeat::Keyed,
            None => Repeat::AbsoluteSet,
        })
    }

    fn remembers_keys(&self) -> Option<Duration> {
        self.state().remembers
    }

    fn resource(&self, action: &Action) -> Option<String> {
        match action {
            Action::RollbackPolicy { policy, .. } | Action::ApplyPolicy { policy, .. } => {
                Some(policy.clone())
            }
            _ => self.state().tells_resources.then(|| name(action)),
        }
    }

    async fn capture(&self, action: &Action) -> Result<Value, EffectError> {
        Ok(Value::String(self.value(action)?))
    }

    async fn rehearse(&self, action: &Action, way: Way, _: &Captured) -> Result<(), EffectError> {
        let state = self.state();
        match way {
            Way::Undo if state.no_way_back.contains(&name(action)) => {
                Err(EffectError::refused("there is no way back"))
            }
            Way::Undo if state.way_back_unknown.contains(&name(action)) => {
                Err(EffectError::transient("not now"))
            }
            Way::Do if state.not_accepted.contains(&name(action)) => {
                Err(EffectError::refused("it does not fit"))
            }
            _ => Ok(()),
        }
    }

    async fn apply(
        &self,
        action: &Action,
        _: &Captured,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        self.call(&name(action), Way::Do, goal(action), sending)
    }

    async fn undo(
        &self,
        action: &Action,
        captured: &Captured,
        receipt: &Value,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        self.state().receipts.push(receipt.clone());
        let before = captured.state.as_str().unwrap_or_default().to_owned();
        self.call(&name(action), Way::Undo, before, sending)
    }

    async fn read_back(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
        _: &Value,
    ) -> Result<Presence, EffectError> {
        let now = self.value(action)?;
        let as_it_should_be =
            if way == Way::Do { now == goal(action) } else { captured.state == now.as_str() };
        if self.state().blind {
            return Ok(Presence::Unknown { reason: "nothing shows it".to_owned() });
        }
        Ok(if as_it_should_be {
            Presence::Applied { receipt: json!({ "read": true }) }
        } else {
            Presence::NotApplied
        })
    }
}

pub(super) fn start_time() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn custom(name: &str) -> Step {
    let action = Action::Custom { name: name.to_owned(), parameters: BTreeMap::new() };
    Step { undo: UndoClass::RestoreCaptured, ..Step::of(action) }
}

/// An open episode that two independent families show; `slow@node-1` is one on a component.
pub(super) fn violation(expectation: &str, onset: Timestamp) -> Violation {
    let (expectation, component) = match expectation.split_once('@') {
        Some((expectation, at)) => (expectation, Some(Component::try_new(at).unwrap())),
        None => (expectation, None),
    };
    let witness = |family: &str| Witness {
        source: ViolationSource::Rule,
        by: SourceName::try_new("prometheus").unwrap(),
        name: expectation.to_owned(),
        family: Some(MetricName::try_new(family).unwrap()),
        confirmed: true,
    };
    Violation {
        target: TargetId::default(),
        expectation: Expectation::try_new(expectation).unwrap(),
        component,
        severity: Severity::Critical,
        onset,
        last_seen: onset,
        closed: None,
        witnesses: BTreeSet::from([witness("latency"), witness("failures")]),
        metric: None,
        value: Some(2.0),
        threshold: Some(1.0),
        labels: Labels::default(),
        description: "too slow".to_owned(),
    }
}

pub(super) fn plan(steps: Vec<Step>) -> Plan {
    let onset = start_time();
    let key = |violation: Violation| -> EpisodeKey { violation.key() };
    Plan {
        id: PlanId::from_uuid(Uuid::from_u128(7)),
        target: TargetId::default(),
        diagnosis: DiagnosisId::from_uuid(Uuid::from_u128(8)),
        cause: Cause {
            kind: CauseKind::try_new("overload").unwrap(),
            component: Some(Component::try_new("node-1").unwrap()),
            metric: None,
        },
        confidence: Confidence::saturating(0.9),
        explains: vec![key(violation("slow", onset)), key(violation("failing", onset))],
        steps,
        benefit: Utility::saturating(0.9),
        cost: Cost::saturating(0.2),
        score: Score::saturating(0.7),
        success: Confidence::saturating(0.5),
        risk_if_wrong: Risk::Low,
        priority: Priority::High,
        time_to_effect: seconds(60),
        verification: None,
        symptoms: Vec::new(),
        created: onset,
        expires: later(onset, seconds(3600)),
        rationale: "it is slow".to_owned(),
    }
}

pub(super) fn config() -> Config {
    let mut config = Config { state_dir: None, ..Config::default() };
    config.verification.interval = seconds(10);
    config.rails.autonomy.profile = Profile::Auto;
    // Nobody knows what custom actions touch.
    config.rails.blast_radius =
        BlastRadiusConfig { nodes: None, percent: None, ..BlastRadiusConfig::default() };
    config
}

pub(super) fn id(n: u128) -> ExecutionId {
    ExecutionId::from_uuid(Uuid::from_u128(n))
}

/// A world with an executor on it, and the time.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) store: MemoryStore,
    pub(super) config: Config,
    pub(super) executor: Executor,
    pub(super) now: Timestamp,
    /// What is open, by expectation.
    pub(super) open: BTreeMap<String, Timestamp>,
    /// What is given up in the next cycle.
    pub(super) gone: Vec<String>,
    pub(super) quality: mapek_model::Quality,
    /// Values of open episodes that are not 2, by expectation, and how fast they change.
    pub(super) courses: BTreeMap<String, (f64, f64)>,
    /// Watched values.
    pub(super) watched: BTreeMap<String, f64>,
    /// What the managed system consists of, by id.
    pub(super) generations: BTreeMap<String, u64>,
    /// Who changed it last, as it says.
    pub(super) source: Option<String>,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with(config())
    }

    pub(super) fn with(config: Config) -> Self {
        let (world, store) = (World::default(), MemoryStore::new());
        let executor = open(&config, &store, &world, &[TargetId::default()]).0;
        let now = start_time();
        let open = ["slow", "failing"].map(|name| (name.to_owned(), now)).into();
        let quality = mapek_model::Quality::fresh();
        let (gone, courses, watched) = Default::default();
        let (generations, source) = Default::default();
        Self {
            world,
            store,
            config,
            executor,
            now,
            open,
            gone,
            quality,
            courses,
            watched,
            generations,
            source,
        }
    }

    /// Drops the executor, as a crash would, and opens another on what is left.
    pub(super) fn crash(&mut self) {
        self.executor = self.open_for(&[TargetId::default()]).0;
    }

    /// What opens if only these targets are configured.
    pub(super) fn open_for(&self, targets: &[TargetId]) -> (Executor, Recovery) {
        open(&self.config, &self.store, &self.world, targets)
    }

    pub(super) fn observation(&self) -> Observation {
        let mut observation = Observation::empty(TargetId::default(), self.now);
        observation.open = self.open.iter().map(|(name, onset)| violation(name, *onset)).collect();
        for violation in &mut observation.open {
            if let Some((value, slope)) = self.courses.get(violation.expectation.as_str()) {
                violation.value = Some(*value);
                observation.slopes.insert(violation.fingerprint(), *slope);
            }
        }
        for (name, value) in &self.watched {
            let samples = vec![mapek_model::Sample { at: self.now, value: *value }];
            let series = mapek_model::Series { samples, ..mapek_model::Series::default() };
            observation.series.insert(name.clone(), vec![series]);
        }
        observation.open.sort_by_key(Violation::key);
        observation.gone = self.gone.iter().map(|name| violation(name, self.now)).collect();
        let resource = |(id, generation): (&String, &u64)| Resource {
            kind: "thing".to_owned(),
            id: id.clone(),
            status: "normal".to_owned(),
            generation: Some(Generation::new(*generation)),
            changed: None,
            attributes: self.source.iter().map(|it| ("source".to_owned(), json!(it))).collect(),
        };
        observation.resources = self.generations.iter().map(resource).collect();
        let source = SourceName::try_new("prometheus").unwrap();
        observation.quality.insert(source, self.quality.clone());
        observation
    }

    pub(super) fn start(&mut self, plan: Plan) -> Result<ExecutionId, crate::Error> {
        self.start_as(1, plan)
    }

    pub(super) fn start_as(&mut self, n: u128, plan: Plan) -> Result<ExecutionId, crate::Error> {
        let order = Order { execution: id(n), plan, chosen_with: Confidence::MAX };
        let observation = self.observation();
        self.executor.start(order, &observation, self.now)
    }

    /// One cycle, and ten seconds.
    pub(super) async fn cycle(&mut self) -> Vec<crate::Advance> {
        let observation = self.observation();
        let advances = self.executor.advance(&observation, self.now).await.unwrap();
        self.now = later(self.now, seconds(10));
        advances
    }

    pub(super) async fn cycles(&mut self, n: usize) {
        for _ in 0..n {
            self.cycle().await;
        }
    }

    pub(super) fn execution(&self) -> Execution {
        self.executor.control().execution(id(1)).unwrap()
    }

    /// Cycles until it has ended. What the plan treats goes away when all its steps are applied.
    pub(super) async fn finish(&mut self) -> Execution {
        for _ in 0..1000 {
            let Ok(execution) = self.executor.control().execution(id(1)) else {
                panic!("the execution is lost")
            };
            if !execution.status.is_live() {
                return execution;
            }
            if *execution.status.phase() == mapek_model::Phase::Verifying {
                self.open.clear();
            }
            self.cycle().await;
        }
        panic!("it never ends: {}", self.execution().status);
    }
}

fn open(
    config: &Config,
    store: &MemoryStore,
    world: &World,
    targets: &[TargetId],
) -> (Executor, Recovery) {
    let store: Arc<dyn Store> = Arc::new(store.clone());
    let effector: Arc<dyn Effector> = Arc::new(world.clone());
    let effectors = targets.iter().map(|it| (it.clone(), Arc::clone(&effector))).collect();
    Executor::open(config.clone(), Rails::new(&config.rails), store, effectors).unwrap()
}
