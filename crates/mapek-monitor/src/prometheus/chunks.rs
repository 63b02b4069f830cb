//! Cutting a range into requests that Prometheus accepts.

use std::time::Duration;

use mapek_model::{Span, Timestamp, earlier, later};

/// The parts of `span`, each with at most `points` evaluations, all on one grid that begins at the start of the span.
/// `step` is at least a millisecond.
pub(super) fn chunks(span: Span, step: Duration, points: u64) -> impl Iterator<Item = Span> {
    let mut next = Some(span.from());
    std::iter::from_fn(move || {
        let from = next?;
        let count = (steps(from, span.to(), step) + 1).min(points);
        let to = later(from, step.saturating_mul(u32::try_from(count - 1).unwrap_or(u32::MAX)));
        let following = later(to, step);
        next = (following <= span.to() && following > to).then_some(following);
        Span::try_new(from, to).ok()
    })
}

/// How many evaluations a range has.
pub(super) fn points(span: Span, step: Duration) -> u64 {
    steps(span.from(), span.to(), step).saturating_add(1)
}

fn steps(from: Timestamp, to: Timestamp, step: Duration) -> u64 {
    let length = mapek_model::since(to, from).as_millis();
    u64::try_from(length / step.as_millis().max(1)).unwrap_or(u64::MAX)
}

/// The instant cut to whole milliseconds, in which Prometheus counts.
pub(super) fn to_millisecond(at: Timestamp) -> Timestamp {
    let below = u64::try_from(at.subsec_nanosecond().rem_euclid(1_000_000)).unwrap_or(0);
    earlier(at, Duration::from_nanos(below))
}

/// Seconds with three digits after the point, as Prometheus takes them.
pub(super) fn seconds(at: Timestamp) -> String {
    let ms = to_millisecond(at).as_millisecond();
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.unsigned_abs();
    format!("{sign}{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_have_milliseconds() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        assert_eq!(seconds(at(1_700_000_000_123)), "1700000000.123");
        assert_eq!(seconds(at(5)), "0.005");
        assert_eq!(seconds(at(-1_500)), "-1.500");
        let fine = Timestamp::from_nanosecond(1_700_000_000_123_999_999).unwrap();
        assert_eq!(seconds(fine), "1700000000.123");
        let before = Timestamp::from_nanosecond(-1).unwrap();
        assert_eq!(to_millisecond(before), at(-1));
    }

    proptest! {
        #[test]
        fn the_parts_are_the_whole(
            length in 0..5_000_000_u64, step in 1..100_000_u64, most in 1..50_u64,
        ) {
            let step_length = Duration::from_millis(step);
            prop_assume!(length / step < 5_000);
            let from = Timestamp::UNIX_EPOCH;
            let span = Span::try_new(from, later(from, Duration::from_millis(length))).unwrap();
            let mut seen = Vec::new();
            for part in chunks(span, step_length, most) {
                prop_assert!(points(part, step_length) <= most);
                let mut at = part.from();
                while at <= part.to() {
                    seen.push(at.as_millisecond() as u64);
                    at = later(at, step_length);
                }
            }
            let wanted: Vec<_> = (0..=length / step).map(|i| i * step).collect();
            prop_assert_eq!(seen, wanted);
        }
    }
}
