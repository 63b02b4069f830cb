//! What people asked to be left alone.

use std::collections::BTreeSet;

use mapek_model::{Observation, Plan, Silence};

use super::{Context, Rail, Refusal};

/// For how many cycles in a row silences may be unknown; what was known before holds meanwhile.
const UNKNOWN_MAX: u32 = 2;

/// Silences hold back what is done, never what is seen: plans that explain anything silenced, or all of them if the loop itself
/// is. Who does not know whether there are any, does nothing.
#[derive(Debug)]
pub(super) struct Silenced;

impl Rail for Silenced {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        let Some(silences) = &context.observation.silences else { return Ok(()) };
        let refuse =
            |reason: String, unless: String| Err(Refusal::new("silence", reason).unless(unless));
        if silences.unknown_for > UNKNOWN_MAX {
            return refuse(
                "whether there are silences is not known".to_owned(),
                "the list of silences can be read".to_owned(),
            );
        }
        let in_force = || silences.active.iter().filter(|it| it.until > context.now);
        let Some(silence) = in_force().find(|it| holds_back(it, context.plan, context.observation))
        else {
            return Ok(());
        };
        let Silence { id, by, comment, until, .. } = silence;
        let what = if silence.stops_all { "the loop" } else { "what it explains" };
        refuse(
            format!("silence {id} of {by} covers {what}: {comment}"),
            format!("silence {id} is expired, or it is {until} or later"),
        )
    }
}

fn holds_back(silence: &Silence, plan: &Plan, observation: &Observation) -> bool {
    let explained: BTreeSet<_> = plan.explains.iter().map(|key| key.fingerprint).collect();
    let open = observation.open.iter().map(mapek_model::Violation::fingerprint);
    silence.stops_all
        || open.filter(|it| explained.contains(it)).any(|it| silence.covers.contains(&it))
}

#[cfg(test)]
mod tests;
