//! The rails: what no plan gets past, however it was scored and whatever was learned.
//!
//! They fail closed: what they cannot tell they refuse. They are read in one sitting: this file decides, the others each hold
//! one rail. They are asked before a plan begins and again immediately before each of its steps is sent.

mod autonomy;
mod blast;
mod budget;
mod calendar;
mod config;
mod doubt;
mod others;
mod pause;
mod place;
mod silence;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use mapek_model::{ActionKind, Approval, Execution, Irreversible, Observation, Plan, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Damaged, ForeignChange};

pub use autonomy::{Autonomy, AutonomyConfig, Profile};
pub use blast::BlastRadiusConfig;
pub(crate) use budget::{Breaker, did_harm};
pub use budget::{BreakerConfig, BudgetConfig};
pub use calendar::{
    CalendarConfig, Day, DayTime, InvalidWindow, OnceWindow, WeeklyWindow, WindowEffect, Zone,
};
pub use config::RailsConfig;
pub use doubt::DoubtConfig;
pub use others::OthersConfig;
pub use pause::{PauseFile, Paused};

/// Why a rail refuses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Refusal {
    /// Which rail, in the word that metrics use.
    pub rail: String,
    /// Why, for people.
    pub reason: String,
    /// The least that would have to be otherwise, for people; absent where nobody can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<String>,
}

impl Refusal {
    /// The rail called `rail` refuses.
    pub fn new(rail: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { rail: rail.into(), reason: reason.into(), unless: None }
    }

    /// Says the least that would have to be otherwise.
    #[must_use]
    pub fn unless(mut self, change: impl Into<String>) -> Self {
        self.unless = Some(change.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rail, self.reason)
    }
}

/// What the rails say to a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Decision {
    /// It may run.
    Run,
    /// It may run once so many distinct people have approved it.
    AwaitApproval {
        /// How many.
        needed: u8,
        /// Why the loop may not do it alone; empty in records of versions that did not say so.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        because: Vec<Refusal>,
    },
    /// It is only recorded what would be done.
    ObserveOnly,
    /// It may not run.
    Refused {
        /// Why; all rails that refuse, in their order.
        refusals: Vec<Refusal>,
    },
}

impl Decision {
    /// Which rails refuse; none if it is no refusal.
    pub(crate) fn rails(&self) -> BTreeSet<String> {
        let Self::Refused { refusals } = self else { return BTreeSet::new() };
        refusals.iter().map(|refusal| refusal.rail.clone()).collect()
    }

    /// The word that metrics use.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::AwaitApproval { .. } => "await_approval",
            Self::ObserveOnly => "observe_only",
            Self::Refused { .. } => "refused",
        }
    }

    /// Leaves out why people are asked where `then`, of an older version, did not say it either: what was not kept is no difference.
    pub fn forget_what_was_not_kept(&mut self, then: &Self) {
        let kept =
            |it: &Self| matches!(it, Self::AwaitApproval { because, .. } if !because.is_empty());
        if let Self::AwaitApproval { because, .. } = self
            && !kept(then)
        {
            because.clear();
        }
    }

    /// The least that would have to be otherwise for the plan to run, where `approval` says what people have said so far. All
    /// of it is needed; nothing if it may run, or if nobody can tell.
    ///
    /// ```
    /// use mapek_execute::{Approval, Decision};
    ///
    /// let two = Decision::AwaitApproval { needed: 2, because: Vec::new() };
    /// assert_eq!(two.changes(None), ["2 people approve it"]);
    /// let once = Approval::Pending { needed: 2, by: ["ada".to_owned()].into() };
    /// assert_eq!(two.changes(Some(&once)), ["1 more person than ada approves it"]);
    /// ```
    #[must_use]
    pub fn changes(&self, approval: Option<&Approval>) -> Vec<String> {
        match self {
            Self::Run => Vec::new(),
            Self::AwaitApproval { needed, .. } => people(*needed, approval).into_iter().collect(),
            Self::ObserveOnly => {
                vec!["execute.rails.profile lets its kinds be suggested or done".to_owned()]
            }
            Self::Refused { refusals } => {
                refusals.iter().filter_map(|refusal| refusal.unless.clone()).collect()
            }
        }
    }
}

/// How many have to approve it yet.
fn people(needed: u8, approval: Option<&Approval>) -> Option<String> {
    let by = match approval {
        Some(Approval::Pending { by, .. } | Approval::Approved { by }) => by.clone(),
        Some(Approval::Rejected { by, .. }) => {
            return Some(format!("{by}, who rejected it, is asked again and {needed} approve it"));
        }
        _ => BTreeSet::new(),
    };
    let left = usize::from(needed).saturating_sub(by.len());
    let names = by.into_iter().collect::<Vec<_>>().join(" and ");
    match (left, names.as_str()) {
        (0, _) => None,
        (1, "") => Some("1 person approves it".to_owned()),
        (left, "") => Some(format!("{left} people approve it")),
        (1, names) => Some(format!("1 more person than {names} approves it")),
        (left, names) => Some(format!("{left} more people than {names} approve it")),
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("it may run"),
            Self::AwaitApproval { needed, because } => {
                write!(f, "it awaits the approval of {needed}")?;
                let separator = if because.is_empty() { "" } else { ": " };
                write!(f, "{separator}{}", Listed(because))
            }
            Self::ObserveOnly => f.write_str("its kinds are only observed"),
            Self::Refused { refusals } => Listed(refusals).fmt(f),
        }
    }
}

