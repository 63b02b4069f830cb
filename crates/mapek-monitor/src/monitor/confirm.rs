//! Asking the rule of an alert what the alert manager cannot say.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use mapek_model::{
    Answer, Duration, Fingerprint, Labels, Level, MetricName, Query, Timestamp, Violation,
    ViolationSource, earlier,
};

use super::{Monitor, Seen, heard::Heard};
use crate::{
    AlertRule, Breach, Error, FeedAlert, MetricSource, Selector, alerts,
    episode::Sighting,
    read::{Age, Deadline, Readings, RollCall},
};

/// Most alerts that are asked after in one cycle, each with two requests. When there are more, each cycle begins elsewhere.
const ASKED_MAX: usize = 50;

/// What the expressions of alerts evaluate to, by name of the alert. One that has no rule at the source is `None`; one that
/// could not be asked is not there.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    answers: BTreeMap<String, Option<Answer>>,
    /// Which parts are heard of in the series that an alert looks at. One without a rule looks at none.
    rolls: BTreeMap<String, RollCall>,
    /// What alerts rest on.
    grounds: BTreeMap<String, Ground>,
}

impl Confirmations {
    /// What an alert rests on, as far as it is known.
    fn ground(&self, name: &str) -> Ground {
        self.grounds.get(name).cloned().unwrap_or_default()
    }

    /// Whether it is known that the source has no rule for this alert, or that there is no source to ask.
    pub(super) fn has_no_rule(&self, name: &str) -> bool {
        matches!(self.answers.get(name), Some(None))
    }

    /// Whether the expression is true for an alert with these labels; `None` if that is not known.
    pub(super) fn holds(&self, name: &str, labels: &Labels) -> Option<bool> {
        let answer = self.answers.get(name)?.as_ref()?;
        // What an alert has beyond the series are labels of the rule, and external ones.
        let found = answer.series.iter().any(|series| {
            let mut own = series.labels.iter().filter(|(name, _)| *name != "__name__");
            own.all(|(name, value)| labels.get(name) == Some(value))
        });
        (found || answer.quality.level() == Level::Fresh).then_some(found)
    }

    /// Which parts the series behind an alert speak of; `None` if that is not known.
    pub(super) fn roll(&self, name: &str) -> Option<&RollCall> {
        self.rolls.get(name)
    }
}

/// What an alert rests on.
#[derive(Debug, Clone, Default)]
struct Ground {
    /// The metric family that its expression reads, where it reads one only.
    family: Option<MetricName>,
    /// How long its expression was true before it began to fire.
    hold: Duration,
}

/// What is asked after one alert.
#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    /// Whether its expression holds.
    answer: bool,
    /// Which parts the series that it looks at speak of.
    roll: bool,
}

/// What was answered about one alert.
struct Asked {
    ground: Ground,
    answer: Result<Option<Answer>, Error>,
    roll: Result<RollCall, Error>,
}

fn known<T>(name: &str, asked: Result<T, Error>) -> Option<T> {
    asked
        .inspect_err(|error| {
            tracing::debug!(alert = name, error = error.chain(), "cannot be confirmed");
        })
        .ok()
}

impl Monitor {
    /// Asks after alerts that the feed shows, or neither shows nor denies, and after the parts that alerts speak of.
    pub(super) async fn confirm(
        &self,
        at: Timestamp,
        heard: &Heard,
        readings: &Readings,
        deadline: &mut Deadline<'_>,
    ) -> Confirmations {
        let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
        // What the feed shows may be over already, or be made up; what it cannot show may go on.
        let told = self.firing(readings).map(|alert| alerts::witness_name(alert).to_owned());
        let doubtful: BTreeSet<_> =
            if readings.feed_is_fresh() { told.collect() } else { self.doubtful(heard) };
        for name in doubtful {
            wanted.entry(name).or_default().answer = true;
        }
        for name in self.placed(readings) {
            wanted.entry(name).or_default().roll = true;
        }
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        if wanted.len() > ASKED_MAX {
            let second = usize::try_from(at.as_second().unsigned_abs()).unwrap_or(0);
            let start = second % wanted.len();
            wanted.rotate_left(start);
        }
        let mut confirmations = Confirmations::default();
        let Some(metrics) = &self.sources.metrics else {
            for (name, wanted) in wanted {
                confirmations.rolls.insert(name.clone(), RollCall::default());
                if wanted.answer {
                    confirmations.answers.insert(name, None);
                }
            }
            return confirmations;
        };
        let asked = wanted.into_iter().take(ASKED_MAX).map(|(name, wanted)| async move {
            let asked = self.ask(metrics.as_ref(), &name, wanted, at).await;
            (name, wanted, asked)
        });
        let mut answers = stream::iter(asked).buffer_unordered(self.config.reads_max);
        while let Some(Some((name, wanted, asked))) = deadline.race(answers.next()).await {
            let Some(asked) = known(&name, asked) else { continue };
            confirmations.grounds.insert(name.clone(), asked.ground);
            if let Some(answer) = known(&name, asked.answer).filter(|_| wanted.answer) {
                confirmations.answers.insert(name.clone(), answer);
            }
            if let Some(roll) = known(&name, asked.roll).filter(|_| wanted.roll) {
                confirmations.rolls.insert(name, roll);
            }
        }
        confirmations
    }

