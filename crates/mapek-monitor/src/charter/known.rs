use std::{collections::BTreeMap, time::Duration};

use mapek_model::{Expectation, MetricName, Query, Severity};

use crate::{RuleConfig, WatchConfig};

/// The rules that users of the loop already know, with the thresholds that they know. `None` for another name.
pub(crate) fn known_rule(name: &str) -> Option<RuleConfig> {
    // Validation latency is a summary: its 99th percentile is the one that the alert on it speaks of.
    const LATENCY: &str = r#"westworld_charter_validation_latency_seconds{quantile="0.99"}"#;
    const FAILURES: &str = "westworld_charter_failure_rate";
    const THROUGHPUT: &str = "westworld_charter_throughput_ops_per_sec";
    const FORBIDDEN: &str =
        "sum(rate(westworld_charter_forbidden_metric_attempts_total[2m])) or vector(0)";
    const SIZE: &str = "westworld_charter_committee_size";
    const MISSING: &str = concat!(
        "max(westworld_charter_committee_size)",
        r#" - count(process_start_time_seconds{node_or_service!=""})"#,
    );
    const IDLE: &str =
        r#"avg(rate(process_cpu_seconds_total{node_or_service!=""}[2m])) or vector(1)"#;
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
    // What has counted nothing yet, or is not shown at all, breaches nothing.
    let worked_out = |expression: &str, description: &str| RuleConfig {
        description: description.to_owned(),
        ..RuleConfig::new(name, expression).expect("the expression is short")
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
        "forbidden_metric_spike" => {
            Some(worked_out(FORBIDDEN, "what is forbidden is read ten times a second").above(10.0))
        }
        "missing_nodes" => Some(RuleConfig {
            expectation: Some(Expectation::normalise("low-healthy-nodes")),
            metric: MetricName::try_new("process_start_time_seconds").ok(),
            selector: Query::try_new(SIZE).ok(),
            hold: Duration::from_secs(30),
            ..worked_out(MISSING, "fewer processes run than the committee has members").above(0.0)
        }),
        "low_utilisation" => Some(RuleConfig {
            severity: Severity::Info,
            hold: Duration::from_secs(600),
            ..worked_out(IDLE, "less than two fifths of the capacity are used").below(0.4)
        }),
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

/// First attempts a second: what is attempted less what is attempted again.
const ARRIVALS: &str = concat!(
    r#"sum(rate(westworld_charter_enforcement_actions_total{action_type!~"retry|deny"}[1m]))"#,
    r#" - (sum(rate(westworld_charter_enforcement_actions_total{action_type="retry"}[1m])) or vector(0))"#,
);
/// First attempts a second that each replica is to serve: what was too much for six is not for twelve.
const ARRIVALS_EACH: &str = concat!(
    r#"(sum(rate(westworld_charter_enforcement_actions_total{action_type!~"retry|deny"}[1m]))"#,
    r#" - (sum(rate(westworld_charter_enforcement_actions_total{action_type="retry"}[1m])) or vector(0)))"#,
    r#" / (max(westworld_charter_committee_size) > 0)"#,
);
/// The share of attempts that are not first ones.
const RETRIES: &str = concat!(
    r#"sum(rate(westworld_charter_enforcement_actions_total{action_type="retry"}[1m]))"#,
    r#" / (sum(rate(westworld_charter_enforcement_actions_total{action_type!~"retry|deny"}[1m])) > 0)"#,
);
/// What the busiest node gets over an even share. Only nodes validate.
const SKEW: &str = concat!(
    r#"max(sum by (node_or_service) (rate(westworld_charter_enforcement_actions_total{action_type=~"allow|timeout|reject"}[1m])))"#,
    r#" / (avg(sum by (node_or_service) (rate(westworld_charter_enforcement_actions_total{action_type=~"allow|timeout|reject"}[1m]))) > 0)"#,
);

/// Memory of each node's process, as all client libraries show it.
const MEMORY: &str =
    r#"max by (node_or_service) (process_resident_memory_bytes{node_or_service!=""})"#;

/// Time that the processes of nodes work, of the time there is: one worker to a process.
const UTILISATION: &str = r#"avg(rate(process_cpu_seconds_total{node_or_service!=""}[2m]))"#;

/// The watched values of `docs/causes.md`, on the metrics of Charter.
pub(crate) fn known_watches() -> Vec<WatchConfig> {
    const RATES: &[(&str, &str)] = &[
        ("arrival_rate", ARRIVALS),
        ("arrivals_per_replica", ARRIVALS_EACH),
        ("retry_share", RETRIES),
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
        ("load_skew", SKEW),
        ("memory", MEMORY),
        ("utilisation", UTILISATION),
        ("process_age", r#"time() - min(process_start_time_seconds{node_or_service!=""})"#),
        ("policy_age", "time() - max(westworld_charter_policy_last_load_timestamp)"),
    ];
    RATES
        .iter()
        .map(|(name, promql)| WatchConfig {
            // Counters that nothing has counted yet have no rate: that is no reason for doubt.
            // Nor need every Charter show its processes.
            expected: !promql.contains("rate(") && !promql.contains("process_"),
            ..WatchConfig::new(*name, *promql).expect("the expressions are short")
        })
        .collect()
}