/// Refusals in one line.
struct Listed<'a>(&'a [Refusal]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for refusal in self.0 {
            write!(f, "{separator}{refusal}")?;
            separator = "; ";
        }
        Ok(())
    }
}

/// All that a rail may look at.
#[derive(Debug)]
pub struct Context<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The execution whose next step it is about; absent before the plan begins.
    pub execution: Option<&'a Execution>,
    /// What was observed in this cycle.
    pub observation: &'a Observation,
    /// The time.
    pub now: Timestamp,
    /// Who has approved the plan.
    pub approvals: &'a BTreeSet<String>,
    /// The other executions on the same target that are remembered, by when they began: live, frozen and ended ones.
    pub others: &'a [&'a Execution],
    /// Executions whose log is damaged and that may be about this target.
    pub damaged: &'a [&'a Damaged],
    /// What others have changed on this target, oldest first.
    pub foreign: &'a [&'a ForeignChange],
    /// Which resource each step of the plan changes, as far as its effector knows.
    pub resources: &'a [Option<String>],
    /// When a person last re-armed a kind on this target.
    pub rearmed: &'a BTreeMap<ActionKind, Timestamp>,
    /// Why the loop is paused, if it is.
    pub paused: Option<&'a Paused>,
}

/// One rail. It is pure: all that it may look at is in the context.
pub trait Rail: fmt::Debug + Send + Sync {
    /// Refuses, or has nothing against it.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] that says why. When in doubt, refuse.
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal>;
}

const _: Option<&dyn Rail> = None; // stays usable as a trait object

/// All rails together.
#[derive(Debug)]
pub struct Rails {
    autonomy: AutonomyConfig,
    rails: Vec<Box<dyn Rail>>,
}

impl Rails {
    /// The rails that are always there, as `config` sets them.
    #[must_use]
    pub fn new(config: &RailsConfig) -> Self {
        let rails: Vec<Box<dyn Rail>> = vec![
            Box::new(pause::Pause),
            Box::new(calendar::Calendar::new(config.calendar.clone())),
            Box::new(silence::Silenced),
            Box::new(place::Substance),
            Box::new(place::Expiry),
            Box::new(place::Frozen),
            Box::new(place::FailureDomain),
            Box::new(others::Others::new(config.others.clone())),
            Box::new(blast::BlastRadius::new(config.blast_radius.clone())),
            Box::new(doubt::SensorDoubt::new(config.doubt.clone())),
            Box::new(budget::Budget::new(config.budget.clone())),
            Box::new(budget::Breaker::new(config.breaker.clone())),
        ];
        Self { autonomy: config.autonomy.clone(), rails }
    }

    /// One more rail. There is no way to take one out.
    #[must_use]
    pub fn with(mut self, rail: Box<dyn Rail>) -> Self {
        self.rails.push(rail);
        self
    }

    /// What all of them say: a refusal of one is a refusal; else the strictest action of the plan decides.
    #[must_use]
    pub fn decide(&self, context: &Context<'_>) -> Decision {
        let autonomy = self.autonomy.of(context.plan);
        if autonomy == Autonomy::Observe {
            return Decision::ObserveOnly;
        }
        let refusals: Vec<_> =
            self.rails.iter().filter_map(|rail| rail.check(context).err()).collect();
        if !refusals.is_empty() {
            return Decision::Refused { refusals };
        }
        let (mut needed, mut because) =
            (self.autonomy.approvers(context.plan), self.autonomy.reasons(context.plan));
        // What was found to have no way back is nothing to do alone, whatever its kind.
        let stuck = no_way_back(context);
        if !stuck.is_empty() {
            needed = needed.max(self.autonomy.people());
            because.extend(stuck.iter().map(irreversible));
        }
        if context.approvals.len() >= usize::from(needed) {
            Decision::Run
        } else {
            Decision::AwaitApproval { needed, because }
        }
    }
}

fn irreversible(Irreversible { step, reason }: &Irreversible) -> Refusal {
    let reason = format!("step {} could not be undone: {reason}", usize::from(step.0) + 1);
    Refusal::new("no_way_back", reason).unless("a rehearsal finds a way back")
}

/// The steps that the newest rehearsal of this plan found no way back from.
fn no_way_back<'a>(context: &Context<'a>) -> &'a [Irreversible] {
    let found = |execution: &'a Execution| execution.irreversible.as_deref();
    if let Some(found) = context.execution.and_then(found) {
        return found;
    }
    let (hash, signature) = (context.plan.hash(), context.plan.signature());
    let mut alike = context.others.iter().rev().filter(|it| it.plan.signature() == signature);
    alike.find_map(|it| found(it).filter(|_| it.plan.hash() == hash)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