    async fn ask(
        &self,
        metrics: &dyn MetricSource,
        name: &str,
        wanted: Wanted,
        at: Timestamp,
    ) -> Result<Asked, Error> {
        let Some(AlertRule { expression, hold }) = metrics.alert_rule(name).await? else {
            let (ground, roll) = (Ground::default(), Ok(RollCall::default()));
            return Ok(Asked { ground, answer: Ok(None), roll });
        };
        let answer = match wanted.answer {
            true => metrics.instant(&expression, at).await.map(Some),
            false => Ok(None),
        };
        let roll = match wanted.roll {
            true => self.call_roll(metrics, name, &expression, at).await,
            false => Ok(RollCall::default()),
        };
        let selectors = metrics.selectors(&expression).unwrap_or_default();
        let ground = Ground { family: Selector::only_family(&selectors), hold };
        Ok(Asked { ground, answer, roll })
    }

    async fn call_roll(
        &self,
        metrics: &dyn MetricSource,
        name: &str,
        expression: &Query,
        at: Timestamp,
    ) -> Result<RollCall, Error> {
        let own = self.config.alerts.get(name).and_then(|it| it.component_label.as_deref());
        let mut roll = RollCall::default();
        for selector in metrics.selectors(expression).unwrap_or_default() {
            let age = Age::of(selector, own, &self.config);
            let answer = metrics.instant(&age.query, at).await?;
            roll.hear(&age, own, &self.config, at, &answer.series);
        }
        Ok(roll)
    }

    /// The names of the alerts that speak of a part of the system.
    fn placed(&self, readings: &Readings) -> BTreeSet<String> {
        let told = self.firing(readings).map(|it| self.breach(Timestamp::UNIX_EPOCH, it, true));
        let told = told.filter(|it| it.component.is_some());
        let open = self.state.episodes.witnesses_of_parts();
        let open = open.filter(|it| it.source == ViolationSource::Alert);
        told.map(|it| it.witness.name).chain(open.map(|it| it.name.clone())).collect()
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
        let heard = heard.map(|alert| self.asked(at, alert, true, &seen.confirmations));
        let still = self.state.episodes.iter().flat_map(|violation| {
            let witnesses = violation.witnesses.iter().filter(|witness| {
                witness.source == ViolationSource::Alert && holds(&witness.name, &violation.labels)
            });
            witnesses.map(|witness| again(violation, witness))
        });
        heard.chain(still).map(|breach| Sighting { breach, current: true }).collect()
    }

    fn breach(&self, at: Timestamp, alert: &FeedAlert, confirmed: bool) -> Breach {
        alerts::breach(alert, &self.config, &self.alerts_by, confirmed, at)
    }

    /// As [`breach`](Self::breach), with what is known from asking.
    fn asked(
        &self,
        at: Timestamp,
        alert: &FeedAlert,
        confirmed: bool,
        known: &Confirmations,
    ) -> Breach {
        let mut breach = self.breach(at, alert, confirmed);
        let ground = known.ground(&breach.witness.name);
        breach.witness.family = breach.witness.family.or(ground.family);
        breach.onset = earlier(breach.onset, ground.hold);
        breach
    }

    /// The alerts that concern us and fire, as the feed has it.
    fn firing<'a>(&'a self, readings: &'a Readings) -> impl Iterator<Item = &'a FeedAlert> {
        let answer = readings.feed.as_ref().and_then(|it| it.as_ref().ok());
        answer.into_iter().flat_map(|it| &it.alerts).filter(|alert| {
            alert.status == crate::AlertStatus::Firing && alerts::concerns(alert, &self.config)
        })
    }

    /// The labels of the alerts that the feed shows, by the episode that they tell of.
    pub(super) fn told_labels(&self, readings: &Readings) -> BTreeMap<Fingerprint, Vec<Labels>> {
        let mut told: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for alert in self.firing(readings) {
            let breach = self.breach(Timestamp::UNIX_EPOCH, alert, true);
            let episode = Fingerprint::of_breach(&breach.expectation, breach.component.as_ref());
            told.entry(episode).or_default().push(alert.labels.clone());
        }
        told
    }

    /// What the feed shows. An alert whose own expression is false by now is not confirmed: it is about to end, or nobody's.
    pub(super) fn told_by_feed(&self, at: Timestamp, seen: &Seen) -> Vec<Sighting> {
        let sighting = |alert: &FeedAlert| {
            let holds = seen.confirmations.holds(alerts::witness_name(alert), &alert.labels);
            let breach = self.asked(at, alert, holds != Some(false), &seen.confirmations);
            Sighting { breach, current: true }
        };
        self.firing(&seen.readings).map(sighting).collect()
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
