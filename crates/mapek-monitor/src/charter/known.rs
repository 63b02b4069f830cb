use mapek_model::{MetricName, Query, Severity};

use crate::RuleConfig;

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
