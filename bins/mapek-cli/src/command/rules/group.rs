//! Groups of rules, evaluated again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mapek::{
    model::{Labels, Query, Timestamp},
    monitor::MetricSource as _,
    scrape::{EmbeddedSource, MetricStore},
};

use super::{
    alert::Alerts,
    file::{Group, RuleKind},
};

/// Where a metric's name is.
pub(super) const NAME: &str = "__name__";

/// Samples, and who answers from them.
#[derive(Debug)]
pub(super) struct World {
    pub(super) store: Arc<MetricStore>,
    pub(super) source: EmbeddedSource,
    pub(super) external: BTreeMap<String, String>,
}

/// A sample of an answer.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) labels: Labels,
    pub(super) value: f64,
}

impl World {
    /// What `query` answers at a moment.
    pub(super) async fn ask(&self, query: &Query, at: Timestamp) -> Result<Vec<Found>, String> {
        let answer = self.source.instant(query, at).await.map_err(|why| why.to_string())?;
        let found = answer.series.into_iter().filter_map(|series| {
            let value = series.last()?.value;
            Some(Found { labels: series.labels, value })
        });
        Ok(found.collect())
    }

    pub(super) fn write(&self, labels: &Labels, at: Timestamp, value: f64) -> Result<(), String> {
        self.store.append(labels, at, value).map_err(|why| format!("{labels}: {why}"))
    }

    fn end(&self, labels: &Labels, at: Timestamp) -> Result<(), String> {
        self.store.mark_stale(labels, at).map_err(|why| format!("{labels}: {why}"))
    }
}

/// A group, and what it remembers between two evaluations.
#[derive(Debug)]
pub(super) struct Running<'a> {
    group: &'a Group,
    /// The series that each rule wrote the last time.
    written: Vec<BTreeSet<Labels>>,
    /// The alerts of each rule.
    alerts: Vec<Alerts>,
}

impl<'a> Running<'a> {
    pub(super) fn new(group: &'a Group) -> Self {
        let rules = group.rules.len();
        Self {
            group,
            written: vec![BTreeSet::new(); rules],
            alerts: vec![Alerts::default(); rules],
        }
    }

    /// Evaluates each rule in order; one sees what those before it wrote.
    pub(super) async fn evaluate(&mut self, world: &World, at: Timestamp) -> Result<(), String> {
        for (i, rule) in self.group.rules.iter().enumerate() {
            let found = world.ask(&rule.expr, at).await?;
            let samples = match &rule.kind {
                RuleKind::Record { metric, labels } => found
                    .iter()
                    .map(|it| (recorded(&it.labels, metric, labels), it.value))
                    .collect(),
                RuleKind::Alert(rule) => {
                    self.alerts[i].evaluate(rule, &found, &world.external, at)?
                }
            };
            let samples: Vec<(Labels, f64)> = samples;
            let mut now = BTreeSet::new();
            for (labels, value) in samples {
                if !now.insert(labels.clone()) {
                    return Err(format!(
                        "group {}: two samples of {labels} at once",
                        self.group.name
                    ));
                }
                world.write(&labels, at, value)?;
            }
            for ended in self.written[i].difference(&now) {
                world.end(ended, at)?;
            }
            self.written[i] = now;
        }
        Ok(())
    }

    /// The alerts with this name that fire.
    pub(super) fn firing(&self, name: &str) -> Vec<(Labels, BTreeMap<String, String>)> {
        let rules = self.group.rules.iter().zip(&self.alerts);
        let named = rules
            .filter(|(rule, _)| matches!(&rule.kind, RuleKind::Alert(rule) if rule.name == name));
        named.flat_map(|(_, alerts)| alerts.firing()).collect()
    }
}

fn recorded(found: &Labels, metric: &str, own: &BTreeMap<String, String>) -> Labels {
    let mut labels = found.clone();
    labels.insert(NAME, metric);
    for (name, value) in own {
        set(&mut labels, name, value);
    }
    labels
}

/// An empty label is none.
pub(super) fn set(labels: &mut Labels, name: &str, value: &str) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name, value);
    }
}
