//! Each cause is first in its own scenario, as the Charter reference server would show it; and what is none is not.

use std::collections::BTreeMap;

use mapek_model::{
    Component, Diagnosis, DiagnosisId, Direction, DoubtKind, Duration, Generation, Observation,
    Quality, Resource, Risk, Sample, Series, Severity, SourceName, Trend, Violation, later,
};
use serde_json::json;

use super::*;
use crate::fixture::{at, observation, trend, violation};
use crate::{Pattern, Treated};

/// What is seen of a system under way: all that a deployment watches, as usual unless said otherwise.
struct Scene {
    open: Vec<Violation>,
    trends: BTreeMap<&'static str, (Direction, f64)>,
    resources: Vec<Resource>,
    series: BTreeMap<String, Vec<Series>>,
}

const NOW: u64 = 36_000;

fn resource(kind: &str, id: &str, status: &str, changed: u64) -> Resource {
    Resource {
        kind: kind.to_owned(),
        id: id.to_owned(),
        status: status.to_owned(),
        generation: Some(Generation::new(1)),
        changed: Some(at(changed)),
        attributes: BTreeMap::new(),
    }
}

impl Scene {
    /// Nothing is wrong: everything wavers a little.
    fn healthy() -> Self {
        let names = [
            "arrivals_per_replica",
            "throughput",
            "failure_rate",
            "validation_latency",
            "committee_size",
            "violations_rate",
            "load_skew",
            "forbidden_attempts_rate",
        ];
        let mut committee = resource("committee", "committee", "normal", 0);
        committee.attributes =
            BTreeMap::from([("replicas".into(), json!(6)), ("healthy_nodes".into(), json!(6))]);
        let mut policy = resource("policy", "privacy-baseline", "active", 0);
        policy.attributes = BTreeMap::from([("kind".into(), json!("enforcement"))]);
        Self {
            open: Vec::new(),
            trends: names.into_iter().map(|name| (name, (Direction::Steady, 0.4))).collect(),
            resources: vec![committee, policy],
            series: BTreeMap::new(),
        }
    }

    fn episode(self, expectation: &str, severity: Severity, ago: u64) -> Self {
        self.episode_on(expectation, None, severity, ago)
    }

    fn episode_on(mut self, expectation: &str, on: Option<&str>, how: Severity, ago: u64) -> Self {
        self.open.push(violation(expectation, on, how, NOW - ago));
        self
    }

    fn is(mut self, name: &'static str, deviation: f64) -> Self {
        self.trends.insert(name, (Direction::Steady, deviation));
        self
    }

    fn rises(mut self, name: &'static str, deviation: f64) -> Self {
        self.trends.insert(name, (Direction::Rising, deviation));
        self
    }

    fn with(mut self, resource: Resource) -> Self {
        self.resources.retain(|it| it.id != resource.id);
        self.resources.push(resource);
        self
    }

    /// Five minutes ago it was 100, and now it is so many times as much.
    fn grows(mut self, name: &str, times: f64) -> Self {
        let value = |i| if i < 12 { 100.0 } else { 100.0 * times };
        let samples =
            (0..20).map(|i| Sample { at: at(NOW - 300 + i * 15), value: value(i) }).collect();
        self.series.insert(name.to_owned(), vec![Series { samples, ..Series::default() }]);
        self
    }

    /// It fell by a fifth in half an hour, wavering, and now it is so many times what it was just before.
    fn leaps(mut self, name: &str, times: f64) -> Self {
        let before = |i: u64| 100.0 - 0.4 * i as f64 + (i * 7919 % 3) as f64;
        let value = |i| if i < 50 { before(i) } else { 80.0 * times };
        let samples =
            (0..=50).map(|i| Sample { at: at(NOW - 1_500 + i * 30), value: value(i) }).collect();
        self.series.insert(name.to_owned(), vec![Series { samples, ..Series::default() }]);
        self
    }

    /// It is so much now, whatever is usual.
    fn reads(mut self, name: &'static str, value: f64) -> Self {
        self.trends.remove(name);
        let samples = vec![Sample { at: at(NOW), value }];
        self.series.insert(name.to_owned(), vec![Series { samples, ..Series::default() }]);
        self
    }

    fn slow(self) -> Self {
        self.episode("high-validation-latency", Severity::Warning, 60)
            .episode("validation-latency-sla", Severity::Warning, 30)
            .is("validation_latency", 9.0)
    }

    fn observation(&self) -> Observation {
        let mut seen = observation(NOW, self.open.clone());
        seen.trends = self.trends.iter().map(|(name, it)| trend(name, it.0, it.1)).collect();
        seen.resources = self.resources.clone();
        seen.series = self.series.clone();
        seen
    }

    fn diagnose(&self) -> Diagnosis {
        diagnose(&self.observation())
    }
}

fn id() -> DiagnosisId {
    "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()
}

fn analyzer() -> Analyzer {
    Analyzer::try_new(AnalyzeConfig::default()).unwrap()
}

