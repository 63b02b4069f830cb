//! Steps on Charter's configuration: batch size, timeout, parallelism.

use mapek_model::{Action, Duration, RankedCause, Step};
use serde_json::Value;

use super::{
    ConfigKind,
    policies::{self, HeldPolicy},
};
use crate::{Context, StepBuilder, Unavailable};

/// How Charter works. A policy replaces the one before it as a whole, so a step always sets all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning {
    /// Requests per batch.
    pub batch_size: u32,
    /// Batches in work at once, per replica.
    pub parallelism: u32,
    /// How long one request may take.
    pub timeout: Duration,
}

impl Tuning {
    /// What a policy's `config` says; what it leaves open is as in `self`.
    fn with(self, config: &Value) -> Self {
        let count = |name: &str| config.get(name)?.as_u64()?.try_into().ok();
        let seconds = config.get("timeout").and_then(Value::as_f64);
        Self {
            batch_size: count("batch_size").unwrap_or(self.batch_size),
            parallelism: count("parallelism").unwrap_or(self.parallelism),
            timeout: seconds
                .and_then(|seconds| mapek_model::duration::from_seconds(seconds).ok())
                .unwrap_or(self.timeout),
        }
    }

    /// One notch up: batches twice as large, half as much again in parallel, half as much patience again. Never beyond
    /// `max`, never less than now.
    fn notch_up(self, max: Self) -> Self {
        let up = |now: u32, wanted: u32, max: u32| wanted.min(max).max(now);
        Self {
            batch_size: up(self.batch_size, self.batch_size.saturating_mul(2), max.batch_size),
            parallelism: up(
                self.parallelism,
                self.parallelism.saturating_add(self.parallelism.div_ceil(2)),
                max.parallelism,
            ),
            timeout: self
                .timeout
                .saturating_mul(3)
                .checked_div(2)
                .map_or(self.timeout, |wanted| wanted.min(max.timeout).max(self.timeout)),
        }
    }

    fn action(self) -> Action {
        Action::UpdateConfiguration {
            batch_size: Some(self.batch_size),
            timeout: Some(self.timeout),
            parallelism: Some(self.parallelism),
        }
    }
}

/// Turns batch size, timeout and parallelism one notch up from what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TuneConfiguration {
    /// How Charter works where no policy says otherwise.
    pub default: Tuning,
    /// Beyond these, tuning does harm.
    pub max: Tuning,
}

impl StepBuilder for TuneConfiguration {
    fn build(&self, _: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        known(context)?;
        let policy = policies::in_effect(context, ConfigKind::Configuration);
        let active = policy.as_ref().and_then(HeldPolicy::active);
        let now = active.map_or(self.default, |version| self.default.with(version.config));
        let tuned = now.notch_up(self.max);
        if tuned == now {
            return Err(Unavailable::unsuitable("it is tuned as far as it helps"));
        }
        Ok(step(policy.as_ref(), tuned))
    }
}

/// Sets batch size, timeout and parallelism to what they should be: as the policy in effect says; as the version before
/// it said, if it changed shortly before the drift began; as the defaults say, where no policy says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreConfiguration {
    /// How Charter works where no policy says otherwise.
    pub default: Tuning,
}

impl StepBuilder for RestoreConfiguration {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        known(context)?;
        let policy = policies::in_effect(context, ConfigKind::Configuration);
        let good = policy.as_ref().and_then(|policy| {
            if policies::is_suspect(policy, cause) { policy.last_good() } else { policy.active() }
        });
        let wanted = good.map_or(self.default, |version| self.default.with(version.config));
        Ok(step(policy.as_ref(), wanted))
    }
}

/// No policy of the kind means the defaults only where policies could be read at all.
fn known(context: &Context<'_>) -> Result<(), Unavailable> {
    let mut policies = context.observation.resources_of(super::POLICY);
    policies.next().map(|_| ()).ok_or_else(|| Unavailable::missing("what policies are in effect"))
}

fn step(policy: Option<&HeldPolicy<'_>>, tuning: Tuning) -> Step {
    let preconditions = policy.and_then(HeldPolicy::unchanged).into_iter().collect();
    Step { preconditions, ..Step::of(tuning.action()) }
}
