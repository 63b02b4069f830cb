//! The data of a report. Whoever runs a suite fills it in.

use serde::{Deserialize, Serialize};

use crate::{
    ScenarioKind,
    statistics::{CalibrationPoint, Interval, quantile},
};

/// What an evaluation came to. Shares are 0 to 1, times in seconds, losses in seconds of a total outage; what cannot be told (there was
/// no faulty scenario, nobody asked what would have been) is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// What was run.
    pub meta: Meta,
    /// Of the loop, over all scenarios and seeds.
    pub totals: Totals,
    /// Of the loop, by scenario.
    pub by_scenario: Vec<ScenarioResult>,
    /// Of those that it is held against.
    pub baselines: Vec<BaselineResult>,
    /// The calibration curve of the loop, by rising confidence.
    pub calibration: Vec<CalibrationPoint>,
}

/// What was run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Meta {
    /// The version of the loop.
    pub version: String,
    /// Who is judged, by the name of the entrant.
    pub entrant: String,
    /// The profile of its configuration.
    pub profile: String,
    /// The hash of its configuration.
    pub config_hash: String,
    /// What random numbers came from.
    pub seeds: Vec<u64>,
}

/// What somebody who steers came to in some runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Figures {
    /// How many runs.
    pub runs: u64,
    /// Share of the runs with a fault that can be healed in which the objective was met and held before the horizon.
    pub mitigated_share: Option<f64>,
    /// Share of the runs with anything wrong in which anything was seen.
    pub detected_share: Option<f64>,
    /// Share of the runs with anything wrong in which the first diagnosis that was stood by was right.
    pub cause_at_1: Option<f64>,
    /// Share of them in which the true cause was among its first three.
    pub cause_at_3: Option<f64>,
    /// From the first fault until anything was seen, in seconds.
    pub time_to_detect_s: Option<Spread>,
    /// From the first miss of the objective until it was met and held, in seconds.
    pub time_to_mitigate_s: Option<Spread>,
    /// What was lost in a run, in seconds of a total outage: the median.
    pub loss_s_median: Option<f64>,
    /// What was lost, as a multiple of what the oracle lost in the same run: the median.
    pub loss_vs_oracle_median: Option<f64>,
    /// Likewise, of what static rules lost.
    pub loss_vs_static_rules_median: Option<f64>,
    /// Likewise, of what the seed formulas lost.
    pub loss_vs_seed_formulas_median: Option<f64>,
    /// Likewise, of what was lost when nothing was done.
    pub loss_vs_nothing_median: Option<f64>,
    /// Changes of the plant, those that take something back apart.
    pub actions: u64,
    /// Those of them in controls, where any is one too many.
    pub actions_in_controls: u64,
    /// Those of which nobody who knows the fault would approve.
    pub needless_actions: u64,
    /// Those without which less would have been lost, and that were left standing. Absent if nobody asked.
    pub harmful_actions: Option<u64>,
    /// Those that were taken back.
    pub undone_actions: u64,
    /// How often people were told.
    pub escalations: u64,
    /// Share of the runs in which only telling people was right, and people were told.
    pub escalated_when_right: Option<f64>,
    /// The Brier score of the stated confidences: 0 is best.
    pub brier: Option<f64>,
}

/// The middle and the slow end of some times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Spread {
    /// Half took no longer.
    pub median: f64,
    /// Nine in ten took no longer.
    pub p90: f64,
}

impl Spread {
    /// The spread of `values`; none of none.
    ///
    /// ```
    /// use mapek_eval::report::Spread;
    ///
    /// assert_eq!(Spread::of(&[30.0, 60.0]), Some(Spread { median: 45.0, p90: 57.0 }));
    /// ```
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        Some(Self { median: quantile(values, 0.5)?, p90: quantile(values, 0.9)? })
    }
}

/// What somebody who steers came to over all scenarios.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Totals {
    /// How many scenarios.
    pub scenarios: u64,
    /// All that scenarios have, too.
    #[serde(flatten)]
    pub figures: Figures,
    /// How far stated confidences are from what came of them: the debiased root mean square.
    pub calibration_error: Option<f64>,
    /// Where that would lie in 95 of 100 suites of such scenarios.
    pub calibration_interval: Option<Interval>,
}

/// What somebody who steers came to in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ScenarioResult {
    /// The scenario.
    pub scenario: String,
    /// What would have been right in it.
    #[cfg_attr(feature = "schemars", schemars(schema_with = "kinds"))]
    pub kind: ScenarioKind,
    /// What came of it.
    #[serde(flatten)]
    pub figures: Figures,
}

#[cfg(feature = "schemars")]
fn kinds(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let all = [ScenarioKind::Fault, ScenarioKind::Control, ScenarioKind::Escalate];
    schemars::json_schema!({ "type": "string", "enum": all })
}

/// What somebody to hold the loop against came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct BaselineResult {
    /// Who, by the name of the entrant.
    pub entrant: String,
    /// Over all scenarios and seeds.
    pub totals: Totals,
    /// By scenario.
    pub by_scenario: Vec<ScenarioResult>,
}
