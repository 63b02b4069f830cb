//! What an execution achieved, judged on fresh metrics.
//!
//! The episodes that the plan explains were frozen when it began. They are recognised by what they are about, not by their
//! onset, which may move; an episode that closed and came back is open. Beside them count the episodes that began on the
//! target since then, but for those that our own live actions are expected to bring about.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{
    Duration, Execution, Fingerprint, Judgement, Measured, Observation, Timestamp, Verdict,
    Violation, later, since,
};
use serde::{Deserialize, Serialize};

use crate::OwnEffect;

/// How a judgement for want of evidence begins; the breaker tells it apart by that.
const WANT_OF_EVIDENCE: &str = "evidence was not fresh";

pub(crate) fn is_for_want_of_evidence(judgement: &Judgement) -> bool {
    judgement.reason.starts_with(WANT_OF_EVIDENCE)
}

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
        for fingerprint in explained(execution) {
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
        for fingerprint in explained(execution) {
            newest = newest.max(Some((*self.gone.get(&fingerprint)?)?));
        }
        newest
    }

    /// How many were gone before the first step took effect.
    fn faded(&self, execution: &Execution) -> usize {
        let Some(first) = execution.first_applied else { return 0 };
        self.gone.values().flatten().filter(|at| **at <= first).count()
    }

    /// How many were given up.
    fn given_up(&self) -> usize {
        self.gone.values().filter(|at| at.is_none()).count()
    }
}

/// What verification says at one moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Verification {
    /// It is too early, or the evidence is not fresh yet. Look again then, or before.
    NotYet {
        /// When.
        until: Timestamp,
    },
    /// It is known, or it is known that it will not be.
    Judged(Judgement),
}

/// Judges what `execution` achieved. Pure: the same arguments always give the same answer.
///
/// `expected` is what the execution itself is expected to bring about; `patience` is how long after the time to
/// effect fresh evidence is waited for.
///
/// With *b* explained episodes, of which and of the new ones *n* are open after the time to effect: none open is success, n ≤ b/2
/// partial, n ≤ b ineffective, n > b degradation. Where something was gone before the first step took effect, it was fading by
/// itself, and where something was given up, because its component is not heard of any more, nobody knows: unless things got
/// worse nothing can be said.
#[must_use]
pub fn judge(
    execution: &Execution,
    watch: &Watch,
    observation: &Observation,
    expected: &[OwnEffect],
    now: Timestamp,
    patience: Duration,
) -> Verification {
    let applied = execution.last_applied.unwrap_or(execution.updated);
    let due = later(applied, execution.plan.time_to_effect);
    if now < due || observation.at < due {
        return Verification::NotYet { until: due.max(now) };
    }
    let quality = observation.overall_quality();
    let unknown = |reason: String| (Verdict::Unknown, reason);
    let (verdict, reason) = if !quality.permits_action() {
        let until = later(due, patience);
        if now < until {
            return Verification::NotYet { until };
        }
        unknown(format!("{WANT_OF_EVIDENCE}, but {}", quality.level()))
    } else {
        let count = Count::of(execution, observation, expected);
        let faded = watch.faded(execution);
        if count.is_worse() {
            (Verdict::Degradation, count.to_string())
        } else if count.before == 0 {
            unknown("the plan explains no episode".to_owned())
        } else if faded > 0 {
            unknown(format!("{faded} episodes were gone before the first step took effect"))
        } else if watch.given_up() > 0 {
            let given_up = watch.given_up();
            unknown(format!("of {given_up} episodes nothing is known: their components are gone"))
        } else {
            (count.verdict(), count.to_string())
        }
    };
    let gone = watch.absent_since(execution).filter(|_| verdict == Verdict::Success);
    Verification::Judged(Judgement {
        verdict,
        reason,
        after: measure(execution, observation),
        time_to_effect: gone.map(|at| since(at, applied)),
        at: now,
    })
}

/// What is measured of an execution at one moment.
#[must_use]
pub(crate) fn measure(execution: &Execution, observation: &Observation) -> Measured {
    measure_for(&explained(execution), observation)
}

pub(crate) fn measure_for(
    explained: &BTreeSet<Fingerprint>,
    observation: &Observation,
) -> Measured {
    let open = open(observation);
    let explained_open = open.intersection(explained).count();
    Measured {
        explained_open: count(explained_open),
        other_open: count(open.len() - explained_open),
        values: observation.values(),
    }
}

/// The episodes before and after.
struct Count {
    before: usize,
    still: usize,
    new: usize,
}

impl Count {
    fn of(execution: &Execution, observation: &Observation, expected: &[OwnEffect]) -> Self {
        let explained = explained(execution);
        let still = open(observation).intersection(&explained).count();
        let new: BTreeSet<_> = observation
            .open
            .iter()
            .filter(|violation| violation.onset > execution.started)
            .filter(|violation| !expected.iter().any(|ours| ours.explains(violation)))
            .map(Violation::fingerprint)
            .filter(|fingerprint| !explained.contains(fingerprint))
            .collect();
        // What was open when it began, not what the plan was made for: a plan may have waited for its approval.
        let before = usize::try_from(execution.before.explained_open).unwrap_or(usize::MAX);
        Self { before, still, new: new.len() }
    }

    const fn after(&self) -> usize {
        self.still + self.new
    }

    const fn is_worse(&self) -> bool {
        self.after() > self.before
    }

    const fn verdict(&self) -> Verdict {
        if self.after() == 0 {
            Verdict::Success
        } else if self.after() * 2 <= self.before {
            Verdict::Partial
        } else {
            Verdict::Ineffective
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} episodes are still open", self.still, self.before)?;
        if self.new > 0 { write!(f, ", {} are new", self.new) } else { Ok(()) }
    }
}

pub(crate) fn explained(execution: &Execution) -> BTreeSet<Fingerprint> {
    execution.plan.explains.iter().map(|key| key.fingerprint).collect()
}

fn open(observation: &Observation) -> BTreeSet<Fingerprint> {
    fingerprints(&observation.open).collect()
}

fn fingerprints(violations: &[Violation]) -> impl Iterator<Item = Fingerprint> {
    violations.iter().map(Violation::fingerprint)
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

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
