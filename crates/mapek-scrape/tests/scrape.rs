//! Scraping: over HTTP and in process, in virtual time, and from targets that misbehave.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail")]
#![expect(clippy::float_cmp, reason = "the numbers are exact")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mapek_model::{Query, Series, SourceName, Span, Timestamp};
use mapek_monitor::{Error, MetricSource};
use mapek_scrape::{
    EmbeddedSource, ExpositionLimits, MetricStore, ScrapeError, Scraper, StoreConfig, Target,
};
use mapek_testkit::{FakeTarget, Reply};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + seconds).unwrap()
}

/// A registry whose text a test changes.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<String>>);

impl Text {
    fn set(&self, text: &str) {
        *self.0.lock().unwrap() = text.to_owned();
    }

    fn target(&self) -> Target {
        let text = self.0.clone();
        Target::in_process("web", "a", move || text.lock().unwrap().clone())
    }
}

struct Rig {
    store: Arc<MetricStore>,
    source: EmbeddedSource,
}

fn rig(config: StoreConfig) -> Rig {
    let store = Arc::new(MetricStore::new(config));
    let name = SourceName::try_new("embedded").unwrap();
    Rig { source: EmbeddedSource::new(name, store.clone()), store }
}

impl Rig {
    async fn ask(&self, query: &str, when: Timestamp) -> Vec<Series> {
        self.source.instant(&Query::try_new(query).unwrap(), when).await.unwrap().series
    }

