//! What Prometheus remembers, and how it is asked.

use std::{collections::BTreeMap, path::Path};

use charter_sim::{Fault, FaultKind, InProcess, PlantConfig};
use mapek::{
    charter::Seconds,
    model::{Duration, Timestamp, later},
};
use mapek_testkit::{History, Prometheus, ScriptedHttp};

use crate::support::{Ran, mapek, ran};

/// When the record begins. Half an hour later more arrives than can be served, for twelve minutes.
pub(crate) const BEGIN: &str = "2025-06-01T00:00:00Z";
pub(crate) const FAULT: &str = "2025-06-01T00:30:00Z";
pub(crate) const END: &str = "2025-06-01T00:50:00Z";
const SCRAPED_EVERY: u64 = 15;

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What Prometheus would have scraped and written down.
pub(crate) fn record() -> History {
    let begin = moment(BEGIN);
    let plant = InProcess::try_new(PlantConfig::default(), 7, moment("2025-05-31T23:00:00Z"));
    let plant = plant.unwrap();
    let seconds = |seconds| Seconds::try_new(seconds).unwrap();
    plant
        .inject(Fault {
            kind: FaultKind::Overload,
            at: Some(moment(FAULT)),
            ramp: seconds(0.0),
            duration: Some(seconds(720.0)),
            intensity: 0.8,
            node: None,
        })
        .unwrap();
    // By name, as the format wants it, and then by labels: since when, and the values.
    let mut all: BTreeMap<(String, String), (i64, Vec<f64>)> = BTreeMap::new();
    let mut note = |series: &str, at: i64, value: f64| {
        let name = series.split('{').next().unwrap().to_owned();
        let (_, values) = all.entry((name, series.to_owned())).or_insert((at, Vec::new()));
        values.push(value);
    };
    for tick in 0..=200 {
        let now = later(begin, Duration::from_secs(SCRAPED_EVERY * tick));
        plant.advance_to(now);
        for line in plant.metrics().lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            note(series, now.as_second(), value.parse().unwrap());
        }
        note(r#"up{instance="plant",job="charter"}"#, now.as_second(), 1.0);
        // The rule of it holds two minutes into the fault, and fires five minutes later, for seven.
        let labels = r#"alertname="ValidationLatencySLA",severity="warning""#;
        let into = now.as_second() - moment(FAULT).as_second();
        if (420..840).contains(&into) {
            let firing = format!("ALERTS{{alertstate=\"firing\",{labels}}}");
            note(&firing, now.as_second(), 1.0);
            let since = moment(FAULT).as_second() + 120;
            note(&format!("ALERTS_FOR_STATE{{{labels}}}"), now.as_second(), since as f64);
        }
    }
    all.into_iter().fold(History::new(), |history, ((_, series), (start, values))| {
        history.series(&series, start, SCRAPED_EVERY as i64, values)
    })
}

/// A configuration whose Charter and Alertmanager write down what they are asked.
pub(crate) async fn configured(directory: &Path, more: &str) -> (ScriptedHttp, String) {
    let others = ScriptedHttp::start().await.unwrap();
    let path = directory.join("mapek.yaml");
    let state = directory.join("state").display().to_string();
    let text = format!(
        "execute: {{charter_url: '{url}', state_dir: '{state}'{more}}}\n\
         knowledge: {{sqlite_path: '{state}/knowledge.db'}}\n\
         alertmanager: {{url: '{url}'}}\n",
        url = others.url("")
    );
    std::fs::write(&path, text).unwrap();
    (others, path.display().to_string())
}

pub(crate) async fn backtest(
    config: &str,
    prometheus: &Prometheus,
    span: [&str; 2],
    more: &[&str],
) -> Ran {
    let url = prometheus.url().to_string();
    let args = ["backtest", "-c", config, "--prometheus", &url, "--from", span[0], "--to", span[1]];
    ran(mapek(&[&args[..], more].concat()), "").await
}

/// A cycle is a line of some thousand characters: only where two differ first is worth showing.
#[track_caller]
pub(crate) fn assert_same(first: &str, again: &str) {
    let at = first.bytes().zip(again.bytes()).position(|(a, b)| a != b);
    let at = at.unwrap_or(first.len().min(again.len()));
    let around =
        |text: &str| text.chars().skip(at.saturating_sub(200)).take(400).collect::<String>();
    assert!(first == again, "first: {}\nagain: {}", around(first), around(again));
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
