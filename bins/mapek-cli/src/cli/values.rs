//! What options are given.

use clap::builder::PossibleValuesParser;
use mapek::model::Duration;

/// What a moment is.
pub(super) const MOMENTS: &str = "A MOMENT is a time as in RFC 3339 (2026-01-31T03:00:00Z), in Unix seconds, back from now (2h \
                       ago, 1 day 6h ago), or now.";

/// A duration that may have days and weeks, each as long as 24 hours and seven of them.
pub(super) fn days(text: &str) -> Result<Duration, String> {
    let explain = |why: String| format!("expected a duration such as 90d or 12h: {why}");
    let span: jiff::Span = text.parse().map_err(|error: jiff::Error| explain(error.to_string()))?;
    let time = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours());
    let time = time.map_err(|error| explain(error.to_string()))?;
    match Duration::try_from(time) {
        Ok(time) if time >= Duration::from_secs(1) => Ok(time),
        _ => Err(explain("it must be at least a second".to_owned())),
    }
}

/// One of these words.
pub(super) fn words(words: impl Iterator<Item = &'static str>) -> PossibleValuesParser {
    PossibleValuesParser::new(words.collect::<Vec<_>>())
}

pub(super) fn at_least_a_second(text: &str) -> Result<Duration, String> {
    let step = mapek::model::duration::parse(text)?;
    if step < Duration::from_secs(1) {
        Err("must be at least a second".to_owned())
    } else {
        Ok(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lasts_for_days() {
        assert_eq!(days("90d").unwrap(), Duration::from_secs(90 * 86_400));
        assert_eq!(days("2w 1h").unwrap(), Duration::from_secs(14 * 86_400 + 3600));
        for bad in ["", "0s", "-1d", "1mo", "soon", "90"] {
            assert!(days(bad).unwrap_err().starts_with("expected a duration"), "{bad}");
        }
    }
}
