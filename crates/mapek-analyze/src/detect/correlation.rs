//! Lagged correlation of two series, and how easily chance makes one.

use mapek_model::{Duration, Sample, since};
use mapek_signal::{Lagged, PAIRS_MIN, correlation, lagged_correlation};
use statrs::function::erf::erfc;

/// How one series follows another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Relation {
    /// Pearson's r at the best lag.
    pub(super) r: f64,
    /// How much later the second series is; negative if it is the first that follows.
    pub(super) lag: i32,
    /// Length of one step of the lag.
    pub(super) step: Duration,
    /// Probability that two unrelated series as inert as these do as well at one lag.
    pub(super) chance: f64,
}

/// Values measured at the same instants, and the usual step between them.
pub(super) struct Aligned {
    x: Vec<f64>,
    y: Vec<f64>,
    step: Duration,
}

/// Pairs the samples of two series that were measured at the same instants, finite or not: leaving some out would shift
/// the lags. `None` if fewer than [`PAIRS_MIN`] remain. Both must be in order of time.
pub(super) fn align(a: &[Sample], b: &[Sample]) -> Option<Aligned> {
    let (mut x, mut y, mut times) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = b.iter().peekable();
    for sample in a {
        while rest.next_if(|other| other.at < sample.at).is_some() {}
        if let Some(other) = rest.next_if(|other| other.at == sample.at) {
            x.push(sample.value);
            y.push(other.value);
            times.push(sample.at);
        }
    }
    if times.len() < PAIRS_MIN {
        return None;
    }
    let mut steps: Vec<_> = times.windows(2).map(|pair| since(pair[1], pair[0])).collect();
    steps.sort_unstable();
    let step = steps[steps.len() / 2];
    Some(Aligned { x, y, step })
}

/// The strongest relation within `lag_max` steps either way; the shorter lag among equals. `None` where one of them never
/// moves.
pub(super) fn strongest(pair: &Aligned, lag_max: usize) -> Option<Relation> {
    let there = lagged_correlation(&pair.x, &pair.y, lag_max);
    let back = lagged_correlation(&pair.y, &pair.x, lag_max);
    let turned = |best: &Lagged| {
        // Equal but for rounding is equal: then the shorter lag is the better.
        back.filter(|back| {
            let more = back.r.abs() - best.r.abs();
            more > 1e-9 || (more > -1e-9 && back.lag < best.lag)
        })
    };
    let there = there.or(back)?;
    let (best, sign) = turned(&there).map_or((there, 1), |back| (back, -1));
    let effective = effective(best.pairs, inertia(&pair.x), inertia(&pair.y));
    Some(Relation {
        r: best.r,
        lag: sign * i32::try_from(best.lag).ok()?,
        step: pair.step,
        chance: chance(best.r, effective),
    })
}

/// Correlation with itself one step before: how slowly a series forgets.
fn inertia(x: &[f64]) -> f64 {
    correlation(&x[1..], &x[..x.len() - 1]).unwrap_or(0.0)
}

/// How many independent pairs `n` pairs of two series with these inertias are worth (Bartlett 1935; Dawdy and Matalas
/// 1964). Two things that merely both grow are worth few. Four at least: with fewer no correlation says anything.
fn effective(n: usize, a: f64, b: f64) -> f64 {
    let product = (a * b).max(0.0);
    (n as f64 * (1.0 - product) / (1.0 + product)).clamp(4.0, n as f64)
}

/// Probability of a correlation at least as strong between unrelated series of `n` independent pairs: Fisher's z
/// (Fisher 1921).
fn chance(r: f64, n: f64) -> f64 {
    let z = r.abs().min(1.0 - 1e-12).atanh() * (n - 3.0).sqrt();
    erfc(z / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::at;

    fn samples(value: impl Fn(u64) -> f64) -> Vec<Sample> {
        (0..60).map(|i| Sample { at: at(i * 30), value: value(i) }).collect()
    }

    fn wave(i: f64) -> f64 {
        (i * 0.7).sin() + (i * 0.31).cos()
    }

    #[test]
    fn a_series_follows_its_shadow_by_its_lag() {
        let (x, y) = (samples(|i| wave(i as f64)), samples(|i| 3.0 - 2.0 * wave(i as f64 - 4.0)));
        let relation = strongest(&align(&x, &y).unwrap(), 8).unwrap();
        assert_eq!((relation.lag, relation.step), (4, Duration::from_secs(30)));
        assert!((relation.r + 1.0).abs() < 1e-9 && relation.chance < 1e-9, "{relation:?}");
        assert_eq!(strongest(&align(&y, &x).unwrap(), 8).unwrap().lag, -4);
    }

    #[test]
    fn a_constant_is_related_to_nothing() {
        let (x, y) = (samples(|_| 0.1), samples(|i| wave(i as f64)));
        assert_eq!(strongest(&align(&x, &y).unwrap(), 8), None);
    }

    #[test]
    fn what_is_not_simultaneous_is_no_pair_and_what_is_not_finite_shifts_no_lag() {
        let x = samples(|i| if i % 5 == 0 { f64::NAN } else { wave(i as f64) });
        let y = samples(|i| wave(i as f64 - 3.0));
        let relation = strongest(&align(&x, &y).unwrap(), 8).unwrap();
        assert!(relation.lag == 3 && relation.r > 0.999, "{relation:?}");
        let shifted: Vec<_> =
            y.iter().map(|s| Sample { at: at(1_000_000), ..*s }).take(20).collect();
        assert!(align(&x, &shifted).is_none());
    }

    #[test]
    fn two_that_merely_grow_are_worth_little() {
        assert!(effective(60, 0.95, 0.95) < 5.0);
        assert!((effective(60, 0.0, 0.9) - 60.0).abs() < 1e-12);
        assert!(chance(0.8, 4.0) > 0.2 && chance(0.8, 60.0) < 1e-9);
    }
}
