//! Steps on policies: roll back, apply the last good version, apply again, apply a stricter one.

use std::fmt;

use mapek_model::{Action, RankedCause, Step};
use serde_json::Value;

use super::policies::{self, HeldPolicy, PolicyVersion};
use crate::{Context, StepBuilder, Unavailable};

/// The sort of a policy: the `kind` of its `config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigKind {
    /// What is forbidden, and how strictly.
    Enforcement,
    /// Batch size, timeout, parallelism.
    Configuration,
}

impl ConfigKind {
    /// The word in `config.kind`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforcement => "enforcement",
            Self::Configuration => "configuration",
        }
    }
}

impl fmt::Display for ConfigKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Rolls the policy to blame back to the version before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollBack {
    /// Which sort of policy is suspected where the cause names none.
    pub kind: ConfigKind,
}

impl StepBuilder for RollBack {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        let policy = policies::culprit(cause, context, self.kind)?;
        let (bad, _) = bad_and_good(&policy)?;
        let id = policy.resource.id.clone();
        let from_version = bad.number.to_string();
        Ok(step(&policy, Action::RollbackPolicy { policy: id, from_version }))
    }
}

/// Applies once more what the policy to blame said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplyLastGood {
    /// Which sort of policy is suspected where the cause names none.
    pub kind: ConfigKind,
}

impl StepBuilder for ApplyLastGood {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        let policy = policies::culprit(cause, context, self.kind)?;
        let (_, good) = bad_and_good(&policy)?;
        Ok(apply(&policy, good))
    }
}

/// Applies what a policy says already, so that it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reapply {
    /// Which sort of policy is meant where the cause names none.
    pub kind: ConfigKind,
}

impl StepBuilder for Reapply {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        let policy = policies::stalest(cause, context, self.kind)?;
        let active = policy.active().ok_or_else(|| no_active(&policy))?;
        Ok(apply(&policy, active))
    }
}

/// Has what a policy forbids revoked as well: who asks for it loses what they hold, rather than just the answer.
///
/// It is the enforcement policy in effect that the cause names; else the only one that forbids anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tighten;

impl StepBuilder for Tighten {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        let policy = policies::forbidding(cause, context)?;
        let active = policy.active().ok_or_else(|| no_active(&policy))?;
        let mut config = active.config.clone();
        for rule in config.get_mut("rules").and_then(Value::as_array_mut).into_iter().flatten() {
            if rule.get("effect").and_then(Value::as_str) == Some(FORBID) {
                rule["effect"] = REVOKE.into();
            }
        }
        let action = Action::ApplyPolicy {
            policy: policy.resource.id.clone(),
            name: policy.name().to_owned(),
            version: active.number.saturating_add(1).to_string(),
            config,
        };
        Ok(step(&policy, action))
    }
}

/// What a rule of an enforcement policy does: it answers no, or it takes back what was given as well.
pub(super) const FORBID: &str = "forbid";
const REVOKE: &str = "revoke";

fn bad_and_good<'a>(
    policy: &HeldPolicy<'a>,
) -> Result<(PolicyVersion<'a>, PolicyVersion<'a>), Unavailable> {
    let bad = policy.active().ok_or_else(|| no_active(policy))?;
    // Without a version to go back to, a rollback would leave the policy without any effect: that is a person's choice.
    let good = policy.last_good().ok_or_else(|| {
        let id = &policy.resource.id;
        Unavailable::missing(format!("a version of policy {id} before {}", bad.number))
    })?;
    Ok((bad, good))
}

fn no_active(policy: &HeldPolicy<'_>) -> Unavailable {
    Unavailable::missing(format!("which version of policy {} is in effect", policy.resource.id))
}

fn apply(policy: &HeldPolicy<'_>, version: PolicyVersion<'_>) -> Step {
    let action = Action::ApplyPolicy {
        policy: policy.resource.id.clone(),
        name: policy.name().to_owned(),
        version: version.number.to_string(),
        config: version.config.clone(),
    };
    step(policy, action)
}

fn step(policy: &HeldPolicy<'_>, action: Action) -> Step {
    Step { preconditions: policy.unchanged().into_iter().collect(), ..Step::of(action) }
}
