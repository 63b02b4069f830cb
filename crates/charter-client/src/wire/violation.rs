//! `GET /api/v1/violations`: what the server itself holds against its policies.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::PolicyId;

/// One violation that is open, under investigation, or was resolved lately.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViolationRecord {
    /// Its id, stable for its whole life.
    pub violation_id: String,
    /// How bad it is.
    pub severity: ViolationSeverity,
    /// What was breached, in a word: `forbidden_metric`, `validation_late`, `committee_quorum`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is in its life; `open` when absent.
    #[serde(default)]
    pub status: ViolationStatus,
    /// When it began.
    pub detected_at: Timestamp,
    /// When it was last seen, where the server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Timestamp>,
    /// When it ended; absent while it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// The policy that it breaches, if it breaches one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<PolicyId>,
    /// The name of that policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    /// The node or service where it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// The metric that shows it, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_name: Option<String>,
    /// Its value when last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric_value: Option<f64>,
    /// The value that it should have kept to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// How bad a violation is; the worst sorts last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationSeverity {
    /// Worth knowing.
    Info,
    /// Needs attention.
    Warning,
    /// Needs it now.
    Critical,
}

/// The life of a violation.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ViolationStatus {
    /// Seen, nobody looks at it yet.
    #[default]
    Open,
    /// The committee looks at it.
    Investigating,
    /// Over.
    Resolved,
}
