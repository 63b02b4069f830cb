//! How sure it is: of one cause beside another, on doubtful evidence, of nothing at all.

use super::*;

#[test]
fn nothing_wrong_is_healthy_and_nothing_known_is_unknown() {
    let healthy = Scene::healthy().diagnose();
    assert!(healthy.is_healthy() && healthy.recommendations.is_empty() && healthy.risk.is_none());
    let strange = Scene::healthy().episode("tape-robot-jammed", Severity::Warning, 60).diagnose();
    assert!(strange.is_unknown(), "{strange:#?}");
    assert_eq!(strange.risk, Some(Risk::Medium));
    assert!(strange.recommendations[0].contains("no known cause"), "{strange:#?}");
    // Throughput is low, but nothing says why.
    let vague = Scene::healthy().episode("low-throughput", Severity::Info, 60).diagnose();
    assert!(vague.is_unknown(), "{vague:#?}");
    assert!(vague.recommendations[0].contains("nearest are"), "{vague:#?}");
}

#[test]
fn different_evidence_makes_different_rankings() {
    let of = |scene: Scene| {
        let ranked = scene.diagnose().causes;
        ranked.iter().map(|it| it.cause.kind.to_string()).collect::<Vec<_>>()
    };
    let slow = of(Scene::healthy().slow());
    let busy = of(Scene::healthy().slow().is("arrivals_per_replica", 12.0));
    assert_ne!(slow[0], busy[0]);
}

#[test]
fn two_causes_that_explain_different_episodes_do_not_take_from_each_other() {
    let slow = Scene::healthy().slow();
    let both = Scene::healthy()
        .slow()
        .episode("forbidden-metric-spike", Severity::Warning, 60)
        .is("forbidden_attempts_rate", 30.0)
        .diagnose();
    let confidence = |diagnosis: &Diagnosis, kind: &str| {
        diagnosis.causes.iter().find(|it| it.cause.kind == kind).unwrap().confidence.get()
    };
    assert!(confidence(&both, "attack") > 0.6, "{both:#?}");
    let alone = confidence(&slow.diagnose(), "validation-latency");
    let beside = confidence(&both, "validation-latency");
    assert!((alone - beside).abs() < 0.1, "{alone} {beside}");
    let explains =
        |kind: &str| &both.causes.iter().find(|it| it.cause.kind == kind).unwrap().explains;
    assert_eq!((explains("attack").len(), explains("validation-latency").len()), (1, 2));
}

#[test]
fn doubtful_evidence_is_less_sure() {
    let seen = Scene::healthy().slow().observation();
    let mut doubtful = seen.clone();
    let doubt = Quality::fresh().with(DoubtKind::StaleSample, "up", "95 s old");
    doubtful.quality.insert(SourceName::try_new("prometheus").unwrap(), doubt);
    let (sure, unsure) = (diagnose(&seen), diagnose(&doubtful));
    assert!(unsure.causes[0].confidence < sure.causes[0].confidence);
}

#[test]
fn what_nobody_bears_out_may_not_be_so_at_all() {
    let sure = Scene::healthy().slow().observation();
    let mut unsure = sure.clone();
    for violation in &mut unsure.open {
        let witnesses = std::mem::take(&mut violation.witnesses).into_iter();
        violation.witnesses =
            witnesses.map(|it| mapek_model::Witness { confirmed: false, ..it }).collect();
    }
    let confidence =
        |seen| diagnose(seen).causes.first().map_or(0.0, |it: &RankedCause| it.confidence.get());
    assert!(confidence(&sure) > 0.8 && confidence(&unsure) < 0.4, "{}", confidence(&unsure));
}

#[test]
fn a_catalogue_and_a_calibration_of_ones_own_are_used() {
    let catalogue = crate::Catalogue::parse(
        r#"{"causes": [{"kind": "jam", "title": "The robot is jammed.", "prior": 2.0, "explains": ["tape-*"],
            "clues": [{"if": {"severity": "critical"}, "then": 1.0, "else": -1.0, "words": "it is critical"}],
            "remedies": [{"action": "custom_kick", "words": "kick it", "undo": "none"}]}]}"#,
    )
    .unwrap();
    let calibration = crate::Calibration::try_platt(0.5, 0.0).unwrap();
    let of = |calibration| {
        let config = AnalyzeConfig {
            catalogue: Some(catalogue.clone()),
            calibration,
            ..AnalyzeConfig::default()
        };
        let seen = observation(9, vec![violation("tape-jam", None, Severity::Critical, 5)]);
        let mut state = AnalyzerState::default();
        Analyzer::try_new(config).unwrap().diagnose(&mut state, &seen, id())
    };
    let (plain, doubted) = (of(crate::Calibration::default()), of(calibration));
    first(&plain, "jam");
    // 2 + 1 against unknown at 0.
    assert!((plain.causes[0].confidence.get() - 1.0 / (1.0 + (-3.0_f64).exp())).abs() < 1e-12);
    assert!((doubted.causes[0].confidence.get() - 1.0 / (1.0 + (-1.5_f64).exp())).abs() < 1e-12);
    assert_eq!(plain.causes[0].reasons, ["it is critical (+1.0)"]);
    assert_eq!(plain.recommendations, ["jam (0.95): kick it (custom_kick)"]);
}
