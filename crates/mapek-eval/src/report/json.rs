//! An evaluation for programs.

use serde::Serialize;

use super::{BaselineResult, Evaluation, Meta, ScenarioResult, Totals};
use crate::statistics::CalibrationPoint;

/// The file as it is written: an [`Evaluation`], and how fast it ran.
#[derive(Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schemars",
    schemars(title = "Evaluation", description = "What an evaluation of the loop came to.")
)]
struct File<'a> {
    /// What was run.
    meta: &'a Meta,
    /// Of the loop, over all scenarios and seeds.
    totals: TimedTotals<'a>,
    /// Of the loop, by scenario.
    by_scenario: &'a [ScenarioResult],
    /// Of those that it is held against.
    baselines: &'a [BaselineResult],
    /// The calibration curve of the loop, by rising confidence.
    calibration: &'a [CalibrationPoint],
}

/// What the loop came to over all scenarios, and how fast.
#[derive(Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
struct TimedTotals<'a> {
    #[serde(flatten)]
    totals: &'a Totals,
    /// Virtual time per time of one core. Depends on the machine; everything else in this file does not.
    realtime_factor: Option<f64>,
}

/// The evaluation as JSON, laid out, with its keys in a fixed order. All of it depends on the evaluation alone, apart from
/// `totals.realtime_factor`, which is `null` unless handed over. What is infinite or not a number is `null`.
///
/// It reads back: an [`Evaluation`] is what it deserialises to.
///
/// # Panics
///
/// Never: there is nothing in an evaluation that JSON cannot say.
#[must_use]
pub fn json(evaluation: &Evaluation, realtime_factor: Option<f64>) -> String {
    let Evaluation { meta, totals, by_scenario, baselines, calibration } = evaluation;
    let totals = TimedTotals { totals, realtime_factor };
    let file = File { meta, totals, by_scenario, baselines, calibration };
    let mut text = serde_json::to_string_pretty(&file).expect("all keys are strings");
    text.push('\n');
    text
}

/// The JSON Schema of what [`json`] writes.
#[cfg(feature = "schemars")]
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<File<'static>>()
}
