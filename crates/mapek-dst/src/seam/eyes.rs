//! What a process is told of metrics, alerts and the managed system; and what of it is doubtful, for the checker.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use mapek_model::{
    Answer, DoubtKind, Duration, Expectation, Generation, Labels, MetricName, Quality, Query,
    Resource, Sample, Series, Severity, SourceName, Span, Timestamp, ViolationSource, Witness,
};
use mapek_monitor::{
    AlertBatch, AlertFeed, AlertInbox, AlertStatus, Breach, ElementReading, Error, FeedAlert,
    FeedAnswer, InboxPosition, ManagedElement, MetricSource, PendingAlert, Stored,
};

use crate::{
    bug::Bug,
    plant::Slot,
    script::Weather,
    world::{Inner, ProcessId, World},
};

/// The metrics, each with the bound that it must not cross and whether more is worse.
pub(crate) const METRICS: [(&str, &str, f64, bool); 3] = [
    ("high_validation_latency", "latency_seconds", 1.0, true),
    ("high_failure_rate", "failure_rate", 0.1, true),
    ("low_throughput", "throughput_ops", 50.0, false),
];

/// What is asked of the scrape targets.
pub(crate) const UP: &str = "up";

/// Longer than a cycle waits.
const TOO_LONG: i64 = 12_000;
/// How old a sample may be before it is stale: two scrapes.
const STALE: i64 = 30_000;
/// How far back a metric source looks for a sample.
const LOOKBACK: i64 = 300_000;

/// All that one process sees with.
#[derive(Debug)]
pub(crate) struct Eyes {
    pub(crate) world: Arc<World>,
    pub(crate) process: ProcessId,
}

fn name(text: &str) -> SourceName {
    SourceName::try_new(text).expect("it is a short word in small letters")
}

impl Eyes {
    /// What a read meets on its way: whether it fails, and how long it takes.
    async fn travel(&self, down: Weather, slow: Option<Weather>) -> bool {
        let (fails, wait) = {
            let mut inner = self.world.lock();
            let (calm, query) = (inner.calm, inner.script.rates.query);
            let (failed, slowed) = (inner.streams.eyes.chance(query), inner.script.rates.slow);
            let takes = inner.streams.eyes.chance(slowed / 20.0);
            let mut wait = if takes { inner.streams.eyes.between(1, 1_500) } else { 0 };
            let too_slow = slow.is_some_and(|slow| inner.has(slow));
            if too_slow {
                wait = TOO_LONG;
                inner.doubt(self.process, "a read takes longer than a cycle waits");
            }
            let fails = (failed || inner.has(down)) && !calm;
            if fails {
                inner.doubt(self.process, &format!("{down:?}"));
            }
            (fails, if calm { 0 } else { wait })
        };
        self.world.sleep(self.process, wait).await;
        fails
    }
}

impl Inner {
    fn doubt(&mut self, process: ProcessId, why: &str) {
        self.life(process).doubts.insert(why.to_owned());
    }

    fn answer_to(&mut self, process: ProcessId, text: &str, at: Timestamp) -> Answer {
        let at = at.as_millisecond();
        let hides = self.bug == Some(Bug::StaleAsFresh);
        let series =
            if text == UP { self.targets(process, at) } else { self.series(process, text, at) };
        let partial = self.has(Weather::MetricsPartial);
        if partial {
            self.doubt(process, "an answer is partial");
        }
        let mut quality = Quality::fresh();
        if partial && !hides {
            quality = quality.with(DoubtKind::Warning, "query", "half of it is missing");
        }
        Answer { series, quality }
    }

    fn targets(&mut self, process: ProcessId, at: i64) -> Vec<Series> {
        let down = self.has(Weather::TargetDown);
        if down {
            self.doubt(process, "a target is down");
        }
        let hides = self.bug == Some(Bug::StaleAsFresh);
        let target = |(instance, value): (&str, f64)| series(&[("instance", instance)], at, value);
        [("a", 1.0), ("b", if down && !hides { 0.0 } else { 1.0 })].map(target).into()
    }

    fn series(&mut self, process: ProcessId, text: &str, at: i64) -> Vec<Series> {
        let Some((_, metric, bound, above)) =
            METRICS.into_iter().find(|(_, metric, ..)| text.contains(metric))
        else {
            return Vec::new();
        };
        let first = metric == METRICS[0].1;
        let newest = self.measured.iter().rev().find(|(taken, _)| Self::right(*taken) <= at);
        let newest = newest.filter(|(taken, _)| at - Self::right(*taken) <= LOOKBACK).copied();
        let hides = self.bug == Some(Bug::StaleAsFresh);
        let missing = first && self.has(Weather::MetricsMissing);
        let Some((taken, measures)) = newest.filter(|_| !missing) else {
            self.doubt(process, "a series is missing");
            return Vec::new();
        };
        let value = measures.of(metric).unwrap_or(f64::NAN);
        let odd = first && self.has(Weather::MetricsOdd);
        let age = at - Self::right(taken);
        if age > STALE {
            self.doubt(process, "a sample is stale");
        }
        let labels = [("__name__", metric)];
        let value = if text.contains("timestamp(") {
            let taken = if hides { at } else { Self::right(taken) };
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of this century are exact"
            )]
            Some(taken as f64 / 1000.0)
        } else if text.starts_with("count((") {
            if odd {
                self.doubt(process, "a value is no number");
            }
            (odd && !hides).then_some(1.0)
        } else if odd {
            None
        } else {
            let breached = if above { value > bound } else { value < bound };
            if breached {
                self.life(process).breach = true;
            }
            breached.then_some(value)
        };
        value.map(|value| series(&labels, at, value)).into_iter().collect()
    }
}

