use std::time::Duration;

use mapek_model::{Expectation, MetricName, Query, Severity};
use mapek_signal::{Baseline, BaselineConfig, SeasonalBaseline, SeasonalConfig};
use serde::{Deserialize, Serialize};

use crate::{Error, MetricSource, Selector};

/// On which side of a bound values are bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// What lies above it is bad.
    #[default]
    Above,
    /// What lies below it is bad.
    Below,
}

/// One thing that must not happen.
///
/// With a `threshold`, the comparison is made by the server. With `anomaly`, the value is compared with what it usually is.
/// With neither, every series that the expression answers is a breach, as in an alerting rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// What people call it; unique.
    pub name: String,
    /// The value.
    pub promql: Query,
    /// What is breached; alerts and reports of the managed system with the same expectation and component are the same
    /// episode. The rule's name in kebab-case unless set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expectation: Option<Expectation>,
    /// How bad a breach is.
    #[serde(default = "warning")]
    pub severity: Severity,
    /// What the value must not cross, in its own unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// On which side of the threshold values are bad.
    #[serde(default)]
    pub bound: Bound,
    /// The label that names the part of the system, before those that are looked for anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_label: Option<String>,
    /// The metric family that the value is read from. Witnesses of different families are independent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricName>,
    /// The selector of the raw series that the value is made of: they must be there and fresh. `metric` itself unless set, and
    /// without that what the metric source finds in the expression. A family of histograms has no series of its own name: say
    /// `x_bucket`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Query>,
    /// Compare with what is usual, instead of with a threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anomaly: Option<AnomalyConfig>,
    /// How long it must last before it is a breach.
    #[serde(default, rename = "for", with = "mapek_model::duration")]
    pub hold: Duration,
    /// For people; the rule's name unless set.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

const fn warning() -> Severity {
    Severity::Warning
}

/// When a value is unlike what it usually is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnomalyConfig {
    /// How many robust standard deviations off are too many.
    pub score: f64,
    /// Which side is bad; both unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<Bound>,
    /// How what is usual is learned.
    pub baseline: BaselineConfig,
    /// What is usual at this time of day, or of another period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub season: Option<SeasonalConfig>,
}

impl AnomalyConfig {
    /// One value in 15 000 of normal data; real data has heavier tails, so robust scores of 3.5 are still common.
    pub const SCORE: f64 = 5.0;

    /// Whether a score is beyond what is accepted.
    #[must_use]
    pub fn is_breach(&self, score: f64) -> bool {
        match self.side {
            Some(Bound::Above) => score >= self.score,
            Some(Bound::Below) => score <= -self.score,
            None => score.abs() >= self.score,
        }
    }
}

impl Default for AnomalyConfig {
    fn default() -> Self {
        Self { score: Self::SCORE, side: None, baseline: BaselineConfig::default(), season: None }
    }
}

impl RuleConfig {
    /// A rule that is breached by every series that `promql` answers.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the expression is empty or too long.
    pub fn new(name: impl Into<String>, promql: impl Into<String>) -> Result<Self, Error> {
        let name = name.into();
        let promql = Query::try_new(promql)
            .map_err(|error| Error::config(format!("rule {name:?}"), error.to_string()))?;
        Ok(Self {
            name,
            promql,
            expectation: None,
            severity: warning(),
            threshold: None,
            bound: Bound::Above,
            component_label: None,
            metric: None,
            selector: None,
            anomaly: None,
            hold: Duration::ZERO,
            description: String::new(),
        })
    }

    /// The names of the rules on Charter's metrics that need nothing else.
    #[cfg(feature = "charter")]
    pub const KNOWN: [&str; 6] = [
        "high_validation_latency",
        "high_failure_rate",
        "low_throughput",
        "forbidden_metric_spike",
        "missing_nodes",
        "low_utilisation",
    ];

