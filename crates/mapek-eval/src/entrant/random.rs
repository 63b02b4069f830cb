//! Somebody who acts, and does not think.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use mapek_loop::{Seed, WakeReason};
use mapek_model::{
    Action, ActionKind, Component, CycleNumber, Duration, Expectation, Observation, Resource,
    Timestamp, later,
};

use super::{
    Entrant, Seat, Steering, Turn,
    plain::{Eyes, Hands, turn},
    remedies::{self, REPLICAS_MAX, text},
    static_rules::COOLDOWN,
};
use crate::Error;

/// Does something, it matters not what, whenever something is breached: what a loop is worth beyond its being busy.
///
/// For each breach that is open it draws one of eight kinds of action, and what to do it with, until it has drawn one that Charter
/// would take at this moment; after that the breach has five minutes of rest, as runbooks have in
/// [`StaticRules`](super::StaticRules). The eight kinds are those that may be done unasked in the profile `auto`: neither an emergency
/// override nor a bypass of validation is among them. Nothing is diagnosed, checked or taken back. The same seed draws the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

impl Entrant for Random {
    fn name(&self) -> &str {
        "random"
    }

    fn sit_down(&self, seat: Seat) -> Result<Box<dyn Steering>, Error> {
        let dice = Dice { seed: seat.seed, thrown: 0 };
        let (eyes, hands) = (Eyes::new(&seat)?, Hands::new(&seat));
        Ok(Box::new(Thoughtless { eyes, hands, dice, acted: BTreeMap::new() }))
    }
}

/// What may be drawn.
const KINDS: [ActionKind; 8] = [
    ActionKind::ScaleDown,
    ActionKind::ScaleUp,
    ActionKind::RestartService,
    ActionKind::RebalanceLoad,
    ActionKind::RollbackPolicy,
    ActionKind::ApplyPolicy,
    ActionKind::UpdateConfiguration,
    ActionKind::ThrottleRequests,
];

struct Thoughtless {
    eyes: Eyes,
    hands: Hands,
    dice: Dice,
    /// When something was done about a breach.
    acted: BTreeMap<Expectation, Timestamp>,
}

#[async_trait]
impl Steering for Thoughtless {
    async fn turn(&mut self, now: Timestamp, _: BTreeSet<WakeReason>) -> Turn {
        let seen = self.eyes.look(now).await;
        let open: BTreeSet<_> = seen.open.iter().map(|it| it.expectation.clone()).collect();
        let mut touched = Vec::new();
        for breached in open {
            if self.acted.get(&breached).is_some_and(|it| later(*it, COOLDOWN) > now) {
                continue;
            }
            if let Some(action) = self.draw(&seen, now).await {
                self.acted.insert(breached, now);
                touched.extend(self.hands.act(action, now).await);
            }
        }
        let acts = !touched.is_empty();
        Turn { executions: touched, ..turn(&seen, acts) }
    }
}

impl Thoughtless {
    /// Something that Charter would take; none if it takes nothing.
    async fn draw(&mut self, seen: &Observation, now: Timestamp) -> Option<Action> {
        let mut left = KINDS.to_vec();
        while !left.is_empty() {
            let kind = left.swap_remove(self.dice.below(left.len()));
            let Some(action) = self.dice.action(&kind, seen) else { continue };
            if self.hands.may(&action, now).await {
                return Some(action);
            }
        }
        None
    }
}

/// Random numbers, one after the other.
struct Dice {
    seed: Seed,
    thrown: u64,
}

impl Dice {
    /// Below `bound`; 0 if that is 0. Uneven by less than `bound` in 2^64.
    fn below(&mut self, bound: usize) -> usize {
        self.thrown += 1;
        let drawn = self.seed.draw("random-entrant", CycleNumber::new(self.thrown));
        ((u128::from(drawn) * bound as u128) >> 64) as usize
    }

    /// From `low` to `high`, both included.
    fn between(&mut self, low: u32, high: u32) -> u32 {
        let count = usize::try_from(high.saturating_sub(low)).unwrap_or(usize::MAX);
        low.saturating_add(u32::try_from(self.below(count.saturating_add(1))).unwrap_or(0))
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    /// An action of `kind`, as far as there is anything to do it with.
    fn action(&mut self, kind: &ActionKind, seen: &Observation) -> Option<Action> {
        Some(match kind {
            ActionKind::ScaleDown => {
                let replicas = replicas(seen).filter(|it| *it > 1)?;
                Action::ScaleDown { replicas: self.between(1, replicas - 1) }
            }
            ActionKind::ScaleUp => {
                let replicas = replicas(seen).filter(|it| *it < REPLICAS_MAX)?;
                Action::ScaleUp { replicas: self.between(replicas + 1, REPLICAS_MAX) }
            }
            ActionKind::RestartService => {
                let nodes: Vec<_> = seen.resources_of("node").map(|it| it.id.as_str()).collect();
                // All of them is one more choice.
                let node = nodes.get(self.below(nodes.len() + 1)).copied();
                remedies::restart(node.and_then(|it| Component::try_new(it).ok()))
            }
            ActionKind::RebalanceLoad => remedies::rebalance(),
            ActionKind::RollbackPolicy => {
                let policy = self.policy(seen)?;
                let from_version = policy.attributes.get("version").map(text)?;
                Action::RollbackPolicy { policy: policy.id.clone(), from_version }
            }
            ActionKind::ApplyPolicy => {
                let policy = self.policy(seen)?;
                let versions = policy.attributes.get("versions")?.as_array()?;
                let version = self.one_of(versions)?;
                Action::ApplyPolicy {
                    policy: policy.id.clone(),
                    name: policy.attributes.get("name").map_or_else(|| policy.id.clone(), text),
                    version: version.get("version").map(text)?,
                    config: version.get("config")?.clone(),
                }
            }
            ActionKind::UpdateConfiguration => Action::UpdateConfiguration {
                batch_size: Some(self.between(1, 64)),
                timeout: Some(Duration::from_secs(self.between(1, 5).into())),
                parallelism: Some(self.between(1, 8)),
            },
            ActionKind::ThrottleRequests => {
                let arrivals = seen.value("arrival_rate").filter(|it| *it > 1.0)?;
                let share = f64::from(self.between(50, 100)) / 100.0;
                Action::ThrottleRequests { rate_limit: share * arrivals, node: None }
            }
            ActionKind::ActivateEmergencyOverride
            | ActionKind::BypassValidation
            | ActionKind::Custom(_) => return None,
        })
    }

    fn policy<'a>(&mut self, seen: &'a Observation) -> Option<&'a Resource> {
        let policies: Vec<_> = seen.resources_of("policy").collect();
        self.one_of(&policies).copied()
    }
}

