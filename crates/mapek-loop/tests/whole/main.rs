//! The whole loop around a service that is made up: its latency falls once it is scaled up.
#![expect(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use mapek_analyze::{AnalyzeConfig, Analyzer};
use mapek_execute::{
    Config, Decision, EffectError, Effector, Executor, Presence, Profile, Rails, RailsConfig,
    Repeat, Retention, Sending,
};
use mapek_knowledge::{Knowledge, MemoryKnowledge};
use mapek_loop::{
    Builder, Checkpoint, CheckpointError, Clock, Cycle, CycleReport, IdSource as _, Loop,
    LoopConfig, ManualClock, MemoryCheckpoint, NoPlanning, Saved, Seed, SeededIds, WakeReason,
};
use mapek_model::{
    Action, ActionKind, Answer, Captured, Duration, ExecutionEvent, Generation, Quality, Query,
    Resource, Sample, Series, SourceName, Span, TargetId, Timestamp, Verdict, Way, later,
};
use mapek_monitor::{
    ElementReading, Error, ManagedElement, MetricSource, Monitor, MonitorConfig, RuleConfig,
};
use mapek_plan::{Candidate, Catalogue, Proposals, strategy_fn};
use mapek_store::MemoryStore;
use serde_json::{Value, json};

/// A service whose latency is 2 s until it has five replicas.
#[derive(Debug, Default)]
struct Service {
    replicas: Mutex<u32>,
    slow: Mutex<bool>,
    down: Mutex<bool>,
    hangs: Mutex<bool>,
    sent: Mutex<Vec<Action>>,
}

impl Service {
    fn new() -> Arc<Self> {
        let service = Self::default();
        *service.replicas.lock().unwrap() = 3;
        Arc::new(service)
    }

    fn latency(&self) -> f64 {
        let slow = *self.slow.lock().unwrap() && *self.replicas.lock().unwrap() < 5;
        if slow { 2.0 } else { 0.2 }
    }

    fn sent(&self) -> usize {
        self.sent.lock().unwrap().len()
    }
}

fn name(text: &str) -> SourceName {
    SourceName::try_new(text).unwrap()
}

#[async_trait]
impl MetricSource for Service {
    fn name(&self) -> SourceName {
        name("made-up")
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        if *self.down.lock().unwrap() {
            return Err(Error::timeout("made-up", "an instant query"));
        }
        let text = query.as_str();
        let breached = self.latency() > 1.0;
        let value = match text.contains("timestamp(") {
            true => Some(at.as_second() as f64),
            // A comparison keeps the series only where it holds.
            false if text.contains("Inf") || text.contains("!=") => None,
            false if text.contains('>') => breached.then(|| self.latency()),
            false => Some(self.latency()),
        };
        let series = value.map(|value| Series {
            labels: [("__name__", "latency_seconds")].into_iter().collect(),
            samples: vec![Sample { at, value }],
        });
        Ok(Answer { series: series.into_iter().collect(), quality: Quality::fresh() })
    }

    async fn range(&self, _: &Query, _: Span, _: Duration) -> Result<Answer, Error> {
        Ok(Answer::default())
    }
}

#[async_trait]
impl ManagedElement for Service {
    fn name(&self) -> SourceName {
        name("service")
    }

    async fn read(&self, _: Timestamp) -> ElementReading {
        let replicas = *self.replicas.lock().unwrap();
        let pool = Resource {
            kind: "pool".to_owned(),
            id: "workers".to_owned(),
            status: "normal".to_owned(),
            generation: Some(Generation::new(u64::from(replicas))),
            changed: None,
            attributes: BTreeMap::from([("replicas".to_owned(), json!(replicas))]),
        };
        ElementReading { resources: vec![pool], ..ElementReading::default() }
    }
}

#[async_trait]
impl Effector for Service {
    fn repeat(&self, kind: &ActionKind, _: Way) -> Option<Repeat> {
        (*kind == ActionKind::ScaleUp).then_some(Repeat::AbsoluteSet)
    }

    async fn capture(&self, _: &Action) -> Result<Value, EffectError> {
        if *self.hangs.lock().unwrap() {
            std::future::pending::<()>().await;
        }
        Ok(json!(*self.replicas.lock().unwrap()))
    }

    async fn rehearse(&self, _: &Action, _: &Captured) -> Result<(), EffectError> {
        Ok(())
    }

