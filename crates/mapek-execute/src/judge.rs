//! What an execution achieved, judged on fresh metrics.
//!
//! The episodes that the plan explains were frozen when it began. They are recognised by what they are about, not by
//! their onset, which may move; an episode that closed and came back is open. Beside them count the episodes that
//! began on the target since then, but for those that our own live actions are expected to bring about.

mod look;
mod measure;
mod watch;

use std::collections::BTreeSet;

use mapek_model::{
    Duration, Execution, Fingerprint, Judgement, Measured, Observation, Plan, Sight, Timestamp,
    Verdict, Verification, Violation, later, since,
};

use crate::{Config, OwnEffect};
use look::Seen;
use measure::measure;

pub(crate) use measure::measure_for;
pub use watch::Watch;

/// How a judgement for want of evidence begins; the breaker tells it apart by that.
const WANT_OF_EVIDENCE: &str = "evidence was not fresh";

pub(crate) fn is_for_want_of_evidence(judgement: &Judgement) -> bool {
    judgement.reason.starts_with(WANT_OF_EVIDENCE)
}

/// What verification says at one moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Examined {
    /// It is too early, or the evidence is not fresh yet. Look again then, or before.
    NotYet {
        /// When.
        until: Timestamp,
    },
    /// It was looked at, and one such look decides nothing.
    Looked {
        /// What it showed.
        sight: Sight,
        /// The share that is left of the worst that the plan explains.
        left: Option<f64>,
        /// In words.
        reason: String,
    },
    /// It is known, or it is known that it will not be.
    Judged(Judgement),
}

/// All that a judgement rests on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The execution, whose steps are all done.
    pub execution: &'a Execution,
    /// What was seen before of the episodes that its plan explains.
    pub watch: &'a Watch,
    /// What is seen now.
    pub observation: &'a Observation,
    /// What the execution itself is expected to bring about.
    pub expected: &'a [OwnEffect],
    /// What others have changed of what the execution changes, since it sent that, in words.
    pub others: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
}

/// Judges what an execution achieved. Pure: the same arguments always give the same answer. How often is looked, and
/// how often in a row something must be seen, says its plan, or else `config`.
///
/// With *b* explained episodes, of which and of the new ones *n* are open: none open is success, n ≤ b/2 partial, n ≤
/// b ineffective, n > b degradation.
///
/// - Symptoms of the treated cause that began before the time to effect came late; they are not counted as harm.
/// - It is no degradation while what is treated is clearly better than its trend before would have led to: then more that is open
///   was coming anyway.
/// - A guarded value that got worse is a degradation, whatever became of the cause.
/// - Where something was gone before the first step took effect, or was on its way to be gone by now, it was healing by itself; where
///   something was given up, because its component is not heard of any more, nobody knows; nor where others have
///   changed since what the execution had. Unless things got worse nothing can be said.
/// - Looks that contradict each other until patience ends say nothing either.
#[must_use]
pub fn judge(case: &Case<'_>, config: &Config) -> Examined {
    let mut examined = examine(case, config);
    if let Examined::Judged(Judgement { after, .. }) = &mut examined {
        after.guarded = guarded(&case.execution.plan, after, case.expected, config);
    }
    examined
}

fn examine(case: &Case<'_>, config: &Config) -> Examined {
    let Case { execution, observation, now, .. } = *case;
    let spec = &case.spec(config);
    let applied = case.applied();
    let first = later(applied, execution.plan.time_to_effect);
    let begin = if spec.early { later(applied, spec.interval).min(first) } else { first };
    let due = execution.looks.last().map_or(begin, |look| later(look.at, spec.interval));
    if now < due || observation.at < due {
        return Examined::NotYet { until: due.max(now) };
    }
    let fresh = observation.overall_quality().permits_action();
    if now < first {
        let next = later(now, spec.interval).min(first);
        let seen = fresh.then(|| early(case, spec)).flatten();
        return seen.unwrap_or(Examined::NotYet { until: next });
    }
    if !fresh {
        let until = later(due, config.verification_patience);
        if now < until {
            return Examined::NotYet { until };
        }
        let level = observation.overall_quality().level();
        return case.judged(Verdict::Unknown, format!("{WANT_OF_EVIDENCE}, but {level}"));
    }
    let seen = Seen::of(case, &spec.guards);
    let last = now >= later(first, config.verification_patience);
    let (verdict, reason) = match (seen.sight, case.nothing_can_be_said(&seen)) {
        (Sight::Worse, _) if case.is_seen_for(&seen, spec.failures) => {
            (Verdict::Degradation, seen.reason)
        }
        (sight, Some(reason)) if sight != Sight::Worse => (Verdict::Unknown, reason),
        (Sight::Healed, _) if case.is_seen_for(&seen, spec.successes) => {
            (Verdict::Success, seen.reason)
        }
        (Sight::Same, _) => (seen.count.verdict(), seen.reason),
        (Sight::Better, _) if last => (seen.count.verdict(), seen.reason),
        _ if last => {
            (Verdict::Unknown, format!("no two looks agree, the last one: {}", seen.reason))
        }
        _ => return seen.into_look(),
    };
    case.judged(verdict, reason)
}

