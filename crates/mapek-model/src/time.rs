//! Instants, durations and spans of time.
//!
//! Instants are [`jiff::Timestamp`], durations [`std::time::Duration`]: both are re-exported, so a foreign type is part
//! of the API here by decision (see `docs/adr/0002-time.md`). Nothing in this crate reads a clock.

use serde::{Deserialize, Serialize};

pub use jiff::Timestamp;
pub use std::time::Duration;

/// A closed interval of time, `from..=to`.
///
/// ```
/// use mapek_model::{Duration, Span, Timestamp};
///
/// let now: Timestamp = "2026-01-01T00:05:00Z".parse()?;
/// let span = Span::ending_at(now, Duration::from_secs(300));
/// assert_eq!(span.from().to_string(), "2026-01-01T00:00:00Z");
/// assert!(span.contains(now));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawSpan")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "RawSpan"))]
pub struct Span {
    from: Timestamp,
    to: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
struct RawSpan {
    from: Timestamp,
    to: Timestamp,
}

/// A span would end before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a span cannot end ({to}) before it begins ({from})")]
#[non_exhaustive]
pub struct BackwardSpan {
    /// Where it would begin.
    pub from: Timestamp,
    /// Where it would end.
    pub to: Timestamp,
}

impl Span {
    /// From `from` to `to`, both included.
    ///
    /// # Errors
    ///
    /// [`BackwardSpan`] if `to` is before `from`.
    pub fn try_new(from: Timestamp, to: Timestamp) -> Result<Self, BackwardSpan> {
        if to < from { Err(BackwardSpan { from, to }) } else { Ok(Self { from, to }) }
    }

    /// The `length` before `to`; cut at the earliest instant there is.
    #[must_use]
    pub fn ending_at(to: Timestamp, length: Duration) -> Self {
        Self { from: earlier(to, length), to }
    }

    /// The first instant.
    #[must_use]
    pub const fn from(self) -> Timestamp {
        self.from
    }

    /// The last instant.
    #[must_use]
    pub const fn to(self) -> Timestamp {
        self.to
    }

    /// How long it is.
    #[must_use]
    pub fn length(self) -> Duration {
        since(self.to, self.from)
    }

    /// Whether `at` lies inside.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

impl TryFrom<RawSpan> for Span {
    type Error = BackwardSpan;

    fn try_from(raw: RawSpan) -> Result<Self, BackwardSpan> {
        Self::try_new(raw.from, raw.to)
    }
}

/// How long after `earlier` `later` is; zero if it is not after it.
///
/// Clocks jump; a negative age helps nobody, so there is none.
#[must_use]
pub fn since(later: Timestamp, earlier: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

/// `at + by`, cut at the last instant there is.
#[must_use]
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// `at - by`, cut at the first instant there is.
#[must_use]
pub fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Where a moment belongs that a clock which went back to `now` calls the future: right behind now, within half a second, and behind
/// what was before it by a millionth of what was between them. What is not after now stays where it is.
///
/// ```
/// use mapek_model::{Duration, drawn_back, later};
/// # use mapek_model::Timestamp;
/// let now: Timestamp = "2026-03-01T11:00:00Z".parse().unwrap();
/// let [judged, rearmed] = [3600, 3601].map(|s| later(now, Duration::from_secs(s)));
/// let back = [drawn_back(judged, now), drawn_back(rearmed, now)];
/// assert!(now < back[0] && back[0] < back[1] && back[1] < later(now, Duration::from_millis(500)));
/// assert_eq!(drawn_back(now, now), now);
/// ```
#[must_use]
pub fn drawn_back(at: Timestamp, now: Timestamp) -> Timestamp {
    let ahead = since(at, now);
    if ahead.is_zero() {
        return at;
    }
    later(now, (ahead / 1_000_000).min(Duration::from_millis(500)))
}

/// Serde for durations as people write them: a number of seconds (`30`, `0.5`) or a text with units (`30s`, `5m`,
/// `1h 30m`, `250ms`). Written as such a text.
///
/// Use as `#[serde(with = "mapek_model::duration")]`.
pub mod duration {
    use std::time::Duration;

    use jiff::SignedDuration;
    use serde::{Deserializer, Serializer, de};

    /// Longest duration that is accepted: ten years. Nothing here waits longer, and sums of it cannot overflow.
    pub const MAX: Duration = Duration::from_secs(10 * 366 * 86_400);

    /// Reads a text with units, or a bare number of seconds.
    ///
    /// # Errors
    ///
    /// A sentence that says what was expected.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mapek_model::duration;
    ///
    /// assert_eq!(duration::parse("5m"), Ok(Duration::from_secs(300)));
    /// assert_eq!(duration::parse("30"), Ok(Duration::from_secs(30)));
    /// assert!(duration::parse("soon").unwrap_err().contains("30s"));
    /// ```
    pub fn parse(text: &str) -> Result<Duration, String> {
        if let Ok(seconds) = text.trim().parse::<f64>() {
            return from_seconds(seconds);
        }
        let explain = |why: &dyn std::fmt::Display| {
            format!("expected a duration such as 30, 30s, 5m or 1h 30m, got {text:?}: {why}")
        };
        let signed: SignedDuration = text.trim().parse().map_err(|error| explain(&error))?;
        let value = Duration::try_from(signed).map_err(|_| explain(&"it is negative"))?;
        if value > MAX { Err(explain(&"it is longer than ten years")) } else { Ok(value) }
    }

    /// Checks a number of seconds.
    ///
    /// # Errors
    ///
    /// A sentence that says what was expected.
    pub fn from_seconds(seconds: f64) -> Result<Duration, String> {
        Duration::try_from_secs_f64(seconds).ok().filter(|value| *value <= MAX).ok_or_else(|| {
            format!("expected a number of seconds from 0 to ten years, got {seconds}")
        })
    }

    /// As people write it: `5m`, `1h 30m`, `250ms`.
    #[must_use]
    pub fn format(value: Duration) -> String {
        SignedDuration::try_from(value)
            .map_or_else(|_| format!("{value:?}"), |it| format!("{it:#}"))
    }

    /// Writes `value` as text.
    ///
    /// # Errors
    ///
    /// Whatever the serializer says.
    pub fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(*value))
    }

