//! Sections `alertmanager`, `api`, `logging`, `performance` and `staging`.

use std::path::PathBuf;

use garde::Validate;
use mapek::{
    model::{Duration, duration},
    monitor::AlertmanagerFeed,
    server::Rate,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AuthSection, HashEntry, TlsSection,
    check::{absolute_path, at_least_a_second, http_url, optional_http_url},
    notify::NotifySection,
    tls::ClientTlsSection,
};

#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertmanagerSection {
    /// Where Alertmanager is.
    #[garde(custom(http_url))]
    pub(crate) url: String,
    /// How Alertmanager is known, and what it is shown.
    #[garde(dive)]
    pub(crate) tls: ClientTlsSection,
    /// Where the webhook listens.
    #[garde(skip)]
    pub(crate) webhook_host: String,
    /// On which port.
    #[garde(skip)]
    pub(crate) webhook_port: u16,
    /// At which path.
    #[garde(custom(absolute_path))]
    pub(crate) webhook_path: String,
    /// What the token is known by that Alertmanager has to send; without it nobody has to.
    #[garde(skip)]
    pub(crate) webhook_token_sha256: Option<HashEntry>,
    /// The webhook's certificate, and whose certificates may send to it.
    #[garde(dive)]
    pub(crate) webhook_tls: TlsSection,
    /// How long after its start an Alertmanager that lists no alert proves nothing.
    #[garde(skip)]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) startup_grace: Duration,
    /// Without it neither alerts nor webhooks are used.
    #[garde(skip)]
    pub(crate) enabled: bool,
    /// Who is told what the loop needs people for.
    #[garde(dive)]
    pub(crate) notify: NotifySection,
}

impl Default for AlertmanagerSection {
    fn default() -> Self {
        Self {
            url: "http://localhost:9093".to_owned(),
            tls: ClientTlsSection::default(),
            webhook_host: "127.0.0.1".to_owned(),
            webhook_port: 5000,
            webhook_path: "/webhooks/alerts".to_owned(),
            webhook_token_sha256: None,
            webhook_tls: TlsSection::default(),
            startup_grace: AlertmanagerFeed::GRACE,
            enabled: true,
            notify: NotifySection::default(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ApiSection {
    /// Where the API listens.
    #[garde(length(min = 1))]
    pub(crate) host: String,
    /// On which port.
    #[garde(skip)]
    pub(crate) port: u16,
    /// A listener of their own for the metrics.
    #[garde(skip)]
    pub(crate) metrics_port: Option<u16>,
    /// Names by which requests may call this host, on all listeners, besides loopback names, addresses of it and what it binds to.
    #[garde(skip)]
    pub(crate) allowed_hosts: Vec<String>,
    /// Origins whose pages may send requests.
    #[garde(skip)]
    pub(crate) allowed_origins: Vec<String>,
    /// Requests a second of one address, and of one person, in the long run.
    #[garde(range(min = 1, max = 1_000_000))]
    pub(crate) requests_per_second: u32,
    /// The same at once.
    #[garde(range(min = 1, max = 1_000_000))]
    pub(crate) requests_burst: u32,
    /// Who may use it by a token.
    #[garde(skip)]
    pub(crate) auth: AuthSection,
    /// Its certificate, and who may use it by theirs.
    #[garde(dive)]
    pub(crate) tls: TlsSection,
    /// How commands of this program know the API, and what it is shown.
    #[garde(dive)]
    pub(crate) client_tls: ClientTlsSection,
    /// No effect yet.
    #[garde(skip)]
    pub(crate) debug: bool,
    /// No effect yet: `allowed_origins` says whose pages may ask.
    #[garde(skip)]
    pub(crate) cors_enabled: bool,
}

impl Default for ApiSection {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8001,
            metrics_port: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            requests_per_second: Rate::default().per_second.get(),
            requests_burst: Rate::default().burst.get(),
            auth: AuthSection::default(),
            tls: TlsSection::default(),
            client_tls: ClientTlsSection::default(),
            debug: false,
            cors_enabled: false,
        }
    }
}

/// Where traces and the log go besides.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OtlpSection {
    /// Where an OpenTelemetry collector takes OTLP over HTTP; nothing is sent if it is absent.
    #[garde(custom(optional_http_url))]
    pub(crate) endpoint: Option<String>,
    /// How it is known, and what it is shown.
    #[garde(dive)]
    pub(crate) tls: ClientTlsSection,
    /// The file that holds the bearer token that it wants.
    #[garde(skip)]
    pub(crate) token_file: Option<PathBuf>,
    /// Whether it gets traces.
    #[garde(skip)]
    pub(crate) traces: bool,
    /// Which share of the traces.
    #[garde(range(min = 0.0, max = 1.0))]
    pub(crate) sample_ratio: f64,
    /// Whether it gets the log.
    #[garde(skip)]
    pub(crate) logs: bool,
    /// What we are called there.
    #[garde(length(min = 1, max = 255))]
    pub(crate) service_name: String,
    /// Spans, and records of the log, that wait at most; what is more is dropped.
    #[garde(range(min = 1, max = 1_000_000))]
    pub(crate) queue: u32,
    /// How long it may take to take a batch.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) timeout: Duration,
}

impl Default for OtlpSection {
    fn default() -> Self {
        Self {
            endpoint: None,
            tls: ClientTlsSection::default(),
            token_file: None,
            traces: true,
            sample_ratio: 1.0,
            logs: true,
            service_name: "mapek".to_owned(),
            // A cycle makes about twenty.
            queue: 2048,
            timeout: Duration::from_secs(10),
        }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    #[default]
    Json,
    Text,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LoggingSection {
    /// How much is logged.
    #[garde(skip)]
    pub(crate) level: LogLevel,
    /// How a line looks.
    #[garde(skip)]
    pub(crate) format: LogFormat,
    /// Where logs go; standard error if it is absent.
    #[garde(skip)]
    pub(crate) file: Option<PathBuf>,
    /// Then the file is rotated.
    #[garde(range(min = 1024))]
    pub(crate) max_bytes: u64,
    /// Rotated files that are kept.
    #[garde(range(max = 1000))]
    pub(crate) backup_count: u32,
    /// Traces and the log to a collector.
    #[garde(dive)]
    pub(crate) otlp: OtlpSection,
}

impl Default for LoggingSection {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            format: LogFormat::Json,
            file: None,
            max_bytes: 10_485_760,
            backup_count: 5,
            otlp: OtlpSection::default(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PerformanceSection {
    /// How many queries run at once.
    #[garde(range(min = 1, max = 1000))]
    pub(crate) max_concurrent_analyses: u32,
    /// No effect yet.
    #[garde(skip)]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) metric_cache_ttl: Duration,
    /// No effect yet.
    #[garde(skip)]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) policy_cache_ttl: Duration,
    /// No effect: the loop is always asynchronous.
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

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StagingSection {
    /// Use the in-process reference server in place of a Charter.
    pub(crate) use_mock_charter: bool,
    /// Let the in-process reference server run into faults now and then.
    pub(crate) simulate_failures: bool,
    /// No effect: set `logging.level`.
    pub(crate) verbose_logging: bool,
    /// No effect: metrics are always collected.
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
