//! Alerts of a rule: pending, firing, and over.

use std::collections::BTreeMap;

use mapek::model::{Labels, Timestamp, since};

use super::{
    file::AlertRule,
    group::{Found, NAME, set},
};

/// The alerts of one rule, by their labels.
#[derive(Debug, Clone, Default)]
pub(super) struct Alerts(BTreeMap<Labels, Alert>);

#[derive(Debug, Clone)]
struct Alert {
    annotations: BTreeMap<String, String>,
    active_at: Timestamp,
    firing: bool,
    /// Since when only `keep_firing_for` keeps it.
    kept_since: Option<Timestamp>,
}

impl Alerts {
    /// Takes what the expression answers at a moment, and says what is written of it: `ALERTS` and `ALERTS_FOR_STATE`.
    pub(super) fn evaluate(
        &mut self,
        rule: &AlertRule,
        found: &[Found],
        external: &BTreeMap<String, String>,
        at: Timestamp,
    ) -> Result<Vec<(Labels, f64)>, String> {
        let mut now = BTreeMap::new();
        for one in found {
            let labels = labels_of(rule, one, external);
            let filled = rule.annotations.iter().map(|(name, template)| {
                (name.clone(), template.filled(&one.labels, external, one.value))
            });
            let annotations: BTreeMap<_, _> = filled.collect();
            if now.insert(labels.clone(), annotations).is_some() {
                return Err(format!(
                    "alert {}: two of its alerts have the labels {labels}",
                    rule.name
                ));
            }
        }
        self.0.retain(|labels, alert| now.contains_key(labels) || alert.stays(rule, at));
        for (labels, annotations) in now {
            let alert = self.0.entry(labels).or_insert_with(|| Alert {
                annotations: BTreeMap::new(),
                active_at: at,
                firing: false,
                kept_since: None,
            });
            alert.annotations = annotations;
            alert.kept_since = None;
            alert.firing |= since(at, alert.active_at) >= rule.hold;
        }
        Ok(self.samples())
    }

    /// Those that fire.
    pub(super) fn firing(&self) -> impl Iterator<Item = (Labels, BTreeMap<String, String>)> + '_ {
        let firing = self.0.iter().filter(|(_, alert)| alert.firing);
        firing.map(|(labels, alert)| (labels.clone(), alert.annotations.clone()))
    }

    fn samples(&self) -> Vec<(Labels, f64)> {
        let mut samples = Vec::new();
        for (labels, alert) in &self.0 {
            let mut state = labels.clone();
            state.insert(NAME, "ALERTS");
            state.insert("alertstate", if alert.firing { "firing" } else { "pending" });
            samples.push((state, 1.0));
            let mut began = labels.clone();
            began.insert(NAME, "ALERTS_FOR_STATE");
            // To the second, as Prometheus writes it.
            #[expect(
                clippy::cast_precision_loss,
                reason = "seconds since 1970 are far below 2^53"
            )]
            samples.push((began, alert.active_at.as_second() as f64));
        }
        samples
    }
}

impl Alert {
    /// Whether it goes on though nothing is found any more.
    fn stays(&mut self, rule: &AlertRule, at: Timestamp) -> bool {
        if !self.firing || rule.keep_firing_for.is_zero() {
            return false;
        }
        let kept_since = *self.kept_since.get_or_insert(at);
        since(at, kept_since) < rule.keep_firing_for
    }
}

fn labels_of(rule: &AlertRule, found: &Found, external: &BTreeMap<String, String>) -> Labels {
    let mut labels = found.labels.clone();
    labels.remove(NAME);
    for (name, template) in &rule.labels {
        set(&mut labels, name, &template.filled(&found.labels, external, found.value));
    }
    labels.insert("alertname", rule.name.as_str());
    labels
}