    async fn apply(
        &self,
        action: &Action,
        _: &Captured,
        _: &Sending,
    ) -> Result<Value, EffectError> {
        self.sent.lock().unwrap().push(action.clone());
        let Action::ScaleUp { replicas } = action else {
            return Err(EffectError::refused("it can only be scaled up"));
        };
        *self.replicas.lock().unwrap() = *replicas;
        Ok(Value::Null)
    }

    async fn undo(
        &self,
        _: &Action,
        captured: &Captured,
        _: &Value,
        _: &Sending,
    ) -> Result<Value, EffectError> {
        let replicas = captured.state.as_u64().and_then(|it| u32::try_from(it).ok());
        *self.replicas.lock().unwrap() = replicas.ok_or_else(|| EffectError::refused("what?"))?;
        Ok(Value::Null)
    }

    async fn read_back(
        &self,
        _: &Action,
        way: Way,
        captured: &Captured,
        _: &Value,
    ) -> Result<Presence, EffectError> {
        let as_before = captured.state == json!(*self.replicas.lock().unwrap());
        Ok(if as_before == (way == Way::Undo) {
            Presence::Applied { receipt: Value::Null }
        } else {
            Presence::NotApplied
        })
    }
}

struct World {
    service: Arc<Service>,
    clock: ManualClock,
    store: MemoryStore,
    knowledge: Arc<MemoryKnowledge>,
    checkpoint: Arc<MemoryCheckpoint>,
    profile: Profile,
    seed: Seed,
    target: TargetId,
    retention: Retention,
}

impl World {
    fn new() -> Self {
        Self {
            service: Service::new(),
            clock: ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()),
            store: MemoryStore::new(),
            knowledge: Arc::new(MemoryKnowledge::new(Default::default())),
            checkpoint: Arc::default(),
            profile: Profile::default(),
            seed: Seed(7),
            target: TargetId::default(),
            retention: Retention::default(),
        }
    }

    fn builder(&self) -> Builder {
        let rule = RuleConfig::new("high_validation_latency", "latency_seconds").unwrap();
        let rule = RuleConfig { severity: mapek_model::Severity::Critical, ..rule.above(1.0) };
        let monitor = MonitorConfig { rules: vec![rule], up: None, ..MonitorConfig::default() };
        let monitor = Monitor::builder(monitor)
            .target(self.target.clone())
            .metrics(self.service.clone())
            .element(self.service.clone())
            .build()
            .unwrap();
        let more = strategy_fn("more", |_, _| {
            let step = mapek_model::Step::of(Action::ScaleUp { replicas: 5 });
            let effect = Duration::from_secs(60);
            Proposals::from(vec![Candidate::try_new(vec![step], "more workers", effect).unwrap()])
        });
        let catalogue = Catalogue::new().with("validation-latency".parse().unwrap(), more);
        let mut rails = RailsConfig::default();
        rails.autonomy.profile = self.profile;
        let target: BTreeMap<TargetId, Arc<dyn Effector>> =
            BTreeMap::from([(self.target.clone(), self.service.clone() as Arc<dyn Effector>)]);
        let config =
            Config { state_dir: None, journal_retention: self.retention, ..Config::default() };
        let store = Arc::new(self.store.clone());
        let (executor, _) = Executor::open(config, Rails::new(&rails), store, target).unwrap();
        let plan = mapek_plan::Config {
            min_confidence: mapek_model::Confidence::saturating(0.3),
            ..Default::default()
        };
        Loop::builder()
            .monitor(monitor)
            .analyzer(Analyzer::try_new(AnalyzeConfig::default()).unwrap())
            .planner(plan.build(catalogue).unwrap())
            .executor(executor)
            .knowledge(Knowledge::over(self.knowledge.clone(), Default::default()))
            .clock(Arc::new(self.clock.clone()))
            .ids(Arc::new(SeededIds::new(self.seed)))
            .seed(self.seed)
            .checkpoint(self.checkpoint.clone())
    }

    fn cycle(&self) -> Cycle {
        self.builder().build_cycle().unwrap()
    }

    async fn run(&self, cycle: &mut Cycle) -> Arc<CycleReport> {
        let woken_by = BTreeSet::from([WakeReason::Interval]);
        let report = cycle.run_once(self.clock.now(), woken_by).await;
        assert_eq!(report.faults, Vec::<String>::new());
        self.clock.advance_to(report.next_due);
        report
    }

    /// Runs until an outcome comes in, and answers all reports.
    async fn heal(&self, cycle: &mut Cycle) -> Vec<Arc<CycleReport>> {
        let mut reports = Vec::new();
        for _ in 0..40 {
            reports.push(self.run(cycle).await);
            if !reports[reports.len() - 1].outcomes.is_empty() {
                return reports;
            }
        }
        panic!("no outcome after 40 cycles: {:#?}", reports.last());
    }
}

