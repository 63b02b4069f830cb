//! What is remembered of the episodes that a plan explains.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{Execution, Fingerprint, Observation, Timestamp};
use serde::{Deserialize, Serialize};

use super::{explained, fingerprints, open};

/// What was seen of the episodes that a plan explains, from cycle to cycle. Each change of it is in the journal, so that a
/// judgement after a crash rests on what was seen before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watch {
    /// Since when those that are gone have been so; absent of those that were given up, of which nobody knows whether they are.
    gone: BTreeMap<Fingerprint, Option<Timestamp>>,
}

impl Watch {
    /// The clock went back to `now`: what has been gone since later has been so since now.
    pub(crate) fn set_back(&mut self, now: Timestamp) {
        for at in self.gone.values_mut().flatten() {
            *at = now.min(*at);
        }
    }

    /// Takes in what a cycle saw. Absence counts on fresh evidence only; presence always.
    pub fn see(&mut self, execution: &Execution, observation: &Observation) {
        let open = open(observation);
        let fresh = observation.overall_quality().permits_action();
        let given_up: BTreeSet<_> = fingerprints(&observation.gone).collect();
        for fingerprint in explained(&execution.plan) {
            if open.contains(&fingerprint) {
                self.gone.remove(&fingerprint);
            } else if given_up.contains(&fingerprint) {
                self.gone.insert(fingerprint, None);
            } else if fresh {
                let closed = || Some(closed_at(observation, fingerprint));
                self.gone.entry(fingerprint).or_insert_with(closed);
            }
        }
    }

    /// Since when none of what the execution's plan explains has been there; `None` while any of it is, or may be.
    #[must_use]
    pub fn absent_since(&self, execution: &Execution) -> Option<Timestamp> {
        let mut newest = None;
        for fingerprint in explained(&execution.plan) {
            newest = newest.max(Some((*self.gone.get(&fingerprint)?)?));
        }
        newest
    }

    /// How many were gone before the first step took effect.
    pub(super) fn faded(&self, execution: &Execution) -> usize {
        let Some(first) = execution.first_applied else { return 0 };
        self.gone.values().flatten().filter(|at| **at <= first).count()
    }

    /// How many were given up.
    pub(super) fn given_up(&self) -> usize {
        self.gone.values().filter(|at| at.is_none()).count()
    }
}

fn closed_at(observation: &Observation, fingerprint: Fingerprint) -> Timestamp {
    observation
        .closed
        .iter()
        .filter(|violation| violation.fingerprint() == fingerprint)
        .filter_map(|violation| violation.closed)
        .max()
        .unwrap_or(observation.at)
}
