//! What a cycle says about itself.

use std::collections::{BTreeMap, BTreeSet};

use mapek_execute::{Advance, Decision};
use mapek_model::{
    CycleNumber, Diagnosis, Duration, Execution, ExecutionId, Observation, Outcome, PlanHash,
    PlanId, Quality, SensorCensus, SourceName, TargetId, Timestamp, Trend, Violation,
};
use mapek_plan::Planning;
use serde::Serialize;

use crate::WakeReason;

/// One cycle, from what woke it to what it did and why.
///
/// Everything in it follows from the cycle's inputs, so the same run gives the same bytes. How long things took does not;
/// that is in [`Timings`], apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct CycleReport {
    /// Which cycle.
    pub number: CycleNumber,
    /// The managed system.
    pub target: TargetId,
    /// The moment that it is about.
    pub at: Timestamp,
    /// What woke it.
    pub woken_by: BTreeSet<WakeReason>,
    /// What Monitor saw.
    pub seen: Seen,
    /// What Analyze made of it.
    pub diagnosis: Diagnosis,
    /// What Plan proposed, and what it did not and why. Empty in a cycle that does not plan.
    pub planning: Planning,
    /// What was decided about each plan, in the order in which it was decided.
    pub decisions: Vec<Decided>,
    /// Why this cycle does not plan, where it does not.
    pub no_planning: Option<NoPlanning>,
    /// What executions did, in order.
    pub progress: Vec<Progress>,
    /// What was learned.
    pub outcomes: Vec<Outcome>,
    /// What a person is to be told.
    pub escalations: Vec<String>,
    /// Why nothing may be done at the moment; absent if the loop is not paused.
    pub paused: Option<String>,
    /// What went wrong inside the loop itself. Such a cycle begins nothing.
    pub faults: Vec<String>,
    /// When the next cycle is due, at the latest.
    pub next_due: Timestamp,
    /// What of it, by the names above, nobody knows any more: it was recalled from the journal, which keeps what was seen, thought
    /// and decided. Empty for a cycle that is still in memory.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unknown: BTreeSet<&'static str>,
}

/// What Monitor saw, without the series.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Seen {
    /// Episodes that are going on.
    pub open: Vec<Violation>,
    /// Episodes that ended.
    pub closed: Vec<Violation>,
    /// Episodes that were given up: nothing is heard of their components any more, and nobody knows whether they ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Violation>,
    /// How far each source can be trusted.
    pub quality: BTreeMap<SourceName, Quality>,
    /// How many sensors are bad.
    pub sensors: SensorCensus,
    /// The newest watched values that are finite.
    pub values: BTreeMap<String, f64>,
    /// Where they are going.
    pub trends: Vec<Trend>,
}

impl Seen {
    /// How many episodes it holds.
    pub(crate) const fn episodes(&self) -> usize {
        self.open.len() + self.closed.len() + self.gone.len()
    }

    pub(crate) fn of(observation: &Observation) -> Self {
        let value = |name: &String| Some((name.clone(), observation.value(name)?));
        Self {
            open: observation.open.clone(),
            closed: observation.closed.clone(),
            gone: observation.gone.clone(),
            quality: observation.quality.clone(),
            sensors: observation.sensors,
            values: observation
                .series
                .keys()
                .filter_map(value)
                .filter(|(_, value)| value.is_finite())
                .collect(),
            trends: observation.trends.clone(),
        }
    }
}

/// Why a cycle does not plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum NoPlanning {
    /// An execution on the target is not finished.
    Awaits {
        /// Which one.
        execution: ExecutionId,
    },
    /// Something was learned in this very cycle; the next one plans with it.
    Learning,
    /// Something was undone or taken back a moment ago: the metrics still show what was before.
    Settling,
    /// It is a look between two cycles: Monitor asks more often than the loop decides.
    Polling,
    /// Something went wrong inside the loop.
    Fault,
}

impl std::fmt::Display for NoPlanning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Awaits { execution } => write!(f, "execution {execution} is not finished"),
            Self::Learning => f.write_str("an outcome came in; the next cycle plans with it"),
            Self::Settling => f.write_str("what was undone still shows in the metrics"),
            Self::Polling => f.write_str("only looking; the interval is not over"),
            Self::Fault => f.write_str("something went wrong inside the loop"),
        }
    }
}

/// What was decided about one plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Decided {
    /// The plan.
    pub plan: PlanId,
    /// What it would do.
    pub hash: PlanHash,
    /// In one line, for people.
    pub summary: String,
    /// What the rails say to it.
    pub decision: Decision,
    /// The execution that it became, if it did.
    pub execution: Option<ExecutionId>,
}

impl Decided {
    /// The word that metrics use: `started`, or the rails' own word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        if self.execution.is_some() { "started" } else { self.decision.as_str() }
    }
}

/// What one execution did in one cycle.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Progress {
    /// What happened, and what it waits for now.
    #[serde(flatten)]
    pub advance: Advance,
    /// The execution as it stands now.
    pub state: Execution,
}

/// How long the stages of a cycle took. Not reproducible, so not part of the report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Reading metrics, alerts and the managed system.
    pub monitor: Duration,
    /// Finding the cause.
    pub analyze: Duration,
    /// Choosing plans.
    pub plan: Duration,
    /// Sending steps and reading back.
    pub execute: Duration,
    /// Storing outcomes and reading experience.
    pub knowledge: Duration,
    /// All of it.
    pub total: Duration,
}

impl Timings {
    /// Stage names, as metrics use them, with their times.
    #[must_use]
    pub const fn stages(&self) -> [(&'static str, Duration); 5] {
        [
            ("monitor", self.monitor),
            ("analyze", self.analyze),
            ("plan", self.plan),
            ("execute", self.execute),
            ("knowledge", self.knowledge),
        ]
    }
}
