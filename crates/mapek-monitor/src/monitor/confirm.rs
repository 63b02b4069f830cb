//! Asking the rule of an alert what the alert manager cannot say.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use mapek_model::{Answer, Labels, Level, Timestamp, Violation, ViolationSource};

use super::{Monitor, Seen, heard::Heard};
use crate::{
    Breach, Error, FeedAlert, MetricSource, alerts,
    episode::Sighting,
    read::{Deadline, Readings},
};

/// Most alerts that are asked after in one cycle, each with two requests. When there are more, each cycle begins elsewhere.
const ASKED_MAX: usize = 50;

/// What the expressions of alerts evaluate to, by name of the alert. One that has no rule at the source is `None`; one that
/// could not be asked is not there.
#[derive(Debug, Default)]
pub(super) struct Confirmations(BTreeMap<String, Option<Answer>>);

impl Confirmations {
    /// Whether it is known that the source has no rule for this alert, or that there is no source to ask.
    pub(super) fn has_no_rule(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(None))
    }

    /// Whether the expression is true for an alert with these labels; `None` if that is not known.
    pub(super) fn holds(&self, name: &str, labels: &Labels) -> Option<bool> {
        let answer = self.0.get(name)?.as_ref()?;
        // What an alert has beyond the series are labels of the rule, and external ones.
        let found = answer.series.iter().any(|series| {
            let mut own = series.labels.iter().filter(|(name, _)| *name != "__name__");
            own.all(|(name, value)| labels.get(name) == Some(value))
        });
        (found || answer.quality.level() == Level::Fresh).then_some(found)
    }
}

impl Monitor {
    /// Asks after alerts that the feed neither shows nor denies.
    pub(super) async fn confirm(
        &self,
        at: Timestamp,
        heard: &Heard,
        readings: &Readings,
        deadline: &mut Deadline<'_>,
    ) -> Confirmations {
        if readings.feed_is_fresh() {
            return Confirmations::default();
        }
        let mut names: Vec<String> = self.doubtful(heard).into_iter().collect();
        if names.len() > ASKED_MAX {
            let second = usize::try_from(at.as_second().unsigned_abs()).unwrap_or(0);
            let start = second % names.len();
            names.rotate_left(start);
        }
        let Some(metrics) = &self.sources.metrics else {
            return Confirmations(names.into_iter().map(|name| (name, None)).collect());
        };
        let asked = names.into_iter().take(ASKED_MAX).map(|name| async move {
            let answer = ask(metrics.as_ref(), &name, at).await;
            (name, answer)
        });
        let mut answers = stream::iter(asked).buffer_unordered(self.config.reads_max);
        let mut confirmations = Confirmations::default();
        while let Some(Some((name, answer))) = deadline.race(answers.next()).await {
            match answer {
                Ok(answer) => drop(confirmations.0.insert(name, answer)),
                Err(error) => {
                    tracing::debug!(alert = name, error = error.chain(), "cannot be confirmed");
                }
            }
        }
        confirmations
    }

    /// The names of all alerts that were heard of or saw something that is open.
    fn doubtful(&self, heard: &Heard) -> BTreeSet<String> {
        let heard = heard.firing.iter().map(|alert| alerts::witness_name(alert).to_owned());
        let resolved = self.state.episodes.witnesses();
        let open = resolved.filter(|it| it.source == ViolationSource::Alert);
        open.map(|it| it.name.clone()).chain(heard).collect()
    }

    /// Breaches that the expressions of alerts still see.
    pub(super) fn told_by_expressions(&self, at: Timestamp, seen: &Seen) -> Vec<Sighting> {
        let holds =
            |name: &str, labels: &Labels| seen.confirmations.holds(name, labels) == Some(true);
        let heard = seen
            .heard
            .firing
            .iter()
            .filter(|alert| holds(alerts::witness_name(alert), &alert.labels));
        let heard = heard.map(|alert| self.confirmed(at, alert));
        let still = self.state.episodes.iter().flat_map(|violation| {
            let witnesses = violation.witnesses.iter().filter(|witness| {
                witness.source == ViolationSource::Alert && holds(&witness.name, &violation.labels)
            });
            witnesses.map(|witness| again(violation, witness))
        });
        heard.chain(still).map(|breach| Sighting { breach, current: true }).collect()
    }

    fn confirmed(&self, at: Timestamp, alert: &FeedAlert) -> Breach {
        alerts::breach(alert, &self.config, &self.alerts_by, true, at)
    }

    /// What the feed shows.
    pub(super) fn told_by_feed(&self, at: Timestamp, readings: &Readings) -> Vec<Sighting> {
        let Some(Ok(answer)) = &readings.feed else { return Vec::new() };
        let alerts = answer.alerts.iter().filter(|alert| {
            alert.status == crate::AlertStatus::Firing && alerts::concerns(alert, &self.config)
        });
        alerts.map(|alert| Sighting { breach: self.confirmed(at, alert), current: true }).collect()
    }
}

async fn ask(
    metrics: &dyn MetricSource,
    name: &str,
    at: Timestamp,
) -> Result<Option<Answer>, Error> {
    match metrics.rule_expression(name).await? {
        Some(expression) => metrics.instant(&expression, at).await.map(Some),
        None => Ok(None),
    }
}

/// What a witness would say again of an episode.
fn again(violation: &Violation, witness: &mapek_model::Witness) -> Breach {
    Breach {
        expectation: violation.expectation.clone(),
        component: violation.component.clone(),
        severity: violation.severity,
        onset: violation.onset,
        witness: mapek_model::Witness { confirmed: true, ..witness.clone() },
        metric: violation.metric.clone(),
        value: violation.value,
        threshold: violation.threshold,
        labels: violation.labels.clone(),
        description: violation.description.clone(),
    }
}
