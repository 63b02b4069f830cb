//! How the executor behaves.

use std::{collections::BTreeMap, path::PathBuf};

use mapek_model::{ActionKind, Duration, Expectation, Verification};
use serde::{Deserialize, Serialize};

use crate::{Defects, RailsConfig};

/// What becomes of a plan when one of its steps fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionMode {
    /// All that ran is undone, in reverse.
    #[default]
    Transactional,
    /// The step is skipped and the plan goes on. Not for production: what is left is half a plan.
    BestEffort,
}

/// How the executor behaves.
///
/// ```
/// use mapek_execute::Config;
///
/// let config: Config = serde_json::from_str(r#"{"max_retries": 5, "retry_backoff": "2s"}"#)?;
/// assert_eq!(config.max_retries, 5);
/// assert!(config.rollback_enabled);
/// assert!(serde_json::from_str::<Config>(r#"{"max_retrys": 5}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where journal and pause file live; absent only where nothing shall be read from disk, as in simulation.
    pub state_dir: Option<PathBuf>,
    /// How often a step is sent again after the first time.
    pub max_retries: u16,
    /// Whether steps are undone at all, after a failure or a degradation.
    pub rollback_enabled: bool,
    /// What becomes of a plan when one of its steps fails.
    pub execution_mode: ExecutionMode,
    /// How long to wait before a step is sent again; doubles with each time.
    #[serde(with = "mapek_model::duration")]
    pub retry_backoff: Duration,
    /// The longest of these waits.
    #[serde(with = "mapek_model::duration")]
    pub retry_backoff_max: Duration,
    /// How the effect of a plan is looked for that does not say so itself.
    pub verification: Verification,
    /// How long fresh evidence is waited for before the outcome is unknown, and how long looks go on that decide nothing.
    #[serde(with = "mapek_model::duration")]
    pub verification_patience: Duration,
    /// How long the cause must have been absent before temporary steps are taken back.
    #[serde(with = "mapek_model::duration")]
    pub release_after: Duration,
    /// How long temporary steps stay that do not say so themselves.
    #[serde(with = "mapek_model::duration")]
    pub lease: Duration,
    /// How long a step that was sent may wait for a managed system that cannot be read, before a person is called.
    #[serde(with = "mapek_model::duration")]
    pub park_max: Duration,
    /// How long what was sent and not answered may still be on its way: it is not believed lost, nor sent again, nor undone before.
    #[serde(with = "mapek_model::duration")]
    pub settle: Duration,
    /// How long one person's approval counts towards the number that is needed.
    #[serde(with = "mapek_model::duration")]
    pub approval_ttl: Duration,
    /// How long after enough people have approved it a plan must have begun; then it has to be approved anew.
    #[serde(with = "mapek_model::duration")]
    pub begin_within: Duration,
    /// How long after a rejection the same plan is not proposed again.
    #[serde(with = "mapek_model::duration")]
    pub rejection_ttl: Duration,
    /// Expectations that our own actions are expected to breach while they last. They are not counted against them.
    pub side_effects: BTreeMap<ActionKind, Vec<Expectation>>,
    /// How much earlier than a step of ours something may seem to have begun that the step brought about. Times of others
    /// are no finer than a scrape: they are cut to whole seconds, are those of the tick that a rule was evaluated for, or come
    /// from another clock. What began earlier is not ours.
    #[serde(with = "mapek_model::duration")]
    pub onset_tolerance: Duration,
    /// How much of the journal is kept.
    pub journal_retention: Retention,
    /// The rails.
    pub rails: RailsConfig,
    /// What is wrong with all this. No configuration file can say it.
    #[cfg(feature = "defects")]
    #[serde(skip)]
    pub defects: Defects,
}

/// How much of the journal is kept: what is older *or* beyond the number is pruned, in batches.
///
/// What somebody still needs is kept longer, however old it is: executions that are live, that need an operator, that ended
/// within a day, whose outcome nobody has learned, or that a rail holds against their kind; plans that wait for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// How old records become, and what cycles were worked out from.
    #[serde(with = "mapek_model::duration")]
    pub age: Duration,
    /// How many records there are.
    pub records: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            // Who comes back on Monday wants to see what happened on the Monday before.
            age: Duration::from_secs(7 * 24 * 3600),
            // Two for each cycle in which something is open: half a week of nothing else at the usual interval. Each cycle keeps
            // about 35 KB and what it decided, and the records are read at start in a fraction of a second.
            records: 20_000,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: Some("data".into()),
            // Three more attempts ride out a restart of a proxy; more only hide that something is broken.
            max_retries: 3,
            rollback_enabled: true,
            execution_mode: ExecutionMode::default(),
            // With three retries 5, 10 and 20 s: within one or two cycles.
            retry_backoff: Duration::from_secs(5),
            retry_backoff_max: Duration::from_secs(300),
            verification: Verification::default(),
            // Ten cycles without fresh evidence are an outage of the metrics, not a hiccup.
            verification_patience: Duration::from_secs(300),
            // Longer than the `for` of most alert rules, so that the alert would have come back.
            release_after: Duration::from_secs(300),
            lease: Duration::from_secs(1800),
            park_max: Duration::from_secs(3600),
            // As long as a call may take: a server that had the request then has answered it or dropped it.
            settle: Duration::from_secs(30),
            // Who approved an hour ago approved of another situation.
            approval_ttl: Duration::from_secs(3600),
            // Time for a cooldown to pass, not for the incident to become another one.
            begin_within: Duration::from_secs(1800),
            rejection_ttl: Duration::from_secs(3600),
            side_effects: side_effects(),
            // The usual scrape interval.
            onset_tolerance: Duration::from_secs(15),
            journal_retention: Retention::default(),
            rails: RailsConfig::default(),
            #[cfg(feature = "defects")]
            defects: Defects::default(),
        }
    }
}

/// What the kinds themselves bring about: an override raises the alert on overrides, a throttle sheds requests, a restart
/// takes nodes away.
fn side_effects() -> BTreeMap<ActionKind, Vec<Expectation>> {
    let of = |names: &[&str]| names.iter().map(|name| Expectation::normalise(name)).collect();
    BTreeMap::from([
        (
            ActionKind::ActivateEmergencyOverride,
            of(&["emergency-override-staying-active", "emergency-override-active"]),
        ),
        (ActionKind::RestartService, of(&["node-down", "committee-degraded"])),
        (ActionKind::ThrottleRequests, of(&["low-throughput"])),
    ])
}

impl Config {
    /// How long to wait before the next attempt after so many.
    #[must_use]
    pub fn backoff(&self, attempts: u16) -> Duration {
        let doublings = u32::from(attempts.saturating_sub(1)).min(31);
        self.retry_backoff.saturating_mul(1 << doublings).min(self.retry_backoff_max)
    }

    /// What is wrong with all this.
    #[cfg(feature = "defects")]
    pub(crate) const fn defects(&self) -> Defects {
        self.defects
    }

    /// Nothing is.
    #[cfg(not(feature = "defects"))]
    #[expect(clippy::unused_self, reason = "the question is the same with the feature")]
    pub(crate) const fn defects(&self) -> Defects {
        Defects()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_its_limit() {
        let config = Config::default();
        let seconds = |attempts| config.backoff(attempts).as_secs();
        assert_eq!([1, 2, 3, 4].map(seconds), [5, 10, 20, 40]);
        assert_eq!(seconds(u16::MAX), 300);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let config = Config::default();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config);
    }
}
