//! The service, and what a loop around it is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use mapek_analyze::{AnalyzeConfig, Analyzer};
use mapek_execute::{
    Config, EffectError, Effector, Executor, Presence, Profile, Rails, RailsConfig, Repeat,
    Retention, Sending,
};
use mapek_knowledge::{Knowledge, MemoryKnowledge};
use mapek_loop::{
    Builder, Clock, Cycle, CycleReport, Loop, ManualClock, MemoryCheckpoint, Seed, SeededIds,
    WakeReason,
};
use mapek_model::{
    Action, ActionKind, Answer, Captured, Duration, Generation, Quality, Query, Resource, Sample,
    Series, SourceName, Span, TargetId, Timestamp, Way,
};
use mapek_monitor::{
    ElementReading, Error, ManagedElement, MetricSource, Monitor, MonitorConfig, RuleConfig,
};
use mapek_plan::{Candidate, Catalogue, Proposals, strategy_fn};
use mapek_store::MemoryStore;
use serde_json::{Value, json};

/// A service whose latency is 2 s until it has five replicas.
#[derive(Debug, Default)]
pub(crate) struct Service {
    pub(crate) replicas: Mutex<u32>,
    pub(crate) slow: Mutex<bool>,
    pub(crate) down: Mutex<bool>,
    pub(crate) hangs: Mutex<bool>,
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

    pub(crate) fn sent(&self) -> usize {
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

    async fn rehearse(&self, _: &Action, _: Way, _: &Captured) -> Result<(), EffectError> {
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

/// What a loop is put together from; it survives the loop.
pub(crate) struct World {
    pub(crate) service: Arc<Service>,
    pub(crate) clock: ManualClock,
    pub(crate) store: MemoryStore,
    pub(crate) knowledge: Arc<MemoryKnowledge>,
    pub(crate) checkpoint: Arc<MemoryCheckpoint>,
    pub(crate) profile: Profile,
    pub(crate) seed: Seed,
    pub(crate) target: TargetId,
    pub(crate) retention: Retention,
}

impl World {
    pub(crate) fn new() -> Self {
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

    /// What is known against slowness.
    pub(crate) fn catalogue() -> Catalogue {
        let more = strategy_fn("more", |_, _| {
            let step = mapek_model::Step::of(Action::ScaleUp { replicas: 5 });
            let effect = Duration::from_secs(60);
            Proposals::from(vec![Candidate::try_new(vec![step], "more workers", effect).unwrap()])
        });
        Catalogue::new().with("validation-latency".parse().unwrap(), more)
    }

    /// How sure the planner must be.
    pub(crate) fn planning() -> mapek_plan::Config {
        let min_confidence = mapek_model::Confidence::saturating(0.3);
        mapek_plan::Config { min_confidence, ..Default::default() }
    }

    pub(crate) fn builder(&self) -> Builder {
        let rule = RuleConfig::new("high_validation_latency", "latency_seconds").unwrap();
        let rule = RuleConfig { severity: mapek_model::Severity::Critical, ..rule.above(1.0) };
        let monitor = MonitorConfig { rules: vec![rule], up: None, ..MonitorConfig::default() };
        let monitor = Monitor::builder(monitor)
            .target(self.target.clone())
            .metrics(self.service.clone())
            .element(self.service.clone())
            .build()
            .unwrap();
        let mut rails = RailsConfig::default();
        rails.autonomy.profile = self.profile;
        let target: BTreeMap<TargetId, Arc<dyn Effector>> =
            BTreeMap::from([(self.target.clone(), self.service.clone() as Arc<dyn Effector>)]);
        let config =
            Config { state_dir: None, journal_retention: self.retention, ..Config::default() };
        let store = Arc::new(self.store.clone());
        let (executor, _) = Executor::open(config, Rails::new(&rails), store, target).unwrap();
        Loop::builder()
            .monitor(monitor)
            .analyzer(Analyzer::try_new(AnalyzeConfig::default()).unwrap())
            .planner(Self::planning().build(Self::catalogue()).unwrap())
            .executor(executor)
            .knowledge(Knowledge::over(self.knowledge.clone(), Default::default()))
            .clock(Arc::new(self.clock.clone()))
            .ids(Arc::new(SeededIds::new(self.seed)))
            .seed(self.seed)
            .checkpoint(self.checkpoint.clone())
    }

    pub(crate) fn cycle(&self) -> Cycle {
        self.builder().build_cycle().unwrap()
    }

    /// Runs one cycle, and moves the clock to when the next is due.
    pub(crate) async fn run(&self, cycle: &mut Cycle) -> Arc<CycleReport> {
        let woken_by = BTreeSet::from([WakeReason::Interval]);
        let report = cycle.run_once(self.clock.now(), woken_by).await;
        assert_eq!(report.faults, Vec::<String>::new());
        self.clock.advance_to(report.next_due);
        report
    }

    /// Runs until an outcome comes in, and answers all reports.
    pub(crate) async fn heal(&self, cycle: &mut Cycle) -> Vec<Arc<CycleReport>> {
        let mut reports = Vec::new();
        for _ in 0..40 {
            reports.push(self.run(cycle).await);
            if !reports[reports.len() - 1].outcomes.is_empty() {
                return reports;
            }
        }
        panic!("no outcome after 40 cycles: {:#?}", reports.last());
    }

    /// What was learned of the default target.
    pub(crate) async fn knowledge_of(&self) -> mapek_model::Experience {
        use mapek_knowledge::KnowledgeStore as _;
        self.knowledge.experience(&TargetId::default()).await.unwrap()
    }
}
