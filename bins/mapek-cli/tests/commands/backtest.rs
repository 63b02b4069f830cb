//! `mapek backtest`, on a real Prometheus that remembers an incident.

use std::collections::BTreeMap;

use charter_sim::{Fault, FaultKind, InProcess, PlantConfig};
use mapek::model::Timestamp;
use mapek_testkit::{History, Prometheus};
use serde_json::Value;

use crate::support::{mapek, ran};

const START_S: i64 = 1_700_000_040;
const STEP_S: i64 = 15;
const STEPS: i64 = 160;
/// Half an hour in, more arrives than can be served.
const FAULT_S: i64 = 1_500;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START_S + second).unwrap()
}

/// Forty minutes of a Charter, as a Prometheus scraped it, with the alert that fired.
fn incident() -> History {
    let plant = InProcess::try_new(PlantConfig::default(), 1, at(0)).unwrap();
    let fault = Fault { at: Some(at(FAULT_S)), ..Fault::new(FaultKind::Overload) };
    plant.inject(fault.at_intensity(0.6)).unwrap();
    let mut series: BTreeMap<String, (i64, Vec<f64>)> = BTreeMap::new();
    for step in 0..STEPS {
        plant.advance_to(at(step * STEP_S));
        for line in plant.metrics().lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let known = series.entry(name.to_owned()).or_insert((step, Vec::new()));
            known.1.push(value.parse().unwrap());
        }
        let up = series.entry(r#"up{job="charter",instance="a:1"}"#.to_owned()).or_default();
        up.1.push(1.0);
    }
    // Names sort beside their labels: `{` comes after all letters.
    let begun = (FAULT_S + 360) / STEP_S;
    let firing = usize::try_from(STEPS - begun).unwrap();
    let labels = r#"alertname="ValidationLatencySLA",severity="warning""#;
    let alert = format!(r#"ALERTS{{{labels},alertstate="firing"}}"#);
    series.insert(alert, (begun, vec![1.0; firing]));
    let since = (START_S + FAULT_S + 60) as f64;
    series.insert(format!("ALERTS_FOR_STATE{{{labels}}}"), (begun, vec![since; firing]));
    let mut by_name: Vec<_> = series.into_iter().collect();
    by_name.sort_by_key(|(name, _)| name.split('{').next().unwrap_or(name).to_owned());
    by_name.into_iter().fold(History::new(), |history, (name, (step, values))| {
        history.series(&name, START_S + step * STEP_S, STEP_S, values)
    })
}

#[tokio::test]
async fn an_incident_of_the_past_is_seen_explained_and_left_alone() {
    let prometheus = Prometheus::builder()
        .history(incident())
        .flag("--storage.tsdb.retention.time=100y")
        .start()
        .await
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (json, cycles) = (path("a.json"), path("a.jsonl"));
    let (from, to) = (at(1_200).to_string(), at(STEPS * STEP_S - 30).to_string());
    let span = ["backtest", "--prometheus", &prometheus.url(), "--from", &from, "--to", &to];
    let args = [&span[..], &["--json", &json, "--cycles", &cycles]].concat();
    let told = ran(mapek(&args), "").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    for words in ["high-validation-latency", "overload", "scale_up", "nobody did it"] {
        assert!(told.out.contains(words), "no {words} in {}", told.out);
    }
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let summary: Value = serde_json::from_str(&read(&json)).unwrap();
    let cycles_told = summary["cycles"].as_u64().unwrap();
    assert_eq!(cycles_told, u64::try_from((STEPS * STEP_S - 30 - 1_200) / 30 + 1).unwrap());
    assert_eq!(summary["causes"][0]["cause"]["kind"], "overload", "{summary:#}");
    assert_eq!(summary["plans"][0]["effect"], "unknown");
    assert_eq!(
        summary["episodes"]["validation-latency-sla"],
        Value::Null,
        "it is one with the rule"
    );
    let first: Timestamp = summary["plans"][0]["first"].as_str().unwrap().parse().unwrap();
    assert!(first >= at(FAULT_S) && first <= at(FAULT_S + 180), "{first}");
    assert_eq!(read(&cycles).lines().count() as u64, cycles_told);

    // The same past gives the same bytes.
    let before = (told.out, read(&json), read(&cycles));
    let again = ran(mapek(&args), "").await;
    assert_eq!((again.out, read(&json), read(&cycles)), before);

    // Where nothing was recorded, nothing is said to have been well.
    let early = ["backtest", "--prometheus", &prometheus.url(), "--from", "1600000000"];
    let early = ran(mapek(&[&early[..], &["--to", "1600003600"]].concat()), "").await;
    assert_eq!(early.code, Some(1));
    assert!(early.err.contains("no sample of `up`"), "{}", early.err);
}

#[tokio::test]
async fn a_span_that_makes_no_sense_is_told() {
    for (from, to, words) in [
        ("2h ago", "3h ago", "--from"),
        ("soon", "1h ago", "2h ago"),
        ("1000000000", "2000000000", "more than 500000"),
    ] {
        let args = ["backtest", "--prometheus", "http://127.0.0.1:1", "--from", from, "--to", to];
        let told = ran(mapek(&args), "").await;
        assert!(told.code != Some(0) && told.err.contains(words), "{from} {to}: {told:?}");
    }
    let args = ["backtest", "--prometheus", "http://127.0.0.1:1", "--from", "1h ago"];
    let told = ran(mapek(&args), "").await;
    assert_eq!(told.code, Some(1));
    assert!(told.err.contains("prometheus does not tell"), "{}", told.err);
}