    /// One of the [known](Self::KNOWN) rules. `None` for another name.
    #[cfg(feature = "charter")]
    #[must_use]
    pub fn known(name: &str) -> Option<Self> {
        crate::charter::known_rule(name)
    }

    /// Values above `threshold` are bad.
    #[must_use]
    pub fn above(self, threshold: f64) -> Self {
        Self { threshold: Some(threshold), bound: Bound::Above, ..self }
    }

    /// Values below `threshold` are bad.
    #[must_use]
    pub fn below(self, threshold: f64) -> Self {
        Self { threshold: Some(threshold), bound: Bound::Below, ..self }
    }

    /// What is breached.
    #[must_use]
    pub fn expectation(&self) -> Expectation {
        self.expectation.clone().unwrap_or_else(|| Expectation::normalise(&self.name))
    }

    /// The raw series that the value is made of: those that the rule names, or else those that the expression reads. None at all
    /// if it reads nothing, and `None` if that cannot be told: then nobody sees when they are old, or gone.
    #[must_use]
    pub fn selectors(&self, source: &dyn MetricSource) -> Option<Vec<Selector>> {
        match self.named_selector() {
            Some(query) => Some(vec![Selector { query, required: true }]),
            None => source.selectors(&self.promql),
        }
    }

    /// What the rule names, or its metric if that can be a selector.
    pub(crate) fn named_selector(&self) -> Option<Query> {
        let by_metric = || {
            let name = self.metric.as_ref()?.as_str();
            let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
            let plain =
                name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit());
            plain.then(|| Query::try_new(name).ok()).flatten()
        };
        self.selector.clone().or_else(by_metric)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let bad = |reason: &str| Err(Error::config(format!("rule {:?}", self.name), reason));
        if self.name.is_empty() || self.name.len() > 253 {
            return bad("a name must have 1 to 253 bytes");
        }
        if self.threshold.is_some_and(|threshold| !threshold.is_finite()) {
            return bad("the threshold must be a finite number");
        }
        let Some(anomaly) = &self.anomaly else { return Ok(()) };
        if self.threshold.is_some() {
            return bad("it can have a threshold or an anomaly, not both");
        }
        if !(anomaly.score > 0.0 && anomaly.score <= Baseline::SCORE_MAX) {
            return bad("the score of an anomaly must be above 0 and at most 1000");
        }
        let learned = match &anomaly.season {
            Some(season) => SeasonalBaseline::try_new(season.clone()).map(|_| ()),
            None => Baseline::try_new(anomaly.baseline).map(|_| ()),
        };
        learned.or_else(|error| bad(&error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_named_and_bounded() {
        let rule = RuleConfig::new("high_failure_rate", "rate").unwrap();
        assert_eq!(rule.expectation().as_str(), "high-failure-rate");
        assert!(RuleConfig::new("x", "  ").is_err());
        let anomaly = Some(AnomalyConfig::default());
        for (bad, why) in [
            (rule.clone().above(f64::NAN), "finite"),
            (RuleConfig { anomaly: anomaly.clone(), ..rule.clone().above(1.0) }, "not both"),
            (RuleConfig { name: String::new(), ..rule.clone() }, "name"),
            (
                RuleConfig {
                    anomaly: Some(AnomalyConfig { score: 0.0, ..AnomalyConfig::default() }),
                    ..rule.clone()
                },
                "score",
            ),
        ] {
            let text = bad.check().unwrap_err().to_string();
            assert!(text.contains(why), "{text}");
        }
        assert!(RuleConfig { anomaly, ..rule }.check().is_ok());
    }

    #[test]
    fn anomalies_have_sides() {
        let on = |side| AnomalyConfig { side, ..AnomalyConfig::default() };
        assert!(on(None).is_breach(-6.0) && on(None).is_breach(6.0) && !on(None).is_breach(4.9));
        assert!(!on(Some(Bound::Above)).is_breach(-6.0));
        assert!(on(Some(Bound::Below)).is_breach(-6.0));
    }
}
