//! A monitor on a real Prometheus: the good case, and what it looks like when a target goes away.
#![cfg(feature = "prometheus")]
#![cfg_attr(
    feature = "prometheus",
    expect(clippy::unwrap_used, reason = "a test may fail where it stands")
)]

use std::{future::pending, sync::Arc, time::Duration};

use mapek_model::{DoubtKind, Level, MetricName, Query, Timestamp};
use mapek_monitor::{
    MetricSource, Monitor, MonitorConfig, Ours, PrometheusConfig, PrometheusSource, RuleConfig,
    WatchConfig,
};
use mapek_testkit::{FakeTarget, Prometheus};

const RULES: &str = "
groups:
- name: g
  rules:
  - alert: TooLong
    expr: queue_length > 5
    for: 1h
";

const METRICS: &str = "queue_length 7\nqueue_load NaN\n# TYPE jobs counter\njobs_total 3\n";

#[tokio::test]
async fn what_prometheus_measures_is_observed() {
    let target = FakeTarget::start(METRICS).await.unwrap();
    let prometheus = Prometheus::builder()
        .scrape("web", [target.address()])
        .rules("rules", RULES)
        .start()
        .await
        .unwrap();
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .tls_certs_only([])
        .build()
        .unwrap();
    let source = PrometheusSource::try_new(client, PrometheusConfig::at(prometheus.url())).unwrap();
    source.ready().await.unwrap();
    let found = source.alert_rule("TooLong").await.unwrap().unwrap();
    assert_eq!(found.expression.as_str(), "(queue_length > 5)");

    prometheus
        .wait_for("count_over_time(queue_length[1m]) > 2", Duration::from_secs(30))
        .await
        .unwrap();
    let mut monitor = Monitor::builder(config()).metrics(Arc::new(source.clone())).build().unwrap();
    let seen = monitor.observe(now(&prometheus).await, &Ours::default(), pending()).await;
    assert_eq!(seen.overall_quality().level(), Level::Fresh, "{:?}", seen.quality);
    assert_eq!(seen.open.len(), 1, "{:?}", seen.open);
    assert_eq!((seen.open[0].value, seen.open[0].threshold), (Some(7.0), Some(5.0)));
    assert_eq!(seen.value("length"), Some(7.0));
    assert_eq!((seen.sensors.total, seen.sensors.bad), (2, 0));

    // NaN is there, and nobody may take it for a small number.
    let odd = RuleConfig::new("high_load", "queue_load").unwrap().above(1.0);
    let odd = MonitorConfig { rules: vec![odd], ..MonitorConfig::default() };
    let mut odd = Monitor::builder(odd).metrics(Arc::new(source.clone())).build().unwrap();
    let seen = odd.observe(now(&prometheus).await, &Ours::default(), pending()).await;
    let quality = seen.overall_quality();
    assert_eq!(quality.doubts().map(|it| it.kind).collect::<Vec<_>>(), [DoubtKind::NonFinite]);

    // The counter falls: it was reset, and nobody says that it was us.
    target.set(&METRICS.replace("jobs_total 3", "jobs_total 1"));
    prometheus.wait_for("resets(jobs_total[5m]) > 0", Duration::from_secs(30)).await.unwrap();
    let seen = monitor.observe(now(&prometheus).await, &Ours::default(), pending()).await;
    let quality = seen.overall_quality();
    assert_eq!(quality.doubts().map(|it| it.kind).collect::<Vec<_>>(), [DoubtKind::Reset]);

    // The target goes: the breach is gone from the answer, but not known to be over.
    drop(target);
    prometheus.wait_for("up == 0", Duration::from_secs(30)).await.unwrap();
    let seen = monitor.observe(now(&prometheus).await, &Ours::default(), pending()).await;
    assert_eq!((seen.open.len(), seen.closed.len()), (1, 0));
    let kinds: Vec<_> = seen.overall_quality().doubts().map(|it| it.kind).collect();
    assert!(kinds.contains(&DoubtKind::TargetDown) && kinds.contains(&DoubtKind::MissingSeries));
    assert_eq!(seen.sensors.bad, 2);
}

fn config() -> MonitorConfig {
    let rule = RuleConfig {
        metric: MetricName::try_new("queue_length").ok(),
        ..RuleConfig::new("long_queue", "queue_length").unwrap().above(5.0)
    };
    let watch = WatchConfig {
        window: Duration::from_secs(30),
        step: Duration::from_secs(1),
        ..WatchConfig::new("length", "queue_length").unwrap()
    };
    MonitorConfig {
        rules: vec![rule],
        watches: vec![watch],
        counters: vec![Query::try_new("jobs_total").unwrap()],
        // Slower than it scrapes, so that a busy machine is not taken for a stale sensor.
        scrape_interval: Duration::from_secs(5),
        ..MonitorConfig::default()
    }
}

/// The server's own time.
async fn now(prometheus: &Prometheus) -> Timestamp {
    let result = prometheus.query("time()").await.unwrap();
    let seconds: f64 = result[1].as_str().unwrap().parse().unwrap();
    Timestamp::from_millisecond((seconds * 1000.0) as i64).unwrap()
}
