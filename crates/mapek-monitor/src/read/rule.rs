//! What one rule says in one cycle.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use mapek_model::{
    DoubtKind, Fingerprint, Labels, Quality, Query, Sample, Series, SourceName, Timestamp,
    ViolationSource, Witness, since,
};

use super::Readings;
use crate::{
    Bound, Breach, MonitorConfig, RuleConfig,
    learned::{Baselines, Learned},
};

/// What a rule found, and how far it can be trusted. That it found nothing proves something only if it is fresh.
#[derive(Debug)]
pub(crate) struct RuleReport {
    pub(crate) breaches: Vec<Breach>,
    pub(crate) quality: Quality,
}

/// The questions of one rule.
pub(crate) struct RuleQueries {
    /// The series that breach; with a threshold the server compares, so that only those come over the wire.
    breach: Query,
    /// When the oldest raw sample was taken. An instant query's own time is that of its evaluation.
    oldest: Option<Query>,
    /// How many series there are, where it cannot be asked how old they are.
    count: Option<Query>,
    /// How many values are no finite number. Whatever number x is finite, x · 0 is 0.
    odd: Option<Query>,
}

impl RuleQueries {
    pub(crate) fn into_all(self) -> impl Iterator<Item = Query> {
        [Some(self.breach), self.oldest, self.count, self.odd].into_iter().flatten()
    }
}

/// The oldest sample under a selector.
pub(super) fn oldest(selector: &Query) -> Query {
    derived(format!("min(timestamp({selector}))"), selector)
}

/// A query made of another. One that is too long is asked as it is: it was short enough.
fn derived(text: String, original: &Query) -> Query {
    Query::try_new(text).unwrap_or_else(|_| original.clone())
}

pub(crate) fn queries(rule: &RuleConfig) -> RuleQueries {
    let expr = &rule.promql;
    let breach = rule.threshold.map(|threshold| {
        let comparison = match rule.bound {
            Bound::Above => ">",
            Bound::Below => "<",
        };
        derived(format!("({expr}) {comparison} {threshold:?}"), expr)
    });
    let compared = rule.threshold.is_some();
    let selector = selector(rule);
    RuleQueries {
        oldest: selector.as_ref().map(oldest),
        count: (compared && selector.is_none()).then(|| derived(format!("count({expr})"), expr)),
        odd: compared.then(|| derived(format!("count(({expr}) * 0 != 0)"), expr)),
        breach: breach.unwrap_or_else(|| expr.clone()),
    }
}

/// The raw series behind a rule: what it names, or its metric if that can be a selector.
pub(crate) fn selector(rule: &RuleConfig) -> Option<Query> {
    let by_metric = || {
        let name = rule.metric.as_ref()?.as_str();
        let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
        let plain = name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit());
        plain.then(|| Query::try_new(name).ok()).flatten()
    };
    rule.selector.clone().or_else(by_metric)
}

/// What the rule says, given the answers to its questions.
pub(crate) fn evaluate(
    rule: &RuleConfig,
    config: &MonitorConfig,
    by: &SourceName,
    at: Timestamp,
    readings: &Readings,
    baselines: &mut Baselines,
    learning_paused: &BTreeSet<Fingerprint>,
) -> RuleReport {
    let queries = queries(rule);
    let mut quality = side_doubts(&queries, rule, config, at, readings);
    let answer = match readings.instant(&queries.breach) {
        Ok(answer) => answer,
        Err(why) => {
            quality.merge(Quality::unreachable(&rule.name, why));
            return RuleReport { breaches: Vec::new(), quality };
        }
    };
    quality.merge(answer.quality.clone());
    if answer.series.len() > config.series_max {
        let detail =
            format!("{} series breach, {} are looked at", answer.series.len(), config.series_max);
        quality = quality.with(DoubtKind::Truncated, &rule.name, detail);
    }
    if answer.series.is_empty() && rule.anomaly.is_some() {
        quality = quality.with(DoubtKind::MissingSeries, &rule.name, "there is no series");
    }
    let mut found: BTreeMap<Fingerprint, Breach> = BTreeMap::new();
    for series in answer.series.iter().take(config.series_max) {
        let Some(Sample { value, .. }) = series.last() else { continue };
        if !value.is_finite() {
            let detail = format!("{} is {value}", series.labels);
            quality = quality.with(DoubtKind::NonFinite, &rule.name, detail);
        }
        let breach = breach(rule, config, by, at, series, value);
        let breaches = rule.anomaly.is_none() || {
            let learning = !learning_paused.contains(&breach.fingerprint());
            is_anomaly(rule, at, &series.labels, value, baselines, learning)
        };
        if breaches {
            keep_worst(rule.bound, &mut found, breach);
        }
    }
    RuleReport { breaches: found.into_values().collect(), quality }
}

/// What speaks against trusting the answer, whatever it is.
fn side_doubts(
    queries: &RuleQueries,
    rule: &RuleConfig,
    config: &MonitorConfig,
    at: Timestamp,
    readings: &Readings,
) -> Quality {
    let mut quality = Quality::fresh();
    if let Some(query) = &queries.oldest {
        quality.merge(freshness(&rule.name, query, config, at, readings));
    }
    for (query, missing) in [(&queries.count, true), (&queries.odd, false)] {
        let Some(query) = query else { continue };
        match readings.instant(query) {
            Err(why) => quality.merge(Quality::unreachable(&rule.name, why)),
            Ok(answer) => {
                quality.merge(answer.quality.clone());
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
    quality
}

/// Whether the series behind `query` (its oldest sample) are there, and how old they are.
pub(super) fn freshness(
    subject: &str,
    query: &Query,
    config: &MonitorConfig,
    at: Timestamp,
    readings: &Readings,
) -> Quality {
    let answer = match readings.instant(query) {
        Ok(answer) => answer,
        Err(why) => return Quality::unreachable(subject, why),
    };
    let quality = answer.quality.clone();
    let Some(oldest) = answer.series.first().and_then(Series::last) else {
        return quality.with(DoubtKind::MissingSeries, subject, "there is no series");
    };
    let Ok(taken) = Timestamp::from_millisecond((oldest.value * 1000.0).round() as i64) else {
        return quality.with(DoubtKind::NonFinite, subject, "the time of a sample is no time");
    };
    let age = since(at, taken);
    if age > config.scrape_interval * 2 {
        let detail = format!("the oldest sample is {:.1} s old", age.as_secs_f64());
        return quality.with(DoubtKind::StaleSample, subject, detail);
    }
    quality
}

fn breach(
    rule: &RuleConfig,
    config: &MonitorConfig,
    by: &SourceName,
    at: Timestamp,
    series: &Series,
    value: f64,
) -> Breach {
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
            family: rule.metric.clone(),
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
fn keep_worst(bound: Bound, found: &mut BTreeMap<Fingerprint, Breach>, breach: Breach) {
    match found.entry(breach.fingerprint()) {
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
