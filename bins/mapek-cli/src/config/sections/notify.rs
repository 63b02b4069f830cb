//! Who is told what the loop needs people for: key `alertmanager.notify`.

use std::path::PathBuf;

use garde::Validate;
use mapek::{
    model::{Duration, duration},
    notify::{ChannelName, Kind},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    check::{at_least_a_second, http_url, optional_http_url},
    tls::ClientTlsSection,
};

/// Who is told.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NotifySection {
    /// Whether what is so is posted to `alertmanager.url` as alerts, and kept firing.
    #[garde(skip)]
    pub(crate) alerts: bool,
    /// Programs and chats that are told.
    #[garde(dive)]
    pub(crate) webhooks: Vec<WebhookEntry>,
    /// After how long what still is so is told again.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) repeat_interval: Duration,
    /// Messages of one kind to one receiver at once.
    #[garde(range(min = 1, max = 1000))]
    pub(crate) burst: u32,
    /// After how long there is room for one more.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) refill: Duration,
    /// Where people see more: the address of the API, as they reach it.
    #[garde(custom(optional_http_url))]
    pub(crate) link: Option<String>,
    /// A sign of life.
    #[garde(dive)]
    pub(crate) heartbeat: HeartbeatSection,
}

impl Default for NotifySection {
    fn default() -> Self {
        let config = mapek::notify::Config::default();
        Self {
            alerts: false,
            webhooks: Vec::new(),
            repeat_interval: config.repeat_interval,
            burst: config.burst,
            refill: config.refill,
            link: None,
            heartbeat: HeartbeatSection::default(),
        }
    }
}

impl NotifySection {
    /// Whether anybody is told anything.
    pub(crate) const fn tells_somebody(&self) -> bool {
        self.alerts || !self.webhooks.is_empty()
    }
}

/// How a receiver wants to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WebhookFormat {
    /// As JSON, see `docs/notifications.md`.
    #[default]
    Json,
    /// As Slack's incoming webhooks.
    Slack,
}

/// One who is told.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookEntry {
    /// What it is called in logs and metrics.
    #[garde(skip)]
    pub(crate) name: ChannelName,
    /// How it wants to be told.
    #[garde(skip)]
    #[serde(default)]
    pub(crate) format: WebhookFormat,
    /// Where it is, if that is no secret.
    #[garde(inner(custom(http_url)))]
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// The file that says where it is.
    #[garde(skip)]
    #[serde(default)]
    pub(crate) url_file: Option<PathBuf>,
    /// The file that holds the bearer token that it wants.
    #[garde(skip)]
    #[serde(default)]
    pub(crate) token_file: Option<PathBuf>,
    /// How it is known, and what it is shown.
    #[garde(dive)]
    #[serde(default)]
    pub(crate) tls: ClientTlsSection,
    /// How a message reads; for `slack` alone.
    #[garde(skip)]
    #[serde(default)]
    pub(crate) template: Option<String>,
    /// What it is told about; everything, if it is absent.
    #[garde(skip)]
    #[serde(default)]
    pub(crate) kinds: Option<Vec<Kind>>,
}

/// A sign of life, for somebody who is alarmed when it stays away.
#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HeartbeatSection {
    /// Whether an alert fires as long as cycles complete. Needs `alerts`.
    #[garde(skip)]
    pub(crate) alert: bool,
    /// Where it is posted to, if that is no secret.
    #[garde(inner(custom(http_url)))]
    pub(crate) url: Option<String>,
    /// The file that says where it is posted to.
    #[garde(skip)]
    pub(crate) url_file: Option<PathBuf>,
    /// How who is there is known, and what they are shown.
    #[garde(dive)]
    pub(crate) tls: ClientTlsSection,
    /// How often at most.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) interval: Duration,
}

impl Default for HeartbeatSection {
    fn default() -> Self {
        Self {
            alert: false,
            url: None,
            url_file: None,
            tls: ClientTlsSection::default(),
            interval: Duration::from_secs(60),
        }
    }
}
