//! Those whom the loop is held against do what their names say.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;

use mapek_eval::{
    Entrant, Nothing, Oracle, Random, Scenario, SeedFormulas, StaticRules, Trace, play,
};
use mapek_model::ActionKind;

fn scenario(faults: serde_json::Value) -> Arc<Scenario> {
    let mut json = serde_json::json!({
        "name": "x", "description": "x", "warm_up": "10m", "horizon": "20m",
        "right": {"acceptable": ["scale_up"], "remedies": [[{"kind": "scale_up", "replicas": 13}]]},
    });
    if faults.is_null() {
        json["kind"] = "control".into();
    } else {
        json["faults"] = faults;
    }
    Arc::new(serde_json::from_value(json).unwrap())
}

async fn played(scenario: &Arc<Scenario>, entrant: &dyn Entrant, seed: u64) -> Trace {
    play(scenario, seed, entrant).await.unwrap().trace
}

fn kinds(trace: &Trace) -> Vec<ActionKind> {
    trace.calls.iter().map(|call| call.kind.clone()).collect()
}

#[tokio::test]
async fn where_nothing_is_wrong_nobody_acts() {
    let calm = scenario(serde_json::Value::Null);
    let all: [&dyn Entrant; 5] =
        [&Nothing, &StaticRules, &Random, &SeedFormulas, &Oracle::new(0)];
    for entrant in all {
        assert!(played(&calm, entrant, 1).await.calls.is_empty(), "{}", entrant.name());
    }
}

#[tokio::test]
async fn static_rules_wait_for_the_alert_and_not_for_the_breach() {
    let slow = serde_json::json!([{"kind": "overload", "at": "2m", "intensity": 0.6}]);
    let trace = played(&scenario(slow), &StaticRules, 1).await;
    let first = &trace.calls[0];
    assert_eq!(first.kind, ActionKind::ScaleUp);
    // The rule on latency lasts five minutes.
    assert!((420.0..=540.0).contains(&first.at_s), "{}", first.at_s);
}

#[tokio::test]
async fn seed_formulas_count_what_goes_on_again_and_again() {
    let slow = serde_json::json!([{"kind": "overload", "at": "2m", "intensity": 0.6}]);
    let trace = played(&scenario(slow), &SeedFormulas, 1).await;
    assert!(trace.calls.len() >= 3, "{:?}", kinds(&trace));
    let stated = trace.looks.iter().flat_map(|look| &look.causes).map(|it| it.1.get());
    let constant = [0.85, 0.80, 0.75, 0.70];
    for confidence in stated {
        assert!(constant.iter().any(|it| (it - confidence).abs() < 1e-9), "{confidence}");
    }
}

#[tokio::test]
async fn dice_fall_the_same_way_under_the_same_seed_and_another_under_another() {
    let slow = scenario(serde_json::json!([{"kind": "overload", "at": "2m", "intensity": 0.9}]));
    let first = played(&slow, &Random, 1).await;
    assert_eq!(first, played(&slow, &Random, 1).await);
    let mut others = Vec::new();
    for seed in 2..6 {
        others.push(kinds(&played(&slow, &Random, seed).await));
    }
    assert!(!first.calls.is_empty() && others.iter().any(|it| *it != kinds(&first)));
}

#[test]
fn an_oracle_plays_where_it_has_a_remedy() {
    let slow = scenario(serde_json::json!([{"kind": "overload", "at": "2m"}]));
    let calm = scenario(serde_json::Value::Null);
    let plays = |remedy, scenario| Oracle::new(remedy).plays(scenario);
    assert!(plays(0, &slow) && !plays(1, &slow) && plays(0, &calm) && !plays(1, &calm));
}
