//! `mapek simulate`.

use serde_json::Value;

use crate::support::{mapek, ran};

/// A scenario that takes seconds, and is healed by one action.
const SHORT: &str = "name: short
description: Half as much again arrives as usual.
warm_up: 15m
horizon: 12m
faults:
  - kind: overload
    at: 1m
    intensity: 0.5
right:
  acceptable: [scale_up]
  remedies:
    - - {kind: scale_up, replicas: 12}
";

#[tokio::test]
async fn a_loop_is_scored_beside_those_it_is_held_against() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let scenario = path("short.yaml");
    std::fs::write(&scenario, SHORT).unwrap();
    let (json, html, cycles) = (path("a.json"), path("a.html"), path("a.jsonl"));
    let files = ["--json", &json, "--html", &html, "--cycles", &cycles];
    let args = [&["simulate", &scenario, "--seeds", "1"][..], &files[..]].concat();
    let told = ran(mapek(&args), "").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.contains("mitigated") && told.out.contains("oracle"), "{}", told.out);

    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let mut written: Value = serde_json::from_str(&read(&json)).unwrap();
    let totals = written["totals"].as_object_mut().unwrap();
    assert!(totals.remove("realtime_factor").unwrap().as_f64().unwrap() > 0.0);
    assert_eq!(totals["runs"], 1);
    assert_eq!(totals["mitigated_share"], 1.0, "{totals:#?}");
    assert_eq!(written["totals"]["harmful_actions"], 0);
    let names: Vec<_> = written["baselines"].as_array().unwrap().iter().collect();
    let names: Vec<_> = names.iter().filter_map(|it| it["entrant"].as_str()).collect();
    assert_eq!(names, ["nothing", "oracle", "static-rules"]);
    assert!(read(&html).contains("short"));
    let cycle: Value = serde_json::from_str(read(&cycles).lines().next().unwrap()).unwrap();
    assert_eq!(cycle["cycle"]["number"], 1);

    // The same again, byte for byte, but for how fast it was.
    let again = ran(mapek(&args), "").await;
    assert_eq!(again.code, Some(0));
    let mut second: Value = serde_json::from_str(&read(&json)).unwrap();
    second["totals"].as_object_mut().unwrap().remove("realtime_factor");
    assert_eq!(second, written);
}

#[tokio::test]
async fn the_predecessor_and_chance_are_held_beside_it_where_they_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (scenario, json, html) = (path("short.yaml"), path("a.json"), path("a.html"));
    std::fs::write(&scenario, SHORT).unwrap();
    let who = ["--baseline", "seed-formulas", "--baseline", "random", "--seeds", "1"];
    let files = ["--json", &json, "--html", &html];
    let told = ran(mapek(&[&["simulate", &scenario][..], &who, &files].concat()), "").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    for word in ["/seed", "seed-formulas", "random"] {
        assert!(told.out.contains(word), "{word}: {}", told.out);
    }
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    assert!(written["totals"]["loss_vs_seed_formulas_median"].is_number(), "{written:#}");
    assert!(written["totals"]["loss_vs_static_rules_median"].is_null());
    let baselines = written["baselines"].as_array().unwrap();
    let by_name = |name: &str| baselines.iter().find(|it| it["entrant"] == name).unwrap();
    let (seed, random) = (by_name("seed-formulas"), by_name("random"));
    // Who states causes is judged by them; who states none is not.
    assert!(seed["totals"]["brier"].is_number() && random["totals"]["brier"].is_null());
    assert!(seed["totals"]["actions"].as_u64() > Some(0));
    assert!(random["totals"]["actions"].as_u64() > Some(0));
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("seed-formulas") && page.contains("random"));
}

#[tokio::test]
async fn a_scenario_that_makes_no_sense_is_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("short.yaml");
    std::fs::write(&path, SHORT.replace("at: 1m", "at: 20m")).unwrap();
    let path = path.display().to_string();
    let told = ran(mapek(&["simulate", &path]), "").await;
    assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{told:?}");
    assert!(told.err.contains("short.yaml:7:"), "{}", told.err);
    assert!(told.err.contains("begins too late"), "{}", told.err);
}

#[tokio::test]
async fn the_schema_that_is_printed_is_the_one_in_the_docs() {
    let told = ran(mapek(&["simulate", "--schema"]), "").await;
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{told:?}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scenario.schema.json");
    assert!(told.out == std::fs::read_to_string(path).unwrap(), "{}", told.out);
    let alone = ran(mapek(&["simulate", "--schema", "--seeds", "2"]), "").await;
    assert_eq!(alone.code, Some(2), "{alone:?}");
}

#[tokio::test]
async fn scenarios_drawn_at_random_can_be_kept_and_give_the_same_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (kept, drawn, read) = (path("kept"), path("drawn.json"), path("read.json"));
    let random = ["simulate", "--random", "2", "--random-seed", "7"];
    let told = ran(mapek(&[&random[..], &["--random-into", &kept]].concat()), "").await;
    assert_eq!(told.out, format!("2 scenarios are in {kept}\n"), "{told:?}");

    let few = ["--seeds", "1", "--baseline", "nothing", "--json"];
    for (command, json) in [(&random[..], &drawn), (&["simulate", &kept], &read)] {
        let told = ran(mapek(&[command, &few, &[json]].concat()), "").await;
        assert_eq!(told.code, Some(0), "{told:?}");
    }
    let figures = |path: &str| {
        let text = std::fs::read_to_string(path).unwrap();
        let mut all: Value = serde_json::from_str(&text).unwrap();
        all["totals"].as_object_mut().unwrap().remove("realtime_factor");
        all
    };
    assert_eq!(figures(&drawn)["totals"]["runs"], 2);
    assert_eq!(figures(&drawn), figures(&read));

    let both = ran(mapek(&[&random[..], &[&kept]].concat()), "").await;
    assert_eq!(both.code, Some(2), "{both:?}");
    let unheard = [&random[..], &["--random-into", &path("other"), "--json", &path("no.json")]];
    let unheard = ran(mapek(&unheard.concat()), "").await;
    assert_eq!(unheard.code, Some(2), "{unheard:?}");
    let over = ran(mapek(&[&random[..], &["--random-into", &kept]].concat()), "").await;
    assert_eq!((over.code, over.out.as_str()), (Some(1), ""), "{over:?}");
    assert!(over.err.contains("it is not empty"), "{over:?}");
}
