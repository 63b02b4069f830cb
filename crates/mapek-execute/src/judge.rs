//! What an execution achieved, judged on fresh metrics.
//!
//! The episodes that the plan explains were frozen when it began. They are recognised by what they are about, not by their
//! onset, which may move; an episode that closed and came back is open. Beside them count the episodes that began on the
//! target since then, but for those that our own live actions are expected to bring about.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{
    Course, Direction, Duration, Execution, Fingerprint, Guard, Judgement, Measured, MetricName,
    Observation, Sight, Timestamp, Verdict, Violation, later, since,
};
use serde::{Deserialize, Serialize};

use crate::{Config, OwnEffect};

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
pub enum Verified {
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

/// Judges what `execution` achieved. Pure: the same arguments always give the same answer.
///
/// `expected` is what the execution itself is expected to bring about. How often is looked, and how often in a row something must be
/// seen, says the plan, or else `config`.
///
/// With *b* explained episodes, of which and of the new ones *n* are open: none open is success, n ≤ b/2 partial, n ≤ b ineffective,
/// n > b degradation, where symptoms of the treated cause that began before the time to effect count as late, not as harm, and unless what is treated is clearly better than its trend before would have led to: then more that is open is what
/// was coming anyway. A guarded value that got worse is a degradation, too. Where something was gone before the first step took
/// effect, or was on its way to be gone by now, it was healing by itself; and where something was given up, because its component is not
/// heard of any more, nobody knows: unless things got worse nothing can be said. Looks that contradict each other until patience ends
/// say nothing either.
#[must_use]
pub fn judge(
    execution: &Execution,
    watch: &Watch,
    observation: &Observation,
    expected: &[OwnEffect],
    now: Timestamp,
    config: &Config,
) -> Verified {
    let spec = execution.plan.verification.as_ref().unwrap_or(&config.verification);
    let applied = execution.last_applied.unwrap_or(execution.updated);
    let first = later(applied, execution.plan.time_to_effect);
    let begin = if spec.early { later(applied, spec.interval).min(first) } else { first };
    let due = execution.looks.last().map_or(begin, |look| later(look.at, spec.interval));
    if now < due || observation.at < due {
        return Verified::NotYet { until: due.max(now) };
    }
    let quality = observation.overall_quality();
    if now < first {
        return early(execution, observation, expected, now, spec).unwrap_or_else(|| {
            Verified::NotYet { until: later(now, spec.interval).min(first) }
        });
    }
    if !quality.permits_action() {
        let until = later(due, config.verification_patience);
        if now < until {
            return Verified::NotYet { until };
        }
        let reason = format!("{WANT_OF_EVIDENCE}, but {}", quality.level());
        return judged(Verdict::Unknown, reason, execution, watch, observation, now);
    }
    let seen = Seen::of(execution, observation, expected, &spec.guards, now);
    let in_a_row = seen.in_a_row(execution);
    let unknown = nothing_can_be_said(execution, watch, &seen);
    let verdict = match (seen.sight, unknown) {
        (Sight::Worse, _) if in_a_row >= usize::from(spec.failures) => {
            Some((Verdict::Degradation, seen.reason.clone()))
        }
        (Sight::Worse, _) => None,
        (_, Some(reason)) => Some((Verdict::Unknown, reason)),
        (Sight::Healed, None) => (in_a_row >= usize::from(spec.successes))
            .then(|| (Verdict::Success, seen.reason.clone())),
        (Sight::Better, None) => None,
        (Sight::Same, None) => Some((seen.count.verdict(), seen.reason.clone())),
    };
    let last = now >= later(first, config.verification_patience);
    let at_last = || match seen.sight {
        Sight::Better | Sight::Same => (seen.count.verdict(), seen.reason.clone()),
        _ => (Verdict::Unknown, format!("no two looks agree, the last one: {}", seen.reason)),
    };
    match verdict.or_else(|| last.then(at_last)) {
        Some((verdict, reason)) => judged(verdict, reason, execution, watch, observation, now),
        None => Verified::Looked { sight: seen.sight, left: seen.left, reason: seen.reason },
    }
}

/// Before the effect can be there only harm is looked for. `None` if there is none to be seen.
fn early(
    execution: &Execution,
    observation: &Observation,
    expected: &[OwnEffect],
    now: Timestamp,
    spec: &mapek_model::Verification,
) -> Option<Verified> {
    let seen = Seen::of(execution, observation, expected, &spec.guards, now);
    if !observation.overall_quality().permits_action() {
        return None;
    }
    if seen.sight != Sight::Worse {
        // What was worse and is not any more begins anew.
        let was_worse = execution.looks.last().is_some_and(|look| look.sight == Sight::Worse);
        return was_worse.then_some(Verified::Looked {
            sight: seen.sight,
            left: seen.left,
            reason: seen.reason,
        });
    }
    Some(if seen.in_a_row(execution) >= usize::from(spec.failures) {
        Verified::Judged(Judgement {
            verdict: Verdict::Degradation,
            reason: seen.reason,
            after: measure(execution, observation),
            time_to_effect: None,
            at: now,
        })
    } else {
        Verified::Looked { sight: seen.sight, left: seen.left, reason: seen.reason }
    })
}

fn judged(
    verdict: Verdict,
    reason: String,
    execution: &Execution,
    watch: &Watch,
    observation: &Observation,
    now: Timestamp,
) -> Verified {
    let gone = watch.absent_since(execution).filter(|_| verdict == Verdict::Success);
    let applied = execution.last_applied.unwrap_or(execution.updated);
    Verified::Judged(Judgement {
        verdict,
        reason,
        after: measure(execution, observation),
        time_to_effect: gone.map(|at| since(at, applied)),
        at: now,
    })
}

/// Why no verdict can be given on what did not get worse, if so.
fn nothing_can_be_said(execution: &Execution, watch: &Watch, seen: &Seen) -> Option<String> {
    let faded = watch.faded(execution);
    let given_up = watch.given_up();
    if seen.count.before == 0 {
        Some("the plan explains no episode".to_owned())
    } else if faded > 0 {
        Some(format!("{faded} episodes were gone before the first step took effect"))
    } else if given_up > 0 {
        Some(format!("of {given_up} episodes nothing is known: their components are gone"))
    } else if seen.sight == Sight::Healed && was_healing(execution, watch) {
        Some("by its trend before, it would be gone by now without us".to_owned())
    } else {
        None
    }
}

/// Whether all that is explained and has a value was on its way back, and would have been there when it was.
fn was_healing(execution: &Execution, watch: &Watch) -> bool {
    let Some(gone) = watch.absent_since(execution) else { return false };
    let courses = &execution.before.courses;
    let elapsed = since(gone, execution.started);
    !courses.is_empty() && courses.values().all(|course| course.beyond_after(elapsed) == 0.0)
}

/// What one look shows.
struct Seen {
    count: Count,
    sight: Sight,
    left: Option<f64>,
    reason: String,
}

/// What is treated is clearly better if no more than this is left of what doing nothing would have led to.
const CLEARLY_BETTER: f64 = 0.8;
/// What has not halved since the look before is not on its way: it halves only so often.
const ON_ITS_WAY: f64 = 0.5;

impl Seen {
    fn of(
        execution: &Execution,
        observation: &Observation,
        expected: &[OwnEffect],
        guards: &[Guard],
        now: Timestamp,
    ) -> Self {
        let count = Count::of(execution, observation, expected);
        let elapsed = since(now, execution.started);
        let left = left(execution, observation, elapsed);
        let clearly_better = left.is_some_and(|left| left <= CLEARLY_BETTER);
        let earlier = execution.looks.iter().rev().find_map(|look| look.left).unwrap_or(1.0);
        let on_its_way = left.is_some_and(|left| left <= earlier * ON_ITS_WAY);
        let tripped =
            guards.iter().find_map(|it| tripped(it, execution, observation, expected, elapsed));
        let (sight, reason) = match tripped {
            Some(reason) => (Sight::Worse, reason),
            None if count.after() == 0 => (Sight::Healed, count.to_string()),
            None if count.is_worse() && !clearly_better => (Sight::Worse, count.to_string()),
            None if on_its_way => (Sight::Better, format!("{count}, on their way back")),
            None => (Sight::Same, count.to_string()),
        };
        Self { count, sight, left, reason }
    }

