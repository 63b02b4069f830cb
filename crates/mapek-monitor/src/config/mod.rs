//! What is watched, and how.

mod alerts;
mod rule;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mapek_model::{Component, Labels, Query};
use serde::{Deserialize, Serialize};

use crate::Error;

pub use alerts::AlertMapping;
pub use rule::{AnomalyConfig, Bound, RuleConfig};
pub use watch::WatchConfig;

/// What a [`Monitor`](crate::Monitor) watches.
///
/// ```
/// use mapek_monitor::{MonitorConfig, RuleConfig};
///
/// let rule = RuleConfig::new("slow", "request_duration_seconds")?.above(1.0);
/// let config = MonitorConfig { rules: vec![rule], ..MonitorConfig::default() };
/// assert!(config.check().is_ok());
/// # Ok::<(), mapek_monitor::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MonitorConfig {
    /// How often the metric source measures. A sample older than two intervals is stale.
    #[serde(with = "mapek_model::duration")]
    pub scrape_interval: Duration,
    /// What must not happen.
    pub rules: Vec<RuleConfig>,
    /// The values whose course Analyze needs.
    pub watches: Vec<WatchConfig>,
    /// Selectors of which each must have a series, and a fresh one. Those of rules are expected anyway.
    pub expected: Vec<Query>,
    /// The selector of the series that are 1 for each scrape target that answers; absent if there are none.
    pub up: Option<Query>,
    /// Selectors of counters whose resets are to be noticed.
    pub counters: Vec<Query>,
    /// How far back a reset of a counter is a reason for doubt.
    #[serde(with = "mapek_model::duration")]
    pub reset_window: Duration,
    /// What alerts mean, by `alertname`. Others mean their own name.
    pub alerts: BTreeMap<String, AlertMapping>,
    /// Names of alerts that are no breach.
    pub alerts_ignored: BTreeSet<String>,
    /// Labels that an alert must have to be about this target.
    pub alert_labels: Labels,
    /// The labels that name the part of the system, the first that is there wins. A rule or an alert may name its own.
    pub component_labels: Vec<String>,
    /// How many queries run at once.
    pub reads_max: usize,
    /// Most series of one answer that are looked at.
    pub series_max: usize,
    /// Most episodes that are open at once. When there are more, the milder ones are left out, and the quality says so.
    pub episodes_max: usize,
    /// Most baselines that are kept; the one that was not used for longest goes first.
    pub baselines_max: usize,
    /// Most alerts that are taken from the inbox in one cycle; the rest wait.
    pub inbox_max: usize,
    /// How long an open breach keeps baselines from learning. After that the new state is what is usual.
    #[serde(with = "mapek_model::duration")]
    pub learning_paused_max: Duration,
    /// How long a part with an open breach may be silent before the breach is given up as gone. Until then it is open, and the
    /// evidence is unknown: a part that is not heard of is not known to be well.
    #[serde(with = "mapek_model::duration")]
    pub gone_after: Duration,
}

