//! Numbers from numbers, with Go's rules for NaN.

/// The quantile by linear interpolation between ranks; NaN counts as smallest.
pub(super) fn quantile(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(|a, b| ascending(*a, *b));
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// NaN before all others.
pub(super) fn ascending(a: f64, b: f64) -> std::cmp::Ordering {
    b.is_nan().cmp(&a.is_nan()).then_with(|| a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal))
}

/// A sum that keeps what rounding loses (Neumaier, 1974: "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher
/// Summen"), as Prometheus's functions do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(super) fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if sum.is_finite() {
            self.lost += if self.sum.abs() >= value.abs() {
                (self.sum - sum) + value
            } else {
                (value - sum) + self.sum
            };
        }
        self.sum = sum;
    }

    pub(super) fn total(self) -> f64 {
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

/// The mean, which does not overflow where the sum would.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let mut mean = Sum::default();
    for (count, value) in (1_u64..).zip(values) {
        let so_far = mean.total();
        if so_far.is_infinite() && (same(so_far, value) || value.is_finite()) {
            continue; // An infinity stays; minus itself it would be NaN.
        }
        let count = count as f64;
        mean.add(value / count - so_far / count);
    }
    mean.total()
}

/// The variance of all values (Welford, 1962: "Note on a method for calculating corrected sums of squares and products").
pub(super) fn variance(values: impl Iterator<Item = f64>) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let delta = value - mean;
        mean += delta / count;
        squares += delta * (value - mean);
    }
    squares / count
}

/// Whether two numbers are exactly the same, which NaN never is.
#[expect(clippy::float_cmp, reason = "PromQL compares numbers exactly")]
pub(super) fn same(a: f64, b: f64) -> bool {
    a == b
}

/// The larger; unlike Rust's, NaN if one is.
pub(super) fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The smaller; unlike Rust's, NaN if one is.
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the numbers are exact")]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_what_is_small() {
        let mut sum = Sum::default();
        [1e16, 1.0, -1e16].into_iter().for_each(|value| sum.add(value));
        assert_eq!(sum.total(), 1.0);
        sum.add(f64::INFINITY);
        assert_eq!(sum.total(), f64::INFINITY);
        assert_eq!(mean([f64::MAX, f64::MAX].into_iter()), f64::MAX);
        assert_eq!(mean([f64::INFINITY, 1.0, f64::INFINITY].into_iter()), f64::INFINITY);
        assert!(mean([f64::INFINITY, f64::NEG_INFINITY].into_iter()).is_nan());
    }

    #[test]
    fn quantiles_know_their_edges() {
        assert_eq!(quantile(0.5, vec![3.0, 1.0, 2.0, 4.0]), 2.5);
        assert_eq!(quantile(-0.1, vec![1.0]), f64::NEG_INFINITY);
        assert_eq!(quantile(1.1, vec![1.0]), f64::INFINITY);
        assert!(quantile(0.5, vec![]).is_nan() && quantile(f64::NAN, vec![1.0]).is_nan());
        assert_eq!(quantile(1.0, vec![5.0, f64::NAN]), 5.0);
    }
}
