//! What became of the requests.

use std::collections::BTreeMap;

use charter_client::{PolicyId, ViolationSeverity};
use serde::{Deserialize, Serialize};

use super::config::PlantConfig;
use super::replica::{Departure, Ending, VALIDATION_TYPES};
use crate::stats::{Histogram, LATENCY_BOUNDS, SlidingQuantiles, SlidingSum};

/// Where every request is: `arrivals = served + shed + failed + queued`, at every step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Attempts that arrived, retries included.
    pub arrivals: u64,
    /// Answered in time, or let through unvalidated.
    pub served: u64,
    /// Refused by a throttle.
    pub shed: u64,
    /// Answered too late, rejected by a full queue, or lost.
    pub failed: u64,
    /// Waiting in a queue.
    pub queued: u64,
    /// Failed attempts that will come again; not yet among the arrivals.
    pub retries_waiting: u64,
}

/// What one node did with its requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct NodeCounts {
    pub(crate) allowed: u64,
    pub(crate) late: u64,
    pub(crate) rejected: u64,
    pub(crate) lost: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Counters {
    pub(crate) arrivals: u64,
    pub(crate) retries: u64,
    pub(crate) served: u64,
    pub(crate) shed: u64,
    pub(crate) failed: u64,
    pub(crate) overridden: u64,
    pub(crate) bypassed: u64,
    pub(crate) unavailable: u64,
    /// By number of the node.
    pub(crate) nodes: Vec<NodeCounts>,
    /// By policy: its name, and violations as info, warning, critical.
    pub(crate) violations: BTreeMap<PolicyId, (String, [u64; 3])>,
    pub(crate) validation: [SlidingQuantiles; VALIDATION_TYPES.len()],
    pub(crate) enforcement: Histogram,
    /// Per step.
    served_window: SlidingSum,
    failed_window: SlidingSum,
    arrivals_window: SlidingSum,
    at_last_step: (u64, u64, u64),
    /// Validated since the last tick of the committee.
    pub(crate) validated: u64,
    step_s: f64,
}

/// Time to let a request pass unvalidated.
const PASS_S: f64 = 0.002;

/// The index of a severity in counts.
pub(crate) const fn rank(severity: ViolationSeverity) -> usize {
    match severity {
        ViolationSeverity::Info => 0,
        ViolationSeverity::Warning => 1,
        ViolationSeverity::Critical => 2,
    }
}

impl Counters {
    pub(crate) fn new(config: &PlantConfig) -> Self {
        let steps = (config.rate_window_s / config.step_s()).ceil() as usize;
        Self {
            arrivals: 0,
            retries: 0,
            served: 0,
            shed: 0,
            failed: 0,
            overridden: 0,
            bypassed: 0,
            unavailable: 0,
            nodes: vec![NodeCounts::default(); config.replicas as usize],
            violations: BTreeMap::new(),
            validation: VALIDATION_TYPES.map(|_| SlidingQuantiles::new(config.latency_window_s)),
            enforcement: Histogram::new(LATENCY_BOUNDS),
            served_window: SlidingSum::new(steps),
            failed_window: SlidingSum::new(steps),
            arrivals_window: SlidingSum::new(steps),
            at_last_step: (0, 0, 0),
            validated: 0,
            step_s: config.step_s(),
        }
    }

    /// Books a request that left; true if it failed, which its client may repeat.
    pub(crate) fn settle(
        &mut self,
        departure: &Departure,
        overhead_s: f64,
        timeout_s: f64,
    ) -> bool {
        let validation = usize::from(departure.op.validation);
        let latency = departure.at - departure.op.arrived + overhead_s;
        let failed = match departure.ending {
            Ending::Answered => {
                self.validated += 1;
                self.record(validation, latency);
                latency > timeout_s
            }
            Ending::Overridden | Ending::Bypassed => {
                self.record(validation, PASS_S);
                false
            }
            // The client waits in vain for as long as it waits at all.
            Ending::Unavailable | Ending::Lost => {
                self.record(validation, timeout_s.max(latency));
                true
            }
            Ending::Rejected => true,
            Ending::Shed => {
                self.shed += 1;
                return false;
            }
        };
        if failed {
            self.failed += 1
        } else {
            self.served += 1
        }
        self.count(departure, failed);
        failed
    }

    fn record(&mut self, validation: usize, latency: f64) {
        self.validation[validation].record(latency);
        self.enforcement.record(latency);
    }

    fn count(&mut self, departure: &Departure, failed: bool) {
        match departure.ending {
            Ending::Overridden => self.overridden += 1,
            Ending::Bypassed => self.bypassed += 1,
            _ => {}
        }
        let Some(number) = departure.replica else {
            self.unavailable += u64::from(departure.ending == Ending::Unavailable);
            return;
        };
        let index = number as usize;
        if self.nodes.len() <= index {
            self.nodes.resize(index + 1, NodeCounts::default());
        }
        let node = &mut self.nodes[index];
        match departure.ending {
            Ending::Answered if failed => node.late += 1,
            Ending::Answered => node.allowed += 1,
            Ending::Rejected => node.rejected += 1,
            Ending::Unavailable | Ending::Lost => node.lost += 1,
            Ending::Overridden | Ending::Bypassed | Ending::Shed => {}
        }
    }

    /// Closes a step that ends at `now`.
    pub(crate) fn close_step(&mut self, now: f64) {
        let (served, failed, arrivals) = self.at_last_step;
        self.served_window.push(self.served - served);
        self.failed_window.push(self.failed - failed);
        self.arrivals_window.push(self.arrivals - arrivals);
        self.at_last_step = (self.served, self.failed, self.arrivals);
        for sketch in &mut self.validation {
            sketch.advance(now);
        }
    }

    pub(crate) fn violated(
        &mut self,
        id: &PolicyId,
        name: &str,
        severity: ViolationSeverity,
        n: u64,
    ) {
        let entry = self.violations.entry(id.clone()).or_insert_with(|| (name.to_owned(), [0; 3]));
        entry.1[rank(severity)] += n;
    }

    /// Share of requests that failed, of those that were served or failed lately; zero if there were none.
    pub(crate) fn failure_rate(&self) -> f64 {
        let (served, failed) = (self.served_window.sum(), self.failed_window.sum());
        if failed == 0 { 0.0 } else { failed as f64 / (served + failed) as f64 }
    }

    /// Requests served per second lately.
    pub(crate) fn throughput(&self) -> f64 {
        self.per_second(&self.served_window)
    }

    /// Requests that arrived per second lately.
    pub(crate) fn arrival_rate(&self) -> f64 {
        self.per_second(&self.arrivals_window)
    }

    /// The worst quantile over all validations, in seconds.
    pub(crate) fn validation_quantile(&self, q: f64) -> f64 {
        self.validation.iter().map(|sketch| sketch.quantile(q)).fold(0.0, f64::max)
    }

    fn per_second(&self, window: &SlidingSum) -> f64 {
        let seconds = window.len() as f64 * self.step_s;
        if seconds > 0.0 { window.sum() as f64 / seconds } else { 0.0 }
    }
}
