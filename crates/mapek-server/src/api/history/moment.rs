//! Moments as people ask for them.

use mapek_model::{Timestamp, duration, earlier};

use crate::api::repeated;

/// `2026-03-01T12:00:00Z`, `now`, or how long before now: `-6h`, `-1h 30m`.
///
/// # Errors
///
/// What it must be.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    if text == "now" {
        return Ok(now);
    }
    if let Some(before) = text.strip_prefix('-')
        && let Ok(before) = duration::parse(before)
    {
        return Ok(earlier(now, before));
    }
    // A plus that was sent as it is arrives as a space.
    text.replace(' ', "+").parse().map_err(|_| {
        let got = repeated(text);
        format!("must be a time such as 2026-03-01T12:00:00Z, -6h or now, got {got}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("now", "2026-03-01T12:00:00Z"),
            ("-6h", "2026-03-01T06:00:00Z"),
            ("-1h 30m", "2026-03-01T10:30:00Z"),
            ("-90", "2026-03-01T11:58:30Z"),
            ("2026-03-01T13:30:00+02:00", "2026-03-01T11:30:00Z"),
            ("2026-03-01T13:30:00 02:00", "2026-03-01T11:30:00Z"),
        ] {
            assert_eq!(moment(text, now).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "yesterday", "-", "--6h", "6h", "-6 parsecs", "2026-03-01"] {
            let why = moment(text, now).unwrap_err();
            assert!(why.starts_with("must be a time such as "), "{why}");
        }
    }
}
