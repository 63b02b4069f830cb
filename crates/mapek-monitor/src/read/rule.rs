//! What one rule says in one cycle.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use mapek_model::{
    DoubtKind, Fingerprint, Labels, MetricName, Quality, Sample, Series, SourceName, Timestamp,
    ViolationSource, Witness, since,
};

use super::{
    Readings,
    probe::{Age, Probe},
    roll::{self, RollCall},
};
use crate::{
    Bound, Breach, MonitorConfig, RuleConfig, Selector,
    learned::{Baselines, Learned},
};

/// What a rule found, and how far it can be trusted. That it found nothing proves something only if it is fresh.
#[derive(Debug)]
pub(crate) struct RuleReport {
    pub(crate) breaches: BTreeMap<Fingerprint, Breach>,
    pub(crate) quality: Quality,
    /// Which parts were heard of at all. That one breaches nothing proves something only while it is.
    pub(crate) roll: RollCall,
}

/// What all rules of one cycle look at.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) config: &'a MonitorConfig,
    /// The metric source.
    pub(crate) by: &'a SourceName,
    pub(crate) at: Timestamp,
    pub(crate) readings: &'a Readings,
}

/// What the rule says, given the answers to its questions.
pub(crate) fn evaluate(
    look: Look<'_>,
    rule: &RuleConfig,
    probe: &Probe,
    baselines: &mut Baselines,
    learning_paused: &BTreeSet<Fingerprint>,
) -> RuleReport {
    let Look { config, at, readings, .. } = look;
    let (mut quality, mut roll) = side_doubts(look, rule, probe);
    let answer = match readings.instant(&probe.breach) {
        Ok(answer) => answer,
        Err(why) => {
            quality.merge(Quality::unreachable(&rule.name, why));
            return RuleReport { breaches: BTreeMap::new(), quality, roll };
        }
    };
    if rule.anomaly.is_some() {
        let own = rule.component_label.as_deref();
        roll.work_out(&probe.breach, own, config, &answer.series);
    }
    quality.merge(answer.quality.clone());
    if answer.series.len() > config.series_max {
        let detail =
            format!("{} series breach, {} are looked at", answer.series.len(), config.series_max);
        quality = quality.with(DoubtKind::Truncated, &rule.name, detail);
    }
    if answer.series.is_empty() && rule.anomaly.is_some() {
        quality = quality.with(DoubtKind::MissingSeries, &rule.name, "there is no series");
    }
    let family = rule.metric.clone();
    let family = family.or_else(|| Selector::only_family(probe.ages.iter().map(|it| &it.selector)));
    let mut found: BTreeMap<Fingerprint, Breach> = BTreeMap::new();
    for series in answer.series.iter().take(config.series_max) {
        let Some(Sample { value, .. }) = series.last() else { continue };
        if !value.is_finite() {
            let detail = format!("{} is {value}", series.labels);
            quality = quality.with(DoubtKind::NonFinite, &rule.name, detail);
        }
        let breach = breach(look, rule, family.as_ref(), series, value);
        let fingerprint = breach.fingerprint();
        let breaches = rule.anomaly.is_none() || {
            let learning = !learning_paused.contains(&fingerprint);
            is_anomaly(rule, at, &series.labels, value, baselines, learning)
        };
        if breaches {
            keep_worst(rule.bound, found.entry(fingerprint), breach);
        }
    }
    RuleReport { breaches: found, quality, roll }
}

