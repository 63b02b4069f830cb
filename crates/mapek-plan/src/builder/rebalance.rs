//! Spread load differently.

use mapek_model::{Action, RankedCause, Step};

use super::{Pool, StepBuilder};
use crate::{Context, Unavailable};

/// Spread load over the nodes of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebalance {
    /// The resource kind of the pool.
    pub pool: String,
    /// How, in a word of the managed system.
    pub strategy: String,
}

impl StepBuilder for Rebalance {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        let pool = Pool::find(context.observation, &self.pool, &cause.cause)?;
        if pool.replicas < 2 {
            return Err(Unavailable::unsuitable("there is only one node to spread load over"));
        }
        Ok(Step::of(Action::RebalanceLoad { strategy: self.strategy.clone() }))
    }
}
