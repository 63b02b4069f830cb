//! Policies and configuration, and who would get around them.

use super::*;

#[test]
fn a_policy_that_changed_before_violations_is_misconfigured_and_is_placed() {
    let mut policy = resource("policy", "privacy-baseline", "active", NOW - 120);
    policy.attributes = BTreeMap::from([("kind".into(), json!("enforcement"))]);
    let scene = Scene::healthy()
        .slow()
        .episode("critical-violation-detected", Severity::Critical, 50)
        .is("violations_rate", 8.0)
        .with(policy);
    let diagnosis = scene.diagnose();
    first(&diagnosis, "policy-misconfiguration");
    assert_eq!(place(&diagnosis), "privacy-baseline");

    // The same, but the change was ours: a throttle of ours is no misconfiguration.
    let ours = [Expected::because("we applied it").resource("privacy-baseline")];
    let (ours, mut state) = (Ours::expecting(ours), AnalyzerState::default());
    let ours = analyzer().diagnose_knowing(&mut state, &scene.observation(), &ours, id());
    assert!(ours.causes.iter().all(|it| it.cause.component.is_none()), "{ours:#?}");
    let confidence = |diagnosis: &Diagnosis| {
        let found = diagnosis.causes.iter().find(|it| it.cause.kind == "policy-misconfiguration");
        found.map_or(0.0, |it| it.confidence.get())
    };
    assert!(confidence(&ours) < 0.6 && confidence(&ours) < confidence(&diagnosis));
}

#[test]
fn violations_of_one_policy_are_its_misconfiguration() {
    let open = (0..4)
        .map(|i| {
            let expectation =
                ["high-policy-violations-total", "critical-violation-detected"][i % 2];
            violation(expectation, Some("retention"), Severity::Warning, NOW - 10 * i as u64)
        })
        .collect();
    let diagnosis = diagnose(&observation(NOW, open));
    first(&diagnosis, "policy-misconfiguration");
    assert_eq!(place(&diagnosis), "retention");
}

#[test]
fn policies_that_were_not_loaded_for_a_day_are_stale() {
    let mut seen =
        Scene::healthy().episode("policy-load-failure", Severity::Critical, 60).observation();
    let mut age = trend("policy_age", Direction::Rising, 9.0);
    age.value = 90_000.0;
    seen.trends.push(age);
    first(&diagnose(&seen), "stale-policy");
}

#[test]
fn a_drifted_configuration_is_configuration_drift() {
    let drifted = resource("configuration", "validation", "drifted", NOW - 600);
    let diagnosis = Scene::healthy().slow().with(drifted).diagnose();
    first(&diagnosis, "configuration-drift");
    assert_eq!(place(&diagnosis), "validation");
    let too_strict = Scene::healthy()
        .episode("high-failure-rate", Severity::Warning, 60)
        .is("failure_rate", 9.0);
    first(&too_strict.diagnose(), "configuration-drift");
}

#[test]
fn a_configuration_that_has_drifted_explains_slowness_and_uneven_load() {
    let mut seen = Scene::healthy().slow().is("load_skew", 9.0).observation();
    seen.resources.push(mapek_model::Resource {
        kind: "configuration".to_owned(),
        id: "validation".to_owned(),
        status: "drifted".to_owned(),
        generation: None,
        changed: None,
        attributes: BTreeMap::new(),
    });
    first(&diagnose(&seen), "configuration-drift");
}

#[test]
fn forbidden_reads_are_an_attack() {
    let scene = Scene::healthy()
        .episode("forbidden-metric-spike", Severity::Warning, 60)
        .episode("critical-violation-detected", Severity::Critical, 40)
        .is("forbidden_attempts_rate", 30.0)
        .is("violations_rate", 5.0)
        .is("arrivals_per_replica", 2.5);
    first(&scene.diagnose(), "attack");
}
