//! The stage itself.

mod builder;
mod confirm;
mod heard;
mod state;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
};

use mapek_model::{
    DoubtKind, Fingerprint, Level, Observation, Quality, Series, SourceName, Span, TargetId,
    Timestamp, Trend, Violation, earlier, later,
};

use self::{confirm::Confirmations, heard::Heard, verdict::Evidence};
use crate::{
    AlertInbox, Error, MonitorConfig,
    episode::{Changes, Limits, Sighting},
    read::{
        self, Age, Deadline, Look, Ours, Probe, Questions, Readings, RuleReport, Sources, TOO_LATE,
    },
    silences::{self, Known},
    source::source_name,
};

pub use builder::MonitorBuilder;
pub use state::MonitorState;

/// Watches one managed system: metrics, alerts and its own word in, an [`Observation`] out.
///
/// # Guarantees
///
/// - All sources are read at once, for one instant. One that fails or hangs lowers the quality and takes nothing from the
///   others.
/// - Unknown is never healthy: an episode ends only when all who saw it are known not to see it any more.
/// - The same answers give the same observation: everything that can be seen is in a stated order, and no clock is read.
/// - If the future of [`observe`](Self::observe) is dropped, nothing has changed.
///
/// # Assumptions
///
/// Somebody else keeps [`state`](Self::state) safe and calls [`settle`](Self::settle) afterwards.
///
/// ```
/// use std::{future::pending, sync::Arc};
/// use async_trait::async_trait;
/// use mapek_model::{Answer, Quality, Query, Sample, Series, SourceName, Span, Timestamp};
/// use mapek_monitor::{Error, MetricSource, Monitor, MonitorConfig, Ours, RuleConfig};
///
/// /// A source in which every value is 2.
/// #[derive(Debug)]
/// struct Two;
///
/// #[async_trait]
/// impl MetricSource for Two {
///     fn name(&self) -> SourceName {
///         SourceName::try_new("two").expect("a valid name")
///     }
///
///     async fn instant(&self, _: &Query, at: Timestamp) -> Result<Answer, Error> {
///         let series = Series { samples: vec![Sample { at, value: 2.0 }], ..Series::default() };
///         Ok(Answer { series: vec![series], quality: Quality::fresh() })
///     }
///
///     async fn range(&self, _: &Query, _: Span, _: std::time::Duration) -> Result<Answer, Error> {
///         Ok(Answer::default())
///     }
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let rule = RuleConfig::new("too_high", "x")?;
/// let config = MonitorConfig { rules: vec![rule], up: None, ..MonitorConfig::default() };
/// let mut monitor = Monitor::builder(config).metrics(Arc::new(Two)).build()?;
///
/// let seen = monitor.observe(Timestamp::UNIX_EPOCH, &Ours::default(), pending()).await;
/// assert_eq!(seen.open[0].expectation, "too-high");
/// assert_eq!(seen.open[0].value, Some(2.0));
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Monitor {
    target: TargetId,
    config: MonitorConfig,
    /// What is asked for each rule, in their order.
    probes: Vec<Probe>,
    /// The series that must be there.
    expected: Vec<Age>,
    sources: Sources,
    inbox: Option<Arc<dyn AlertInbox>>,
    /// What alerts are said by: the feed, or what stands for it.
    alerts_by: SourceName,
    /// What people asked to be left alone.
    silences: Known,
    state: MonitorState,
}

/// The pure half of a cycle works on what the reading half brought.
struct Seen {
    heard: Heard,
    readings: Readings,
    confirmations: Confirmations,
}

impl Monitor {
    /// A monitor of the target `default` that has no source yet.
    pub fn builder(config: MonitorConfig) -> MonitorBuilder {
        MonitorBuilder::new(config)
    }

    /// The managed system that it watches.
    #[must_use]
    pub fn target(&self) -> &TargetId {
        &self.target
    }

    /// Reads all sources for the instant `at`, and says what is going on.
    ///
    /// `ours` is what actions of ours are expected to do to what is measured. When `deadline` is over, what has not
    /// answered is of unknown quality; [`pending`](std::future::pending) leaves it to the timeouts of the sources.
    pub async fn observe(
        &mut self,
        at: Timestamp,
        ours: &Ours,
        deadline: impl Future<Output = ()> + Send,
    ) -> Observation {
        let mut deadline = Deadline::new(deadline);
        // The inbox comes first: what it holds happened before the feed is read, which can then confirm or deny it.
        let heard = self.hear(at, &mut deadline).await;
        let questions = self.questions(at);
        let reads_max = self.config.reads_max;
        let readings = read::gather(&self.sources, questions, at, reads_max, &mut deadline).await;
        let confirmations = self.confirm(at, &heard, &readings, &mut deadline).await;
        self.conclude(at, ours, Seen { heard, readings, confirmations })
    }

