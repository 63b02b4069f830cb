//! The seam to alerts that fire.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use mapek_model::{Labels, Quality, SourceName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Whether an alert fires or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// Its expression holds.
    Firing,
    /// It ended, or its sender fell silent. This is not proof of health.
    Resolved,
}

impl AlertStatus {
    /// The word on the wire: `firing` or `resolved`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert, however it was heard of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedAlert {
    /// The hash of the labels by which the alert manager knows it. Opaque.
    pub fingerprint: String,
    /// What identifies it; `alertname` may be missing.
    pub labels: Labels,
    /// What people should know about it.
    pub annotations: Labels,
    /// Since when it fires. Can move earlier in mid-incident.
    pub starts_at: Timestamp,
    /// When it ended, or will end unless it is told again; absent where that is not known.
    pub ends_at: Option<Timestamp>,
    /// Whether it fires.
    pub status: AlertStatus,
    /// Whether it is silenced, inhibited or muted: nobody is told, but the breach is real.
    pub suppressed: bool,
}

impl FeedAlert {
    /// The name of the alerting rule, if the sender gave one that is not empty.
    #[must_use]
    pub fn alertname(&self) -> Option<&str> {
        self.labels.get("alertname").filter(|name| !name.is_empty())
    }
}

/// The alerts that fire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedAnswer {
    /// The alerts, by fingerprint.
    pub alerts: Vec<FeedAlert>,
    /// How far the list can be trusted. Absence from it proves something only if it is fresh.
    pub quality: Quality,
}

/// Where the alerts that fire now can be read.
///
/// # Contract
///
/// *Repeating*: calling twice is safe; it only reads. *Cancelling*: a dropped future has no effect. *Ordering*: none.
/// Suppressed alerts are listed too: silences suppress action, never observation.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AlertFeed: fmt::Debug + Send + Sync {
    /// What the configuration calls it.
    fn name(&self) -> SourceName;

    /// The alerts that fire. `at` is the moment of the cycle, for sources that can tell the past; others answer for now.
    ///
    /// # Errors
    ///
    /// [`Error`] if the feed cannot be reached or answers outside its protocol.
    async fn alerts(&self, at: Timestamp) -> Result<FeedAnswer, Error>;
}

const _: Option<&dyn AlertFeed> = None; // stays usable as a trait object

#[async_trait]
impl<T: AlertFeed + ?Sized> AlertFeed for Arc<T> {
    fn name(&self) -> SourceName {
        (**self).name()
    }

    async fn alerts(&self, at: Timestamp) -> Result<FeedAnswer, Error> {
        (**self).alerts(at).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_arc_forwards() {
        let mut feed = MockAlertFeed::new();
        feed.expect_name().times(1).returning(|| crate::source::source_name("mock"));
        feed.expect_alerts().times(1).returning(|_| Ok(FeedAnswer::default()));
        let shared = Arc::new(feed);
        let shared: &dyn AlertFeed = &shared;
        assert_eq!(shared.name(), "mock");
        assert!(shared.alerts(Timestamp::UNIX_EPOCH).await.is_ok());
    }
}
