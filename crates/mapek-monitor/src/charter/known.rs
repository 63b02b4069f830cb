use std::collections::BTreeMap;

use mapek_model::{Expectation, MetricName, Query, Severity};

use crate::{RuleConfig, WatchConfig};

/// The rules that users of the loop already know, with the thresholds that they know. `None` for another name.
pub(crate) fn known_rule(name: &str) -> Option<RuleConfig> {
    // Validation latency is a summary: its 99th percentile is the one that the alert on it speaks of.
    const LATENCY: &str = r#"westworld_charter_validation_latency_seconds{quantile="0.99"}"#;
    const FAILURES: &str = "westworld_charter_failure_rate";
    const THROUGHPUT: &str = "westworld_charter_throughput_ops_per_sec";
    let rule = |expression: &str, description: &str| {
        let rule = RuleConfig::new(name, expression).expect("the expression is short");
        let family = expression.split('{').next().unwrap_or(expression);
        RuleConfig {
            metric: MetricName::try_new(family).ok(),
            selector: Query::try_new(expression).ok(),
            description: description.to_owned(),
            ..rule
        }
    };
    match name {
        "high_validation_latency" => {
            Some(rule(LATENCY, "validation takes longer than a second").above(1.0))
        }
        "high_failure_rate" => Some(RuleConfig {
            severity: Severity::Critical,
            ..rule(FAILURES, "more than a tenth of all requests fail").above(0.10)
        }),
        "low_throughput" => {
            Some(rule(THROUGHPUT, "fewer than 100 operations a second").below(100.0))
        }
        _ => None,
    }
}

/// What Charter's own words mean where a known rule says the same.
pub(crate) fn known_expectations() -> BTreeMap<String, Expectation> {
    const SAME: &[(&str, &str)] = &[
        ("validation_late", "high-validation-latency"),
        ("enforcement_failed", "high-failure-rate"),
        ("low_throughput", "low-throughput"),
    ];
    let mean = |(word, rule): &(&str, &str)| ((*word).to_owned(), Expectation::normalise(rule));
    SAME.iter().map(mean).collect()
}

/// The watched values of `docs/causes.md`, on the metrics of Charter.
pub(crate) fn known_watches() -> Vec<WatchConfig> {
    const RATES: &[(&str, &str)] = &[
        (
            "arrival_rate",
            "sum(westworld_charter_throughput_ops_per_sec) / \
             (1 - clamp_max(max(westworld_charter_failure_rate), 0.99))",
        ),
        ("throughput", "sum(westworld_charter_throughput_ops_per_sec)"),
        ("failure_rate", "max(westworld_charter_failure_rate)"),
        (
            "validation_latency",
            r#"max(westworld_charter_validation_latency_seconds{quantile="0.99"})"#,
        ),
        ("committee_size", "max(westworld_charter_committee_size)"),
        ("violations_rate", "sum(rate(westworld_charter_policy_violations_total[2m]))"),
        (
            "forbidden_attempts_rate",
            "sum(rate(westworld_charter_forbidden_metric_attempts_total[2m]))",
        ),
        (
            "load_skew",
            "max(sum by (node_or_service) (rate(westworld_charter_enforcement_actions_total[2m]))) / \
             avg(sum by (node_or_service) (rate(westworld_charter_enforcement_actions_total[2m])))",
        ),
        ("policy_age", "time() - max(westworld_charter_policy_last_load_timestamp)"),
    ];
    RATES
        .iter()
        .map(|(name, promql)| WatchConfig {
            // Counters that nothing has counted yet have no rate: that is no reason for doubt.
            expected: !promql.contains("rate(westworld_"),
            ..WatchConfig::new(*name, *promql).expect("the expressions are short")
        })
        .collect()
}