fn diagnose(observation: &Observation) -> Diagnosis {
    analyzer().diagnose(&mut AnalyzerState::default(), observation, id())
}

/// The first cause is `kind`, sure enough to plan for, and explains all of it.
#[track_caller]
fn first(diagnosis: &Diagnosis, kind: &str) {
    let first = diagnosis.causes.first().unwrap_or_else(|| panic!("unknown: {diagnosis:#?}"));
    assert_eq!(first.cause.kind, kind, "{diagnosis:#?}");
    assert!(first.confidence.get() >= 0.6, "{diagnosis:#?}");
    assert_eq!(diagnosis.unexplained, [], "{diagnosis:#?}");
}

#[track_caller]
fn place(diagnosis: &Diagnosis) -> &str {
    diagnosis.causes[0].cause.component.as_ref().expect("a component").as_str()
}

#[test]
fn slow_validation_is_validation_latency() {
    first(&Scene::healthy().slow().diagnose(), "validation-latency");
}

#[test]
fn the_retries_of_what_is_slow_are_neither_overload_nor_a_cascade() {
    let scene = Scene::healthy()
        .slow()
        .episode("high-failure-rate", Severity::Critical, 40)
        .episode("low-throughput", Severity::Warning, 35)
        .is("failure_rate", 20.0)
        .is("throughput", -9.0)
        .reads("retry_share", 0.17);
    first(&scene.diagnose(), "validation-latency");
    // More first attempts, and it is an overload, even if hardly anything is served in time.
    let more = scene.is("arrivals_per_replica", 20.0).grows("arrivals_per_replica", 1.6);
    first(&more.diagnose(), "overload");
}

#[test]
fn what_was_measured_before_it_happened_says_nothing_of_it() {
    let seen = |ago| {
        let scene = Scene::healthy().episode("high-validation-latency", Severity::Critical, ago);
        // As usual, since it is as old as that.
        scene.reads("arrivals_per_replica", 500.0).observation()
    };
    let (early, later) = (seen(14), seen(15));
    assert!(analyzer().is_premature(&early) && !analyzer().is_premature(&later));
    let told = diagnose(&early);
    assert!(told.causes.is_empty() && told.unexplained.len() == 1, "{told:#?}");
    first(&diagnose(&later), "validation-latency");
    let unmeasured = Observation { series: BTreeMap::new(), ..early };
    assert!(!analyzer().is_premature(&unmeasured), "who measures nothing waits for nothing");
}