    async fn value(&self, query: &str, when: Timestamp) -> f64 {
        match self.ask(query, when).await.as_slice() {
            [only] => only.samples[0].value,
            other => panic!("{query}: {other:?}"),
        }
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

#[tokio::test]
async fn series_end_when_they_vanish_or_the_target_is_down() {
    let (rig, text) = (rig(StoreConfig::default()), Text::default());
    let scraper = Scraper::builder(rig.store.clone()).target(text.target()).build().unwrap();

    text.set("load{node=\"x\"} 1\nload{node=\"y\"} 2\n");
    assert!(scraper.scrape(at(0)).await.all_up());
    assert_eq!(rig.value("count(load)", at(10)).await, 2.0);
    assert_eq!(rig.value("timestamp(load{node=\"x\"})", at(10)).await, 1_000_000.0);
    assert_eq!(rig.value("scrape_samples_scraped", at(10)).await, 2.0);

    text.set("load{node=\"x\"} 3\n");
    scraper.scrape(at(30)).await;
    assert_eq!(rig.value("count(load)", at(30)).await, 1.0);
    assert_eq!(rig.value("count(load)", at(29)).await, 2.0, "the past stays as it was");

    text.set("load{node=\"x\"} three\n");
    let report = scraper.scrape(at(60)).await;
    assert!(matches!(report.targets[0].error, Some(ScrapeError::Exposition { .. })));
    assert!(rig.ask("load", at(60)).await.is_empty());
    assert_eq!(rig.value("up{job=\"web\",instance=\"a\"}", at(60)).await, 0.0);
    assert_eq!(rig.value("sum(count_over_time(load[2m]))", at(60)).await, 3.0);

    text.set("load{node=\"x\"} 4\n");
    assert!(scraper.scrape(at(90)).await.all_up());
    assert_eq!(rig.value("load", at(90)).await, 4.0);
    assert_eq!(rig.value("up", at(90)).await, 1.0);

    // Nobody scrapes any more: what is older than five minutes is not answered.
    assert_eq!(rig.value("up", at(90 + 300)).await, 1.0);
    assert!(rig.ask("up", at(90 + 301)).await.is_empty());
}

#[tokio::test]
async fn a_series_in_other_words_goes_on() {
    let (rig, text) = (rig(StoreConfig::default()), Text::default());
    let scraper = Scraper::builder(rig.store.clone()).target(text.target()).build().unwrap();
    for (i, words) in [
        "load{node=\"x\",rack=\"1\"} 1\n",
        "load{node=\"x\",rack=\"1\"} 2\n",
        "load{rack=\"1\",node=\"x\"} 3\n",
        "other 1\nload {rack=\"1\", node=\"x\"} 4\n",
    ]
    .into_iter()
    .enumerate()
    {
        text.set(words);
        let now = at(15 * i64::try_from(i).unwrap());
        assert!(scraper.scrape(now).await.all_up());
        assert_eq!(rig.value("load", now).await, i as f64 + 1.0);
    }
    assert_eq!(rig.value("count_over_time(load[5m])", at(45)).await, 4.0);
    // Forgotten in the meantime, and begun anew.
    let late = at(10_000);
    assert!(scraper.scrape(late).await.all_up());
    assert_eq!(rig.value("load", late).await, 4.0);
    assert_eq!(rig.value("count_over_time(load[4h])", late).await, 1.0);
}

#[tokio::test]
async fn a_series_with_its_own_time_keeps_it_and_is_never_marked_as_ended() {
    let (rig, text) = (rig(StoreConfig::default()), Text::default());
    let scraper = Scraper::builder(rig.store.clone()).target(text.target()).build().unwrap();
    text.set("slow 1 999990000\nahead 1 1999990000\nold 1 5000\ntwice 1\ntwice 2\n");
    let report = scraper.scrape(at(0)).await;
    assert_eq!((report.targets[0].exposed, report.targets[0].dropped), (5, 3));
    assert_eq!(rig.value("time() - timestamp(slow)", at(0)).await, 10.0);
    assert_eq!(rig.value("twice", at(0)).await, 1.0, "the first counts");
    text.set("");
    scraper.scrape(at(30)).await;
    assert_eq!(rig.value("slow", at(30)).await, 1.0);
    assert!(rig.ask("twice", at(30)).await.is_empty());
}

#[tokio::test]
async fn a_full_store_refuses_a_target_whole_and_says_so() {
    let rig = rig(StoreConfig { series_max: 3, ..StoreConfig::default() });
    let text = Text::default();
    let scraper = Scraper::builder(rig.store.clone()).target(text.target()).build().unwrap();
    text.set("a 1\nb 1\n");
    assert!(scraper.scrape(at(0)).await.all_up());
    text.set("a 2\nb 2\nc 2\nd 2\n");
    let report = scraper.scrape(at(30)).await;
    assert!(matches!(report.targets[0].error, Some(ScrapeError::Store { .. })));
    assert_eq!(rig.value("up", at(30)).await, 0.0);
    for name in ["a", "b", "c", "d"] {
        assert!(rig.ask(name, at(30)).await.is_empty(), "half a scrape: {name}");
    }
}

#[tokio::test]
async fn over_http_every_way_to_fail_is_told_apart() {
    let rig = rig(StoreConfig::default());
    let good = FakeTarget::start("requests_total{job=\"theirs\"} 5\n").await.unwrap();
    let other = FakeTarget::start("").await.unwrap();
    let limits = ExpositionLimits { bytes_max: 1_000, ..ExpositionLimits::default() };
    let ticks = AtomicU64::new(0);
    let scraper = Scraper::builder(rig.store.clone())
        .client(client())
        .timeout(Duration::from_millis(500))
        .limits(limits)
        .stopwatch(move || Duration::from_millis(ticks.fetch_add(5, Ordering::Relaxed)))
        .target(Target::http("web", &good.url()).unwrap().with_label("zone", "eu"))
        .target(Target::http("web", &other.url()).unwrap().with_instance("other"))
        .build()
        .unwrap();

    let mut step = 0;
    for (reply, wanted) in [
        (Reply::status(503), "status 503"),
        (Reply::status(404), "status 404"),
        (Reply::json(&serde_json::json!({})), "content type is application/json"),
        (Reply::text(&"a 1\n".repeat(500)), "limit of 1000 bytes"),
        (Reply::text("a 1\nb 2\n").cut_body_after(5), "cannot be reached"),
        (Reply::text("<html>busy</html>"), "line 1, column 1"),
    ] {
        other.answer(reply);
        step += 30;
        let report = scraper.scrape(at(step)).await;
        assert!(report.targets[0].error.is_none(), "{report:?}");
        let error = report.targets[1].error.as_ref().expect(wanted);
        let whole =
            format!("{error}: {:?}", std::error::Error::source(error).map(|it| it.to_string()));
        assert!(whole.contains(wanted), "{whole}");
        assert_eq!(rig.value("up{instance=\"other\"}", at(step)).await, 0.0);
    }
    assert_eq!(rig.value("sum(up)", at(step)).await, 1.0);
    assert!(rig.value("scrape_duration_seconds{zone=\"eu\"}", at(step)).await > 0.0);
    let series = rig.ask("requests_total", at(step)).await;
    let labels = &series[0].labels;
    assert_eq!(labels.get("exported_job"), Some("theirs"));
    assert_eq!((labels.get("job"), labels.get("zone")), (Some("web"), Some("eu")));

    let open = "# TYPE b counter\nb_total 1 # {id=\"x\"} 1\n# EOF\n";
    let kind = "application/openmetrics-text; version=1.0.0";
    other.answer(Reply::new(200, &[("content-type", kind)], open));
    step += 30;
    assert!(scraper.scrape(at(step)).await.all_up());
    assert_eq!(rig.value("b_total{instance=\"other\"}", at(step)).await, 1.0);
}

#[tokio::test]
async fn a_target_that_is_silent_or_not_there_takes_no_longer_than_allowed() {
    let rig = rig(StoreConfig::default());
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", silent.local_addr().unwrap());
    let scraper = Scraper::builder(rig.store.clone())
        .client(client())
        .timeout(Duration::from_millis(100))
        .target(Target::http("web", &url).unwrap())
        .target(Target::http("web", "http://127.0.0.1:1/metrics").unwrap())
        .build()
        .unwrap();
    let scrape = scraper.scrape(at(0));
    let report = tokio::time::timeout(Duration::from_secs(20), scrape).await.unwrap();
    for target in &report.targets {
        let error = target.error.as_ref().unwrap();
        assert!(matches!(error, ScrapeError::Unreachable { .. }) && error.is_transient());
    }
    assert_eq!(rig.value("count(up == 0)", at(0)).await, 2.0);
}

#[test]
fn a_scraper_that_cannot_work_is_not_built() {
    let store = Arc::new(MetricStore::new(StoreConfig::default()));
    let http = || Target::http("web", "http://localhost/metrics").unwrap();
    let builder = || Scraper::builder(store.clone());
    assert!(builder().target(http()).build().unwrap_err().reason.contains("HTTP client"));
    let twice = builder().client(client()).targets([http(), http()]).build();
    assert!(twice.unwrap_err().reason.contains("twice"));
    assert!(builder().timeout(Duration::ZERO).build().is_err());
    let many = (0..1_001).map(|i| Target::in_process("web", i.to_string(), String::new));
    assert!(builder().targets(many).build().is_err());
}

#[tokio::test]
async fn virtual_hours_pass_and_memory_does_not_grow() {
    let retention = Duration::from_secs(600);
    let rig = rig(StoreConfig { retention, ..StoreConfig::default() });
    let ticks = Arc::new(AtomicU64::new(0));
    let shown = ticks.clone();
    let registry = move || format!("ticks_total {}\n", shown.load(Ordering::Relaxed));
    let target = Target::in_process("sim", "self", registry);
    let scraper = Scraper::builder(rig.store.clone()).target(target).build().unwrap();
    for cycle in 0..1_000 {
        ticks.fetch_add(60, Ordering::Relaxed);
        scraper.scrape(at(cycle * 30)).await;
    }
    let now = at(999 * 30);
    assert_eq!(rig.value("rate(ticks_total[5m])", now).await, 2.0);
    assert_eq!(rig.store.sample_count(), 3 * 21);
    assert!(rig.ask("ticks_total offset 11m", now).await.is_empty());
}

#[tokio::test]
async fn ranges_and_work_are_bounded() {
    let rig = rig(StoreConfig::default());
    let query = |text: &str| Query::try_new(text).unwrap();
    let span = Span::try_new(at(0), at(100_000)).unwrap();
    let up = query("up");
    let range = |step_ms| rig.source.range(&up, span, Duration::from_millis(step_ms));
    for step_ms in [0, 1, 9_000] {
        let error = range(step_ms).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{step_ms}: {error}");
    }
    assert!(range(10_000).await.is_ok());
    for greedy in ["max_over_time(vector(1)[10y:1ms])", "max_over_time(up[100y:1ms])"] {
        let error = rig.source.instant(&query(greedy), at(0)).await.unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
    let matrix = rig.source.range(&query("up[5m]"), span, Duration::from_secs(60)).await;
    rig.store.append(&[("__name__", "up")].into_iter().collect(), at(0), 1.0).unwrap();
    assert!(matrix.is_err());
    assert!(rig.source.instant(&query("\"text\""), at(0)).await.is_err());
    assert_eq!(rig.source.alert_rule("Any").await.unwrap(), None);
}
