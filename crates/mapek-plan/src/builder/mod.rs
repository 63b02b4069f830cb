//! Typed builders: each makes one step of one kind from what is known of the managed system.

mod fixed;
mod pool;
mod rebalance;
mod restart;
mod scale;
mod throttle;

use std::{fmt, sync::Arc};

use mapek_model::{RankedCause, Step};

pub use fixed::Fixed;
pub use pool::{Node, Pool};
pub use rebalance::Rebalance;
pub use restart::{Restart, RestartScope};
pub use scale::{ScaleDown, ScaleUp};
pub use throttle::Throttle;

use crate::{Context, Unavailable};

/// Makes one step against a cause, or says why it cannot.
///
/// Pure, like a [`Strategy`](crate::Strategy). Targets are absolute and computed from the inventory; what the inventory
/// does not hold is never guessed. The wait of the step is set by the [`Remedy`](crate::Remedy) that it is part of.
pub trait StepBuilder: fmt::Debug + Send + Sync {
    /// Makes the step.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if something needed is not known, or speaks against it.
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable>;
}

const _: Option<&dyn StepBuilder> = None; // stays usable as a trait object

impl<T: StepBuilder + ?Sized> StepBuilder for Arc<T> {
    fn build(&self, cause: &RankedCause, context: &Context<'_>) -> Result<Step, Unavailable> {
        (**self).build(cause, context)
    }
}
