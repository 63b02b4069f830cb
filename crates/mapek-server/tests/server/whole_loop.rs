//! The server beside a real loop.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mapek_analyze::{AnalyzeConfig, Analyzer};
use mapek_execute::{Config, Executor, Rails, RailsConfig};
use mapek_knowledge::{Knowledge, MemoryKnowledge};
use mapek_loop::Loop;
use mapek_monitor::{Monitor, MonitorConfig};
use mapek_plan::Catalogue;
use mapek_server::{Metrics, Options, ServerConfig, router};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::sample::Shown;

fn idle_loop() -> Loop {
    let store = Arc::new(mapek_store::MemoryStore::new());
    let execute = Config { state_dir: None, ..Config::default() };
    let rails = Rails::new(&RailsConfig::default());
    let (executor, _) = Executor::open(execute, rails, store, BTreeMap::new()).unwrap();
    let monitor = MonitorConfig { up: None, ..MonitorConfig::default() };
    let knowledge = Arc::new(MemoryKnowledge::new(Default::default()));
    Loop::builder()
        .monitor(Monitor::builder(monitor).build().unwrap())
        .analyzer(Analyzer::try_new(AnalyzeConfig::default()).unwrap())
        .planner(mapek_plan::Config::default().build(Catalogue::new()).unwrap())
        .executor(executor)
        .knowledge(Knowledge::over(knowledge, Default::default()))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_loop_is_seen_as_it_runs_pauses_and_resumes() {
    let looped = idle_loop();
    let handle = looped.handle();
    let metrics = Metrics::new();
    let options = Options { metrics: Some(metrics.clone()), ..Options::default() };
    let shown = Shown::serve(router(handle.watch(), options), ServerConfig::default()).await;
    tokio::spawn(metrics.recorder().follow(handle.watch()));
    assert_eq!(shown.get("/ready").await.status(), 503, "no cycle has run");

    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(looped.run(async {
        stopped.await.ok();
    }));
    let ready = async |status: u16| {
        let what = format!("/ready answers {status}");
        mapek_testkit::wait_until(Duration::from_secs(20), &what, async || {
            shown.get("/ready").await.status().as_u16() == status
        })
        .await
        .unwrap();
    };
    ready(200).await;
    let report = handle.run_cycle().await.unwrap();
    let cycle: Value = shown.json(&format!("/api/v1/cycles/{}", report.number)).await;
    assert_eq!(cycle, serde_json::to_value(&*report).unwrap());

    handle.pause("ada", "maintenance").unwrap();
    ready(503).await;
    let status = shown.json("/api/v1/status").await;
    assert!(status["paused"].as_str().unwrap().contains("maintenance"), "{status}");
    mapek_testkit::wait_until(Duration::from_secs(20), "the pause in /metrics", async || {
        let text = shown.get("/metrics").await.text().await.unwrap();
        text.contains("mape_k_paused{target=\"default\"} 1\n")
    })
    .await
    .unwrap();
    handle.resume("ada", "done").unwrap();
    ready(200).await;

    drop(stop);
    running.await.unwrap();
    shown.stop().await.unwrap();
}
