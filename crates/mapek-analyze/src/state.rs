//! What an analyzer remembers of one target from one diagnosis to the next.

use std::{cmp::Reverse, collections::BTreeMap};

use mapek_model::{
    CauseKind, Component, Duration, Expectation, Severity, Timestamp, Violation, earlier, later,
};
use serde::{Deserialize, Serialize};

use crate::{AnalyzeConfig, Baselines, WindowBuilder};

/// Memory of one target: closed episodes of late, causes that stand, what is usual. Can be saved and loaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnalyzerState {
    /// Closed episodes, newest onset first.
    closed: Vec<Past>,
    /// Causes that the last diagnosis told.
    standing: BTreeMap<CauseKind, Standing>,
    baselines: Baselines,
}

/// A closed episode.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Past {
    onset: Reverse<Timestamp>,
    expectation: Expectation,
    component: Option<Component>,
    severity: Severity,
}

/// A cause that was told, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    component: Option<Component>,
    since: Timestamp,
    last: Timestamp,
    cycles: u32,
}

impl AnalyzerState {
    /// With baselines that were learned elsewhere.
    #[must_use]
    pub fn with_baselines(baselines: Baselines) -> Self {
        Self { baselines, ..Self::default() }
    }

    /// What is usual.
    #[must_use]
    pub const fn baselines(&self) -> &Baselines {
        &self.baselines
    }

    pub(crate) fn set_baselines(&mut self, baselines: Baselines) {
        self.baselines = baselines;
    }

    /// Adds the remembered episodes to a window.
    pub(crate) fn recall<'a>(&'a self, builder: &mut WindowBuilder<'a>) {
        for past in &self.closed {
            let seen = (past.onset.0, past.severity, false);
            builder.push(&past.expectation, past.component.as_ref(), seen);
        }
    }

    /// Remembers episodes that have closed, and forgets those that are too old or too many.
    pub(crate) fn remember<'a>(
        &mut self,
        closed: impl Iterator<Item = &'a Violation>,
        now: Timestamp,
        config: &AnalyzeConfig,
    ) {
        let from = earlier(now, config.history);
        self.closed.extend(closed.filter(|it| it.onset >= from).map(|it| Past {
            onset: Reverse(it.onset),
            expectation: it.expectation.clone(),
            component: it.component.clone(),
            severity: it.severity,
        }));
        self.closed.retain(|past| past.onset.0 >= from);
        self.closed.sort_unstable();
        self.closed.dedup_by(|a, b| {
            a.onset == b.onset && a.expectation == b.expectation && a.component == b.component
        });
        self.closed.truncate(config.pattern_history_limit);
    }

    /// Notes the causes that stand at `now`, and answers for each since when and for how many cycles it has stood.
    ///
    /// A cause stands on while its kind is told in each cycle and its place is not contradicted. A cycle sooner than `gap` after
    /// the one that was counted last looks at the same measurements, and is not counted.
    pub(crate) fn persist<'a>(
        &mut self,
        told: impl Iterator<Item = (&'a CauseKind, Option<&'a Component>)>,
        now: Timestamp,
        gap: Duration,
    ) -> Vec<(Timestamp, u32)> {
        let before = std::mem::take(&mut self.standing);
        told.map(|(kind, component)| {
            let old = before.get(kind).filter(|old| {
                component.is_none()
                    || old.component.is_none()
                    || old.component.as_ref() == component
            });
            let standing = match old {
                Some(old) => {
                    let counts = now > old.last && now >= later(old.last, gap);
                    Standing {
                        component: component.cloned().or_else(|| old.component.clone()),
                        since: old.since.min(now),
                        last: if counts { now } else { old.last },
                        cycles: old.cycles.saturating_add(u32::from(counts)),
                    }
                }
                None => {
                    Standing { component: component.cloned(), since: now, last: now, cycles: 1 }
                }
            };
            let answer = (standing.since, standing.cycles);
            self.standing.insert(kind.clone(), standing);
            answer
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, violation};

    fn kind(text: &str) -> CauseKind {
        CauseKind::try_new(text).unwrap()
    }

    #[test]
    fn a_cause_stands_from_cycle_to_cycle_until_it_is_not_told() {
        let mut state = AnalyzerState::default();
        let (a, b) = (Component::try_new("a").unwrap(), Component::try_new("b").unwrap());
        let gap = Duration::from_secs(10);
        let mut told =
            |place, now| state.persist([(&kind("leak"), place)].into_iter(), at(now), gap)[0];
        assert_eq!(told(None, 0), (at(0), 1));
        assert_eq!(told(Some(&a), 30), (at(0), 2), "a place that was not known is no other place");
        assert_eq!(told(Some(&a), 30), (at(0), 2), "the same moment counts once");
        assert_eq!(told(Some(&a), 35), (at(0), 2), "an alert's cycle sees the same scrape");
        assert_eq!(told(Some(&a), 40), (at(0), 3), "and does not put off what counts");
        assert_eq!(told(Some(&b), 60), (at(60), 1), "another place is another cause");
        assert_eq!(state.persist(std::iter::empty(), at(90), gap), []);
        assert_eq!(
            state.persist([(&kind("leak"), Some(&b))].into_iter(), at(120), gap)[0],
            (at(120), 1)
        );
    }

    #[test]
    fn memory_is_bounded_by_number_and_age() {
        let config = AnalyzeConfig { pattern_history_limit: 5, ..AnalyzeConfig::default() };
        let mut state = AnalyzerState::default();
        let closed: Vec<_> =
            (0..20).map(|i| violation("slow", None, Severity::Info, 1000 - i)).collect();
        state.remember(closed.iter().chain(&closed), at(1000), &config);
        let kept: Vec<_> = state.closed.iter().map(|past| past.onset.0).collect();
        assert_eq!(kept, [at(1000), at(999), at(998), at(997), at(996)]);
        state.remember([].into_iter(), at(1598), &config);
        assert_eq!(state.closed.len(), 3);
    }
}
