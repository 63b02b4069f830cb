//! A real Prometheus reads what we say, and its own tool finds nothing wrong with it.

use std::{process::Stdio, time::Duration};

use mapek_loop::LoopState;
use mapek_model::TargetId;
use mapek_server::{Access, Metrics, Server, metrics_router};
use mapek_testkit::Prometheus;
use tokio::{io::AsyncWriteExt, process::Command};

/// What a label may hold at worst.
const HOSTILE: &str = "a\"b\\c\nd{e=\"f\"} 1\n# EOF\n\u{2028}µ";

fn metrics() -> Metrics {
    let metrics = Metrics::new();
    let mut state = LoopState::new(TargetId::default());
    state.paused = Some("maintenance".to_owned());
    state.statistics.refusals.insert(HOSTILE.to_owned(), 7);
    metrics.recorder().observe(&state);
    metrics.alerts_received().add(3);
    let timer = metrics.client_timer("shop_api_response_duration_seconds", "Time to an answer");
    timer.expect("a name").observe(HOSTILE, "200", Duration::from_secs(40));
    metrics
}

#[tokio::test]
async fn prometheus_takes_every_series_as_it_is() {
    let metrics = metrics();
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.local_addr();
    tokio::spawn(
        server.serve(metrics_router(metrics.clone(), Access::default()), std::future::pending()),
    );
    let prometheus =
        Prometheus::builder().scrape("mapek", [address]).start().await.expect("prometheus");
    let found = prometheus.wait_for("mape_k_paused == 1", Duration::from_secs(30)).await.unwrap();
    assert_eq!(found[0]["metric"]["target"], "default");

    // As many series as lines: nothing was split, merged or dropped.
    let samples = metrics.open_metrics().lines().filter(|line| !line.starts_with('#')).count();
    let all = r#"count({job="mapek", __name__=~"mape_k_.*|shop_.*"})"#;
    let count = prometheus.query(all).await.unwrap();
    assert_eq!(count[0]["value"][1], samples.to_string());
    for (series, label) in [
        ("mape_k_rail_refusals_total", "rail"),
        ("shop_api_response_duration_seconds_count", "call"),
    ] {
        let found = prometheus.query(series).await.unwrap();
        assert_eq!(found[0]["metric"][label], HOSTILE, "{series}");
    }
    // A quantile above 30 s can be told: the top bucket lies above it.
    let slow = r"histogram_quantile(0.9, shop_api_response_duration_seconds_bucket) > 30";
    assert_eq!(prometheus.query(slow).await.unwrap().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn promtool_finds_nothing_wrong() {
    let metrics = metrics();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("promtool: run `cargo xtask setup`");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(metrics.prometheus_text().as_bytes()).await.unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}