fn replicas(seen: &Observation) -> Option<u32> {
    let committee = seen.resources_of("committee").next()?;
    u32::try_from(committee.attributes.get("replicas")?.as_u64()?).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Played, Scenario, Trace, play};

    fn scenario(change: impl FnOnce(&mut serde_json::Value)) -> Arc<Scenario> {
        let mut json = serde_json::json!({
            "name": "overload", "description": "More requests.",
            "warm_up": "5m", "horizon": "20m",
            "faults": [{"kind": "overload", "at": "1m", "intensity": 0.8}],
            "right": {
                "acceptable": ["scale_up"],
                "remedies": [[{"kind": "scale_up", "replicas": 13}]],
            },
        });
        change(&mut json);
        Arc::new(serde_json::from_value(json).unwrap())
    }

    async fn played(scenario: &Arc<Scenario>, seed: u64) -> Trace {
        let Played { trace, .. } = play(scenario, seed, &Random).await.unwrap();
        trace
    }

    /// How often whoever acts on each breach, and then rests, acts at most.
    fn times_that_may(trace: &Trace) -> usize {
        let mut acted: BTreeMap<&Expectation, f64> = BTreeMap::new();
        let mut times = 0;
        for look in &trace.looks {
            for breached in look.open.iter().collect::<BTreeSet<_>>() {
                if acted.get(breached).is_none_or(|it| it + 300.0 <= look.at_s) {
                    acted.insert(breached, look.at_s);
                    times += 1;
                }
            }
        }
        times
    }

    #[tokio::test]
    async fn the_same_seed_does_the_same_and_another_does_something_else() {
        let scenario = scenario(|_| ());
        let kinds = |trace: &Trace| {
            trace.calls.iter().map(|it| crate::words(&it.mutation)).collect::<Vec<_>>()
        };
        let first = played(&scenario, 1).await;
        assert_eq!(played(&scenario, 1).await, first);
        assert!(kinds(&first).len() >= 3, "{:?}", kinds(&first));
        assert_ne!(kinds(&played(&scenario, 2).await), kinds(&first));
    }

    #[tokio::test]
    async fn it_acts_on_what_is_breached_alone_rests_and_asks_for_nothing_that_is_refused() {
        let faulty = scenario(|_| ());
        let mut kinds = BTreeSet::new();
        for seed in 1..=8 {
            let trace = played(&faulty, seed).await;
            let idle = trace.looks.iter().filter(|it| it.open.is_empty() || it.at_s < 0.0);
            assert!(idle.clone().count() > 0 && idle.clone().all(|it| !it.acts));
            assert!(trace.calls.iter().all(|it| it.result.took_effect()), "{:?}", trace.calls);
            let may = times_that_may(&trace);
            assert!(trace.calls.len() <= may, "{} where {may} may be", trace.calls.len());
            kinds.extend(trace.calls.iter().map(|it| it.kind.clone()));
        }
        assert!(kinds.len() >= 4, "{kinds:?}");
        assert!(kinds.iter().all(|it| KINDS.contains(it)), "{kinds:?}");
        let calm = scenario(|json| {
            json["kind"] = "control".into();
            json["faults"] = serde_json::json!([]);
            json["right"] = serde_json::json!({});
        });
        assert_eq!(played(&calm, 1).await.calls, []);
    }

    #[test]
    fn dice_fall_evenly_within_their_bounds() {
        let mut dice = Dice { seed: Seed(1), thrown: 0 };
        let mut seen = [0_u32; 5];
        (0..5_000).for_each(|_| seen[dice.below(5)] += 1);
        assert!(seen.iter().all(|it| (900..1_100).contains(it)), "{seen:?}");
        let drawn: BTreeSet<_> = (0..200).map(|_| dice.between(3, 6)).collect();
        assert_eq!(drawn, BTreeSet::from([3, 4, 5, 6]));
        assert_eq!((dice.below(0), dice.one_of::<u8>(&[])), (0, None));
    }
}
