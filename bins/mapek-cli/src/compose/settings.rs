//! From sections of the file to the configurations of the stages.

use std::collections::BTreeSet;

use mapek::{
    LoopConfig,
    analyze::{
        Algorithm, AnalyzeConfig, CausalConfig, FrequencyConfig, SpatialConfig, TemporalConfig,
    },
    execute::{self, Profile, RailsConfig},
    knowledge,
    model::{
        Confidence, Direction, Duration, Expectation, Guard, MetricName, Query, Ratio, Verification,
    },
    monitor::{AlertMapping, MonitorConfig, RuleConfig, WatchConfig},
    notify::Alerts,
    plan,
};

use super::BuildError;
use crate::config::{
    AlgorithmEntry, AlgorithmName, Config, Database, ExecutionMode, MetricEntry, QueryEntry,
    RailsProfile, ThresholdDirection, VerificationSection, Worse,
};

/// What Monitor watches.
pub(crate) fn monitor_config(config: &Config) -> Result<MonitorConfig, BuildError> {
    let section = &config.monitor;
    let mut rules = if section.queries.is_empty() {
        RuleConfig::KNOWN.iter().filter_map(|name| RuleConfig::known(name)).collect()
    } else {
        section.queries.iter().map(rule).collect::<Result<Vec<_>, _>>()?
    };
    let mut watches = WatchConfig::known();
    for metric in &section.metrics {
        watches.push(watch(metric)?);
        rules.extend(threshold(metric)?);
    }
    let alerts = section.alerts.iter().map(|(alert, expectation)| {
        let mapping =
            AlertMapping { expectation: Some(expectation.clone()), ..AlertMapping::default() };
        (alert.clone(), mapping)
    });
    Ok(MonitorConfig {
        scrape_interval: section.scrape_interval,
        rules,
        watches,
        component_labels: ["component", "node", "node_or_service"].map(str::to_owned).to_vec(),
        up: Some(Query::try_new(&section.up).map_err(BuildError::of("monitor.up"))?),
        alerts_ignored: alerts_ignored(),
        alerts: known_alerts().into_iter().chain(alerts).collect(),
        reads_max: count(config.performance.max_concurrent_analyses),
        reset_window: MonitorConfig::RESET_WINDOW.max(section.scrape_interval),
        ..MonitorConfig::default()
    })
}

/// The alert by which `mapek check` looks whether alerts arrive.
pub(crate) const CHECK_ALERT: &str = "MapekCheck";

/// Alerts of the shipped rules (`deploy/prometheus/rules/mape-k.rules.yml`) on the loop and on who watches.
const ON_THE_LOOP: [&str; 7] = [
    "MAPEKLoopFailure",
    "MAPEKCyclesFaulty",
    "ExecutionNeedsOperator",
    "PrometheusScrapeFailure",
    "MAPEKEvidenceDoubtful",
    "MAPEKPaused",
    "MAPEKNotificationsFail",
];

/// Alerts that fire on purpose, those that we post, and those on ourselves: that we need somebody is no sign of trouble in the managed
/// system.
fn alerts_ignored() -> BTreeSet<String> {
    let ours = Alerts::NAMES.into_iter().chain([CHECK_ALERT]).chain(ON_THE_LOOP);
    MonitorConfig::ALERTS_IGNORED.into_iter().chain(ours).map(str::to_owned).collect()
}

/// Alerts of Charter's own rules that say what a rule of ours says, too.
fn known_alerts() -> Vec<(String, AlertMapping)> {
    let same = [("ValidationLatencySLA", "high-validation-latency")];
    same.iter()
        .map(|(alert, expectation)| {
            let expectation = Some(Expectation::normalise(expectation));
            ((*alert).to_owned(), AlertMapping { expectation, ..AlertMapping::default() })
        })
        .collect()
}

fn rule(entry: &QueryEntry) -> Result<RuleConfig, BuildError> {
    let what = |error: Box<dyn std::error::Error + Send + Sync>| {
        BuildError::new(format!("the rule {}", entry.name), error)
    };
    let mut rule = match (&entry.promql, RuleConfig::known(&entry.name)) {
        (Some(promql), _) => {
            RuleConfig::new(&entry.name, promql).map_err(|error| what(error.into()))?
        }
        (None, Some(known)) => known,
        (None, None) => {
            let known = RuleConfig::KNOWN.join(", ");
            return Err(what("it has no promql".into())
                .with_help(format!("give it one; only {known} are known by name")));
        }
    };
    if let Some(threshold) = entry.threshold {
        rule = match entry.direction {
            ThresholdDirection::Above => rule.above(threshold),
            ThresholdDirection::Below => rule.below(threshold),
        };
    }
    rule.severity = entry.severity.unwrap_or(rule.severity);
    rule.expectation = entry.expectation.clone().or(rule.expectation);
    rule.component_label = entry.component_label.clone().or(rule.component_label);
    Ok(rule)
}

fn watch(entry: &MetricEntry) -> Result<WatchConfig, BuildError> {
    WatchConfig::new(&entry.name, &entry.name)
        .map_err(|error| BuildError::new(format!("the metric {}", entry.name), error))
}

