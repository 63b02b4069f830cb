//! Executions: the life of one plan run as a saga.
//!
//! An execution *is* its log of events. [`ExecutionStatus::after`] is the only way from one status to the next, while it
//! lives and when it is recovered, so that what the log can say and what the code can do are the same.
//!
//! ```text
//!            ┌── Intended → Applied | Refused | Unclear, for each step in order
//!  Started ─► Running ─► Verifying ─► Judged ─┬─► Ended(completed)
//!               │                             ├─► Holding ─► Undoing(release) ─► Ended(completed)
//!               │ a step failed               │ it got worse
//!               └────────────► Undoing ◄──────┘
//!                                 └─ steps in reverse ─► Ended(undone)
//!  any of them ─► Ended(needs operator) ─► Closed, by a named person
//! ```
mod event;
mod log;
mod status;
#[cfg(test)]
mod tests;

pub use event::{Captured, Ending, ExecutionEvent, IdempotencyKey, Irreversible, UndoReason, Way};
pub use log::{Execution, ExecutionRecord, Judgement, ReplayError};
pub use status::{ExecutionStatus, Phase, StepStatus};
