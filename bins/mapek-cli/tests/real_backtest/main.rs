//! `mapek backtest` against a real Prometheus that remembers an overload.

#[cfg(test)]
mod past;
#[cfg(test)]
#[expect(dead_code, reason = "the plant of this test is of the past")]
#[path = "../support/mod.rs"]
mod support;

use mapek_testkit::Prometheus;
use past::{BEGIN, END, FAULT, assert_same, backtest, configured, read, record};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn an_overload_of_the_past_is_seen_diagnosed_and_planned_against_and_nothing_is_sent() {
    let prometheus = Prometheus::builder().history(record()).start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (others, config) = configured(directory.path(), "").await;
    let path = |name: &str| directory.path().join(name);
    let (json, cycles) = (path("a.json"), path("a.jsonl"));
    let files = ["--json", json.to_str().unwrap(), "--cycles", cycles.to_str().unwrap()];
    let told = backtest(&config, &prometheus, [BEGIN, END], &files).await;
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);

    // Nobody but Prometheus was asked anything, and nothing is left on disk.
    assert!(others.requests().is_empty(), "{:?}", others.requests());
    assert!(!path("state").exists());

    // The lines.
    let lines: Vec<_> = told.out.lines().filter(|it| it.starts_with("2025-")).collect();
    assert!(lines.iter().all(|it| *it >= FAULT), "{}", told.out);
    let proposing = "| overload ";
    let proposing: Vec<_> = lines.iter().filter(|it| it.contains(proposing)).collect();
    let best = proposing.iter().find(|it| it.contains("| scale up to ")).expect(&told.out);
    assert!(best.contains("high-validation-latency"), "{best}");
    assert!(best.contains("| rails: it may run | effect unknown"), "{best}");
    assert!(lines.iter().any(|it| it.contains("  over: ")), "{}", told.out);
    assert!(told.out.contains("no plan was executed"), "{}", told.out);

    // The summary.
    let summary: Value = serde_json::from_str(&read(&json)).unwrap();
    let count = |pointer: &str| summary.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    assert!(count("/cycles/all") >= 101 && count("/cycles/blind") <= 2, "{summary:#}");
    assert!(count("/cycles/breached") >= 20, "{summary:#}");
    assert!(count("/violations/high-validation-latency") >= 1, "{summary:#}");
    assert!(count("/causes/overload/cycles") >= 10, "{summary:#}");
    assert!(count("/plans/scale_up/cycles") >= 10, "{summary:#}");
    assert!(count("/plans/scale_up/rails/run") >= 10, "{summary:#}");
    let scaled = &summary["plans"]["scale_up"];
    assert_eq!(scaled["effects"], serde_json::json!({"unknown": scaled["cycles"]}));

    // The cycles: the loop itself may only watch, and an alert woke it when it began to fire.
    let written = read(&cycles);
    let all: Vec<Value> = written.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(all.len() as u64, count("/cycles/all"));
    let decisions = || all.iter().flat_map(|it| it["cycle"]["decisions"].as_array().unwrap());
    assert!(decisions().count() >= 10);
    assert!(decisions().all(|it| it["decision"]["decision"] == "observe_only"));
    assert!(all.iter().all(|it| it["cycle"]["progress"] == serde_json::json!([])));
    let woken = |it: &&Value| it["cycle"]["woken_by"].to_string().contains("alert");
    let woken: Vec<_> = all.iter().filter(woken).map(|it| &it["cycle"]["at"]).collect();
    assert_eq!(woken, ["2025-06-01T00:37:00Z"]);

    // The same again, byte for byte.
    let first = [told.out, read(&json), written];
    let again = backtest(&config, &prometheus, [BEGIN, END], &files).await;
    for (first, again) in first.iter().zip([again.out, read(&json), read(&cycles)]) {
        assert_same(first, &again);
    }

    // A strict profile proposes the same, and may do less.
    let strict = tempfile::tempdir().unwrap();
    let (_others, config) = configured(strict.path(), ", rails: {profile: observe}").await;
    let told = backtest(&config, &prometheus, [FAULT, END], &[]).await;
    assert!(told.out.contains("| rails: its kinds are only observed |"), "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_record_it_says_where_there_is_one() {
    let prometheus = Prometheus::builder().history(record()).start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (_others, config) = configured(directory.path(), "").await;
    let span = ["2025-05-20T00:00:00Z", "2025-05-20T01:00:00Z"];
    let told = backtest(&config, &prometheus, span, &[]).await;
    assert_eq!((told.code, told.out.as_str()), (Some(1), ""), "{}", told.err);
    assert!(told.err.contains("nothing is recorded from 2025-05-20T00:00:00Z"), "{}", told.err);
    assert!(told.err.contains("the record is from 2025-06-01T00:0"), "{}", told.err);
    assert!(told.err.contains("to 2025-06-01T00:5"), "{}", told.err);

    let span = ["2025-06-01T00:45:00Z", "2025-06-01T02:00:00Z"];
    let told = backtest(&config, &prometheus, span, &["--step", "5m"]).await;
    assert_eq!(told.code, Some(0), "{}", told.err);
    assert!(told.err.contains("only from 2025-06-01T00:45:00Z to 2025-06-01T00:5"), "{}", told.err);
    assert!(!told.out.contains(" 0 of which nothing is known"), "{}", told.out);

    // Long before anything was ever recorded.
    let span = ["2001-01-01T00:00:00Z", "2001-01-02T00:00:00Z"];
    let told = backtest(&config, &prometheus, span, &[]).await;
    assert_eq!(told.code, Some(1), "{}", told.err);
    assert!(told.err.contains("there is no record either"), "{}", told.err);
}
