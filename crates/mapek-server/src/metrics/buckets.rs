//! Where histograms cut.
//!
//! A quantile taken from buckets is never above the highest finite bound, so an alert with a threshold at or above it
//! could never fire: each set ends well above every threshold, and has each threshold as a bound of its own.

use prometheus_client::metrics::histogram::Histogram;

/// Stages and cycles: milliseconds when all is well. Expected are less than 1 s for Monitor, 2 s for Analyze, 3 s for
/// Plan, 5 s for Execute and 15 s for a cycle; the interval is 30 s by default.
const STAGES: [f64; 17] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 60.0,
    300.0,
];

/// Calls to other systems: clients give up after 30 s by default.
const CALLS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];

/// From onset to detection: 5 s is expected, two intervals are a bad day, an hour is a broken feed.
const DETECTION: [f64; 11] = [0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

/// From onset to healed: approvals can take an hour, and a night.
const REMEDIATION: [f64; 12] =
    [5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 28_800.0, 86_400.0];

pub(super) fn stages() -> Histogram {
    Histogram::new(STAGES)
}

pub(super) fn calls() -> Histogram {
    Histogram::new(CALLS)
}

pub(super) fn detection() -> Histogram {
    Histogram::new(DETECTION)
}

pub(super) fn remediation() -> Histogram {
    Histogram::new(REMEDIATION)
}
