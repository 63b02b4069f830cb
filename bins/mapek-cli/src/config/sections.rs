//! The eleven sections.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use garde::Validate;
use mapek::model::{ActionKind, Cost, Duration, Expectation, Severity, TargetId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// The whole file.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The loop itself.
    #[garde(dive)]
    pub(crate) orchestrator: OrchestratorSection,
    /// What is watched.
    #[garde(dive)]
    pub(crate) monitor: MonitorSection,
    /// How causes are found.
    #[garde(dive)]
    pub(crate) analyze: AnalyzeSection,
    /// How plans are chosen.
    #[garde(dive)]
    pub(crate) plan: PlanSection,
    /// How plans are carried out.
    #[garde(dive)]
    pub(crate) execute: ExecuteSection,
    /// What is remembered.
    #[garde(dive)]
    pub(crate) knowledge: KnowledgeSection,
    /// Where alerts come from.
    #[garde(dive)]
    pub(crate) alertmanager: AlertmanagerSection,
    /// What is served.
    #[garde(dive)]
    pub(crate) api: ApiSection,
    /// What is logged.
    #[garde(dive)]
    pub(crate) logging: LoggingSection,
    /// What bounds the work.
    #[garde(dive)]
    pub(crate) performance: PerformanceSection,
    /// What is only for trying things out.
    #[garde(skip)]
    pub(crate) staging: StagingSection,
}

/// Whether things are being tried out, or for real.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Everything is allowed.
    #[default]
    Staging,
    /// What could lose data or hide harm is refused.
    Production,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OrchestratorSection {
    #[garde(skip)]
    pub(crate) mode: Mode,
    /// What the managed system is called, in every key, URL and metric.
    #[garde(skip)]
    pub(crate) target: TargetId,
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    pub(crate) loop_interval: Duration,
    #[garde(skip)]
    pub(crate) enable_logging: bool,
    /// Overrides `logging.level` where it is given.
    #[garde(skip)]
    pub(crate) log_level: Option<LogLevel>,
}

impl Default for OrchestratorSection {
    fn default() -> Self {
        Self {
            mode: Mode::Staging,
            target: TargetId::default(),
            loop_interval: Duration::from_secs(30),
            enable_logging: true,
            log_level: None,
        }
    }
}

/// A value that is watched by its metric's name.
#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ThresholdDirection {
    /// Values above it.
    #[default]
    Above,
    /// Values below it.
    Below,
}

/// A rule.
#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryEntry {
    /// Its name. Three are known and need nothing else: `high_validation_latency`, `high_failure_rate`,
    /// `low_throughput`.
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
#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
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

#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MonitorSection {
    #[garde(custom(http_url))]
    pub(crate) prometheus_url: String,
    /// How often Monitor asks, if not with every cycle.
    #[garde(custom(optional_at_least_a_second))]
    #[serde(with = "mapek::model::duration::option")]
    pub(crate) poll_interval: Option<Duration>,
    /// How often the metrics are scraped: a sample older than two of these is stale.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    pub(crate) scrape_interval: Duration,
    /// What all reads of one cycle may take together.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    pub(crate) read_deadline: Duration,
    #[garde(dive)]
    pub(crate) metrics: Vec<MetricEntry>,
    /// The rules; the three known ones if there are none.
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
            poll_interval: None,
            scrape_interval: Duration::from_secs(15),
            read_deadline: Duration::from_secs(10),
            metrics: Vec::new(),
            queries: Vec::new(),
            alerts: BTreeMap::new(),
            targets: Vec::new(),
        }
    }
}

/// The four detectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AlgorithmName {
    Temporal,
    Spatial,
    Causal,
    Frequency,
}

/// One detector's settings; what is absent keeps its default.
#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlgorithmEntry {
    #[garde(skip)]
    pub(crate) name: AlgorithmName,
    #[serde(default = "yes")]
    #[garde(skip)]
    pub(crate) enabled: bool,
    /// The confidence that evidence starts with.
    #[serde(default)]
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) sensitivity: Option<f64>,
    /// Of `temporal`: how close together onsets must be.
    #[serde(default, with = "mapek::model::duration::option")]
    #[garde(skip)]
    pub(crate) window: Option<Duration>,
    /// Of `spatial`: how many onsets on one component.
    #[serde(default)]
    #[garde(range(min = 1))]
    pub(crate) min_components: Option<u32>,
    /// Of `causal`: how strong a correlation.
    #[serde(default)]
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) correlation_threshold: Option<f64>,
    /// Of `frequency`: how many onsets in five minutes are usual.
    #[serde(default)]
    #[garde(range(min = 1))]
    pub(crate) anomaly_threshold: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AnalyzeSection {
    /// Settings of detectors; one that is not listed has its defaults.
    #[garde(dive)]
    pub(crate) algorithms: Vec<AlgorithmEntry>,
    #[garde(range(min = 1, max = 100_000))]
    pub(crate) pattern_history_limit: u32,
}

