//! Alert rules and their delivery, in virtual time: what a Prometheus and an Alertmanager would do between them.

mod rules;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use mapek_model::{Duration, Labels, Query, SourceName, Timestamp, earlier, later};
use mapek_monitor::{
    AlertBatch, AlertFeed, AlertInbox, AlertStatus, FeedAlert, FeedAnswer, MetricSource,
};
use sha2::{Digest, Sha256};

pub use rules::{AlertRule, charter_rules};

/// How often rules are evaluated.
const EVALUATED_EVERY: Duration = Duration::from_secs(30);
/// How long a group is gathered before it is sent.
const GROUP_WAIT: Duration = Duration::from_secs(10);

/// Alerts that fire, as their feed lists them.
#[derive(Debug, Clone)]
pub(crate) struct Firing {
    name: SourceName,
    alerts: Arc<Mutex<Vec<FeedAlert>>>,
}

#[async_trait]
impl AlertFeed for Firing {
    fn name(&self) -> SourceName {
        self.name.clone()
    }

    async fn alerts(&self, _: Timestamp) -> Result<FeedAnswer, mapek_monitor::Error> {
        let alerts = self.alerts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(FeedAnswer { alerts, ..FeedAnswer::default() })
    }
}

/// Evaluates rules, and sends what begins and what ends.
#[derive(Debug)]
pub(crate) struct Alerting {
    rules: Vec<AlertRule>,
    firing: Firing,
    inbox: Arc<dyn AlertInbox>,
    /// By rule and labels: since when the expression is true.
    active: BTreeMap<(usize, Labels), Timestamp>,
    /// What is gathered, and when the first of it came.
    gathered: Vec<(Timestamp, FeedAlert)>,
    evaluated: Option<Timestamp>,
}

/// How alerts travel at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Normal,
    /// Three times over.
    Repeated,
    /// Not at all.
    Lost,
}

impl Alerting {
    pub(crate) fn new(rules: Vec<AlertRule>, name: SourceName, inbox: Arc<dyn AlertInbox>) -> Self {
        Self {
            rules,
            firing: Firing { name, alerts: Arc::default() },
            inbox,
            active: BTreeMap::new(),
            gathered: Vec::new(),
            evaluated: None,
        }
    }

    pub(crate) fn feed(&self) -> Firing {
        self.firing.clone()
    }

    /// Lets the rules see `now`; true if something was delivered that wakes a loop. Alerts that are named in `forced` fire whatever
    /// their expressions say.
    pub(crate) async fn tick(
        &mut self,
        metrics: &dyn MetricSource,
        now: Timestamp,
        delivery: Delivery,
        forced: &[&str],
    ) -> bool {
        if self.evaluated.is_none_or(|last| later(last, EVALUATED_EVERY) <= now) {
            self.evaluated = Some(now);
            self.evaluate(metrics, now, forced).await;
        }
        self.deliver(now, delivery).await
    }

    async fn evaluate(&mut self, metrics: &dyn MetricSource, now: Timestamp, forced: &[&str]) {
        for index in 0..self.rules.len() {
            // A rule that cannot be evaluated keeps its alerts, as Prometheus does.
            let Ok(answer) = metrics.instant(&self.rules[index].query, now).await else { continue };
            let mut seen: Vec<Labels> = answer.series.into_iter().map(|it| it.labels).collect();
            let rule = &self.rules[index];
            if forced.contains(&rule.alert.as_str()) {
                let due = earlier(now, rule.lasts);
                let since = self.active.entry((index, Labels::default())).or_insert(due);
                *since = due.min(*since);
                seen.push(Labels::default());
            }
            let gone: Vec<_> = self
                .active
                .keys()
                .filter(|(rule, labels)| *rule == index && !seen.contains(labels))
                .cloned()
                .collect();
            for key in gone {
                let since = self.active.remove(&key).filter(|since| self.fires(index, *since, now));
                if let Some(since) = since {
                    self.gathered.push((now, self.alert(&key, since, Some(now))));
                }
            }
            for labels in seen {
                let key = (index, labels);
                let since = *self.active.entry(key.clone()).or_insert(now);
                let announced = self.is_listed(&key, since);
                if !announced && self.fires(index, since, now) {
                    self.gathered.push((now, self.alert(&key, since, None)));
                }
            }
        }
        self.list(now);
    }

    fn fires(&self, rule: usize, since: Timestamp, now: Timestamp) -> bool {
        later(since, self.rules[rule].lasts) <= now
    }

    fn is_listed(&self, key: &(usize, Labels), since: Timestamp) -> bool {
        let alert = self.alert(key, since, None);
        let listed = self.firing.alerts.lock().unwrap_or_else(PoisonError::into_inner);
        listed
            .iter()
            .any(|it| it.fingerprint == alert.fingerprint && it.starts_at == alert.starts_at)
    }

    fn list(&self, now: Timestamp) {
        let fires = self.active.iter().filter(|((rule, _), since)| self.fires(*rule, **since, now));
        let alerts = fires.map(|(key, since)| self.alert(key, *since, None)).collect();
        *self.firing.alerts.lock().unwrap_or_else(PoisonError::into_inner) = alerts;
    }

    fn alert(
        &self,
        (rule, labels): &(usize, Labels),
        since: Timestamp,
        ends_at: Option<Timestamp>,
    ) -> FeedAlert {
        let rule = &self.rules[*rule];
        let mut labels = labels.clone();
        labels.remove("__name__");
        labels.insert("alertname", rule.alert.clone());
        labels.insert("severity", rule.severity.as_str());
        let digest = Sha256::digest(labels.to_string().as_bytes());
        FeedAlert {
            fingerprint: digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            labels,
            annotations: Labels::default(),
            starts_at: later(since, rule.lasts),
            ends_at,
            status: if ends_at.is_some() { AlertStatus::Resolved } else { AlertStatus::Firing },
            suppressed: false,
        }
    }

    async fn deliver(&mut self, now: Timestamp, delivery: Delivery) -> bool {
        let due = self.gathered.first().is_some_and(|(first, _)| later(*first, GROUP_WAIT) <= now);
        if !due {
            return false;
        }
        let alerts: Vec<_> = self.gathered.drain(..).map(|(_, alert)| alert).collect();
        let times = match delivery {
            Delivery::Normal => 1,
            Delivery::Repeated => 3,
            Delivery::Lost => 0,
        };
        let mut accepted = 0;
        for _ in 0..times {
            let batch = AlertBatch { alerts: alerts.clone(), truncated: 0 };
            // A full inbox is told to Alertmanager, which sends again; here it has room for all that ever fire.
            accepted += self.inbox.store(&batch).await.map_or(0, |stored| stored.accepted);
        }
        accepted > 0
    }
}

/// A query that is known to be one.
fn query(promql: &str) -> Query {
    Query::try_new(promql).expect("it is written here")
}