#[test]
fn of_many_processes_the_one_that_holds_ever_more_leaks() {
    let memory = |node: &str, deviation| Trend {
        component: Some(Component::try_new(node).unwrap()),
        ..trend(&format!("memory{{node={node:?}}}"), Direction::Steady, deviation)
    };
    let mut seen = Scene::healthy().slow().observation();
    seen.trends.extend([memory("a", 0.3), memory("b", 9.0), memory("c", -0.2)]);
    let told = diagnose(&seen);
    first(&told, "leak");
    let place = told.causes[0].cause.component.as_ref();
    assert_eq!(place.map(|it| it.as_str()), Some("b"));
    seen.trends.push(memory("d", 7.0));
    let told = diagnose(&seen);
    assert_eq!(told.causes[0].cause.component, None, "two do");
    seen.trends.retain(|it| it.deviation < 5.0);
    first(&diagnose(&seen), "validation-latency");
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
fn an_alert_on_latency_alone_is_validation_latency() {
    let seen =
        observation(NOW, vec![violation("validation-latency-sla", None, Severity::Warning, NOW)]);
    first(&diagnose(&seen), "validation-latency");
}

#[test]
fn more_arrivals_are_overload() {
    let scene = Scene::healthy()
        .slow()
        .is("arrivals_per_replica", 12.0)
        .is("throughput", 5.0)
        .episode("high-failure-rate", Severity::Warning, 10);
    first(&scene.diagnose(), "overload");
}

#[test]
fn more_arrivals_than_just_before_are_overload_though_there_were_as_many_in_the_morning() {
    let slow = Scene::healthy().slow().episode("high-failure-rate", Severity::Critical, 10);
    let arrivals = "arrivals_per_replica";
    first(&slow.is(arrivals, 0.8).leaps(arrivals, 1.3).diagnose(), "overload");
    // What it goes on doing is no news.
    let slow = Scene::healthy().slow().episode("high-failure-rate", Severity::Critical, 10);
    first(&slow.is(arrivals, 0.8).leaps(arrivals, 1.0).diagnose(), "validation-latency");
}

#[test]
fn who_is_slow_serves_no_more_than_before() {
    let slow = || Scene::healthy().slow().episode("high-failure-rate", Severity::Critical, 10);
    first(&slow().diagnose(), "validation-latency");
    let told = slow().leaps("throughput", 1.3).diagnose();
    let sure = told.causes.iter().find(|it| it.confidence.get() >= 0.6);
    assert_eq!(sure, None, "a rate over a minute does not show yet that more arrives");
    let told = slow().leaps("throughput", 1.3).leaps("arrivals_per_replica", 1.3).diagnose();
    first(&told, "overload");
}

#[test]
fn much_that_is_repeated_and_less_served_in_a_burst_is_a_retry_cascade() {
    let scene = Scene::healthy()
        .slow()
        .episode("high-failure-rate", Severity::Critical, 35)
        .episode("low-throughput", Severity::Warning, 28)
        .reads("retry_share", 0.8)
        .is("throughput", -6.0)
        .is("failure_rate", 20.0);
    first(&scene.diagnose(), "retry-cascade");
}

#[test]
fn latency_that_goes_on_rising_is_a_leak() {
    let scene = Scene::healthy().slow().rises("validation_latency", 9.0);
    first(&scene.diagnose(), "validation-latency"); // at first every jump is a rise
    let scene = scene.episode("high-failure-rate", Severity::Warning, 400);
    first(&scene.diagnose(), "leak");
    let memory = Scene::healthy()
        .episode_on("high-memory-usage", Some("validator-2"), Severity::Warning, 60)
        .rises("memory", 6.0)
        .diagnose();
    first(&memory, "leak");
    assert_eq!(place(&memory), "validator-2");
}

#[test]
fn uneven_load_is_a_hot_spot_and_is_placed() {
    let scene = Scene::healthy()
        .is("load_skew", 15.0)
        .is("validation_latency", 6.0)
        .episode_on("high-validation-latency", Some("validator-3"), Severity::Warning, 90)
        .episode_on("high-failure-rate", Some("validator-3"), Severity::Warning, 20);
    let skewed = |times: f64| {
        let mut seen = scene.observation();
        let skew = seen.trends.iter_mut().find(|it| it.name == "load_skew").unwrap();
        skew.value = times;
        diagnose(&seen)
    };
    first(&skewed(1.6), "hot-spot");
    assert_eq!(place(&skewed(1.6)), "validator-3");
    // However steady it was before, a twentieth more is no hot spot.
    first(&skewed(1.05), "validation-latency");
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
fn fewer_healthy_nodes_than_replicas_are_a_node_down() {
    let mut committee = resource("committee", "committee", "degraded", NOW - 60);
    committee.attributes =
        BTreeMap::from([("replicas".into(), json!(6)), ("healthy_nodes".into(), json!(4))]);
    let node = resource("node", "validator-1", "down", NOW - 60);
    let diagnosis = Scene::healthy().slow().with(committee).with(node).diagnose();
    first(&diagnosis, "node-down");
    assert_eq!(place(&diagnosis), "validator-1");
    let target = Scene::healthy().episode_on("instance-down", Some("db"), Severity::Critical, 5);
    let diagnosis = target.diagnose();
    assert_eq!(diagnosis.causes.len(), 0, "the committee says that all nodes are well");
    let unseen = observation(NOW, target.open);
    first(&diagnose(&unseen), "node-down");
}

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
fn forbidden_reads_are_an_attack() {
    let scene = Scene::healthy()
        .episode("forbidden-metric-spike", Severity::Warning, 60)
        .episode("critical-violation-detected", Severity::Critical, 40)
        .is("forbidden_attempts_rate", 30.0)
        .is("violations_rate", 5.0)
        .is("arrivals_per_replica", 2.5);
    first(&scene.diagnose(), "attack");
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
fn little_to_do_is_idle_capacity() {
    let scene = Scene::healthy()
        .episode("low-throughput", Severity::Info, 60)
        .is("arrivals_per_replica", -8.0)
        .is("throughput", -8.0);
    first(&scene.diagnose(), "idle-capacity");
}

#[test]
fn what_breaks_and_heals_again_and_again_is_instability() {
    let analyzer = analyzer();
    let mut state = AnalyzerState::default();
    let scene = Scene::healthy().slow();
    for i in 0..3 {
        let began = NOW - 400 + i * 120;
        let mut over = violation("high-validation-latency", None, Severity::Warning, began);
        over.closed = Some(at(began + 30));
        let mut seen = Scene::healthy().observation();
        seen.at = at(began + 60);
        seen.closed = vec![over];
        assert!(analyzer.diagnose(&mut state, &seen, id()).is_healthy());
    }
    first(&analyzer.diagnose(&mut state, &scene.observation(), id()), "instability");
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
fn doubtful_evidence_is_less_sure() {
    let seen = Scene::healthy().slow().observation();
    let mut doubtful = seen.clone();
    let doubt = Quality::fresh().with(DoubtKind::StaleSample, "up", "95 s old");
    doubtful.quality.insert(SourceName::try_new("prometheus").unwrap(), doubt);
    let (sure, unsure) = (diagnose(&seen), diagnose(&doubtful));
    assert!(unsure.causes[0].confidence < sure.causes[0].confidence);
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
