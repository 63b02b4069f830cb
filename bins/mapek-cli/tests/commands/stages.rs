//! The stages one by one, and as a pipe, against a Charter in trouble and without a Prometheus.

use std::process::Stdio;

use charter_sim::{Fault, FaultKind};
use mapek::model::{Observation, Plan, TargetId, Timestamp};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::support::{DEADLINE, Plant, mapek, ran};

fn observation() -> String {
    let nothing = Observation::empty(TargetId::default(), Timestamp::UNIX_EPOCH);
    serde_json::to_string(&nothing).unwrap()
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// A Charter that lost a node 20 seconds ago, and a configuration that watches it.
async fn broken() -> (Plant, tempfile::TempDir, String) {
    let plant = Plant::start(1.0).await;
    plant.charter.inject(Fault::new(FaultKind::NodeDown)).unwrap();
    plant.charter.advance_by("PT20S".parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mapek.yaml");
    let address = plant.address;
    let text = format!(
        "monitor: {{scrape_interval: 1s, targets: [{{url: 'http://{address}/metrics'}}]}}\n\
         execute: {{charter_url: 'http://{address}'}}\n\
         alertmanager: {{enabled: false}}\n"
    );
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (plant, directory, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stages_pipe_from_observation_to_rehearsed_steps_and_nothing_is_sent() {
    let (plant, _directory, config) = broken().await;
    let args =
        |command: &[&'static str]| mapek(&[command, &["--config", config.as_str()]].concat());

    let seen = ran(args(&["monitor"]), "").await;
    assert_eq!(seen.code, Some(0), "{seen:?}");
    let observation: Observation = serde_json::from_str(&seen.out).unwrap();
    let breached: Vec<_> = observation.open.iter().map(|it| it.expectation.as_str()).collect();
    assert!(breached.contains(&"node-down"), "{breached:?}");
    assert!(observation.value("throughput").is_some());

    let passed = ran(args(&["analyze", "--pass"]), seen.out).await;
    let both = json(&passed.out);
    assert_eq!(both["diagnosis"]["causes"][0]["cause"]["kind"], "node-down", "{both}");

    let planned = ran(args(&["plan"]), passed.out).await;
    let planning = json(&planned.out);
    let proposals = planning["plans"].as_array().unwrap().len();
    let waiting = planning["waiting"].as_array().unwrap().len();
    assert!(proposals + waiting > 0, "{planning}");

    let rehearsed = ran(args(&["execute", "--dry-run"]), planned.out).await;
    let reports: Vec<_> = rehearsed.out.lines().map(json).collect();
    assert_eq!(reports.len(), proposals + waiting, "{rehearsed:?}");
    for step in reports.iter().flat_map(|report| report["steps"].as_array().unwrap()) {
        assert_eq!(step["answer"]["dry_run"], step["says"], "{step}");
        assert_eq!(step["accepted"], true, "{step}");
        assert!(!step["captured"].is_null(), "{step}");
    }
    assert_eq!(rehearsed.code, Some(0), "{rehearsed:?}");

    // The same as one pipe of a shell.
    let pipe = "$M monitor | $M analyze --pass | $M plan | $M execute --dry-run";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", pipe]).env_clear().kill_on_drop(true);
    shell.env("M", env!("CARGO_BIN_EXE_mapek")).env("MAPEK_CONFIG", &config);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let piped = ran(shell, "").await;
    assert_eq!(piped.code, Some(0), "{piped:?}");
    assert!(piped.out.lines().all(|line| json(line)["dry_run"] == true), "{}", piped.out);
    assert!(!piped.out.is_empty());

    assert!(plant.charter.ledger().is_empty(), "{:?}", plant.charter.ledger());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_live_scrapes_the_targets_itself() {
    let (plant, _directory, config) = broken().await;
    let told = ran(mapek(&["check", "--live", "--config", &config]), "").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let address = plant.address;
    for line in [
        format!("ok    target        charter {address}: "),
        "ok    rule          high_failure_rate: 1 series, fresh".to_owned(),
        "ok    metric        throughput: 1 series".to_owned(),
        format!("ok    charter       http://{address}"),
        "note  alertmanager  is not asked".to_owned(),
    ] {
        assert!(told.out.contains(&line), "{line} is not in {}", told.out);
    }
    drop(plant);
    let told = ran(mapek(&["check", "--live", "--config", &config]), "").await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.out.contains(&format!("FAIL  target        charter {address}: ")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_without_charter_says_what_would_be_done_and_that_it_was_not_checked() {
    let (plant, _directory, config) = broken().await;
    let pipe = "$M monitor | $M analyze --pass | $M plan";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", pipe]).env_clear().kill_on_drop(true);
    shell.env("M", env!("CARGO_BIN_EXE_mapek")).env("MAPEK_CONFIG", &config);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let planning = json(&ran(shell, "").await.out);
    let first = planning["plans"].get(0).or(planning["waiting"].get(0).map(|it| &it["plan"]));
    let plan: Plan = serde_json::from_value(first.unwrap().clone()).unwrap();
    drop(plant);

    let mut command = mapek(&["execute", "--dry-run"]);
    command.env("CHARTER_URL", "http://127.0.0.1:1");
    let told = ran(command, serde_json::to_string(&plan).unwrap()).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains("Charter cannot be asked"), "{}", told.err);
    let report = json(&told.out);
    assert_eq!(report["plan"], plan.id.to_string());
    assert_eq!(report["steps"][0]["says"], plan.steps[0].action.to_string());
    assert!(report["steps"][0]["accepted"].is_null(), "{report}");
}

#[tokio::test]
async fn a_bad_line_is_named_after_the_good_ones_were_answered() {
    let good = observation();
    let bad = good.replace("\"sensors\":{\"total\":0", "\"sensors\":{\"total\":-1");
    assert_ne!(bad, good);
    let told = ran(mapek(&["analyze"]), format!("{good}\n\n{bad}\n{good}")).await;
    assert_eq!((told.code, told.out.lines().count()), (Some(2), 1), "{told:?}");
    assert!(told.err.contains("line 3, field sensors.total: invalid value"), "{}", told.err);
}

#[tokio::test]
async fn hostile_lines_are_refused_by_every_stage() {
    let huge = "x".repeat(17 * 1024 * 1024);
    let deep = "[".repeat(1_000_000);
    for stage in [&["analyze"][..], &["plan"], &["execute", "--dry-run"]] {
        for (text, why) in [
            (huge.as_str(), "line 1 is longer than 16777216 bytes"),
            (deep.as_str(), "line 1, "),
            ("{", "line 1, column 1: EOF"),
            ("7", "line 1, column 1: invalid type"),
            ("\u{0}", "line 1, column 1: expected value"),
        ] {
            let mut command = mapek(stage);
            command.env("CHARTER_URL", "http://127.0.0.1:1");
            let told = ran(command, text).await;
            assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{stage:?}: {told:?}");
            assert!(told.err.contains(why), "{stage:?}: {}", told.err);
            assert!(told.err.len() < 2_000, "{stage:?} repeats its input");
        }
        let mut command = mapek(stage);
        command.env("CHARTER_URL", "http://127.0.0.1:1");
        let told = ran(command, "").await;
        assert_eq!((told.code, told.out.as_str()), (Some(0), ""), "{stage:?}: {told:?}");
    }
}

#[tokio::test]
async fn what_is_no_plan_is_not_executed() {
    let mut command = mapek(&["execute", "--dry-run"]);
    command.env("CHARTER_URL", "http://127.0.0.1:1");
    let told = ran(command, "{\"diagnosis\": {}}").await;
    assert_eq!((told.code, told.out.as_str()), (Some(2), ""));
    assert!(told.err.contains("line 1, the line as a whole: neither a plan"), "{}", told.err);
    assert_eq!(ran(mapek(&["execute"]), "").await.code, Some(2), "only as a dry run");
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_failure() {
    let mut child = mapek(&["analyze"]).spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{}\n", observation()).as_bytes()).await.unwrap();
    let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
    let output = ended.expect("it does not wait for more input").unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
