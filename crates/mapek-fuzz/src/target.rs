//! Who reads what comes from outside, and what must hold of how they do.

use std::{fmt, str::FromStr, sync::Arc};

use alertmanager_client::{Labels, Matchers, Notification, ParseError};
use charter_client::{CharterApi, HttpCharter, PolicyId, RetryConfig, ScaleRequest};
use mapek_model::{Answer, Duration, Query, Span, Timestamp};
use mapek_monitor::{MetricSource, PrometheusConfig, PrometheusSource};
use mapek_testkit::{Reply, ScriptedHttp};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::shape::{about, words};

/// Something that comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The body of a webhook of Alertmanager.
    Webhook,
    /// The configuration file.
    Config,
    /// Matchers, in Alertmanager's syntax.
    Matcher,
    /// What Charter answers.
    Charter,
    /// What Prometheus answers.
    Prometheus,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Webhook, Self::Config, Self::Matcher, Self::Charter, Self::Prometheus];

    /// The word that the command line uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Config => "config",
            Self::Matcher => "matcher",
            Self::Charter => "charter",
            Self::Prometheus => "prometheus",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|target| target.as_str() == text);
        found.ok_or_else(|| format!("no target is called `{text}`; there are {}", known()))
    }
}

/// What the targets are tried on: the very clients, against a server that answers with the input.
#[derive(Debug)]
pub struct Bench {
    runtime: Runtime,
    server: ScriptedHttp,
    charter: Arc<HttpCharter>,
    prometheus: PrometheusSource,
    directory: TempDir,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Bench {
    /// Puts it together.
    ///
    /// # Errors
    ///
    /// If the system has no port, or no room, for it.
    pub fn new() -> Result<Self, BoxError> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let server = runtime.block_on(ScriptedHttp::start())?;
        let pool = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(10))
            .build()?;
        let mut settings = charter_client::Config::new(server.url(""));
        settings.retry = RetryConfig { attempts_max: 1, ..RetryConfig::default() };
        let charter = Arc::new(settings.build(pool.clone())?);
        let prometheus = PrometheusSource::try_new(pool, PrometheusConfig::at(server.url("")))?;
        Ok(Self { runtime, server, charter, prometheus, directory: TempDir::new()? })
    }

    /// Lets the target read `input`; answers the shape of what came of it, or the law that was broken.
    pub(crate) fn try_one(&self, target: Target, input: &[u8]) -> Result<String, String> {
        match target {
            Target::Webhook => webhook(input),
            Target::Config => self.config(input),
            Target::Matcher => matcher(&String::from_utf8_lossy(input)),
            Target::Charter => Ok(self.charter(input)),
            Target::Prometheus => self.prometheus(input),
        }
    }

    /// What is read says so, and what is refused is told with words.
    fn config(&self, input: &[u8]) -> Result<String, String> {
        let path = self.directory.path().join("mapek.yaml");
        std::fs::write(&path, input).map_err(|error| format!("no room: {error}"))?;
        match mapek_cli::load(Some(&path), []) {
            Ok(loaded) => {
                let again = serde_json::to_vec(&loaded.config)
                    .map_err(|error| format!("it is read and cannot be written: {error}"))?;
                serde_json::from_slice::<mapek_cli::Config>(&again)
                    .map_err(|error| format!("it is written and cannot be read back: {error}"))?;
                Ok(format!("read, with {} notices", loaded.notices.len()))
            }
            Err(error) => {
                let text = error.to_string();
                if text.trim().is_empty() {
                    return Err("it is refused without a word".to_owned());
                }
                Ok(words(&text))
            }
        }
    }

    fn charter(&self, input: &[u8]) -> String {
        let call = input.len() % 6;
        let status = [200, 200, 200, 201, 404, 503][input.len() / 6 % 6];
        let kind = if status < 400 { "application/json" } else { "application/problem+json" };
        let headers = [("content-type", kind), ("etag", "\"g5\"")];
        self.server.otherwise(Reply::new(status, &headers, input));
        let charter = &self.charter;
        let said = self.runtime.block_on(async {
            let options = charter_client::CallOptions::default();
            match call {
                0 => charter.health().await.map(|it| format!("{it:?}")),
                1 => charter.policies().await.map(|it| format!("{it:?}")),
                2 => {
                    let id = PolicyId::try_new("privacy-baseline").expect("it is an id");
                    charter.versions(&id).await.map(|it| format!("{it:?}"))
                }
                3 => charter.committee().await.map(|it| format!("{it:?}")),
                4 => charter.violations().await.map(|it| format!("{it:?}")),
                _ => {
                    let request = ScaleRequest { replicas: 5 };
                    charter.scale(&request, &options).await.map(|it| format!("{it:?}"))
                }
            }
        });
        match said {
            Ok(said) => format!("{call} {} {}", about(said.len()), words(&said)),
            Err(error) => format!("{call} {status} {}", words(&told(&error))),
        }
    }

    /// Series are told in the order of their labels, and no sample twice.
    fn prometheus(&self, input: &[u8]) -> Result<String, String> {
        let status = if input.len().is_multiple_of(5) { 422 } else { 200 };
        let headers = [("content-type", "application/json")];
        self.server.otherwise(Reply::new(status, &headers, input));
        let at = Timestamp::UNIX_EPOCH;
        let query = Query::try_new("up").map_err(|error| error.to_string())?;
        let range = input.len().is_multiple_of(2);
        let said = self.runtime.block_on(async {
            if range {
                let span = Span::try_new(at, mapek_model::later(at, Duration::from_secs(600)));
                let span = span.expect("it does not end before it begins");
                self.prometheus.range(&query, span, Duration::from_secs(15)).await
            } else {
                self.prometheus.instant(&query, at).await
            }
        });
        match said {
            Ok(answer) => answered(&answer).map(|shape| format!("{range} {shape}")),
            Err(error) => Ok(format!("{range} {status} {}", words(&told(&error)))),
        }
    }
}

