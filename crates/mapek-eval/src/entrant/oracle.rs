//! Somebody who knows the fault.

use std::collections::BTreeSet;

use async_trait::async_trait;
use mapek_loop::WakeReason;
use mapek_model::{Action, Timestamp, later};

use super::{
    Entrant, Seat, Steering, Turn,
    plain::{Eyes, Hands, turn},
};
use crate::{Error, Scenario};

/// Does what is right, as the scenario says, in the first look that shows that anything is wrong.
///
/// It has the loop's eyes, hands and delays, and no doubts. Each of the scenario's remedies is an oracle of its own; who runs them all
/// takes [the best of them](crate::best_of). Where a scenario has fewer remedies, it does not play.
#[derive(Debug, Clone)]
pub struct Oracle {
    name: String,
    remedy: usize,
}

impl Oracle {
    /// The oracle for one of the remedies, counted from 0.
    #[must_use]
    pub fn new(remedy: usize) -> Self {
        Self { name: format!("oracle-{remedy}"), remedy }
    }
}

impl Entrant for Oracle {
    fn name(&self) -> &str {
        &self.name
    }

    fn plays(&self, scenario: &Scenario) -> bool {
        // One watches where nothing can be done.
        self.remedy < scenario.right.remedies.len().max(1)
    }

    fn sit_down(&self, seat: Seat) -> Result<Box<dyn Steering>, Error> {
        let remedies = &seat.scenario.right.remedies;
        let remedy = remedies.get(self.remedy).or(remedies.last()).cloned().unwrap_or_default();
        let mut starts: Vec<_> = seat
            .scenario
            .faults
            .iter()
            .flat_map(|fault| fault.starts())
            .map(|at| later(seat.start, at))
            .collect();
        starts.sort_unstable();
        let held = seat.scenario.objective.held;
        let (eyes, hands) = (Eyes::new(&seat)?, Hands::new(&seat));
        Ok(Box::new(Knowing { eyes, hands, remedy, starts, treated: 0, held, quiet_since: None }))
    }
}

struct Knowing {
    eyes: Eyes,
    hands: Hands,
    remedy: Vec<Action>,
    /// When faults begin.
    starts: Vec<Timestamp>,
    /// How many of them have been seen to.
    treated: usize,
    held: mapek_model::Duration,
    quiet_since: Option<Timestamp>,
}

#[async_trait]
impl Steering for Knowing {
    async fn turn(&mut self, now: Timestamp, _: BTreeSet<WakeReason>) -> Turn {
        let seen = self.eyes.look(now).await;
        let begun = self.starts.iter().filter(|start| **start <= now).count();
        let acts = begun > self.treated && !seen.open.is_empty();
        let mut touched = Vec::new();
        if acts {
            self.treated = begun;
            for action in self.remedy.clone() {
                touched.extend(self.hands.act(action, now).await);
            }
        }
        if seen.open.is_empty() {
            let since = *self.quiet_since.get_or_insert(now);
            if later(since, self.held) <= now {
                touched.extend(self.hands.release(now).await);
            }
        } else {
            self.quiet_since = None;
        }
        Turn { executions: touched, ..turn(&seen, acts) }
    }
}