#[tokio::test]
async fn a_fault_is_seen_explained_remedied_verified_and_learned_from() {
    let world = World::new();
    let mut cycle = world.cycle();
    assert!(world.run(&mut cycle).await.diagnosis.is_healthy());
    *world.service.slow.lock().unwrap() = true;
    let reports = world.heal(&mut cycle).await;
    let started = reports.iter().position(|it| it.decisions.iter().any(|d| d.execution.is_some()));
    let started = started.expect("a plan was started");
    assert_eq!(reports[started].diagnosis.causes[0].cause.kind, "validation-latency");
    let next = &reports[started + 1];
    assert!(matches!(next.no_planning, Some(NoPlanning::Awaits { .. })), "{next:#?}");
    let outcome = &reports.last().unwrap().outcomes[0];
    assert_eq!(outcome.verdict, Verdict::Success, "{outcome:#?}");
    assert_eq!(cycle.state().statistics.violations, 1);
    assert_eq!((world.service.sent(), *world.service.replicas.lock().unwrap()), (1, 5));
    let experience = world.knowledge_of().await;
    assert_eq!(experience.plans["validation-latency"].values().next().unwrap().success, 1);
}

impl World {
    async fn knowledge_of(&self) -> mapek_model::Experience {
        use mapek_knowledge::KnowledgeStore as _;
        self.knowledge.experience(&TargetId::default()).await.unwrap()
    }
}

#[tokio::test]
async fn nothing_is_done_without_evidence() {
    let world = World::new();
    let mut cycle = world.cycle();
    *world.service.slow.lock().unwrap() = true;
    world.run(&mut cycle).await;
    *world.service.down.lock().unwrap() = true;
    let before = world.service.sent();
    for _ in 0..5 {
        let report = world.run(&mut cycle).await;
        assert!(!report.seen.open.is_empty(), "an episode that cannot be seen is not over");
        let refused = |d: &mapek_loop::Decided| !matches!(d.decision, Decision::Run);
        assert!(report.decisions.iter().all(refused), "{report:#?}");
    }
    assert_eq!(world.service.sent(), before);
    *world.service.down.lock().unwrap() = false;
    assert_eq!(world.heal(&mut cycle).await.last().unwrap().outcomes.len(), 1);
}

#[tokio::test]
async fn a_pause_stops_everything_but_watching() {
    let world = World::new();
    let mut cycle = world.cycle();
    cycle.control().pause("ada", "let me look first", world.clock.now()).unwrap();
    *world.service.slow.lock().unwrap() = true;
    for _ in 0..4 {
        let report = world.run(&mut cycle).await;
        assert!(report.paused.as_deref().unwrap().contains("ada"));
        assert_eq!(report.seen.open.len(), 1);
    }
    assert_eq!(world.service.sent(), 0);
    // It survives a restart.
    let mut again = world.cycle();
    world.run(&mut again).await;
    assert_eq!(world.service.sent(), 0);
    again.control().resume("ada", "go on", world.clock.now()).unwrap();
    world.heal(&mut again).await;
    assert_eq!(world.service.sent(), 1);
}

#[tokio::test]
async fn in_shadow_mode_it_says_what_it_would_do_and_does_nothing() {
    let world = World { profile: Profile::Observe, ..World::new() };
    let mut cycle = world.cycle();
    *world.service.slow.lock().unwrap() = true;
    let mut observed = 0;
    for _ in 0..6 {
        let report = world.run(&mut cycle).await;
        observed += report.decisions.iter().filter(|d| d.decision == Decision::ObserveOnly).count();
    }
    assert!(observed > 0);
    assert_eq!(world.service.sent(), 0);
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was_and_sends_nothing_twice() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    for _ in 0..10 {
        if world.service.sent() == 0 {
            world.run(&mut cycle).await;
        }
    }
    let number = cycle.next_number();
    drop(cycle);
    let mut again = world.cycle();
    assert_eq!(again.next_number(), number);
    let reports = world.heal(&mut again).await;
    assert_eq!(reports.last().unwrap().outcomes[0].verdict, Verdict::Success);
    assert_eq!(world.service.sent(), 1);
    // What is learned is learned once, however often the loop starts.
    let mut once_more = world.cycle();
    assert!(world.run(&mut once_more).await.outcomes.is_empty());
}

