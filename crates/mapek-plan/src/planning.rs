//! What the planner answers.

use mapek_model::{Confidence, Plan, Priority, Risk};
use serde::{Deserialize, Serialize};

use crate::RejectedPlan;

/// What to do about a diagnosis.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Planning {
    /// What may be done, best first.
    pub plans: Vec<Plan>,
    /// What may be done if it stays as it is, best first; not to be acted on yet.
    pub waiting: Vec<Waiting>,
    /// What is not proposed, and what would have flipped that; most likely causes first.
    pub rejected: Vec<RejectedPlan>,
    /// How many more were rejected than are listed.
    pub rejected_more: u32,
    /// Why a person has to look; absent if nobody has to.
    pub escalate: Option<String>,
    /// How bad it gets if it is left alone, as the diagnosis says; absent if nothing is wrong.
    pub risk_if_left: Option<Risk>,
}

impl Planning {
    /// Most rejected plans that are listed: beyond that nobody reads them, and every cycle's report holds them.
    pub const REJECTED_MAX: usize = 100;

    /// The highest priority among its plans, waiting ones included.
    #[must_use]
    pub fn priority(&self) -> Option<Priority> {
        let waiting = self.waiting.iter().map(|waiting| waiting.plan.priority);
        self.plans.iter().map(|plan| plan.priority).chain(waiting).max()
    }
}

/// A plan that is not to be acted on yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Waiting {
    /// The plan.
    pub plan: Plan,
    /// What it waits for.
    pub reason: WaitReason,
}

/// What a plan waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "waits_for", rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum WaitReason {
    /// That its cause stays.
    #[error("its cause was there for {persisted} of {needed} cycles")]
    Dwell {
        /// For how many cycles in a row it was there.
        persisted: u32,
        /// For how many it must be.
        needed: u32,
    },
    /// That its cause stays, which is likely, but not sure.
    #[error(
        "its cause, at {confidence} less sure than {sure}, was there for {persisted} of {needed} cycles"
    )]
    Unsure {
        /// How likely its cause is.
        confidence: Confidence,
        /// How likely it must be not to wait for this.
        sure: Confidence,
        /// For how many cycles in a row it was there.
        persisted: u32,
        /// For how many it must be.
        needed: u32,
    },
    /// That there is more evidence than a mild violation or two.
    #[error("there are {violations} of {needed} violations, and none that it explains is critical")]
    Violations {
        /// How many there are, each counted once for each cycle that its cause has been there.
        violations: u32,
        /// How many there must be.
        needed: u32,
    },
    /// That what it explains stops getting better by itself.
    #[error("what it explains gets better by itself")]
    Fading,
}

impl WaitReason {
    /// The least that would have to be otherwise for it to be acted on, for people: any one of these.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        let critical = "one of the violations that it explains is critical".to_owned();
        let stays = |persisted: u32, needed: u32| {
            format!("its cause stays for {} more cycles", needed.saturating_sub(persisted))
        };
        match self {
            Self::Dwell { persisted, needed } => vec![stays(*persisted, *needed), critical],
            Self::Unsure { sure, persisted, needed, .. } => {
                vec![stays(*persisted, *needed), format!("its cause is at least {sure} likely")]
            }
            Self::Violations { violations, needed } => {
                let left = needed.saturating_sub(*violations);
                vec![format!("there are {left} more violations, or it stays for as long"), critical]
            }
            Self::Fading => vec!["its worst values stop getting better".to_owned()],
        }
    }
}
