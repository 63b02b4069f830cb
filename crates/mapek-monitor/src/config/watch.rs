use std::time::Duration;

use mapek_model::Query;
use mapek_signal::{BaselineConfig, SeasonalConfig};
use serde::{Deserialize, Serialize};

use crate::Error;

/// A value whose course Analyze needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchConfig {
    /// What Analyze calls it; unique.
    pub name: String,
    /// The value.
    pub promql: Query,
    /// How far back.
    #[serde(default = "window", with = "mapek_model::duration")]
    pub window: Duration,
    /// From sample to sample.
    #[serde(default = "step", with = "mapek_model::duration")]
    pub step: Duration,
    /// Whether it is a reason for doubt that there is no series.
    #[serde(default = "yes")]
    pub expected: bool,
    /// How what is usual is learned.
    #[serde(default)]
    pub baseline: BaselineConfig,
    /// What is usual at this time of day, or of another period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub season: Option<SeasonalConfig>,
}

const fn window() -> Duration {
    WatchConfig::WINDOW
}

const fn step() -> Duration {
    WatchConfig::STEP
}

const fn yes() -> bool {
    true
}

impl WatchConfig {
    /// Half an hour: enough to see what led to what.
    pub const WINDOW: Duration = Duration::from_secs(1_800);
    /// One sample for each cycle of the usual length.
    pub const STEP: Duration = Duration::from_secs(30);
    /// Most samples of a series; trend and correlation need no more.
    pub const POINTS_MAX: u128 = 11_000;

    /// Watches `promql` over the usual window.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the expression is empty or too long.
    pub fn new(name: impl Into<String>, promql: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let promql = Query::try_new(promql)
            .map_err(|error| Error::config(format!("watch {name:?}"), error.to_string()))?;
        Ok(Self {
            name,
            promql,
            window: Self::WINDOW,
            step: Self::STEP,
            expected: true,
            baseline: BaselineConfig::default(),
            season: None,
        })
    }

    /// The values that the causes of `docs/causes.md` speak of, on the metrics of Charter.
    #[cfg(feature = "charter")]
    #[must_use]
    pub fn known() -> Vec<Self> {
        crate::charter::known_watches()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let bad = |reason: &str| Err(Error::config(format!("watch {:?}", self.name), reason));
        if self.name.is_empty() || self.name.len() > 253 {
            return bad("a name must have 1 to 253 bytes");
        }
        let step = self.step.as_millis();
        if step == 0 || self.window < self.step {
            return bad("the step must be a millisecond or more, and the window a step or more");
        }
        if self.window.as_millis() / step >= Self::POINTS_MAX {
            return bad("the window must have fewer than 11000 steps");
        }
        crate::learned::Learned::try_new(self.baseline, self.season.as_ref())
            .map_or_else(|error| bad(&error.to_string()), |_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_steps_are_bounded() {
        let watch = WatchConfig::new("load", "load1").unwrap();
        assert!(watch.check().is_ok());
        let hour = Duration::from_secs(3_600);
        for bad in [
            WatchConfig { step: Duration::ZERO, ..watch.clone() },
            WatchConfig { step: hour, ..watch.clone() },
            WatchConfig { window: hour * 24 * 365, ..watch.clone() },
            WatchConfig { name: String::new(), ..watch },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