#[tokio::test]
async fn a_clock_that_went_back_begins_nothing() {
    let world = World::new();
    let mut cycle = world.cycle();
    world.run(&mut cycle).await;
    *world.service.slow.lock().unwrap() = true;
    let before = "2025-12-31T23:00:00Z".parse().unwrap();
    let report = cycle.run_once(before, BTreeSet::from([WakeReason::Interval])).await;
    assert_eq!(report.faults, ["the clock went back"]);
    assert_eq!(report.no_planning, Some(NoPlanning::Fault));
    assert_eq!(world.service.sent(), 0);
}

/// A checkpoint that somebody damaged.
#[derive(Debug)]
struct Damaged;

impl Checkpoint for Damaged {
    fn save(&self, _: &Saved) -> Result<(), CheckpointError> {
        Ok(())
    }

    fn load(&self) -> Result<Option<Saved>, CheckpointError> {
        let source = std::io::Error::other("not what was written");
        Err(CheckpointError::Io { doing: "reading", path: "loop.json".into(), source })
    }
}

#[tokio::test]
async fn a_damaged_checkpoint_costs_time_and_not_the_start() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.builder().checkpoint(Arc::new(Damaged)).build_cycle().unwrap();
    assert_eq!(world.heal(&mut cycle).await.last().unwrap().outcomes.len(), 1);
}

/// A checkpoint on a disk that is full.
#[derive(Debug)]
struct Full;

impl Checkpoint for Full {
    fn save(&self, _: &Saved) -> Result<(), CheckpointError> {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        Err(CheckpointError::Io { doing: "writing", path: "loop.json".into(), source })
    }

    fn load(&self) -> Result<Option<Saved>, CheckpointError> {
        Ok(None)
    }
}

#[tokio::test]
async fn a_fault_lets_no_effect_begin_however_late_in_the_cycle_it_comes() {
    let world = World::new();
    let mut cycle = world.builder().checkpoint(Arc::new(Full)).build_cycle().unwrap();
    *world.service.slow.lock().unwrap() = true;
    for _ in 0..6 {
        let report =
            cycle.run_once(world.clock.now(), BTreeSet::from([WakeReason::Interval])).await;
        assert!(report.faults[0].starts_with("the checkpoint cannot be written"), "{report:#?}");
        assert_eq!(report.no_planning, Some(NoPlanning::Fault));
        world.clock.advance_to(report.next_due);
    }
    assert_eq!(world.service.sent(), 0);
}

#[tokio::test]
async fn what_is_learned_from_a_new_journal_is_learned_too() {
    let first = World::new();
    *first.service.slow.lock().unwrap() = true;
    first.heal(&mut first.cycle()).await;
    let second = World { knowledge: first.knowledge.clone(), seed: Seed(8), ..World::new() };
    second.clock.advance(Duration::from_secs(3600));
    *second.service.slow.lock().unwrap() = true;
    second.heal(&mut second.cycle()).await;
    let experience = second.knowledge_of().await;
    assert_eq!(experience.plans["validation-latency"].values().next().unwrap().success, 2);
}

#[tokio::test]
async fn the_same_run_gives_the_same_bytes() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = World::new();
        *world.service.slow.lock().unwrap() = true;
        let mut cycle = world.cycle();
        let reports = world.heal(&mut cycle).await;
        let reports: Vec<_> = reports.iter().map(AsRef::as_ref).collect();
        runs.push(serde_json::to_string(&reports).unwrap());
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn what_heals_by_itself_is_learned_as_such() {
    let world = World { profile: Profile::Observe, ..World::new() };
    let mut cycle = world.cycle();
    *world.service.slow.lock().unwrap() = true;
    world.run(&mut cycle).await;
    world.run(&mut cycle).await;
    *world.service.slow.lock().unwrap() = false;
    world.run(&mut cycle).await;
    assert!(world.knowledge_of().await.nothing.is_empty(), "it may come back");
    for _ in 0..10 {
        world.run(&mut cycle).await;
    }
    let experience = world.knowledge_of().await;
    assert_eq!(experience.nothing["validation-latency"].success, 1);
}

