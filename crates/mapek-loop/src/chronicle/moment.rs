//! One cycle, as small as it can be kept for a day.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mapek_execute::Decision;
use mapek_model::{
    Confidence, CycleNumber, Diagnosis, Level, Quality, Severity, SourceName, Timestamp, Violation,
};

use super::cut;
use crate::{CycleReport, Decided};

/// Decisions that a moment keeps in words: those at the top of the rank.
const DECISIONS_MAX: usize = 5;
/// Faults that a moment keeps.
const FAULTS_MAX: usize = 5;

/// How many episodes are open, by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Open {
    /// Critical ones.
    pub critical: u32,
    /// Warnings.
    pub warning: u32,
    /// Infos.
    pub info: u32,
}

impl Open {
    pub(super) fn of(open: &[Violation]) -> Self {
        let mut counts = Self::default();
        for violation in open {
            *counts.of_severity_mut(violation.severity) += 1;
        }
        counts
    }

    const fn of_severity_mut(&mut self, severity: Severity) -> &mut u32 {
        match severity {
            Severity::Critical => &mut self.critical,
            Severity::Warning => &mut self.warning,
            Severity::Info => &mut self.info,
        }
    }

    /// All of them.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.critical.saturating_add(self.warning).saturating_add(self.info)
    }

    /// How bad the worst is; absent if nothing is open.
    #[must_use]
    pub const fn worst(self) -> Option<Severity> {
        match self {
            Self { critical: 1.., .. } => Some(Severity::Critical),
            Self { warning: 1.., .. } => Some(Severity::Warning),
            Self { info: 1.., .. } => Some(Severity::Info),
            _ => None,
        }
    }
}

/// The likeliest cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// In words.
    pub cause: Arc<str>,
    /// How likely.
    pub confidence: Confidence,
}

/// One cycle in a [`Chronicle`](super::Chronicle). What is as in the cycle before it shares that one's memory.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Which cycle.
    pub number: CycleNumber,
    /// The moment that it is about.
    pub at: Timestamp,
    /// What is open.
    pub open: Open,
    /// The likeliest cause; absent if nothing is wrong, or nobody knows what.
    pub suspect: Option<Suspect>,
    /// The worst level of evidence of each source.
    pub quality: Arc<[(SourceName, Level)]>,
    /// What was decided about the plans at the top, in words.
    pub decisions: Arc<[Box<str>]>,
    /// Why nothing was allowed; absent if the loop was not paused.
    pub paused: Option<Arc<str>>,
    /// What went wrong inside the loop.
    pub faults: Arc<[Box<str>]>,
    pub(super) names: Arc<[Box<str>]>,
    /// One for each name; NaN where it has none.
    values: Box<[f64]>,
}

/// What a moment is made of, whoever tells it.
#[derive(Debug)]
pub(super) struct Raw<'a> {
    pub(super) number: CycleNumber,
    pub(super) at: Timestamp,
    pub(super) open: Open,
    pub(super) diagnosis: Option<&'a Diagnosis>,
    pub(super) quality: &'a BTreeMap<SourceName, Quality>,
    pub(super) values: &'a BTreeMap<String, f64>,
    pub(super) decisions: Vec<String>,
    pub(super) paused: Option<&'a str>,
    pub(super) faults: &'a [String],
}

impl Moment {
    pub(super) fn of(report: &CycleReport, before: Option<&Self>) -> Self {
        let raw = Raw {
            number: report.number,
            at: report.at,
            open: Open::of(&report.seen.open),
            diagnosis: Some(&report.diagnosis),
            quality: &report.seen.quality,
            values: &report.seen.values,
            decisions: report.decisions.iter().map(in_words).collect(),
            paused: report.paused.as_deref(),
            faults: &report.faults,
        };
        Self::new(raw, before)
    }

    pub(super) fn new(raw: Raw<'_>, before: Option<&Self>) -> Self {
        let level = |(source, quality): (&SourceName, &Quality)| (source.clone(), quality.level());
        let quality: Vec<_> = raw.quality.iter().map(level).collect();
        let names = names(raw.values, before);
        let suspect = raw.diagnosis.and_then(|it| it.causes.first()).map(|first| Suspect {
            cause: same_text(
                &first.cause.to_string(),
                before.and_then(|it| Some(&it.suspect.as_ref()?.cause)),
            ),
            confidence: first.confidence,
        });
        let texts = |texts: &mut dyn Iterator<Item = &str>, max| -> Vec<Box<str>> {
            texts.take(max).map(|text| cut(text).into()).collect()
        };
        let decisions = texts(&mut raw.decisions.iter().map(String::as_str), DECISIONS_MAX);
        let faults = texts(&mut raw.faults.iter().map(String::as_str), FAULTS_MAX);
        Self {
            number: raw.number,
            at: raw.at,
            open: raw.open,
            suspect,
            quality: same(quality, before.map(|it| &it.quality)),
            decisions: same(decisions, before.map(|it| &it.decisions)),
            paused: raw
                .paused
                .map(|why| same_text(cut(why), before.and_then(|it| it.paused.as_ref()))),
            faults: same(faults, before.map(|it| &it.faults)),
            values: aligned(raw.values, &names),
            names,
        }
    }

