//! A deterministic Charter: a queueing system under control, and a thin HTTP server over it.
//!
//! Three layers, each usable without the ones above it:
//!
//! 1. [`Plant`]: a seeded state machine in virtual time. Requests arrive, queue at replicas, are validated, fail when they
//!    are late, and come back as retries; [`Fault`]s go wrong with a known true cause. It renders its own metrics.
//! 2. [`Charter`]: the contract over a plant: policies with versions, idempotency keys, tags, epochs, a ledger of
//!    effects. No transport, no clock: the moment is the plant's.
//! 3. [`InProcess`], which implements [`CharterApi`](charter_client::CharterApi) and is shared by its clones, and, with the
//!    feature `http`, a server: `Server` for the routes, `Driver` for a plant that follows a clock.
//!
//! ```
//! use charter_client::{CallOptions, CharterApi, ScaleRequest};
//! use charter_sim::{Fault, FaultKind, InProcess, PlantConfig};
//! use jiff::SignedDuration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let charter = InProcess::try_new(PlantConfig::default(), 42, "2026-01-01T00:00:00Z".parse()?)?;
//! charter.advance_by(SignedDuration::from_mins(1));
//!
//! charter.inject(Fault::new(FaultKind::Overload))?;
//! charter.advance_by(SignedDuration::from_secs(30));
//! assert!(charter.state().failure_rate > 0.1);
//!
//! charter.scale(&ScaleRequest { replicas: 20 }, &CallOptions::new()).await?;
//! charter.advance_by(SignedDuration::from_mins(2));
//! assert!(charter.state().breaches.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - The same seed and the same calls at the same moments give the same bytes of metrics, in however many pieces time
//!   passes. Each purpose has its own stream of random numbers, so that runs that differ in an action meet the same
//!   first attempts. (The logarithm is the platform's: other machines may differ in the last digit.)
//! - No request is lost: `arrivals = served + shed + failed + queued`, at every step ([`Totals`]).
//! - Queues, versions, keys, faults, labels: everything has a limit.
//!
//! # What heals what
//!
//! | Fault | Heals with | Does not heal with |
//! |---|---|---|
//! | overload | capacity, a throttle, an override | a restart |
//! | validation-latency | capacity, tuning | |
//! | retry-cascade | a throttle, an override | some capacity, a restart |
//! | leak | a restart of the node | a restart of another node |
//! | node-down | a restart | |
//! | policy-misconfiguration | a rollback of `privacy-baseline`, or its last good version applied again | capacity |
//! | hot-spot | a rebalance | capacity |
//! | configuration-drift | a configuration applied or rolled back | capacity |
//! | attack | a throttle, an enforcement policy with a rule that revokes | |
//! | stale-policy | an enforcement policy applied or rolled back | |
//! | idle-capacity | fewer replicas | |
//!
//! # What the metrics say
//!
//! Names and labels are those of `docs/charter-api.md` §7. In `enforcement_actions_total` the label `action_type` is `allow`
//! (answered in time), `timeout` (too late), `reject` (the queue was full) or `drop` (lost with its node) for each node
//! `validator-n`; `throttle` and `drop` at `admission`; `override` and `bypass` at `committee`; `retry` at `clients`; `deny` at
//! `enforcement`. A `validation_type` is `policy` or `schema`.
//!
//! # Feature flags
//!
//! - **`http`** (default): the server. Without it this crate needs neither tokio nor axum.
//! - **`schemars`**: JSON Schema of what a plant is configured with.
mod core;
#[cfg(feature = "http")]
mod http;
mod in_process;
mod plant;
mod stats;
mod text;

pub use core::{
    Answer, AnyFault, ApiFault, ApiFaultKind, Charter, FaultRecord, KEY_RETENTION, LedgerEntry,
    Mutation, MutationRequest, Refusal,
};
#[cfg(feature = "http")]
pub use http::{AccessKeys, Driver, InvalidKey, Server, serve};
pub use in_process::InProcess;
pub use plant::{
    Arrivals, Breach, BreachKind, Clients, Fault, FaultKind, InvalidConfig, InvalidFault,
    InvalidRows, InvalidTrace, Plant, PlantConfig, PlantState, ServiceLaw, Thresholds, Totals,
    Trace, Tuning,
};
pub use text::METRICS_CONTENT_TYPE;
