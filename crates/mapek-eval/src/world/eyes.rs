//! What stands between the plant and whoever scrapes it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use charter_sim::InProcess;
use mapek_model::{Answer, DoubtKind, Duration, Query, SourceName, Span, Timestamp, since};
use mapek_monitor::MetricSource;
use mapek_scrape::Exposition;

use crate::{Scenario, SensorFault, SensorFaultKind};

/// How old the samples of a skewed clock are.
const SKEW_MS: i64 = 120_000;

/// Shows the metrics of the plant, as far as sensors work.
pub(crate) struct Eyes {
    plant: InProcess,
    faults: Vec<SensorFault>,
    start: Timestamp,
    memory: Mutex<Memory>,
}

/// What faults have to remember, by the number of the fault.
#[derive(Default)]
struct Memory {
    frozen: BTreeMap<usize, String>,
    /// What counters stood at when they were reset.
    zero: BTreeMap<(usize, String), f64>,
}

impl fmt::Debug for Eyes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eyes").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl Eyes {
    pub(super) fn new(plant: InProcess, scenario: &Scenario, start: Timestamp) -> Self {
        let faults = scenario.sensor_faults.clone();
        Self { plant, faults, start, memory: Mutex::default() }
    }

    /// Whether a fault of `kind` is on.
    pub(super) fn has(&self, kind: SensorFaultKind, now: Timestamp) -> bool {
        self.on(now).any(|(_, fault)| fault.kind == kind)
    }

    fn on(&self, now: Timestamp) -> impl Iterator<Item = (usize, &SensorFault)> {
        let passed = (now >= self.start).then(|| since(now, self.start));
        let is_on = move |fault: &SensorFault| passed.is_some_and(|passed| fault.is_on(passed));
        self.faults.iter().enumerate().filter(move |(_, fault)| is_on(fault))
    }
}

impl Exposition for Eyes {
    fn expose(&self) -> String {
        let now = self.plant.now();
        let mut text = self.plant.metrics();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, fault) in self.on(now) {
            text = match fault.kind {
                // No metric is called so: whoever scrapes sees a target that answers nonsense.
                SensorFaultKind::Down => return "!\n".to_owned(),
                SensorFaultKind::Frozen => memory.frozen.entry(index).or_insert(text).clone(),
                SensorFaultKind::Missing => lines(&text, fault, |_, _| None),
                SensorFaultKind::Nan => {
                    lines(&text, fault, |series, _| Some(format!("{series} NaN")))
                }
                SensorFaultKind::Skewed => {
                    let at = now.as_millisecond() - SKEW_MS;
                    lines(&text, fault, |series, value| Some(format!("{series} {value} {at}")))
                }
                SensorFaultKind::Reset => lines(&text, fault, |series, value| {
                    let number: f64 = value.parse().ok().filter(|_| is_counter(series))?;
                    let zero = memory.zero.entry((index, series.to_owned())).or_insert(number);
                    Some(format!("{series} {}", number - *zero))
                }),
                SensorFaultKind::Delayed
                | SensorFaultKind::Partial
                | SensorFaultKind::DuplicateAlerts
                | SensorFaultKind::LostAlerts => text,
            };
        }
        text
    }
}

fn is_counter(series: &str) -> bool {
    let name = name(series);
    ["_total", "_count", "_sum", "_bucket"].iter().any(|suffix| name.ends_with(suffix))
}

fn name(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

/// Changes the lines of the series that `fault` hits; those of which `change` makes nothing are left out, or, where they are not a
/// sample that it can read, stay.
fn lines(
    text: &str,
    fault: &SensorFault,
    mut change: impl FnMut(&str, &str) -> Option<String>,
) -> String {
    let mut changed = String::with_capacity(text.len());
    for line in text.lines() {
        let sample = line.rsplit_once(' ').filter(|_| !line.starts_with('#'));
        match sample.filter(|(series, _)| fault.hits(name(series))) {
            Some((series, value)) => {
                let line = change(series, value);
                changed.extend(line.map(|line| line + "\n"));
            }
            None => {
                changed.push_str(line);
                changed.push('\n');
            }
        }
    }
    changed
}

/// A metric source that says so where its answers are partial.
#[derive(Debug)]
pub(super) struct Glasses {
    source: Arc<dyn MetricSource>,
    eyes: Arc<Eyes>,
}

impl Glasses {
    pub(super) fn over(source: Arc<dyn MetricSource>, eyes: Arc<Eyes>) -> Self {
        Self { source, eyes }
    }

    fn seen(&self, mut answer: Answer) -> Answer {
        if self.eyes.has(SensorFaultKind::Partial, self.eyes.plant.now()) {
            answer.quality =
                answer.quality.with(DoubtKind::Warning, "scrape", "the answer is partial");
        }
        answer
    }
}

#[async_trait]
impl MetricSource for Glasses {
    fn name(&self) -> SourceName {
        self.source.name()
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, mapek_monitor::Error> {
        Ok(self.seen(self.source.instant(query, at).await?))
    }

    async fn range(
        &self,
        query: &Query,
        span: Span,
        step: Duration,
    ) -> Result<Answer, mapek_monitor::Error> {
        Ok(self.seen(self.source.range(query, span, step).await?))
    }

    async fn rule_expression(&self, alert: &str) -> Result<Option<Query>, mapek_monitor::Error> {
        self.source.rule_expression(alert).await
    }
}
