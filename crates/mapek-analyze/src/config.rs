//! What an analyzer is built from.

use mapek_model::{Confidence, Duration};
use serde::{Deserialize, Serialize};

use crate::{
    Calibration, Catalogue, CausalConfig, Error, FrequencyConfig, SpatialConfig, TemporalConfig,
};

/// An analyzer, as plain data; [`Analyzer::try_new`](crate::Analyzer::try_new) checks it.
///
/// ```
/// use mapek_analyze::{Algorithm, AnalyzeConfig};
///
/// let config: AnalyzeConfig = serde_json::from_str(
///     r#"{"algorithms": [{"name": "temporal", "window": "2m", "sensitivity": 0.9}]}"#,
/// )?;
/// let Algorithm::Temporal(temporal) = &config.algorithms[0] else { unreachable!() };
/// assert_eq!((temporal.window.as_secs(), temporal.min_onsets), (120, 3));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct AnalyzeConfig {
    /// How the detectors are set. One that is not named keeps its defaults; `enabled: false` turns it off.
    pub algorithms: Vec<Algorithm>,
    /// Most closed episodes that are remembered, newest first. Open ones come anew with each observation.
    pub pattern_history_limit: usize,
    /// How far back onsets are looked at, above 0. What began before is still open, but no pattern any more.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub history: Duration,
    /// Shortest time between two cycles that both count towards how long a cause has persisted: alerts make cycles, and
    /// several on the same scrape are no more evidence than one.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub min_cycle: Duration,
    /// How far the watched values lag behind what happens: as long as it takes until they have been measured again.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub lag: Duration,
    /// Causes below this confidence are not told.
    pub min_reported: Confidence,
    /// From computed to stated confidence; that of the shipped catalogue unless set.
    pub calibration: Calibration,
    /// The causes to choose from; the shipped ones if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<Catalogue>,
}

impl Default for AnalyzeConfig {
    fn default() -> Self {
        Self {
            algorithms: Vec::new(),
            pattern_history_limit: 100,
            history: Duration::from_secs(600),
            // The usual scrape interval, less some jitter.
            min_cycle: Duration::from_secs(10),
            // The usual scrape interval.
            lag: Duration::from_secs(15),
            min_reported: Confidence::saturating(0.05),
            calibration: Calibration::shipped(),
            catalogue: None,
        }
    }
}

/// One detector and its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Algorithm {
    /// Bursts.
    Temporal(TemporalConfig),
    /// Clusters.
    Spatial(SpatialConfig),
    /// Relations.
    Causal(CausalConfig),
    /// Floods.
    Frequency(FrequencyConfig),
}

/// Most closed episodes that may be remembered: they are sorted in each cycle.
const HISTORY_LIMIT_MAX: usize = 1_000_000;

/// The settings of the four detectors, defaults included.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) temporal: TemporalConfig,
    pub(crate) spatial: SpatialConfig,
    pub(crate) causal: CausalConfig,
    pub(crate) frequency: FrequencyConfig,
}

impl AnalyzeConfig {
    /// Checks everything that is no matter of a detector.
    pub(crate) fn check(&self) -> Result<(), Error> {
        check_window("history", self.history)?;
        if self.pattern_history_limit > HISTORY_LIMIT_MAX {
            let why =
                format!("must be at most {HISTORY_LIMIT_MAX}, is {}", self.pattern_history_limit);
            return Err(Error::config("pattern_history_limit", why));
        }
        Ok(())
    }

    /// The settings of each detector.
    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        let (mut settings, mut seen) = (Settings::default(), Vec::new());
        for algorithm in &self.algorithms {
            let name = match algorithm {
                Algorithm::Temporal(it) => {
                    settings.temporal = it.clone();
                    "temporal"
                }
                Algorithm::Spatial(it) => {
                    settings.spatial = it.clone();
                    "spatial"
                }
                Algorithm::Causal(it) => {
                    settings.causal = it.clone();
                    "causal"
                }
                Algorithm::Frequency(it) => {
                    settings.frequency = it.clone();
                    "frequency"
                }
            };
            if seen.contains(&name) {
                return Err(Error::config("algorithms", format!("has {name} twice")));
            }
            seen.push(name);
        }
        Ok(settings)
    }
}

pub(crate) fn check_window(field: &str, window: Duration) -> Result<(), Error> {
    if window.is_zero() { Err(Error::config(field, "must be above 0")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_keys_are_read_and_others_refused() {
        let text = r#"{"algorithms": [
            {"name": "temporal", "enabled": false, "window": "60s", "sensitivity": 0.85},
            {"name": "spatial", "min_components": 4},
            {"name": "causal", "correlation_threshold": 0.9},
            {"name": "frequency", "anomaly_threshold": 20}
        ], "pattern_history_limit": 50}"#;
        let settings = serde_json::from_str::<AnalyzeConfig>(text).unwrap().settings().unwrap();
        assert!(!settings.temporal.enabled);
        assert_eq!(settings.spatial.min_components, 4);
        assert_eq!(settings.causal.correlation_threshold, mapek_model::Ratio::saturating(0.9));
        assert_eq!(settings.frequency.anomaly_threshold, 20);
        for bad in [
            r#"{"algorithm": []}"#,
            r#"{"algorithms": [{"name": "temporal", "windwo": 1}]}"#,
            r#"{"algorithms": [{"name": "astral"}]}"#,
            r#"{"algorithms": [{"name": "spatial", "sensitivity": 2}]}"#,
        ] {
            assert!(serde_json::from_str::<AnalyzeConfig>(bad).is_err(), "{bad} passed");
        }
    }

    #[test]
    fn one_detector_twice_is_refused() {
        let twice = vec![Algorithm::Causal(CausalConfig::default()); 2];
        let config = AnalyzeConfig { algorithms: twice, ..AnalyzeConfig::default() };
        assert_eq!(config.settings().unwrap_err().to_string(), "algorithms has causal twice");
    }

    #[test]
    fn a_configuration_survives_json() {
        let config = AnalyzeConfig {
            algorithms: vec![Algorithm::Temporal(TemporalConfig::default())],
            catalogue: Some(Catalogue::shipped()),
            ..AnalyzeConfig::default()
        };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<AnalyzeConfig>(&text).unwrap(), config);
    }
}
