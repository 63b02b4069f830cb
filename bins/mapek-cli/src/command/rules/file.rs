//! Files of tests and of rules, as Prometheus writes them.

use std::{collections::BTreeMap, path::PathBuf};

use garde::Validate;
use mapek::{
    model::{Duration, Query},
    scrape::conforms,
};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::template::Template;

/// A time as Prometheus writes it: `1m`, `1h30m`, `0`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // No time at all, in whatever unit.
        if text.starts_with('0') && text.chars().all(|c| c == '0' || c.is_ascii_lowercase()) {
            return Ok(Self::default());
        }
        promql_parser::util::parse_duration(&text).map(Self).map_err(|why| {
            D::Error::custom(format_args!("{text:?} is no time such as 30s, 5m or 1h30m: {why}"))
        })
    }
}

/// A file of tests.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct TestFile {
    #[serde(default)]
    #[garde(skip)]
    pub(super) rule_files: Vec<PathBuf>,
    #[serde(default)]
    #[garde(skip)]
    evaluation_interval: Option<Time>,
    #[serde(default)]
    #[garde(skip)]
    group_eval_order: Vec<String>,
    #[garde(length(min = 1))]
    pub(super) tests: Vec<Test>,
}

impl TestFile {
    /// How often rules are evaluated.
    pub(super) fn evaluation_interval(&self) -> Duration {
        self.evaluation_interval.filter(|it| !it.0.is_zero()).map_or(MINUTE, |it| it.0)
    }

    /// Where a group stands in the order that is asked for; those that it does not name come last.
    pub(super) fn place_of(&self, group: &str) -> usize {
        self.group_eval_order.iter().position(|name| name == group).unwrap_or(usize::MAX)
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// One test: samples, and what is expected of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    #[serde(default)]
    interval: Option<Time>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    pub(super) input_series: Vec<Input>,
    #[serde(default)]
    pub(super) alert_rule_test: Vec<AlertTest>,
    #[serde(default)]
    pub(super) promql_expr_test: Vec<QueryTest>,
    #[serde(default)]
    pub(super) external_labels: BTreeMap<String, String>,
}

impl Test {
    /// Between two samples.
    pub(super) fn interval(&self) -> Duration {
        self.interval.filter(|it| !it.0.is_zero()).map_or(MINUTE, |it| it.0)
    }

    /// What it is called in a report.
    pub(super) fn called(&self, number: usize) -> String {
        match &self.name {
            Some(name) => format!("test {number} ({name})"),
            None => format!("test {number}"),
        }
    }
}

/// A series, and its samples.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    pub(super) series: String,
    pub(super) values: String,
}

/// Which alerts fire at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertTest {
    #[serde(default)]
    pub(super) eval_time: Time,
    pub(super) alertname: String,
    #[serde(default)]
    pub(super) exp_alerts: Vec<ExpectedAlert>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedAlert {
    pub(super) exp_labels: BTreeMap<String, String>,
    pub(super) exp_annotations: BTreeMap<String, String>,
}

/// What a query answers at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryTest {
    pub(super) expr: String,
    #[serde(default)]
    pub(super) eval_time: Time,
    #[serde(default)]
    pub(super) exp_samples: Vec<ExpectedSample>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedSample {
    pub(super) labels: String,
    pub(super) value: f64,
}

/// A file of rules.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    #[garde(skip)]
    pub(super) groups: Vec<GroupEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupEntry {
    name: String,
    /// As in promtool, a test evaluates at its own interval.
    #[serde(default, rename = "interval")]
    _interval: Option<Time>,
    #[serde(default)]
    limit: u64,
    rules: Vec<RuleEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    #[serde(default)]
    record: Option<String>,
    #[serde(default)]
    alert: Option<String>,
    expr: String,
    #[serde(default, rename = "for")]
    hold: Time,
    #[serde(default)]
    keep_firing_for: Time,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Rules that are evaluated one after the other.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) rules: Vec<Rule>,
}

/// A rule that can be evaluated.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) expr: Query,
    pub(super) kind: RuleKind,
}

#[derive(Debug, Clone)]
pub(super) enum RuleKind {
    /// Writes what it finds.
    Record { metric: String, labels: BTreeMap<String, String> },
    /// Fires while it finds something.
    Alert(AlertRule),
}

#[derive(Debug, Clone)]
pub(super) struct AlertRule {
    pub(super) name: String,
    pub(super) hold: Duration,
    pub(super) keep_firing_for: Duration,
    pub(super) labels: BTreeMap<String, Template>,
    pub(super) annotations: BTreeMap<String, Template>,
}

impl GroupEntry {
    /// The same, once all of it is known to be evaluated here.
    pub(super) fn checked(self) -> Result<Group, String> {
        if self.limit > 0 {
            return Err(format!("group {}: limit is not evaluated", self.name));
        }
        let rules = self.rules.into_iter().map(RuleEntry::checked).collect::<Result<_, _>>();
        Ok(Group {
            rules: rules.map_err(|why| format!("group {}: {why}", self.name))?,
            name: self.name,
        })
    }
}

impl RuleEntry {
    fn checked(self) -> Result<Rule, String> {
        let Self { record, alert, expr, hold, keep_firing_for, labels, annotations } = self;
        let templates = |texts: BTreeMap<String, String>| {
            let parsed = texts.into_iter().map(|(name, text)| {
                let template = Template::parse(&text).map_err(|why| format!("{name}: {why}"))?;
                Ok::<_, String>((name, template))
            });
            parsed.collect::<Result<_, _>>()
        };
        let name = match (&record, &alert) {
            (Some(name), None) | (None, Some(name)) => name.clone(),
            _ => return Err("a rule has either record or alert".to_owned()),
        };
        let named = |why: String| format!("rule {name}: {why}");
        let expr = query(&expr).map_err(named)?;
        let kind = match record {
            Some(metric)
                if hold.0.is_zero() && keep_firing_for.0.is_zero() && annotations.is_empty() =>
            {
                RuleKind::Record { metric, labels }
            }
            Some(_) => return Err(named("only alerts have for and annotations".to_owned())),
            None => RuleKind::Alert(AlertRule {
                labels: templates(labels).map_err(named)?,
                annotations: templates(annotations).map_err(named)?,
                name: name.clone(),
                hold: hold.0,
                keep_firing_for: keep_firing_for.0,
            }),
        };
        Ok(Rule { expr, kind })
    }
}

/// An expression that the embedded source evaluates.
pub(super) fn query(text: &str) -> Result<Query, String> {
    let query = Query::try_new(text).map_err(|why| why.to_string())?;
    conforms(&query).map_err(|why| why.to_string())?;
    Ok(query)
}