    /// Tells the inbox that what the last observation took from it is dealt with. Call it when [`state`](Self::state) is safe: what
    /// was taken before a crash is then in the state or still in the inbox. Without it the inbox fills up.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] if the inbox cannot make that durable. Calling it again later is enough.
    pub async fn settle(&self) -> Result<(), Error> {
        match &self.inbox {
            Some(inbox) => inbox.acknowledge(self.state.inbox_position).await,
            None => Ok(()),
        }
    }

    fn questions(&self, at: Timestamp) -> Questions {
        if self.sources.metrics.is_none() {
            return Questions::default();
        }
        let instants = self.probes.iter().flat_map(Probe::queries).cloned();
        let ranges = self
            .config
            .watches
            .iter()
            .map(|watch| (watch.promql.clone(), Span::ending_at(at, watch.window), watch.step));
        Questions {
            instants: instants.chain(read::sensor_queries(&self.config, &self.expected)).collect(),
            ranges: ranges.collect(),
        }
    }

    /// From what was read to what is going on: no waiting from here on.
    fn conclude(&mut self, at: Timestamp, ours: &Ours, mut seen: Seen) -> Observation {
        let mut observation = Observation::empty(self.target.clone(), at);
        let rules = self.look_at_metrics(at, ours, &seen.readings, &mut observation);
        let evidence = Evidence::new(self, &rules, ours, &seen, &observation);

        let mut sightings = self.ripe(at, &rules);
        sightings.extend(self.told_by_feed(at, &seen));
        sightings.extend(self.told_by_inbox(at, &seen.heard, &seen.readings));
        sightings.extend(self.told_by_expressions(at, &seen));
        for (place, element) in self.sources.elements.iter().enumerate() {
            let reading = seen.readings.elements.get(&place).cloned().unwrap_or_default();
            let breaches = reading.violations.into_iter();
            sightings.extend(breaches.map(|breach| Sighting { breach, current: true }));
            observation.resources.extend(reading.resources);
            let quality = if seen.readings.elements.contains_key(&place) {
                reading.quality
            } else {
                Quality::unreachable(element.name().as_str(), TOO_LATE)
            };
            doubt(&mut observation.quality, element.name(), quality);
        }
        self.judge_alert_sources(&seen, &mut observation);

        let passed = self.passed(at, &seen.heard);
        let limits = Limits { open: self.config.episodes_max, silence: self.config.gone_after };
        let Changes { mut closed, gone, silent, left_out } =
            self.state.episodes.advance(&self.target, at, sightings, limits, &evidence);
        closed.extend(passed);
        closed.sort_by_cached_key(mapek_model::Violation::key);
        observation.closed = closed;
        observation.gone = gone;
        observation.open = self.state.episodes.violations();
        observation.slopes = self.state.episodes.slopes();
        observation.resources.sort_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
        self.hear_silences(&mut seen, &mut observation);
        self.doubt_silence(&silent, &mut observation);
        self.tidy(left_out, &mut observation);
        self.state.inbox_position = seen.heard.up_to.max(self.state.inbox_position);
        tracing::debug!(
            open = observation.open.len(),
            closed = observation.closed.len(),
            gone = observation.gone.len(),
            quality = %observation.overall_quality().level(),
            "observed"
        );
        observation
    }

    fn look_at_metrics(
        &mut self,
        at: Timestamp,
        ours: &Ours,
        readings: &Readings,
        observation: &mut Observation,
    ) -> BTreeMap<String, RuleReport> {
        let Some(metrics) = &self.sources.metrics else { return BTreeMap::new() };
        let name = metrics.name();
        let paused = self.learning_paused(at);
        let look = Look { config: &self.config, by: &name, at, readings };
        let known = self.state.sensors_total;
        let sensors = read::sensors(look, &self.expected, &ours.resets, known);
        let mut quality = sensors.quality;
        let mut reports = BTreeMap::new();
        let baselines = &mut self.state.baselines;
        for (rule, probe) in self.config.rules.iter().zip(&self.probes) {
            let report = read::evaluate(look, rule, probe, baselines, &paused);
            quality.merge(report.quality.clone());
            reports.insert(rule.name.clone(), report);
        }
        for (place, watch) in self.config.watches.iter().enumerate() {
            let answer = readings.range(place);
            let learning = paused.is_empty();
            let report = read::watch(&self.config, watch, at, answer, baselines, learning);
            quality.merge(report.quality);
            keep(observation, &watch.name, report.series, report.trends);
        }
        self.state.sensors_total = sensors.census.total;
        observation.sensors = sensors.census;
        observation.trends.sort_by(|a, b| a.name.cmp(&b.name));
        doubt(&mut observation.quality, name, quality);
        reports
    }

