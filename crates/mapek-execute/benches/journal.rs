//! The journal on SQLite in a temporary directory: appending, alone and by several who share commits, and opening what a crash
//! left, at 1 000 to 100 000 records.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mapek_execute::{Body, Config, CycleInputs, Entry, Executor, Journal, Rails};
use mapek_model::{
    Action, ActionKind, Captured, Cause, Confidence, ContentHash, Cost, CycleNumber, DiagnosisId,
    EpisodeKey, ExecutionEvent, ExecutionId, ExecutionRecord, Expectation, Fingerprint,
    IdempotencyKey, Measured, Plan, PlanId, Priority, Risk, Score, Step, StepIndex, TargetId,
    Timestamp, Utility, Verdict, Way, later,
};
use mapek_store::{SqliteStore, Store};
use serde_json::json;
use uuid::Uuid;

const SIZES: [u64; 3] = [1_000, 10_000, 100_000];

fn at(n: u64) -> Timestamp {
    later("2026-01-01T00:00:00Z".parse().unwrap(), Duration::from_secs(n))
}

fn entry(n: u64, body: Body) -> Entry {
    Entry { target: Some(TargetId::default()), at: at(n), cycle: CycleNumber::new(n), body }
}

fn cycle(n: u64) -> Entry {
    let [config, observation, experience] =
        [b"configuration", &n.to_be_bytes()[..], b"experience"].map(ContentHash::of);
    let inputs = CycleInputs::new(CycleNumber::new(n), config, 7, observation, experience);
    entry(n, Body::Cycle(inputs))
}

/// A plan of two steps against a cause that explains eight episodes.
fn plan(n: u64) -> Plan {
    let expectation = Expectation::try_new("high-validation-latency").unwrap();
    let key = |i: u32| EpisodeKey {
        target: TargetId::default(),
        fingerprint: Fingerprint::of(
            &[&i.to_be_bytes()[..], expectation.as_str().as_bytes()].concat(),
        ),
        onset: at(n),
    };
    let config = [ActionKind::UpdateConfiguration, ActionKind::ScaleUp];
    let actions = [
        Action::UpdateConfiguration { batch_size: Some(64), timeout: None, parallelism: Some(4) },
        Action::ScaleUp { replicas: 5 },
    ];
    debug_assert_eq!(actions.clone().map(|action| action.kind()), config);
    Plan {
        id: PlanId::from_uuid(Uuid::from_u128(n.into())),
        target: TargetId::default(),
        diagnosis: DiagnosisId::from_uuid(Uuid::from_u128(n.into())),
        cause: Cause { kind: "validation-latency".parse().unwrap(), component: None, metric: None },
        confidence: Confidence::saturating(0.9),
        explains: (0..8).map(key).collect(),
        steps: actions.map(Step::of).to_vec(),
        benefit: Utility::saturating(0.9),
        cost: Cost::saturating(0.2),
        score: Score::saturating(0.7),
        success: Confidence::saturating(0.5),
        risk_if_wrong: Risk::Low,
        priority: Priority::High,
        time_to_effect: Duration::from_secs(60),
        verification: None,
        symptoms: Vec::new(),
        created: at(n),
        expires: at(n + 3600),
        rationale: "validation takes 2.4 s at the 99th percentile, its threshold is 1 s".to_owned(),
    }
}

/// The life of one execution, as its log has it, between three cycles each.
fn life(n: u64) -> Vec<Entry> {
    let execution = ExecutionId::from_uuid(Uuid::from_u128(n.into()));
    let measured = || Measured {
        explained_open: 8,
        other_open: 1,
        slopes: BTreeMap::new(),
        courses: BTreeMap::new(),
        guarded: Default::default(),
        values: (0..12)
            .map(|i| (format!("watched_value_{i}").parse().unwrap(), f64::from(i) / 7.0))
            .collect(),
    };
    let mut events = vec![ExecutionEvent::Started {
        plan: Box::new(plan(n)),
        chosen_with: Confidence::MAX,
        before: measured(),
    }];
    for step in [StepIndex(0), StepIndex(1)] {
        let captured = Some(Captured { at: at(n), state: json!({"replicas": 3, "etag": "7"}) });
        let key = IdempotencyKey::of(execution, step, Way::Do);
        events.push(ExecutionEvent::Intended { step, way: Way::Do, attempt: 1, key, captured });
        let receipt = json!({"replicas": 5, "status": "normal"});
        events.push(ExecutionEvent::Applied { step, way: Way::Do, receipt });
    }
    events.push(ExecutionEvent::VerificationBegan);
    events.push(ExecutionEvent::Judged {
        verdict: Verdict::Success,
        reason: "0 of 8 episodes are still open".to_owned(),
        after: measured(),
        time_to_effect: Some(Duration::from_secs(41)),
    });
    events.push(ExecutionEvent::Ended {
        ending: mapek_model::Ending::Completed,
        reason: "its effect was: success".to_owned(),
    });
    let record = |event| ExecutionRecord { execution, at: at(n), event };
    let log = events.into_iter().map(|event| entry(n, Body::Execution { record: record(event) }));
    log.chain((0..3).map(|i| cycle(3 * n + i))).collect()
}

