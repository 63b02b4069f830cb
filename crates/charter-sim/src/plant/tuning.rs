//! Batch size, parallelism, timeout, and the service rate that comes of them.

use serde::{Deserialize, Serialize};

use super::config::{InvalidConfig, check};

/// Cost of starting a batch, relative to validating one request.
const BATCH_COST: f64 = 1.6;
/// How long each place in a batch lets the others wait: a batch of 16 costs 16 ms, one of 256 a quarter of a second.
const FILL_S_PER_PLACE: f64 = 0.001;
/// Network and framework, paid by every request.
const FIXED_S: f64 = 0.01;
/// Contention and coherency of the universal scalability law (Gunther, *Guerrilla Capacity Planning*, 2007, ch. 4).
/// They put the best parallelism at √((1−σ)/κ) ≈ 9.5.
const CONTENTION: f64 = 0.1;
const COHERENCY: f64 = 0.01;

/// How a replica works.
///
/// ```
/// use charter_sim::Tuning;
///
/// let slow = Tuning { batch_size: 1, parallelism: 1, timeout_s: 2.0 };
/// assert!((Tuning::default().speed() - 1.0).abs() < 1e-12);
/// assert!(slow.speed() < 0.2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Tuning {
    /// Requests validated together: 1 to 10 000. Larger batches serve more and answer later.
    pub batch_size: u32,
    /// Batches in work at once: 1 to 1 024. Best at 9 or 10; beyond, they hinder each other.
    pub parallelism: u32,
    /// Seconds after which an answer is too late: above 0, at most a year.
    pub timeout_s: f64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { batch_size: 16, parallelism: 4, timeout_s: 2.0 }
    }
}

impl Tuning {
    /// Service rate relative to the default tuning.
    #[must_use]
    pub fn speed(&self) -> f64 {
        let default = Self::default();
        self.throughput() / default.throughput()
    }

    /// Seconds that every request takes besides waiting and being served.
    #[must_use]
    pub fn overhead_s(&self) -> f64 {
        FIXED_S + FILL_S_PER_PLACE * f64::from(self.batch_size)
    }

    fn throughput(&self) -> f64 {
        let p = f64::from(self.parallelism);
        let lanes = p / (1.0 + CONTENTION * (p - 1.0) + COHERENCY * p * (p - 1.0));
        lanes / (1.0 + BATCH_COST / f64::from(self.batch_size))
    }

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        check("tuning.batch_size", self.batch_size.into(), 1.0, 10_000.0)?;
        check("tuning.parallelism", self.parallelism.into(), 1.0, 1_024.0)?;
        check("tuning.timeout_s", self.timeout_s, f64::MIN_POSITIVE, 31_536_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(batch_size: u32, parallelism: u32) -> f64 {
        Tuning { batch_size, parallelism, ..Tuning::default() }.speed()
    }

    #[test]
    fn more_lanes_help_until_they_hinder() {
        assert!(speed(16, 8) > 1.2);
        assert!(speed(16, 64) < speed(16, 9));
        assert!(speed(16, 1_024) < 1.0);
    }

    #[test]
    fn larger_batches_serve_more_and_answer_later() {
        assert!(speed(32, 4) > 1.0 && speed(4, 4) < 1.0);
        let overhead = |batch_size| Tuning { batch_size, ..Tuning::default() }.overhead_s();
        assert!(overhead(256) > 0.25 && overhead(16) < 0.03);
    }
}
