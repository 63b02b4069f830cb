//! The alert rules that operators of Charter have.

use mapek_model::{Duration, Query, Severity};

use super::query;

/// An alert rule, as in Prometheus.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRule {
    /// The label `alertname`.
    pub alert: String,
    /// True while it answers with any series.
    pub query: Query,
    /// How long it must be true.
    pub lasts: Duration,
    /// The label `severity`.
    pub severity: Severity,
}

/// The eleven rules on Charter's metrics.
#[must_use]
pub fn charter_rules() -> Vec<AlertRule> {
    use Severity::{Critical, Info, Warning};
    let rule = |alert: &str, severity, minutes: u64, promql: &str| AlertRule {
        alert: alert.to_owned(),
        query: query(promql),
        lasts: Duration::from_secs(60 * minutes),
        severity,
    };
    vec![
        rule(
            "CriticalViolationDetected",
            Critical,
            1,
            r#"sum(increase(westworld_charter_policy_violations_total{severity="critical"}[5m])) > 0"#,
        ),
        rule(
            "PolicyLoadFailure",
            Critical,
            0,
            "time() - westworld_charter_policy_last_load_timestamp > 86400",
        ),
        rule(
            "EmergencyOverrideStayingActive",
            Critical,
            30,
            "westworld_charter_emergency_override_active_count > 0",
        ),
        rule(
            "ValidationLatencySLA",
            Warning,
            5,
            r#"max(westworld_charter_validation_latency_seconds{quantile="0.99"}) > 1"#,
        ),
        rule(
            "ForbiddenMetricSpike",
            Warning,
            5,
            "sum(rate(westworld_charter_forbidden_metric_attempts_total[5m])) > 10",
        ),
        rule(
            "CommitteeOverloaded",
            Warning,
            10,
            "sum(westworld_charter_violations_under_investigation) > 10",
        ),
        rule(
            "CommitteeNotificationLatencySLA",
            Warning,
            5,
            "histogram_quantile(0.99, sum by (le) (rate(westworld_charter_committee_notification_latency_seconds_bucket[5m]))) > 1",
        ),
        rule(
            "DataRevocationSLAViolation",
            Warning,
            5,
            "histogram_quantile(0.99, sum by (le) (rate(westworld_charter_data_revocation_latency_seconds_bucket[5m]))) > 5",
        ),
        rule(
            "PolicyLoadFrequencyAnomaly",
            Warning,
            5,
            "sum(increase(westworld_charter_policy_load_duration_seconds_count[1h])) > 10",
        ),
        rule(
            "UnusualDataRevocationActivity",
            Warning,
            30,
            "sum(rate(westworld_charter_data_revocation_events_total[5m])) * 60 > 1",
        ),
        rule(
            "HighViolationInvestigationRate",
            Info,
            5,
            "sum(rate(westworld_charter_investigation_initiated_total[5m])) > 5",
        ),
    ]
}
