//! Checked numbers: a value that exists is a value that is in range.
//!
//! Serde reads them through the same constructors, so a file or a request can hold no number that code could not make.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number was outside the range of its unit.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{unit} must be a finite number in {min}..={max}, got {value}")]
#[non_exhaustive]
pub struct OutOfRange {
    /// The unit, in lower case.
    pub unit: &'static str,
    /// Least value allowed.
    pub min: f64,
    /// Greatest value allowed.
    pub max: f64,
    /// What was given.
    pub value: f64,
}

macro_rules! checked_number {
    ($(#[$meta:meta])* $name:ident, $unit:literal, $min:expr, $max:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// Least value.
            pub const MIN: Self = Self($min);
            /// Greatest value.
            pub const MAX: Self = Self($max);

            /// Checks `value`.
            ///
            /// # Errors
            ///
            /// [`OutOfRange`] if `value` is not finite or not within [`MIN`](Self::MIN) and [`MAX`](Self::MAX).
            pub fn try_new(value: f64) -> Result<Self, OutOfRange> {
                if value.is_finite() && ($min..=$max).contains(&value) {
                    // `-0.0` and `0.0` are one number; keep one of them, so that equal values have equal bytes.
                    Ok(Self(value + 0.0))
                } else {
                    Err(OutOfRange { unit: $unit, min: $min, max: $max, value })
                }
            }

            /// The nearest value in range; the least one for NaN.
            #[must_use]
            pub fn saturating(value: f64) -> Self {
                if value.is_nan() { Self::MIN } else { Self(value.clamp($min, $max) + 0.0) }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = OutOfRange;

            fn try_from(value: f64) -> Result<Self, OutOfRange> {
                Self::try_new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> f64 {
                value.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.0.total_cmp(&other.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "number", "minimum": $min, "maximum": $max })
            }
        }
    };
}

checked_number! {
    /// How sure a claim is, as a probability: 0 is impossible, 1 is certain. Claims of 0.8 should hold eight times in ten.
    ///
    /// ```
    /// use mapek_model::Confidence;
    ///
    /// assert_eq!(Confidence::try_new(0.8)?.get(), 0.8);
    /// assert!(Confidence::try_new(1.2).is_err());
    /// assert!(serde_json::from_str::<Confidence>("-0.1").is_err());
    /// # Ok::<(), mapek_model::OutOfRange>(())
    /// ```
    Confidence, "confidence", 0.0, 1.0
}

checked_number! {
    /// What an outcome is worth: success 1, partial ½, ineffective 0, degradation −1.
    Utility, "utility", -1.0, 1.0
}

checked_number! {
    /// What an action or a plan costs, on the scale of [`Utility`]; 0 is free.
    Cost, "cost", 0.0, 10.0
}

checked_number! {
    /// What a plan is expected to pay: benefit minus cost. Above 0 it beats doing nothing.
    Score, "score", -11.0, 11.0
}

checked_number! {
    /// A part of a whole.
    Ratio, "ratio", 0.0, 1.0
}

impl Confidence {
    /// The confidence that at least one of two independent claims holds: `1 - (1 - a)(1 - b)`.
    ///
    /// ```
    /// use mapek_model::Confidence;
    ///
    /// let half = Confidence::try_new(0.5)?;
    /// assert_eq!(half.or(half).get(), 0.75);
    /// # Ok::<(), mapek_model::OutOfRange>(())
    /// ```
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::saturating(1.0 - (1.0 - self.0) * (1.0 - other.0))
    }
}

/// Serde for measured `f64`s, which may be NaN or infinite: finite values are JSON numbers, the others are the strings
/// `NaN`, `+Inf` and `-Inf`, as Prometheus writes them. Plain `serde_json` would turn them into `null`.
///
/// Use as `#[serde(with = "mapek_model::number")]`.
pub mod number {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes `value`.
    ///
    /// # Errors
    ///
    /// Whatever the serializer says.
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if *value > 0.0 {
            serializer.serialize_str("+Inf")
        } else {
            serializer.serialize_str("-Inf")
        }
    }

    /// Reads a number, or one of the three strings.
    ///
    /// # Errors
    ///
    /// Whatever the deserializer says, or that the string is none of the three.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(value) => Ok(value),
            Either::Text(text) => match text.as_str() {
                "NaN" => Ok(f64::NAN),
                "+Inf" | "Inf" => Ok(f64::INFINITY),
                "-Inf" => Ok(f64::NEG_INFINITY),
                other => Err(serde::de::Error::custom(format_args!(
                    "expected a number, \"NaN\", \"+Inf\" or \"-Inf\", got {other:?}"
                ))),
            },
        }
    }

    /// The same for a value that may be absent.
    pub mod option {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        #[derive(Serialize, Deserialize)]
        struct Wrapped(#[serde(with = "super")] f64);

        /// Writes `value`, or null.
        ///
        /// # Errors
        ///
        /// Whatever the serializer says.
        pub fn serialize<S: Serializer>(
            value: &Option<f64>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            value.map(Wrapped).serialize(serializer)
        }

        /// Reads a number, one of the three strings, or null.
        ///
        /// # Errors
        ///
        /// Whatever the deserializer says, or that a string is none of the three.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<f64>, D::Error> {
            Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_nothing_else_passes() {
        for good in [0.0, 0.5, 1.0] {
            assert!(Confidence::try_new(good).is_ok());
        }
        for bad in [-f64::EPSILON, 1.0 + f64::EPSILON, f64::NAN, f64::INFINITY] {
            assert!(Confidence::try_new(bad).is_err(), "{bad} passed");
        }
        assert_eq!(
            Cost::try_new(-1.0).unwrap_err().to_string(),
            "cost must be a finite number in 0..=10, got -1"
        );
    }

    #[test]
    fn negative_zero_is_zero() {
        let zero = Confidence::try_new(-0.0).unwrap();
        assert_eq!(zero, Confidence::MIN);
        assert_eq!(serde_json::to_string(&zero).unwrap(), "0.0");
    }

    #[test]
    fn saturating_never_leaves_the_range() {
        assert_eq!(Utility::saturating(f64::NAN), Utility::MIN);
        assert_eq!(Utility::saturating(f64::INFINITY), Utility::MAX);
    }

    #[test]
    fn non_finite_numbers_survive_json() {
        #[derive(Serialize, Deserialize)]
        struct Holder {
            #[serde(with = "number")]
            value: f64,
            #[serde(with = "number::option")]
            maybe: Option<f64>,
        }
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.1] {
            let text = serde_json::to_string(&Holder { value, maybe: Some(value) }).unwrap();
            let back: Holder = serde_json::from_str(&text).unwrap();
            assert!(back.value.total_cmp(&value).is_eq() || back.value.is_nan() && value.is_nan());
            assert!(back.maybe.is_some());
        }
        assert!(serde_json::from_str::<Holder>(r#"{"value":"big","maybe":null}"#).is_err());
    }
}
