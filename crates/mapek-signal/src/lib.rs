//! Numbers over time: baselines, anomaly scores, change points, robust statistics.
//!
//! Everything here is pure. What learns is a value that is fed one number at a time, can be saved with serde and read back
//! through checked constructors. Nothing asks for the time, and nothing breaks on NaN: a value that is not finite says
//! nothing, so it is left out.
//!
//! ```
//! use mapek_signal::{Baseline, BaselineConfig};
//!
//! let mut latency = Baseline::new(BaselineConfig::default());
//! for i in 0..50 {
//!     latency.learn(0.20 + 0.01 * f64::from(i % 5));
//! }
//! let usual = latency.score(0.22).expect("50 values are enough");
//! let unusual = latency.score(0.90).expect("50 values are enough");
//! assert!(usual.abs() < 1.0 && unusual > 6.0);
//! ```
mod error;

mod correlation;
mod leap;
mod quantile;
mod robust;
mod slope;

mod baseline;
mod change;
mod ewma;
mod seasonal;

pub use baseline::{Baseline, BaselineConfig};
pub use change::{Change, Cusum, CusumConfig};
pub use correlation::{Lagged, PAIRS_MIN, correlation, differences, lagged_correlation};
pub use error::InvalidState;
pub use ewma::Ewma;
pub use leap::{LEAP_BEFORE, Leap, leap};
pub use quantile::StreamingQuantile;
pub use robust::{MAD_TO_SIGMA, mad, median, quantile, robust_z};
pub use seasonal::{SeasonalBaseline, SeasonalConfig};
pub use slope::{Line, POINTS_MAX, Z_TREND, theil_sen};
