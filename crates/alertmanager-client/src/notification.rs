//! What Alertmanager posts to a webhook: payload version 4.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    DedupeKey, Labels,
    wire::{ends_at, null_as_default, present, web_link},
};

/// Whether an alert fires or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// The alert's expression holds.
    Firing,
    /// The alert ended, or its sender fell silent. This is not proof of health.
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

impl std::fmt::Display for AlertStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One message to a webhook: a group of alerts.
///
/// The same group is sent again and again, whole. Tell what is new by [`Alert::dedupe_key`], never by
/// [`group_key`](Self::group_key). Fields that this crate does not know are accepted; whoever needs them finds
/// them in [`Delivery::body`](crate::Delivery::body).
///
/// Only `alerts` must be there: since Alertmanager 0.32 an operator can shape the payload, and may leave out
/// the rest.
///
/// ```
/// use alertmanager_client::{AlertStatus, Notification};
///
/// let body = br#"{"version": "4", "alerts": [{
///     "status": "firing", "labels": {"alertname": "Latency"},
///     "startsAt": "2026-11-20T10:00:00.5+01:00", "endsAt": "0001-01-01T00:00:00Z"
/// }]}"#;
/// let notification = Notification::parse(body)?;
/// let alert = &notification.alerts[0];
/// assert_eq!(alert.status, AlertStatus::Firing);
/// assert_eq!(alert.starts_at.to_string(), "2026-11-20T09:00:00.5Z");
/// assert_eq!(alert.ends_at, None);
/// # Ok::<_, alertmanager_client::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// The payload's version, `"4"` in all releases so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Which group of which route this is. Not a key for deduplication: the group is sent many times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_key: Option<String>,
    /// How many alerts `max_alerts` cut off the end of the list.
    #[serde(default, deserialize_with = "null_as_default")]
    pub truncated_alerts: u64,
    /// The group's status: *firing* while any of its alerts fires. It says nothing about a single alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AlertStatus>,
    /// The receiver's name in Alertmanager's configuration.
    #[serde(default, deserialize_with = "null_as_default")]
    pub receiver: String,
    /// The labels by which the group was formed.
    #[serde(default)]
    pub group_labels: Labels,
    /// The labels that all alerts of the group share.
    #[serde(default)]
    pub common_labels: Labels,
    /// The annotations that all alerts of the group share.
    #[serde(default)]
    pub common_annotations: Labels,
    /// Alertmanager's own address, as its configuration gives it. Use [`external_link`](Self::external_link)
    /// to show it.
    #[serde(default, rename = "externalURL", deserialize_with = "null_as_default")]
    pub external_url: String,
    /// Why this was sent now (0.33 and later).
    #[serde(default, rename = "notification_reason", skip_serializing_if = "Option::is_none")]
    pub notification_reason: Option<String>,
    /// The alerts, firing and resolved ones mixed.
    pub alerts: Vec<Alert>,
}

impl Notification {
    /// A notification of `alerts` to `receiver` as Alertmanager would send it for one group: status, common
    /// labels and common annotations follow from the alerts. For manual injection and for tests.
    #[must_use]
    pub fn of(receiver: impl Into<String>, alerts: Vec<Alert>) -> Self {
        let firing = alerts.iter().any(|alert| alert.status == AlertStatus::Firing);
        Self {
            version: Some("4".to_owned()),
            group_key: Some("{}:{}".to_owned()),
            status: Some(if firing { AlertStatus::Firing } else { AlertStatus::Resolved }),
            receiver: receiver.into(),
            common_labels: Labels::common(alerts.iter().map(|alert| &alert.labels)),
            common_annotations: Labels::common(alerts.iter().map(|alert| &alert.annotations)),
            alerts,
            ..Self::default()
        }
    }

    /// The alerts that fire.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.status == AlertStatus::Firing)
    }

    /// The alerts that ended.
    pub fn resolved(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.status == AlertStatus::Resolved)
    }

    /// Whether the group is all here. If not, an alert's absence proves nothing: read
    /// [`AlertmanagerApi::alerts`](crate::AlertmanagerApi::alerts).
    ///
    /// Even of a complete group, absence is weak evidence. *Resolved* never comes for an alert that
    /// ended while it was silenced, while Alertmanager restarted, or whose delivery was answered with a 4xx.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.truncated_alerts == 0
    }

    /// [`external_url`](Self::external_url) if it is an `http` or `https` link.
    #[must_use]
    pub fn external_link(&self) -> Option<&str> {
        web_link(&self.external_url)
    }
}

/// One alert of a [`Notification`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "WireAlert")]
pub struct Alert {
    /// Whether this alert fires. A firing group may hold resolved alerts.
    pub status: AlertStatus,
    /// What identifies the alert. `alertname` may be missing.
    pub labels: Labels,
    /// What people should know about the alert.
    pub annotations: Labels,
    /// Since when it fires, to the nanosecond. It can move earlier in mid-incident (another replica had seen it
    /// sooner), and later when the alert ended and came back within `group_interval`: see [`DedupeKey::sequel`].
    pub starts_at: Timestamp,
    /// When it ended; `None` while it fires.
    #[serde(with = "ends_at")]
    pub ends_at: Option<Timestamp>,
    /// Where the alert was made. Anything may stand here: use [`generator_link`](Self::generator_link) to show it.
    #[serde(rename = "generatorURL")]
    pub generator_url: String,
    /// The hash of the labels, as Alertmanager computed it; computed here where the payload left it out.
    pub fingerprint: String,
}