fn threshold(entry: &MetricEntry) -> Result<Option<RuleConfig>, BuildError> {
    let Some(threshold) = entry.threshold else { return Ok(None) };
    let rule = RuleConfig::new(format!("high_{}", entry.name), &entry.name)
        .map_err(|error| BuildError::new(format!("the metric {}", entry.name), error))?;
    let metric = MetricName::try_new(&entry.name).ok();
    Ok(Some(RuleConfig { metric, ..rule.above(threshold) }))
}

/// How Analyze works.
pub(crate) fn analyze_config(config: &Config) -> AnalyzeConfig {
    AnalyzeConfig {
        algorithms: config.analyze.algorithms.iter().map(algorithm).collect(),
        // Half an interval: neither jitter nor alerts in between may change what counts as a cycle.
        min_cycle: (config.orchestrator.loop_interval / 2).min(AnalyzeConfig::default().min_cycle),
        lag: config.monitor.scrape_interval,
        pattern_history_limit: count(config.analyze.pattern_history_limit),
        ..AnalyzeConfig::default()
    }
}

fn algorithm(entry: &AlgorithmEntry) -> Algorithm {
    let enabled = entry.enabled;
    let sensitivity =
        |default: Confidence| entry.sensitivity.map_or(default, Confidence::saturating);
    match entry.name {
        AlgorithmName::Temporal => {
            let it = TemporalConfig::default();
            Algorithm::Temporal(TemporalConfig {
                enabled,
                sensitivity: sensitivity(it.sensitivity),
                window: entry.window.unwrap_or(it.window),
                ..it
            })
        }
        AlgorithmName::Spatial => {
            let it = SpatialConfig::default();
            Algorithm::Spatial(SpatialConfig {
                enabled,
                sensitivity: sensitivity(it.sensitivity),
                min_components: entry.min_components.map_or(it.min_components, count),
                ..it
            })
        }
        AlgorithmName::Causal => {
            let it = CausalConfig::default();
            Algorithm::Causal(CausalConfig {
                enabled,
                sensitivity: sensitivity(it.sensitivity),
                correlation_threshold: entry
                    .correlation_threshold
                    .map_or(it.correlation_threshold, Ratio::saturating),
                ..it
            })
        }
        AlgorithmName::Frequency => {
            let it = FrequencyConfig::default();
            Algorithm::Frequency(FrequencyConfig {
                enabled,
                sensitivity: sensitivity(it.sensitivity),
                anomaly_threshold: entry.anomaly_threshold.map_or(it.anomaly_threshold, count),
                ..it
            })
        }
    }
}

/// A number of the file as a number of things in memory; they are the same wherever this runs.
fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// How Plan works.
pub(crate) fn plan_config(config: &Config) -> plan::Config {
    let section = &config.plan;
    plan::Config {
        cost_model: section.cost_model.clone(),
        benefit_target: Ratio::saturating(section.benefit_target),
        min_confidence: Confidence::saturating(section.min_confidence),
        max_policies_per_analysis: section.max_policies_per_analysis,
        min_violations: section.min_violations,
        ..plan::Config::default()
    }
}

/// How Execute works.
pub(crate) fn execute_config(config: &Config, on_disk: bool) -> execute::Config {
    let section = &config.execute;
    let mut rails = RailsConfig::default();
    rails.autonomy.profile = match section.rails.profile {
        RailsProfile::Observe => Profile::Observe,
        RailsProfile::Shipped => Profile::Shipped,
        RailsProfile::Auto => Profile::Auto,
    };
    rails.autonomy.approvers = section.approvals.people;
    rails.blast_radius = section.rails.blast_radius.clone();
    rails.calendar = section.rails.calendar.clone();
    rails.others = section.rails.others.clone();
    let timeout = u64::from(section.timeout_seconds);
    execute::Config {
        state_dir: on_disk.then(|| section.state_dir.clone()),
        max_retries: u16::try_from(section.max_retries).unwrap_or(u16::MAX),
        rollback_enabled: section.rollback_enabled,
        execution_mode: match section.execution_mode {
            ExecutionMode::Transactional => execute::ExecutionMode::Transactional,
            ExecutionMode::BestEffort => execute::ExecutionMode::BestEffort,
        },
        rails,
        verification: verification(config),
        verification_patience: section.verification.patience,
        approval_ttl: section.approvals.valid_for,
        begin_within: section.approvals.begin_within,
        // What was sent is on its way for as long as the call may take.
        settle: execute::Config::default().settle.max(Duration::from_secs(timeout)),
        onset_tolerance: config.monitor.scrape_interval,
        journal_retention: execute::Retention {
            age: section.journal_retention.age,
            records: section.journal_retention.records,
        },
        ..execute::Config::default()
    }
}

