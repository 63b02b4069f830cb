//! Laws that all detectors keep.

use mapek_model::{
    Component, Confidence, Duration, Finding, FindingKind, Violation, earlier, later, proptest1,
};
use proptest::prelude::*;

use super::*;
use crate::WindowBuilder;

fn all() -> Vec<Box<dyn Detector>> {
    vec![
        Box::<Temporal>::default(),
        Box::<Spatial>::default(),
        Box::<Causal>::default(),
        Box::<Frequency>::default(),
    ]
}

fn baselines() -> impl Strategy<Value = Baselines> {
    (0.0..200.0_f64, 0.0..50.0_f64).prop_map(|(all, of_one)| {
        Baselines::of_rate(all, Duration::from_secs(86_400))
            .with_component(Component::try_new("node-1").unwrap(), of_one)
    })
}

fn detect(violations: &[Violation], baselines: &Baselines) -> Vec<Finding> {
    let window = Window::of(violations);
    all().iter().flat_map(|detector| detector.detect(&window, baselines)).collect()
}

fn best(findings: &[Finding], kind: FindingKind) -> Option<Confidence> {
    findings.iter().filter(|it| it.kind == kind).map(|it| it.confidence).max()
}

proptest! {
    #[test]
    fn order_of_input_does_not_change_the_answer(
        (violations, shuffled) in proptest1::violations(60)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        baselines in baselines(),
    ) {
        prop_assert_eq!(detect(&violations, &baselines), detect(&shuffled, &baselines));
    }

    #[test]
    fn shifting_all_times_shifts_nothing_else(
        violations in proptest1::violations(60),
        baselines in baselines(),
        seconds in 0..100_000_000_u64,
    ) {
        let by = Duration::from_secs(seconds);
        let moved: Vec<_> = violations
            .iter()
            .cloned()
            .map(|it| Violation { onset: later(it.onset, by), ..it })
            .collect();
        let mut there = detect(&moved, &baselines);
        for key in there.iter_mut().flat_map(|finding| &mut finding.episodes) {
            key.onset = earlier(key.onset, by);
        }
        prop_assert_eq!(detect(&violations, &baselines), there);
    }

    #[test]
    fn more_evidence_never_lowers_a_confidence(
        violations in proptest1::violations(60),
        more in proptest1::violation(),
        baselines in baselines(),
    ) {
        let before = detect(&violations, &baselines);
        let mut violations = violations;
        violations.push(more);
        let after = detect(&violations, &baselines);
        for kind in [FindingKind::Temporal, FindingKind::Spatial, FindingKind::Frequency] {
            prop_assert!(best(&before, kind.clone()) <= best(&after, kind));
        }
    }

    #[test]
    fn a_busier_past_never_raises_a_confidence(
        violations in proptest1::violations(60),
        calm in 0.0..50.0_f64,
        more in 0.0..50.0_f64,
    ) {
        let of = |rate| {
            let baselines = Baselines::of_rate(rate, Duration::from_secs(86_400));
            best(&detect(&violations, &baselines), FindingKind::Temporal)
        };
        prop_assert!(of(calm) >= of(calm + more));
    }

    #[test]
    fn findings_name_episodes_of_the_window_sorted(violations in proptest1::violations(60)) {
        for finding in detect(&violations, &Baselines::default()) {
            prop_assert!(finding.episodes.is_sorted());
            for key in &finding.episodes {
                prop_assert!(violations.iter().any(|it| it.key() == *key));
            }
            prop_assert!(finding.confidence.get() >= chance::LEAST);
        }
    }
}

#[test]
fn a_finding_names_no_more_episodes_than_anyone_reads() {
    let all: Vec<_> = (0..EPISODES_MAX + 10)
        .map(|i| {
            crate::fixture::violation(
                "slow",
                Some(&format!("n{i}")),
                mapek_model::Severity::Info,
                i as u64 % 50,
            )
        })
        .collect();
    let [finding] =
        Temporal::default().detect(&Window::of(&all), &Baselines::default()).try_into().unwrap();
    assert_eq!(finding.episodes.len(), EPISODES_MAX);
    assert!(finding.hypothesis.contains("210 onsets"), "{}", finding.hypothesis);
}

#[test]
fn the_longer_the_history_the_more_often_chance_makes_a_burst() {
    let all: Vec<_> = (0..3)
        .map(|i| crate::fixture::violation("slow", None, mapek_model::Severity::Info, i))
        .collect();
    let baselines = Baselines::of_rate(12.0, Duration::from_secs(86_400));
    let of = |history| {
        let target = mapek_model::TargetId::default();
        let window = WindowBuilder::new(&target)
            .since(crate::fixture::at(10), Duration::from_secs(history))
            .episodes(&all)
            .build();
        best(&Temporal::default().detect(&window, &baselines), FindingKind::Temporal)
    };
    assert!(of(60) > of(36_000));
}

#[test]
fn a_detector_can_be_a_shared_function() {
    let shared: Arc<dyn Detector> = Arc::new(detector_fn(|window: &Window<'_>, _: &Baselines| {
        vec![Finding {
            kind: FindingKind::Custom("count".to_owned()),
            episodes: Vec::new(),
            component: None,
            confidence: Confidence::MAX,
            hypothesis: window.onsets().len().to_string(),
        }]
    }));
    let all = [crate::fixture::violation("slow", None, mapek_model::Severity::Info, 1)];
    let findings = Arc::new(shared).detect(&Window::of(&all), &Baselines::default());
    assert_eq!(findings[0].hypothesis, "1");
}