    /// Breaches that go on and must not become what is usual. One that went on for too long may.
    fn learning_paused(&self, at: Timestamp) -> BTreeSet<Fingerprint> {
        self.state.episodes.began_after(earlier(at, self.config.learning_paused_max))
    }

    /// What rules found, as far as it has lasted long enough.
    fn ripe(&mut self, at: Timestamp, reports: &BTreeMap<String, RuleReport>) -> Vec<Sighting> {
        let mut ripe = Vec::new();
        for rule in &self.config.rules {
            let Some(report) = reports.get(&rule.name) else { continue };
            let known = self.state.holds.remove(&rule.name).unwrap_or_default();
            let mut held = BTreeMap::new();
            // Who cannot say that it is over keeps it going.
            if report.quality.level() != Level::Fresh {
                held.clone_from(&known);
            }
            for (fingerprint, breach) in &report.breaches {
                let since = known.get(fingerprint).copied().unwrap_or(at);
                held.insert(*fingerprint, since);
                if later(since, rule.hold) <= at {
                    let breach = crate::Breach { onset: since, ..breach.clone() };
                    ripe.push(Sighting { breach, current: true });
                }
            }
            if !held.is_empty() {
                self.state.holds.insert(rule.name.clone(), held);
            }
        }
        ripe
    }

    /// What of the open episodes is silenced: by their own labels, or those of the alerts that tell of them.
    fn hear_silences(&mut self, seen: &mut Seen, observation: &mut Observation) {
        if self.sources.silences.is_none() {
            return;
        }
        let read = seen.readings.silences.take().and_then(|read| {
            read.inspect_err(|error| {
                tracing::warn!(error = error.chain(), "silences cannot be read");
            })
            .ok()
        });
        self.silences.take(read);
        let told = self.told_labels(&seen.readings);
        let alerts = &self.config.alerts;
        let labels = |violation: &Violation| {
            // Also by the names of alerts that do not fire yet: who silences one knows what is coming.
            let meant = alerts
                .iter()
                .filter(|(_, alert)| alert.expectation.as_ref() == Some(&violation.expectation));
            let mut all = silences::own_labels(violation, meant.map(|(name, _)| name.as_str()));
            all.extend(told.get(&violation.fingerprint()).into_iter().flatten().cloned());
            all
        };
        let (at, open) = (observation.at, &observation.open);
        let silences = self.silences.covering(at, &self.target, open, labels);
        observation.silences = Some(silences);
    }

    /// Who hears nothing of a component with an open breach knows nothing of it.
    fn doubt_silence(&self, silent: &[Violation], observation: &mut Observation) {
        let Some(metrics) = &self.sources.metrics else { return };
        for violation in silent {
            let part = violation.component.as_ref().map_or("", |it| it.as_str());
            let detail = format!(
                "nothing is heard of it, which was last seen to breach {}",
                violation.expectation
            );
            let quality = Quality::fresh().with(DoubtKind::MissingSeries, part, detail);
            doubt(&mut observation.quality, metrics.name(), quality);
        }
    }

    fn tidy(&mut self, left_out: usize, observation: &mut Observation) {
        self.state.episodes.trim(self.config.episodes_max);
        self.state.baselines.trim(self.config.baselines_max);
        let (rules, max) = (&self.config.rules, self.config.series_max);
        self.state.holds.retain(|name, _| rules.iter().any(|rule| rule.name == *name));
        for held in self.state.holds.values_mut() {
            while held.len() > max {
                held.pop_last();
            }
        }
        if left_out > 0 {
            tracing::warn!(left_out, "more breaches than episodes_max: the mildest are left out");
            let detail = format!("{left_out} breaches are left out");
            let quality = Quality::fresh().with(DoubtKind::Truncated, "episodes", detail);
            doubt(&mut observation.quality, source_name("monitor"), quality);
        }
    }
}

fn keep(observation: &mut Observation, name: &str, series: Vec<Series>, trends: Vec<Trend>) {
    observation.series.insert(name.to_owned(), series);
    observation.trends.extend(trends);
}

fn doubt(all: &mut BTreeMap<SourceName, Quality>, source: SourceName, quality: Quality) {
    all.entry(source).or_default().merge(quality);
}

#[cfg(test)]
mod tests;
