//! Section `monitor`.

use std::collections::BTreeMap;

use garde::Validate;
use mapek::model::{Duration, Expectation, Severity, duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    check::{at_least_a_second, finite, http_url, optional_at_least_a_second},
    tls::ClientTlsSection,
};

/// A value that is watched by its metric's name.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricEntry {
    /// The metric.
    #[garde(length(min = 1, max = 253))]
    pub(crate) name: String,
    /// Above it, it is a violation.
    #[serde(default)]
    #[garde(custom(finite))]
    pub(crate) threshold: Option<f64>,
}

/// Which side of a threshold is bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ThresholdDirection {
    /// Values above it.
    #[default]
    Above,
    /// Values below it.
    Below,
}

/// A rule.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryEntry {
    /// Its name. Some are known and need nothing else: `high_validation_latency`, `high_failure_rate`,
    /// `low_throughput`, `forbidden_metric_spike`, `missing_nodes`, `low_utilisation`.
    #[garde(length(min = 1, max = 63))]
    pub(crate) name: String,
    /// The expression. Without a threshold, every series that it answers is a violation.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) promql: Option<String>,
    /// What it must not cross; the comparison is made by the metric source.
    #[serde(default)]
    #[garde(custom(finite))]
    pub(crate) threshold: Option<f64>,
    /// Which side of it is bad.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) direction: ThresholdDirection,
    /// How bad a breach is.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) severity: Option<Severity>,
    /// What the breach is of, if not of what the name says.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) expectation: Option<Expectation>,
    /// The label that says which part of the system breaches it.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) component_label: Option<String>,
}

/// A target that the embedded metric source scrapes.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScrapeTarget {
    /// Where its metrics are, as `http://host:port/metrics`.
    #[garde(custom(http_url))]
    pub(crate) url: String,
    /// Its `job` label.
    #[serde(default)]
    #[garde(skip)]
    pub(crate) job: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MonitorSection {
    /// Where Prometheus is.
    #[garde(custom(http_url))]
    pub(crate) prometheus_url: String,
    /// How Prometheus and the targets are known, and what they are shown.
    #[garde(dive)]
    pub(crate) tls: ClientTlsSection,
    /// How often Monitor asks, if not with every cycle.
    #[garde(custom(optional_at_least_a_second))]
    #[serde(with = "mapek::model::duration::option")]
    #[schemars(with = "Option<duration::Schema>")]
    pub(crate) poll_interval: Option<Duration>,
    /// How often the metrics are scraped: a sample older than two of these is stale.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) scrape_interval: Duration,
    /// The series that are 1 for each scrape target that answers. In a Prometheus that others share, narrow it down to the
    /// managed system: what is down elsewhere is no reason to doubt this one.
    #[garde(length(min = 1, max = 16384))]
    pub(crate) up: String,
    /// What all reads of one cycle may take together.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) read_deadline: Duration,
    /// Values that are watched by the names of their metrics.
    #[garde(dive)]
    pub(crate) metrics: Vec<MetricEntry>,
    /// The rules; the known ones if there are none.
    #[garde(dive)]
    pub(crate) queries: Vec<QueryEntry>,
    /// What each alert is about, where its name does not say it: alert name to expectation.
    #[garde(skip)]
    pub(crate) alerts: BTreeMap<String, Expectation>,
    /// With targets, the embedded metric source scrapes them and no Prometheus is asked.
    #[garde(dive)]
    pub(crate) targets: Vec<ScrapeTarget>,
}

impl Default for MonitorSection {
    fn default() -> Self {
        Self {
            prometheus_url: "http://localhost:9090".to_owned(),
            tls: ClientTlsSection::default(),
            poll_interval: None,
            scrape_interval: Duration::from_secs(15),
            up: "up".to_owned(),
            read_deadline: Duration::from_secs(10),
            metrics: Vec::new(),
            queries: Vec::new(),
            alerts: BTreeMap::new(),
            targets: Vec::new(),
        }
    }
}
