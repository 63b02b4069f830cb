use std::fmt::Write as _;

use mapek_model::{Action, Component, Labels, Precondition, Resource, Sample, Series, Severity};
use serde_json::{Value, json};

use super::*;
use crate::{
    Config, Planning, Reason,
    test_support::{Scene, committee, noon, resource},
};

fn strict(cost: u32) -> Value {
    json!({"kind": "enforcement", "strictness": 0.5, "rules": [{"name": "r", "metric": "m", "effect": "forbid", "cost": cost}]})
}

fn policy(id: &str, versions: &[(u64, &str, Value)]) -> Resource {
    let listed: Vec<_> = versions
        .iter()
        .map(|(version, status, config)| json!({"version": version, "status": status, "config": config}))
        .collect();
    let newest = versions.last().map(|(version, ..)| *version);
    let attributes = json!({"name": format!("Policy {id}"), "version": newest, "versions": listed});
    resource("policy", id, "active", attributes)
}

/// A committee of four, one policy with a version before, throughput 437/s at best.
fn scene(cause: &str) -> Scene {
    let nodes: Vec<_> = (0..4)
        .map(|n| json!({"node": format!("validator-{n}"), "healthy": n != 2, "load": 0.7}))
        .collect();
    let pool = json!({"replicas": 4, "target_replicas": 4, "replicas_min": 1, "replicas_max": 30, "nodes": nodes});
    let versions = [(1, "rolled_back", strict(1)), (2, "active", strict(50))];
    let mut scene =
        Scene::new(cause).with(committee(pool)).with(policy("privacy-baseline", &versions));
    let samples = vec![Sample { at: noon(), value: 437.0 }];
    let series = Series { labels: Labels::default(), samples };
    scene.observation.series.insert("throughput".to_owned(), vec![series]);
    scene
}

fn plan(scene: &Scene) -> Planning {
    let catalogue = CharterStrategies::default().catalogue();
    scene.plan(&Config::default().build(catalogue).unwrap())
}

/// As a person would read it.
fn read(planning: &Planning) -> String {
    let mut text = String::new();
    for plan in &planning.plans {
        let (score, cost, tte) = (plan.score.get(), plan.cost.get(), plan.time_to_effect.as_secs());
        writeln!(text, "{score:.3} cost {cost:.3} {} risk, seen in {tte} s", plan.risk_if_wrong)
            .unwrap();
        for step in &plan.steps {
            writeln!(text, "  - {} (wait {} s)", step.action, step.wait.as_secs()).unwrap();
            for condition in &step.preconditions {
                writeln!(text, "    if {}", serde_json::to_string(condition).unwrap()).unwrap();
            }
        }
        writeln!(text, "  {}", plan.rationale).unwrap();
    }
    for rejected in &planning.rejected {
        writeln!(text, "not: {}", rejected.text).unwrap();
    }
    text
}

fn actions(planning: &Planning) -> Vec<String> {
    let words = |plan: &mapek_model::Plan| {
        plan.steps.iter().map(|step| step.action.to_string()).collect::<Vec<_>>().join(" + ")
    };
    planning.plans.iter().map(words).collect()
}

fn unavailable(planning: &Planning) -> Vec<String> {
    let said = |it: &crate::RejectedPlan| match &it.reason {
        Reason::Unavailable { why, .. } => Some(why.to_string()),
        _ => None,
    };
    planning.rejected.iter().filter_map(said).collect()
}

#[test]
fn validation_latency() {
    insta::assert_snapshot!(read(&plan(&scene("validation-latency"))));
}

#[test]
fn policy_misconfiguration() {
    insta::assert_snapshot!(read(&plan(&scene("policy-misconfiguration").at("privacy-baseline"))));
}

#[test]
fn retry_cascade() {
    insta::assert_snapshot!(read(&plan(&scene("retry-cascade"))));
}

#[test]
fn overload() {
    insta::assert_snapshot!(read(&plan(&scene("overload"))));
}

#[test]
fn node_down() {
    insta::assert_snapshot!(read(&plan(&scene("node-down"))));
}

