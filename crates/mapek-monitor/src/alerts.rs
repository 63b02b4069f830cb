//! From an alert to a breach.

use mapek_model::{
    Expectation, Labels, MetricName, Severity, SourceName, Timestamp, ViolationSource, Witness,
};

use crate::{AlertMapping, Breach, FeedAlert, MonitorConfig};

/// How the severity that people write on alerts reads here; `None` for a word that is not known.
fn severity(word: &str) -> Option<Severity> {
    match word.to_ascii_lowercase().as_str() {
        "critical" | "page" | "emergency" | "fatal" => Some(Severity::Critical),
        "warning" | "warn" | "ticket" | "major" | "minor" => Some(Severity::Warning),
        "info" | "informational" | "notice" | "none" => Some(Severity::Info),
        _ => None,
    }
}

/// Whether an alert is about this target, and a breach at all.
pub(crate) fn concerns(alert: &FeedAlert, config: &MonitorConfig) -> bool {
    config.alert_labels.iter().all(|(name, value)| alert.labels.get(name) == Some(value))
        && !alert.alertname().is_some_and(|name| config.alerts_ignored.contains(name))
}

/// What an alert's witness is called: the alert's name, or its fingerprint if it has none.
pub(crate) fn witness_name(alert: &FeedAlert) -> &str {
    alert.alertname().unwrap_or(&alert.fingerprint)
}

/// What an alert says in our words. One that lacks a severity, or has a strange one, is a warning.
pub(crate) fn breach(
    alert: &FeedAlert,
    config: &MonitorConfig,
    by: &SourceName,
    confirmed: bool,
    at: Timestamp,
) -> Breach {
    let name = witness_name(alert);
    let unmapped = AlertMapping::default();
    let mapping = config.alerts.get(name).unwrap_or(&unmapped);
    let expectation = match (&mapping.expectation, alert.alertname()) {
        (Some(expectation), _) => expectation.clone(),
        (None, Some(name)) => Expectation::normalise(name),
        (None, None) => Expectation::normalise("unnamed alert"),
    };
    Breach {
        expectation,
        component: config.component(mapping.component_label.as_deref(), &alert.labels),
        severity: mapping
            .severity
            .or_else(|| severity(alert.labels.get("severity")?))
            .unwrap_or(Severity::Warning),
        // A clock that is ahead of ours must not put the onset into the future.
        onset: alert.starts_at.min(at),
        witness: witness(name, by, mapping.metric.clone(), confirmed),
        metric: mapping.metric.clone(),
        value: None,
        threshold: None,
        labels: alert.labels.clone(),
        description: description(&alert.annotations, name),
    }
}

fn witness(name: &str, by: &SourceName, family: Option<MetricName>, confirmed: bool) -> Witness {
    Witness {
        source: ViolationSource::Alert,
        by: by.clone(),
        name: name.to_owned(),
        family,
        confirmed,
    }
}

fn description(annotations: &Labels, name: &str) -> String {
    ["summary", "description", "message"]
        .into_iter()
        .find_map(|key| annotations.get(key))
        .unwrap_or(name)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AlertStatus;
    use mapek_model::later;
    use std::{collections::BTreeMap, time::Duration};

    fn alert(labels: &[(&str, &str)]) -> FeedAlert {
        FeedAlert {
            fingerprint: "f00".to_owned(),
            labels: labels.iter().copied().collect(),
            annotations: Labels::default(),
            starts_at: Timestamp::UNIX_EPOCH,
            ends_at: None,
            status: AlertStatus::Firing,
            suppressed: false,
        }
    }

    fn read(alert: &FeedAlert, config: &MonitorConfig) -> Breach {
        let by = SourceName::try_new("alertmanager").unwrap();
        let at = later(Timestamp::UNIX_EPOCH, Duration::from_secs(9));
        breach(alert, config, &by, true, at)
    }

    #[test]
    fn an_alert_without_a_name_or_severity_is_a_warning_of_its_own() {
        let config = MonitorConfig::default();
        let breach = read(&alert(&[("job", "x")]), &config);
        assert_eq!(breach.expectation.as_str(), "unnamed-alert");
        assert_eq!((breach.severity, breach.witness.name.as_str()), (Severity::Warning, "f00"));
        let odd = read(&alert(&[("alertname", "A"), ("severity", "??")]), &config);
        assert_eq!(odd.severity, Severity::Warning);
    }

    #[test]
    fn a_mapping_says_what_an_alert_means() {
        let mapping = AlertMapping {
            expectation: Some(Expectation::try_new("high-validation-latency").unwrap()),
            component_label: Some("committee_id".to_owned()),
            ..AlertMapping::default()
        };
        let config = MonitorConfig {
            alerts: BTreeMap::from([("ValidationLatencySLA".to_owned(), mapping)]),
            ..MonitorConfig::default()
        };
        let labels =
            [("alertname", "ValidationLatencySLA"), ("committee_id", "c1"), ("severity", "PAGE")];
        let breach = read(&alert(&labels), &config);
        assert_eq!(breach.expectation.as_str(), "high-validation-latency");
        assert_eq!(breach.component.unwrap(), "c1");
        assert_eq!(breach.severity, Severity::Critical);
    }

    #[test]
    fn alerts_of_others_and_alerts_that_always_fire_do_not_concern_us() {
        let config = MonitorConfig {
            alert_labels: Labels::from_iter([("team", "a")]),
            ..MonitorConfig::default()
        };
        assert!(concerns(&alert(&[("alertname", "X"), ("team", "a")]), &config));
        assert!(!concerns(&alert(&[("alertname", "X"), ("team", "b")]), &config));
        assert!(!concerns(&alert(&[("alertname", "Watchdog"), ("team", "a")]), &config));
    }

    #[test]
    fn an_onset_is_never_in_the_future() {
        let mut early = alert(&[("alertname", "X")]);
        early.starts_at = later(Timestamp::UNIX_EPOCH, Duration::from_secs(99));
        let breach = read(&early, &MonitorConfig::default());
        assert_eq!(breach.onset, later(Timestamp::UNIX_EPOCH, Duration::from_secs(9)));
    }
}