    /// A watched value, if it had one that is finite.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        let place = self.names.binary_search_by(|it| (**it).cmp(name)).ok()?;
        self.values.get(place).copied().filter(|value| value.is_finite())
    }

    /// All watched values that it had, by name.
    pub fn values(&self) -> impl Iterator<Item = (&str, f64)> {
        let named = self.names.iter().map(|name| &**name).zip(self.values.iter().copied());
        named.filter(|(_, value)| value.is_finite())
    }

    /// The worst level of all evidence.
    #[must_use]
    pub fn level(&self) -> Level {
        self.quality.iter().map(|(_, level)| *level).max().unwrap_or_default()
    }

    /// About how much memory it takes, besides what it shares with `before`.
    pub(super) fn bytes(&self, before: Option<&Self>) -> usize {
        // Both counts of an `Arc`.
        const COUNTS: usize = 16;
        let apart = |own: bool, bytes: usize| if own { bytes + COUNTS } else { 0 };
        let texts = |all: &[Box<str>]| all.iter().map(|it| it.len() + size_of::<Box<str>>()).sum();
        let ours = |shared: fn(&Self, &Self) -> bool| before.is_none_or(|it| !shared(self, it));
        size_of::<Self>()
            + COUNTS
            + size_of_val(&*self.values)
            + apart(ours(|a, b| Arc::ptr_eq(&a.names, &b.names)), texts(&self.names))
            + apart(ours(|a, b| Arc::ptr_eq(&a.decisions, &b.decisions)), texts(&self.decisions))
            + apart(ours(|a, b| Arc::ptr_eq(&a.faults, &b.faults)), texts(&self.faults))
            + apart(ours(|a, b| Arc::ptr_eq(&a.quality, &b.quality)), size_of_val(&*self.quality))
            + self.suspect.as_ref().map_or(0, |it| it.cause.len())
    }
}

/// A decision in a line: the word, what it is about, and the rails that refuse.
fn in_words(decided: &Decided) -> String {
    let word = decided.as_str();
    match &decided.decision {
        Decision::Refused { refusals } => {
            let rails: BTreeSet<_> = refusals.iter().map(|refusal| refusal.rail.as_str()).collect();
            let rails = Vec::from_iter(rails).join(", ");
            format!("{word} by {rails}: {}", decided.summary)
        }
        _ => format!("{word}: {}", decided.summary),
    }
}

/// The names of values: those of the moment before, if they are all there. What comes and goes keeps its place.
fn names(values: &BTreeMap<String, f64>, before: Option<&Moment>) -> Arc<[Box<str>]> {
    let known = before.map_or(&[][..], |it| &it.names);
    let is_known = |name: &String| known.binary_search_by(|it| (**it).cmp(name)).is_ok();
    // What is no longer watched at all is let go of once it is half of what there is.
    if let Some(before) = before
        && values.keys().all(is_known)
        && known.len() <= 2 * values.len().max(4)
    {
        return Arc::clone(&before.names);
    }
    let mut all: BTreeSet<&str> = values.keys().map(String::as_str).collect();
    let old = known.iter().map(|it| &**it);
    if all.len() * 2 > known.len() {
        all.extend(old);
    }
    all.into_iter().map(Box::from).collect()
}

/// The values in the order of the names, of which each has a place.
fn aligned(values: &BTreeMap<String, f64>, names: &[Box<str>]) -> Box<[f64]> {
    let mut rest = values.iter().peekable();
    let mut value = |name: &str| {
        let found = rest.next_if(|(next, _)| next.as_str() == name);
        found.map_or(f64::NAN, |(_, value)| *value)
    };
    names.iter().map(|name| value(name)).collect()
}

fn same<T: PartialEq>(now: Vec<T>, before: Option<&Arc<[T]>>) -> Arc<[T]> {
    match before {
        Some(before) if **before == *now => Arc::clone(before),
        _ => now.into(),
    }
}

fn same_text(now: &str, before: Option<&Arc<str>>) -> Arc<str> {
    before.filter(|before| ***before == *now).map_or_else(|| now.into(), Arc::clone)
}
