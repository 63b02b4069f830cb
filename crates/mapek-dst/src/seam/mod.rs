//! The seams of the loop, as one process sees them.

mod clock;
mod effector;
mod eyes;
mod memory;

pub(crate) use clock::SimClock;
pub(crate) use effector::Hands;
pub(crate) use eyes::{Eyes, METRICS, UP, alert, metric};
pub(crate) use memory::Memory;
