//! Quantiles of a sliding window, in constant memory.
//!
//! Values fall into buckets that share the leading bits of a float: 32 buckets an octave, as in an HDR histogram
//! (Tene, <https://hdrhistogram.github.io/HdrHistogram/>), so that no quantile is off by more than 1.6 %. A ring of
//! sub-windows makes it slide. Keeping the samples themselves would cost 15 000 floats and a sort per scrape.

/// Sub-windows of the ring. Six of five seconds: an answer is at most five seconds out of date at its far end.
const SLOTS: usize = 6;
/// Mantissa bits that tell buckets apart: 32 buckets an octave.
const MANTISSA_BITS: u32 = 5;
const SHIFT: u32 = 52 - MANTISSA_BITS;
/// Smallest value told apart, 2^-14 s (61 µs), and the largest, 2^8 s: nothing in the plant is faster or waits longer.
const MIN: f64 = 1.0 / 16_384.0;
const MAX: f64 = 256.0;
const OCTAVES: usize = 22;
const BUCKETS: usize = (OCTAVES << MANTISSA_BITS) + 1;

/// Quantiles over the last `slot × 6` seconds, and sum and count over all time, as a Prometheus summary has them.
#[derive(Debug, Clone)]
pub(crate) struct SlidingQuantiles {
    slots: Vec<Vec<u32>>,
    current: usize,
    slot_s: f64,
    slot_end: f64,
    merged: Vec<u32>,
    in_window: u64,
    count: u64,
    sum: f64,
}

impl SlidingQuantiles {
    /// An empty sketch over a window of `window_s` seconds that begins at time zero.
    pub(crate) fn new(window_s: f64) -> Self {
        let slot_s = window_s / SLOTS as f64;
        Self {
            slots: vec![vec![0; BUCKETS]; SLOTS],
            current: 0,
            slot_s,
            slot_end: slot_s,
            merged: vec![0; BUCKETS],
            in_window: 0,
            count: 0,
            sum: 0.0,
        }
    }

    /// Adds a value in seconds.
    pub(crate) fn record(&mut self, value: f64) {
        let bucket = bucket(value);
        self.slots[self.current][bucket] += 1;
        self.merged[bucket] += 1;
        self.in_window += 1;
        self.count += 1;
        self.sum += value;
    }

    /// Forgets what has left the window at time `now`.
    pub(crate) fn advance(&mut self, now: f64) {
        while now >= self.slot_end {
            self.slot_end += self.slot_s;
            self.current = (self.current + 1) % SLOTS;
            for (merged, slot) in self.merged.iter_mut().zip(&mut self.slots[self.current]) {
                *merged -= *slot;
                self.in_window -= u64::from(*slot);
                *slot = 0;
            }
        }
    }

    /// The value below which the share `q` of the window lies; zero for an empty window.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        if self.in_window == 0 {
            return 0.0;
        }
        let rank = ((q * self.in_window as f64).ceil() as u64).clamp(1, self.in_window);
        let mut seen = 0;
        let found = self.merged.iter().position(|&n| {
            seen += u64::from(n);
            seen >= rank
        });
        midpoint(found.expect("the buckets add up to the count of the window"))
    }

    /// How many values there have ever been.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// Their sum, in seconds.
    pub(crate) const fn sum(&self) -> f64 {
        self.sum
    }
}

fn bucket(value: f64) -> usize {
    let clamped = value.clamp(MIN, MAX);
    ((clamped.to_bits() >> SHIFT) - (MIN.to_bits() >> SHIFT)) as usize
}

fn midpoint(bucket: usize) -> f64 {
    let low = (bucket as u64 + (MIN.to_bits() >> SHIFT)) << SHIFT;
    f64::from_bits(low + (1 << (SHIFT - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quantile_is_within_two_percent(mut values in prop::collection::vec(0.001f64..60.0, 1..400), q in 0.01f64..1.0) {
            let mut sketch = SlidingQuantiles::new(30.0);
            for v in &values { sketch.record(*v); }
            values.sort_by(f64::total_cmp);
            let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            prop_assert!((sketch.quantile(q) / exact - 1.0).abs() < 0.02);
        }

        #[test]
        fn every_value_has_a_bucket(value in prop::num::f64::POSITIVE | prop::num::f64::ZERO) {
            prop_assert!(bucket(value) < BUCKETS);
        }
    }

    #[test]
    fn values_leave_with_the_window_but_not_the_count() {
        let mut sketch = SlidingQuantiles::new(30.0);
        sketch.record(9.0);
        sketch.advance(29.9);
        assert!(sketch.quantile(0.99) > 8.0);
        sketch.record(0.1);
        sketch.advance(34.9);
        assert!(sketch.quantile(0.99) < 0.2);
        sketch.advance(1_000.0);
        assert!(sketch.quantile(0.5).abs() < f64::EPSILON);
        assert_eq!(sketch.count(), 2);
        assert!((sketch.sum() - 9.1).abs() < 1e-9);
    }
}
