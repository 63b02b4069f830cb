//! Planning at 10 to 100 000 violations, so that growth can be seen.
use std::{collections::BTreeSet, hint::black_box};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mapek_model::{
    Cause, CauseKind, Component, Confidence, Diagnosis, Duration, Expectation, Experience, Labels,
    Observation, PlanId, RankedCause, Resource, Severity, SourceName, TargetId, Timestamp,
    Violation, ViolationSource, Witness, later,
};
use mapek_plan::{Config, charter::CharterStrategies};

fn violation(n: usize) -> Violation {
    let onset = later(Timestamp::UNIX_EPOCH, Duration::from_millis(n as u64));
    Violation {
        target: TargetId::default(),
        expectation: Expectation::try_new(format!("expectation-{}", n % 7)).expect("kebab-case"),
        component: Some(Component::try_new(format!("node-{}", n % 997)).expect("plain")),
        severity: Severity::ALL[n % 3],
        onset,
        last_seen: onset,
        closed: None,
        witnesses: BTreeSet::from([Witness {
            source: ViolationSource::Rule,
            by: SourceName::try_new("prometheus").expect("kebab-case"),
            name: "rule".to_owned(),
            family: None,
            confirmed: true,
        }]),
        metric: None,
        value: Some(1.0),
        threshold: Some(0.5),
        labels: Labels::default(),
        description: String::new(),
    }
}

fn scene(violations: usize) -> (Diagnosis, Observation) {
    let mut observation = Observation::empty(TargetId::default(), Timestamp::UNIX_EPOCH);
    observation.open = (0..violations).map(violation).collect();
    observation.open.sort_by_cached_key(Violation::key);
    observation.resources.push(Resource {
        kind: "committee".to_owned(),
        id: "committee".to_owned(),
        status: "normal".to_owned(),
        generation: None,
        changed: None,
        attributes: [("replicas".to_owned(), 4.into())].into(),
    });
    let keys: Vec<_> = observation.open.iter().map(Violation::key).collect();
    let kinds = ["overload", "validation-latency", "instability", "hot-spot"];
    let causes = kinds.map(|kind| RankedCause {
        cause: Cause {
            kind: CauseKind::try_new(kind).expect("kebab-case"),
            component: None,
            metric: None,
        },
        confidence: Confidence::saturating(0.8),
        explains: keys.clone(),
        since: Timestamp::UNIX_EPOCH,
        symptoms: Vec::new(),
        persisted_cycles: 3,
        reasons: Vec::new(),
    });
    let diagnosis = Diagnosis {
        id: "00000000-0000-0000-0000-000000000001".parse().expect("a UUID"),
        target: TargetId::default(),
        at: Timestamp::UNIX_EPOCH,
        findings: Vec::new(),
        causes: causes.to_vec(),
        unexplained: Vec::new(),
        risk: None,
        recommendations: Vec::new(),
    };
    (diagnosis, observation)
}

fn plan(criterion: &mut Criterion) {
    let planner =
        Config::default().build(CharterStrategies::default().catalogue()).expect("the defaults");
    let experience = Experience::default();
    let id: PlanId = "00000000-0000-0000-0000-000000000002".parse().expect("a UUID");
    let mut group = criterion.benchmark_group("plan");
    for violations in [10, 100, 1_000, 10_000, 100_000] {
        let (diagnosis, observation) = scene(violations);
        group.throughput(Throughput::Elements(violations as u64));
        group.bench_function(BenchmarkId::from_parameter(violations), |bencher| {
            bencher.iter(|| {
                let (diagnosis, observation) = (black_box(&diagnosis), black_box(&observation));
                planner.plan(diagnosis, observation, &experience, observation.at, &mut || id)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, plan);
criterion_main!(benches);
