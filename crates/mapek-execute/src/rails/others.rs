//! Two hands on one wheel.

use mapek_model::{ActionKind, Duration, Plan, Timestamp, later};
use serde::{Deserialize, Serialize};

use super::{Context, Rail, Refusal, budget::crowded};
use crate::ForeignChange;

/// How somebody else who acts on the same things is given way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct OthersConfig {
    /// How long after somebody else has changed a resource the loop leaves it to them. Only where they cannot have brought about
    /// what a plan treats: it began before, or the plan had been made.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub courtesy: Duration,
    /// How often what we set may be set otherwise by others; then the loop leaves the resource alone until a person re-arms a kind.
    pub reversals: u32,
    /// Within which time; and how long after we set something a change by others counts as an answer to it.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub window: Duration,
}

impl Default for OthersConfig {
    fn default() -> Self {
        Self {
            // Time enough for what they did to show, and for them to see it.
            courtesy: Duration::from_secs(300),
            // Once may be chance.
            reversals: 2,
            window: Duration::from_secs(3600),
        }
    }
}

/// Where others act the loop stands back.
#[derive(Debug)]
pub(super) struct Others(OthersConfig);

impl Others {
    pub(super) const fn new(config: OthersConfig) -> Self {
        Self(config)
    }

    /// Whether two writers set a resource by turns, since a person last re-armed the kind that would set it again. How long ago that was
    /// does not matter: only a person ends it.
    fn check_turns(
        &self,
        context: &Context<'_>,
        kind: &ActionKind,
        changes: &[&ForeignChange],
    ) -> Result<(), Refusal> {
        let rearmed = context.rearmed.get(kind).copied().unwrap_or(Timestamp::MIN);
        let mut answers = changes.iter().filter(|it| it.answers.is_some() && it.seen > rearmed);
        let times: Vec<_> = answers.clone().map(|it| it.seen).collect();
        match answers.next_back() {
            Some(last) if crowded(&times, self.0.reversals, self.0.window) => {
                let often = times.len();
                let reason = format!("others set it otherwise after us {often} times: {last}");
                let unless = format!("a person re-arms {kind}");
                Err(Refusal::new("others", reason).unless(unless))
            }
            _ => Ok(()),
        }
    }

    fn check_courtesy(
        &self,
        context: &Context<'_>,
        changes: &[&ForeignChange],
    ) -> Result<(), Refusal> {
        let until = |change: &ForeignChange| later(change.seen, self.0.courtesy);
        let fresh = changes.iter().filter(|it| until(it) > context.now);
        let newest = fresh.filter(|it| is_no_cause(it, context.plan)).max_by_key(|it| it.seen);
        newest.map_or(Ok(()), |change| {
            let unless = format!("it is {} or later", until(change));
            Err(Refusal::new("others", change.to_string()).unless(unless))
        })
    }
}

/// Whether a change cannot have brought about what a plan treats: all of that had begun before it was made, or the plan had been made when it was
/// seen. A bad change that came first is a cause, and to be healed.
fn is_no_cause(change: &ForeignChange, plan: &Plan) -> bool {
    let last_onset = plan.explains.iter().map(|key| key.onset).max();
    change.seen > plan.created || last_onset.is_none_or(|onset| change.since >= onset)
}

impl Rail for Others {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        for (step, resource) in context.plan.steps.iter().zip(context.resources) {
            let Some(id) = resource else { continue };
            let here = context.foreign.iter().filter(|change| change.id == *id);
            let changes: Vec<_> = here.copied().collect();
            self.check_turns(context, &step.action.kind(), &changes)?;
            self.check_courtesy(context, &changes)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for ForeignChange {
    /// One line for people: `committee committee was changed by ops from generation 3 to generation 4, seen at …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, id, before, after, seen, who, .. } = self;
        let who = who.as_deref().unwrap_or("somebody else");
        write!(f, "{kind} {id} was changed by {who}")?;
        before.map_or(Ok(()), |before| write!(f, " from generation {before}"))?;
        write!(f, " to generation {after}, seen at {seen}")
    }
}

#[cfg(test)]
mod tests;
