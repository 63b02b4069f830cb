use mapek_model::{Expectation, MetricName, Severity};
use serde::{Deserialize, Serialize};

/// What an alert means to us.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertMapping {
    /// What is breached. The alert's name in kebab-case unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expectation: Option<Expectation>,
    /// The label that names the part of the system, before those that are looked for anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component_label: Option<String>,
    /// How bad it is. What its label `severity` says unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The metric family that its expression reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricName>,
}
