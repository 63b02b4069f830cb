//! What speaks of the sensors themselves: targets that are down, series that are gone, counters that were reset.

use mapek_model::{
    Component, DoubtKind, Level, Quality, Query, SensorCensus, Series, Span, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{
    Readings,
    probe::{Age, Probe},
    rule::{Look, freshness},
};
use crate::{MonitorConfig, Selector};

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

/// What actions of ours are expected to do to what is measured, so that it is no reason for doubt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ours {
    /// Counters that begin anew.
    pub resets: Vec<ExpectedReset>,
    /// Whether parts may be gone because we changed their number: one that the managed system does not list any more then
    /// went by our own doing, and breaches nothing.
    pub scaled: bool,
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

/// Each selector that must have a fresh series, once, in order. Those of rules are asked as the rules ask.
pub(crate) fn expected(config: &MonitorConfig, probes: &[Probe]) -> Vec<Age> {
    let of_rules = probes.iter().flat_map(Probe::required).cloned();
    let own = config.expected.iter().cloned().map(|query| {
        let selector = Selector { query, required: true };
        Age::of(selector, None, config)
    });
    let mut all: Vec<Age> = of_rules.chain(own).collect();
    all.sort_by(|a, b| a.selector.query.cmp(&b.selector.query));
    all.dedup_by(|a, b| a.selector.query == b.selector.query);
    all
}

/// The questions about sensors.
pub(crate) fn queries(config: &MonitorConfig, expected: &[Age]) -> impl Iterator<Item = Query> {
    let expected = expected.iter().map(|age| age.query.clone());
    let resets = config.counters.iter().filter_map(|selector| resets(selector, config));
    config.up.iter().cloned().chain(expected).chain(resets)
}

/// What the answers say. `known` is how many sensors there were the last time that it could be told.
pub(crate) fn sensors(
    look: Look<'_>,
    expected: &[Age],
    ours: &[ExpectedReset],
    known: u32,
) -> Sensors {
    let Look { config, at, readings, .. } = look;
    let mut census = SensorCensus::default();
    let mut quality = Quality::fresh();
    for age in expected {
        let doubts = freshness(age.selector.query.as_str(), age, config, at, readings);
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
