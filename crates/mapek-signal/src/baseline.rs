//! What a value usually is.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{InvalidState, error::finite, mad, median};

/// How a [`Baseline`] learns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BaselineConfig {
    /// How many values it remembers. What is older is forgotten.
    pub samples_max: usize,
    /// How many values it needs before it has an opinion.
    pub samples_min: usize,
    /// How far off, in robust standard deviations, a value may lie and still be learned as it is; a wilder one is learned as
    /// one that lies just so far off.
    pub clip: f64,
    /// The least standard deviation that it believes in, as a share of the median: so that a value that never varied does not
    /// make the slightest change look monstrous.
    pub spread_min: f64,
}

impl BaselineConfig {
    /// Two hours at one value a minute, and cheap to sort.
    pub const SAMPLES_MAX: usize = 120;
    /// Fewer values give a median absolute deviation that is mostly luck.
    pub const SAMPLES_MIN: usize = 20;
    /// Beyond six standard deviations nothing is usual.
    pub const CLIP: f64 = 6.0;
    /// One percent: what most metrics vary by although nothing happens.
    pub const SPREAD_MIN: f64 = 0.01;
    /// Most values that any baseline remembers; there may be one per series.
    pub const SAMPLES_LIMIT: usize = 10_000;

    fn check(&self) -> Result<(), InvalidState> {
        if self.samples_min < 2 || self.samples_max < self.samples_min {
            Err(InvalidState::new("samples_min", "must be at least 2 and at most samples_max"))
        } else if self.samples_max > Self::SAMPLES_LIMIT {
            Err(InvalidState::new("samples_max", "must be at most 10000"))
        } else if !(self.clip.is_finite() && self.clip >= 1.0) {
            Err(InvalidState::new("clip", "must be a finite number of 1 or more"))
        } else if !(self.spread_min.is_finite() && self.spread_min >= 0.0) {
            Err(InvalidState::new("spread_min", "must be a finite number of 0 or more"))
        } else {
            Ok(())
        }
    }
}

impl Default for BaselineConfig {
    fn default() -> Self {
        Self {
            samples_max: Self::SAMPLES_MAX,
            samples_min: Self::SAMPLES_MIN,
            clip: Self::CLIP,
            spread_min: Self::SPREAD_MIN,
        }
    }
}

/// What a value usually is, learned from its recent past: median and median absolute deviation.
///
/// Learning is limited twice, so that trouble does not become the new normal at once: wild values are clipped, and only the
/// last [`samples_max`](BaselineConfig::samples_max) count. Whoever feeds it should also pause while a breach is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Baseline(Raw);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    config: BaselineConfig,
    values: VecDeque<f64>,
}

impl Baseline {
    /// The largest score: beyond it numbers only look precise.
    pub const SCORE_MAX: f64 = 1_000.0;

    /// Knows nothing yet. A configuration that makes no sense is replaced by the default.
    #[must_use]
    pub fn new(config: BaselineConfig) -> Self {
        let config = if config.check().is_ok() { config } else { BaselineConfig::default() };
        Self(Raw { config, values: VecDeque::new() })
    }

    /// Knows nothing yet.
    ///
    /// # Errors
    ///
    /// [`InvalidState`] if the configuration makes no sense.
    pub fn try_new(config: BaselineConfig) -> Result<Self, InvalidState> {
        Raw { config, values: VecDeque::new() }.try_into()
    }

