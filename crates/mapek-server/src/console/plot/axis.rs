//! The axis of time.

use mapek_model::Timestamp;

use super::Across;

/// Distances between two ticks, in seconds.
const STEPS: [i64; 15] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800];
/// And longer ones.
const LONG: [i64; 4] = [21_600, 43_200, 86_400, 172_800];
/// Ticks that a wide axis has room for; a narrow one shows every second.
const TICKS: f64 = 10.0;

/// The ticks of a span of time, each with what it says. UTC throughout.
pub(crate) fn times(across: Across) -> Vec<(Timestamp, String)> {
    // Near an end, the text would not fit.
    const EDGE: f64 = 0.03;
    let needed = across.seconds() / TICKS;
    let step = STEPS.into_iter().chain(LONG).find(|it| *it as f64 >= needed).unwrap_or(172_800);
    let mut ticks = Vec::new();
    let mut next = across.from().as_second().div_euclid(step) * step;
    while let Ok(at) = Timestamp::from_second(next)
        && at <= across.to()
        && ticks.len() < 64
    {
        if (EDGE..=1.0 - EDGE).contains(&across.share(at)) && across.contains(at) {
            ticks.push((at, text(at, step)));
        }
        next += step;
    }
    ticks
}

fn text(at: Timestamp, step: i64) -> String {
    let form = if at.as_second().rem_euclid(86_400) == 0 {
        "%b %-d"
    } else if step < 60 {
        "%H:%M:%S"
    } else {
        "%H:%M"
    };
    at.strftime(form).to_string()
}

/// A moment for people: with its day where the span is longer than one.
pub(crate) fn clock_of(at: Timestamp) -> String {
    at.strftime("%b %-d %H:%M:%S").to_string()
}