impl Default for AnalyzeSection {
    fn default() -> Self {
        Self { algorithms: Vec::new(), pattern_history_limit: 100 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PlanSection {
    /// What actions cost, where it is not the default.
    #[garde(skip)]
    pub(crate) cost_model: BTreeMap<ActionKind, Cost>,
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) benefit_target: f64,
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) min_confidence: f64,
    #[garde(range(min = 1, max = 100))]
    pub(crate) max_policies_per_analysis: u32,
    /// How many warnings and infos it takes before a plan is made; one critical violation is enough.
    #[garde(range(min = 1, max = 10_000))]
    pub(crate) min_violations: u32,
    /// Factor on all waits and times to effect: above 1 for a Charter that is slower than usual, below for a faster one.
    #[garde(range(min = 0.01, max = 100.0))]
    pub(crate) pace: f64,
}

impl Default for PlanSection {
    fn default() -> Self {
        Self {
            cost_model: BTreeMap::new(),
            benefit_target: 0.95,
            min_confidence: 0.6,
            max_policies_per_analysis: 5,
            min_violations: 3,
            pace: 1.0,
        }
    }
}

/// What becomes of the steps before one that fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExecutionMode {
    /// They are undone.
    #[default]
    Transactional,
    /// They stay.
    BestEffort,
}

/// How much the loop may do by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RailsProfile {
    /// Nothing: it records what it would do.
    Observe,
    /// Scale and rebalance; everything else needs approval.
    #[default]
    Shipped,
    /// All but the emergency override and the bypass, which need two people.
    Auto,
}

/// The rails.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RailsSection {
    pub(crate) profile: RailsProfile,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExecuteSection {
    #[garde(custom(http_url))]
    pub(crate) charter_url: String,
    /// The key itself. Better is a file, or the environment.
    #[garde(skip)]
    pub(crate) charter_api_key: Option<Secret>,
    /// The file that holds the key.
    #[garde(skip)]
    pub(crate) charter_api_key_file: Option<PathBuf>,
    #[garde(range(min = 1, max = 600))]
    pub(crate) timeout_seconds: u32,
    #[garde(range(max = 20))]
    pub(crate) max_retries: u32,
    #[garde(skip)]
    pub(crate) rollback_enabled: bool,
    #[garde(skip)]
    pub(crate) execution_mode: ExecutionMode,
    #[garde(skip)]
    pub(crate) rails: RailsSection,
    /// Where the journal and the inbox are.
    #[garde(skip)]
    pub(crate) state_dir: PathBuf,
}

impl Default for ExecuteSection {
    fn default() -> Self {
        Self {
            charter_url: "http://localhost:8000".to_owned(),
            charter_api_key: None,
            charter_api_key_file: None,
            timeout_seconds: 30,
            max_retries: 3,
            rollback_enabled: true,
            execution_mode: ExecutionMode::Transactional,
            rails: RailsSection::default(),
            state_dir: PathBuf::from("data"),
        }
    }
}

/// Where knowledge is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Database {
    Memory,
    #[default]
    Sqlite,
    Postgres,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KnowledgeSection {
    #[garde(skip)]
    pub(crate) database: Database,
    #[garde(skip)]
    pub(crate) sqlite_path: PathBuf,
    #[garde(skip)]
    pub(crate) pattern_learning_enabled: bool,
    #[garde(range(min = 1, max = 100_000))]
    pub(crate) confidence_saturation_point: u32,
    #[garde(range(min = 1, max = 10_000_000))]
    pub(crate) outcome_history_limit: u32,
    #[garde(skip)]
    pub(crate) insight_generation_enabled: bool,
}

