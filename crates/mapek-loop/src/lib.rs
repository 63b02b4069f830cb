//! The MAPE-K loop: order, cadence, wake-ups and shutdown.
//!
//! A [`Cycle`] runs the stages once; a [`Loop`] runs cycles at intervals and when it is woken. The loop is *level-triggered*:
//! each cycle reads the state afresh, and what wakes it carries no data. Long work is a state that the next cycle
//! advances, not a task that sleeps.
//!
//! This crate knows no Prometheus, no Alertmanager and no managed system: its manifest proves it. It owns the [`Clock`];
//! stages are told `now`.
//!
//! ```
//! use std::{collections::BTreeMap, sync::Arc};
//!
//! use mapek_analyze::{AnalyzeConfig, Analyzer};
//! use mapek_execute::{Config, Executor, Rails, RailsConfig};
//! use mapek_loop::Loop;
//! use mapek_monitor::{Monitor, MonitorConfig};
//! use mapek_plan::Catalogue;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let store = Arc::new(mapek_store::MemoryStore::new());
//! let execute = Config { state_dir: None, ..Config::default() };
//! let rails = Rails::new(&RailsConfig::default());
//! let (executor, _) = Executor::open(execute, rails, store, BTreeMap::new())?;
//! let knowledge = mapek_knowledge::MemoryKnowledge::new(Default::default());
//!
//! let looped = Loop::builder()
//!     .monitor(Monitor::builder(MonitorConfig { up: None, ..MonitorConfig::default() }).build()?)
//!     .analyzer(Analyzer::try_new(AnalyzeConfig::default())?)
//!     .planner(mapek_plan::Config::default().build(Catalogue::new())?)
//!     .executor(executor)
//!     .knowledge(mapek_knowledge::Knowledge::over(Arc::new(knowledge), Default::default()))
//!     .build()?;
//!
//! let handle = looped.handle();
//! let last = looped.run(async move { handle.pause("ada", "just looking").expect("it is in memory") }).await;
//! assert!(last.expect("one cycle has run").diagnosis.is_healthy());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Feature flags
//!
//! - **`mock`**: `MockClock` and `MockIdSource`, for mockall.
//! - **`schemars`**: JSON Schema of what an API shows.
mod clock;
mod ids;
mod wake;

mod checkpoint;
mod idle;

mod chronicle;
#[cfg(test)]
mod fixture;
mod report;
mod state;
mod unready;

mod config;
mod cycle;

mod builder;
mod handle;
mod runner;

mod replay;

mod error;

pub use builder::Builder;
pub use checkpoint::{Checkpoint, CheckpointError, FileCheckpoint, MemoryCheckpoint, Saved};
pub use chronicle::{Chronicle, Episode, Mark, Moment, Note, Open, Pause, Suspect, Track};
#[cfg(feature = "mock")]
pub use clock::MockClock;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::LoopConfig;
pub use cycle::Cycle;
pub use error::{Error, Obstacle};
pub use handle::LoopHandle;
pub use idle::IdleWatch;
#[cfg(feature = "mock")]
pub use ids::MockIdSource;
pub use ids::{IdSource, RandomIds, Seed, SeededIds};
pub use replay::{Deciders, Difference, Recalled, Replay, Retold, Thought, Values};
pub use report::{CycleReport, Decided, NoPlanning, Progress, Seen, Timings};
pub use runner::Loop;
pub use state::{LoopState, Statistics};
pub use unready::Unready;
pub use wake::{WakeReason, Waker};

/// What [`LoopHandle::rehearse`] answers.
pub use mapek_execute::Rehearsed;
/// What [`LoopState`] and [`CycleReport`] show of plans: what the rails say to them, and where they stand before people.
pub use mapek_execute::{Decision, Proposal, Refusal};
/// What [`LoopState`] shows of what was learned.
pub use mapek_knowledge::{Insight, Posterior, Topic};
/// What [`CycleReport`] shows of what was not proposed.
pub use mapek_plan::RejectedPlan;
