//! Closed-loop evaluation: runs control loops against a simulated Charter in virtual time, and scores what they did.
//!
//! A [`Scenario`] says what the managed system is like, what goes wrong with it, and what would be right. An [`Entrant`] steers: the
//! loop, in the same code as in production, or a baseline to hold it against. [`play`] runs one scenario under one seed and gives a
//! [`Trace`], from which everything else follows. [`backtest`] drives a loop through recorded data in place of a scenario.
mod alerts;
pub mod backtest;
mod entrant;
mod error;
mod evaluation;
mod objective;
mod recorder;
pub mod report;
mod run;
mod scenario;
mod score;
mod sensor;
pub mod statistics;
mod suite;
mod trace;
mod world;

pub use alerts::{AlertRule, charter_rules};
pub use entrant::{
    BuildLoop, Entrant, Looped, Nothing, Oracle, Random, Seat, SeedFormulas, StaticRules, Steering,
    Turn,
};
pub use error::Error;
pub use evaluation::{best_of, evaluate};
pub use objective::{Compliance, Objective};
pub use run::{Played, play};
#[cfg(feature = "schemars")]
pub use scenario::scenario_schema;
pub use scenario::{
    Again, Approves, Change, Flaw, Operator, PlannedApiFault, PlannedChange, PlannedFault, Right,
    Scenario, ScenarioKind,
};
pub use score::{Score, Stated, harm, score};
pub use sensor::{SensorFault, SensorFaultKind};
pub use suite::{Finished, Suite};
pub use trace::{CallRecord, CallResult, Look, Moment, StepOf, Trace, words};