fn series(labels: &[(&str, &str)], at: i64, value: f64) -> Series {
    let labels: Labels = labels.iter().copied().collect();
    Series { labels, samples: vec![Sample { at: Inner::timestamp(at), value }] }
}

#[async_trait]
impl MetricSource for Eyes {
    fn name(&self) -> SourceName {
        name("metrics")
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        if self.travel(Weather::MetricsDown, Some(Weather::MetricsSlow)).await {
            return Err(Error::timeout("metrics", "an instant query"));
        }
        Ok(self.world.lock().answer_to(self.process, query.as_str(), at))
    }

    async fn range(&self, _: &Query, _: Span, _: Duration) -> Result<Answer, Error> {
        Ok(Answer::default())
    }
}

#[async_trait]
impl ManagedElement for Eyes {
    fn name(&self) -> SourceName {
        name("element")
    }

    async fn read(&self, at: Timestamp) -> ElementReading {
        if self.travel(Weather::ElementDown, None).await {
            let quality = Quality::unreachable("element", "it does not answer");
            let mut inner = self.world.lock();
            // As if what cannot be read were as it was.
            let passes = inner.bug == Some(Bug::BlamesTheUnread);
            let known = inner.life(self.process).inventory.clone();
            let resources = if passes { known } else { Vec::new() };
            return ElementReading { quality, resources, ..ElementReading::default() };
        }
        let mut inner = self.world.lock();
        let resource = |slot: Slot, attributes| {
            let (kind, id) = slot.resource()?;
            let by = if inner.plant.is_theirs(slot) { "ops" } else { "loop" };
            let mut attributes: BTreeMap<_, _> = attributes;
            attributes.insert("source".to_owned(), serde_json::json!(by));
            Some(Resource {
                kind: kind.to_owned(),
                id: id.to_owned(),
                status: "normal".to_owned(),
                generation: Some(Generation::new(inner.plant.generation(slot))),
                changed: None,
                attributes,
            })
        };
        let pool = resource(Slot::Replicas, inner.plant.inventory());
        let policy = resource(Slot::Policy, BTreeMap::new());
        let resources: Vec<_> = pool.into_iter().chain(policy).collect();
        inner.life(self.process).inventory.clone_from(&resources);
        let sick = inner.plant.is_sick();
        if sick {
            inner.life(self.process).breach = true;
        }
        let violations = sick.then(|| own_breach(at)).into_iter().collect();
        ElementReading { violations, resources, quality: Quality::fresh() }
    }
}

fn own_breach(at: Timestamp) -> Breach {
    Breach {
        expectation: Expectation::normalise("high_failure_rate"),
        component: None,
        severity: Severity::Critical,
        onset: at,
        witness: Witness {
            source: ViolationSource::ManagedSystem,
            by: name("element"),
            name: "sick".to_owned(),
            family: None,
            confirmed: true,
        },
        metric: None,
        value: None,
        threshold: None,
        labels: Labels::default(),
        description: "it says that it is sick".to_owned(),
    }
}

#[async_trait]
impl AlertFeed for Eyes {
    fn name(&self) -> SourceName {
        name("alerts")
    }

    async fn alerts(&self, _: Timestamp) -> Result<FeedAnswer, Error> {
        if self.travel(Weather::FeedDown, None).await {
            return Err(Error::timeout("alerts", "the list of alerts"));
        }
        let mut inner = self.world.lock();
        let firing: Vec<_> = inner.firing.iter().map(|(name, since)| (*name, *since)).collect();
        if !firing.is_empty() {
            inner.life(self.process).breach = true;
        }
        let alerts =
            firing.into_iter().map(|(name, since)| alert(name, since, AlertStatus::Firing));
        Ok(FeedAnswer { alerts: alerts.collect(), quality: Quality::fresh() })
    }
}

/// An alert that fires since a moment, by the right clock.
pub(crate) fn alert(name: &str, since: i64, status: AlertStatus) -> FeedAlert {
    FeedAlert {
        fingerprint: format!("f-{name}"),
        labels: [("alertname", name), ("severity", "critical")].into_iter().collect(),
        annotations: Labels::default(),
        starts_at: Inner::timestamp(Inner::right(since)),
        ends_at: None,
        status,
        suppressed: false,
    }
}

#[async_trait]
impl AlertInbox for Eyes {
    async fn store(&self, batch: &AlertBatch) -> Result<Stored, Error> {
        self.world.inbox.store(batch).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<PendingAlert>, Error> {
        {
            let mut inner = self.world.lock();
            let rate = inner.script.rates.memory;
            if inner.streams.memory.chance(rate) && !inner.calm {
                inner.doubt(self.process, "the inbox cannot be read");
                return Err(Error::storage("reading the inbox", "an injected fault"));
            }
        }
        let pending = self.world.inbox.pending(limit).await?;
        if !pending.is_empty() {
            self.world.lock().life(self.process).breach = true;
        }
        Ok(pending)
    }

    async fn acknowledge(&self, up_to: InboxPosition) -> Result<(), Error> {
        {
            let mut inner = self.world.lock();
            let rate = inner.script.rates.memory;
            if inner.streams.memory.chance(rate) && !inner.calm {
                return Err(Error::storage("settling the inbox", "an injected fault"));
            }
        }
        self.world.inbox.acknowledge(up_to).await
    }
}

/// The metric that a rule reads.
pub(crate) fn metric(text: &str) -> MetricName {
    MetricName::try_new(text).expect("it is a name")
}
