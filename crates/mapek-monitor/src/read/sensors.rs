//! What speaks of the sensors themselves: targets that are down, series that are gone, counters that were reset.

use mapek_model::{
    Component, DoubtKind, Level, Quality, Query, SensorCensus, Series, Span, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{
    Readings,
    rule::{freshness, oldest, selector},
};
use crate::MonitorConfig;

/// A reset of counters that an action of ours is expected to cause, so that it is no reason for doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedReset {
    /// When it may happen.
    pub span: Span,
    /// Which part of the system restarts; absent if all of it does.
    pub component: Option<Component>,
}

impl ExpectedReset {
    /// Whether it explains a reset of `series` within `window`. A part of the system may be in any label: which one differs
    /// from metric to metric.
    fn explains(&self, series: &Series, window: Span) -> bool {
        let overlaps = self.span.from() <= window.to() && window.from() <= self.span.to();
        overlaps
            && self.component.as_ref().is_none_or(|component| {
                series.labels.iter().any(|(_, value)| value == component.as_str())
            })
    }
}

/// What the sensors are worth.
#[derive(Debug)]
pub(crate) struct Sensors {
    pub(crate) census: SensorCensus,
    pub(crate) quality: Quality,
}

fn resets(selector: &Query, config: &MonitorConfig) -> Option<Query> {
    let window = config.reset_window.as_millis();
    Query::try_new(format!("resets({selector}[{window}ms]) > 0")).ok()
}

/// Each selector that must have a fresh series, once, in order.
fn expected(config: &MonitorConfig) -> Vec<Query> {
    let mut all: Vec<Query> = config.rules.iter().filter_map(selector).collect();
    all.extend(config.expected.iter().cloned());
    all.sort();
    all.dedup();
    all
}

/// The questions about sensors.
pub(crate) fn queries(config: &MonitorConfig) -> impl Iterator<Item = Query> {
    let expected = expected(config).into_iter().map(|selector| oldest(&selector));
    let resets = config.counters.iter().filter_map(|selector| resets(selector, config));
    config.up.iter().cloned().chain(expected).chain(resets)
}

/// What the answers say. `known` is how many sensors there were the last time that it could be told.
pub(crate) fn sensors(
    config: &MonitorConfig,
    at: Timestamp,
    readings: &Readings,
    ours: &[ExpectedReset],
    known: u32,
) -> Sensors {
    let mut census = SensorCensus::default();
    let mut quality = Quality::fresh();
    for selector in expected(config) {
        let doubts = freshness(selector.as_str(), &oldest(&selector), config, at, readings);
        census.total += 1;
        census.bad += u32::from(doubts.level() >= Level::Stale);
        quality.merge(doubts);
    }
    if let Some(up) = &config.up {
        match readings.instant(up) {
            Ok(answer) if answer.series.is_empty() => {
                quality.merge(answer.quality.clone());
                let detail = "no scrape target answers: who watches nothing sees nothing wrong";
                quality = quality.with(DoubtKind::MissingSeries, up.as_str(), detail);
                census = uncounted(census, known);
            }
            Ok(answer) => {
                quality.merge(answer.quality.clone());
                targets(&answer.series, &mut census, &mut quality);
            }
            Err(why) => {
                quality.merge(Quality::unreachable(up.as_str(), why));
                census = uncounted(census, known);
            }
        }
    }
    for selector in &config.counters {
        quality.merge(reset_doubts(selector, config, at, readings, ours));
    }
    Sensors { census, quality }
}

/// Who cannot be counted is taken for bad: unknown is never healthy.
fn uncounted(census: SensorCensus, known: u32) -> SensorCensus {
    let missing = known.saturating_sub(census.total);
    SensorCensus { total: census.total + missing, bad: census.bad + missing }
}

fn targets(series: &[Series], census: &mut SensorCensus, quality: &mut Quality) {
    for one in series {
        let is_up = one.last().is_some_and(|sample| (sample.value - 1.0).abs() < f64::EPSILON);
        census.total = census.total.saturating_add(1);
        if !is_up {
            census.bad = census.bad.saturating_add(1);
            let down = Quality::fresh();
            let detail = "the scrape target does not answer";
            quality.merge(down.with(DoubtKind::TargetDown, one.labels.to_string(), detail));
        }
    }
}

fn reset_doubts(
    selector: &Query,
    config: &MonitorConfig,
    at: Timestamp,
    readings: &Readings,
    ours: &[ExpectedReset],
) -> Quality {
    let Some(query) = resets(selector, config) else {
        return Quality::unreachable(selector.as_str(), "the selector is too long");
    };
    let answer = match readings.instant(&query) {
        Ok(answer) => answer,
        Err(why) => return Quality::unreachable(selector.as_str(), why),
    };
    let window = Span::ending_at(at, config.reset_window);
    let strange =
        answer.series.iter().filter(|series| !ours.iter().any(|it| it.explains(series, window)));
    strange.fold(answer.quality.clone(), |quality, series| {
        let detail = format!("{} was reset, and not by us", series.labels);
        quality.with(DoubtKind::Reset, selector.as_str(), detail)
    })
}