    /// How many values it remembers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values.len()
    }

    /// Whether it remembers nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values.is_empty()
    }

    /// Whether it has seen enough to have an opinion.
    #[must_use]
    pub fn is_mature(&self) -> bool {
        self.len() >= self.0.config.samples_min
    }

    /// The usual value and its spread (an estimate of the standard deviation); `None` until it is mature.
    #[must_use]
    pub fn usual(&self) -> Option<(f64, f64)> {
        if !self.is_mature() {
            return None;
        }
        let values: Vec<f64> = self.0.values.iter().copied().collect();
        let center = median(&values)?;
        let least = (center.abs() * self.0.config.spread_min).max(f64::MIN_POSITIVE);
        Some((center, mad(&values)?.max(least)))
    }

    /// How many robust standard deviations `value` lies off what is usual, at most [`SCORE_MAX`](Self::SCORE_MAX) either way;
    /// `None` until it is mature, or if `value` is NaN.
    #[must_use]
    pub fn score(&self, value: f64) -> Option<f64> {
        let (center, spread) = self.usual()?;
        let score = ((value - center) / spread).clamp(-Self::SCORE_MAX, Self::SCORE_MAX);
        (!score.is_nan()).then_some(score)
    }

    /// Takes in a value; one that is not finite changes nothing.
    pub fn learn(&mut self, value: f64) {
        let clipped = self.usual().map_or(value, |(center, spread)| {
            let reach = spread * self.0.config.clip;
            value.max(center - reach).min(center + reach)
        });
        if value.is_finite() && clipped.is_finite() {
            if self.0.values.len() >= self.0.config.samples_max {
                self.0.values.pop_front();
            }
            self.0.values.push_back(clipped);
        }
    }
}

impl TryFrom<Raw> for Baseline {
    type Error = InvalidState;

    fn try_from(mut raw: Raw) -> Result<Self, InvalidState> {
        raw.config.check()?;
        finite("the values of a baseline", raw.values.make_contiguous())?;
        if raw.values.len() > raw.config.samples_max {
            return Err(InvalidState::new("the values of a baseline", "are more than samples_max"));
        }
        Ok(Self(raw))
    }
}

impl From<Baseline> for Raw {
    fn from(baseline: Baseline) -> Raw {
        baseline.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn taught(values: impl IntoIterator<Item = f64>) -> Baseline {
        let mut baseline = Baseline::new(BaselineConfig::default());
        values.into_iter().for_each(|value| baseline.learn(value));
        baseline
    }

    #[test]
    fn it_has_no_opinion_before_it_is_mature() {
        assert_eq!(taught((0..19).map(f64::from)).score(1e9), None);
        assert!(taught((0..20).map(f64::from)).score(1e9).is_some());
    }

    #[test]
    fn a_constant_does_not_make_every_change_monstrous() {
        let baseline = taught([100.0; 60]);
        assert!(baseline.score(101.0).unwrap() <= 1.0 + 1e-9);
        assert!(baseline.score(150.0).unwrap() > 6.0);
        assert_eq!(taught([0.0; 60]).score(1.0), Some(Baseline::SCORE_MAX));
    }

    #[test]
    fn one_wild_value_moves_it_hardly() {
        let mut baseline = taught((0..60).map(|i| 10.0 + f64::from(i % 7)));
        let before = baseline.usual().unwrap();
        baseline.learn(1e12);
        baseline.learn(f64::INFINITY);
        let after = baseline.usual().unwrap();
        assert!((after.0 - before.0).abs() <= 1.0 && after.1 <= before.1 * 2.0, "{after:?}");
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let default = BaselineConfig::default();
        for bad in [
            BaselineConfig { samples_min: 1, ..default },
            BaselineConfig { samples_max: 3, ..default },
            BaselineConfig { samples_max: usize::MAX, ..default },
            BaselineConfig { clip: f64::NAN, ..default },
            BaselineConfig { spread_min: -1.0, ..default },
        ] {
            assert!(Baseline::try_new(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_bounded_and_survives_saving(values in vec(proptest::num::f64::ANY, 0..150)) {
            let baseline = taught(values);
            prop_assert!(baseline.len() <= BaselineConfig::SAMPLES_MAX);
            let text = serde_json::to_string(&baseline).unwrap();
            prop_assert_eq!(serde_json::from_str::<Baseline>(&text).unwrap(), baseline);
        }

        #[test]
        fn the_further_off_the_higher_the_score(
            values in vec(-1e3..1e3_f64, 20..120), a in -1e4..1e4_f64, b in -1e4..1e4_f64,
        ) {
            let baseline = taught(values);
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(baseline.score(low).unwrap() <= baseline.score(high).unwrap());
        }
    }
}
