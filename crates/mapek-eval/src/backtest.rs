//! What a loop would have seen and proposed on past data, cycle by cycle, without acting.
//!
//! [`Past::open`] looks what is recorded, and holds every seam of the outside as it was then: metrics asked for their past, the alerts
//! that fired, the managed system as far as its metrics tell of it, and a clock that is moved by hand. Whoever composes loops puts a
//! [`Cycle`] over it, every kind of action at autonomy *observe*; [`backtest`] drives that, in the same code as in production.
//!
//! [`JournalBacktest`] does the same with what a journal kept of each cycle, in which there is more, and only of cycles in which something was open:
//! what the managed system said of itself, what was known, and what was done, with what came of it.
//!
//! It lives here and not beside the loop because running cycles in virtual time is what this crate does, and because it knows what the
//! loop must not: that Prometheus writes down which alerts fired (`ALERTS`), and which of Charter's metrics tells of its committee.
//!
//! # Caveats
//!
//! - Nothing is executed, so what a plan would have brought about is not in the record: its [`Effect`] is unknown, always. What was seen
//!   after a cycle in which a plan was proposed is what happened without it.
//! - Whoever healed the system then is not in the record either: to the loop it looks as if it had healed by itself.
//! - Charter's own violations, its policies and the health of its nodes are in no metric. A cause that shows in them alone is not told, a
//!   plan that needs them is not made, and what needs two independent sources has one less.
//! - Budgets, cooldowns and breakers count what was done; here nothing is.
mod alerts;
mod element;
mod error;
mod journal;
mod past;
mod record;
mod replay;
mod summary;

pub use element::{Immutable, PastCommittee};
pub use error::BacktestError;
pub use journal::JournalBacktest;
pub use past::{BacktestConfig, Past};
pub use replay::{Effect, Proposed, Replayed, backtest};
pub use summary::{CauseCount, CycleCounts, PlanCount, Summary};

#[cfg(doc)]
use mapek_loop::Cycle;
