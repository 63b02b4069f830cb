//! Nobody acts.

use std::collections::BTreeSet;

use async_trait::async_trait;
use mapek_loop::WakeReason;
use mapek_model::Timestamp;

use super::{
    Entrant, Seat, Steering, Turn,
    plain::{Eyes, turn},
};
use crate::Error;

/// Looks as the loop does, and lets everything be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Entrant for Nothing {
    fn name(&self) -> &str {
        "nothing"
    }

    fn sit_down(&self, seat: Seat) -> Result<Box<dyn Steering>, Error> {
        Ok(Box::new(Onlooker(Eyes::new(&seat)?)))
    }
}

struct Onlooker(Eyes);

#[async_trait]
impl Steering for Onlooker {
    async fn turn(&mut self, now: Timestamp, _: BTreeSet<WakeReason>) -> Turn {
        turn(&self.0.look(now).await, false)
    }
}
