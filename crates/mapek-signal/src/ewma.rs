//! A mean that forgets.

use mapek_model::{Duration, Timestamp, since};
use serde::{Deserialize, Serialize};

use crate::{
    InvalidState,
    error::{finite, positive},
};

/// Exponentially weighted mean and variance over irregular intervals: after a half-life, what was known counts half.
///
/// The weight of a new value is 1 − 2^(−Δt / half-life); the update is Finch's "Incremental calculation of weighted mean and
/// variance", 2009, section 9.
///
/// ```
/// use mapek_model::{Duration, Timestamp, later};
/// use mapek_signal::Ewma;
///
/// let mut load = Ewma::try_new(Duration::from_secs(60))?;
/// load.learn(Timestamp::UNIX_EPOCH, 10.0);
/// load.learn(later(Timestamp::UNIX_EPOCH, Duration::from_secs(60)), 20.0);
/// assert_eq!(load.mean(), Some(15.0));
/// # Ok::<(), mapek_signal::InvalidState>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Ewma(Raw);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    half_life_s: f64,
    mean: f64,
    variance: f64,
    last: Option<Timestamp>,
}

impl Ewma {
    /// A mean that knows nothing yet.
    ///
    /// # Errors
    ///
    /// [`InvalidState`] if the half-life is zero.
    pub fn try_new(half_life: Duration) -> Result<Self, InvalidState> {
        let half_life_s = half_life.as_secs_f64();
        Raw { half_life_s, mean: 0.0, variance: 0.0, last: None }.try_into()
    }

    /// Takes in a value. One that is not finite, or not later than the last, changes nothing.
    pub fn learn(&mut self, at: Timestamp, value: f64) {
        let Some(next) = self.after(at, value) else { return };
        if finite("ewma", &[next.mean, next.variance]).is_ok() {
            self.0 = next;
        }
    }

    fn after(&self, at: Timestamp, value: f64) -> Option<Raw> {
        let half_life_s = self.0.half_life_s;
        let last = Some(at);
        let Some(before) = self.0.last else {
            return Some(Raw { half_life_s, mean: value, variance: 0.0, last });
        };
        let elapsed = since(at, before).as_secs_f64();
        if elapsed <= 0.0 {
            return None;
        }
        let weight = 1.0 - (-elapsed / half_life_s).exp2();
        let off = value - self.0.mean;
        let step = weight * off;
        let variance = (1.0 - weight) * (self.0.variance + off * step);
        Some(Raw { half_life_s, mean: self.0.mean + step, variance, last })
    }

    /// The mean; `None` before the first value.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.0.last.map(|_| self.0.mean)
    }

    /// The standard deviation; `None` before the first value, 0 after it.
    #[must_use]
    pub fn deviation(&self) -> Option<f64> {
        self.0.last.map(|_| self.0.variance.sqrt())
    }
}

impl TryFrom<Raw> for Ewma {
    type Error = InvalidState;

    fn try_from(raw: Raw) -> Result<Self, InvalidState> {
        positive("the half-life", raw.half_life_s)?;
        finite("mean and variance", &[raw.mean, raw.variance])?;
        if raw.variance < 0.0 {
            return Err(InvalidState::new("the variance", "must not be negative"));
        }
        Ok(Self(raw))
    }
}

impl From<Ewma> for Raw {
    fn from(ewma: Ewma) -> Raw {
        ewma.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mapek_model::later;
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn nonsense_changes_nothing() {
        assert!(Ewma::try_new(Duration::ZERO).is_err());
        let mut ewma = Ewma::try_new(Duration::from_secs(10)).unwrap();
        assert_eq!(ewma.mean(), None);
        ewma.learn(Timestamp::UNIX_EPOCH, 3.0);
        let known = ewma.clone();
        ewma.learn(later(Timestamp::UNIX_EPOCH, Duration::from_secs(5)), f64::NAN);
        ewma.learn(Timestamp::UNIX_EPOCH, 99.0);
        assert_eq!(ewma, known);
    }

    #[test]
    fn a_state_that_cannot_be_is_refused() {
        let text = r#"{"half_life_s": 0, "mean": 0, "variance": 0, "last": null}"#;
        assert!(serde_json::from_str::<Ewma>(text).is_err());
        let text = r#"{"half_life_s": 1, "mean": 0, "variance": -1, "last": null}"#;
        assert!(serde_json::from_str::<Ewma>(text).is_err());
    }

    proptest! {
        #[test]
        fn it_stays_within_what_it_saw_and_survives_saving(
            values in vec((1..100_u64, -1e6..1e6_f64), 1..40),
        ) {
            let mut ewma = Ewma::try_new(Duration::from_secs(30)).unwrap();
            let mut at = Timestamp::UNIX_EPOCH;
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for (gap, value) in values {
                at = later(at, Duration::from_secs(gap));
                ewma.learn(at, value);
                low = low.min(value);
                high = high.max(value);
                let mean = ewma.mean().unwrap();
                prop_assert!(low - 1e-6 <= mean && mean <= high + 1e-6);
            }
            let text = serde_json::to_string(&ewma).unwrap();
            prop_assert_eq!(serde_json::from_str::<Ewma>(&text).unwrap(), ewma);
        }
    }
}