    /// For how many looks in a row, this one included, it was like that.
    fn in_a_row(&self, execution: &Execution) -> usize {
        1 + execution.looks.iter().rev().take_while(|look| look.sight == self.sight).count()
    }
}

/// The share that is left of the worst that the plan explains, of what doing nothing would have led to. `None` where no episode
/// had a value.
fn left(execution: &Execution, observation: &Observation, elapsed: Duration) -> Option<f64> {
    let open = observation.open.iter().map(|it| (it.fingerprint(), it));
    let open: BTreeMap<_, _> = open.collect();
    let mut worst: Option<f64> = None;
    for (fingerprint, course) in &execution.before.courses {
        let now = match open.get(fingerprint) {
            Some(violation) => beyond(violation)?,
            None => 0.0,
        };
        let without = course.beyond_after(elapsed);
        // What would be back by itself, and is not, is none the better for us.
        let share = if now == 0.0 { 0.0 } else { (now / without).min(1.0) };
        worst = Some(worst.map_or(share, |worst| worst.max(share)));
    }
    worst
}

/// How far an open episode is beyond its threshold.
fn beyond(violation: &Violation) -> Option<f64> {
    let beyond = (violation.value? - violation.threshold?).abs();
    beyond.is_finite().then_some(beyond)
}

/// What a guard says against the execution, if anything. It is not asked where what it guards is treated, or expected of our own.
fn tripped(
    guard: &Guard,
    execution: &Execution,
    observation: &Observation,
    expected: &[OwnEffect],
    elapsed: Duration,
) -> Option<String> {
    let explained = explained(execution);
    let part = execution.plan.cause.component.as_ref();
    let is_ours = guard.expectations.iter().any(|expectation| {
        [None, part].iter().any(|at| explained.contains(&Fingerprint::of_breach(expectation, *at)))
            || expected.iter().any(|ours| ours.expectation == *expectation)
    });
    if is_ours {
        return None;
    }
    let now = observation.value(&guard.value)?;
    let without = execution.before.led_to(&guard.value, elapsed)?;
    let value = &guard.value;
    guard.is_worse(without, now).then(|| format!("{value} is {now:.3}, not {without:.3} as it was"))
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
    let values = observation.values();
    let going = observation.trends.iter().filter(|trend| trend.direction != Direction::Steady);
    let slopes = going
        .filter_map(|trend| Some((MetricName::try_new(&trend.name).ok()?, trend.slope)))
        .filter(|(name, slope)| slope.is_finite() && values.contains_key(name))
        .collect();
    let courses = observation.open.iter().filter_map(|violation| {
        let fingerprint = violation.fingerprint();
        let (value, threshold) = (violation.value?, violation.threshold?);
        let slope = observation.slopes.get(&fingerprint).copied().unwrap_or(0.0);
        let finite = [value, threshold, slope].iter().all(|it| it.is_finite());
        (finite && explained.contains(&fingerprint))
            .then_some((fingerprint, Course { value, threshold, slope }))
    });
    Measured {
        explained_open: count(explained_open),
        other_open: count(open.len() - explained_open),
        slopes,
        courses: courses.collect(),
        values,
    }
}

/// The episodes before and after.
struct Count {
    before: usize,
    still: usize,
    /// New ones that the treated cause brings about, and that the plan could not have kept from coming.
    late: usize,
    new: usize,
}

impl Count {
    fn of(execution: &Execution, observation: &Observation, expected: &[OwnEffect]) -> Self {
        let explained = explained(execution);
        let still = open(observation).intersection(&explained).count();
        let effect = execution.last_applied.map(|at| later(at, execution.plan.time_to_effect));
        let is_late = |violation: &&Violation| {
            let mut symptoms = execution.plan.symptoms.iter();
            effect.is_none_or(|effect| violation.onset < effect)
                && symptoms.any(|it| it.matches(violation.expectation.as_str()))
        };
        let begun: BTreeMap<_, _> = observation
            .open
            .iter()
            .filter(|violation| violation.onset > execution.started)
            .filter(|violation| !expected.iter().any(|ours| ours.explains(violation)))
            .map(|violation| (violation.fingerprint(), violation))
            .filter(|(fingerprint, _)| !explained.contains(fingerprint))
            .collect();
        let late = begun.values().filter(|violation| is_late(violation)).count();
        // What was open when it began, not what the plan was made for: a plan may have waited for its approval.
        let before = usize::try_from(execution.before.explained_open).unwrap_or(usize::MAX);
        Self { before, still, late, new: begun.len() - late }
    }

    const fn after(&self) -> usize {
        self.still + self.late + self.new
    }

    const fn is_worse(&self) -> bool {
        self.still + self.new > self.before
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
        if self.late > 0 {
            write!(f, ", {} of the same cause came late", self.late)?;
        }
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
