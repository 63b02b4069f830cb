//! Alerts from Alertmanager: read by its API, and heard by webhook.

use std::sync::Arc;

use alertmanager_client::{
    Alert, AlertFilter, AlertStateKind, AlertmanagerApi, Delivery, GettableAlert, Intake,
    IntakeError, Labels as WireLabels, Matchers, Silence,
};
use async_trait::async_trait;
use mapek_model::{DoubtKind, Duration, Labels, Quality, SourceName, Timestamp, since};

use crate::{
    AlertBatch, AlertFeed, AlertInbox, AlertStatus, Covers, Error, FeedAlert, FeedAnswer,
    HeardSilence, MemoryInbox, SilenceFeed, SqliteInbox,
};

/// The alerts that fire, from `GET /api/v2/alerts`, silenced and inhibited ones included.
///
/// ```
/// use std::sync::Arc;
/// use alertmanager_client::{AlertFilter, AlertmanagerApi};
/// use mapek_monitor::AlertmanagerFeed;
///
/// fn watch(api: Arc<dyn AlertmanagerApi>) -> AlertmanagerFeed {
///     AlertmanagerFeed::new(api, AlertFilter::default())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct AlertmanagerFeed {
    name: SourceName,
    api: Arc<dyn AlertmanagerApi>,
    filter: AlertFilter,
    grace: Duration,
}

impl AlertmanagerFeed {
    /// Most alerts that are taken over; the API has no limit of its own.
    pub const ALERTS_MAX: usize = 100_000;
    /// How long after its start an Alertmanager may not know yet what fires: Prometheus tells again after a minute
    /// (`--rules.alert.resend-delay`), once its rules are evaluated, which takes another as it comes.
    pub const GRACE: Duration = Duration::from_secs(120);

    /// Reads the alerts that pass `filter`. One that leaves out silenced or inhibited alerts makes silences look like health.
    #[must_use]
    pub fn new(api: Arc<dyn AlertmanagerApi>, filter: AlertFilter) -> Self {
        let name = crate::source::source_name("alertmanager");
        Self { name, api, filter, grace: Self::GRACE }
    }

    /// The same, but so long after its start an Alertmanager that lists no alert proves nothing. Zero takes every list at its word.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(self, name: SourceName) -> Self {
        Self { name, ..self }
    }

    /// Whether it has started so lately that its silence proves nothing. One whose clock is ahead of ours has just started.
    async fn is_young(&self, at: Timestamp) -> Result<bool, Error> {
        if self.grace.is_zero() {
            return Ok(false);
        }
        let status = self.api.status().await.map_err(|error| self.failed(error))?;
        Ok(since(at, status.uptime) < self.grace)
    }

    fn failed(&self, error: alertmanager_client::Error) -> Error {
        self.failed_at("alerts", error)
    }

    fn failed_at(&self, doing: &str, error: alertmanager_client::Error) -> Error {
        let name = self.name.as_str();
        if error.is_transient() {
            Error::unreachable(name, doing, error)
        } else {
            Error::refused(name, doing, error.to_string())
        }
    }
}

#[async_trait]
impl AlertFeed for AlertmanagerFeed {
    fn name(&self) -> SourceName {
        self.name.clone()
    }

    async fn alerts(&self, at: Timestamp) -> Result<FeedAnswer, Error> {
        let alerts = self.api.alerts(&self.filter).await.map_err(|error| self.failed(error))?;
        // Asked afterwards: who has started in between is young.
        let young = self.is_young(at).await?;
        let mut quality = Quality::fresh();
        if alerts.len() > Self::ALERTS_MAX {
            let detail = format!("{} alerts, {} are looked at", alerts.len(), Self::ALERTS_MAX);
            quality = quality.with(DoubtKind::Truncated, "alerts", detail);
        }
        if young {
            let detail = "it has started lately, and may not have been told of all that fires";
            quality = quality.with(DoubtKind::Truncated, "alerts", detail);
        }
        let alerts = alerts.into_iter().take(Self::ALERTS_MAX).map(FeedAlert::from).collect();
        Ok(FeedAnswer { alerts, quality })
    }
}

