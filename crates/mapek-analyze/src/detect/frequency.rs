//! Floods: more onsets than usual.

use mapek_model::{Confidence, Duration, Finding, FindingKind};
use serde::{Deserialize, Serialize};

use super::{
    Detector, EPISODES_MAX,
    chance::{Count, looks},
    temporal::fullest,
};
use crate::{Baselines, Error, Window, config::check_window};

/// When many are too many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct FrequencyConfig {
    /// Whether it is looked for at all.
    pub enabled: bool,
    /// Length of the sliding window, above 0.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub window: Duration,
    /// Onsets within one window that are still all right, at least 1: one more is too many.
    pub anomaly_threshold: usize,
    /// Confidence with one more, where nothing is known of what is usual.
    pub sensitivity: Confidence,
}

impl Default for FrequencyConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::from_secs(300),
            anomaly_threshold: 8,
            sensitivity: Confidence::saturating(0.70),
        }
    }
}

impl FrequencyConfig {
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_window("algorithms.frequency.window", self.window)?;
        if self.anomaly_threshold < 1 {
            return Err(Error::config(
                "algorithms.frequency.anomaly_threshold",
                "must be at least 1",
            ));
        }
        Ok(())
    }
}

/// Finds the fullest window, if it holds more onsets than are all right and more than are usual.
#[derive(Debug, Clone, Default)]
pub struct Frequency {
    config: FrequencyConfig,
}

impl Frequency {
    /// With `config`, checked.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names the setting that is out of range.
    pub fn try_new(config: FrequencyConfig) -> Result<Self, Error> {
        config.check()?;
        Ok(Self { config })
    }
}

impl Detector for Frequency {
    fn detect(&self, window: &Window<'_>, baselines: &Baselines) -> Vec<Finding> {
        let FrequencyConfig { window: length, anomaly_threshold, sensitivity, .. } = self.config;
        let range = fullest(window.onsets(), length, |onset| onset.at);
        let usual = baselines.expected(length);
        let count = Count {
            seen: range.len(),
            least: anomaly_threshold.saturating_add(1),
            usual,
            looks: looks(window.history(), length),
        };
        let Some(confidence) = count.confidence(sensitivity) else { return Vec::new() };
        let against =
            usual.map_or_else(String::new, |usual| format!(", where {usual:.1} are usual"));
        vec![Finding {
            kind: FindingKind::Frequency,
            episodes: window.keys(window.onsets()[range.clone()].iter(), EPISODES_MAX),
            component: None,
            confidence,
            hypothesis: format!(
                "system overload: {} onsets within {}{against}",
                range.len(),
                mapek_model::duration::format(length)
            ),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::violation;
    use mapek_model::Severity;

    fn findings(count: u64, baselines: &Baselines) -> Vec<Finding> {
        let all: Vec<_> = (0..count)
            .map(|i| violation("slow", Some(&format!("n{i}")), Severity::Info, i * 30))
            .collect();
        Frequency::default().detect(&Window::of(&all), baselines)
    }

    #[test]
    fn eight_in_five_minutes_are_all_right_and_nine_are_not() {
        let unlearned = Baselines::default();
        assert!(findings(8, &unlearned).is_empty());
        let [nine] = findings(9, &unlearned).try_into().unwrap();
        assert_eq!(nine.confidence, Confidence::saturating(0.70));
        assert_eq!(nine.hypothesis, "system overload: 9 onsets within 5m");
    }

    #[test]
    fn what_is_usual_is_no_flood() {
        let busy = Baselines::of_rate(120.0, Duration::from_secs(86_400));
        assert!(findings(10, &busy).is_empty());
        let calm = Baselines::of_rate(1.0, Duration::from_secs(86_400));
        let [flood] = findings(10, &calm).try_into().unwrap();
        assert!(flood.hypothesis.ends_with("where 0.1 are usual"), "{}", flood.hypothesis);
    }
}
