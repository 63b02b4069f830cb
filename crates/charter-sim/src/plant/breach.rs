//! Which expectations are breached at the moment, and since when.

use std::collections::{BTreeMap, VecDeque};

use charter_client::ViolationSeverity;
use serde::{Deserialize, Serialize};

use super::config::{InvalidConfig, check};

/// What counts as a violation. The defaults are those of the rules that operators know.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Thresholds {
    /// Highest p99 of validation, in seconds.
    pub validation_latency_s: f64,
    /// Highest share of failed requests.
    pub failure_rate: f64,
    /// Lowest throughput in requests per second, unless fewer arrive.
    pub throughput: f64,
    /// Most violations of policies per second.
    pub violations_per_s: f64,
    /// Most attempts to read forbidden metrics per second.
    pub attempts_per_s: f64,
    /// Most violations under investigation.
    pub under_investigation: f64,
    /// Oldest load of policies, in seconds.
    pub policy_age_s: f64,
    /// Longest override, in seconds.
    pub override_s: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            validation_latency_s: 1.0,
            failure_rate: 0.10,
            throughput: 100.0,
            violations_per_s: 10.0,
            attempts_per_s: 10.0,
            under_investigation: 10.0,
            policy_age_s: 86_400.0,
            override_s: 1_800.0,
        }
    }
}

impl Thresholds {
    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        for (field, value) in [
            ("thresholds.validation_latency_s", self.validation_latency_s),
            ("thresholds.failure_rate", self.failure_rate),
            ("thresholds.throughput", self.throughput),
            ("thresholds.violations_per_s", self.violations_per_s),
            ("thresholds.attempts_per_s", self.attempts_per_s),
            ("thresholds.under_investigation", self.under_investigation),
            ("thresholds.policy_age_s", self.policy_age_s),
            ("thresholds.override_s", self.override_s),
        ] {
            check(field, value, 0.0, 1e12)?;
        }
        Ok(())
    }
}

/// What is breached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum BreachKind {
    /// The p99 of validation is too high.
    ValidationLate,
    /// Too many requests fail.
    EnforcementFailed,
    /// Too few requests are served, though they arrive.
    LowThroughput,
    /// A node is down.
    NodeDown,
    /// Too few nodes for a quorum.
    CommitteeQuorum,
    /// Policies are violated too often.
    PolicyViolations,
    /// Forbidden metrics are read too often.
    ForbiddenMetric,
    /// Too much is under investigation.
    CommitteeOverloaded,
    /// Policies were not loaded for too long.
    PolicyStale,
    /// An emergency override stays.
    OverrideStays,
}

impl BreachKind {
    /// The word for it on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ValidationLate => "validation_late",
            Self::EnforcementFailed => "enforcement_failed",
            Self::LowThroughput => "low_throughput",
            Self::NodeDown => "node_down",
            Self::CommitteeQuorum => "committee_quorum",
            Self::PolicyViolations => "policy_violations",
            Self::ForbiddenMetric => "forbidden_metric",
            Self::CommitteeOverloaded => "committee_overloaded",
            Self::PolicyStale => "policy_stale",
            Self::OverrideStays => "override_stays",
        }
    }

    /// The metric that shows it, without the prefix.
    #[must_use]
    pub const fn metric(self) -> &'static str {
        match self {
            Self::ValidationLate => "validation_latency_seconds",
            Self::EnforcementFailed => "failure_rate",
            Self::LowThroughput => "throughput_ops_per_sec",
            Self::NodeDown | Self::CommitteeQuorum => "committee_size",
            Self::PolicyViolations => "policy_violations_total",
            Self::ForbiddenMetric => "forbidden_metric_attempts_total",
            Self::CommitteeOverloaded => "violations_under_investigation",
            Self::PolicyStale => "policy_last_load_timestamp",
            Self::OverrideStays => "emergency_override_active_count",
        }
    }
}