#[tokio::test]
async fn a_wake_up_runs_a_cycle_before_its_time_and_shutting_down_ends_the_loop() {
    let world = World::new();
    let zero = Duration::ZERO;
    let config = LoopConfig { debounce: zero, min_gap: zero, ..LoopConfig::default() };
    let running = Running::start(world.builder().config(config).build().unwrap());
    let Running { handle, mut state, stop, task } = running;
    // Time stands still: only the wake-up can have run the second cycle.
    state.wait_for(|state| state.statistics.cycles == 1).await.unwrap();
    let report = handle.run_cycle().await.unwrap();
    assert_eq!(report.woken_by, BTreeSet::from([WakeReason::Request]));
    handle.pause("ada", "enough").unwrap();
    assert!(handle.state().unready().unwrap().contains("ada"));
    stop.notify_one();
    assert!(task.await.unwrap().is_some());
    assert_eq!(handle.state().unready().unwrap(), "the loop has stopped");
    assert!(matches!(handle.run_cycle().await, Err(mapek_loop::Error::Stopped)));
}

#[tokio::test]
async fn the_loop_says_that_it_was_woken_because_something_is_due() {
    let world = World::new();
    let mut running = Running::start(world.builder().build().unwrap());
    *world.service.slow.lock().unwrap() = true;
    let mut woken_by = BTreeSet::new();
    for n in 1..20 {
        let last = running.cycle(n).await;
        // A live execution is due before the interval is over: verification ends 60 s after its step.
        let early = mapek_model::since(last.next_due, last.at) < Duration::from_secs(30);
        world.clock.advance_to(last.next_due);
        let expected = if early { WakeReason::Due } else { WakeReason::Interval };
        assert_eq!(running.cycle(n + 1).await.woken_by, BTreeSet::from([expected]));
        woken_by.insert(expected);
    }
    assert!(woken_by.contains(&WakeReason::Due));
    running.stop().await;
}

#[tokio::test]
async fn every_effect_has_an_intent_in_the_journal_before_it() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    let reports = world.heal(&mut cycle).await;
    let events: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.progress)
        .flat_map(|progress| &progress.advance.events)
        .collect();
    let intent = events.iter().position(|it| matches!(it, ExecutionEvent::Intended { .. }));
    let effect = events.iter().position(|it| matches!(it, ExecutionEvent::Applied { .. }));
    assert!(intent.unwrap() < effect.unwrap());
}

#[test]
fn what_is_missing_is_named() {
    let error = Loop::builder().build_cycle().unwrap_err();
    assert_eq!(error.to_string(), "the loop needs an executor: give it to the builder");
    let later = later(Timestamp::UNIX_EPOCH, Duration::from_secs(1));
    assert_ne!(SeededIds::new(Seed(1)).next_id(later), SeededIds::new(Seed(2)).next_id(later));
    assert!(MemoryCheckpoint::default().load().unwrap().is_none());
}

/// Runs a loop beside the test, which is told what it is at and moves the clock.
struct Running {
    handle: mapek_loop::LoopHandle,
    state: tokio::sync::watch::Receiver<Arc<mapek_loop::LoopState>>,
    stop: Arc<tokio::sync::Notify>,
    task: tokio::task::JoinHandle<Option<Arc<CycleReport>>>,
}

impl Running {
    fn start(looped: Loop) -> Self {
        let (handle, stop) = (looped.handle(), Arc::new(tokio::sync::Notify::new()));
        let stopped = stop.clone();
        let task =
            tokio::spawn(async move { looped.run(async move { stopped.notified().await }).await });
        Self { state: handle.watch(), handle, stop, task }
    }

    /// Waits for the nth cycle.
    async fn cycle(&mut self, n: u64) -> Arc<CycleReport> {
        let state = self.state.wait_for(|state| state.statistics.cycles >= n).await.unwrap();
        Arc::clone(state.last().unwrap())
    }

    async fn stop(self) {
        self.stop.notify_one();
        self.task.await.unwrap();
    }
}

/// Lets everybody run who can. On one thread and with a clock that stands still, nothing more happens by itself then.
async fn all_quiet() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn wake_ups_do_not_make_cycles_run_back_to_back() {
    let world = World::new();
    let min_gap = Duration::from_secs(5);
    let config = LoopConfig { debounce: Duration::ZERO, min_gap, ..LoopConfig::default() };
    let mut running = Running::start(world.builder().config(config).build().unwrap());
    running.cycle(1).await;
    for _ in 0..9 {
        running.handle.wake(WakeReason::Alert);
        all_quiet().await;
        world.clock.advance(Duration::from_millis(500));
    }
    all_quiet().await;
    assert_eq!(running.handle.state().statistics.cycles, 1, "4.5 s are not 5 s");
    world.clock.advance(Duration::from_millis(500));
    assert_eq!(running.cycle(2).await.woken_by, BTreeSet::from([WakeReason::Alert]));
    all_quiet().await;
    assert_eq!(running.handle.state().statistics.cycles, 2, "nine wake-ups are one cycle");
    running.stop().await;
}

