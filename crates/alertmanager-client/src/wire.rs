//! How Alertmanager's JSON writes what Rust has better types for.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

/// Go's zero time, by which the webhook says that an alert has not ended.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Reads `null` as the type's default: Go writes it for slices and maps that were never made.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a field that must be there: a type that takes `null` would take its absence too.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer)
}

/// An end time of which year 1 means *not yet*.
pub(crate) mod ends_at {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        end: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match end {
            Some(end) => serializer.collect_str(end),
            None => serializer.serialize_str(ZERO_TIME),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<Timestamp>::deserialize(deserializer)?.filter(|end| !is_zero(*end)))
    }

    /// Any time within a day of Go's zero: a relay may have moved it into its own time zone.
    fn is_zero(end: Timestamp) -> bool {
        const ZERO_SECOND: i64 = -62_135_596_800;
        const DAY_SECONDS: i64 = 86_400;
        end.as_second() < ZERO_SECOND + DAY_SECONDS
    }
}

/// `at` without what lies below a millisecond, which is all that API v2 tells.
pub(crate) fn to_millisecond(at: Timestamp) -> Timestamp {
    let floor = at.as_nanosecond().div_euclid(1_000_000) * 1_000_000;
    // Only the first millisecond that a `Timestamp` can hold has no floor.
    Timestamp::from_nanosecond(floor).unwrap_or(at)
}

/// `link` if a browser may follow it: alerts come from anybody, and `javascript:` is a URL too.
pub(crate) fn web_link(link: &str) -> Option<&str> {
    let scheme = link.split_once("://")?.0;
    let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    (known && !link.chars().any(char::is_control)).then_some(link)
}

/// The first `limit` characters of `text`, with a mark where something was cut.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_links_are_links() {
        assert_eq!(web_link("HTTPS://prom:9090/graph?a=b"), Some("HTTPS://prom:9090/graph?a=b"));
        for hostile in
            ["javascript:alert(1)", "javascript://x", "", "//host", "http://a\nb", "data:x"]
        {
            assert_eq!(web_link(hostile), None, "{hostile}");
        }
    }

    #[test]
    fn cutting_to_milliseconds_goes_down_and_keeps_the_rest() {
        let cut = |text: &str| to_millisecond(text.parse().unwrap()).to_string();
        assert_eq!(cut("2026-11-20T10:00:00.123999999Z"), "2026-11-20T10:00:00.123Z");
        assert_eq!(cut("1969-12-31T23:59:59.9999Z"), "1969-12-31T23:59:59.999Z");
        assert_eq!(to_millisecond(Timestamp::MIN), Timestamp::MIN);
        to_millisecond(Timestamp::MAX);
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shorten("größe", 3), "grö…");
        assert_eq!(shorten("größe", 5), "größe");
    }
}
