//! A real Alertmanager.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Error;
use crate::prometheus::duration;
use crate::service::{Service, Spec, service_methods};

/// An Alertmanager of one's own, without gossip; it is killed when the value goes away.
///
/// A posted alert reaches the webhook in milliseconds; *resolved* takes a `group_interval` (1 s).
///
/// ```no_run
/// # async fn example() -> Result<(), mapek_testkit::Error> {
/// use mapek_testkit::{Alertmanager, ScriptedHttp, wait_until};
/// use serde_json::json;
/// use std::time::Duration;
///
/// let receiver = ScriptedHttp::start().await?;
/// let alertmanager = Alertmanager::builder().webhook(receiver.url("/webhook")).start().await?;
/// alertmanager.post_alerts(&json!([{"labels": {"alertname": "TooSlow"}}])).await?;
/// wait_until(Duration::from_secs(5), "a webhook", async || receiver.request_count() > 0).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Alertmanager {
    service: Service,
}

service_methods!(Alertmanager);

impl Alertmanager {
    /// An Alertmanager that tells nobody, groups nothing (`['...']`) and does not wait.
    pub fn builder() -> AlertmanagerBuilder {
        AlertmanagerBuilder::default()
    }

    /// Hands it alerts as API v2 takes them: an array of objects with `labels` and, if wanted, `annotations`,
    /// `startsAt`, `endsAt`.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] with its reason, if it does not take them.
    pub async fn post_alerts(&self, alerts: &Value) -> Result<(), Error> {
        self.post("/api/v2/alerts", alerts).await.map(drop)
    }

    /// All alerts that it knows, as API v2 shows them.
    ///
    /// # Errors
    ///
    /// [`Error::Http`] if it cannot be asked.
    pub async fn alerts(&self) -> Result<Value, Error> {
        self.get("/api/v2/alerts", &[]).await
    }
}

/// What an [`Alertmanager`] is started with.
#[derive(Clone, Debug)]
#[must_use = "call `start`"]
pub struct AlertmanagerBuilder {
    webhooks: Vec<String>,
    group_by: Vec<String>,
    group_wait: Duration,
    group_interval: Duration,
    repeat_interval: Duration,
    send_resolved: bool,
    max_alerts: u32,
    config: Option<String>,
    flags: Vec<String>,
    tls: Option<reqwest::Client>,
}

impl Default for AlertmanagerBuilder {
    fn default() -> Self {
        Self {
            webhooks: vec![],
            group_by: vec!["...".to_owned()],
            group_wait: Duration::ZERO,
            group_interval: Duration::from_secs(1),
            repeat_interval: Duration::from_secs(4 * 3600),
            send_resolved: true,
            max_alerts: 0,
            config: None,
            flags: vec![],
            tls: None,
        }
    }
}

impl AlertmanagerBuilder {
    /// Sends every notification to this URL; may be called more than once.
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        self.webhooks.push(url.into());
        self
    }

    /// The labels to group by; `...` (all, so that each alert is a group) unless set.
    pub fn group_by<T: Into<String>>(mut self, labels: impl IntoIterator<Item = T>) -> Self {
        self.group_by = labels.into_iter().map(Into::into).collect();
        self
    }

    /// How long a new group waits for more; not at all unless set.
    pub fn group_wait(mut self, wait: Duration) -> Self {
        self.group_wait = wait;
        self
    }

    /// How long it waits before it tells what changed in a group; 1 s unless set, and never zero.
    pub fn group_interval(mut self, interval: Duration) -> Self {
        self.group_interval = interval;
        self
    }

    /// After how long it says again what has not changed; 4 h unless set.
    pub fn repeat_interval(mut self, interval: Duration) -> Self {
        self.repeat_interval = interval;
        self
    }

    /// Whether it tells that an alert is resolved; it does unless set.
    pub fn send_resolved(mut self, send: bool) -> Self {
        self.send_resolved = send;
        self
    }

    /// The most alerts in one notification; 0, the default, is no limit.
    pub fn max_alerts(mut self, max: u32) -> Self {
        self.max_alerts = max;
        self
    }

    /// Runs a configuration file as it is. All other settings but [`flag`](Self::flag) are then without effect.
    pub fn config(mut self, yaml: impl Into<String>) -> Self {
        self.config = Some(yaml.into());
        self
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

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] without the program, [`Error::Exited`] with its words if it does not accept what it was
    /// given, [`Error::TimedOut`] after 30 s.
    pub async fn start(self) -> Result<Alertmanager, Error> {
        let dir = TempDir::new().map_err(Error::io("making a directory"))?;
        let config = self.config.clone().unwrap_or_else(|| self.generated_config().to_string());
        let file = dir.path().join("alertmanager.yml");
        std::fs::write(file, config).map_err(Error::io("writing alertmanager.yml"))?;
        Ok(Alertmanager { service: Service::start(self.spec(dir.path()), dir).await? })
    }

    /// As JSON, which is YAML and needs no quoting by hand.
    fn generated_config(&self) -> Value {
        let webhook = |url: &String| json!({"url": url, "send_resolved": self.send_resolved, "max_alerts": self.max_alerts});
        json!({
            "route": {
                "receiver": "test",
                "group_by": self.group_by,
                "group_wait": duration(self.group_wait),
                "group_interval": duration(self.group_interval),
                "repeat_interval": duration(self.repeat_interval),
            },
            "receivers": [{
                "name": "test",
                "webhook_configs": self.webhooks.iter().map(webhook).collect::<Vec<_>>(),
            }],
        })
    }

    fn spec(self, dir: &Path) -> Spec {
        let (dir, tls) = (dir.display().to_string(), self.tls.clone());
        let args = move |port| {
            let mut args = vec![
                format!("--config.file={dir}/alertmanager.yml"),
                format!("--storage.path={dir}/data"),
                format!("--web.listen-address=127.0.0.1:{port}"),
                // Empty: no gossip, so no second port.
                "--cluster.listen-address=".to_owned(),
                "--log.level=warn".to_owned(),
            ];
            args.extend(self.flags.iter().cloned());
            args
        };
        Spec {
            program: "prometheus-alertmanager",
            args: Box::new(args),
            ready_path: "/-/ready",
            tls,
        }
    }
}