/// A breach from its beginning to its end. Times are seconds after the plant's start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// What is breached.
    pub kind: BreachKind,
    /// The node, service or policy where it is seen.
    pub component: String,
    /// How bad it is, or was at its worst.
    pub severity: ViolationSeverity,
    /// When it began.
    pub since_s: f64,
    /// When it was last seen.
    pub last_seen_s: f64,
    /// When it ended, if it did.
    pub resolved_s: Option<f64>,
    /// Its value when last seen.
    pub value: f64,
    /// The value that it should have kept to.
    pub threshold: f64,
}

/// One expectation that is breached at this moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) kind: BreachKind,
    pub(crate) component: String,
    pub(crate) severity: ViolationSeverity,
    pub(crate) value: f64,
    pub(crate) threshold: f64,
}

/// A breach that is not seen for so long is over: shorter gaps are flapping.
const GONE_AFTER_S: f64 = 5.0;
/// Resolved breaches stay listed this long.
const LISTED_S: f64 = 3_600.0;
/// Most resolved breaches kept: an hour of one kind flapping every five seconds is 720.
const RESOLVED_MAX: usize = 5_000;

/// Follows breaches over time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    open: BTreeMap<(BreachKind, String), Breach>,
    resolved: VecDeque<Breach>,
}

impl Watch {
    /// Takes in what is breached at `now`.
    pub(crate) fn update(&mut self, seen: Vec<Seen>, now: f64) {
        for one in seen {
            let key = (one.kind, one.component.clone());
            let breach = self.open.entry(key).or_insert_with(|| Breach {
                kind: one.kind,
                component: one.component,
                severity: one.severity,
                since_s: now,
                last_seen_s: now,
                resolved_s: None,
                value: one.value,
                threshold: one.threshold,
            });
            breach.severity = breach.severity.max(one.severity);
            (breach.last_seen_s, breach.value) = (now, one.value);
        }
        self.resolve(now);
    }

    fn resolve(&mut self, now: f64) {
        let resolved = &mut self.resolved;
        self.open.retain(|_, breach| {
            let stays = now - breach.last_seen_s < GONE_AFTER_S;
            if !stays {
                breach.resolved_s = Some(now);
                resolved.push_back(breach.clone());
            }
            stays
        });
        let old = |b: &Breach| b.resolved_s.is_some_and(|end| now - end > LISTED_S);
        while self.resolved.len() > RESOLVED_MAX || self.resolved.front().is_some_and(old) {
            self.resolved.pop_front();
        }
    }

    /// Those that are open.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Breach> {
        self.open.values()
    }

    /// Those that are open, and those resolved within the hour; oldest first.
    pub(crate) fn listed(&self) -> Vec<&Breach> {
        let mut all: Vec<&Breach> = self.resolved.iter().chain(self.open.values()).collect();
        all.sort_by(|a, b| {
            let by_name = || (a.kind, &a.component).cmp(&(b.kind, &b.component));
            a.since_s.total_cmp(&b.since_s).then_with(by_name)
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(value: f64, severity: ViolationSeverity) -> Seen {
        let (kind, component) = (BreachKind::ValidationLate, "validation".to_owned());
        Seen { kind, component, severity, value, threshold: 1.0 }
    }

    #[test]
    fn a_breach_keeps_its_onset_over_short_gaps_and_its_worst_severity() {
        let mut watch = Watch::default();
        watch.update(vec![late(5.0, ViolationSeverity::Critical)], 10.0);
        watch.update(vec![], 12.0);
        watch.update(vec![late(2.0, ViolationSeverity::Warning)], 13.0);
        let breach = watch.open().next().unwrap();
        assert_eq!((breach.since_s as u32, breach.severity), (10, ViolationSeverity::Critical));
        watch.update(vec![], 18.0);
        assert_eq!(watch.open().count(), 0);
        assert_eq!(watch.listed()[0].resolved_s, Some(18.0));
        watch.update(vec![late(2.0, ViolationSeverity::Warning)], 20.0);
        assert_eq!(watch.listed().len(), 2);
        watch.update(vec![], 4_000.0);
        watch.update(vec![], 9_000.0);
        assert!(watch.listed().is_empty());
    }
}
