//! The server beside a real loop.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use mapek_analyze::{AnalyzeConfig, Analyzer};
use mapek_execute::{Config, Executor, Rails, RailsConfig};
use mapek_knowledge::{Knowledge, MemoryKnowledge};
use mapek_loop::{Builder, Clock, Loop, ManualClock};
use mapek_model::Timestamp;
use mapek_monitor::{Monitor, MonitorConfig};
use mapek_plan::Catalogue;
use mapek_server::{Metrics, Options, ServerConfig, router};
use serde_json::Value;
use tokio::{sync::oneshot, time::timeout};

use crate::sample::{Shown, at, client};

const DEADLINE: Duration = Duration::from_secs(20);

fn idle() -> Builder {
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
}

/// Waits until `/ready` answers so.
async fn ready(shown: &Shown, status: u16) {
    let what = format!("/ready answers {status}");
    mapek_testkit::wait_until(DEADLINE, &what, async || {
        shown.get("/ready").await.status().as_u16() == status
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_loop_is_seen_as_it_runs_pauses_and_resumes() {
    let looped = idle().build().unwrap();
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
    ready(&shown, 200).await;
    let report = handle.run_cycle().await.unwrap();
    let cycle: Value = shown.json(&format!("/api/v1/cycles/{}", report.number)).await;
    assert_eq!(cycle, serde_json::to_value(&*report).unwrap());

    handle.pause("ada", "maintenance").unwrap();
    ready(&shown, 503).await;
    let status = shown.json("/api/v1/status").await;
    assert!(status["paused"].as_str().unwrap().contains("maintenance"), "{status}");
    mapek_testkit::wait_until(DEADLINE, "the pause in /metrics", async || {
        let text = shown.get("/metrics").await.text().await.unwrap();
        text.contains("mape_k_paused{target=\"default\"} 1\n")
    })
    .await
    .unwrap();
    handle.resume("ada", "done").unwrap();
    ready(&shown, 200).await;

    drop(stop);
    running.await.unwrap();
    shown.stop().await.unwrap();
}

/// A clock by which nothing is due, and whose stopwatch runs on.
#[derive(Debug)]
struct Hanging {
    clock: ManualClock,
    waited_s: AtomicU64,
}

#[async_trait]
impl Clock for Hanging {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn stopwatch(&self) -> Duration {
        Duration::from_secs(self.waited_s.load(Relaxed))
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.clock.sleep_until(at).await;
    }
}

#[tokio::test]
async fn who_follows_hears_of_a_loop_that_hangs() {
    let clock = Hanging { clock: ManualClock::at(at(0)), waited_s: AtomicU64::new(0) };
    let clock = Arc::new(clock);
    let looped = idle().clock(Arc::<Hanging>::clone(&clock)).build().unwrap();
    let handle = looped.handle();
    let routes = router(handle.watch(), Options::default());
    let shown = Shown::serve(routes, ServerConfig::default()).await;
    let running = tokio::spawn(looped.run(std::future::pending()));
    ready(&shown, 200).await;

    let follow = async || client().get(shown.url("/api/v1/events")).send().await.unwrap();
    let hears = async |stream: &mut reqwest::Response, word: &str| {
        let mut heard = String::new();
        while !heard.contains(word) {
            let chunk = timeout(DEADLINE, stream.chunk()).await.expect("it goes on").unwrap();
            heard.push_str(std::str::from_utf8(&chunk.expect("it goes on")).unwrap());
        }
        heard
    };
    let mut before = follow().await;
    hears(&mut before, "\"ready\":true").await;
    clock.waited_s.store(3_600, Relaxed);
    let newcomer = hears(&mut follow().await, "\"ready\":").await;
    assert!(newcomer.contains("\"ready\":false"), "{newcomer}");
    hears(&mut before, "\"ready\":false").await;
    running.abort();
}
