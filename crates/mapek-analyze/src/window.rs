//! One window of onsets, prepared once so that every detector can afford to look at all of it.
//!
//! Names are interned: a hundred thousand onsets of a few hundred breaches are sorted and counted as small numbers, and
//! each fingerprint (a SHA-256) is computed once per breach, not once per onset.

mod packed;

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use mapek_model::{
    Component, Duration, EpisodeKey, Expectation, Fingerprint, Observation, Series, Severity,
    TargetId, Timestamp, Violation, earlier,
};
use packed::Packed;

/// A breach: an expectation and the component that breaches it. Many onsets share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// What was expected.
    pub expectation: Expectation,
    /// The component, as an index into [`Window::components`]; absent for the system as a whole.
    pub component: Option<usize>,
    /// Of both.
    pub fingerprint: Fingerprint,
}

/// The beginning of one episode. However long the episode lasts, it counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Onset {
    /// When it began.
    pub at: Timestamp,
    /// What it is an episode of: an index into [`Window::breaches`].
    pub breach: u32,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it is still going on.
    pub open: bool,
}

/// The onsets within the history that ends now, open episodes of any age, and the watched series.
///
/// The same episodes in any order make the same window.
///
/// ```
/// use mapek_analyze::Window;
/// use mapek_model::{Observation, TargetId, Timestamp};
///
/// let observation = Observation::empty(TargetId::default(), Timestamp::UNIX_EPOCH);
/// assert!(Window::from_observation(&observation).onsets().is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Window<'a> {
    target: TargetId,
    history: Option<Duration>,
    onsets: Vec<Onset>,
    open: Vec<Onset>,
    breaches: Vec<Breach>,
    components: Vec<Component>,
    series: Option<&'a BTreeMap<String, Vec<Series>>>,
}

impl<'a> Window<'a> {
    /// All episodes of `observation`, open and closed, of any age, and its series.
    #[must_use]
    pub fn from_observation(observation: &'a Observation) -> Self {
        WindowBuilder::new(&observation.target)
            .episodes(&observation.open)
            .episodes(&observation.closed)
            .series(&observation.series)
            .build()
    }

    /// All of `violations` that belong to the target of the first in order of target; no series.
    #[must_use]
    pub fn of(violations: &'a [Violation]) -> Self {
        violations
            .iter()
            .map(|violation| &violation.target)
            .min()
            .map(|target| WindowBuilder::new(target).episodes(violations).build())
            .unwrap_or_default()
    }

    /// The managed system.
    #[must_use]
    pub const fn target(&self) -> &TargetId {
        &self.target
    }

    /// How far back the onsets go; absent if nothing was left out for its age.
    #[must_use]
    pub const fn history(&self) -> Option<Duration> {
        self.history
    }

    /// The onsets, oldest first; at one instant by breach.
    #[must_use]
    pub fn onsets(&self) -> &[Onset] {
        &self.onsets
    }

    /// The open episodes, however old, in the order of their keys.
    #[must_use]
    pub fn open(&self) -> &[Onset] {
        &self.open
    }

    /// The breaches, by fingerprint.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// The components that breach anything, by name.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// What `onset` is an episode of.
    #[must_use]
    pub fn breach(&self, onset: &Onset) -> &Breach {
        &self.breaches[onset.breach as usize]
    }

    /// Which component began to breach, as an index into [`components`](Self::components).
    #[must_use]
    pub fn component(&self, onset: &Onset) -> Option<usize> {
        self.breaches[onset.breach as usize].component
    }

    /// Which episode began.
    #[must_use]
    pub fn key(&self, onset: &Onset) -> EpisodeKey {
        EpisodeKey {
            target: self.target.clone(),
            fingerprint: self.breach(onset).fingerprint,
            onset: onset.at,
        }
    }