/// How the effect of plans is looked for.
fn verification(config: &Config) -> Verification {
    let VerificationSection { interval, successes, failures, guards, .. } =
        &config.execute.verification;
    let guards = guards.iter().map(|guard| Guard {
        value: guard.value.clone(),
        worse: match guard.worse {
            Worse::Rising => Direction::Rising,
            Worse::Falling => Direction::Falling,
        },
        share: guard.share,
        floor: guard.floor,
        expectations: guard.expectations.clone(),
    });
    Verification {
        interval: interval.unwrap_or(config.monitor.scrape_interval),
        successes: *successes,
        failures: *failures,
        early: false,
        guards: guards.collect(),
    }
}

/// What is remembered, and where.
pub(crate) fn knowledge_config(config: &Config) -> knowledge::Config {
    let section = &config.knowledge;
    knowledge::Config {
        database: match section.database {
            Database::Memory => knowledge::Database::Memory,
            Database::Sqlite => knowledge::Database::Sqlite,
            Database::Postgres => knowledge::Database::Postgres,
        },
        sqlite_path: section.sqlite_path.clone(),
        pattern_learning_enabled: section.pattern_learning_enabled,
        confidence_saturation_point: section.confidence_saturation_point,
        outcome_history_limit: section.outcome_history_limit,
        insight_generation_enabled: section.insight_generation_enabled,
    }
}

/// When cycles run.
pub(crate) fn loop_config(config: &Config) -> LoopConfig {
    LoopConfig {
        interval: config.orchestrator.loop_interval,
        poll_interval: config.monitor.poll_interval,
        read_deadline: config.monitor.read_deadline,
        ..LoopConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shipped_rules_tell_of_the_loop_is_no_trouble_of_the_managed_system() {
        let rules = include_str!("../../../../deploy/prometheus/rules/mape-k.rules.yml");
        let rules: serde_json::Value = serde_saphyr::from_str(rules).unwrap();
        let rules = rules["groups"][0]["rules"].as_array().unwrap();
        let names = rules.iter().map(|rule| rule["alert"].as_str().unwrap());
        let on_the_loop: BTreeSet<_> = names.filter(|name| *name != "CharterAPIDown").collect();
        assert_eq!(on_the_loop, BTreeSet::from(ON_THE_LOOP));
        let ignored = monitor_config(&Config::default()).unwrap().alerts_ignored;
        assert!(ON_THE_LOOP.iter().all(|name| ignored.contains(*name)));
        assert!(!ignored.contains("CharterAPIDown"));
    }

    #[test]
    fn approvals_are_as_the_file_says() {
        let mut config = Config::default();
        config.execute.approvals.people = 3;
        config.execute.approvals.valid_for = Duration::from_secs(60);
        config.execute.approvals.begin_within = Duration::from_secs(30);
        let execute = execute_config(&config, false);
        assert_eq!(execute.rails.autonomy.approvers, 3);
        assert_eq!((execute.approval_ttl.as_secs(), execute.begin_within.as_secs()), (60, 30));
        let default = execute_config(&Config::default(), false);
        assert_eq!(default.begin_within, execute::Config::default().begin_within);
    }

    #[test]
    fn effects_are_looked_for_as_the_file_says() {
        let mut config = Config::default();
        let default = execute_config(&config, false).verification;
        assert_eq!(default.interval, config.monitor.scrape_interval);
        let guarded: Vec<_> = default.guards.iter().map(|guard| guard.value.as_str()).collect();
        assert_eq!(guarded, ["validation_latency", "failure_rate", "throughput"]);
        config.execute.verification.interval = Some(Duration::from_secs(5));
        config.execute.verification.successes = 4;
        config.execute.verification.failures = 3;
        config.execute.verification.patience = Duration::from_secs(60);
        config.execute.verification.guards.truncate(1);
        let execute = execute_config(&config, false);
        let Verification { interval, successes, failures, guards, .. } = execute.verification;
        assert_eq!((interval.as_secs(), successes, failures, guards.len()), (5, 4, 3, 1));
        assert_eq!(execute.verification_patience.as_secs(), 60);
    }

    #[test]
    fn rails_are_as_the_file_says() {
        let mut config = Config::default();
        assert_eq!(execute_config(&config, false).rails.blast_radius, Default::default());
        let set = &mut config.execute.rails;
        set.blast_radius.nodes = Some(2);
        set.others.courtesy = Duration::from_secs(9);
        let weekend =
            r#"{"name": "x", "days": ["sunday"], "from": "00:00", "to": "24:00", "zone": "UTC"}"#;
        set.calendar.weekly = vec![serde_json::from_str(weekend).unwrap()];
        let expected = set.clone();
        let rails = execute_config(&config, false).rails;
        assert_eq!(rails.blast_radius, expected.blast_radius);
        assert_eq!(rails.calendar, expected.calendar);
        assert_eq!(rails.others, expected.others);
    }

    #[test]
    fn what_was_sent_may_be_on_its_way_for_as_long_as_a_call_takes() {
        let settle = |timeout_seconds| {
            let mut config = Config::default();
            config.execute.timeout_seconds = timeout_seconds;
            execute_config(&config, false).settle.as_secs()
        };
        assert_eq!([5, 30, 120].map(settle), [30, 30, 120]);
    }
}
