//! Moments as people write them.

use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use mapek::model::Timestamp;

/// A moment that may depend on when the command is run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moment {
    /// That one.
    At(Timestamp),
    /// So long before now.
    Ago(SignedDuration),
}

impl Moment {
    /// Which moment that is.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

/// What a moment looks like.
const SHAPES: &str = "such as 2026-01-31T03:00:00Z, 1769828400, 2h ago, 1 day 6h ago, or now";

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "now" {
            return Ok(Self::Ago(SignedDuration::ZERO));
        }
        if let Ok(seconds) = text.parse::<f64>() {
            let at = SignedDuration::try_from_secs_f64(seconds).and_then(Timestamp::from_duration);
            return at.map(Self::At).map_err(|why| format!("it is no time in Unix seconds: {why}"));
        }
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        let span: Span = text.parse().map_err(|_| format!("expected a moment {SHAPES}"))?;
        let ago = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| {
            format!("months and years have no fixed length: expected a moment {SHAPES}")
        })?;
        if ago.is_positive() {
            return Err(format!("it lies in the future; is {text} ago meant?"));
        }
        Ok(Self::Ago(ago.abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<String, String> {
        let now = "2026-02-01T12:00:00Z".parse().unwrap();
        text.parse().map(|it: Moment| it.at(now).to_string())
    }

    #[test]
    fn a_moment_is_absolute_or_counts_back_from_now() {
        for (text, moment) in [
            ("2026-01-31T03:00:00Z", "2026-01-31T03:00:00Z"),
            ("2026-01-31T05:00:00+02:00", "2026-01-31T03:00:00Z"),
            ("1769828400", "2026-01-31T03:00:00Z"),
            ("1769828400.5", "2026-01-31T03:00:00.5Z"),
            ("now", "2026-02-01T12:00:00Z"),
            ("2h ago", "2026-02-01T10:00:00Z"),
            ("90 minutes ago", "2026-02-01T10:30:00Z"),
            ("1 day 6h ago", "2026-01-31T06:00:00Z"),
            ("2 weeks ago", "2026-01-18T12:00:00Z"),
        ] {
            assert_eq!(at(text).as_deref(), Ok(moment), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_told_what_one_looks_like() {
        for text in ["yesterday", "2026-01-31", "2026-13-01T00:00:00Z", "", "3", "h ago"] {
            let told = at(text);
            let bad = text != "3";
            assert_eq!(told.is_err(), bad, "{text}: {told:?}");
            assert!(!bad || told.clone().unwrap_err().contains("2h ago"), "{text}: {told:?}");
        }
        assert!(at("2h").unwrap_err().contains("is 2h ago meant"));
        assert!(at("1 month ago").unwrap_err().contains("no fixed length"));
        assert!(at("1e300").unwrap_err().contains("Unix seconds"));
    }
}
