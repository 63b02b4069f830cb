//! The loop's predecessor.

mod patterns;

use std::{
    cmp::Ordering,
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use async_trait::async_trait;
use charter_client::CharterApi;
use mapek_loop::WakeReason;
use mapek_model::{Action, ActionKind, Cause, Duration, Observation, Timestamp, earlier};

use super::{
    Entrant, Seat, Steering, Turn,
    plain::{Eyes, Hands, turn},
    remedies,
};
use crate::Error;
use patterns::{Hypothesis, Sighting, recognise};

/// The loop as it was before it learned: four patterns with constant confidences, each with its hypothesis and its one remedy.
///
/// | Pattern | Confidence | Hypothesis | Remedy | Score |
/// |---|---|---|---|---|
/// | 3 sightings or more within 60 s | 0.85 | `retry-cascade` | four fifths of the load are let in | 0.4075 |
/// | 3 or more of one component | 0.80 | `policy-misconfiguration` | the policy that changed last is rolled back | 0.51 |
/// | latency is breached, and it and the failure rate follow each other, \|r\| ≥ 0.8 | 0.75 | `validation-latency` | half as many replicas again, up to 20 | 0.5625 |
/// | more than 8 in 5 min | 0.70 | `overload` | load is balanced | 0.415 |
///
/// A breach counts as often as it is looked at. The score is `0.95 · confidence − cost`, with the cost of the kind of action, and a
/// hypothesis below 0.6 is not acted on; in each look with a breach, and three sightings in all, the best remedy that there is gets
/// done. What Charter answers is what came of it: nothing is verified, learned, undone, or waited for. What is in force already (a
/// limit, a balance) is not set again.
///
/// The patterns look back for five minutes, and for no more than a hundred sightings. None of this is taken from `mapek-analyze` or
/// `mapek-plan`: there a confidence is where evidence starts, a breach is one episode however long it lasts, and a score is of what
/// was learned.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeedFormulas;

/// The most that a remedy can be worth.
const BENEFIT_TARGET: f64 = 0.95;
/// Confidence from which a hypothesis is acted on.
const CONFIDENCE_MIN: f64 = 0.6;
/// Sightings without which nothing is planned.
const SIGHTINGS_MIN: usize = 3;
/// How many sightings are remembered.
const SIGHTINGS_MAX: usize = 100;
/// For how long.
const HISTORY: Duration = Duration::from_secs(300);

impl Entrant for SeedFormulas {
    fn name(&self) -> &str {
        "seed-formulas"
    }

    fn sit_down(&self, seat: Seat) -> Result<Box<dyn Steering>, Error> {
        Ok(Box::new(Formulaic {
            eyes: Eyes::new(&seat)?,
            hands: Hands::new(&seat),
            charter: Arc::clone(&seat.charter),
            sightings: VecDeque::new(),
            in_force: BTreeSet::new(),
        }))
    }
}

struct Formulaic {
    eyes: Eyes,
    hands: Hands,
    charter: Arc<dyn CharterApi>,
    /// Oldest first.
    sightings: VecDeque<Sighting>,
    in_force: BTreeSet<ActionKind>,
}

#[async_trait]
impl Steering for Formulaic {
    async fn turn(&mut self, now: Timestamp, _: BTreeSet<WakeReason>) -> Turn {
        let seen = self.eyes.look(now).await;
        self.remember(&seen);
        let hypotheses = recognise(self.sightings.make_contiguous(), &seen);
        let mut touched = None;
        if !seen.open.is_empty() && self.sightings.len() >= SIGHTINGS_MIN {
            for hypothesis in ranked(&hypotheses) {
                if let Some(action) = self.remedy(*hypothesis, &seen).await {
                    touched = self.act(action, now).await;
                    break;
                }
            }
        }
        let mut turn = turn(&seen, touched.is_some());
        turn.executions.extend(touched);
        turn.look.causes = hypotheses
            .iter()
            .map(|it| (Cause { kind: it.cause(), component: None, metric: None }, it.confidence()))
            .collect();
        turn
    }
}

impl Formulaic {
    fn remember(&mut self, seen: &Observation) {
        self.sightings.extend(seen.open.iter().map(|it| Sighting::of(it, seen.at)));
        let oldest = earlier(seen.at, HISTORY);
        while self.sightings.len() > SIGHTINGS_MAX
            || self.sightings.front().is_some_and(|it| it.at < oldest)
        {
            self.sightings.pop_front();
        }
    }

    /// The one remedy of a hypothesis, as far as there is anything left to do.
    async fn remedy(&self, hypothesis: Hypothesis, seen: &Observation) -> Option<Action> {
        let action = match hypothesis {
            Hypothesis::Cascade => remedies::let_in_four_fifths(seen),
            Hypothesis::BadPolicy => remedies::roll_back_newest(seen),
            Hypothesis::Latency => remedies::half_again(self.charter.as_ref()).await,
            Hypothesis::Overload => Some(remedies::rebalance()),
        };
        action.filter(|it| !self.in_force.contains(&it.kind()))
    }

    async fn act(
        &mut self,
        action: Action,
        now: Timestamp,
    ) -> Option<(mapek_model::ExecutionId, mapek_model::StepIndex)> {
        let kind = action.kind();
        let done = self.hands.act(action, now).await;
        let stays = matches!(kind, ActionKind::ThrottleRequests | ActionKind::RebalanceLoad);
        if done.is_some() && stays {
            self.in_force.insert(kind);
        }
        done
    }
}

/// Those that are worth acting on, best score first.
fn ranked(hypotheses: &[Hypothesis]) -> Vec<&Hypothesis> {
    let worth = |it: &&Hypothesis| it.confidence().get() >= CONFIDENCE_MIN && score(**it) > 0.0;
    let mut worth: Vec<_> = hypotheses.iter().filter(worth).collect();
    worth.sort_by(|a, b| score(**b).partial_cmp(&score(**a)).unwrap_or(Ordering::Equal));
    worth
}

/// Benefit minus cost.
fn score(hypothesis: Hypothesis) -> f64 {
    BENEFIT_TARGET * hypothesis.confidence().get() - hypothesis.remedied_by().default_cost().get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Played, Scenario, play, score as scored};

    #[test]
    fn scores_are_what_the_formula_says_and_the_same_hypothesis_always_wins() {
        use Hypothesis::{BadPolicy, Cascade, Latency, Overload};
        let all = [Cascade, BadPolicy, Latency, Overload];
        let scores = all.map(|it| (score(it) * 10_000.0).round());
        assert_eq!(scores.map(|it| it as i32), [4_075, 5_100, 5_625, 4_150]);
        let order: Vec<_> = ranked(&all).into_iter().copied().collect();
        assert_eq!(order, [Latency, BadPolicy, Overload, Cascade]);
    }

    async fn played(faults: serde_json::Value) -> (Arc<Scenario>, Played) {
        let json = serde_json::json!({
            "name": "x", "description": "x", "warm_up": "20m", "horizon": "20m",
            "faults": faults,
            "right": {
                "acceptable": ["scale_up", "rollback_policy"],
                "remedies": [[{"kind": "scale_up", "replicas": 13}]],
            },
        });
        let scenario = Arc::new(serde_json::from_value::<Scenario>(json).unwrap());
        let played = play(&scenario, 3, &SeedFormulas).await.unwrap();
        (scenario, played)
    }

    #[tokio::test]
    async fn it_acts_at_once_states_constants_and_takes_nothing_back() {
        let faults = serde_json::json!([
            {"kind": "overload", "at": "2m", "duration": "8m", "intensity": 0.8},
        ]);
        let (scenario, Played { trace, .. }) = played(faults.clone()).await;
        let told: BTreeSet<_> = trace.looks.iter().flat_map(|it| &it.causes).cloned().collect();
        let constants = [0.85, 0.80, 0.75, 0.70];
        assert!(!told.is_empty());
        assert!(told.iter().all(|(_, it)| constants.contains(&it.get())), "{told:?}");
        let score = scored(&scenario, &trace);
        assert!(score.actions > 0 && score.undone == 0, "{score:?}");
        assert!(trace.looks.iter().filter(|it| it.open.is_empty()).all(|it| !it.acts));
        assert_eq!(played(faults).await.1.trace, trace);
    }

    #[tokio::test]
    async fn what_is_in_force_is_not_set_again() {
        let mut set = 0;
        for kind in ["overload", "hot-spot"] {
            let faults = serde_json::json!([{"kind": kind, "at": "2m", "intensity": 1.0}]);
            let (_, Played { trace, .. }) = played(faults).await;
            for kind in [ActionKind::ThrottleRequests, ActionKind::RebalanceLoad] {
                let times = trace.calls.iter().filter(|it| it.kind == kind).count();
                assert!(times <= 1, "{kind} {times} times");
                set += times;
            }
        }
        assert!(set > 0);
    }
}
