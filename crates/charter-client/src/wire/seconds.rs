//! A length of time as the contract writes it: a JSON number of seconds.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time in seconds: finite, 0 to 31 536 000 (a year). Whole seconds are written as integers.
///
/// ```
/// use charter_client::Seconds;
/// use std::time::Duration;
///
/// let timeout = Seconds::whole(30);
/// assert_eq!(serde_json::to_string(&timeout)?, "30");
/// assert_eq!(timeout.to_duration(), Duration::from_secs(30));
/// assert!(serde_json::from_str::<Seconds>("-1").is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Seconds(f64);

/// A number that is no length of time within the limits of [`Seconds`].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a number of seconds between 0 and 31536000")]
pub struct InvalidSeconds(f64);

impl Seconds {
    /// No time at all.
    pub const ZERO: Self = Self(0.0);
    /// The longest: a year. Anything longer is a mistake in units.
    pub const MAX: Self = Self(31_536_000.0);

    /// Checks and wraps a number of seconds.
    ///
    /// # Errors
    ///
    /// [`InvalidSeconds`] if it is not finite, negative, or more than a year.
    pub fn try_new(seconds: f64) -> Result<Self, InvalidSeconds> {
        if (0.0..=Self::MAX.0).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(InvalidSeconds(seconds))
        }
    }

    /// A whole number of seconds; more than a year is cut to a year.
    #[must_use]
    pub fn whole(seconds: u32) -> Self {
        Self(f64::from(seconds).min(Self::MAX.0))
    }

    /// As a plain number.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.0
    }

    /// As the standard library's type.
    #[must_use]
    pub fn to_duration(self) -> Duration {
        Duration::from_secs_f64(self.0)
    }
}

impl TryFrom<Duration> for Seconds {
    type Error = InvalidSeconds;

    fn try_from(duration: Duration) -> Result<Self, Self::Error> {
        Self::try_new(duration.as_secs_f64())
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whole = self.0 as u64;
        if (self.0 - whole as f64).abs() < f64::EPSILON {
            serializer.serialize_u64(whole)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_new(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for bad in [-1.0, f64::NAN, f64::INFINITY, 31_536_000.5] {
            assert!(Seconds::try_new(bad).is_err(), "{bad}");
        }
        assert_eq!(Seconds::whole(u32::MAX), Seconds::MAX);
        assert!(Seconds::try_from(Duration::MAX).is_err());
    }

    proptest! {
        #[test]
        fn written_and_read_back_is_the_same(seconds in 0.0..=31_536_000.0_f64) {
            let written = serde_json::to_string(&Seconds(seconds)).unwrap();
            let read: Seconds = serde_json::from_str(&written).unwrap();
            prop_assert!((read.0 - seconds).abs() <= f64::EPSILON * seconds.max(1.0));
        }
    }
}
