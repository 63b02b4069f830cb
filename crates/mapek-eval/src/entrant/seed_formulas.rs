//! The formulas that the loop grew out of.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use async_trait::async_trait;
use charter_client::CharterApi;
use mapek_loop::WakeReason;
use mapek_model::{
    Cause, CauseKind, Component, Confidence, Duration, Observation, Timestamp, later,
};

use super::{
    Entrant, Seat, Steering, Turn,
    moves::Move,
    plain::{Eyes, Hands, turn},
};
use crate::{Error, Look};

/// The loop as it was first written down: patterns with a constant confidence, each with its hypothesis and its remedy, and a score that
/// is benefit less cost.
///
/// | Pattern, of what is breached in each look | Confidence | Hypothesis | Remedy | Cost |
/// |---|---|---|---|---|
/// | three breaches within a minute | 0.85 | a cascade | four fifths of the load are let in | 0.40 |
/// | three breaches of one component within five minutes | 0.80 | a bad policy | the policy that changed last is rolled back | 0.25 |
/// | failures and latency breached at once | 0.75 | slow validation | half as many replicas again, up to 20 | 0.15 |
/// | more than eight breaches in five minutes | 0.70 | overload | half as many replicas again, up to 20 | 0.15 |
///
/// Of the patterns that hold, the one with the greatest `0.95 · confidence - cost` is treated, in each look anew. A breach that goes on is
/// counted again each time that it is seen. Nothing is waited for, verified, taken back or learned.
#[derive(Debug, Clone, Copy, Default)]
pub struct SeedFormulas;

/// Factor on the confidence: the benefit of a remedy for a cause that is certain.
const BENEFIT: f64 = 0.95;
/// Fewest breaches that are worth an analysis.
const BREACHES_MIN: usize = 3;
const BURST: (Duration, usize) = (Duration::from_secs(60), 3);
const SPREAD: (Duration, usize) = (Duration::from_secs(300), 3);
const FLOOD: (Duration, usize) = (Duration::from_secs(300), 9);

impl Entrant for SeedFormulas {
    fn name(&self) -> &str {
        "seed-formulas"
    }

    fn sit_down(&self, seat: Seat) -> Result<Box<dyn Steering>, Error> {
        Ok(Box::new(Formal {
            eyes: Eyes::new(&seat)?,
            hands: Hands::new(&seat),
            charter: Arc::clone(&seat.charter),
            breaches: VecDeque::new(),
        }))
    }
}

struct Formal {
    eyes: Eyes,
    hands: Hands,
    charter: Arc<dyn CharterApi>,
    /// When which component was breached, oldest first.
    breaches: VecDeque<(Timestamp, Option<Component>)>,
}

/// A pattern that holds.
struct Hypothesis {
    cause: &'static str,
    confidence: f64,
    remedy: Move,
    cost: f64,
}

impl Hypothesis {
    fn score(&self) -> f64 {
        BENEFIT * self.confidence - self.cost
    }
}

impl Formal {
    fn remember(&mut self, seen: &Observation) {
        let longest = SPREAD.0.max(FLOOD.0);
        while self.breaches.front().is_some_and(|(at, _)| later(*at, longest) <= seen.at) {
            self.breaches.pop_front();
        }
        self.breaches.extend(seen.open.iter().map(|it| (seen.at, it.component.clone())));
    }

    /// The patterns that hold, best first.
    fn hypotheses(&self, seen: &Observation) -> Vec<Hypothesis> {
        let within = |window: Duration| {
            self.breaches.iter().filter(move |(at, _)| later(*at, window) > seen.at)
        };
        let mut by_component: BTreeMap<&Component, usize> = BTreeMap::new();
        for component in within(SPREAD.0).filter_map(|(_, component)| component.as_ref()) {
            *by_component.entry(component).or_default() += 1;
        }
        let breached = |word: &str| seen.open.iter().any(|it| it.expectation.as_str() == word);
        let patterns = [
            (within(BURST.0).count() >= BURST.1, "retry-cascade", 0.85, Move::Throttle, 0.40),
            (
                by_component.values().any(|count| *count >= SPREAD.1),
                "policy-misconfiguration",
                0.80,
                Move::RollBack,
                0.25,
            ),
            (
                breached("high-validation-latency") && breached("high-failure-rate"),
                "validation-latency",
                0.75,
                Move::ScaleUp,
                0.15,
            ),
            (within(FLOOD.0).count() >= FLOOD.1, "overload", 0.70, Move::ScaleUp, 0.15),
        ];
        let holds = |(holds, cause, confidence, remedy, cost)| {
            let hypothesis = Hypothesis { cause, confidence, remedy, cost };
            bool::then_some(holds, hypothesis)
        };
        let mut found: Vec<_> = patterns.into_iter().filter_map(holds).collect();
        found.sort_by(|a, b| b.score().total_cmp(&a.score()));
        found
    }
}

#[async_trait]
impl Steering for Formal {
    async fn turn(&mut self, now: Timestamp, _: BTreeSet<WakeReason>) -> Turn {
        let seen = self.eyes.look(now).await;
        self.remember(&seen);
        let enough = !seen.open.is_empty() && self.breaches.len() >= BREACHES_MIN;
        let hypotheses = if enough { self.hypotheses(&seen) } else { Vec::new() };
        let mut touched = None;
        if let Some(best) = hypotheses.first()
            && let Some(action) = best.remedy.action(self.charter.as_ref(), &seen).await
        {
            touched = self.hands.act(action, now).await;
        }
        let turn = turn(&seen, touched.is_some());
        let told = |it: &Hypothesis| {
            let kind = CauseKind::try_new(it.cause).ok()?;
            let cause = Cause { kind, component: None, metric: None };
            Some((cause, Confidence::saturating(it.confidence)))
        };
        let mut causes: Vec<_> = hypotheses.iter().filter_map(told).collect();
        causes.sort_by_key(|it| std::cmp::Reverse(it.1));
        Turn {
            executions: touched.into_iter().collect(),
            look: Look { causes, ..turn.look },
            ..turn
        }
    }
}
