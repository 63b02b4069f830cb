//! What an evaluation came to, for people and for programs.
//!
//! An [`Evaluation`] is plain data. [`table`] is for a terminal, [`json`] for whatever compares (its schema is
//! `docs/evaluation.schema.json`), and `html`, with the feature of that name, one file to look at and to send around. All three give the
//! same bytes for the same evaluation: how fast it ran depends on the machine, so it is no part of it, and handed over apart.
//!
//! ```
//! use mapek_eval::report::{Evaluation, Verdict, goals, json, table};
//!
//! let mut evaluation = Evaluation::default();
//! evaluation.totals.figures.mitigated_share = Some(0.97);
//! assert_eq!(goals(&evaluation.totals)[0].verdict(), Verdict::Met);
//! assert!(table(&evaluation, 100).contains("mitigated"));
//! assert!(json(&evaluation, Some(12_000.0)).contains("\"realtime_factor\": 12000.0"));
//! ```
mod columns;
mod goal;
#[cfg(feature = "html")]
mod html;
mod json;
mod model;
mod table;
mod words;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use crate::statistics::{CalibrationPoint, Interval};
pub use goal::{Bound, Goal, Unit, Verdict, goals};
#[cfg(feature = "html")]
pub use html::{Drawn, html};
pub use json::json;
#[cfg(feature = "schemars")]
pub use json::schema;
pub use model::{BaselineResult, Evaluation, Figures, Meta, ScenarioResult, Spread, Totals};
pub use table::table;
