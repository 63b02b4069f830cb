//! Detectors and the whole diagnosis at 10 to 100 000 violations, so that growth can be seen.

use std::{collections::BTreeSet, hint::black_box};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mapek_analyze::{
    AnalyzeConfig, Analyzer, AnalyzerState, Baselines, Causal, Detector, Frequency, Spatial,
    Temporal, Window,
};
use mapek_model::{
    Component, DiagnosisId, Duration, Expectation, Labels, Observation, Severity, SourceName,
    TargetId, Timestamp, Violation, ViolationSource, Witness, later,
};

const SIZES: [u64; 5] = [10, 100, 1_000, 10_000, 100_000];
const EXPECTATIONS: [&str; 4] = [
    "high-validation-latency",
    "high-failure-rate",
    "low-throughput",
    "critical-violation-detected",
];

/// Open episodes within nine minutes, on fifty components, in no order of time.
fn observation(size: u64) -> Observation {
    let target = TargetId::default();
    let names = EXPECTATIONS.map(|name| Expectation::try_new(name).expect("is kebab-case"));
    let nodes: Vec<_> =
        (0..50).map(|i| Component::try_new(format!("validator-{i}")).expect("is plain")).collect();
    let by = SourceName::try_new("prometheus").expect("is kebab-case");
    let violation = |i: u64| {
        // A Weyl sequence: spread evenly, in an order that no sort likes.
        let scattered = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let onset = later(Timestamp::UNIX_EPOCH, Duration::from_millis(scattered % 540_000));
        Violation {
            target: target.clone(),
            expectation: names[(i % 4) as usize].clone(),
            component: Some(nodes[(scattered >> 40) as usize % nodes.len()].clone()),
            severity: Severity::ALL[(i % 3) as usize],
            onset,
            last_seen: onset,
            closed: None,
            witnesses: BTreeSet::from([Witness {
                source: ViolationSource::Rule,
                by: by.clone(),
                name: String::new(),
                family: None,
                confirmed: true,
            }]),
            metric: None,
            value: Some(2.0),
            threshold: Some(1.0),
            labels: Labels::default(),
            description: String::new(),
        }
    };
    let at = later(Timestamp::UNIX_EPOCH, Duration::from_secs(540));
    Observation { open: (0..size).map(violation).collect(), ..Observation::empty(target, at) }
}

fn detectors(c: &mut Criterion) {
    let four: [Box<dyn Detector>; 4] = [
        Box::<Temporal>::default(),
        Box::<Spatial>::default(),
        Box::<Causal>::default(),
        Box::<Frequency>::default(),
    ];
    let baselines = Baselines::of_rate(10.0, Duration::from_secs(86_400));
    let mut group = c.benchmark_group("detectors");
    for size in SIZES {
        let seen = observation(size);
        group.throughput(Throughput::Elements(size));
        group.bench_with_input(BenchmarkId::from_parameter(size), &seen, |b, seen| {
            b.iter(|| {
                let window = Window::from_observation(black_box(seen));
                four.iter().map(|it| it.detect(&window, &baselines).len()).sum::<usize>()
            });
        });
    }
    group.finish();
}

fn diagnose(c: &mut Criterion) {
    let analyzer = Analyzer::try_new(AnalyzeConfig::default()).expect("the defaults are valid");
    let id: DiagnosisId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("is a UUID");
    let mut group = c.benchmark_group("diagnose");
    for size in SIZES {
        let seen = observation(size);
        group.throughput(Throughput::Elements(size));
        group.bench_with_input(BenchmarkId::from_parameter(size), &seen, |b, seen| {
            b.iter(|| analyzer.diagnose(&mut AnalyzerState::default(), black_box(seen), id));
        });
    }
    group.finish();
}

criterion_group!(benches, detectors, diagnose);
criterion_main!(benches);
