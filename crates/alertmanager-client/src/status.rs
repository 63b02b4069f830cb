use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::wire::null_as_default;

/// What Alertmanager says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Which version runs.
    pub version_info: VersionInfo,
    /// Since when it runs.
    pub uptime: Timestamp,
    /// Whether it gossips with others.
    pub cluster: ClusterStatus,
    /// What it was configured with.
    pub config: ConfigText,
}

/// Which version runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionInfo {
    /// Such as `0.28.1`.
    pub version: String,
    /// The commit that it was built from.
    #[serde(default)]
    pub revision: String,
}

/// Whether Alertmanager gossips with others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterStatus {
    /// `ready`, `settling` or `disabled`.
    pub status: String,
    /// Its own name among the others; empty without a cluster.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// All members, itself included.
    #[serde(default, deserialize_with = "null_as_default")]
    pub peers: Vec<Peer>,
}

/// One member of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Its gossip address, `host:port`.
    pub address: String,
}

/// A configuration file's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigText {
    /// YAML, with secrets replaced by Alertmanager.
    pub original: String,
}
