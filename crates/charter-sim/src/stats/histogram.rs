//! A histogram with fixed bounds, as Prometheus has them.

/// Bounds of latencies in seconds. The highest lies far above every alert threshold (1 s and 5 s), since a threshold at
/// or above the top bucket can never be seen to be exceeded.
pub(crate) const LATENCY_BOUNDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 30.0,
    60.0,
];

/// Bounds of slower affairs in seconds: loads, notifications, revocations.
pub(crate) const DECISION_BOUNDS: &[f64] =
    &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0];

/// Counts per bucket, not cumulative; the last bucket is the one to infinity.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    bounds: &'static [f64],
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    /// Adds a value in seconds.
    pub(crate) fn record(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }

    /// Upper bounds with the number of values at or below each, in ascending order, without the one to infinity.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let running = self.counts.iter().scan(0, |sum, n| {
            *sum += n;
            Some(*sum)
        });
        self.bounds.iter().copied().zip(running)
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(crate) const fn sum(&self) -> f64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_counts_below_it_and_one_above_all_only_in_the_total() {
        let mut histogram = Histogram::new(&[1.0, 2.0]);
        for value in [1.0, 1.5, 9.0] {
            histogram.record(value);
        }
        assert_eq!(histogram.cumulative().collect::<Vec<_>>(), [(1.0, 1), (2.0, 2)]);
        assert_eq!(histogram.count(), 3);
        assert!((histogram.sum() - 11.5).abs() < 1e-12);
    }

    #[test]
    fn bounds_ascend_and_end_above_the_alert_thresholds() {
        for bounds in [LATENCY_BOUNDS, DECISION_BOUNDS] {
            assert!(bounds.windows(2).all(|w| w[0] < w[1]));
            assert!(bounds.last().is_some_and(|top| *top > 5.0));
        }
    }
}
