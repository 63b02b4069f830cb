//! Numbers that the plant keeps about itself: quantiles and counts over a sliding window, histograms, event counts.

mod histogram;
mod poisson;
mod sketch;
mod window;

pub(crate) use histogram::{DECISION_BOUNDS, Histogram, LATENCY_BOUNDS};
pub(crate) use poisson::{exponential, poisson, standard_normal};
pub(crate) use sketch::SlidingQuantiles;
pub(crate) use window::SlidingSum;
