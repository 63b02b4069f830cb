//! Policies and their versions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PolicyConfig;
use crate::{ETag, PolicyId};

/// A policy as the server holds it: its newest version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Its id, stable over versions.
    pub policy_id: PolicyId,
    /// Its name, for people.
    pub name: String,
    /// The version described here; versions count from 1 and are given by the server.
    pub version: u64,
    /// Where that version is in its life.
    pub status: PolicyStatus,
    /// What it says.
    pub config: PolicyConfig,
    /// When it took effect; absent while it has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Timestamp>,
    /// Its entity tag, for `If-Match`, where the server offers tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<ETag>,
}

/// The life of one version of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyStatus {
    /// Taken in, not yet decided on.
    Pending,
    /// Decided on, not yet in effect.
    Approved,
    /// In effect.
    Active,
    /// Could not take effect.
    Failed,
    /// Taken back, or followed by a newer version.
    RolledBack,
}

/// One version in the history of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// Its number, from 1.
    pub version: u64,
    /// Where it is in its life.
    pub status: PolicyStatus,
    /// What it says.
    pub config: PolicyConfig,
    /// When it took effect; absent if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Timestamp>,
    /// Who applied it, as its request said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A policy as a client asks for it. The server gives the version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicySpec {
    /// The id, if the client chooses it: a new id makes a policy, a known one its next version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_id: Option<PolicyId>,
    /// Its name, for people: 1 to 256 bytes.
    pub name: String,
    /// What it says.
    pub config: PolicyConfig,
}

impl PolicySpec {
    /// A policy under an id of the client's choice, as undo needs it.
    #[must_use]
    pub fn new(policy_id: PolicyId, name: impl Into<String>, config: PolicyConfig) -> Self {
        Self { policy_id: Some(policy_id), name: name.into(), config }
    }
}

/// The body of `POST /api/v1/policies/apply`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyRequest {
    /// What to apply.
    pub policy: PolicySpec,
    /// When the client decided so.
    pub timestamp: Timestamp,
    /// Who asks; [`ApplyRequest::SOURCE`] for the executor of the loop. 1 to 128 bytes.
    pub source: String,
}

impl ApplyRequest {
    /// The source that the loop's executor names.
    pub const SOURCE: &'static str = "mape_k_executor";

    /// A request by the loop's executor, decided at `timestamp`.
    #[must_use]
    pub fn new(policy: PolicySpec, timestamp: Timestamp) -> Self {
        Self { policy, timestamp, source: Self::SOURCE.to_owned() }
    }
}

/// The answer to an apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The policy, also when the server chose the id. Keep it: it is what a rollback needs.
    pub policy_id: PolicyId,
    /// The version that this apply made.
    pub version: u64,
    /// Where that version is in its life; `failed` is an answer too.
    pub status: PolicyStatus,
}

/// The answer to a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBack {
    /// The policy.
    pub policy_id: PolicyId,
    /// The version that was taken back.
    pub rolled_back_version: u64,
    /// The version in effect now; absent if the policy has none left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Status of the policy now: `active` with the version above, or `rolled_back`.
    pub status: PolicyStatus,
}
