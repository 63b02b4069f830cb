//! What stands between the plant and whoever scrapes it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use charter_sim::InProcess;
use mapek_model::{Answer, DoubtKind, Duration, Query, SourceName, Span, Timestamp, since};
use mapek_monitor::{AlertRule, MetricSource, Selector};
use mapek_scrape::Exposition;

use crate::{
    Scenario, SensorFault, SensorFaultKind, alerts::charter_rules, statistics::SplitMix64,
};

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
struct Memory {
    frozen: BTreeMap<usize, String>,
    /// What counters stood at when they were reset.
    zero: BTreeMap<(usize, String), f64>,
    noise: SplitMix64,
}

/// Keeps the noise of sensors apart from what else is drawn from a seed.
const NOISE_STREAM: u64 = 0x6e6f_6973_655f_6f66;

impl fmt::Debug for Eyes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Eyes").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl Eyes {
    pub(super) fn new(plant: InProcess, scenario: &Scenario, start: Timestamp, seed: u64) -> Self {
        let faults = scenario.sensor_faults.clone();
        let noise = SplitMix64::new(seed ^ NOISE_STREAM);
        let memory = Memory { frozen: BTreeMap::new(), zero: BTreeMap::new(), noise };
        Self { plant, faults, start, memory: Mutex::new(memory) }
    }

    /// Alerts that fire without reason.
    pub(super) fn flapping(&self, now: Timestamp) -> Vec<&str> {
        let passed = (now >= self.start).then(|| since(now, self.start));
        passed.map_or_else(Vec::new, |at| {
            self.faults.iter().filter_map(|fault| fault.alert_on(at)).collect()
        })
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
                    let number = value.parse::<f64>().ok().filter(|_| is_counter(series));
                    let Some(number) = number else { return Some(format!("{series} {value}")) };
                    let zero = memory.zero.entry((index, series.to_owned())).or_insert(number);
                    Some(format!("{series} {}", number - *zero))
                }),
                SensorFaultKind::Noise => lines(&text, fault, |series, value| {
                    let number = value.parse::<f64>().ok().filter(|_| is_gauge(series));
                    let Some(number) = number else { return Some(format!("{series} {value}")) };
                    // Log-normal with mean one: nothing changes its sign, and on the mean nothing changes.
                    let (spread, z) = (fault.spread(), memory.noise.normal());
                    let factor = (spread * z - spread * spread / 2.0).exp();
                    Some(format!("{series} {}", number * factor))
                }),
                SensorFaultKind::Delayed
                | SensorFaultKind::FlappingAlert
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

/// Whether it is a measurement: no count, and no point in time.
fn is_gauge(series: &str) -> bool {
    !is_counter(series) && !name(series).ends_with("_timestamp")
}

fn name(series: &str) -> &str {
    series.split('{').next().unwrap_or(series)
}