fn answered(answer: &Answer) -> Result<String, String> {
    let labels: Vec<_> = answer.series.iter().map(|series| &series.labels).collect();
    if !labels.is_sorted() {
        return Err("series are not in the order of their labels".to_owned());
    }
    let samples: usize = answer.series.iter().map(|series| series.samples.len()).sum();
    let (series, samples) = (about(labels.len()), about(samples));
    Ok(format!("{series} {samples} {}", words(&format!("{:?}", answer.quality))))
}

/// What was understood can be written and is understood again; what was not is told with a place in the body.
fn webhook(input: &[u8]) -> Result<String, String> {
    match Notification::parse(input) {
        Ok(notification) => {
            let written = serde_json::to_vec(&notification)
                .map_err(|error| format!("it is read and cannot be written: {error}"))?;
            let again = Notification::parse(&written)
                .map_err(|error| format!("it is written and cannot be read back: {error}"))?;
            if again != notification {
                return Err("it is read back as something else".to_owned());
            }
            let alerts = about(notification.alerts.len());
            Ok(format!("{alerts} {}", about(words(&format!("{notification:?}")).len())))
        }
        Err(error) => {
            if let ParseError::Malformed { line, .. } = &error {
                let lines = input.split(|byte| *byte == b'\n').count();
                if *line == 0 || *line > lines {
                    return Err(format!("the fault is on line {line} of {lines}"));
                }
            }
            Ok(words(&error.to_string()))
        }
    }
}

/// What is understood is written so that it is understood again.
fn matcher(input: &str) -> Result<String, String> {
    let labels: Labels =
        [("alertname", "High"), ("severity", "critical"), ("input", input)].into_iter().collect();
    let mut shape = String::new();
    let both = [("classic", Matchers::parse_classic(input)), ("utf8", Matchers::parse_utf8(input))];
    for (name, parsed) in both {
        match parsed {
            Ok(matchers) => {
                let said = matchers.matches(&labels);
                let written = matchers.to_string();
                let again = Matchers::parse_utf8(&written)
                    .map_err(|error| format!("{name}: {written} cannot be read back: {error}"))?;
                if again != matchers {
                    return Err(format!("{name}: {written} is read back as something else"));
                }
                shape += &format!("{name} {} {said} ", matchers.len());
            }
            Err(error) => shape += &format!("{name} {} ", words(&error.to_string())),
        }
    }
    Ok(shape)
}

/// An error with its causes.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