/// Writes a journal of so many records, batched: it is not writing that is measured.
fn write(path: &Path, size: u64) {
    // The journal itself writes one record a commit. In memory that costs nothing; then it is copied.
    let memory = mapek_store::MemoryStore::new();
    let mut journal = Journal::open(Arc::new(memory.clone()), |_| ()).unwrap();
    for entry in (1..).flat_map(life).take(usize::try_from(size).unwrap()) {
        journal.append(entry).unwrap();
    }
    let file = SqliteStore::open(path).unwrap();
    let epoch = file.raise_epoch().unwrap();
    let mut head = file.head().unwrap();
    loop {
        let page = memory.read(head, 1024).unwrap();
        if page.is_empty() {
            return;
        }
        let records: Vec<_> = page.into_iter().map(|stored| stored.bytes).collect();
        head = file.append(epoch, head, &records).unwrap();
    }
}

fn recover(path: &Path) -> Executor {
    let store = Arc::new(SqliteStore::open(path).unwrap());
    let config = Config { state_dir: None, ..Config::default() };
    let rails = Rails::new(&config.rails);
    let (executor, recovery) = Executor::open(config, rails, store, BTreeMap::new()).unwrap();
    assert!(recovery.bad.is_empty() && recovery.damaged.is_empty());
    executor
}

fn recovery(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recover");
    group.sample_size(10);
    for size in SIZES {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        write(&path, size);
        group.throughput(Throughput::Elements(size));
        group.bench_with_input(BenchmarkId::from_parameter(size), &size, |bencher, size| {
            bencher.iter(|| assert_eq!(recover(&path).control().head().get(), *size));
        });
    }
    group.finish();
}

fn pruning(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prune");
    group.sample_size(10);
    // One batch, as a cycle does it, of a journal of a week.
    group.bench_function("4096 of 20000", |bencher| {
        bencher.iter_with_setup(
            || {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("journal.db");
                write(&path, 24_096);
                (recover(&path), directory)
            },
            |(executor, directory)| {
                let control = executor.control();
                let went = control.prune(control.head(), at(1_000_000)).unwrap();
                assert!(went > 3_000, "{went}");
                (executor, directory)
            },
        );
    });
    group.finish();
}

fn appending(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    group.sample_size(20);
    for size in SIZES {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        write(&path, size);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
        let mut journal = Journal::open(Arc::clone(&store), |_| ()).unwrap();
        let mut entries = (size..).flat_map(life);
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new("alone", size), |bencher| {
            bencher.iter(|| journal.append(entries.next().unwrap()).unwrap());
        });
        // Others write to the same file meanwhile, as an observation is kept: whoever waits together shares a commit.
        let others = 8_u8;
        group.throughput(Throughput::Elements(u64::from(others)));
        let mut round = 0_u64;
        group.bench_function(BenchmarkId::new("with 8 who share commits", size), |bencher| {
            bencher.iter(|| {
                round += 1;
                let hashes: BTreeSet<_> = std::thread::scope(|scope| {
                    let keep = |i: u8| {
                        let store = &store;
                        scope.spawn(move || {
                            store
                                .put_blob(&[&round.to_be_bytes()[..], &[i; 35_000]].concat())
                                .unwrap()
                        })
                    };
                    let kept: Vec<_> = (0..others).map(keep).collect();
                    journal.append(entries.next().unwrap()).unwrap();
                    kept.into_iter().map(|one| one.join().unwrap()).collect()
                });
                assert_eq!(hashes.len(), usize::from(others));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, recovery, pruning, appending);
criterion_main!(benches);
