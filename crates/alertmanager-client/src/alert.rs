//! Alerts as API v2 shows and takes them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    AlertStatus, DedupeKey, Labels, Matchers,
    wire::{null_as_default, present, web_link},
};

/// Which alerts are wanted. The default wants all of them.
///
/// ```
/// use alertmanager_client::AlertFilter;
///
/// let filter = AlertFilter { silenced: false, ..AlertFilter::matching("severity=critical".parse()?) };
/// assert!(filter.active && !filter.silenced);
/// # Ok::<_, alertmanager_client::MatcherError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertFilter {
    /// Conditions on the labels, all of which must hold.
    pub matchers: Matchers,
    /// Whether alerts that are neither silenced nor inhibited are wanted.
    pub active: bool,
    /// Whether silenced alerts are wanted.
    pub silenced: bool,
    /// Whether inhibited alerts are wanted.
    pub inhibited: bool,
    /// Whether alerts are wanted that Alertmanager has not looked at yet.
    pub unprocessed: bool,
    /// A regular expression for the whole name of a receiver; `None` for any.
    pub receiver: Option<String>,
}

impl Default for AlertFilter {
    fn default() -> Self {
        Self::matching(Matchers::any())
    }
}

impl AlertFilter {
    /// All alerts whose labels match.
    #[must_use]
    pub fn matching(matchers: Matchers) -> Self {
        Self {
            matchers,
            active: true,
            silenced: true,
            inhibited: true,
            unprocessed: true,
            receiver: None,
        }
    }
}

/// An alert as API v2 shows it. Only alerts that fire are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableAlert {
    /// What identifies the alert.
    #[serde(deserialize_with = "present")]
    pub labels: Labels,
    /// What people should know about the alert.
    #[serde(default)]
    pub annotations: Labels,
    /// Since when it fires, cut to milliseconds.
    pub starts_at: Timestamp,
    /// When it will end if nobody tells of it again; unlike in the webhook never Go's zero time.
    pub ends_at: Timestamp,
    /// When Alertmanager last heard of it.
    pub updated_at: Timestamp,
    /// Where the alert was made. Use [`generator_link`](Self::generator_link) to show it.
    #[serde(default, rename = "generatorURL", deserialize_with = "null_as_default")]
    pub generator_url: String,
    /// The hash of the labels.
    pub fingerprint: String,
    /// Who is told of it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub receivers: Vec<Receiver>,
    /// What becomes of it.
    pub status: AlertState,
}

impl GettableAlert {
    /// The key that a webhook's report of this alert has.
    #[must_use]
    pub fn dedupe_key(&self) -> DedupeKey {
        DedupeKey::new(self.fingerprint.clone(), self.starts_at, AlertStatus::Firing)
    }

    /// [`generator_url`](Self::generator_url) if it is an `http` or `https` link.
    #[must_use]
    pub fn generator_link(&self) -> Option<&str> {
        web_link(&self.generator_url)
    }
}

/// One who is told of alerts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Receiver {
    /// Its name in Alertmanager's configuration.
    pub name: String,
}

/// What becomes of an alert, and on whose account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertState {
    /// Whether anybody is told.
    pub state: AlertStateKind,
    /// Ids of the silences that suppress it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub silenced_by: Vec<String>,
    /// Fingerprints of the alerts that inhibit it.
    #[serde(default, deserialize_with = "null_as_default")]
    pub inhibited_by: Vec<String>,
    /// Names of the time intervals that mute it. Not told before Alertmanager 0.28.
    #[serde(default, deserialize_with = "null_as_default")]
    pub muted_by: Vec<String>,
}

/// Whether anybody is told of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AlertStateKind {
    /// Alertmanager has not looked at it yet.
    Unprocessed,
    /// Its receivers are told.
    Active,
    /// It is silenced, inhibited or muted.
    Suppressed,
}

/// An alert to be told to Alertmanager.
///
/// ```
/// use alertmanager_client::{Labels, PostableAlert};
///
/// let alert = PostableAlert::new(Labels::from([("alertname", "MapekTest")]));
/// assert_eq!(serde_json::to_string(&alert)?, r#"{"labels":{"alertname":"MapekTest"}}"#);
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableAlert {
    /// What identifies the alert: at least one label with a value.
    #[serde(deserialize_with = "present")]
    pub labels: Labels,
    /// What people should know about the alert.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub annotations: Labels,
    /// Since when it fires; Alertmanager's now, if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// When it ends or ended; `resolve_timeout` from now, if `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// Where the alert was made.
    #[serde(default, rename = "generatorURL", skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
}

impl PostableAlert {
    /// An alert that fires from now on.
    #[must_use]
    pub fn new(labels: Labels) -> Self {
        Self { labels, ..Self::default() }
    }

    /// The same alert, ended at `ends_at`.
    #[must_use]
    pub fn resolved(self, ends_at: Timestamp) -> Self {
        Self { ends_at: Some(ends_at), ..self }
    }
}