#[tokio::test]
async fn a_loop_that_hangs_is_not_ready() {
    let world = World::new();
    let mut running = Running::start(world.builder().build().unwrap());
    running.cycle(1).await;
    assert_eq!(running.handle.state().unready(), None);
    // Waiting for the next cycle is no reason.
    world.clock.advance(Duration::from_secs(29));
    assert_eq!(running.handle.state().unready(), None);
    // The managed system takes a call and never answers it.
    *world.service.hangs.lock().unwrap() = true;
    *world.service.slow.lock().unwrap() = true;
    let mut n = 1;
    while running.state.borrow().executions.is_empty() && n < 10 {
        world.clock.advance(Duration::from_secs(30));
        all_quiet().await;
        n += 1;
    }
    let cycles = running.handle.state().statistics.cycles;
    world.clock.advance(Duration::from_secs(600));
    all_quiet().await;
    assert_eq!(running.handle.state().statistics.cycles, cycles, "it hangs");
    let why = running.handle.state().unready().unwrap();
    assert!(why.starts_with("no cycle has completed for 1"), "{why}");
    running.task.abort();
}

#[tokio::test]
async fn after_an_undo_nothing_is_planned_before_the_metrics_have_settled() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    world.heal(&mut cycle).await;
    let execution = cycle.control().executions()[0].id;
    cycle.control().rollback(execution, "ada", "not like that", world.clock.now()).unwrap();
    let undone = world.run(&mut cycle).await;
    assert_eq!(*world.service.replicas.lock().unwrap(), 3, "{undone:#?}");
    let at = undone.at;
    let mut settling = 0;
    loop {
        let report = world.run(&mut cycle).await;
        let waited = mapek_model::since(report.at, at);
        if waited >= LoopConfig::default().settle {
            assert_ne!(report.no_planning, Some(NoPlanning::Settling), "{waited:?}");
            break;
        }
        assert_eq!(report.no_planning, Some(NoPlanning::Settling), "{waited:?}");
        settling += 1;
    }
    assert!(settling > 0);
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_escalated_in_every_cycle_and_wakes_nobody() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    while cycle.control().live(&TargetId::default()).is_none() {
        world.run(&mut cycle).await;
    }
    drop(cycle);
    // The configuration now speaks of another system.
    let other = World { target: TargetId::try_new("other").unwrap(), ..world };
    let mut cycle = other.cycle();
    for _ in 0..3 {
        let report = other.run(&mut cycle).await;
        let told = report.escalations.iter().any(|it| it.contains("is not configured any more"));
        assert!(told, "{report:#?}");
        assert_eq!(mapek_model::since(report.next_due, report.at), Duration::from_secs(30));
    }
    let left = cycle.control().unattended()[0].id;
    cycle.control().resolve(left, "ada", "looked at it", other.clock.now()).unwrap();
    let report = other.run(&mut cycle).await;
    assert!(!report.escalations.iter().any(|it| it.contains("configured")), "{report:#?}");
}

#[tokio::test]
async fn the_journal_of_a_loop_stays_small_and_loses_no_outcome() {
    let retention = Retention { age: Duration::from_secs(7 * 24 * 3600), records: 20 };
    let world = World { retention, ..World::new() };
    let mut cycle = world.cycle();
    for _ in 0..6 {
        *world.service.slow.lock().unwrap() = true;
        world.heal(&mut cycle).await;
        *world.service.slow.lock().unwrap() = false;
        *world.service.replicas.lock().unwrap() = 3;
        for _ in 0..130 {
            // A day and more, so that what ended is not needed any more.
            world.run(&mut cycle).await;
            world.clock.advance(Duration::from_secs(700));
        }
    }
    use mapek_store::Store as _;
    let records = world.store.read(mapek_model::Sequence::new(0), 1000).unwrap();
    assert!(records.len() < 45, "{} records", records.len());
    assert!(records[0].sequence.get() > 20, "the first are gone");
    assert_eq!(
        world.knowledge_of().await.plans["validation-latency"].values().next().unwrap().success,
        6
    );
    drop(cycle);
    let again = world.cycle();
    assert_eq!(again.control().bad_records(), []);
}