impl Alert {
    /// An alert that fires since `starts_at`.
    #[must_use]
    pub fn firing(labels: Labels, starts_at: Timestamp) -> Self {
        Self {
            status: AlertStatus::Firing,
            fingerprint: labels.fingerprint(),
            labels,
            annotations: Labels::new(),
            starts_at,
            ends_at: None,
            generator_url: String::new(),
        }
    }

    /// The same alert, ended at `ends_at`.
    #[must_use]
    pub fn resolved(self, ends_at: Timestamp) -> Self {
        Self { status: AlertStatus::Resolved, ends_at: Some(ends_at), ..self }
    }

    /// What tells this report from a repetition of it.
    #[must_use]
    pub fn dedupe_key(&self) -> DedupeKey {
        DedupeKey::new(self.fingerprint.clone(), self.starts_at, self.status)
    }

    /// [`generator_url`](Self::generator_url) if it is an `http` or `https` link.
    #[must_use]
    pub fn generator_link(&self) -> Option<&str> {
        web_link(&self.generator_url)
    }
}

/// An alert as it may arrive: a custom payload may lack what can be had otherwise.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAlert {
    status: AlertStatus,
    #[serde(deserialize_with = "present")]
    labels: Labels,
    #[serde(default)]
    annotations: Labels,
    starts_at: Timestamp,
    #[serde(default, deserialize_with = "ends_at::deserialize")]
    ends_at: Option<Timestamp>,
    #[serde(default, rename = "generatorURL", deserialize_with = "null_as_default")]
    generator_url: String,
    #[serde(default, deserialize_with = "null_as_default")]
    fingerprint: String,
}

impl From<WireAlert> for Alert {
    fn from(wire: WireAlert) -> Self {
        let fingerprint =
            if wire.fingerprint.is_empty() { wire.labels.fingerprint() } else { wire.fingerprint };
        Self {
            status: wire.status,
            labels: wire.labels,
            annotations: wire.annotations,
            starts_at: wire.starts_at,
            ends_at: wire.ends_at,
            generator_url: wire.generator_url,
            fingerprint,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(json: &str) -> serde_json::Result<Alert> {
        serde_json::from_str(json)
    }

    #[test]
    fn starts_at_may_have_any_fraction_and_offset() {
        let starts_at = |text: &str| {
            alert(&format!(r#"{{"status":"firing","labels":{{}},"startsAt":"{text}"}}"#))
                .unwrap()
                .starts_at
                .to_string()
        };
        assert_eq!(starts_at("2026-11-20T10:00:00Z"), "2026-11-20T10:00:00Z");
        assert_eq!(starts_at("2026-11-20T10:00:00.1+05:30"), "2026-11-20T04:30:00.1Z");
        assert_eq!(
            starts_at("2026-11-20T10:00:00.123456789-08:00"),
            "2026-11-20T18:00:00.123456789Z"
        );
    }

    #[test]
    fn the_zero_time_means_not_ended() {
        let ends_at = |text: &str| {
            let json = format!(
                r#"{{"status":"firing","labels":{{}},"startsAt":"2026-11-20T10:00:00Z","endsAt":{text}}}"#
            );
            alert(&json).unwrap().ends_at
        };
        assert_eq!(ends_at(r#""0001-01-01T00:00:00Z""#), None);
        assert_eq!(ends_at(r#""0001-01-01T01:00:00+01:00""#), None);
        assert_eq!(ends_at("null"), None);
        assert!(ends_at(r#""2026-11-20T11:00:00Z""#).is_some());
    }

    #[test]
    fn status_labels_and_start_are_required_and_status_is_never_guessed() {
        let whole = r#"{"status":"firing","labels":{},"startsAt":"2026-11-20T10:00:00Z"}"#;
        assert!(alert(whole).is_ok());
        for (from, to) in [
            (r#""status":"firing","#, ""),
            (r#""labels":{},"#, ""),
            (r#""firing""#, r#""Firing""#),
            (r#""firing""#, r#""suppressed""#),
            ("2026-11-20T10", "yesterday"),
        ] {
            assert!(alert(&whole.replace(from, to)).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn a_missing_fingerprint_is_computed() {
        let json = r#"{"status":"firing","labels":{"a":"b"},"startsAt":"2026-11-20T10:00:00Z"}"#;
        assert_eq!(alert(json).unwrap().fingerprint, Labels::from([("a", "b")]).fingerprint());
    }

    #[test]
    fn what_is_written_reads_the_same_with_alertmanagers_zero_time() {
        let firing = Alert::firing(Labels::from([("a", "b")]), Timestamp::UNIX_EPOCH);
        let resolved = firing.clone().resolved("2026-11-20T10:00:00.5Z".parse().unwrap());
        let notification = Notification::of("loop", vec![firing, resolved]);
        let json = serde_json::to_string(&notification).unwrap();
        assert!(json.contains(r#""endsAt":"0001-01-01T00:00:00Z""#), "{json}");
        assert_eq!(serde_json::from_str::<Notification>(&json).unwrap(), notification);
        assert_eq!(notification.status, Some(AlertStatus::Firing));
        assert_eq!((notification.firing().count(), notification.resolved().count()), (1, 1));
    }
}
