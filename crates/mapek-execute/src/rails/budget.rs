//! How often, and how often with harm.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{
    ActionKind, Duration, Execution, Judgement, Plan, StepStatus, Timestamp, Verdict, earlier,
    later, since,
};
use serde::{Deserialize, Serialize};

use super::{Context, Rail, Refusal};
use crate::judge::is_for_want_of_evidence;

/// How often actions may be done on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetConfig {
    /// How many plans may begin on a target within an hour.
    pub plans_per_hour: u32,
    /// How many actions of a kind may be done on a target within an hour.
    pub actions_per_hour: u32,
    /// The same for single kinds.
    pub kinds: BTreeMap<ActionKind, u32>,
    /// How long after an action of a kind ended the next of that kind may begin.
    #[serde(with = "mapek_model::duration")]
    pub cooldown: Duration,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            // A loop that acts every ten minutes for an hour does not understand what it treats.
            plans_per_hour: 6,
            actions_per_hour: 4,
            kinds: BTreeMap::new(),
            // Long enough for metrics over five minutes to show the action before.
            cooldown: Duration::from_secs(120),
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(super) struct Budget(BudgetConfig);

impl Budget {
    pub(super) const fn new(config: BudgetConfig) -> Self {
        Self(config)
    }

    fn check_kind(&self, context: &Context<'_>, kind: &ActionKind) -> Result<(), Refusal> {
        let past: Vec<_> =
            context.others.iter().filter(|other| may_have_done(other, kind)).collect();
        let from = earlier(context.now, HOUR);
        let lately = past.iter().map(|other| other.started).filter(|started| *started > from);
        let lately: Vec<_> = lately.collect();
        let used = lately.len();
        let limit = self.0.kinds.get(kind).copied().unwrap_or(self.0.actions_per_hour);
        if used >= limit as usize {
            let reason = format!("{kind} ran {used} times within an hour, {limit} are allowed");
            return Err(Refusal::new("budget", reason).unless(room(lately, limit)));
        }
        let newest = past.iter().map(|other| other.updated).max();
        let rest = newest
            .and_then(|at| self.0.cooldown.checked_sub(since(context.now, at)))
            .filter(|rest| !rest.is_zero());
        rest.map_or(Ok(()), |rest| {
            let reason = format!("{kind} ran lately, wait {}", mapek_model::duration::format(rest));
            let unless = format!("it is {} or later", later(context.now, rest));
            Err(Refusal::new("cooldown", reason).unless(unless))
        })
    }
}

impl Rail for Budget {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        if context.execution.is_some() {
            return Ok(()); // paid for when it began
        }
        let from = earlier(context.now, HOUR);
        let started = context.others.iter().map(|other| other.started);
        let lately: Vec<_> = started.filter(|started| *started > from).collect();
        let begun = lately.len();
        let limit = self.0.plans_per_hour;
        if begun >= limit as usize {
            let reason = format!("{begun} plans began within an hour, {limit} are allowed");
            return Err(Refusal::new("budget", reason).unless(room(lately, limit)));
        }
        kinds(context.plan).iter().try_for_each(|kind| self.check_kind(context, kind))
    }
}

/// When so few began within the hour before that one more may.
fn room(mut started: Vec<Timestamp>, limit: u32) -> String {
    started.sort_unstable();
    // Of those that count, all but the newest few have to be an hour old.
    match (started.len().checked_sub(limit as usize), limit) {
        (Some(last), 1..) => format!("it is {} or later", later(started[last], HOUR)),
        _ => "the budget allows any".to_owned(),
    }
}

/// When a kind has done harm too often: it is disabled then until a person re-arms it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// How many degradations, or unknowns for want of evidence, disable a kind.
    pub failures: u32,
    /// Within which time.
    #[serde(with = "mapek_model::duration")]
    pub window: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 2, window: Duration::from_secs(24 * 3600) }
    }
}

#[derive(Debug)]
pub(crate) struct Breaker(BreakerConfig);

impl Breaker {
    pub(crate) const fn new(config: BreakerConfig) -> Self {
        Self(config)
    }

    /// When executions with this kind did harm, since a person last re-armed it, in order.
    fn harm(
        others: &[&Execution],
        rearmed: &BTreeMap<ActionKind, Timestamp>,
        kind: &ActionKind,
    ) -> Vec<Timestamp> {
        let rearmed = rearmed.get(kind).copied().unwrap_or(Timestamp::MIN);
        let mut times: Vec<_> = others
            .iter()
            .filter(|other| may_have_done(other, kind))
            .filter_map(|other| other.judgement.as_ref())
            .filter(|judgement| did_harm(judgement) && judgement.at > rearmed)
            .map(|judgement| judgement.at)
            .collect();
        times.sort_unstable();
        times
    }

    /// The kinds that it has disabled, each with the last harm.
    pub(crate) fn disabled(
        &self,
        others: &[&Execution],
        rearmed: &BTreeMap<ActionKind, Timestamp>,
    ) -> BTreeMap<ActionKind, Timestamp> {
        let kinds: BTreeSet<_> = others.iter().flat_map(|other| kinds(&other.plan)).collect();
        let tripped = |kind: ActionKind| {
            let times = Self::harm(others, rearmed, &kind);
            let last = *times.last()?;
            self.has_tripped(&times).then_some((kind, last))
        };
        kinds.into_iter().filter_map(tripped).collect()
    }

    /// Whether so many of them lie within one window; how long ago does not matter, only a person re-arms it.
    fn has_tripped(&self, times: &[Timestamp]) -> bool {
        crowded(times, self.0.failures, self.0.window)
    }
}

/// Whether so many (at least one) of these times, which are in order, lie within one window.
pub(super) fn crowded(times: &[Timestamp], count: u32, window: Duration) -> bool {
    times.windows(count.max(1) as usize).any(|run| match (run.first(), run.last()) {
        (Some(first), Some(last)) => since(*last, *first) <= window,
        _ => false,
    })
}

/// Whether the breaker counts it.
pub(crate) fn did_harm(judgement: &Judgement) -> bool {
    match judgement.verdict {
        Verdict::Degradation => true,
        Verdict::Unknown => is_for_want_of_evidence(judgement),
        _ => false,
    }
}

impl Rail for Breaker {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        if context.execution.is_some() {
            return Ok(()); // it was armed when the plan began
        }
        let tripped = kinds(context.plan)
            .into_iter()
            .find(|kind| self.has_tripped(&Self::harm(context.others, context.rearmed, kind)));
        tripped.map_or(Ok(()), |kind| {
            let reason = format!("{kind} did harm too often; a person has to re-arm it");
            let unless = format!("a person re-arms {kind}");
            Err(Refusal::new("breaker", reason).unless(unless))
        })
    }
}

fn kinds(plan: &Plan) -> Vec<ActionKind> {
    let mut kinds: Vec<_> = plan.steps.iter().map(|step| step.action.kind()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Whether an action of this kind may have been done, undone or not.
fn may_have_done(execution: &Execution, kind: &ActionKind) -> bool {
    execution.plan.steps.iter().zip(execution.status.steps()).any(|(step, status)| {
        step.action.kind() == *kind
            && !matches!(status, StepStatus::Waiting | StepStatus::Refused | StepStatus::Skipped)
    })
}
