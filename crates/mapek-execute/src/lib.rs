//! Runs a plan as a saga: do, log, undo.
//!
//! [`Executor`] takes a plan that the [`Rails`] let pass, does its steps through an [`Effector`], checks on fresh metrics what they achieved,
//! and undoes them if they made things worse. Whatever it is about to do is in the [`Journal`] first; after a crash it reads the managed
//! system back and goes on. [`Control`] is for people and readers: pause, approve, roll back, resolve, look.
//!
//! ```
//! use std::{collections::BTreeMap, sync::Arc};
//!
//! use mapek_execute::{Config, Executor, Rails};
//! use mapek_store::MemoryStore;
//!
//! let config = Config { state_dir: None, ..Config::default() };
//! let rails = Rails::new(&config.rails);
//! let store = Arc::new(MemoryStore::new());
//! let (executor, recovery) = Executor::open(config, rails, store, BTreeMap::new())?;
//! assert!(recovery.resumed.is_empty());
//!
//! let control = executor.control();
//! let now = "2026-01-01T03:00:00Z".parse()?;
//! control.pause("ada", "3 a.m.", now)?;
//! assert!(control.paused().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! - An intent is durable before the first byte leaves; if it cannot be written down, nothing is sent.
//! - A retry, also after a crash, carries the key of the first attempt.
//! - What was sent and not answered is read back before anything else; what cannot be repeated is never sent twice.
//! - What is pruned from the journal is nothing that anybody still needs, and what is left still verifies.
//! - Undo runs in reverse over exactly what may have run. If it fails, a person is called and the target is frozen.
//!
//! # Feature flags
//!
//! - **`sqlite`** (default): `mapek_store::SqliteStore` below the journal.
//! - **`charter`**: the effector for Charter.
//! - **`mock`**: `MockEffector`, for tests with mockall.
//! - **`schemars`**: JSON Schema of what an API shows.
//! - **`defects`**: old faults, which code may put in again. For tests only; nothing is different until one is put in.
mod config;
#[cfg_attr(
    not(feature = "defects"),
    expect(unreachable_pub, reason = "without the feature nobody but the crate itself asks")
)]
mod defects;
mod error;

mod dry_run;
mod effector;

mod history;
mod journal;
mod ledger;
mod proposals;
mod verify;

mod judge;
mod rails;

mod control;
mod executor;

#[cfg(feature = "charter")]
mod charter;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

#[cfg(feature = "charter")]
pub use charter::CharterEffector;
pub use config::{Config, ExecutionMode, Retention};
pub use control::{Control, LOOP, OwnChange, OwnEffect, OwnEffects, Rehearsed};
#[cfg(feature = "defects")]
pub use defects::{Defect, Defects};
#[cfg(not(feature = "defects"))]
pub(crate) use defects::{Defect, Defects};
pub use dry_run::DryRun;
#[cfg(any(test, feature = "mock"))]
pub use effector::MockEffector;
pub use effector::{EffectError, Effector, Presence, Repeat, Sending};
pub use error::Error;
pub use executor::{Advance, Executor, Order, Recovery};
pub use history::History;
pub use journal::{
    Archive, BadRecord, Body, CycleDecisions, CycleInputs, Entry, Journal, PlanDecision, Proposed,
    Record, scan,
};
pub use judge::{Case, Examined, Watch, judge};
pub use ledger::{Damaged, ForeignChange, Moved, Writer};
/// Where a proposal stands: pending, approved, rejected, expired or withdrawn.
pub use mapek_model::{Approval, ApprovalEvent};
pub use proposals::Proposal;
pub use rails::{
    Autonomy, AutonomyConfig, BlastRadiusConfig, BreakerConfig, BudgetConfig, CalendarConfig,
    Context, Day, DayTime, Decision, DoubtConfig, InvalidWindow, OnceWindow, OthersConfig,
    PauseFile, Paused, Profile, Rail, Rails, RailsConfig, Refusal, WeeklyWindow, WindowEffect,
    Zone,
};
pub use verify::{Damage, Verified, verify};
