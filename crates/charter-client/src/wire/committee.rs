//! The committee: its state, its size, its restart.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Seconds;

/// The answer to `GET /api/v1/committee/state` and to a scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommitteeState {
    /// How it fares.
    pub status: CommitteeStatus,
    /// Replicas that exist now; replicas are the validation workers.
    pub replicas: u32,
    /// Those of them that work.
    pub healthy_nodes: u32,
    /// When the server looked.
    pub timestamp: Timestamp,
    /// Replicas asked for, where the server tells; differs from `replicas` while scaling takes effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_replicas: Option<u32>,
    /// Fewest replicas that the server accepts, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas_min: Option<u32>,
    /// Most replicas that the server accepts, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas_max: Option<u32>,
    /// Rises with every accepted change; the `ETag` is made of it, where the server offers tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// How requests are validated, where the server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Configuration>,
    /// Each node by itself, in order of name, where the server tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeState>,
}

/// How requests are validated: as it is, and as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// What the replicas go by.
    pub in_effect: Settings,
    /// What was configured last. Where the two differ, the configuration has drifted.
    pub configured: Settings,
}

/// The settings of validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Requests validated together.
    pub batch_size: u32,
    /// Batches in work at once, per replica.
    pub parallelism: u32,
    /// After how long an answer is too late, in seconds.
    pub timeout: Seconds,
}

/// How the committee fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommitteeStatus {
    /// All nodes healthy.
    Normal,
    /// Some are not, a quorum is.
    Degraded,
    /// No quorum.
    Critical,
    /// On the way back: restarting or scaling.
    Recovering,
}

/// One node of the committee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeState {
    /// Its name, as metrics label it.
    pub node: String,
    /// Whether it works.
    pub healthy: bool,
    /// Whether it is being restarted now.
    #[serde(default)]
    pub restarting: bool,
    /// Share of its capacity in use, 0 upwards (above 1: its queue grows), where the server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
}

/// The body of `POST /api/v1/committee/scale`: an absolute size, so that repeating it changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleRequest {
    /// Replicas wanted, within what the server accepts.
    pub replicas: u32,
}

/// The body of `POST /api/v1/committee/restart`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestartRequest {
    /// Whether nodes finish the work in hand first.
    #[serde(default = "yes")]
    pub graceful: bool,
    /// How long a graceful restart waits for that work.
    #[serde(default = "thirty_seconds")]
    pub timeout: Seconds,
    /// Only this node; without it the whole committee, one node after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

impl RestartRequest {
    /// A graceful restart of the whole committee that waits 30 s for work in hand.
    #[must_use]
    pub fn graceful() -> Self {
        Self { graceful: yes(), timeout: thirty_seconds(), node: None }
    }

    /// The same for one node only.
    #[must_use]
    pub fn on_node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }
}

fn yes() -> bool {
    true
}

fn thirty_seconds() -> Seconds {
    Seconds::whole(30)
}

/// The answer to a restart: 202, it has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartAccepted {
    /// The nodes that restart, in the order in which they do.
    pub nodes: Vec<String>,
    /// When the server took the request.
    pub accepted_at: Timestamp,
}
