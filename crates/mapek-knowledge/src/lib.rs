//! Stores outcomes and answers with experience.
//!
//! A [`KnowledgeStore`] takes measured outcomes, each execution once, and counts them. [`Knowledge`] makes of it what others
//! read: [`Experience`](mapek_model::Experience) for planning, [`Statistics`] and [`Insight`]s for people. It reads no
//! clock, and the order in which outcomes come does not show in what was learned.
//!
//! ```
//! use mapek_knowledge::{KnowledgeStore, MemoryKnowledge, Idle, Limits};
//! use mapek_model::{Cause, TargetId, Timestamp, Verdict};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let store = MemoryKnowledge::new(Limits::default());
//! let idle = Idle {
//!     target: TargetId::default(),
//!     cause: Cause { kind: "overload".parse()?, component: None, metric: None },
//!     began: Timestamp::UNIX_EPOCH,
//!     judged: "1970-01-01T00:05:00Z".parse()?,
//!     verdict: Verdict::Success,
//! };
//! store.record_idle(&idle).await?;
//! store.record_idle(&idle).await?; // the same period counts once
//! let experience = store.experience(&TargetId::default()).await?;
//! assert_eq!(experience.nothing["overload"].success, 1);
//! assert!((experience.utility_of_nothing(&idle.cause.kind).get() - 1.0 / 3.0).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Feature flags
//!
//! - **`sqlite`** (default): `SqliteKnowledge`, the store in a file.
//! - **`mock`**: `MockKnowledgeStore`, for mockall.
//! - **`schemars`**: JSON Schema of what an API shows.
mod error;
mod statistics;

mod row;
mod tallies;

#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

mod insight;
mod knowledge;

mod config;

#[cfg(test)]
mod tests;

pub use config::{Config, Database};
pub use error::{BoxError, Error};
pub use insight::{BestPlan, INSIGHTS_MAX, Insight, Posterior, Topic, best_plan, insights};
pub use knowledge::{Knowledge, Resumed, evidence_weight};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteKnowledge;
pub use statistics::{Statistics, success_rate};
#[cfg(any(test, feature = "mock"))]
pub use store::MockKnowledgeStore;
pub use store::{
    Cursor, Filter, Idle, KnowledgeStore, Limits, MemoryKnowledge, OUTCOMES_MAX, Recorded, Taken,
};
