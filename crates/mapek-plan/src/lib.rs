//! Turns a diagnosis into ranked plans.
//!
//! A [`Strategy`] knows what can be done against a cause; a [`Catalogue`] holds strategies by kind of cause, mostly
//! [`Remedy`]s: data, put together from typed [`StepBuilder`]s that read the inventory and never guess. The [`Planner`]
//! scores what they propose against doing nothing, drops what does not pay, and ranks the rest.
//!
//! Everything here is synchronous and pure: no I/O, no clock, no random numbers, and the order of the input does not show
//! in the output. Whether a plan *may* run is not decided here.
//!
//! ```
//! use mapek_model::*;
//! use mapek_plan::{Catalogue, Config, Rebalance, Remedy};
//!
//! let mut observation = Observation::empty(TargetId::default(), Timestamp::UNIX_EPOCH);
//! observation.resources.push(Resource {
//!     kind: "cluster".to_owned(),
//!     id: "main".to_owned(),
//!     status: "running".to_owned(),
//!     generation: None,
//!     changed: None,
//!     attributes: [("replicas".to_owned(), 4.into())].into(),
//! });
//! let hot = RankedCause {
//!     cause: Cause { kind: "hot-spot".parse()?, component: None, metric: None },
//!     confidence: Confidence::try_new(0.9)?,
//!     explains: Vec::new(),
//!     since: Timestamp::UNIX_EPOCH,
//!     symptoms: Vec::new(),
//!     persisted_cycles: 2,
//!     reasons: Vec::new(),
//! };
//! let diagnosis = Diagnosis {
//!     id: "00000000-0000-0000-0000-000000000001".parse()?,
//!     target: TargetId::default(),
//!     at: Timestamp::UNIX_EPOCH,
//!     findings: Vec::new(),
//!     causes: vec![hot],
//!     unexplained: Vec::new(),
//!     risk: Some(Risk::Medium),
//!     recommendations: Vec::new(),
//! };
//!
//! let spread = Rebalance { pool: "cluster".to_owned(), strategy: "least_loaded".to_owned() };
//! let remedy = Remedy::new("spread", "one node draws too much").then(spread, Duration::ZERO);
//! let catalogue = Catalogue::new().with("hot-spot".parse()?, remedy);
//! let planner = Config { min_violations: 0, ..Config::default() }.build(catalogue)?;
//!
//! let id: PlanId = "00000000-0000-0000-0000-000000000002".parse()?;
//! let experience = Experience::default();
//! let planning = planner.plan(&diagnosis, &observation, &experience, observation.at, &mut || id);
//! // 0.95 · 0.9 · (1 − 0) − 0.25: nobody has tried it, so it is worth trying.
//! assert!((planning.plans[0].score.get() - 0.605).abs() < 1e-12);
//! assert_eq!(planning.plans[0].success.get(), 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Feature flags
//!
//! - **`charter`**: the strategies for Charter, in module `charter`.
//! - **`mock`**: `MockStrategy`, for mockall.
//! - **`schemars`**: JSON Schema of what an API shows.
mod strategy;

mod candidate;
mod rejection;

mod builder;
mod catalogue;
#[cfg(feature = "charter")]
pub mod charter;

mod config;
mod draft;
mod planner;
mod planning;
mod priority;
mod score;

#[cfg(test)]
mod test_support;

pub use builder::{
    Fixed, Node, Pool, Rebalance, Restart, RestartScope, ScaleDown, ScaleUp, StepBuilder, Throttle,
};
pub use candidate::{Candidate, InvalidCandidate, check_plan};
pub use catalogue::{Catalogue, Remedy};
pub use config::{Config, InvalidConfig};
pub use draft::rank;
/// Where a proposal stands: pending, approved, rejected, expired or withdrawn.
pub use mapek_model::{Approval, ApprovalEvent};
pub use planner::Planner;
pub use planning::{Planning, WaitReason, Waiting};
pub use rejection::{Reason, RejectedPlan, Rejection, Unavailable};
pub use score::{Prospect, plan_cost};
#[cfg(any(test, feature = "mock"))]
pub use strategy::MockStrategy;
pub use strategy::{Context, Proposals, Strategy, strategy_fn};
