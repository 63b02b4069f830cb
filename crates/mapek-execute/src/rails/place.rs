//! Whether the plan, and the place where it acts, are as they should be.

use mapek_model::Execution;

use super::{Context, Rail, Refusal};

/// A plan that does nothing is a mistake somewhere, and a target that was not observed is another's.
#[derive(Debug)]
pub(super) struct Substance;

impl Rail for Substance {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        let refuse = |reason: String| Err(Refusal::new("plan", reason));
        if context.plan.steps.is_empty() {
            refuse("the plan has no steps".to_owned())
        } else if context.plan.target != context.observation.target {
            refuse(format!("nothing was observed of {}", context.plan.target))
        } else {
            Ok(())
        }
    }
}

#[derive(Debug)]
pub(super) struct Expiry;

impl Rail for Expiry {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        if context.plan.is_expired(context.now) {
            let reason = format!("the plan expired at {}", context.plan.expires);
            return Err(Refusal::new("expiry", reason).unless("a cycle proposes it anew"));
        }
        Ok(())
    }
}

/// What needs an operator, or has lost a part of its log, freezes its target.
#[derive(Debug)]
pub(super) struct Frozen;

impl Rail for Frozen {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        let stuck = context.others.iter().filter(|other| other.status.needs_operator());
        let damaged = context.damaged.iter().map(|damaged| damaged.execution);
        stuck.map(|other| other.id).chain(damaged).next().map_or(Ok(()), |id| {
            let reason = format!("execution {id} needs an operator");
            let unless = format!("a person resolves execution {id}");
            Err(Refusal::new("frozen_target", reason).unless(unless))
        })
    }
}

/// One mutating action in a failure domain at a time. A live execution holds the domains of all its steps until it ends: what
/// it waits for, or has to take back, must not be changed under it.
#[derive(Debug)]
pub(super) struct FailureDomain;

impl Rail for FailureDomain {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        let ours: Vec<_> = domains(&context.plan.steps).collect();
        let taken = context
            .others
            .iter()
            .filter(|other| other.status.is_live())
            .find(|other| meets(&ours, other));
        taken.map_or(Ok(()), |other| {
            let reason = format!("execution {} is at work in the same place", other.id);
            let unless = format!("execution {} ends", other.id);
            Err(Refusal::new("failure_domain", reason).unless(unless))
        })
    }
}

fn domains(steps: &[mapek_model::Step]) -> impl Iterator<Item = Option<&str>> {
    steps.iter().map(|step| step.action.failure_domain())
}

/// Whether two meet: in one named domain, or because one of them works on the whole system.
fn meets(ours: &[Option<&str>], other: &Execution) -> bool {
    domains(&other.plan.steps)
        .any(|theirs| ours.iter().any(|ours| ours.is_none() || theirs.is_none() || *ours == theirs))
}
