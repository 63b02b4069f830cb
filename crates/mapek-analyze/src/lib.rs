//! Turns violations into a diagnosis.
//!
//! A [`Detector`] reports what it recognises in one [`Window`] of onsets, each finding with a confidence. A
//! [`Catalogue`] says which causes there are and what speaks for each. An [`Analyzer`] lets the causes compete for what
//! is breached and answers a [`Diagnosis`](mapek_model::Diagnosis), in which *unknown* is an allowed answer.
//!
//! Everything here is synchronous and never asks for the time, so the same input always yields the same answer.
//!
//! ```
//! use mapek_analyze::{AnalyzeConfig, Analyzer, AnalyzerState, observe, read_violations};
//! use mapek_model::TargetId;
//!
//! let lines = r#"
//! {"violation_id": "1", "severity": "critical", "detected_at": "2026-01-01T00:00:09Z", "metric_name": "validation_latency", "metric_value": 4.2, "threshold": 1.0}
//! {"violation_id": "2", "severity": "warning", "detected_at": "2026-01-01T00:00:00Z", "metric_name": "validation_latency", "metric_value": 1.2, "threshold": 1.0}
//! "#;
//! let target = TargetId::default();
//! let violations = read_violations(lines.as_bytes(), &target)?;
//! let (observation, history) = observe(violations, &target).expect("there are two lines");
//!
//! let analyzer = Analyzer::try_new(AnalyzeConfig { history, ..AnalyzeConfig::default() })?;
//! let id = "01890a5d-ac96-774b-bcce-b302099a8057".parse()?;
//! let diagnosis = analyzer.diagnose(&mut AnalyzerState::default(), &observation, id);
//! assert_eq!(diagnosis.causes[0].cause.kind, "validation-latency");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Feature flags
//!
//! - **`schemars`**: JSON Schema of the configuration.
mod error;

mod baselines;
mod window;

mod detect;

mod catalogue;
mod infer;
mod ours;

mod calibration;
mod config;

mod analyzer;
mod state;
mod threshold;

mod lines;

#[cfg(test)]
mod fixture;

pub use analyzer::Analyzer;
pub use baselines::Baselines;
pub use calibration::Calibration;
pub use catalogue::{
    Catalogue, Clue, Condition, Pattern, Remedy, ResourceTest, Shape, Signature, WatchTest,
};
pub use config::{Algorithm, AnalyzeConfig};
pub use detect::{
    Causal, CausalConfig, Detector, DetectorFn, EPISODES_MAX, FINDINGS_MAX, Frequency,
    FrequencyConfig, Spatial, SpatialConfig, Temporal, TemporalConfig, detector_fn,
};
pub use error::Error;
pub use lines::{
    COMPONENT_LABELS, EXPECTATION_LABELS, LINE_LEN_MAX, LINES_MAX, ViolationLine, observe,
    read_violations,
};
pub use ours::{Expected, Ours, Treated};
pub use state::AnalyzerState;
pub use threshold::{MIN_VIOLATIONS, enough_to_plan};
pub use window::{Breach, Onset, Window, WindowBuilder};
