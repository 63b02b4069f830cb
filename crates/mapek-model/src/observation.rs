//! What Monitor hands on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Component, Fingerprint, Generation, MetricName, Quality, Ratio, Series, Silences, SourceName,
    TargetId, Timestamp, Violation,
};

/// Which way a value is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Direction {
    /// It grows.
    Rising,
    /// It stays, within its noise.
    Steady,
    /// It shrinks.
    Falling,
}

/// Where a value is going.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Trend {
    /// The watched value, as the configuration names it; with its labels where it has several series.
    pub name: String,
    /// Where it was measured, if its labels say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// Which way.
    pub direction: Direction,
    /// Units of the metric per second.
    #[serde(with = "crate::number")]
    #[cfg_attr(feature = "schemars", schemars(with = "f64"))]
    pub slope: f64,
    /// The newest value.
    #[serde(with = "crate::number")]
    #[cfg_attr(feature = "schemars", schemars(with = "f64"))]
    pub value: f64,
    /// How many robust standard deviations (from its learned baseline) the newest value lies off; 0 without a baseline.
    #[serde(with = "crate::number")]
    #[cfg_attr(feature = "schemars", schemars(with = "f64"))]
    pub deviation: f64,
}

/// How many sensors there are, and how many of them are bad at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct SensorCensus {
    /// Scrape targets and expected series.
    pub total: u32,
    /// Those that are down or absent.
    pub bad: u32,
}

impl SensorCensus {
    /// Below this number of sensors a share says nothing.
    pub const TOTAL_MIN: u32 = 5;

    /// The share that is bad; `None` where there are too few to tell.
    #[must_use]
    pub fn bad_share(self) -> Option<Ratio> {
        (self.total >= Self::TOTAL_MIN)
            .then(|| Ratio::saturating(f64::from(self.bad) / f64::from(self.total)))
    }
}

/// Something inside the managed system that plans can change: its committee, a policy, a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Resource {
    /// What sort of thing (`committee`, `policy`, `node`).
    pub kind: String,
    /// Which one.
    pub id: String,
    /// Its state in one word of the managed system (`active`, `degraded`).
    pub status: String,
    /// Its state's number, where the managed system counts.
    pub generation: Option<Generation>,
    /// When it last changed, where the managed system says so.
    pub changed: Option<Timestamp>,
    /// The rest, by name (`replicas`, `version`, `versions`).
    pub attributes: BTreeMap<String, Value>,
}

impl Resource {
    /// An attribute as a whole number.
    #[must_use]
    pub fn count(&self, name: &str) -> Option<u64> {
        self.attributes.get(name).and_then(Value::as_u64)
    }

    /// An attribute as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }
}

/// What one cycle sees of one managed system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Observation {
    /// The managed system.
    pub target: TargetId,
    /// The moment that all queries were evaluated at.
    pub at: Timestamp,
    /// Episodes that are going on, by key.
    pub open: Vec<Violation>,
    /// Episodes that were found to be over in this cycle, by key.
    pub closed: Vec<Violation>,
    /// Episodes that were given up in this cycle, by key: nothing has been heard of their components for too long. Nobody knows
    /// whether they are over, so they are no sign that anything helped or healed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Violation>,
    /// The series that Analyze needs, by the name of the watched value.
    pub series: BTreeMap<String, Vec<Series>>,
    /// Where the watched values are going, by name.
    pub trends: Vec<Trend>,
    /// How fast the values of open episodes change, in units a second; of those that were seen often enough and go somewhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slopes: BTreeMap<Fingerprint, f64>,
    /// How far each source can be trusted.
    pub quality: BTreeMap<SourceName, Quality>,
    /// How many sensors are bad.
    pub sensors: SensorCensus,
    /// What the managed system consists of, by kind and id; empty where it cannot be read.
    pub resources: Vec<Resource>,
    /// What people asked to be left alone; absent where there is nobody to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silences: Option<Silences>,
}

impl Observation {
    /// An observation of nothing at all, which knows of no doubt and no violation.
    #[must_use]
    pub fn empty(target: TargetId, at: Timestamp) -> Self {
        Self {
            target,
            at,
            open: Vec::new(),
            closed: Vec::new(),
            gone: Vec::new(),
            series: BTreeMap::new(),
            trends: Vec::new(),
            slopes: BTreeMap::new(),
            quality: BTreeMap::new(),
            sensors: SensorCensus::default(),
            resources: Vec::new(),
            silences: None,
        }
    }

    /// The doubts of all sources together: the worst wins.
    #[must_use]
    pub fn overall_quality(&self) -> Quality {
        let mut all = Quality::fresh();
        self.quality.values().cloned().for_each(|quality| all.merge(quality));
        all
    }

    /// The resources of one kind.
    pub fn resources_of(&self, kind: &str) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }

    /// The newest value of a watched value: of its first series that has one.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        self.series.get(name)?.iter().find_map(|series| series.last()).map(|sample| sample.value)
    }

    /// The newest values of all watched values that have a finite one, for an outcome's *before* and *after*.
    #[must_use]
    pub fn values(&self) -> BTreeMap<MetricName, f64> {
        self.series
            .keys()
            .filter_map(|name| {
                let value = self.value(name).filter(|value| value.is_finite())?;
                Some((MetricName::try_new(name).ok()?, value))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;

    #[test]
    fn only_finite_values_are_kept_for_the_journal() {
        let mut seen = Observation::empty(TargetId::default(), Timestamp::UNIX_EPOCH);
        for (name, value) in [("skew", f64::NAN), ("age", f64::INFINITY), ("latency", 0.2)] {
            let samples = vec![Sample { at: seen.at, value }];
            seen.series.insert(name.to_owned(), vec![Series { samples, ..Series::default() }]);
        }
        let values = seen.values();
        assert_eq!(values.keys().map(MetricName::as_str).collect::<Vec<_>>(), ["latency"]);
        let text = serde_json::to_string(&values).unwrap();
        assert_eq!(serde_json::from_str::<BTreeMap<MetricName, f64>>(&text).unwrap(), values);
    }
}