    /// Reads a number of seconds or a text.
    ///
    /// # Errors
    ///
    /// Whatever the deserializer says, or that it is no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Duration;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a duration such as 30, 30s, 5m or 1h 30m")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Duration, E> {
                let value = Duration::from_secs(value);
                if value > MAX { Err(E::custom("longer than ten years")) } else { Ok(value) }
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Duration, E> {
                u64::try_from(value)
                    .map_err(|_| E::custom(format_args!("a duration cannot be negative: {value}")))
                    .and_then(|value| self.visit_u64(value))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Duration, E> {
                from_seconds(value).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Duration, E> {
                parse(value).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }

    /// The same for a duration that may be absent.
    pub mod option {
        use std::time::Duration;

        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        #[derive(Serialize, Deserialize)]
        struct Wrapped(#[serde(with = "super")] Duration);

        /// Writes `value`, or null.
        ///
        /// # Errors
        ///
        /// Whatever the serializer says.
        pub fn serialize<S: Serializer>(
            value: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            value.map(Wrapped).serialize(serializer)
        }

        /// Reads a duration, or null.
        ///
        /// # Errors
        ///
        /// Whatever the deserializer says, or that it is no duration.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
        }
    }

    /// The shape of a duration in a JSON Schema: name it with `#[schemars(with = "mapek_model::duration::Schema")]`.
    #[cfg(feature = "schemars")]
    #[derive(Debug)]
    pub struct Schema;

    #[cfg(feature = "schemars")]
    impl schemars::JsonSchema for Schema {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "Duration".into()
        }

        fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
            schemars::json_schema!({
                "type": ["number", "string"],
                "minimum": 0,
                "description": "seconds, or a text with units such as 30s, 5m or 1h 30m",
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_cannot_run_backwards() {
        let (a, b) = (Timestamp::UNIX_EPOCH, later(Timestamp::UNIX_EPOCH, Duration::from_secs(1)));
        assert!(Span::try_new(a, b).is_ok());
        assert!(Span::try_new(b, a).is_err());
        let text = format!(r#"{{"from":"{b}","to":"{a}"}}"#);
        assert!(serde_json::from_str::<Span>(&text).unwrap_err().to_string().contains("before"));
    }

    #[test]
    fn ages_are_never_negative() {
        let (a, b) = (Timestamp::UNIX_EPOCH, later(Timestamp::UNIX_EPOCH, Duration::from_secs(9)));
        assert_eq!(since(b, a), Duration::from_secs(9));
        assert_eq!(since(a, b), Duration::ZERO);
        assert_eq!(earlier(Timestamp::MIN, Duration::from_secs(1)), Timestamp::MIN);
    }

    #[test]
    fn durations_read_what_people_write_and_come_back() {
        for (text, seconds) in [("30", 30.0), ("30s", 30.0), ("5m", 300.0), ("1h 30m", 5400.0)] {
            let value = duration::parse(text).unwrap();
            assert_eq!(value, Duration::from_secs_f64(seconds), "{text}");
            assert_eq!(duration::parse(&duration::format(value)), Ok(value));
        }
        for bad in ["", "-5s", "-1", "five minutes", "1e300", "NaN", "200000000000"] {
            assert!(duration::parse(bad).is_err(), "{bad:?} passed");
        }
    }
}