#[async_trait]
impl SilenceFeed for AlertmanagerFeed {
    async fn silences(&self, _: Timestamp) -> Result<Vec<HeardSilence>, Error> {
        let all = self.api.silences(&Matchers::any()).await;
        let all = all.map_err(|error| self.failed_at("silences", error))?;
        Ok(all.into_iter().filter(Silence::is_active).map(HeardSilence::from).collect())
    }
}

impl From<Silence> for HeardSilence {
    /// One whose matchers only Alertmanager understands may cover anything.
    fn from(silence: Silence) -> Self {
        let covers = match silence.to_matchers() {
            Ok(matchers) => Covers::new(move |labels| matchers.matches(&labels.iter().collect())),
            Err(_) => Covers::new(|_| true),
        };
        Self {
            id: silence.id.to_string(),
            by: silence.created_by,
            comment: silence.comment,
            until: silence.ends_at,
            covers,
        }
    }
}

fn labels(labels: &WireLabels) -> Labels {
    labels.iter().collect()
}

impl From<GettableAlert> for FeedAlert {
    /// API v2 shows alerts that fire; its `endsAt` is when it forgets them unless they are told again.
    fn from(alert: GettableAlert) -> Self {
        Self {
            labels: labels(&alert.labels),
            annotations: labels(&alert.annotations),
            fingerprint: alert.fingerprint,
            starts_at: alert.starts_at,
            ends_at: Some(alert.ends_at),
            status: AlertStatus::Firing,
            suppressed: alert.status.state == AlertStateKind::Suppressed,
        }
    }
}

impl From<Alert> for FeedAlert {
    fn from(alert: Alert) -> Self {
        Self {
            labels: labels(&alert.labels),
            annotations: labels(&alert.annotations),
            fingerprint: alert.fingerprint,
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            status: match alert.status {
                alertmanager_client::AlertStatus::Firing => AlertStatus::Firing,
                alertmanager_client::AlertStatus::Resolved => AlertStatus::Resolved,
            },
            suppressed: false,
        }
    }
}

/// Puts webhooks into an inbox: what a webhook receiver hands its deliveries to.
#[derive(Debug, Clone)]
pub struct InboxIntake(Arc<dyn AlertInbox>);

impl InboxIntake {
    /// Stores every delivery in `inbox` before it is answered.
    #[must_use]
    pub fn new(inbox: Arc<dyn AlertInbox>) -> Self {
        Self(inbox)
    }
}

#[async_trait]
impl Intake for InboxIntake {
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
        accept(self.0.as_ref(), delivery).await
    }
}

#[async_trait]
impl Intake for SqliteInbox {
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
        accept(self, delivery).await
    }
}

#[async_trait]
impl Intake for MemoryInbox {
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
        accept(self, delivery).await
    }
}

