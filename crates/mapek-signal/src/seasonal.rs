//! What a value usually is at this time of day.

use mapek_model::{Duration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Baseline, BaselineConfig, InvalidState};

/// How a [`SeasonalBaseline`] learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeasonalConfig {
    /// After how long things repeat.
    #[serde(with = "mapek_model::duration")]
    pub period: Duration,
    /// Into how many parts a period is cut; each has a baseline of its own.
    pub slots: usize,
    /// How each of them learns.
    pub baseline: BaselineConfig,
}

impl SeasonalConfig {
    /// A day.
    pub const PERIOD: Duration = Duration::from_secs(86_400);
    /// One for each hour of the day.
    pub const SLOTS: usize = 24;
    /// Most slots: one for each hour of a week. There may be one set per series.
    pub const SLOTS_MAX: usize = 168;
}

impl Default for SeasonalConfig {
    fn default() -> Self {
        Self { period: Self::PERIOD, slots: Self::SLOTS, baseline: BaselineConfig::default() }
    }
}

/// A [`Baseline`] for each part of a period, and one for all of it, which answers as long as a part's has no opinion.
///
/// ```
/// use mapek_model::{Duration, Timestamp, later};
/// use mapek_signal::{SeasonalBaseline, SeasonalConfig};
///
/// let mut load = SeasonalBaseline::try_new(SeasonalConfig::default())?;
/// let start = Timestamp::UNIX_EPOCH;
/// for minute in 0..3 * 24 * 60 {
///     let at = later(start, Duration::from_secs(minute * 60));
///     let night = minute / 60 % 24 < 6;
///     load.learn(at, if night { 10.0 } else { 100.0 });
/// }
/// let noon = later(start, Duration::from_secs(4 * 86_400 + 12 * 3_600));
/// let night = later(start, Duration::from_secs(4 * 86_400 + 3 * 3_600));
/// assert!(load.score(noon, 100.0).is_some_and(|score| score.abs() < 1.0));
/// assert!(load.score(night, 100.0).is_some_and(|score| score > 6.0));
/// # Ok::<(), mapek_signal::InvalidState>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct SeasonalBaseline(Raw);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(with = "mapek_model::duration")]
    period: Duration,
    slots: Vec<Baseline>,
    overall: Baseline,
}

impl SeasonalBaseline {
    /// Knows nothing yet.
    ///
    /// # Errors
    ///
    /// [`InvalidState`] if there is no slot, more than [`SLOTS_MAX`](SeasonalConfig::SLOTS_MAX), a period below a millisecond
    /// per slot, or a baseline that cannot be.
    pub fn try_new(config: SeasonalConfig) -> Result<Self, InvalidState> {
        let overall = Baseline::try_new(config.baseline)?;
        // More than are allowed need not be made to be refused.
        let slots = vec![overall.clone(); config.slots.min(SeasonalConfig::SLOTS_MAX + 1)];
        Raw { period: config.period, slots, overall }.try_into()
    }

    /// How far off what is usual at this time `value` lies: see [`Baseline::score`].
    #[must_use]
    pub fn score(&self, at: Timestamp, value: f64) -> Option<f64> {
        let slot = &self.0.slots[self.slot(at)];
        slot.score(value).or_else(|| self.0.overall.score(value))
    }

    /// Takes in a value; one that is not finite changes nothing.
    pub fn learn(&mut self, at: Timestamp, value: f64) {
        let slot = self.slot(at);
        self.0.slots[slot].learn(value);
        self.0.overall.learn(value);
    }

    /// Which slot an instant falls into; counted from the Unix epoch, so periods begin at midnight UTC.
    fn slot(&self, at: Timestamp) -> usize {
        let period = self.0.period.as_millis() as i128;
        let phase = i128::from(at.as_millisecond()).rem_euclid(period);
        (phase * self.0.slots.len() as i128 / period) as usize
    }
}

impl TryFrom<Raw> for SeasonalBaseline {
    type Error = InvalidState;

    fn try_from(raw: Raw) -> Result<Self, InvalidState> {
        if !(1..=SeasonalConfig::SLOTS_MAX).contains(&raw.slots.len()) {
            return Err(InvalidState::new("slots", "must be 1 to 168"));
        }
        if raw.period.as_millis() < raw.slots.len() as u128 {
            return Err(InvalidState::new("the period", "must be a millisecond per slot or more"));
        }
        Ok(Self(raw))
    }
}

impl From<SeasonalBaseline> for Raw {
    fn from(baseline: SeasonalBaseline) -> Raw {
        baseline.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapek_model::{earlier, later};

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let default = SeasonalConfig::default;
        for bad in [
            SeasonalConfig { slots: 0, ..default() },
            SeasonalConfig { slots: usize::MAX, ..default() },
            SeasonalConfig { period: Duration::ZERO, ..default() },
        ] {
            assert!(SeasonalBaseline::try_new(bad.clone()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_instant_has_a_slot_also_before_1970() {
        let baseline = SeasonalBaseline::try_new(SeasonalConfig::default()).unwrap();
        let epoch = Timestamp::UNIX_EPOCH;
        assert_eq!(baseline.slot(epoch), 0);
        assert_eq!(baseline.slot(earlier(epoch, Duration::from_millis(1))), 23);
        assert_eq!(baseline.slot(later(epoch, Duration::from_secs(25 * 3_600))), 1);
        assert!(baseline.slot(Timestamp::MIN) < 24 && baseline.slot(Timestamp::MAX) < 24);
    }

    #[test]
    fn it_survives_saving() {
        let mut baseline = SeasonalBaseline::try_new(SeasonalConfig::default()).unwrap();
        baseline.learn(Timestamp::UNIX_EPOCH, 3.5);
        let text = serde_json::to_string(&baseline).unwrap();
        assert_eq!(serde_json::from_str::<SeasonalBaseline>(&text).unwrap(), baseline);
    }
}
