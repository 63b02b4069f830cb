//! One whole cycle at 10 to 100 000 violations, so that growth can be seen. I/O is faked: the managed system answers at
//! once, the journal is in memory.
//!
//! Each cycle is the first of its loop, in which all violations are new and a plan begins: the dearest that there is.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mapek_analyze::{AnalyzeConfig, Analyzer};
use mapek_execute::{
    Config, EffectError, Effector, Executor, Presence, Profile, Rails, Repeat, Sending,
};
use mapek_knowledge::{Knowledge, MemoryKnowledge};
use mapek_loop::{Cycle, Loop, ManualClock, Seed, SeededIds, WakeReason};
use mapek_model::{
    Action, ActionKind, Captured, Component, Confidence, Duration, Expectation, Labels, Severity,
    SourceName, Step, TargetId, Timestamp, ViolationSource, Way, Witness, earlier,
};
use mapek_monitor::{Breach, ElementReading, ManagedElement, Monitor, MonitorConfig};
use mapek_plan::{Candidate, Catalogue, Proposals, strategy_fn};
use mapek_store::MemoryStore;
use serde_json::Value;

const SIZES: [u64; 5] = [10, 100, 1_000, 10_000, 100_000];
const EXPECTATIONS: [&str; 4] = [
    "high-validation-latency",
    "high-failure-rate",
    "low-throughput",
    "critical-violation-detected",
];

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// A managed system that holds so much against itself, and agrees to everything.
#[derive(Debug)]
struct Fake {
    reading: ElementReading,
}

impl Fake {
    fn new(size: u64) -> Self {
        let violations = (0..size).map(breach).collect();
        Self { reading: ElementReading { violations, ..ElementReading::default() } }
    }
}

/// One of many: within nine minutes, in no order of time, and four on each component.
fn breach(i: u64) -> Breach {
    // A Weyl sequence: spread evenly, in an order that no sort likes.
    let scattered = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let expectation = EXPECTATIONS[(i % 4) as usize];
    Breach {
        expectation: Expectation::try_new(expectation).unwrap(),
        component: Some(Component::try_new(format!("validator-{}", i / 4)).unwrap()),
        severity: Severity::ALL[(i % 3) as usize],
        onset: earlier(now(), Duration::from_millis(scattered % 540_000)),
        witness: Witness {
            source: ViolationSource::ManagedSystem,
            by: SourceName::try_new("fake").unwrap(),
            name: expectation.to_owned(),
            family: None,
            confirmed: true,
        },
        metric: None,
        value: Some(2.0),
        threshold: Some(1.0),
        labels: Labels::default(),
        description: String::new(),
    }
}

#[async_trait]
impl ManagedElement for Fake {
    fn name(&self) -> SourceName {
        SourceName::try_new("fake").unwrap()
    }

    async fn read(&self, _: Timestamp) -> ElementReading {
        self.reading.clone()
    }
}

#[async_trait]
impl Effector for Fake {
    fn repeat(&self, _: &ActionKind, _: Way) -> Option<Repeat> {
        Some(Repeat::AbsoluteSet)
    }

    async fn capture(&self, _: &Action) -> Result<Value, EffectError> {
        Ok(Value::Null)
    }

    async fn rehearse(&self, _: &Action, _: Way, _: &Captured) -> Result<(), EffectError> {
        Ok(())
    }

    async fn apply(&self, _: &Action, _: &Captured, _: &Sending) -> Result<Value, EffectError> {
        Ok(Value::Null)
    }

    async fn undo(
        &self,
        _: &Action,
        _: &Captured,
        _: &Value,
        _: &Sending,
    ) -> Result<Value, EffectError> {
        Ok(Value::Null)
    }

    async fn read_back(
        &self,
        _: &Action,
        _: Way,
        _: &Captured,
        _: &Value,
    ) -> Result<Presence, EffectError> {
        Ok(Presence::Applied { receipt: Value::Null })
    }
}

/// More replicas, whatever the cause is.
fn remedies(analyzer: &Analyzer) -> Catalogue {
    analyzer.catalogue().causes().iter().fold(Catalogue::new(), |remedies, cause| {
        let more = strategy_fn("more", |_, _| {
            let steps = vec![Step::of(Action::ScaleUp { replicas: 20 })];
            let minute = Duration::from_secs(60);
            Proposals::from(vec![Candidate::try_new(steps, "more workers", minute).unwrap()])
        });
        remedies.with(cause.kind.clone(), more)
    })
}

fn first_cycle(fake: &Arc<Fake>) -> Cycle {
    let monitor = MonitorConfig {
        up: None,
        episodes_max: MonitorConfig::EPISODES_LIMIT,
        ..MonitorConfig::default()
    };
    let monitor = Monitor::builder(monitor).element(fake.clone()).build().unwrap();
    let analyzer = Analyzer::try_new(AnalyzeConfig::default()).unwrap();
    let plan =
        mapek_plan::Config { min_confidence: Confidence::saturating(0.1), ..Default::default() };
    let mut execute = Config { state_dir: None, ..Config::default() };
    execute.rails.autonomy.profile = Profile::Auto;
    let rails = Rails::new(&execute.rails);
    let effector: Arc<dyn Effector> = fake.clone();
    let effectors = BTreeMap::from([(TargetId::default(), effector)]);
    let store = Arc::new(MemoryStore::new());
    let (executor, _) = Executor::open(execute, rails, store, effectors).unwrap();
    let knowledge = Arc::new(MemoryKnowledge::new(Default::default()));
    Loop::builder()
        .monitor(monitor)
        .planner(plan.build(remedies(&analyzer)).unwrap())
        .analyzer(analyzer)
        .executor(executor)
        .knowledge(Knowledge::over(knowledge, Default::default()))
        .clock(Arc::new(ManualClock::at(now())))
        .ids(Arc::new(SeededIds::new(Seed(7))))
        .seed(Seed(7))
        .build_cycle()
        .unwrap()
}

fn cycle(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = |mut cycle: Cycle| {
        let woken_by = BTreeSet::from([WakeReason::Interval]);
        let report = runtime.block_on(cycle.run_once(now(), woken_by));
        // Both are handed back, so that dropping them is not measured.
        (cycle, report)
    };
    let mut group = criterion.benchmark_group("cycle");
    group.sample_size(10);
    for size in SIZES {
        let fake = Arc::new(Fake::new(size));
        let (_, report) = run(first_cycle(&fake));
        assert_eq!(report.faults, Vec::<String>::new());
        assert_eq!(report.seen.open.len() as u64, size);
        let began = report.decisions.iter().any(|decided| decided.execution.is_some());
        assert!(began, "it must go all the way: {:#?}", report.decisions);
        group.throughput(Throughput::Elements(size));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_batched(|| first_cycle(&fake), run, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, cycle);
criterion_main!(benches);