/// What speaks against trusting the answer, whatever it is, and which parts there are.
fn side_doubts(look: Look<'_>, rule: &RuleConfig, probe: &Probe) -> (Quality, RollCall) {
    let Look { config, at, readings, .. } = look;
    let own = rule.component_label.as_deref();
    let (mut quality, mut roll) = (Quality::fresh(), RollCall::default());
    for age in &probe.ages {
        quality.merge(freshness(&rule.name, age, config, at, readings));
        if let Ok(answer) = readings.instant(&age.query) {
            roll.hear(age, own, config, at, &answer.series);
        }
    }
    for (query, missing) in [(&probe.count, true), (&probe.odd, false)] {
        let Some(query) = query else { continue };
        match readings.instant(query) {
            Err(why) => quality.merge(Quality::unreachable(&rule.name, why)),
            Ok(answer) => {
                quality.merge(answer.quality.clone());
                if missing {
                    roll.work_out(query, own, config, &answer.series);
                }
                if missing && answer.series.is_empty() {
                    let detail = "the expression answers no series";
                    quality = quality.with(DoubtKind::MissingSeries, &rule.name, detail);
                } else if !missing && !answer.series.is_empty() {
                    let detail = "a value is no finite number";
                    quality = quality.with(DoubtKind::NonFinite, &rule.name, detail);
                }
            }
        }
    }
    (quality, roll)
}

/// Whether the raw series that `age` asks for are there, if they must be, and how old they are.
pub(super) fn freshness(
    subject: &str,
    age: &Age,
    config: &MonitorConfig,
    at: Timestamp,
    readings: &Readings,
) -> Quality {
    let answer = match readings.instant(&age.query) {
        Ok(answer) => answer,
        Err(why) => return Quality::unreachable(subject, why),
    };
    let quality = answer.quality.clone();
    let Some(seconds) = roll::oldest(&answer.series) else {
        if !age.selector.required {
            return quality;
        }
        let detail = format!("there is no series {}", age.selector.query);
        return quality.with(DoubtKind::MissingSeries, subject, detail);
    };
    let Some(taken) = roll::time(seconds) else {
        return quality.with(DoubtKind::NonFinite, subject, "the time of a sample is no time");
    };
    let old = since(at, taken);
    if old > config.stale_after() {
        let detail = format!("the oldest sample is {:.1} s old", old.as_secs_f64());
        return quality.with(DoubtKind::StaleSample, subject, detail);
    }
    quality
}

fn breach(
    look: Look<'_>,
    rule: &RuleConfig,
    family: Option<&MetricName>,
    series: &Series,
    value: f64,
) -> Breach {
    let Look { config, by, at, .. } = look;
    let anomaly = rule.anomaly.is_some();
    let source = if anomaly { ViolationSource::Anomaly } else { ViolationSource::Rule };
    let mut labels = series.labels.clone();
    labels.remove("__name__");
    let text = if rule.description.is_empty() { &rule.name } else { &rule.description };
    Breach {
        expectation: rule.expectation(),
        component: config.component(rule.component_label.as_deref(), &series.labels),
        severity: rule.severity,
        onset: at,
        witness: Witness {
            source,
            by: by.clone(),
            name: rule.name.clone(),
            family: family.cloned(),
            confirmed: true,
        },
        metric: rule.metric.clone(),
        value: Some(value),
        threshold: rule.threshold,
        labels,
        description: text.clone(),
    }
}

fn is_anomaly(
    rule: &RuleConfig,
    at: Timestamp,
    labels: &Labels,
    value: f64,
    baselines: &mut Baselines,
    learning: bool,
) -> bool {
    let Some(anomaly) = &rule.anomaly else { return false };
    let key = format!("rule/{}{labels}", rule.name);
    let fresh = || Learned::try_new(anomaly.baseline, anomaly.season.as_ref());
    let score = baselines.score(&key, at, value, fresh, learning);
    score.is_some_and(|score| anomaly.is_breach(score))
}

/// Series that differ only in labels that name no part of the system are one breach: that of the worst value.
fn keep_worst(bound: Bound, found: Entry<'_, Fingerprint, Breach>, breach: Breach) {
    match found {
        Entry::Vacant(entry) => drop(entry.insert(breach)),
        Entry::Occupied(mut entry) => {
            let (old, new) = (entry.get().value, breach.value);
            let worse = match bound {
                Bound::Above => new > old,
                Bound::Below => new < old,
            };
            if worse {
                entry.insert(breach);
            }
        }
    }
}