/// Changes the lines of the series that `fault` hits; those of which `change` makes nothing are left out.
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

    async fn alert_rule(&self, alert: &str) -> Result<Option<AlertRule>, mapek_monitor::Error> {
        // The alert rules are evaluated beside the source, not in it.
        let rule = charter_rules().into_iter().find(|rule| rule.alert == alert);
        Ok(rule.map(|rule| AlertRule { expression: rule.query, hold: rule.lasts }))
    }

    fn selectors(&self, expression: &Query) -> Option<Vec<Selector>> {
        self.source.selectors(expression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapek_model::later;

    /// What is exposed a minute after a fault of `kind` on `metric` has begun, and what would be without it.
    fn exposed(kind: SensorFaultKind, metric: Option<&str>) -> (String, String) {
        let json = serde_json::json!({
            "name": "x", "description": "x", "kind": "control",
            "sensor_faults": [{"kind": kind, "metric": metric}],
        });
        let scenario: Scenario = serde_json::from_value(json).unwrap();
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let plant = InProcess::try_new(scenario.plant.clone(), 1, start).unwrap();
        let eyes = Eyes::new(plant.clone(), &scenario, start, 1);
        plant.advance_to(later(start, Duration::from_secs(60)));
        let first = eyes.expose();
        plant.advance_to(later(start, Duration::from_secs(120)));
        assert!(kind != SensorFaultKind::Frozen || first == eyes.expose());
        (eyes.expose(), plant.metrics())
    }

    fn samples(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn a_fault_changes_what_it_hits_and_nothing_else() {
        let size = "westworld_charter_committee_size";
        let (missing, all) = exposed(SensorFaultKind::Missing, Some(size));
        assert_eq!(samples(&missing).len() + 1, samples(&all).len());
        let (nan, _) = exposed(SensorFaultKind::Nan, Some(size));
        assert!(nan.contains(&format!("{size} NaN\n")), "{nan}");
        assert_eq!(samples(&nan).iter().filter(|line| line.ends_with(" NaN")).count(), 1);
        let (skewed, _) = exposed(SensorFaultKind::Skewed, Some(size));
        let stamped = samples(&skewed).into_iter().find(|line| line.starts_with(size)).unwrap();
        assert!(stamped.ends_with(" 1767225600000"), "{stamped}");
    }

    #[test]
    fn counters_begin_at_zero_again_once_and_gauges_do_not() {
        let (reset, all) = exposed(SensorFaultKind::Reset, None);
        let value = |text: &str, prefix: &str| -> f64 {
            let line = text.lines().find(|line| line.starts_with(prefix)).unwrap();
            line.rsplit_once(' ').unwrap().1.parse().unwrap()
        };
        let counter = "westworld_charter_enforcement_latency_seconds_count";
        let (after, before) = (value(&reset, counter), value(&all, counter));
        assert!(after > 0.0 && after < before, "{after} of {before}");
        let gauge = "westworld_charter_committee_size";
        assert_eq!(samples(&reset).len(), samples(&all).len());
        assert!((value(&reset, gauge) - 6.0).abs() < 1e-9);
    }

    #[test]
    fn noise_wavers_gauges_and_nothing_else_and_is_right_on_the_mean() {
        let scenario: Scenario = serde_json::from_value(serde_json::json!({
            "name": "x", "description": "x", "kind": "control",
            "sensor_faults": [{"kind": "noise", "spread": 0.3}],
        }))
        .unwrap();
        let start = "2026-01-01T00:00:00Z".parse().unwrap();
        let plant = InProcess::try_new(scenario.plant.clone(), 1, start).unwrap();
        plant.advance_to(later(start, Duration::from_secs(60)));
        let texts = |seed| {
            let eyes = Eyes::new(plant.clone(), &scenario, start, seed);
            (0..2_000).map(|_| eyes.expose()).collect::<Vec<_>>()
        };
        let (noisy, plain) = (texts(1), plant.metrics());
        let size: Vec<f64> = noisy
            .iter()
            .map(|text| {
                let line =
                    text.lines().find(|it| it.starts_with("westworld_charter_committee_size"));
                line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
            })
            .collect();
        let mean = size.iter().sum::<f64>() / size.len() as f64;
        let spread =
            size.iter().map(|it| (it / mean - 1.0).powi(2)).sum::<f64>() / size.len() as f64;
        // The factor's variance is exp(0.3²) - 1, or 0.307². Four standard errors: of the mean 4 · 6 · 0.307 / √2000; of the deviation
        // somewhat more than 4 · 0.307 / √4000, since the tail is long. Were the mean of logarithms 0, the mean would be 6.28.
        assert!((mean - 6.0).abs() < 0.165, "{mean}");
        assert!((spread.sqrt() - 0.307).abs() < 0.04, "{spread}");
        for (line, was) in samples(&noisy[7]).into_iter().zip(samples(&plain)) {
            let value: f64 = was.rsplit_once(' ').unwrap().1.parse().unwrap();
            assert!(line == was || (is_gauge(was) && value > 0.0), "{line} was {was}");
        }
        assert_ne!(noisy[0], noisy[1]);
        assert_eq!(noisy, texts(1), "the same seed, the same noise");
    }

    #[test]
    fn what_is_down_shows_nothing_that_could_be_read() {
        let (down, _) = exposed(SensorFaultKind::Down, None);
        assert_eq!(down, "!\n");
        exposed(SensorFaultKind::Frozen, None);
    }
}
