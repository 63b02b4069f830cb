//! One report of a breach, before it is merged with others into an episode.

use mapek_model::{
    Component, Expectation, Fingerprint, Labels, MetricName, Severity, Timestamp, Witness,
};
use serde::{Deserialize, Serialize};

/// What one witness says of one breach at one moment. Reports with the same [`fingerprint`](Self::fingerprint) are one
/// episode, whoever made them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// What was expected.
    pub expectation: Expectation,
    /// Which part of the system breaches it; absent if it is the system as a whole.
    pub component: Option<Component>,
    /// How bad the witness thinks it is.
    pub severity: Severity,
    /// Since when, as far as the witness knows.
    pub onset: Timestamp,
    /// Who says so.
    pub witness: Witness,
    /// The metric that breaches.
    pub metric: Option<MetricName>,
    /// Its value, in the metric's unit.
    #[serde(default, with = "mapek_model::number::option")]
    pub value: Option<f64>,
    /// What it must not cross.
    #[serde(default, with = "mapek_model::number::option")]
    pub threshold: Option<f64>,
    /// All that the witness said.
    pub labels: Labels,
    /// For people.
    pub description: String,
}

impl Breach {
    /// What it is about.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_breach(&self.expectation, self.component.as_ref())
    }
}
