//! Every seam of the loop with a point before and after each call.

mod charter;
mod effector;
mod keeping;
mod log;

pub(crate) use charter::WatchedCharter;
pub(crate) use effector::WatchedEffector;
pub(crate) use keeping::{WatchedCheckpoint, WatchedInbox, WatchedIntake, WatchedKnowledge};
pub(crate) use log::WatchedStore;
