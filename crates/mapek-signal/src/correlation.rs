//! Whether one series follows another.

/// Fewest pairs that a correlation is made of: fewer correlate by chance too often.
pub const PAIRS_MIN: usize = 8;

/// The strongest correlation found over a range of lags.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lagged {
    /// By how many samples the second series follows the first.
    pub lag: usize,
    /// Pearson's r, −1 to 1.
    pub r: f64,
    /// How many pairs it is made of.
    pub pairs: usize,
}

/// Pearson's correlation of the pairs that are both finite; `None` with fewer than [`PAIRS_MIN`] of them, or if either
/// series does not vary. O(n).
#[must_use]
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    at_lag(&centred(a), &centred(b), 0).map(|(r, _)| r)
}

/// The lag from 0 to `lag_max` at which `b` follows `a` most closely, by |r|; of equal ones the smallest. `None` if no lag
/// leaves [`PAIRS_MIN`] pairs of finite values that vary.
///
/// `b` at `i + lag` is compared with `a` at `i`, so a lag above 0 says that `a` leads. Both must have the same step. To find
/// who leads, ask both ways round. O(n · lag); stops at a perfect correlation, which no later lag can beat.
///
/// Two series that both merely grow correlate at any lag: compare their [`differences`] to tell that from influence.
///
/// ```
/// let a: Vec<f64> = (0..60).map(|i| (f64::from(i) * 0.7).sin()).collect();
/// let b: Vec<f64> = (0..60).map(|i| (f64::from(i - 3) * 0.7).sin()).collect();
/// let found = mapek_signal::lagged_correlation(&a, &b, 10).expect("they vary");
/// assert_eq!(found.lag, 3);
/// ```
#[must_use]
pub fn lagged_correlation(a: &[f64], b: &[f64], lag_max: usize) -> Option<Lagged> {
    let lag_max = lag_max.min(b.len().saturating_sub(PAIRS_MIN));
    let (a, b) = (centred(a), centred(b));
    let mut best: Option<Lagged> = None;
    for lag in 0..=lag_max {
        if let Some((r, pairs)) = at_lag(&a, &b, lag)
            && best.is_none_or(|best| r.abs() > best.r.abs() + 1e-12)
        {
            best = Some(Lagged { lag, r, pairs });
            if r.abs() >= 1.0 - 1e-12 {
                break;
            }
        }
    }
    best
}

/// The steps from value to value: what is left of a series when its trend is taken out. A step from or to a value that is not
/// finite is NaN.
#[must_use]
pub fn differences(values: &[f64]) -> Vec<f64> {
    values.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The values less their mean, over their largest distance from it: sums of their products neither cancel nor overflow.
fn centred(values: &[f64]) -> Vec<f64> {
    let (mut mean, mut count) = (0.0, 0.0);
    for value in values.iter().filter(|value| value.is_finite()) {
        count += 1.0;
        mean += value / count - mean / count;
    }
    let halved = |value: f64| value / 2.0 - mean / 2.0;
    let size = values.iter().map(|value| halved(*value).abs()).filter(|it| it.is_finite());
    let size = size.fold(0.0, f64::max);
    let scale = if size > 0.0 { size } else { 1.0 };
    values.iter().map(|value| halved(*value) / scale).collect()
}

fn at_lag(a: &[f64], b: &[f64], lag: usize) -> Option<(f64, usize)> {
    let (mut n, mut sa, mut sb, mut saa, mut sbb, mut sab) = (0_usize, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b.get(lag..)?) {
        if x.is_finite() && y.is_finite() {
            n += 1;
            sa += x;
            sb += y;
            saa += x * x;
            sbb += y * y;
            sab += x * y;
        }
    }
    let count = n as f64;
    let (va, vb) = (saa - sa * sa / count, sbb - sb * sb / count);
    // Below this it is rounding that varies, not the series, whose largest value is 1.
    if n < PAIRS_MIN || va < 1e-12 * count || vb < 1e-12 * count {
        return None;
    }
    let r = (sab - sa * sb / count) / (va.sqrt() * vb.sqrt());
    r.is_finite().then(|| (r.clamp(-1.0, 1.0), n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn what_does_not_vary_does_not_correlate() {
        let ramp: Vec<f64> = (0..20).map(f64::from).collect();
        assert_eq!(correlation(&ramp, &[5.0; 20]), None);
        assert_eq!(correlation(&ramp[..7], &ramp[..7]), None);
        assert_eq!(lagged_correlation(&[], &[], 5), None);
        assert_eq!(lagged_correlation(&ramp, &[], 5), None);
        assert!((correlation(&ramp, &ramp).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn gaps_are_left_out() {
        let a: Vec<f64> = (0..40).map(|i| (f64::from(i) * 0.9).sin()).collect();
        let mut b: Vec<f64> = a.iter().map(|x| -3.0 * x + 7.0).collect();
        b[4] = f64::NAN;
        b[9] = f64::INFINITY;
        let found = lagged_correlation(&a, &b, 8).unwrap();
        assert_eq!((found.lag, found.pairs), (0, 38));
        assert!((found.r + 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_large_offset_does_not_drown_the_signal() {
        let a: Vec<f64> = (0..40).map(|i| 1e9 + (f64::from(i) * 0.9).sin()).collect();
        let b: Vec<f64> = (0..40).map(|i| (f64::from(i) * 0.9).sin()).collect();
        assert!(correlation(&a, &b).unwrap() > 0.999);
        let huge: Vec<f64> = b.iter().map(|x| x * f64::MAX).collect();
        assert!(correlation(&huge, &b).unwrap() > 0.999);
    }

    proptest! {
        #[test]
        fn it_is_symmetric_and_bounded(pairs in vec((-1e6..1e6_f64, -1e6..1e6_f64), 8..60)) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
            if let (Some(x), Some(y)) = (correlation(&a, &b), correlation(&b, &a)) {
                prop_assert!((-1.0..=1.0).contains(&x));
                prop_assert!((x - y).abs() < 1e-9);
            }
        }

        #[test]
        fn a_delayed_copy_is_found_at_its_delay(noise in vec(-1.0..1.0_f64, 60), delay in 0..12_usize) {
            let a = &noise[12..];
            let b: Vec<f64> = (12..60).map(|i| noise[i - delay] * 4.0 - 2.0).collect();
            let found = lagged_correlation(a, &b, 12).unwrap();
            prop_assert_eq!(found.lag, delay);
            prop_assert!(found.r > 0.999);
        }
    }
}
