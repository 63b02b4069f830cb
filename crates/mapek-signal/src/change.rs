//! When a value changed for good.

use serde::{Deserialize, Serialize};

use crate::{
    InvalidState,
    error::{finite, positive},
};

/// Which way a value changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is higher than it was.
    Up,
    /// It is lower than it was.
    Down,
}

/// How a [`Cusum`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CusumConfig {
    /// How far off, in standard deviations, is still no change: half of the shift that is to be found.
    pub slack: f64,
    /// How much, in standard deviations, must add up to be a change.
    pub threshold: f64,
    /// How many values it first learns mean and spread from.
    pub warm_up: u64,
}

impl CusumConfig {
    /// Finds a shift of one standard deviation fastest (Montgomery, "Introduction to Statistical Quality Control", §9.1).
    pub const SLACK: f64 = 0.5;
    /// With that slack, one false alarm in about 465 values (the same).
    pub const THRESHOLD: f64 = 5.0;
    /// Enough for a mean and a spread that are not mostly luck.
    pub const WARM_UP: u64 = 20;

    fn check(&self) -> Result<(), InvalidState> {
        positive("the threshold", self.threshold)?;
        if !(self.slack.is_finite() && self.slack >= 0.0) {
            return Err(InvalidState::new("the slack", "must be a finite number of 0 or more"));
        }
        if self.warm_up < 2 {
            return Err(InvalidState::new("the warm-up", "must be 2 or more"));
        }
        Ok(())
    }
}

impl Default for CusumConfig {
    fn default() -> Self {
        Self { slack: Self::SLACK, threshold: Self::THRESHOLD, warm_up: Self::WARM_UP }
    }
}

/// A two-sided cumulative sum (Page, "Continuous Inspection Schemes", 1954) that learns its own reference: mean and spread of
/// the first values, by Welford's update. After a change it starts anew from what follows.
///
/// ```
/// use mapek_signal::{Change, Cusum, CusumConfig};
///
/// let mut latency = Cusum::try_new(CusumConfig::default())?;
/// let wobble = |i: u32| f64::from(i % 3) * 0.01;
/// assert!((0..100).all(|i| latency.learn(0.2 + wobble(i)).is_none()));
/// let found = (0..20).find_map(|i| latency.learn(0.3 + wobble(i)));
/// assert_eq!(found, Some(Change::Up));
/// # Ok::<(), mapek_signal::InvalidState>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Cusum(Raw);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    config: CusumConfig,
    count: u64,
    mean: f64,
    squares: f64,
    up: f64,
    down: f64,
}

impl Cusum {
    /// Knows nothing yet.
    ///
    /// # Errors
    ///
    /// [`InvalidState`] if the configuration makes no sense.
    pub fn try_new(config: CusumConfig) -> Result<Self, InvalidState> {
        Raw::empty(config).try_into()
    }

    /// Takes in a value, and says if with it the change is certain enough. A value that is not finite changes nothing.
    pub fn learn(&mut self, value: f64) -> Option<Change> {
        if !value.is_finite() {
            return None;
        }
        if self.0.count < self.0.config.warm_up {
            self.0.warm_up(value);
            return None;
        }
        let change = self.0.add_up(value)?;
        self.0 = Raw::empty(self.0.config);
        Some(change)
    }
}

impl Raw {
    const fn empty(config: CusumConfig) -> Self {
        Self { config, count: 0, mean: 0.0, squares: 0.0, up: 0.0, down: 0.0 }
    }

    fn warm_up(&mut self, value: f64) {
        let mut next = self.clone();
        next.count += 1;
        let off = value - next.mean;
        next.mean += off / next.count as f64;
        next.squares += off * (value - next.mean);
        // Values so far apart that their spread overflows teach nothing.
        if next.mean.is_finite() && next.squares.is_finite() {
            *self = next;
        }
    }

    fn add_up(&mut self, value: f64) -> Option<Change> {
        let CusumConfig { slack, threshold, .. } = self.config;
        // A constant has no spread of its own: any change of a percent is then a whole deviation.
        let least = (self.mean.abs() * 0.01).max(f64::MIN_POSITIVE);
        let spread = (self.squares / (self.count - 1) as f64).sqrt().max(least);
        // One wild value alone must not be a change: it counts for at most half of what is needed.
        let z =
            ((value - self.mean) / spread).clamp(-threshold / 2.0 - slack, threshold / 2.0 + slack);
        self.up = (self.up + z - slack).max(0.0);
        self.down = (self.down - z - slack).max(0.0);
        if self.up > threshold {
            Some(Change::Up)
        } else if self.down > threshold {
            Some(Change::Down)
        } else {
            None
        }
    }
}

impl TryFrom<Raw> for Cusum {
    type Error = InvalidState;

    fn try_from(raw: Raw) -> Result<Self, InvalidState> {
        raw.config.check()?;
        finite("the sums", &[raw.mean, raw.squares, raw.up, raw.down])?;
        if raw.squares < 0.0 || raw.up < 0.0 || raw.down < 0.0 {
            return Err(InvalidState::new("the sums", "must not be negative"));
        }
        Ok(Self(raw))
    }
}

impl From<Cusum> for Raw {
    fn from(cusum: Cusum) -> Raw {
        cusum.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn wobble(i: u32) -> f64 {
        f64::from(i * 7919 % 11) / 10.0
    }

    #[test]
    fn it_finds_a_shift_either_way_and_starts_anew() {
        let mut cusum = Cusum::try_new(CusumConfig::default()).unwrap();
        assert!((0..200).all(|i| cusum.learn(50.0 + wobble(i)).is_none()));
        assert_eq!((0..30).find_map(|i| cusum.learn(49.0 + wobble(i))), Some(Change::Down));
        assert!((0..200).all(|i| cusum.learn(49.0 + wobble(i)).is_none()));
        assert_eq!((0..30).find_map(|i| cusum.learn(50.0 + wobble(i))), Some(Change::Up));
    }

    #[test]
    fn one_wild_value_is_no_change() {
        let mut cusum = Cusum::try_new(CusumConfig::default()).unwrap();
        for i in 0..200 {
            let value = if i == 100 { 1e9 } else { 50.0 + wobble(i) };
            assert_eq!(cusum.learn(value), None, "at {i}");
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let default = CusumConfig::default();
        for bad in [
            CusumConfig { slack: -0.1, ..default },
            CusumConfig { threshold: 0.0, ..default },
            CusumConfig { warm_up: 1, ..default },
        ] {
            assert!(Cusum::try_new(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_stream_leaves_a_sound_state(values in vec(proptest::num::f64::ANY, 0..100)) {
            let mut cusum = Cusum::try_new(CusumConfig::default()).unwrap();
            for value in values {
                cusum.learn(value);
            }
            let text = serde_json::to_string(&cusum).unwrap();
            prop_assert_eq!(serde_json::from_str::<Cusum>(&text).unwrap(), cusum);
        }
    }
}
