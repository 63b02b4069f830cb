//! The plant: a queueing system under control, in virtual time.
//!
//! Requests arrive one by one (a Poisson process with a rate that varies), are routed to a replica, wait in its queue, and
//! are validated in order; what is answered too late has failed, and failed requests come back as retries. Nothing in here
//! knows HTTP, JSON or the clock on the wall. A fluid model would be cheaper still, but has no quantiles: the p99 that the
//! whole loop is about would have to be made up.

mod admission;
mod arrivals;
mod breach;
mod bursts;
mod clients;
mod committee;
mod config;
mod counters;
mod exposition;
mod fault;
mod fleet;
mod machine;
mod policies;
mod policy_effect;
mod replica;
mod step;
mod trace;
mod tuning;

pub use arrivals::Arrivals;
pub use breach::{Breach, BreachKind, Thresholds};
pub use config::{Clients, InvalidConfig, PlantConfig, ServiceLaw};
pub use counters::Totals;
pub use fault::{Fault, FaultKind, InvalidFault};
pub use machine::{Plant, PlantState};
pub use trace::{InvalidRows, InvalidTrace, Trace};
pub use tuning::Tuning;

pub(crate) use fleet::FleetRefusal;
pub(crate) use policies::{Held, PolicyRefusal, Version};
pub(crate) use policy_effect::check_scope;
