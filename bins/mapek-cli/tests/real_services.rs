//! `mapek check --live` against a real Prometheus and a real Alertmanager.

#[cfg(test)]
mod support;

use std::time::Duration;

use mapek_testkit::{Alertmanager, Prometheus, wait_until};
use support::{DEADLINE, Plant, free_port, mapek, ran};

const RULES: &str = r#"
groups:
  - name: charter
    rules:
      - alert: TooSlow
        expr: westworld_charter_failure_rate > 0.5
"#;

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_and_a_test_alert_arrives() {
    let plant = Plant::start(1.0).await;
    let prometheus = Prometheus::builder()
        .scrape("charter", [plant.address])
        .scrape_interval(Duration::from_secs(1))
        .rules("charter", RULES)
        .start()
        .await
        .unwrap();
    let webhook = free_port();
    let receiver = format!("http://127.0.0.1:{webhook}/webhooks/alerts");
    let alertmanager = Alertmanager::builder().webhook(receiver).start().await.unwrap();
    prometheus.wait_for("westworld_charter_failure_rate", DEADLINE).await.unwrap();
    wait_until(DEADLINE, "all series", async || {
        let asked = "westworld_charter_validation_latency_seconds{quantile=\"0.99\"}";
        prometheus.query(asked).await.is_ok_and(|it| it.to_string().contains("quantile"))
    })
    .await
    .unwrap();

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mapek.yaml");
    let text = format!(
        "monitor: {{prometheus_url: '{}', scrape_interval: 5s, alerts: {{TooSlow: slow}}}}\n\
         execute: {{charter_url: 'http://{}'}}\n\
         alertmanager: {{url: '{}', webhook_port: {webhook}}}\n",
        prometheus.url(),
        plant.address,
        alertmanager.url(),
    );
    std::fs::write(&path, &text).unwrap();
    let check = async || ran(mapek(&["check", "--live", "-c", path.to_str().unwrap()]), "").await;

    let good = check().await;
    assert_eq!(good.code, Some(0), "{}{}", good.out, good.err);
    for line in [
        "ok    prometheus",
        "ok    rule          high_failure_rate: 1 series, fresh",
        "ok    alert rules   1 loaded: TooSlow",
        "ok    charter",
        "ok    alertmanager",
        "ok    webhook       the test alert arrived",
    ] {
        assert!(good.out.contains(line), "{line} is not in {}", good.out);
    }
    assert!(good.out.contains("idempotency-key"), "{}", good.out);

    let missing = text.replace("TooSlow: slow", "Missing: slow");
    let rule = "queries: [{name: gone, promql: no_such_metric, threshold: 1}], alerts";
    std::fs::write(&path, missing.replace("alerts:", &format!("{rule}:"))).unwrap();
    let bad = check().await;
    assert_eq!(bad.code, Some(1), "{}{}", bad.out, bad.err);
    assert!(bad.out.contains("FAIL  rule          gone: no series"), "{}", bad.out);
    assert!(bad.out.contains("FAIL  alert rules   Missing is not loaded"), "{}", bad.out);
    assert!(plant.charter.ledger().is_empty(), "a check changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_loop_is_asked_whether_the_test_alert_arrived() {
    let plant = Plant::start(1.0).await;
    let (webhook, api) = (free_port(), free_port());
    let receiver = format!("http://127.0.0.1:{webhook}/webhooks/alerts");
    let alertmanager = Alertmanager::builder().webhook(receiver).start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mapek.yaml");
    let address = plant.address;
    let text = format!(
        "monitor: {{scrape_interval: 1s, targets: [{{url: 'http://{address}/metrics'}}]}}\n\
         execute: {{charter_url: 'http://{address}', state_dir: '{}'}}\n\
         knowledge: {{database: memory}}\n\
         api: {{port: {api}}}\n\
         alertmanager: {{url: '{}', webhook_port: {webhook}}}\n",
        directory.path().display(),
        alertmanager.url(),
    );
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let check = async || ran(mapek(&["check", "--live", "-c", path]), "").await;

    // Somebody else's port: nobody can tell whether alerts arrive.
    let stranger = std::net::TcpListener::bind(("127.0.0.1", webhook)).unwrap();
    let blocked = check().await;
    assert_eq!(blocked.code, Some(1), "{}{}", blocked.out, blocked.err);
    assert!(blocked.out.contains("delivery is not checked"), "{}", blocked.out);
    drop(stranger);

    let mut running = mapek(&["run", "-c", path]).spawn().unwrap();
    wait_until(DEADLINE, "the loop", async || {
        reqwest::get(format!("http://127.0.0.1:{api}/health")).await.is_ok()
    })
    .await
    .unwrap();
    let good = check().await;
    assert_eq!(good.code, Some(0), "{}{}", good.out, good.err);
    assert!(good.out.contains("taken by a running loop"), "{}", good.out);
    assert!(good.out.contains("ok    webhook       the running loop got an alert"), "{}", good.out);
    running.kill().await.unwrap();
}
