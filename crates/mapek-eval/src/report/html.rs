//! An evaluation as one file for a browser: nothing is fetched, nothing runs, light and dark, on paper and on a phone.
//!
//! Plots are drawn twice, for wide screens and for narrow ones, as text that shrinks with its picture cannot be read; the style sheet
//! shows one. They are drawn at twice their size, as the backend knows whole pixels only.

mod calibration;
mod comparison;
mod escape;
mod page;
mod palette;
mod plot;
mod sections;
mod simplify;
mod timeline;

use std::sync::Arc;

use super::Evaluation;
use crate::{Scenario, Trace};

/// One run of a scenario that stands for the others, to be drawn: all three under the same seed.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The run of whoever is judged.
    pub steered: Trace,
    /// The same when nothing is done.
    pub nothing: Option<Trace>,
    /// The same under somebody who knows the fault.
    pub oracle: Option<Trace>,
}

/// The evaluation as one HTML file, with a timeline for each of `drawn`. Whatever comes from a scenario is escaped.
#[must_use]
pub fn html(evaluation: &Evaluation, drawn: &[Drawn]) -> String {
    page::page(evaluation, drawn)
}
