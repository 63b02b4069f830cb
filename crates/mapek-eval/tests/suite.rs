//! Many runs at once give what each gives alone.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};

use mapek_eval::{Entrant, Finished, Nothing, Scenario, Score, StaticRules, Suite, Trace};

fn scenario(name: &str, node: &str) -> Arc<Scenario> {
    let json = serde_json::json!({
        "name": name, "description": "A node draws too much.",
        "warm_up": "5m", "horizon": "10m",
        "faults": [{"kind": "hot-spot", "at": "1m", "node": node}],
        "right": {
            "acceptable": ["rebalance_load"],
            "remedies": [[{"kind": "rebalance_load", "strategy": "least_loaded"}]],
        },
    });
    Arc::new(serde_json::from_value(json).expect("it is a scenario"))
}

fn suite(scenarios: Vec<Arc<Scenario>>, threads: usize) -> Suite {
    let entrants: [Arc<dyn Entrant>; 2] = [Arc::new(Nothing), Arc::new(StaticRules)];
    Suite {
        scenarios,
        seeds: vec![1, 2],
        entrants: entrants.to_vec(),
        examined: vec![1],
        threads: NonZeroUsize::new(threads).expect("there are some"),
    }
}

fn run(suite: &Suite) -> Vec<(Score, Trace)> {
    let all = Mutex::new(Vec::new());
    let take = |it: Finished| all.lock().expect("nobody panics").push((it.score, it.played.trace));
    suite.run(take).expect("the scenarios make sense");
    let mut all = all.into_inner().expect("nobody panics");
    all.sort_by_key(|(it, _)| (it.scenario.clone(), it.entrant.clone(), it.seed));
    all
}

#[test]
fn the_same_runs_give_the_same_bytes_on_one_core_and_on_several() {
    let scenarios = || vec![scenario("a", "validator-0"), scenario("b", "validator-3")];
    let (alone, together) = (run(&suite(scenarios(), 1)), run(&suite(scenarios(), 3)));
    assert_eq!(alone.len(), 8);
    let bytes = |all: &[(Score, Trace)]| serde_json::to_string(all).expect("it is JSON");
    assert_eq!(bytes(&alone), bytes(&together));
    let examined = alone.iter().filter(|(score, _)| score.harmful.is_some()).count();
    assert_eq!(examined, 4, "only those that were to be examined");
}

#[test]
fn a_scenario_that_makes_no_sense_stops_the_suite_and_is_named() {
    let suite = suite(vec![scenario("a", "validator-0"), scenario("bad", "validator-77")], 2);
    let error = suite.run(|_| ()).expect_err("there is no such node").to_string();
    assert!(error.starts_with("bad: faults[0]: ") && error.contains("validator-77"), "{error}");
}
