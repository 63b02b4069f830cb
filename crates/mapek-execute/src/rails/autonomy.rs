//! How far the loop may go by itself.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{ActionKind, Plan};
use serde::{Deserialize, Serialize};

use super::Refusal;

/// How far the loop may go by itself, strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// It records what it would do.
    Observe,
    /// It asks people.
    Suggest,
    /// It does it.
    Auto,
}

/// A named choice for all kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Everything is only observed: the first week.
    Observe,
    /// Scaling and rebalancing are automatic, everything else is suggested.
    #[default]
    Shipped,
    /// Everything is automatic but what suspends checks.
    Auto,
}

impl Profile {
    /// The word that configurations use.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Shipped => "shipped",
            Self::Auto => "auto",
        }
    }
}

/// Which kinds may be done by the loop alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutonomyConfig {
    /// What holds for kinds that are not listed.
    pub profile: Profile,
    /// What holds for single kinds, whatever the profile says.
    pub kinds: BTreeMap<ActionKind, Autonomy>,
    /// How many people approve what is suggested; at least one.
    pub approvers: u8,
}

impl Default for AutonomyConfig {
    fn default() -> Self {
        Self { profile: Profile::default(), kinds: BTreeMap::new(), approvers: 1 }
    }
}

/// How many people approve what suspends checks, at least. No configuration lowers it.
const DANGEROUS_APPROVERS_MIN: u8 = 2;

const fn is_dangerous(kind: &ActionKind) -> bool {
    matches!(kind, ActionKind::BypassValidation | ActionKind::ActivateEmergencyOverride)
}

impl AutonomyConfig {
    /// What holds for one kind. What suspends checks is never automatic.
    #[must_use]
    pub fn of_kind(&self, kind: &ActionKind) -> Autonomy {
        let level = self.kinds.get(kind).copied().unwrap_or(match (self.profile, kind) {
            (Profile::Observe, _) => Autonomy::Observe,
            (Profile::Auto, _) => Autonomy::Auto,
            (
                Profile::Shipped,
                ActionKind::ScaleUp | ActionKind::ScaleDown | ActionKind::RebalanceLoad,
            ) => Autonomy::Auto,
            (Profile::Shipped, _) => Autonomy::Suggest,
        });
        if is_dangerous(kind) { level.min(Autonomy::Suggest) } else { level }
    }

    /// What holds for a plan: the strictest of its actions. A plan without actions is only observed.
    #[must_use]
    pub fn of(&self, plan: &Plan) -> Autonomy {
        kinds(plan).map(|kind| self.of_kind(&kind)).min().unwrap_or(Autonomy::Observe)
    }

    /// How many people have to approve a plan; 0 if the loop may do it alone.
    #[must_use]
    pub fn approvers(&self, plan: &Plan) -> u8 {
        if self.of(plan) == Autonomy::Auto {
            0
        } else if kinds(plan).any(|kind| is_dangerous(&kind)) {
            self.approvers.max(DANGEROUS_APPROVERS_MIN)
        } else {
            self.people()
        }
    }

    /// Why people have to approve a plan: one reason for each kind that the loop may not do alone.
    pub(super) fn reasons(&self, plan: &Plan) -> Vec<Refusal> {
        let kinds: BTreeSet<_> = kinds(plan).collect();
        let asked = kinds.iter().filter(|kind| self.of_kind(kind) != Autonomy::Auto);
        asked.map(|kind| self.reason(kind)).collect()
    }

    fn reason(&self, kind: &ActionKind) -> Refusal {
        let because = |reason: String| Refusal::new("autonomy", reason);
        if is_dangerous(kind) {
            return because(format!("{kind} suspends checks, which is never done alone"));
        }
        if self.kinds.contains_key(kind) {
            let unless = format!("{kind} is set to be done alone");
            return because(format!("{kind} is set to be asked for")).unless(unless);
        }
        let reason = format!("the profile {} asks for {kind}", self.profile.as_str());
        because(reason).unless("execute.rails.profile is auto")
    }

    /// How many people approve what the loop must not do alone.
    pub(super) fn people(&self) -> u8 {
        self.approvers.max(1)
    }
}

fn kinds(plan: &Plan) -> impl Iterator<Item = ActionKind> + '_ {
    plan.steps.iter().map(|step| step.action.kind())
}