impl Default for KnowledgeSection {
    fn default() -> Self {
        Self {
            database: Database::Sqlite,
            sqlite_path: PathBuf::from("data/knowledge.db"),
            pattern_learning_enabled: true,
            confidence_saturation_point: 30,
            outcome_history_limit: 1000,
            insight_generation_enabled: true,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertmanagerSection {
    #[garde(custom(http_url))]
    pub(crate) url: String,
    #[garde(skip)]
    pub(crate) webhook_host: String,
    #[garde(skip)]
    pub(crate) webhook_port: u16,
    #[garde(custom(absolute_path))]
    pub(crate) webhook_path: String,
    #[garde(skip)]
    pub(crate) enabled: bool,
}

impl Default for AlertmanagerSection {
    fn default() -> Self {
        Self {
            url: "http://localhost:9093".to_owned(),
            webhook_host: "127.0.0.1".to_owned(),
            webhook_port: 5000,
            webhook_path: "/webhooks/alerts".to_owned(),
            enabled: true,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApiSection {
    #[garde(length(min = 1))]
    pub(crate) host: String,
    #[garde(skip)]
    pub(crate) port: u16,
    /// A listener of their own for the metrics.
    #[garde(skip)]
    pub(crate) metrics_port: Option<u16>,
    #[garde(skip)]
    pub(crate) debug: bool,
    #[garde(skip)]
    pub(crate) cors_enabled: bool,
}

impl Default for ApiSection {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8001,
            metrics_port: None,
            debug: false,
            cors_enabled: false,
        }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    #[serde(alias = "ERROR")]
    Error,
    #[serde(alias = "WARN", alias = "WARNING", alias = "warning")]
    Warn,
    #[default]
    #[serde(alias = "INFO")]
    Info,
    #[serde(alias = "DEBUG")]
    Debug,
    #[serde(alias = "TRACE")]
    Trace,
}

impl LogLevel {
    /// The word that a filter takes.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    #[default]
    Json,
    Text,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LoggingSection {
    #[garde(skip)]
    pub(crate) level: LogLevel,
    #[garde(skip)]
    pub(crate) format: LogFormat,
    /// Where logs go; standard error if it is absent.
    #[garde(skip)]
    pub(crate) file: Option<PathBuf>,
    #[garde(range(min = 1024))]
    pub(crate) max_bytes: u64,
    #[garde(range(max = 1000))]
    pub(crate) backup_count: u32,
}

impl Default for LoggingSection {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            format: LogFormat::Json,
            file: None,
            max_bytes: 10_485_760,
            backup_count: 5,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PerformanceSection {
    /// How many queries run at once.
    #[garde(range(min = 1, max = 1000))]
    pub(crate) max_concurrent_analyses: u32,
    #[garde(skip)]
    #[serde(with = "mapek::model::duration")]
    pub(crate) metric_cache_ttl: Duration,
    #[garde(skip)]
    #[serde(with = "mapek::model::duration")]
    pub(crate) policy_cache_ttl: Duration,
    #[garde(skip)]
    pub(crate) async_executor: bool,
}

impl Default for PerformanceSection {
    fn default() -> Self {
        Self {
            max_concurrent_analyses: 10,
            metric_cache_ttl: Duration::from_secs(60),
            policy_cache_ttl: Duration::from_secs(120),
            async_executor: true,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StagingSection {
    /// Use the in-process reference server in place of a Charter.
    pub(crate) use_mock_charter: bool,
    /// Let the in-process reference server run into faults now and then.
    pub(crate) simulate_failures: bool,
    pub(crate) verbose_logging: bool,
    pub(crate) collect_metrics: bool,
}

impl Default for StagingSection {
    fn default() -> Self {
        Self {
            use_mock_charter: false,
            simulate_failures: false,
            verbose_logging: true,
            collect_metrics: true,
        }
    }
}

/// A text that is never printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(SecretString);

impl Secret {
    /// Takes a text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself, for the client that sends it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(****)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("****")
    }
}

const fn yes() -> bool {
    true
}

fn at_least_a_second(value: &Duration, (): &()) -> garde::Result {
    if *value < Duration::from_secs(1) {
        return Err(garde::Error::new("must be at least one second"));
    }
    Ok(())
}

fn optional_at_least_a_second(value: &Option<Duration>, context: &()) -> garde::Result {
    value.as_ref().map_or(Ok(()), |value| at_least_a_second(value, context))
}

fn finite(value: &Option<f64>, (): &()) -> garde::Result {
    match value {
        Some(value) if !value.is_finite() => Err(garde::Error::new("must be a finite number")),
        _ => Ok(()),
    }
}

fn http_url(value: &str, (): &()) -> garde::Result {
    let explain = |why: &str| {
        Err(garde::Error::new(format!("must be a URL such as http://localhost:9090: {why}")))
    };
    match reqwest::Url::parse(value) {
        Err(error) => explain(&error.to_string()),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            explain("the scheme must be http or https")
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            explain("it must not hold a password; give it in a file or the environment")
        }
        Ok(_) => Ok(()),
    }
}

fn absolute_path(value: &str, (): &()) -> garde::Result {
    if value.starts_with('/') && !value.contains(['?', '#', ' ']) {
        Ok(())
    } else {
        Err(garde::Error::new("must be an absolute path such as /webhooks/alerts"))
    }
}
