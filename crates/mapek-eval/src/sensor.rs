//! What goes wrong with the eyes of the loop.
//!
//! Faults of sensors are put between the plant and whoever scrapes it: the text of the metrics is changed, or does not come.
//! What the loop makes of it is its own affair.

use mapek_model::Duration;
use serde::{Deserialize, Serialize};

use crate::charter_rules;

/// A fault of a sensor, at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct SensorFault {
    /// What goes wrong.
    pub kind: SensorFaultKind,
    /// When.
    #[serde(default, with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub at: Duration,
    /// How long; for good if absent.
    #[serde(
        default,
        with = "mapek_model::duration::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<mapek_model::duration::Schema>"))]
    pub duration: Option<Duration>,
    /// Which metrics, by the beginning of their name (`westworld_charter_committee`); all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// How far noise spreads: the standard deviation, as a share of the value; above 0, at most 1. A twentieth if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 1.0)))]
    pub spread: Option<f64>,
    /// Which alert flaps, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// From one firing of an alert that flaps to the next, at least two minutes; it resolves after half of that. Six minutes if absent.
    #[serde(
        default,
        with = "mapek_model::duration::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<mapek_model::duration::Schema>"))]
    pub every: Option<Duration>,
}

/// What goes wrong with a sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
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
    /// An alert fires and resolves again and again, whatever its expression says.
    FlappingAlert,
    /// Gauges and quantiles waver with every scrape; counters and points in time do not.
    Noise,
}

/// How far noise spreads unless it is said.
const SPREAD: f64 = 0.05;
/// How often an alert flaps unless it is said, and how often at most: rules are evaluated every 30 s.
const FLAPS_EVERY: Duration = Duration::from_secs(360);
const FLAPS_EVERY_MIN: Duration = Duration::from_secs(120);

impl SensorFault {
    /// How far its noise spreads.
    pub(crate) fn spread(&self) -> f64 {
        self.spread.unwrap_or(SPREAD)
    }

    /// The alert that fires because of it at `at` after the warm-up.
    pub(crate) fn alert_on(&self, at: Duration) -> Option<&str> {
        let every = self.every.unwrap_or(FLAPS_EVERY).as_millis();
        let flaps = self.kind == SensorFaultKind::FlappingAlert && self.is_on(at);
        let fires = flaps && (at - self.at).as_millis() % every < every / 2;
        self.alert.as_deref().filter(|_| fires)
    }

    /// What makes no sense about it: the field and the reason.
    pub(crate) fn flaw(&self) -> Option<(&'static str, String)> {
        use SensorFaultKind::{FlappingAlert, Noise};
        if self.spread.is_some_and(|it| !(it > 0.0 && it <= 1.0)) {
            return Some(("spread", "must be above 0 and at most 1".to_owned()));
        }
        if self.spread.is_some() && self.kind != Noise {
            return Some(("spread", "is for noise alone".to_owned()));
        }
        if self.kind != FlappingAlert && (self.alert.is_some() || self.every.is_some()) {
            let field = if self.alert.is_some() { "alert" } else { "every" };
            return Some((field, "is for flapping-alert alone".to_owned()));
        }
        if self.every.is_some_and(|it| it < FLAPS_EVERY_MIN) {
            return Some(("every", "must be 2m or more: rules are evaluated every 30s".to_owned()));
        }
        let names: Vec<String> = charter_rules().into_iter().map(|rule| rule.alert).collect();
        let known = self.alert.as_ref().is_some_and(|alert| names.contains(alert));
        let unknown = self.kind == FlappingAlert && !known;
        unknown.then(|| ("alert", format!("must be one of {}", names.join(", "))))
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: serde_json::Value) -> SensorFault {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_alert_fires_for_half_of_each_time_while_it_flaps() {
        let flapping = fault(serde_json::json!({
            "kind": "flapping-alert", "alert": "ForbiddenMetricSpike",
            "at": "1m", "duration": "8m", "every": "4m",
        }));
        let on = |seconds| flapping.alert_on(Duration::from_secs(seconds)).is_some();
        assert_eq!(
            [59, 60, 179, 180, 299, 300, 419, 420, 540].map(on),
            [false, true, true, false, false, true, true, false, false]
        );
    }

    #[test]
    fn keys_of_one_kind_are_refused_for_others() {
        for (json, field) in [
            (serde_json::json!({"kind": "noise", "spread": 0}), Some("spread")),
            (serde_json::json!({"kind": "noise", "spread": 0.1}), None),
            (serde_json::json!({"kind": "nan", "spread": 0.1}), Some("spread")),
            (serde_json::json!({"kind": "flapping-alert"}), Some("alert")),
            (serde_json::json!({"kind": "flapping-alert", "alert": "Nonesuch"}), Some("alert")),
            (serde_json::json!({"kind": "flapping-alert", "alert": "PolicyLoadFailure"}), None),
            (
                serde_json::json!({"kind": "flapping-alert", "alert": "PolicyLoadFailure", "every": "1m"}),
                Some("every"),
            ),
            (serde_json::json!({"kind": "down", "every": "5m"}), Some("every")),
        ] {
            assert_eq!(fault(json.clone()).flaw().map(|(field, _)| field), field, "{json}");
        }
    }
}