    /// The keys of the newest `max` of `onsets` (which must be in order of time), sorted.
    pub fn keys<'o>(
        &self,
        onsets: impl DoubleEndedIterator<Item = &'o Onset>,
        max: usize,
    ) -> Vec<EpisodeKey> {
        let mut newest: Vec<_> =
            onsets.rev().take(max).map(|onset| (onset.breach, onset.at)).collect();
        // Breaches are numbered by fingerprint, so this is the order of keys without comparing hashes.
        newest.sort_unstable();
        newest
            .into_iter()
            .map(|(breach, onset)| EpisodeKey {
                target: self.target.clone(),
                fingerprint: self.breaches[breach as usize].fingerprint,
                onset,
            })
            .collect()
    }

    /// The series of the watched values, by name.
    pub fn series(&self) -> impl Iterator<Item = (&'a str, &'a [Series])> + use<'a> {
        let series: Option<&'a BTreeMap<String, Vec<Series>>> = self.series;
        series.into_iter().flatten().map(|(name, series)| (name.as_str(), series.as_slice()))
    }
}

/// Collects what a [`Window`] is made of.
#[derive(Debug)]
pub struct WindowBuilder<'a> {
    target: &'a TargetId,
    limit: Option<(Timestamp, Duration)>,
    /// Each with the place of its breach in `named`.
    raw: Vec<Packed>,
    named: Vec<(&'a Expectation, Option<&'a Component>)>,
    /// Never iterated, so that its order, which differs from process to process, cannot be seen.
    index: HashMap<(&'a str, Option<&'a str>), u32, RandomState>,
    series: Option<&'a BTreeMap<String, Vec<Series>>>,
}

impl<'a> WindowBuilder<'a> {
    /// An empty window of `target`.
    #[must_use]
    pub fn new(target: &'a TargetId) -> Self {
        Self {
            target,
            limit: None,
            raw: Vec::new(),
            named: Vec::new(),
            index: HashMap::default(),
            series: None,
        }
    }

    /// Leaves out onsets more than `history` before `at`. Open episodes are kept in [`Window::open`] however old.
    #[must_use]
    pub const fn since(mut self, at: Timestamp, history: Duration) -> Self {
        self.limit = Some((at, history));
        self
    }

    /// Adds episodes, in any order. An episode that is added twice counts once; those of other targets are left out.
    #[must_use]
    pub fn episodes(mut self, violations: impl IntoIterator<Item = &'a Violation>) -> Self {
        let violations = violations.into_iter();
        let (least, most) = violations.size_hint();
        self.raw.reserve(most.unwrap_or(least));
        for violation in violations.filter(|it| it.target == *self.target) {
            let component = violation.component.as_ref();
            self.push(
                &violation.expectation,
                component,
                (violation.onset, violation.severity, violation.is_open()),
            );
        }
        self
    }

    pub(crate) fn push(
        &mut self,
        expectation: &'a Expectation,
        component: Option<&'a Component>,
        (at, severity, open): (Timestamp, Severity, bool),
    ) {
        let name = (expectation.as_str(), component.map(Component::as_str));
        let named = &mut self.named;
        let breach = *self.index.entry(name).or_insert_with(|| {
            named.push((expectation, component));
            u32::try_from(named.len() - 1).expect("memory holds no four billion names")
        });
        self.raw.push(Packed::new(Onset { at, breach, severity, open }));
    }

    /// Adds the watched values.
    #[must_use]
    pub const fn series(mut self, series: &'a BTreeMap<String, Vec<Series>>) -> Self {
        self.series = Some(series);
        self
    }