impl MonitorConfig {
    /// Half of the default of Prometheus, and what most installations set.
    pub const SCRAPE_INTERVAL: Duration = Duration::from_secs(30);
    /// The longest range over which the known alerts look back.
    pub const RESET_WINDOW: Duration = Duration::from_secs(300);
    /// Enough to hide latency; few enough for a server with a limit of 20 concurrent queries.
    pub const READS_MAX: usize = 8;
    /// A rule with more breaching series than this wants an aggregation.
    pub const SERIES_MAX: usize = 1_000;
    /// About 20 MiB of episodes.
    pub const EPISODES_MAX: usize = 20_000;
    /// The most that Analyze is designed for.
    pub const EPISODES_LIMIT: usize = 100_000;
    /// About 2 MiB of baselines of 120 values.
    pub const BASELINES_MAX: usize = 2_000;
    /// The most that one webhook call may bring.
    pub const INBOX_MAX: usize = 10_000;
    /// A breach that lasted six hours is either accepted or will be repaired by a person.
    pub const LEARNING_PAUSED_MAX: Duration = Duration::from_secs(6 * 3_600);
    /// As long as Prometheus itself answers with a series that has ended unmarked; service discovery that hiccups is back by then.
    pub const GONE_AFTER: Duration = Duration::from_secs(300);
    /// Alerts that fire on purpose, to prove that alerting works, or only to inhibit others.
    pub const ALERTS_IGNORED: [&'static str; 3] = ["Watchdog", "DeadMansSwitch", "InfoInhibitor"];
    /// What parts of a system are called most often.
    pub const COMPONENT_LABELS: [&'static str; 2] = ["component", "node"];

    /// Whether all of it makes sense.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] names the first setting that does not, and why.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |what: &str, reason: &str| Err(Error::config(what, reason));
        if self.scrape_interval.is_zero() {
            return bad("scrape_interval", "must be above 0");
        }
        if self.reset_window < self.scrape_interval {
            return bad("reset_window", "must be the scrape interval or more");
        }
        for (what, value, limit) in [
            ("reads_max", self.reads_max, 1_000),
            ("series_max", self.series_max, 1_000_000),
            ("episodes_max", self.episodes_max, Self::EPISODES_LIMIT),
            ("baselines_max", self.baselines_max, 1_000_000),
            ("inbox_max", self.inbox_max, 1_000_000),
        ] {
            if value == 0 || value > limit {
                return bad(what, &format!("must be 1 to {limit}"));
            }
        }
        self.rules.iter().try_for_each(RuleConfig::check)?;
        self.watches.iter().try_for_each(WatchConfig::check)?;
        unique("rules", self.rules.iter().map(|rule| rule.name.as_str()))?;
        unique("watches", self.watches.iter().map(|watch| watch.name.as_str()))
    }

    /// The age from which a sample is stale.
    pub(crate) fn stale_after(&self) -> Duration {
        self.scrape_interval * 2
    }

    /// The part of the system that labels speak of.
    pub(crate) fn component(&self, own: Option<&str>, labels: &Labels) -> Option<Component> {
        let names = own.into_iter().chain(self.component_labels.iter().map(String::as_str));
        names
            .filter_map(|name| labels.get(name))
            .filter(|value| !value.is_empty())
            .find_map(|value| Component::try_new(value).ok())
    }
}

impl Default for MonitorConfig {
    fn default() -> Self {
        Self {
            scrape_interval: Self::SCRAPE_INTERVAL,
            rules: Vec::new(),
            watches: Vec::new(),
            expected: Vec::new(),
            up: Some(Query::try_new("up").expect("it is short and not empty")),
            counters: Vec::new(),
            reset_window: Self::RESET_WINDOW,
            alerts: BTreeMap::new(),
            alerts_ignored: Self::ALERTS_IGNORED.map(str::to_owned).into(),
            alert_labels: Labels::default(),
            component_labels: Self::COMPONENT_LABELS.map(str::to_owned).into(),
            reads_max: Self::READS_MAX,
            series_max: Self::SERIES_MAX,
            episodes_max: Self::EPISODES_MAX,
            baselines_max: Self::BASELINES_MAX,
            inbox_max: Self::INBOX_MAX,
            learning_paused_max: Self::LEARNING_PAUSED_MAX,
            gone_after: Self::GONE_AFTER,
        }
    }
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::config(what, format!("the name {name:?} is used twice")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let rule = RuleConfig::new("a", "up").unwrap();
        let default = MonitorConfig::default;
        for (what, config) in [
            ("scrape_interval", MonitorConfig { scrape_interval: Duration::ZERO, ..default() }),
            ("reset_window", MonitorConfig { reset_window: Duration::from_secs(1), ..default() }),
            ("reads_max", MonitorConfig { reads_max: 0, ..default() }),
            ("episodes_max", MonitorConfig { episodes_max: 100_001, ..default() }),
            ("rules", MonitorConfig { rules: vec![rule.clone(), rule], ..default() }),
        ] {
            let text = config.check().unwrap_err().to_string();
            assert!(text.starts_with(what), "{text}");
        }
        assert!(default().check().is_ok());
    }

    #[test]
    fn it_reads_what_people_write_and_refuses_what_they_misspell() {
        let text = r#"{"scrape_interval": "15s", "up": null, "alerts": {"TooSlow": {"expectation": "slow"}},
            "rules": [{"name": "slow", "promql": "x", "threshold": 1, "for": "1m", "severity": "critical"}],
            "watches": [{"name": "load", "promql": "y", "window": 600}]}"#;
        let config: MonitorConfig = serde_json::from_str(text).unwrap();
        assert_eq!(config.scrape_interval, Duration::from_secs(15));
        assert_eq!(config.rules[0].hold, Duration::from_secs(60));
        assert!(config.check().is_ok());
        let again = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<MonitorConfig>(&again).unwrap(), config);

        let error = serde_json::from_str::<MonitorConfig>(r#"{"scrape_intervall": 1}"#);
        assert!(error.unwrap_err().to_string().contains("scrape_interval"));
    }

    #[test]
    fn the_first_label_that_names_a_component_wins() {
        let config = MonitorConfig::default();
        let labels = Labels::from_iter([("node", "n1"), ("job", "j"), ("component", "")]);
        assert_eq!(config.component(None, &labels).unwrap(), "n1");
        assert_eq!(config.component(Some("job"), &labels).unwrap(), "j");
        assert_eq!(config.component(None, &Labels::default()), None);
    }
}
