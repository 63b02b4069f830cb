//! What one look shows.

use std::{collections::BTreeMap, fmt};

use mapek_model::{Fingerprint, Guard, Measured, Plan, Sight, Verdict, Violation, later};

use super::{Case, explained, open};
use crate::OwnEffect;

/// What is treated is clearly better if no more than this is left of what doing nothing would have led to.
const CLEARLY_BETTER: f64 = 0.8;
/// What has not halved since the look before is not on its way: it halves only so often.
const ON_ITS_WAY: f64 = 0.5;

/// What one look shows.
pub(super) struct Seen {
    pub(super) count: Count,
    pub(super) sight: Sight,
    /// The share that is left of the worst that the plan explains.
    pub(super) left: Option<f64>,
    pub(super) reason: String,
}

impl Seen {
    pub(super) fn of(case: &Case<'_>, guards: &[Guard]) -> Self {
        let count = Count::of(case);
        let left = left(case);
        let is_better = left.is_some_and(|left| left <= CLEARLY_BETTER);
        let before = case.execution.looks.iter().rev().find_map(|look| look.left).unwrap_or(1.0);
        let halved = left.is_some_and(|left| left > 0.0 && left <= before * ON_ITS_WAY);
        // What is treated is gone, and so will be what came late of it.
        let only_late = left == Some(0.0) && count.new == 0;
        let tripped = guards.iter().find_map(|guard| tripped(guard, case));
        let (sight, reason) = match tripped {
            Some(reason) => (Sight::Worse, reason),
            None if count.after() == 0 => (Sight::Healed, count.to_string()),
            None if count.is_worse() && !is_better => (Sight::Worse, count.to_string()),
            None if halved || only_late => (Sight::Better, format!("{count}, on their way back")),
            None => (Sight::Same, count.to_string()),
        };
        Self { count, sight, left, reason }
    }
}

/// The share that is left of the worst that the plan explains, of what doing nothing would have led to. `None` where nothing
/// that it explains had a value, or has none now.
fn left(case: &Case<'_>) -> Option<f64> {
    let open = case.observation.open.iter().map(|it| (it.fingerprint(), it));
    let open: BTreeMap<_, _> = open.collect();
    let elapsed = case.elapsed();
    let mut worst: Option<f64> = None;
    for (fingerprint, course) in &case.execution.before.courses {
        let now = match open.get(fingerprint) {
            Some(violation) => beyond(violation)?,
            None => 0.0,
        };
        // What would be back by itself, and is not, is none the better for us.
        let without = course.beyond_after(elapsed);
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
fn tripped(guard: &Guard, case: &Case<'_>) -> Option<String> {
    if is_ours(guard, &case.execution.plan, case.expected) {
        return None;
    }
    let before: &Measured = &case.execution.before;
    let (now, without) =
        (case.observation.value(&guard.value)?, before.led_to(&guard.value, case.elapsed())?);
    let value = &guard.value;
    guard.is_worse(without, now).then(|| format!("{value} is {now:.3}, not {without:.3} as it was"))
}

/// Whether what is breached when a guarded value is bad is what a plan treats, or what is expected of our own.
pub(super) fn is_ours(guard: &Guard, plan: &Plan, expected: &[OwnEffect]) -> bool {
    let explained = explained(plan);
    let part = plan.cause.component.as_ref();
    guard.expectations.iter().any(|expectation| {
        [None, part].iter().any(|at| explained.contains(&Fingerprint::of_breach(expectation, *at)))
            || expected.iter().any(|ours| ours.expectation == *expectation)
    })
}

/// The episodes before and after.
pub(super) struct Count {
    pub(super) before: usize,
    still: usize,
    /// New ones that the treated cause brings about, and that the plan could not have kept from coming.
    late: usize,
    new: usize,
}

impl Count {
    fn of(case: &Case<'_>) -> Self {
        let Case { execution, observation, expected, .. } = *case;
        let explained = explained(&execution.plan);
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

    pub(super) const fn verdict(&self) -> Verdict {
        if self.after() == 0 {
            Verdict::Success
        } else if self.after() * 2 <= self.before {
            Verdict::Partial
        } else {
            Verdict::Ineffective
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} episodes are still open", self.still, self.before)?;
        if self.late > 0 {
            write!(f, ", {} of the same cause came late", self.late)?;
        }
        if self.new > 0 { write!(f, ", {} are new", self.new) } else { Ok(()) }
    }
}
