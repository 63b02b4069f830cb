//! Episodes: from when to when what was breached.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use mapek_model::{
    Component, Expectation, MetricName, Severity, Timestamp, Violation, ViolationSource,
};

/// Episodes that are followed at once, the worst first: more than anybody tells apart in a picture. Counts have all.
const OPEN_MAX: usize = 500;
/// Episodes that are remembered after they ended.
const ENDED_MAX: usize = 1500;

/// An episode of a breach in a [`Chronicle`](super::Chronicle).
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// What is breached.
    pub expectation: Expectation,
    /// Where, if that is known.
    pub component: Option<Component>,
    /// How bad, at its worst.
    pub severity: Severity,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; absent as long as it goes on.
    pub to: Option<Timestamp>,
    /// Whether it was given up: nobody knows whether it is over.
    pub gone: bool,
    /// Whether an alert tells of it.
    pub alerted: bool,
    /// The metric that shows it, if one does.
    pub metric: Option<MetricName>,
    /// What its value must not cross, if there is such a number.
    pub threshold: Option<f64>,
}

impl Episode {
    fn of(violation: &Violation) -> Self {
        Self {
            expectation: violation.expectation.clone(),
            component: violation.component.clone(),
            severity: violation.severity,
            from: violation.onset,
            to: violation.closed,
            gone: false,
            alerted: violation.has_source(ViolationSource::Alert),
            metric: violation.metric.clone(),
            threshold: violation.threshold.filter(|it| it.is_finite()),
        }
    }

    /// Whether `violation` says more of it than it says itself.
    fn is_behind(&self, violation: &Violation) -> bool {
        let alerted = violation.has_source(ViolationSource::Alert);
        violation.severity > self.severity
            || violation.onset != self.from
            || (alerted && !self.alerted)
            || (violation.threshold.is_some_and(f64::is_finite) && self.threshold.is_none())
            || (violation.metric.is_some() && self.metric.is_none())
    }

    fn catch_up(&mut self, violation: &Violation) {
        let now = Self::of(violation);
        self.severity = self.severity.max(now.severity);
        self.from = now.from;
        self.alerted |= now.alerted;
        self.threshold = self.threshold.or(now.threshold);
        self.metric = self.metric.take().or(now.metric);
    }

    /// Whether any of it lies in a span of time.
    #[must_use]
    pub fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        self.from <= to && self.to.is_none_or(|end| from <= end)
    }

    /// Whether a watched value, by its name, is what it is about: what is breached is called after the value
    /// (`high-validation-latency`), or its metric is.
    #[must_use]
    pub fn speaks_of(&self, value: &str) -> bool {
        let plain = |text: &str| text.to_ascii_lowercase().replace('-', "_");
        let (value, expectation) = (plain(value), plain(self.expectation.as_str()));
        let metric = self.metric.as_ref().map(|it| plain(it.as_str()));
        !value.is_empty()
            && (expectation.contains(&value)
                || metric.is_some_and(|it| it.contains(&value) || value.contains(&it)))
    }
}

/// Which breach, whatever the moment: one of them is open at most once.
type Breach = u64;

/// A number for what is breached and where. A cryptographic hash of each would cost more than all the rest.
fn breach(expectation: &Expectation, component: Option<&Component>) -> Breach {
    // This hasher has no key: the same run gives the same numbers.
    let mut hasher = DefaultHasher::new();
    (expectation.as_str(), component.map(Component::as_str)).hash(&mut hasher);
    hasher.finish()
}

fn breach_of(violation: &Violation) -> Breach {
    breach(&violation.expectation, violation.component.as_ref())
}

/// The episodes of a chronicle. A copy shares all of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Episodes {
    open: Arc<BTreeMap<Breach, Arc<Episode>>>,
    ended: Arc<VecDeque<Arc<Episode>>>,
}

/// What a cycle says of episodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) at: Timestamp,
    pub(super) open: &'a [Violation],
    pub(super) closed: &'a [Violation],
    pub(super) gone: &'a [Violation],
}

impl Episodes {
    /// What changed since the cycle before. It copies nothing where nothing did.
    pub(super) fn take(&mut self, told: Told<'_>) {
        for (over, gone) in [(told.closed, false), (told.gone, true)] {
            for violation in over {
                self.close(breach_of(violation), violation.closed.unwrap_or(told.at), gone);
            }
        }
        let worst_first = Severity::ALL.iter().rev().flat_map(|severity| {
            told.open.iter().filter(move |violation| violation.severity == *severity)
        });
        for violation in worst_first.take(OPEN_MAX) {
            let key = breach_of(violation);
            match self.open.get(&key) {
                Some(known) if !known.is_behind(violation) => {}
                Some(_) => {
                    let known = Arc::make_mut(&mut self.open).get_mut(&key);
                    known.into_iter().for_each(|it| Arc::make_mut(it).catch_up(violation));
                }
                None if self.open.len() >= OPEN_MAX => {}
                None => {
                    let episode = Arc::new(Episode::of(violation));
                    Arc::make_mut(&mut self.open).insert(key, episode);
                }
            }
        }
        // What nobody speaks of any more: the monitor has let go of it to make room.
        if !self.open.is_empty() && told.open.len() <= OPEN_MAX {
            let there: BTreeSet<_> = told.open.iter().map(breach_of).collect();
            let lost: Vec<_> = self.open.keys().copied().filter(|it| !there.contains(it)).collect();
            lost.into_iter().for_each(|key| self.close(key, told.at, true));
        }
    }

    fn close(&mut self, key: Breach, at: Timestamp, gone: bool) {
        if !self.open.contains_key(&key) {
            return;
        }
        let Some(mut episode) = Arc::make_mut(&mut self.open).remove(&key) else { return };
        let ending = Arc::make_mut(&mut episode);
        (ending.to, ending.gone) = (Some(at.max(ending.from)), gone);
        let ended = Arc::make_mut(&mut self.ended);
        if ended.len() >= ENDED_MAX {
            ended.pop_front();
        }
        ended.push_back(episode);
    }

    /// Lets go of what ended before.
    pub(super) fn forget(&mut self, before: Timestamp) {
        let old = |episode: &Arc<Episode>| episode.to.is_some_and(|to| to < before);
        if self.ended.front().is_some_and(old) {
            Arc::make_mut(&mut self.ended).retain(|episode| !old(episode));
        }
    }

    /// The process that followed them ended here: what was open then may have gone on, and who follows now knows.
    pub(super) fn settle(&mut self, at: Timestamp) {
        let keys: Vec<_> = self.open.keys().copied().collect();
        keys.into_iter().for_each(|key| self.close(key, at, true));
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Episode>> {
        self.ended.iter().chain(self.open.values())
    }

    /// Whether the same episode is among them.
    pub(super) fn knows(&self, other: &Episode) -> bool {
        let same = |it: &Arc<Episode>| {
            (&it.expectation, &it.component, it.from)
                == (&other.expectation, &other.component, other.from)
        };
        self.all().any(same)
    }

    pub(super) fn bytes(&self) -> usize {
        (self.open.len() + self.ended.len()) * (size_of::<Episode>() + 4 * size_of::<usize>())
    }
}