async fn accept(inbox: &dyn AlertInbox, delivery: Delivery) -> Result<(), IntakeError> {
    let notification = delivery.notification;
    let batch = AlertBatch {
        truncated: notification.truncated_alerts,
        alerts: notification.alerts.into_iter().map(FeedAlert::from).collect(),
    };
    match inbox.store(&batch).await {
        Ok(stored) => {
            let (accepted, repeated) = (stored.accepted, stored.repeated);
            tracing::debug!(accepted, repeated, "webhook stored");
            Ok(())
        }
        Err(Error::Full { .. }) => Err(IntakeError::full()),
        Err(error) => Err(IntakeError::failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alertmanager_client::{
        InMemoryAlertmanager, MockAlertmanagerApi, Notification, PostableAlert,
    };

    const BODY: &[u8] = br#"{"version": "4", "status": "firing", "truncatedAlerts": 2, "alerts": [
        {"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-11-20T10:00:00.5+01:00",
         "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "f1"},
        {"status": "resolved", "labels": {"alertname": "B"}, "startsAt": "2026-11-20T09:00:00Z",
         "endsAt": "2026-11-20T09:30:00Z", "fingerprint": "f2"}]}"#;

    fn delivery() -> Delivery {
        Delivery { notification: Notification::parse(BODY).unwrap(), body: BODY.to_vec() }
    }

    #[tokio::test]
    async fn a_webhook_is_stored_alert_by_alert_with_its_own_status() {
        let inbox = Arc::new(MemoryInbox::new(10));
        InboxIntake::new(inbox.clone()).accept(delivery()).await.unwrap();
        inbox.accept(delivery()).await.unwrap();
        let waiting = inbox.pending(10).await.unwrap();
        assert_eq!(waiting.len(), 2, "the second time is a repetition");
        assert!(waiting.iter().all(|it| it.truncated));
        assert_eq!(waiting[0].alert.status, AlertStatus::Firing);
        assert_eq!(waiting[0].alert.ends_at, None);
        assert_eq!(waiting[1].alert.status, AlertStatus::Resolved);
        assert_eq!(waiting[1].alert.ends_at, "2026-11-20T09:30:00Z".parse().ok());
    }

    #[tokio::test]
    async fn a_full_inbox_asks_the_sender_to_come_back() {
        let inbox = MemoryInbox::new(1);
        assert!(matches!(inbox.accept(delivery()).await, Err(IntakeError::Full { .. })));
        assert!(inbox.pending(10).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_broken_inbox_is_the_receivers_trouble() {
        let mut broken = crate::MockAlertInbox::new();
        broken.expect_store().returning(|_| Err(Error::storage("storing alerts", "disk")));
        let intake = InboxIntake::new(Arc::new(broken));
        assert!(matches!(intake.accept(delivery()).await, Err(IntakeError::Failed { .. })));
    }

    #[tokio::test]
    async fn the_silence_of_one_that_has_just_started_proves_nothing() {
        let memory = InMemoryAlertmanager::new("2026-11-20T10:00:00Z".parse().unwrap());
        let feed = AlertmanagerFeed::new(Arc::new(memory), AlertFilter::default());
        let quality = async |at: &str| feed.alerts(at.parse().unwrap()).await.unwrap().quality;
        let doubts = quality("2026-11-20T10:01:59Z").await;
        assert_eq!(doubts.doubts().map(|it| it.kind).collect::<Vec<_>>(), [DoubtKind::Truncated]);
        assert_eq!(quality("2026-11-20T10:02:00Z").await, Quality::fresh());
    }

    #[tokio::test]
    async fn the_feed_lists_what_the_api_shows_and_passes_on_its_failure() {
        let name = SourceName::try_new("am-eu").unwrap();
        let feed = |api: MockAlertmanagerApi| {
            let feed = AlertmanagerFeed::new(Arc::new(api), AlertFilter::default());
            feed.named(name.clone()).with_grace(Duration::ZERO)
        };
        let mut api = MockAlertmanagerApi::new();
        api.expect_alerts().returning(|filter| {
            assert!(filter.silenced && filter.inhibited, "silences must not look like health");
            Ok(vec![serde_json::from_str(GETTABLE).unwrap()])
        });
        let feed_of_one = feed(api);
        assert_eq!(feed_of_one.name(), name);
        let answer = feed_of_one.alerts(Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!((answer.alerts.len(), answer.quality), (1, Quality::fresh()));

        let mut api = MockAlertmanagerApi::new();
        api.expect_alerts().returning(|_| {
            // An alert without labels is refused.
            let refusing = InMemoryAlertmanager::new(Timestamp::UNIX_EPOCH);
            Err(refusing.inject(&PostableAlert::default()).unwrap_err())
        });
        let error = feed(api).alerts(Timestamp::UNIX_EPOCH).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }) && !error.is_transient(), "{error}");
    }

    const GETTABLE: &str = r#"{"labels": {"alertname": "A"}, "annotations": {"summary": "s"},
        "startsAt": "2026-11-20T09:00:00.123Z", "endsAt": "2026-11-20T09:05:00Z",
        "updatedAt": "2026-11-20T09:01:00Z", "fingerprint": "f1", "receivers": [],
        "status": {"state": "suppressed", "silencedBy": ["x"], "inhibitedBy": []}}"#;

    #[test]
    fn an_alert_of_the_api_fires_and_may_be_suppressed() {
        let alert = FeedAlert::from(serde_json::from_str::<GettableAlert>(GETTABLE).unwrap());
        assert_eq!(alert.status, AlertStatus::Firing);
        assert!(alert.suppressed);
        assert_eq!(alert.annotations.get("summary"), Some("s"));
    }
}
