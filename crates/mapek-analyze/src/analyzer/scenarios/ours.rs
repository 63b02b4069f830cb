//! What our own actions cause, what they treat, and what lasts from cycle to cycle.

use super::*;

#[test]
fn what_our_own_actions_cause_is_no_new_cause() {
    let seen = Scene::healthy()
        .episode("emergency-override-staying-active", Severity::Critical, 60)
        .observation();
    assert!(diagnose(&seen).is_unknown());
    let ours = [Expected::because("the override of execution 7 is active")
        .episodes([Pattern::new("emergency-override-*")])];
    let mut state = AnalyzerState::default();
    let live = Ours::expecting(ours.clone());
    let diagnosis = analyzer().diagnose_knowing(&mut state, &seen, &live, id());
    assert!(diagnosis.is_healthy(), "{diagnosis:#?}");
    assert!(diagnosis.recommendations[0].contains("execution 7"));

    // What breaks on another component, or was broken before, is not ours.
    let [ours] = ours;
    let on = |name: &str| ours.clone().on(mapek_model::Component::try_new(name).unwrap());
    let mut there = seen.clone();
    there.open[0].component = Some(mapek_model::Component::try_new("node-1").unwrap());
    let onset = there.open[0].onset;
    let is_ours = |seen: &Observation, expected: Expected| {
        let state = &mut AnalyzerState::default();
        analyzer().diagnose_knowing(state, seen, &Ours::expecting([expected]), id()).is_healthy()
    };
    assert!(is_ours(&there, on("node-1")) && is_ours(&seen, on("node-1")));
    assert!(!is_ours(&there, on("node-2")));
    assert!(is_ours(&there, ours.clone().since(onset)));
    assert!(!is_ours(&there, ours.clone().since(later(onset, Duration::from_millis(1)))));
}

#[test]
fn what_is_treated_stands_until_something_else_opens() {
    let rolled_back = Scene::healthy().slow().observation();
    assert_eq!(diagnose(&rolled_back).causes[0].cause.kind, "validation-latency");
    let kind = mapek_model::CauseKind::try_new("policy-misconfiguration").unwrap();
    let cause = mapek_model::Cause { kind, component: None, metric: None };
    let sure = mapek_model::Confidence::saturating(0.9);
    let explains = rolled_back.open.iter().map(Violation::key).collect::<Vec<_>>();
    let treated = Treated::new(cause, sure, rolled_back.at, &explains);
    let ours = Ours { expected: Vec::new(), treated: Some(treated) };
    let told = |seen: &Observation| {
        analyzer().diagnose_knowing(&mut AnalyzerState::default(), seen, &ours, id())
    };
    let diagnosis = told(&rolled_back);
    let [standing] = &diagnosis.causes[..] else { panic!("{diagnosis:#?}") };
    assert_eq!((standing.confidence, standing.explains.len()), (sure, explains.len()));
    assert_eq!(standing.cause.kind, "policy-misconfiguration");
    // A late symptom of the same cause changes nothing, a symptom of another one does.
    let mut more = rolled_back.clone();
    more.open.push(violation("critical-violations", None, Severity::Critical, NOW - 5));
    assert_eq!(told(&more).causes[0].cause.kind, "policy-misconfiguration");
    more.open.push(violation("node-down", None, Severity::Critical, NOW - 5));
    assert!(told(&more).causes.iter().all(|it| it.reasons != standing.reasons));
    let healthy = Scene::healthy().observation();
    assert!(told(&healthy).is_healthy());
}

#[test]
fn a_cause_persists_with_its_episodes_and_starts_anew_after_a_pause() {
    let analyzer = analyzer();
    let mut state = AnalyzerState::default();
    let mut seen = Scene::healthy().slow().observation();
    for cycle in 1..=3 {
        let diagnosis = analyzer.diagnose(&mut state, &seen, id());
        assert_eq!(diagnosis.causes[0].persisted_cycles, cycle);
        assert_eq!(diagnosis.causes[0].since, at(NOW));
        // Saved and loaded between cycles.
        state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        seen.at = later(seen.at, Duration::from_secs(30));
    }
    let mut healthy = Scene::healthy().observation();
    healthy.at = seen.at;
    assert!(analyzer.diagnose(&mut state, &healthy, id()).is_healthy());
    seen.at = later(seen.at, Duration::from_secs(30));
    assert_eq!(analyzer.diagnose(&mut state, &seen, id()).causes[0].persisted_cycles, 1);
}

#[test]
fn an_episode_that_lasts_is_a_burst_only_while_it_is_new() {
    let analyzer = analyzer();
    let mut state = AnalyzerState::default();
    let mut seen =
        Scene::healthy().slow().episode("high-failure-rate", Severity::Warning, 20).observation();
    assert_eq!(analyzer.diagnose(&mut state, &seen, id()).findings.len(), 1);
    seen.at = later(seen.at, Duration::from_secs(700));
    assert_eq!(analyzer.diagnose(&mut state, &seen, id()).findings, []);
}
