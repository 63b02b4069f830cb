//! The nouns of a MAPE-K loop: ids, units and statuses.
//!
//! A control loop of this kind has five stages (Monitor, Analyze, Plan, Execute, and the Knowledge that they share). This
//! crate holds the words in which they speak to each other, so that each stage can be used alone. It does no I/O, has no
//! async code and never asks for the time.
//!
//! What is checked is checked once, in a constructor, and serde reads through the same constructor:
//!
//! ```
//! use mapek_model::{Action, Confidence, TargetId};
//!
//! let sure = Confidence::try_new(0.9)?;
//! let target = TargetId::try_new("charter-eu")?;
//! assert!(serde_json::from_str::<TargetId>(r#""Charter EU""#).is_err());
//!
//! let action: Action = serde_json::from_str(r#"{"kind": "scale_up", "replicas": 5}"#)?;
//! assert_eq!(action.to_string(), "scale up to 5 replicas");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Feature flags
//!
//! - **`schemars`**: JSON Schema of the nouns that configuration or API show.
//! - **`proptest1`**: generators of arbitrary values for property tests, for proptest 1.
mod time;
mod unit;

mod hash;
mod id;
mod name;
mod pattern;

mod labels;
mod quality;
mod rank;
mod series;

mod observation;
mod silence;
mod violation;

mod diagnosis;

mod action;
mod approval;
mod execution;
mod plan;

mod outcome;
mod verification;

#[cfg(any(test, feature = "proptest1"))]
pub mod proptest1;

pub use action::{Action, ActionKind, UndoClass};
pub use approval::{Approval, ApprovalEvent, IllegalTransition};
pub use diagnosis::{Cause, Diagnosis, Finding, FindingKind, RankedCause};
pub use execution::{
    Captured, Ending, Execution, ExecutionEvent, ExecutionRecord, ExecutionStatus, IdempotencyKey,
    Irreversible, Judgement, Phase, ReplayError, StepStatus, UndoReason, Way,
};
pub use hash::{ContentHash, Fingerprint, PlanHash, canonical_json};
pub use id::{CycleNumber, DiagnosisId, Epoch, ExecutionId, Generation, PlanId, Sequence};
pub use labels::Labels;
pub use name::{CauseKind, Component, Expectation, InvalidName, MetricName, SourceName, TargetId};
pub use observation::{Direction, Observation, Resource, SensorCensus, Trend};
pub use outcome::{Course, Experience, Measured, Outcome, Tally};
pub use pattern::Pattern;
pub use plan::{Plan, PlanSignature, Precondition, Step, StepIndex};
pub use quality::{Answer, Doubt, DoubtKind, Level, Quality};
pub use rank::{Priority, Risk, Severity, Verdict};
pub use series::{Query, Sample, Series};
pub use silence::{Silence, Silences};
pub use time::{
    BackwardSpan, Duration, Span, Timestamp, drawn_back, duration, earlier, later, since,
};
pub use unit::{Confidence, Cost, OutOfRange, Ratio, Score, Utility, number};
pub use verification::{
    Guard, InvalidVerification, Look, Sight, Verification, VerificationOverride,
};
pub use violation::{EpisodeKey, Violation, ViolationSource, Witness};