/// Before the effect can be there only harm is looked for. `None` if there is none to be seen.
fn early(case: &Case<'_>, spec: &Verification) -> Option<Examined> {
    let seen = Seen::of(case, &spec.guards);
    if seen.sight == Sight::Worse {
        return Some(if case.is_seen_for(&seen, spec.failures) {
            case.judged(Verdict::Degradation, seen.reason)
        } else {
            seen.into_look()
        });
    }
    // What was worse and is not any more begins anew.
    let was_worse = case.execution.looks.last().is_some_and(|look| look.sight == Sight::Worse);
    was_worse.then(|| seen.into_look())
}

impl Case<'_> {
    /// How is looked: as for all plans, but for what the plan says itself.
    fn spec(&self, config: &Config) -> Verification {
        spec(&self.execution.plan, config)
    }

    /// When the newest step took effect.
    fn applied(&self) -> Timestamp {
        self.execution.last_applied.unwrap_or(self.execution.updated)
    }

    /// How long ago the execution began.
    fn elapsed(&self) -> Duration {
        since(self.now, self.execution.started)
    }

    /// Whether it was like that for so many looks in a row, this one included.
    fn is_seen_for(&self, seen: &Seen, looks: u16) -> bool {
        let before = self.execution.looks.iter().rev().take_while(|look| look.sight == seen.sight);
        before.count() + 1 >= usize::from(looks)
    }

    /// Why no verdict can be given on what did not get worse, if so.
    fn nothing_can_be_said(&self, seen: &Seen) -> Option<String> {
        let faded = self.watch.faded(self.execution);
        let given_up = self.watch.given_up();
        if seen.count.before == 0 {
            Some("the plan explains no episode".to_owned())
        } else if let Some(others) = self.others {
            Some(format!("others have changed since what it had changed ({others})"))
        } else if faded > 0 {
            Some(format!("{faded} episodes were gone before the first step took effect"))
        } else if given_up > 0 {
            Some(format!("of {given_up} episodes nothing is known: their components are gone"))
        } else if seen.sight == Sight::Healed && self.was_healing() {
            Some("by its trend before, it would be gone by now without us".to_owned())
        } else {
            None
        }
    }

    /// Whether all that is explained and has a value was on its way back, and would have been there when it was.
    fn was_healing(&self) -> bool {
        let Some(gone) = self.watch.absent_since(self.execution) else { return false };
        let elapsed = since(gone, self.execution.started);
        let courses = &self.execution.before.courses;
        !courses.is_empty() && courses.values().all(|course| course.beyond_after(elapsed) == 0.0)
    }

    fn judged(&self, verdict: Verdict, reason: String) -> Examined {
        let gone = self.watch.absent_since(self.execution);
        let gone = gone.filter(|_| verdict == Verdict::Success);
        Examined::Judged(Judgement {
            verdict,
            reason,
            after: measure(self.execution, self.observation),
            time_to_effect: gone.map(|at| since(at, self.applied())),
            at: self.now,
        })
    }
}

impl Seen {
    fn into_look(self) -> Examined {
        Examined::Looked { sight: self.sight, left: self.left, reason: self.reason }
    }
}

/// How is looked for the effect of a plan: as for all plans, but for what it says itself.
fn spec(plan: &Plan, config: &Config) -> Verification {
    let (general, own) = (&config.verification, plan.verification.as_ref());
    own.map_or_else(|| general.clone(), |own| general.overridden_by(own))
}

/// The values that are guarded while a plan runs, of those that were measured.
pub(crate) fn guarded(
    plan: &Plan,
    measured: &Measured,
    expected: &[OwnEffect],
    config: &Config,
) -> BTreeSet<String> {
    let guards = spec(plan, config).guards.into_iter();
    let known = |value: &str| measured.values.keys().any(|name| name.as_str() == value);
    let asked = guards.filter(|it| known(&it.value) && !look::is_ours(it, plan, expected));
    asked.map(|guard| guard.value).collect()
}

pub(crate) fn explained(plan: &Plan) -> BTreeSet<Fingerprint> {
    plan.explains.iter().map(|key| key.fingerprint).collect()
}

fn open(observation: &Observation) -> BTreeSet<Fingerprint> {
    fingerprints(&observation.open).collect()
}

fn fingerprints(violations: &[Violation]) -> impl Iterator<Item = Fingerprint> {
    violations.iter().map(Violation::fingerprint)
}
