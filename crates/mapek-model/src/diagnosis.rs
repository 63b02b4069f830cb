//! What Analyze hands on: findings, causes, a diagnosis.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    CauseKind, Component, Confidence, DiagnosisId, EpisodeKey, MetricName, Pattern, Risk, TargetId,
    Timestamp,
};

/// What a detector looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum FindingKind {
    /// Many onsets in a short time.
    Temporal,
    /// Many on one component.
    Spatial,
    /// One series follows another.
    Causal,
    /// More onsets than usual.
    Frequency,
    /// A detector that is not ours.
    Custom(String),
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Temporal => "temporal",
            Self::Spatial => "spatial",
            Self::Causal => "causal",
            Self::Frequency => "frequency",
            Self::Custom(name) => name,
        })
    }
}

/// One detector's report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Finding {
    /// What the detector looked at.
    pub kind: FindingKind,
    /// The episodes involved, sorted. May be empty where series alone were looked at.
    pub episodes: Vec<EpisodeKey>,
    /// The component it is about, if it is about one.
    pub component: Option<Component>,
    /// How sure the detector is that this is no chance.
    pub confidence: Confidence,
    /// What it may mean, in words.
    pub hypothesis: String,
}

/// Why something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Cause {
    /// What kind of cause, from `docs/causes.md`.
    pub kind: CauseKind,
    /// Where, if it is somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// The metric that shows it best, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricName>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        self.component.as_ref().map_or(Ok(()), |component| write!(f, " at {component}"))
    }
}

/// A cause with how likely it is, and what it explains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct RankedCause {
    /// The cause.
    pub cause: Cause,
    /// Calibrated: causes stated with 0.8 should be right eight times in ten.
    pub confidence: Confidence,
    /// The open episodes that it explains, sorted. Never empty.
    pub explains: Vec<EpisodeKey>,
    /// All that such a cause brings about, open or not yet. What opens of it is no sign of another cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symptoms: Vec<Pattern>,
    /// Since when the evidence points to it without a break, as seen by the analyzer.
    pub since: Timestamp,
    /// How many cycles in a row it has been the case, this one included.
    pub persisted_cycles: u32,
    /// What speaks for it and against it, in words, strongest first.
    pub reasons: Vec<String>,
}

/// What is wrong, as far as it can be known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Diagnosis {
    /// Which diagnosis.
    pub id: DiagnosisId,
    /// The managed system.
    pub target: TargetId,
    /// When.
    pub at: Timestamp,
    /// What the detectors report, most confident first.
    pub findings: Vec<Finding>,
    /// The causes that the evidence allows, most likely first. Empty if nothing is wrong *or* the cause is unknown: see
    /// [`is_unknown`](Self::is_unknown).
    pub causes: Vec<RankedCause>,
    /// Open episodes that no cause explains, sorted.
    pub unexplained: Vec<EpisodeKey>,
    /// How bad it gets if it is left alone; absent if nothing is wrong.
    pub risk: Option<Risk>,
    /// What a person might do, in words.
    pub recommendations: Vec<String>,
}

impl Diagnosis {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.causes.is_empty() && self.unexplained.is_empty()
    }

    /// Whether something is wrong and no cause is known for any of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.causes.is_empty() && !self.unexplained.is_empty()
    }
}