#[test]
fn an_attack_has_what_is_forbidden_revoked() {
    let tightened = |scene: &Scene| {
        let planning = plan(scene);
        let steps = planning.plans.iter().flat_map(|plan| &plan.steps).cloned();
        steps.filter(|step| matches!(step.action, Action::ApplyPolicy { .. })).collect::<Vec<_>>()
    };
    let mut scene = scene("attack");
    let [step] = &tightened(&scene)[..] else { panic!("{:?}", plan(&scene).rejected) };
    let Action::ApplyPolicy { policy: id, version, config, .. } = &step.action else { panic!() };
    assert_eq!((id.as_str(), version.as_str()), ("privacy-baseline", "3"));
    assert_eq!(config["rules"][0]["effect"], "revoke");
    assert_eq!(config["rules"][0]["cost"], 50, "all else stays");
    assert!(!step.preconditions.is_empty(), "it is not changed behind somebody's back");
    // Of two that forbid something, the one that is attacked.
    let other = policy("forbidden-metrics", &[(7, "active", strict(1))]);
    scene = scene.with(other);
    assert!(tightened(&scene).is_empty(), "nobody says which");
    scene.cause.cause.component = Some(Component::try_new("forbidden-metrics").unwrap());
    let Action::ApplyPolicy { policy: id, .. } = &tightened(&scene)[0].action else { panic!() };
    assert_eq!(id, "forbidden-metrics");
}

#[test]
fn every_cause_of_the_catalogue_has_a_remedy() {
    let catalogue = CharterStrategies::default().catalogue();
    for cause in catalogue.causes() {
        let place = if cause == "attack" { Some("validator-1") } else { None };
        let mut scene = scene(cause.as_str());
        scene.cause.cause.component = place.map(|name| Component::try_new(name).unwrap());
        let nodes = scene.observation.resources[0].attributes.get_mut("nodes").unwrap();
        if cause == "idle-capacity" {
            nodes[2]["healthy"] = true.into();
            for node in nodes.as_array_mut().unwrap() {
                node["load"] = 0.2.into();
            }
        }
        assert!(!plan(&scene).plans.is_empty(), "{cause}: {:?}", plan(&scene).rejected);
    }
    assert_eq!(catalogue.causes().count(), 12);
}

#[test]
fn nothing_is_proposed_without_an_inventory_but_reasons() {
    let catalogue = CharterStrategies::default().catalogue();
    for cause in catalogue.causes() {
        let scene = Scene::new(cause.as_str()).at("somewhere");
        let planning = plan(&scene);
        assert_eq!(actions(&planning), [""; 0], "{cause}");
        assert!(!unavailable(&planning).is_empty(), "{cause}");
        assert!(planning.escalate.is_some(), "{cause}");
    }
}

#[test]
fn a_policy_is_found_by_id_by_name_or_as_the_only_one_that_changed() {
    let rolled = |scene: &Scene| {
        let planning = plan(scene);
        actions(&planning).into_iter().filter(|it| it.starts_with("roll")).collect::<Vec<_>>()
    };
    let expected = ["roll policy privacy-baseline back from version 2"];
    let cause = "policy-misconfiguration";
    assert_eq!(rolled(&scene(cause).at("privacy-baseline")), expected);
    assert_eq!(rolled(&scene(cause).at("Policy privacy-baseline")), expected);
    assert_eq!(rolled(&scene(cause)), expected, "it changed ten minutes ago, alone");
    assert_eq!(rolled(&scene(cause).at("validator-1")), expected);

    let versions = [(1, "rolled_back", strict(1)), (2, "active", strict(2))];
    let two = scene(cause).with(policy("other", &versions));
    assert_eq!(rolled(&two), [""; 0], "two that changed are two suspects");
    assert!(unavailable(&plan(&two))[0].contains("which of 2 enforcement policies"));
}

#[test]
fn a_policy_that_changed_long_ago_or_afterwards_is_no_suspect() {
    let cause = "policy-misconfiguration";
    for changed in [mapek_model::earlier(noon(), Duration::from_secs(7_200)), noon()] {
        let mut scene = scene(cause);
        scene.observation.resources[1].changed = Some(changed);
        let planning = plan(&scene);
        assert_eq!(actions(&planning), [""; 0]);
        assert!(unavailable(&planning)[0].contains("none changed before it began"));
    }
}

#[test]
fn without_a_version_before_nothing_is_rolled_back() {
    for before in ["failed", "pending", "approved"] {
        let versions = [(1, before, strict(1)), (2, "active", strict(50))];
        let mut scene = scene("policy-misconfiguration").at("p");
        scene.observation.resources.push(policy("p", &versions));
        let planning = plan(&scene);
        assert_eq!(actions(&planning), [""; 0]);
        assert!(unavailable(&planning)[0].contains("a version of policy p before 2 is not known"));
    }
}

