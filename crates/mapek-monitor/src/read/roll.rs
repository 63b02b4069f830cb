//! Which parts of a system are still heard of.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{Component, Query, Sample, Series, Timestamp, since};

use super::probe::Age;
use crate::MonitorConfig;

/// The parts that series speak of, by the question. That a part breaches nothing proves something only while it is heard of:
/// one that service discovery has forgotten breaches nothing either.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RollCall {
    /// Of raw series: the parts with fresh samples.
    raw: BTreeMap<Query, BTreeSet<Component>>,
    /// Of expressions, which may still answer for a while after the series have ended.
    worked_out: BTreeMap<Query, BTreeSet<Component>>,
}

impl RollCall {
    /// Takes in the fresh samples of raw series.
    pub(crate) fn hear(
        &mut self,
        age: &Age,
        own: Option<&str>,
        config: &MonitorConfig,
        at: Timestamp,
        series: &[Series],
    ) {
        let fresh = series.iter().filter(|one| {
            let taken = one.last().and_then(|it| time(it.value));
            taken.is_some_and(|taken| since(at, taken) <= config.stale_after())
        });
        let parts = fresh.filter_map(|one| config.component(own, &one.labels)).collect();
        self.raw.insert(age.selector.query.clone(), parts);
    }

    /// Takes in what an expression answers, whatever the values are.
    pub(crate) fn work_out(
        &mut self,
        query: &Query,
        own: Option<&str>,
        config: &MonitorConfig,
        series: &[Series],
    ) {
        let parts = series.iter().filter_map(|one| config.component(own, &one.labels)).collect();
        self.worked_out.insert(query.clone(), parts);
    }

    /// The questions whose answers speak of `part`: of expressions only if no raw series does.
    pub(crate) fn speaking_of(&self, part: &Component) -> BTreeSet<Query> {
        let speaking = |all: &BTreeMap<Query, BTreeSet<Component>>| -> BTreeSet<Query> {
            let of = all.iter().filter(|(_, parts)| parts.contains(part));
            of.map(|(query, _)| query.clone()).collect()
        };
        let raw = speaking(&self.raw);
        if raw.is_empty() { speaking(&self.worked_out) } else { raw }
    }

    /// Whether the answer to one of `questions`, which once spoke of `part`, does so no more. What is no question any more is
    /// passed over: the configuration has changed.
    pub(crate) fn misses(&self, part: &Component, questions: &BTreeSet<Query>) -> bool {
        let answers =
            questions.iter().filter_map(|it| self.raw.get(it).or(self.worked_out.get(it)));
        answers.into_iter().any(|parts| !parts.contains(part))
    }
}

/// A sample's value as the time that PromQL's `timestamp` answers.
pub(super) fn time(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
}

/// Of several series of times the oldest.
pub(super) fn oldest(series: &[Series]) -> Option<f64> {
    let values = series.iter().filter_map(Series::last).map(|Sample { value, .. }| value);
    // One that is no number is as old as can be.
    values.reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) })
}
