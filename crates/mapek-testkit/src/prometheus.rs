//! A real Prometheus.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::service::{Service, Spec, service_methods};
use crate::{Error, History, wait_for};

/// A Prometheus server of one's own; it is killed when the value goes away.
///
/// It scrapes for the first time 5 to 6 s after its start, whatever the interval: discovery is throttled by a built-in
/// 5 s. Start one for a group of checks, early, and share it; or give it a [`History`].
///
/// ```no_run
/// # async fn example() -> Result<(), mapek_testkit::Error> {
/// use mapek_testkit::{FakeTarget, Prometheus};
/// use std::time::Duration;
///
/// let target = FakeTarget::start("queue_length 7\n").await?;
/// let prometheus = Prometheus::builder().scrape("web", [target.address()]).start().await?;
/// let found = prometheus.wait_for("queue_length > 5", Duration::from_secs(15)).await?;
/// assert_eq!(found[0]["value"][1], "7");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Prometheus {
    service: Service,
}

service_methods!(Prometheus);

impl Prometheus {
    /// A server that scrapes nothing, every second, and evaluates no rules, every second.
    pub fn builder() -> PrometheusBuilder {
        PrometheusBuilder::default()
    }

    /// The result of an instant query: an array of series for a vector.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the server cannot be asked or does not like the query.
    pub async fn query(&self, expression: &str) -> Result<Value, Error> {
        let mut reply = self.get("/api/v1/query", &[("query", expression)]).await?;
        Ok(reply["data"]["result"].take())
    }

    /// Asks until the query answers at least one series. Failed queries count as no series.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`], with the output of the server, when `deadline` passes first.
    pub async fn wait_for(&self, expression: &str, deadline: Duration) -> Result<Value, Error> {
        let what = format!("a series of `{expression}`");
        let found = wait_for(deadline, &what, async || {
            let found = self.query(expression).await.ok()?;
            found.as_array().is_some_and(|series| !series.is_empty()).then_some(found)
        });
        found.await.map_err(|error| error.with_output(|| self.output()))
    }

    /// Replaces the rules that were given to [`PrometheusBuilder::rules`] under this name, or adds some.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if the server refuses them; it then keeps to the old ones.
    pub async fn set_rules(&self, name: &str, yaml: &str) -> Result<(), Error> {
        write_rules(self.service.dir(), name, yaml)?;
        self.reload().await
    }
}

/// What a [`Prometheus`] is started with.
#[derive(Clone, Debug)]
#[must_use = "call `start`"]
pub struct PrometheusBuilder {
    scrape_interval: Duration,
    evaluation_interval: Duration,
    scrape_configs: Vec<Value>,
    rules: Vec<(String, String)>,
    rule_files: Vec<PathBuf>,
    alertmanager: Option<String>,
    remote_write: Vec<String>,
    remote_read: Vec<String>,
    flags: Vec<String>,
    tls: Option<reqwest::Client>,
    history: Option<History>,
}

impl Default for PrometheusBuilder {
    fn default() -> Self {
        Self {
            scrape_interval: Duration::from_secs(1),
            evaluation_interval: Duration::from_secs(1),
            scrape_configs: vec![],
            rules: vec![],
            rule_files: vec![],
            alertmanager: None,
            remote_write: vec![],
            remote_read: vec![],
            flags: vec![],
            tls: None,
            history: None,
        }
    }
}

impl PrometheusBuilder {
    /// Scrapes `/metrics` of these addresses (`host:port`) under a job name.
    pub fn scrape<T: ToString>(self, job: &str, targets: impl IntoIterator<Item = T>) -> Self {
        let targets: Vec<_> = targets.into_iter().map(|target| target.to_string()).collect();
        self.scrape_config(json!({"job_name": job, "static_configs": [{"targets": targets}]}))
    }

    /// Adds an entry of `scrape_configs` as it is.
    pub fn scrape_config(mut self, config: Value) -> Self {
        self.scrape_configs.push(config);
        self
    }

    /// How often it scrapes; 1 s unless set.
    pub fn scrape_interval(mut self, interval: Duration) -> Self {
        self.scrape_interval = interval;
        self
    }

    /// How often it evaluates rules; 1 s unless set.
    pub fn evaluation_interval(mut self, interval: Duration) -> Self {
        self.evaluation_interval = interval;
        self
    }

    /// Rules, as the text of a rule file; [`Prometheus::set_rules`] can replace them under the same name.
    pub fn rules(mut self, name: &str, yaml: &str) -> Self {
        self.rules.push((name.to_owned(), yaml.to_owned()));
        self
    }

