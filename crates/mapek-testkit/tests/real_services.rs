//! The real programs, started as the tests of the workspace start them.

use std::time::Duration;

use mapek_testkit::{
    Alertmanager, Error, FakeTarget, History, Prometheus, ScriptedHttp, wait_until,
};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(30);

const RULES: &str = "
groups:
  - name: test
    rules:
      - alert: QueueTooLong
        expr: queue_length > 5
        labels: {severity: critical}
";

fn alert(name: &str) -> Value {
    json!([{"labels": {"alertname": name}}])
}

#[tokio::test]
async fn a_metric_becomes_an_alert_becomes_a_webhook() {
    let receiver = ScriptedHttp::start().await.unwrap();
    let alertmanager =
        Alertmanager::builder().webhook(receiver.url("/hook")).start().await.unwrap();
    let target = FakeTarget::start("queue_length 7\n").await.unwrap();
    let prometheus = Prometheus::builder()
        .scrape("web", [target.address()])
        .rules("queue", RULES)
        .alertmanager(alertmanager.url())
        .start()
        .await
        .unwrap();

    wait_until(DEADLINE, "a webhook", async || receiver.request_count() > 0).await.unwrap();
    let payload = receiver.requests()[0].json().unwrap();
    assert_eq!(payload["version"], "4");
    assert_eq!(payload["alerts"][0]["status"], "firing");
    assert_eq!(payload["alerts"][0]["labels"]["alertname"], "QueueTooLong");
    assert_eq!(alertmanager.alerts().await.unwrap()[0]["labels"]["job"], "web");

    target.set("queue_length 1\n");
    let resolved = |receiver: &ScriptedHttp| {
        let last = receiver.requests().pop().and_then(|request| request.json().ok());
        last.is_some_and(|payload| payload["status"] == "resolved")
    };
    wait_until(DEADLINE, "resolved", async || resolved(&receiver)).await.unwrap();

    prometheus.set_rules("queue", &RULES.replace("QueueTooLong", "Renamed")).await.unwrap();
    let rules = prometheus.get("/api/v1/rules", &[]).await.unwrap();
    assert_eq!(rules["data"]["groups"][0]["rules"][0]["name"], "Renamed");
    let refused = prometheus.set_rules("queue", "groups: 7").await.unwrap_err();
    assert!(matches!(refused, Error::Http { .. }), "{refused}");
}

#[tokio::test]
async fn history_is_there_from_the_start_and_survives_crash_and_restart() {
    let start = 1_700_000_000;
    let history = History::new()
        .series(r#"latency{node="a"}"#, start, 15, (0..40).map(f64::from))
        .series(r#"latency{node="b"}"#, start, 15, [0.5; 40]);
    let mut prometheus = Prometheus::builder().history(history).start().await.unwrap();
    let at = (start + 39 * 15).to_string();
    let ask = [("query", r#"latency{node="a"}"#), ("time", at.as_str())];
    let value = |reply: Value| reply["data"]["result"][0]["value"][1].clone();
    assert_eq!(value(prometheus.get("/api/v1/query", &ask).await.unwrap()), "39");

    let url = prometheus.url();
    prometheus.kill().await.unwrap();
    assert!(prometheus.query("1").await.is_err(), "it is still there");
    prometheus.restart().await.unwrap();
    assert_eq!(prometheus.url(), url);
    assert_eq!(value(prometheus.get("/api/v1/query", &ask).await.unwrap()), "39");
}

#[tokio::test]
async fn a_stopped_service_is_gone_and_a_paused_one_is_silent() {
    let mut alertmanager = Alertmanager::builder().start().await.unwrap();
    alertmanager.post_alerts(&alert("Before")).await.unwrap();

    alertmanager.pause().await.unwrap();
    let silent = tokio::time::timeout(Duration::from_millis(300), alertmanager.alerts()).await;
    assert!(silent.is_err(), "a paused service answered");
    alertmanager.resume().await.unwrap();
    assert_eq!(alertmanager.alerts().await.unwrap()[0]["labels"]["alertname"], "Before");

    alertmanager.stop().await.unwrap();
    alertmanager.stop().await.unwrap();
    assert!(alertmanager.alerts().await.is_err());
    let stopped = alertmanager.pause().await.unwrap_err();
    assert_eq!(stopped.to_string(), "`prometheus-alertmanager` is not running");
    alertmanager.restart().await.unwrap();
    alertmanager.post_alerts(&alert("After")).await.unwrap();
}

#[tokio::test]
async fn a_service_ends_with_its_value() {
    let alertmanager = Alertmanager::builder().start().await.unwrap();
    let address = alertmanager.address();
    drop(alertmanager);
    let gone = async || tokio::net::TcpStream::connect(address).await.is_err();
    wait_until(DEADLINE, "the end of the process", gone).await.unwrap();
}

#[tokio::test]
async fn services_say_what_they_do_not_accept() {
    let error = Prometheus::builder().rules("bad", "groups: 7").start().await.unwrap_err();
    assert!(
        matches!(&error, Error::Exited { output, .. } if output.contains("bad.yml")),
        "{error}"
    );
    let error = Prometheus::builder().flag("--no-such-flag").start().await.unwrap_err();
    assert!(error.to_string().contains("no-such-flag"), "{error}");
    let error = Alertmanager::builder().config("route: 7").start().await.unwrap_err();
    assert!(
        matches!(&error, Error::Exited { program, .. } if program == "prometheus-alertmanager"),
        "{error}"
    );
    let twice = History::new().series("a{", 1_700_000_000, 1, [1.0]);
    let error = Prometheus::builder().history(twice).start().await.unwrap_err();
    assert!(matches!(&error, Error::Refused { program, .. } if program == "promtool"), "{error}");
}

#[tokio::test]
async fn an_expression_without_series_shows_the_output_at_the_deadline() {
    let prometheus = Prometheus::builder().start().await.unwrap();
    let error = prometheus.wait_for("absent_metric", Duration::from_millis(100)).await.unwrap_err();
    assert!(error.to_string().starts_with("a series of `absent_metric` did not happen"), "{error}");
}

#[tokio::test]
async fn groups_and_their_limits_are_as_set() {
    let receiver = ScriptedHttp::start().await.unwrap();
    let alertmanager = Alertmanager::builder()
        .webhook(receiver.url("/hook"))
        .group_by(["job"])
        .group_wait(Duration::from_millis(500))
        .max_alerts(2)
        .start()
        .await
        .unwrap();
    let alerts: Vec<_> =
        (0..5).map(|n| json!({"labels": {"job": "web", "n": n.to_string()}})).collect();
    alertmanager.post_alerts(&Value::from(alerts)).await.unwrap();
    wait_until(DEADLINE, "a webhook", async || receiver.request_count() > 0).await.unwrap();
    let payload = receiver.requests()[0].json().unwrap();
    assert_eq!(payload["alerts"].as_array().unwrap().len(), 2);
    assert_eq!(payload["truncatedAlerts"], 3);
    assert_eq!(payload["groupLabels"], json!({"job": "web"}));
}
