//! The recorded words of Alertmanager 0.25, 0.28 and 0.33, and what it never said but others may.

use std::{collections::BTreeMap, fs, path::PathBuf};

use alertmanager_client::{
    Alert, AlertStateKind, AlertStatus, GettableAlert, Notification, ParseError, Receiver, Silence,
    Status,
};
use serde::de::DeserializeOwned;

const VERSIONS: [&str; 3] = ["0.25", "0.28", "0.33"];

fn path(name: &str) -> PathBuf {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/alertmanager");
    PathBuf::from(fixtures).join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn notification(name: &str) -> Notification {
    Notification::parse(&bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn answer<T: DeserializeOwned>(version: &str, call: &str) -> T {
    let name = format!("{version}/{call}.json");
    serde_json::from_slice(&bytes(&name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn a_firing_group_holds_a_resolved_alert() {
    for version in VERSIONS {
        let notification = notification(&format!("{version}/webhook-mixed.json"));
        assert_eq!(notification.version.as_deref(), Some("4"));
        assert_eq!(notification.status, Some(AlertStatus::Firing));
        assert_eq!(notification.receiver, "mapek-loop");
        assert_eq!(notification.group_key.as_deref(), Some(r#"{}:{team="sre"}"#));
        assert_eq!(notification.group_labels.get("team"), Some("sre"));
        assert_eq!(notification.common_labels.len(), 2);
        assert_eq!(notification.external_link(), Some("http://alertmanager.example:9093"));
        assert!(notification.is_complete());

        let [resolved]: [&Alert; 1] =
            notification.resolved().collect::<Vec<_>>().try_into().expect("one resolved");
        assert_eq!(resolved.labels.alertname(), Some("ValidationLatencySLA"));
        assert_eq!(resolved.starts_at.subsec_nanosecond(), 123_456_789);
        assert!(resolved.ends_at.is_some_and(|end| end > resolved.starts_at));
        let [firing]: [&Alert; 1] =
            notification.firing().collect::<Vec<_>>().try_into().expect("one firing");
        assert_eq!((firing.ends_at, firing.starts_at.subsec_nanosecond()), (None, 0));
        assert!(firing.generator_link().is_some());
    }
}

#[test]
fn only_the_newest_gives_a_reason() {
    for version in VERSIONS {
        let reason = notification(&format!("{version}/webhook-mixed.json")).notification_reason;
        let expected = (version == "0.33").then_some("some alerts resolved");
        assert_eq!(reason.as_deref(), expected, "{version}");
    }
}

#[test]
fn a_truncated_group_says_so() {
    for version in VERSIONS {
        let notification = notification(&format!("{version}/webhook-truncated.json"));
        assert_eq!(notification.alerts.len(), 3);
        assert!(notification.truncated_alerts > 0 && !notification.is_complete(), "{version}");
    }
}

#[test]
fn our_fingerprint_is_alertmanagers() {
    for version in VERSIONS {
        for alert in notification(&format!("{version}/webhook-mixed.json")).alerts {
            assert_eq!(alert.labels.fingerprint(), alert.fingerprint);
        }
    }
}

#[test]
fn reading_and_writing_lose_nothing() {
    for version in VERSIONS {
        let first = notification(&format!("{version}/webhook-mixed.json"));
        let recorded: serde_json::Value =
            serde_json::from_slice(&bytes(&format!("{version}/webhook-mixed.json"))).unwrap();
        assert_eq!(serde_json::to_value(&first).unwrap(), recorded, "{version}");
    }
}

#[test]
fn answers_of_api_v2_are_read() {
    for version in VERSIONS {
        let alerts: Vec<GettableAlert> = answer(version, "alerts");
        let suppressed: BTreeMap<_, _> = alerts
            .iter()
            .filter(|alert| alert.status.state == AlertStateKind::Suppressed)
            .map(|alert| (alert.labels.value("alertname"), alert.status.silenced_by.len()))
            .collect();
        assert_eq!(suppressed, BTreeMap::from([("CommitteeOverloaded", 1)]), "{version}");
        assert!(alerts.iter().all(|alert| alert.status.muted_by.is_empty()));

        let silences: Vec<Silence> = answer(version, "silences");
        assert!(silences[0].is_active());
        let matchers = silences[0].to_matchers().unwrap();
        assert_eq!(matchers.to_string(), r#"{alertname=~"Committee.*"}"#);

        let receivers: Vec<Receiver> = answer(version, "receivers");
        assert_eq!(receivers[0].name, "mapek-loop");
        let status: Status = answer(version, "status");
        assert!(status.version_info.version.starts_with(version));
        assert_eq!(status.cluster.status, "disabled");
        assert!(status.config.original.contains("mapek-loop"));
    }
}

#[test]
fn webhook_and_api_agree_on_the_key() {
    for version in VERSIONS {
        let told = notification(&format!("{version}/webhook-mixed.json"));
        let firing = told.firing().next().expect("one fires");
        let alerts: Vec<GettableAlert> = answer(version, "alerts");
        let shown = alerts.iter().find(|alert| alert.fingerprint == firing.fingerprint);
        assert_eq!(shown.expect("it is shown").dedupe_key(), firing.dedupe_key(), "{version}");
    }
}

#[test]
fn a_custom_payload_may_lack_nearly_all() {
    let notification = notification("custom/bare.json");
    assert_eq!((notification.version.as_deref(), notification.group_key.as_deref()), (None, None));
    assert_eq!((notification.status, notification.receiver.as_str()), (None, ""));
    let [firing, resolved] = &notification.alerts[..] else { panic!("two alerts") };
    assert_eq!(firing.labels.alertname(), None);
    assert_eq!(firing.starts_at.to_string(), "2026-11-20T04:30:00Z");
    assert_eq!(firing.fingerprint, firing.labels.fingerprint());
    assert_eq!(resolved.status, AlertStatus::Resolved);
    assert_eq!(resolved.ends_at.unwrap().to_string(), "2026-11-20T09:30:00.123456Z");
    assert_ne!(firing.dedupe_key(), resolved.dedupe_key());
}

#[test]
fn strange_text_is_kept_and_no_link_is_made_of_it() {
    let notification = notification("custom/strange.json");
    let alert = &notification.alerts[0];
    assert_eq!(alert.labels.get("a b.c/d"), Some("\0"));
    assert_eq!(alert.labels.get("x\ny"), Some("line\nbreak"));
    assert_eq!(alert.labels.alertname(), None);
    assert_eq!((alert.generator_link(), notification.external_link()), (None, None));
    assert_eq!(alert.starts_at.to_string(), "2026-11-20T21:30:00.999999999Z");
    assert!(r#""härte"=~"gr.*""#.parse::<alertmanager_client::Matcher>().unwrap().matches(&alert.labels));
}

#[test]
fn hostile_bodies_are_refused_with_the_place() {
    let expected = BTreeMap::from([
        ("alerts-twice", ". 1"),
        ("cut-off", "alerts[0].labels.? 1"),
        ("deep", "depth 1"),
        ("label-number", "alerts[1].labels.replicas 4"),
        ("lone-surrogate", "receiver 1"),
        ("one-alert", ". 1"),
        ("page", ". 1"),
        ("starts-at-impossible", "alerts[0].startsAt 1"),
        ("starts-at-number", "alerts[0].startsAt 1"),
        ("status-missing", "alerts[0] 2"),
        ("status-unknown", "alerts[0].status 2"),
        ("truncated-negative", "truncatedAlerts 1"),
    ]);
    let mut seen = BTreeMap::new();
    for entry in fs::read_dir(path("hostile")).unwrap() {
        let file = entry.unwrap().path();
        let place = match Notification::parse(&fs::read(&file).unwrap()) {
            Err(ParseError::Malformed { path, line, .. }) => format!("{path} {line}"),
            Err(ParseError::TooDeep { line, .. }) => format!("depth {line}"),
            other => format!("{other:?}"),
        };
        seen.insert(file.file_stem().unwrap().to_string_lossy().into_owned(), place);
    }
    let seen: BTreeMap<_, _> =
        seen.iter().map(|(name, place)| (name.as_str(), place.as_str())).collect();
    assert_eq!(seen, expected);
}