    /// A rule file, or a glob of some.
    pub fn rule_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.rule_files.push(path.into());
        self
    }

    /// Sends its alerts to the Alertmanager at this URL (`http://127.0.0.1:9093`).
    pub fn alertmanager(mut self, url: impl Into<String>) -> Self {
        self.alertmanager = Some(url.into());
        self
    }

    /// Writes all samples to this URL, too.
    pub fn remote_write(mut self, url: impl Into<String>) -> Self {
        self.remote_write.push(url.into());
        self
    }

    /// Reads from this URL, too.
    pub fn remote_read(mut self, url: impl Into<String>) -> Self {
        self.remote_read.push(url.into());
        self
    }

    /// Accepts samples at `/api/v1/write`.
    pub fn remote_write_receiver(self) -> Self {
        self.flag("--web.enable-remote-write-receiver")
    }

    /// Speaks TLS as `web_config` says, a file of the form that its flag `--web.config.file` takes; `client` knows it, and has
    /// what it asks for.
    pub fn tls(mut self, web_config: &Path, client: reqwest::Client) -> Self {
        self.tls = Some(client);
        self.flag(format!("--web.config.file={}", web_config.display()))
    }

    /// Any other flag of the program.
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// Samples that it has from the start.
    pub fn history(mut self, history: History) -> Self {
        self.history = Some(history);
        self
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] without the program, [`Error::Exited`] with its words if it does not accept what it was
    /// given, [`Error::Refused`] likewise for the history, [`Error::TimedOut`] after 30 s.
    pub async fn start(self) -> Result<Prometheus, Error> {
        let dir = TempDir::new().map_err(Error::io("making a directory"))?;
        self.write_files(dir.path())?;
        let data = dir.path().join("data");
        if let Some(history) = &self.history {
            history.write(dir.path(), &data).await?;
        }
        Ok(Prometheus { service: Service::start(self.spec(dir.path()), dir).await? })
    }

    fn write_files(&self, dir: &Path) -> Result<(), Error> {
        std::fs::create_dir(dir.join("rules")).map_err(Error::io("making a directory"))?;
        for (name, yaml) in &self.rules {
            write_rules(dir, name, yaml)?;
        }
        // JSON is YAML, and nothing in it needs to be quoted by hand.
        let config = self.config(dir)?.to_string();
        std::fs::write(dir.join("prometheus.yml"), config)
            .map_err(Error::io("writing prometheus.yml"))
    }

    fn config(&self, dir: &Path) -> Result<Value, Error> {
        let mut rule_files = vec![dir.join("rules/*.yml")];
        for path in &self.rule_files {
            rule_files.push(std::path::absolute(path).map_err(Error::io("finding a rule file"))?);
        }
        let urls =
            |urls: &[String]| -> Vec<_> { urls.iter().map(|url| json!({"url": url})).collect() };
        Ok(json!({
            "global": {
                "scrape_interval": duration(self.scrape_interval),
                "evaluation_interval": duration(self.evaluation_interval),
            },
            "scrape_configs": self.scrape_configs,
            "rule_files": rule_files,
            "alerting": {"alertmanagers": self.alertmanager.as_deref().map(endpoint).as_slice()},
            "remote_write": urls(&self.remote_write),
            "remote_read": urls(&self.remote_read),
        }))
    }

    fn spec(self, dir: &Path) -> Spec {
        let (dir, tls) = (dir.display().to_string(), self.tls.clone());
        let args = move |port| {
            let mut args = vec![
                format!("--config.file={dir}/prometheus.yml"),
                format!("--storage.tsdb.path={dir}/data"),
                // A history may be older than the fifteen days that are kept by default.
                "--storage.tsdb.retention.time=100y".to_owned(),
                format!("--web.listen-address=127.0.0.1:{port}"),
                "--web.enable-lifecycle".to_owned(),
                "--rules.alert.resend-delay=1s".to_owned(),
                "--log.level=warn".to_owned(),
            ];
            args.extend(self.flags.iter().cloned());
            args
        };
        Spec { program: "prometheus", args: Box::new(args), ready_path: "/-/ready", tls }
    }
}

/// A duration as Prometheus and Alertmanager write it.
pub(crate) fn duration(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// The entry of `alertmanagers` for a base URL.
fn endpoint(url: &str) -> Value {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    json!({
        "scheme": scheme,
        "path_prefix": format!("/{}", path.trim_end_matches('/')),
        "api_version": "v2",
        "static_configs": [{"targets": [host]}],
    })
}

fn write_rules(dir: &Path, name: &str, yaml: &str) -> Result<(), Error> {
    let path = dir.join("rules").join(format!("{name}.yml"));
    std::fs::write(path, yaml).map_err(Error::io(format!("writing the rules {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alertmanager_may_live_below_a_path() {
        let entry = endpoint("https://alerts.example:9093/am/");
        assert_eq!(entry["scheme"], "https");
        assert_eq!(entry["path_prefix"], "/am");
        assert_eq!(entry["static_configs"][0]["targets"][0], "alerts.example:9093");
        assert_eq!(endpoint("http://127.0.0.1:9093")["path_prefix"], "/");
    }
}
