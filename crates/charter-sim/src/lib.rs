//! A deterministic Charter.
mod core;
#[cfg(feature = "http")]
mod http;
mod in_process;
mod plant;
mod stats;
mod text;

pub use core::{
    Answer, AnyFault, ApiFault, ApiFaultKind, Charter, FaultRecord, KEY_RETENTION, LedgerEntry,
    Mutation, MutationRequest,
};
#[cfg(feature = "http")]
pub use http::{AccessKeys, Driver, InvalidKey, Server, serve};
pub use in_process::InProcess;
pub use plant::{
    Arrivals, Breach, BreachKind, Clients, Fault, FaultKind, InvalidConfig, InvalidFault, Plant,
    PlantConfig, PlantState, ServiceLaw, Thresholds, Totals, Tuning,
};
pub use text::METRICS_CONTENT_TYPE;
