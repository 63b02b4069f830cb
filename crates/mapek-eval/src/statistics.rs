//! The few statistics that a score needs, as pure functions.
//!
//! Looks of one run, and runs of one scenario, resemble each other: ninety looks at one fault are no ninety experiments. So whatever
//! here speaks of chance (what is subtracted from the calibration error, and every interval) takes a scenario as the unit.
//!
//! ```
//! use mapek_eval::statistics::{median, quantile};
//!
//! assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
//! assert_eq!(quantile(&[10.0, 20.0], 0.9), Some(19.0));
//! assert_eq!(median(&[]), None);
//! ```
mod bins;
mod calibration;
mod quantile;
mod random;

pub use calibration::{
    Calibration, CalibrationConfig, CalibrationPoint, Interval, brier, calibration,
};
pub use quantile::{median, nearest_to_median, quantile};
pub(crate) use random::SplitMix64;

#[cfg(test)]
mod tests;