#[test]
fn a_newer_version_that_is_not_in_effect_is_not_the_bad_one() {
    let versions =
        [(3, "rolled_back", strict(1)), (4, "active", strict(50)), (5, "failed", strict(9))];
    let mut scene = scene("policy-misconfiguration").at("p");
    scene.observation.resources.push(policy("p", &versions));
    let planning = plan(&scene);
    assert!(actions(&planning).contains(&"roll policy p back from version 4".to_owned()));
    assert!(actions(&planning).contains(&"apply policy p version 3".to_owned()));
}

#[test]
fn hostile_inventories_make_no_plan_and_no_panic() {
    for versions in [
        json!("none"),
        json!([1, null, {}]),
        json!([{"version": -1, "status": "active", "config": {}}]),
        json!([{"version": "1e9", "status": "active", "config": 7}]),
        json!([{"version": 2, "status": 5, "config": {}}]),
    ] {
        let mut scene = scene("policy-misconfiguration").at("p");
        scene.observation.resources.push(resource(
            "policy",
            "p",
            "?",
            json!({"versions": versions}),
        ));
        assert_eq!(actions(&plan(&scene)), [""; 0], "{versions}");
    }
}

#[test]
fn tuning_starts_from_what_is_in_effect_and_ends_where_it_harms() {
    let tuned = |config: Value| {
        let mut scene = scene("validation-latency");
        scene.observation.resources.push(policy("tuning", &[(1, "active", config)]));
        let planning = plan(&scene);
        actions(&planning).into_iter().find(|it| it.starts_with("update"))
    };
    assert_eq!(
        tuned(json!({"kind": "configuration", "batch_size": 20, "parallelism": 6, "timeout": 3}))
            .unwrap(),
        "update configuration, batch size 40, timeout 4s 500ms, parallelism 8"
    );
    let most = json!({"kind": "configuration", "batch_size": 64, "parallelism": 9, "timeout": 60});
    assert_eq!(tuned(most), None);
}

#[test]
fn drift_is_undone_to_what_was_right() {
    let restored = |changed: u64| {
        let mut scene = scene("configuration-drift");
        let config = |batch: u32| json!({"kind": "configuration", "batch_size": batch});
        let versions = [(1, "rolled_back", config(24)), (2, "active", config(1))];
        let mut tuning = policy("tuning", &versions);
        tuning.changed = Some(mapek_model::earlier(noon(), Duration::from_secs(changed)));
        scene.observation.resources.push(tuning);
        actions(&plan(&scene))
    };
    let recent = restored(300);
    assert!(
        recent
            .contains(&"update configuration, batch size 24, timeout 2s, parallelism 4".to_owned()),
        "{recent:?}"
    );
    assert!(recent.contains(&"roll policy tuning back from version 2".to_owned()), "{recent:?}");
    let old = restored(86_400);
    assert_eq!(old, ["update configuration, batch size 1, timeout 2s, parallelism 4"]);
}

#[test]
fn later_steps_do_not_ask_for_what_earlier_ones_change() {
    let planning = plan(&scene("node-down"));
    let long = planning.plans.iter().find(|plan| plan.steps.len() == 2).unwrap();
    let unchanged = |step: &mapek_model::Step| {
        step.preconditions.iter().any(|it| matches!(it, Precondition::Unchanged { .. }))
    };
    assert!(unchanged(&long.steps[0]));
    assert!(!unchanged(&long.steps[1]), "the scale before it raised the generation");
    assert_eq!(long.steps[0].preconditions[0], Precondition::CausePresent);
    assert!(!long.steps[1].preconditions.contains(&Precondition::CausePresent));
}

#[test]
fn a_pace_shortens_waits_and_times_to_effect() {
    let times = |pace| {
        let strategies = CharterStrategies { pace, ..CharterStrategies::default() };
        let planner = Config::default().build(strategies.catalogue()).unwrap();
        scene("overload").plan(&planner).plans[0].time_to_effect.as_secs_f64()
    };
    assert!((times(0.1) - 9.0).abs() < 1e-9);
    assert!((times(f64::NAN) - times(1.0)).abs() < 1e-9);
    assert!((times(-1.0) - times(1.0)).abs() < 1e-9);
}

#[test]
fn a_critical_cascade_has_the_highest_priority() {
    let scene = scene("retry-cascade")
        .seeing("down", Severity::Critical)
        .seeing("lost", Severity::Critical);
    assert_eq!(plan(&scene).priority(), Some(mapek_model::Priority::Critical));
}