    /// Sorts everything. O(n log n).
    #[must_use]
    pub fn build(self) -> Window<'a> {
        let (components, breaches, rank) = intern(&self.named);
        let mut packed = self.raw;
        packed.iter_mut().for_each(|it| *it = it.of_breach(rank[it.breach() as usize]));
        packed.sort_unstable();
        // What is told of one episode twice stands side by side, the worst first.
        packed.dedup_by(|next, kept| {
            let same = next.same_episode(*kept);
            if same {
                *kept = kept.joined(*next);
            }
            same
        });
        let mut onsets: Vec<Onset> = packed.iter().map(|it| it.unpack()).collect();
        let open = open_by_breach(&onsets, breaches.len());
        if let Some((at, history)) = self.limit {
            let from = earlier(at, history);
            onsets.drain(..onsets.partition_point(|onset| onset.at < from));
        }
        Window {
            target: self.target.clone(),
            history: self.limit.map(|(_, history)| history),
            onsets,
            open,
            breaches,
            components,
            series: self.series,
        }
    }
}

/// The open ones of `onsets`, which are in order of time, by breach and then by time: a counting sort, O(n).
fn open_by_breach(onsets: &[Onset], breaches: usize) -> Vec<Onset> {
    let mut next = vec![0_usize; breaches + 1];
    let open = || onsets.iter().filter(|onset| onset.open);
    open().for_each(|onset| next[onset.breach as usize + 1] += 1);
    for i in 1..next.len() {
        next[i] += next[i - 1];
    }
    let Some(&filler) = onsets.first() else { return Vec::new() };
    let mut sorted = vec![filler; *next.last().unwrap_or(&0)];
    for onset in open() {
        let place = &mut next[onset.breach as usize];
        sorted[*place] = *onset;
        *place += 1;
    }
    sorted
}

/// Components by name, breaches by fingerprint, and where each named breach has gone.
fn intern(named: &[(&Expectation, Option<&Component>)]) -> (Vec<Component>, Vec<Breach>, Vec<u32>) {
    let mut components: Vec<Component> =
        named.iter().filter_map(|(_, component)| component.cloned()).collect();
    components.sort_unstable();
    components.dedup();
    let mut breaches: Vec<(Breach, usize)> = named
        .iter()
        .enumerate()
        .map(|(i, &(expectation, component))| {
            let index = component.and_then(|it| components.binary_search(it).ok());
            let fingerprint = Fingerprint::of_breach(expectation, component);
            (Breach { expectation: expectation.clone(), component: index, fingerprint }, i)
        })
        .collect();
    breaches.sort_unstable_by_key(|(breach, _)| breach.fingerprint);
    let mut rank = vec![0; named.len()];
    for (new, (_, old)) in (0..).zip(&breaches) {
        rank[*old] = new;
    }
    (components, breaches.into_iter().map(|(breach, _)| breach).collect(), rank)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, violation};

    #[test]
    fn an_episode_told_twice_counts_once_and_the_worst_is_kept() {
        let mild = violation("slow", Some("a"), Severity::Warning, 5);
        let mut bad = violation("slow", Some("a"), Severity::Critical, 5);
        bad.closed = Some(at(9));
        for pair in [[mild.clone(), bad.clone()], [bad, mild]] {
            let window = Window::of(&pair);
            let [onset] = window.onsets() else { panic!("{:?}", window.onsets()) };
            assert_eq!((onset.severity, onset.open), (Severity::Critical, true));
            assert_eq!(window.key(onset), pair[0].key());
        }
    }

    #[test]
    fn what_is_too_old_is_no_onset_but_still_open() {
        let old = violation("slow", None, Severity::Warning, 0);
        let target = TargetId::default();
        let window = WindowBuilder::new(&target)
            .since(at(1000), Duration::from_secs(600))
            .episodes([&old])
            .build();
        assert!(window.onsets().is_empty());
        assert_eq!(window.open().len(), 1);
    }

    #[test]
    fn keys_are_sorted_and_the_newest_are_kept() {
        let all: Vec<_> = (0..9_u64)
            .map(|i| violation("slow", Some(if i % 2 == 0 { "a" } else { "b" }), Severity::Info, i))
            .collect();
        let window = Window::of(&all);
        let keys = window.keys(window.onsets().iter(), 4);
        assert_eq!(keys.len(), 4);
        assert!(keys.is_sorted());
        assert!(keys.iter().all(|key| key.onset >= at(5)));
    }
}
