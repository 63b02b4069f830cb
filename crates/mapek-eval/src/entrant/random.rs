//! Whoever does something is praised for it.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use charter_client::CharterApi;
use mapek_loop::{Seed, WakeReason};
use mapek_model::{CycleNumber, Duration, Timestamp, later};

use super::{
    Entrant, Seat, Steering, Turn,
    moves::Move,
    plain::{Eyes, Hands, turn},
};
use crate::Error;

/// Sees what the loop sees, and does anything about it, as the dice fall: one of eight actions, each as likely, at most every five
/// minutes. It never knows why, and takes nothing back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

/// How long it waits after it did something.
const COOLDOWN: Duration = Duration::from_secs(300);

impl Entrant for Random {
    fn name(&self) -> &str {
        "random"
    }

    fn sit_down(&self, seat: Seat) -> Result<Box<dyn Steering>, Error> {
        Ok(Box::new(Gambling {
            eyes: Eyes::new(&seat)?,
            hands: Hands::new(&seat),
            charter: Arc::clone(&seat.charter),
            seed: seat.seed,
            turns: CycleNumber::default(),
            rests_until: None,
        }))
    }
}

struct Gambling {
    eyes: Eyes,
    hands: Hands,
    charter: Arc<dyn CharterApi>,
    seed: Seed,
    turns: CycleNumber,
    rests_until: Option<Timestamp>,
}

#[async_trait]
impl Steering for Gambling {
    async fn turn(&mut self, now: Timestamp, _: BTreeSet<WakeReason>) -> Turn {
        self.turns = self.turns.next();
        let seen = self.eyes.look(now).await;
        let rests = self.rests_until.is_some_and(|until| now < until);
        let mut touched = None;
        if !seen.open.is_empty() && !rests {
            let dice = self.seed.draw("random action", self.turns);
            let which = usize::try_from(dice % Move::ALL.len() as u64).unwrap_or_default();
            if let Some(action) = Move::ALL[which].action(self.charter.as_ref(), &seen).await {
                touched = self.hands.act(action, now).await;
                self.rests_until = Some(later(now, COOLDOWN));
            }
        }
        Turn { executions: touched.into_iter().collect(), ..turn(&seen, touched.is_some()) }
    }
}
