//! Cycle after cycle of the past.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::ControlFlow,
    sync::Arc,
};

use mapek_execute::{Context, Decision, Rails};
use mapek_loop::{Cycle, CycleReport, WakeReason};
use mapek_model::{
    Cause, Confidence, Level, Observation, Plan, PlanHash, PlanId, PlanSignature, Score, Timestamp,
    Verdict,
};
use serde::{Serialize, Serializer};

use super::{BacktestError, Past, Summary};

/// One cycle: what the loop reports, and what the rails would have said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// The cycle, as a loop at work would have reported it.
    #[serde(serialize_with = "shared")]
    pub cycle: Arc<CycleReport>,
    /// The plans that it proposes, best first.
    pub proposed: Vec<Proposed>,
    /// Whether some evidence was missing, so that nothing could be known.
    pub blind: bool,
    /// What could not be worked out, and why; nothing if all could.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// A plan that would have been proposed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposed {
    /// Which plan; it is in the cycle's report.
    pub plan: PlanId,
    /// What it would do.
    pub hash: PlanHash,
    /// The kinds of its actions.
    pub kinds: PlanSignature,
    /// Its actions in words.
    pub actions: String,
    /// What it is against.
    pub cause: Cause,
    /// How likely that is.
    pub confidence: Confidence,
    /// What it is worth.
    pub score: Score,
    /// What the rails, as they are configured, would have said.
    pub rails: Decision,
    /// What came of it.
    pub effect: Effect,
}

/// What came of a plan, as far as the record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// It was not executed: nothing in the record is of it.
    Unknown,
    /// The same plan was executed in that cycle, and judged so.
    Judged(Verdict),
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Judged(verdict) => write!(f, "then: {verdict}"),
        }
    }
}

/// Runs `cycle`, which is composed over `past`, from its beginning to its end: when it is due, and when an alert begins to fire. `take` is
/// told of each cycle, and may break off; the summary is then of what was told.
///
/// `rails` are those of the configuration. The loop's own let nothing pass, so they cannot say what others would have.
///
/// The same record and the same configuration give the same bytes.
///
/// # Errors
///
/// [`BacktestError::Unreadable`] if the record cannot be read any more: the cycles so far are right, and those that are left would not be.
pub async fn backtest(
    past: &Past,
    cycle: &mut Cycle,
    rails: &Rails,
    mut take: impl FnMut(&Replayed) -> ControlFlow<()>,
) -> Result<Summary, BacktestError> {
    let mut summary = Summary::new(past);
    let mut now = past.span.from();
    let mut woken_by = BTreeSet::from([WakeReason::Start, WakeReason::Interval]);
    while now <= past.span.to() {
        past.clock.advance_to(now);
        let report = cycle.run_once(now, std::mem::take(&mut woken_by)).await;
        if let Some(error) = past.metrics.failure() {
            return Err(BacktestError::unreadable(error));
        }
        let due = report.next_due;
        let replayed = Replayed::of(report, cycle.observation(), rails);
        summary.take(&replayed);
        if take(&replayed).is_break() {
            break;
        }
        let alert = past.alerts.as_ref().and_then(|it| it.next_start(now));
        let woken = alert.filter(|alert| *alert <= due);
        woken_by.extend(woken.map(|_| WakeReason::Alert));
        now = woken.unwrap_or(due);
        if now == due {
            woken_by.insert(cycle.due_for());
        }
    }
    Ok(summary)
}

impl Replayed {
    fn of(cycle: Arc<CycleReport>, seen: Option<&Observation>, rails: &Rails) -> Self {
        let proposed = seen.into_iter().flat_map(|seen| {
            let plans = cycle.planning.plans.iter();
            plans.map(|plan| Proposed::of(plan, ask(rails, plan, seen, cycle.at)))
        });
        let proposed = proposed.collect();
        let quality = seen.map(Observation::overall_quality);
        let blind = quality.is_none_or(|it| it.level() == Level::Unknown);
        Self { cycle, proposed, blind, left_out: Vec::new() }
    }

    /// Whether anything was breached, or ceased to be.
    #[must_use]
    pub fn has_seen_something(&self) -> bool {
        !self.cycle.seen.open.is_empty() || !self.cycle.seen.closed.is_empty()
    }
}

/// What the rails say where nobody has approved anything, and nothing else is or was at work.
fn ask(rails: &Rails, plan: &Plan, observation: &Observation, now: Timestamp) -> Decision {
    rails.decide(&Context {
        plan,
        execution: None,
        observation,
        now,
        approvals: &BTreeSet::new(),
        others: &[],
        damaged: &[],
        foreign: &[],
        resources: &[],
        rearmed: &BTreeMap::new(),
        paused: None,
    })
}

impl Proposed {
    pub(super) fn of(plan: &Plan, rails: Decision) -> Self {
        Self {
            plan: plan.id,
            hash: plan.hash(),
            kinds: PlanSignature::new(plan.steps.iter().map(|step| step.action.kind())),
            actions: words(plan),
            cause: plan.cause.clone(),
            confidence: plan.confidence,
            score: plan.score,
            rails,
            effect: Effect::Unknown,
        }
    }
}

fn words(plan: &Plan) -> String {
    let steps: Vec<_> = plan.steps.iter().map(|step| step.action.to_string()).collect();
    steps.join(", then ")
}

/// Most breaches that a line names.
const NAMED_MAX: usize = 4;

impl fmt::Display for Replayed {
    /// One line: what is seen, what it is taken for, what is proposed, and what the rails would have said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CycleReport { at, seen, diagnosis, planning, .. } = &*self.cycle;
        write!(f, "{at}  ")?;
        if seen.open.is_empty() {
            let over: Vec<_> = seen.closed.iter().map(|it| it.expectation.as_str()).collect();
            return write!(f, "over: {}", several(&over));
        }
        let open: Vec<String> = seen
            .open
            .iter()
            .map(|it| match &it.component {
                Some(part) => format!("{} at {part}", it.expectation),
                None => it.expectation.to_string(),
            })
            .collect();
        let open: Vec<_> = open.iter().map(String::as_str).collect();
        write!(f, "{}", several(&open))?;
        match diagnosis.causes.first() {
            Some(first) => {
                let percent = first.confidence.get() * 100.0;
                write!(f, " | {} {percent:.0} %", first.cause)?;
            }
            None => write!(f, " | cause unknown")?,
        }
        if let Some(best) = self.proposed.first() {
            let Proposed { actions, score, rails, effect, .. } = best;
            write!(f, " | {actions}, score {:.2} | rails: {rails}", score.get())?;
            write!(f, " | effect {effect}")?;
            match self.proposed.len() {
                1 => Ok(()),
                all => write!(f, " | and {} more", all - 1),
            }
        } else if let Some(waiting) = planning.waiting.first() {
            write!(f, " | {} waits: {}", words(&waiting.plan), waiting.reason)
        } else if let Some(why) = self.left_out.first() {
            write!(f, " | {why}")
        } else {
            write!(f, " | {}", planning.escalate.as_deref().unwrap_or("no plan"))
        }
    }
}

fn several(names: &[&str]) -> String {
    let named = names[..names.len().min(NAMED_MAX)].join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn shared<S: Serializer>(report: &Arc<CycleReport>, serializer: S) -> Result<S::Ok, S::Error> {
    report.as_ref().serialize(serializer)
}
