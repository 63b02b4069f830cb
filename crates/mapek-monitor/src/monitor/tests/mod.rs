use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mapek_model::{
    Answer, Component, Expectation, Labels, MetricName, Query, Sample, Severity, ViolationSource,
    Witness,
};

use super::*;
use crate::{
    AlertFeed, AlertRule, AlertStatus, AnomalyConfig, Breach, ElementReading, ExpectedReset,
    FeedAlert, FeedAnswer, ManagedElement, MemoryInbox, MetricSource, RuleConfig, Selector,
    WatchConfig,
};

fn at(seconds: u64) -> Timestamp {
    later(Timestamp::UNIX_EPOCH, Duration::from_secs(1_000_000 + seconds))
}

fn name(text: &'static str) -> SourceName {
    source_name(text)
}

/// What a test lets a source answer.
#[derive(Debug, Clone)]
enum Say {
    Values(Vec<(&'static str, f64)>),
    /// A sample of that age, for `min by (…) (timestamp(…))`.
    Age(u64),
    /// Samples of that age, each of a part.
    Ages(Vec<(&'static str, u64)>),
    Warned,
    Fail,
    Hang,
}

/// A metric source that says what a test wants. What was not scripted has no series.
#[derive(Debug, Default)]
struct Script {
    says: Mutex<BTreeMap<String, Say>>,
    rules: Mutex<BTreeMap<String, String>>,
    /// Seconds for which the expression of every rule must be true.
    hold: AtomicU64,
    running: AtomicUsize,
    running_max: AtomicUsize,
}

impl Script {
    fn say(&self, query: &str, say: Say) {
        self.says.lock().unwrap().insert(query.to_owned(), say);
    }

    async fn answer(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        let say = self.says.lock().unwrap().get(query.as_str()).cloned();
        let series = |values: &[(&str, f64)]| {
            let one = |(node, value): &(&str, f64)| Series {
                labels: Labels::from_iter(
                    [("node", *node)].into_iter().filter(|it| !it.1.is_empty()),
                ),
                samples: vec![Sample { at, value: *value }],
            };
            values.iter().map(one).collect::<Vec<_>>()
        };
        let fresh = Quality::fresh();
        match say {
            None => Ok(Answer::default()),
            Some(Say::Values(values)) => Ok(Answer { series: series(&values), quality: fresh }),
            Some(Say::Age(age)) => {
                Ok(Answer { series: series(&[("", taken(at, age))]), quality: fresh })
            }
            Some(Say::Ages(ages)) => {
                let ages: Vec<_> =
                    ages.iter().map(|(part, age)| (*part, taken(at, *age))).collect();
                Ok(Answer { series: series(&ages), quality: fresh })
            }
            Some(Say::Warned) => {
                let quality = fresh.with(DoubtKind::Warning, "q", "partial");
                Ok(Answer { series: Vec::new(), quality })
            }
            Some(Say::Fail) => Err(Error::timeout("script", query.as_str())),
            Some(Say::Hang) => pending().await,
        }
    }
}

fn taken(at: Timestamp, age: u64) -> f64 {
    mapek_model::earlier(at, Duration::from_secs(age)).as_second() as f64
}

#[async_trait]
impl MetricSource for Script {
    fn name(&self) -> SourceName {
        name("script")
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.running_max.fetch_max(running, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let answer = self.answer(query, at).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        answer
    }

    async fn range(&self, query: &Query, span: Span, _: Duration) -> Result<Answer, Error> {
        self.answer(query, span.to()).await
    }

    async fn alert_rule(&self, alert: &str) -> Result<Option<AlertRule>, Error> {
        let rule = |it: &String| AlertRule {
            expression: Query::try_new(it.clone()).unwrap(),
            hold: Duration::from_secs(self.hold.load(Ordering::SeqCst)),
        };
        Ok(self.rules.lock().unwrap().get(alert).map(rule))
    }

    /// As in PromQL, as far as these tests go: what is compared.
    fn selectors(&self, expression: &Query) -> Option<Vec<Selector>> {
        let (raw, _) = expression.as_str().split_once(" > ")?;
        Some(vec![Selector { query: Query::try_new(raw).unwrap(), required: true }])
    }
}

#[derive(Debug, Default)]
struct Feed(Mutex<Option<FeedAnswer>>);

#[async_trait]
impl AlertFeed for Feed {
    fn name(&self) -> SourceName {
        name("alertmanager")
    }

    async fn alerts(&self, _: Timestamp) -> Result<FeedAnswer, Error> {
        let answer = self.0.lock().unwrap().clone();
        answer.ok_or_else(|| Error::timeout("alertmanager", "alerts"))
    }
}

#[derive(Debug, Default)]
struct Element(Mutex<ElementReading>);

#[async_trait]
impl ManagedElement for Element {
    fn name(&self) -> SourceName {
        name("element")
    }

    async fn read(&self, _: Timestamp) -> ElementReading {
        self.0.lock().unwrap().clone()
    }
}

fn alert(alertname: &str, status: AlertStatus, since: u64) -> FeedAlert {
    FeedAlert {
        fingerprint: format!("fp-{alertname}"),
        labels: Labels::from_iter([("alertname", alertname), ("severity", "critical")]),
        annotations: Labels::default(),
        starts_at: at(since),
        ends_at: (status == AlertStatus::Resolved).then(|| at(since + 5)),
        status,
        suppressed: false,
    }
}

/// A monitor of one rule (`slow`: `x > 1.0` on metric `x`) with everything that can be told to it.
struct Bench {
    script: Arc<Script>,
    feed: Arc<Feed>,
    element: Arc<Element>,
    inbox: Arc<MemoryInbox>,
    monitor: Monitor,
    /// What our own actions do.
    ours: Ours,
}

const BREACH: &str = "(x) > 1.0";
const OLDEST: &str = "min by (component, node) (timestamp(x))";
const ODD: &str = "count((x) * 0 != 0)";

fn rule() -> RuleConfig {
    let metric = Some(MetricName::try_new("x").unwrap());
    RuleConfig { metric, ..RuleConfig::new("slow", "x").unwrap().above(1.0) }
}

fn config() -> MonitorConfig {
    MonitorConfig { rules: vec![rule()], up: None, ..MonitorConfig::default() }
}

impl Bench {
    fn new(config: MonitorConfig) -> Self {
        Self::with(config, true)
    }

    fn with(config: MonitorConfig, has_feed: bool) -> Self {
        let script = Arc::new(Script::default());
        script.say(OLDEST, Say::Age(10));
        let feed = Arc::new(Feed(Mutex::new(Some(FeedAnswer::default()))));
        let (element, inbox) = (Arc::new(Element::default()), Arc::new(MemoryInbox::new(100)));
        let builder = Monitor::builder(config)
            .metrics(script.clone())
            .inbox(inbox.clone())
            .element(element.clone());
        let builder = if has_feed { builder.feed(feed.clone()) } else { builder };
        let monitor = builder.build().unwrap();
        Self { monitor, script, feed, element, inbox, ours: Ours::default() }
    }

    async fn cycle(&mut self, seconds: u64) -> Observation {
        self.monitor.observe(at(seconds), &self.ours, pending()).await
    }

    fn feed(&self, alerts: Vec<FeedAlert>) {
        *self.feed.0.lock().unwrap() = Some(FeedAnswer { alerts, quality: Quality::fresh() });
    }

    fn cut_feed(&self) {
        *self.feed.0.lock().unwrap() = None;
    }

    async fn webhook(&self, alerts: Vec<FeedAlert>, truncated: u64) {
        self.inbox.store(&crate::AlertBatch { alerts, truncated }).await.unwrap();
    }
}

fn kinds(observation: &Observation, source: &'static str) -> Vec<DoubtKind> {
    let quality = &observation.quality[&name(source)];
    quality.doubts().map(|it| it.kind).collect::<BTreeSet<_>>().into_iter().collect()
}

mod alerts;
mod parts;
mod restart;
mod silences;

#[tokio::test]
async fn an_episode_lives_and_ends() {
    let mut bench = Bench::new(config());
    assert!(bench.cycle(0).await.open.is_empty());
    bench.script.say(BREACH, Say::Values(vec![("a", 2.0), ("b", 3.0)]));
    let seen = bench.cycle(30).await;
    assert_eq!(seen.open.len(), 2);
    assert_eq!(seen.overall_quality().level(), Level::Fresh);
    let a = seen.open.iter().find(|it| it.component == Component::try_new("a").ok()).unwrap();
    assert_eq!((a.value, a.threshold, a.onset), (Some(2.0), Some(1.0), at(30)));
    assert_eq!(a.witnesses.first().unwrap().family.as_ref().unwrap(), &"x");

    bench.script.say(BREACH, Say::Values(vec![("a", 2.5)]));
    let seen = bench.cycle(60).await;
    assert_eq!((seen.open.len(), seen.closed.len()), (1, 1));
    assert_eq!((seen.open[0].onset, seen.open[0].value), (at(30), Some(2.5)));
    assert_eq!(seen.closed[0].closed, Some(at(60)));
    assert!(bench.cycle(90).await.closed.is_empty(), "an end is told once");
}

#[tokio::test]
async fn unknown_is_never_healthy() {
    for (query, say, doubt) in [
        (BREACH, Say::Fail, DoubtKind::Unreachable),
        (BREACH, Say::Warned, DoubtKind::Warning),
        (OLDEST, Say::Values(vec![]), DoubtKind::MissingSeries),
        (OLDEST, Say::Age(61), DoubtKind::StaleSample),
        (OLDEST, Say::Values(vec![("", f64::NAN)]), DoubtKind::StaleSample),
        (OLDEST, Say::Fail, DoubtKind::Unreachable),
        (ODD, Say::Values(vec![("", 1.0)]), DoubtKind::NonFinite),
        (ODD, Say::Fail, DoubtKind::Unreachable),
    ] {
        let mut bench = Bench::new(config());
        bench.script.say(BREACH, Say::Values(vec![("a", 2.0)]));
        bench.cycle(0).await;
        bench.script.say(BREACH, Say::Values(vec![]));
        bench.script.say(query, say.clone());
        let seen = bench.cycle(30).await;
        assert_eq!((seen.open.len(), seen.closed.len()), (1, 0), "{query} {say:?}");
        assert_eq!(seen.open[0].last_seen, at(0), "{query} {say:?}");
        assert!(kinds(&seen, "script").contains(&doubt), "{query} {say:?}: {:?}", seen.quality);
        assert!(!seen.overall_quality().permits_action());
    }
}

#[tokio::test]
async fn two_intervals_are_not_stale_yet() {
    let mut bench = Bench::new(config());
    bench.script.say(OLDEST, Say::Age(60));
    assert_eq!(bench.cycle(0).await.overall_quality().level(), Level::Fresh);
}

#[tokio::test]
async fn a_source_that_hangs_takes_nothing_from_the_others() {
    let mut bench = Bench::new(config());
    for query in [BREACH, OLDEST, ODD] {
        bench.script.say(query, Say::Hang);
    }
    bench.feed(vec![alert("Slow", AlertStatus::Firing, 0)]);
    let mut ticks = 0;
    let deadline = std::future::poll_fn(|context| {
        ticks += 1;
        context.waker().wake_by_ref();
        if ticks > 50 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    });
    let seen = bench.monitor.observe(at(30), &Ours::default(), deadline).await;
    assert_eq!(seen.open.len(), 1, "the alert is here");
    assert_eq!(kinds(&seen, "script"), [DoubtKind::Unreachable]);
    assert_eq!(seen.quality[&name("alertmanager")].level(), Level::Fresh);
    assert_eq!(seen.quality[&name("element")].level(), Level::Fresh);
}

#[tokio::test]
async fn queries_run_together_but_not_all_at_once() {
    let rules = (0..20).map(|i| RuleConfig::new(format!("r{i}"), format!("q{i}")).unwrap());
    let config = MonitorConfig { rules: rules.collect(), reads_max: 4, ..config() };
    let mut bench = Bench::new(config);
    bench.cycle(0).await;
    assert_eq!(bench.script.running_max.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn rule_alert_and_element_see_one_breach() {
    let mut config = config();
    let mapping = crate::AlertMapping {
        expectation: Some(Expectation::try_new("slow").unwrap()),
        ..crate::AlertMapping::default()
    };
    config.alerts.insert("TooSlow".to_owned(), mapping);
    let mut bench = Bench::new(config);
    bench.script.say(BREACH, Say::Values(vec![("", 2.0)]));
    bench.feed(vec![alert("TooSlow", AlertStatus::Firing, 10)]);
    *bench.element.0.lock().unwrap() =
        ElementReading { violations: vec![own_word()], ..ElementReading::default() };
    let seen = bench.cycle(30).await;
    assert_eq!(seen.open.len(), 1);
    let episode = &seen.open[0];
    assert_eq!((episode.onset, episode.severity), (at(5), Severity::Critical));
    assert_eq!(episode.value, Some(2.0));
    let sources: BTreeSet<_> = episode.witnesses.iter().map(|it| it.source).collect();
    assert_eq!(sources.len(), 3);

    // It ends when all three say so.
    bench.script.say(BREACH, Say::Values(vec![]));
    bench.feed(vec![]);
    assert_eq!(bench.cycle(60).await.open.len(), 1);
    *bench.element.0.lock().unwrap() = ElementReading {
        quality: Quality::fresh().with(DoubtKind::Truncated, "violations", "cut"),
        ..ElementReading::default()
    };
    assert_eq!(bench.cycle(90).await.open.len(), 1, "a cut list proves nothing");
    *bench.element.0.lock().unwrap() = ElementReading::default();
    assert_eq!(bench.cycle(120).await.closed.len(), 1);
}

fn own_word() -> Breach {
    Breach {
        expectation: Expectation::try_new("slow").unwrap(),
        component: None,
        severity: Severity::Info,
        onset: at(5),
        witness: Witness {
            source: ViolationSource::ManagedSystem,
            by: name("element"),
            name: "v-1".to_owned(),
            family: None,
            confirmed: true,
        },
        metric: None,
        value: None,
        threshold: None,
        labels: Labels::default(),
        description: String::new(),
    }
}

#[tokio::test]
async fn sensors_are_counted_and_doubted() {
    let query = |text: &str| Query::try_new(text).unwrap();
    let config = MonitorConfig {
        up: Some(query("up")),
        expected: vec![query("y")],
        counters: vec![query("c_total")],
        ..config()
    };
    let mut bench = Bench::new(config);
    bench.script.say("min by (component, node) (timestamp(y))", Say::Age(1));
    bench.script.say("up", Say::Values(vec![("a", 1.0), ("b", 0.0), ("c", 1.0)]));
    let resets = "resets(c_total[300000ms]) > 0";
    bench.script.say(resets, Say::Values(vec![("a", 1.0)]));
    let seen = bench.cycle(0).await;
    assert_eq!((seen.sensors.total, seen.sensors.bad), (5, 1));
    assert_eq!(kinds(&seen, "script"), [DoubtKind::TargetDown, DoubtKind::Reset]);

    // A restart of ours explains the reset, if it was of that part.
    let span = Span::try_new(at(0), at(10)).unwrap();
    let ours = |node: &str| {
        let component = Some(Component::try_new(node).unwrap());
        Ours { resets: vec![ExpectedReset { span, component }], scaled: false }
    };
    let seen = bench.monitor.observe(at(30), &ours("a"), pending()).await;
    assert_eq!(kinds(&seen, "script"), [DoubtKind::TargetDown]);
    let seen = bench.monitor.observe(at(30), &ours("b"), pending()).await;
    assert_eq!(kinds(&seen, "script"), [DoubtKind::TargetDown, DoubtKind::Reset]);
    let seen = bench.monitor.observe(at(320), &ours("a"), pending()).await;
    assert!(kinds(&seen, "script").contains(&DoubtKind::Reset), "that was long ago");

    // Targets that cannot be counted are bad, whether nobody answers for them or there are none.
    bench.script.say("up", Say::Fail);
    let seen = bench.cycle(60).await;
    assert_eq!((seen.sensors.total, seen.sensors.bad), (5, 3));
    bench.script.say("up", Say::Values(vec![]));
    let seen = bench.cycle(90).await;
    assert_eq!((seen.sensors.total, seen.sensors.bad), (5, 3));
    assert!(kinds(&seen, "script").contains(&DoubtKind::MissingSeries));
}

#[tokio::test]
async fn a_breach_must_last_as_long_as_its_rule_says() {
    let hold = Duration::from_secs(60);
    let mut bench =
        Bench::new(MonitorConfig { rules: vec![RuleConfig { hold, ..rule() }], ..config() });
    bench.script.say(BREACH, Say::Values(vec![("a", 2.0)]));
    assert!(bench.cycle(0).await.open.is_empty());
    assert!(bench.cycle(30).await.open.is_empty());
    assert_eq!(bench.cycle(60).await.open[0].onset, at(0));

    let mut blip =
        Bench::new(MonitorConfig { rules: vec![RuleConfig { hold, ..rule() }], ..config() });
    for (seconds, value) in [(0, 2.0), (30, 0.0), (60, 2.0), (90, 2.0)] {
        let values = if value > 1.0 { vec![("a", value)] } else { vec![] };
        blip.script.say(BREACH, Say::Values(values));
        assert!(blip.cycle(seconds).await.open.is_empty(), "at {seconds}");
    }
    assert_eq!(blip.cycle(120).await.open.len(), 1);
}

#[tokio::test]
async fn an_anomaly_is_unlike_what_was_learned_and_is_not_learned_itself() {
    let rule = RuleConfig {
        anomaly: Some(AnomalyConfig::default()),
        ..RuleConfig::new("odd_load", "load").unwrap()
    };
    let mut bench = Bench::new(MonitorConfig { rules: vec![rule], ..config() });
    for i in 0..40_u32 {
        bench.script.say("load", Say::Values(vec![("a", 10.0 + f64::from(i % 5))]));
        assert!(bench.cycle(u64::from(i) * 30).await.open.is_empty());
    }
    bench.script.say("load", Say::Values(vec![("a", 99.0)]));
    for i in 40..200_u64 {
        let seen = bench.cycle(i * 30).await;
        assert_eq!(seen.open.len(), 1, "at {i}");
        assert!(seen.open[0].has_source(ViolationSource::Anomaly));
    }
    bench.script.say("load", Say::Values(vec![]));
    let seen = bench.cycle(9_000).await;
    assert_eq!(seen.open.len(), 1, "no value is no proof");
    assert!(kinds(&seen, "script").contains(&DoubtKind::MissingSeries));
}

#[tokio::test]
async fn watched_values_come_with_trends() {
    let watches = vec![WatchConfig::new("load", "load").unwrap()];
    let mut bench = Bench::new(MonitorConfig { watches, ..config() });
    bench.script.say("load", Say::Values(vec![("a", 4.0), ("b", 5.0)]));
    let seen = bench.cycle(0).await;
    assert_eq!(seen.value("load"), Some(4.0));
    let names: Vec<_> = seen.trends.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, [r#"load{node="a"}"#, r#"load{node="b"}"#]);
}

#[tokio::test]
async fn a_cycle_that_was_dropped_never_happened() {
    let mut bench = Bench::new(config());
    bench.webhook(vec![alert("A", AlertStatus::Firing, 0)], 0).await;
    bench.script.say(BREACH, Say::Hang);
    let before = bench.monitor.state();
    {
        let cycle = bench.cycle(0);
        let mut cycle = std::pin::pin!(cycle);
        for _ in 0..50 {
            assert!(futures_util::poll!(cycle.as_mut()).is_pending());
        }
    }
    assert_eq!(bench.monitor.state(), before);
}

#[tokio::test]
async fn too_many_breaches_are_said_to_be_too_many() {
    let mut bench = Bench::new(MonitorConfig { episodes_max: 2, series_max: 3, ..config() });
    let values = vec![("a", 2.0), ("b", 2.0), ("c", 2.0), ("d", 2.0)];
    bench.script.say(BREACH, Say::Values(values));
    let seen = bench.cycle(0).await;
    assert_eq!(seen.open.len(), 2);
    assert_eq!(kinds(&seen, "script"), [DoubtKind::Truncated]);
    assert_eq!(kinds(&seen, "monitor"), [DoubtKind::Truncated]);
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let nobody = Monitor::builder(config()).build().unwrap_err();
    assert!(nobody.to_string().contains("need a metric source"));
    let element = Arc::new(Element::default());
    let twice = Monitor::builder(MonitorConfig::default())
        .element(element.clone())
        .element(element)
        .build();
    assert!(twice.unwrap_err().to_string().contains("called element"));
}

#[test]
fn cycles_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let mut monitor = Monitor::builder(MonitorConfig::default()).build().unwrap();
    is_send(&monitor.observe(at(0), &Ours::default(), pending()));
}
