//! What goes wrong with the eyes of the loop.
//!
//! Faults of sensors are put between the plant and whoever scrapes it: the text of the metrics is changed, or does not come.
//! What the loop makes of it is its own affair.

use mapek_model::Duration;
use serde::{Deserialize, Serialize};

/// A fault of a sensor, at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorFault {
    /// What goes wrong.
    pub kind: SensorFaultKind,
    /// When.
    #[serde(default, with = "mapek_model::duration")]
    pub at: Duration,
    /// How long; for good if absent.
    #[serde(
        default,
        with = "mapek_model::duration::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub duration: Option<Duration>,
    /// Which metrics, by the beginning of their name (`westworld_charter_committee`); all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
}

/// What goes wrong with a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SensorFaultKind {
    /// The target cannot be scraped: `up` is 0, and nothing else is new.
    Down,
    /// The target answers what it answered when the fault began.
    Frozen,
    /// The metrics are not there.
    Missing,
    /// They are not numbers.
    Nan,
    /// Counters begin at zero again, once.
    Reset,
    /// Samples carry a time of their own, two minutes old.
    Skewed,
    /// Every other scrape does not come.
    Delayed,
    /// Answers to queries carry a warning: they are partial.
    Partial,
    /// Alerts are sent three times over.
    DuplicateAlerts,
    /// Alerts are not sent.
    LostAlerts,
}

impl SensorFault {
    /// Whether it is on at `at` after the warm-up.
    #[must_use]
    pub fn is_on(&self, at: Duration) -> bool {
        at >= self.at && self.duration.is_none_or(|lasts| at < self.at + lasts)
    }

    /// Whether it is about the metric `name`.
    #[must_use]
    pub fn hits(&self, name: &str) -> bool {
        self.metric.as_ref().is_none_or(|prefix| name.starts_with(prefix.as_str()))
    }
}
