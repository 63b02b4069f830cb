//! Which breaches are one episode, when it began, and when it is over.
//!
//! The same breach in the next cycle is the same episode. It is over when every witness that it ever had is known not to see it
//! any more, in one and the same cycle; who cannot be asked keeps it open. Whoever hears nothing of the component any more knows
//! nothing; after a while such an episode is given up: it is gone, which is not healed.

mod testimony;
mod tracked;

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use mapek_model::{Duration, Fingerprint, TargetId, Timestamp, Violation, Witness};
use serde::{Deserialize, Serialize};

use crate::Breach;

pub(crate) use testimony::Testimony;
use tracked::{Standing, Tracked};

/// One report in one cycle.
#[derive(Debug, Clone)]
pub(crate) struct Sighting {
    pub(crate) breach: Breach,
    /// Whether the witness looked in this cycle. A webhook only passes on what was so some time ago, so if the witness itself
    /// was asked afterwards and does not confirm it, the breach is over.
    pub(crate) current: bool,
}

/// All episodes that are open, and when those that are over ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Episodes {
    open: BTreeMap<Fingerprint, Tracked>,
    /// When the last episode of each fingerprint ended, so that one that comes again gets an onset of its own.
    ended: BTreeMap<Fingerprint, Timestamp>,
}

/// How much there may be of what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most open episodes.
    pub(crate) open: usize,
    /// How long a component may be silent before its episode is given up.
    pub(crate) silence: Duration,
}

/// What a cycle changed.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Episodes that are over, by key.
    pub(crate) closed: Vec<Violation>,
    /// Episodes that were given up, because nothing has been heard of their components for too long, by key.
    pub(crate) gone: Vec<Violation>,
    /// Open episodes of whose components somebody hears nothing, by fingerprint.
    pub(crate) silent: Vec<Violation>,
    /// How many breaches found no room.
    pub(crate) left_out: usize,
}

impl Episodes {
    /// The open episodes, by key.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        // All are of one target, so the order of keys is that of fingerprints.
        self.open.values().map(|it| it.violation.clone()).collect()
    }

    /// How fast the values of the open episodes change, of those that go somewhere.
    pub(crate) fn slopes(&self) -> BTreeMap<Fingerprint, f64> {
        let slopes = self.open.iter().map(|(fingerprint, it)| (*fingerprint, it.slope()));
        slopes.filter_map(|(fingerprint, slope)| Some((fingerprint, slope?))).collect()
    }

    /// The open episodes that began after `since`.
    pub(crate) fn began_after(&self, since: Timestamp) -> BTreeSet<Fingerprint> {
        let young = self.open.iter().filter(|(_, it)| it.violation.onset > since);
        young.map(|(fingerprint, _)| *fingerprint).collect()
    }

    /// Whether an episode that is known to be over covers the beginning of this breach.
    pub(crate) fn is_old_news(&self, breach: &Breach) -> bool {
        let fingerprint = breach.fingerprint();
        !self.open.contains_key(&fingerprint)
            && self.ended.get(&fingerprint).is_some_and(|ended| breach.onset <= *ended)
    }

    /// The open episodes, by fingerprint.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.open.values().map(|it| &it.violation)
    }

    /// All witnesses of open episodes.
    pub(crate) fn witnesses(&self) -> impl Iterator<Item = &Witness> {
        self.open.values().flat_map(Tracked::witnesses)
    }

    /// All witnesses of open episodes on parts of the system.
    pub(crate) fn witnesses_of_parts(&self) -> impl Iterator<Item = &Witness> {
        let of_parts = self.open.values().filter(|it| it.violation.component.is_some());
        of_parts.flat_map(Tracked::witnesses)
    }

    /// Takes in what was seen at `at`. `testimony` says of a witness that did not report a breach whether that proves that there
    /// is none.
    pub(crate) fn advance(
        &mut self,
        target: &TargetId,
        at: Timestamp,
        sightings: Vec<Sighting>,
        limits: Limits,
        testimony: &impl Testimony,
    ) -> Changes {
        let mut changes = Changes::default();
        let mut groups: BTreeMap<Fingerprint, Vec<Sighting>> = BTreeMap::new();
        for sighting in sightings {
            groups.entry(sighting.breach.fingerprint()).or_default().push(sighting);
        }
        // The worst first, should there be no room for all.
        let worst = |group: &[Sighting]| group.iter().map(|it| it.breach.severity).max();
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(fingerprint, group)| (std::cmp::Reverse(worst(group)), *fingerprint));
        for (fingerprint, group) in groups {
            self.see(target, at, fingerprint, &group, limits.open, &mut changes);
        }
        self.close(at, limits.silence, testimony, &mut changes);
        changes.closed.sort_by_cached_key(Violation::key);
        changes.gone.sort_by_cached_key(Violation::key);
        changes
    }

    /// Takes in an episode that began and ended between two cycles. What is open or known to have ended already is left.
    pub(crate) fn passed(
        &mut self,
        target: &TargetId,
        breach: &Breach,
        ended: Timestamp,
    ) -> Option<Violation> {
        let fingerprint = breach.fingerprint();
        let known = self.ended.get(&fingerprint).is_some_and(|before| breach.onset <= *before);
        if known || ended < breach.onset || self.open.contains_key(&fingerprint) {
            return None;
        }
        self.ended.insert(fingerprint, ended);
        let mut tracked = Tracked::open(target, ended, breach.onset, &[breach]);
        tracked.violation.closed = Some(ended);
        Some(tracked.violation)
    }

    fn see(
        &mut self,
        target: &TargetId,
        at: Timestamp,
        fingerprint: Fingerprint,
        group: &[Sighting],
        max: usize,
        changes: &mut Changes,
    ) {
        let breaches: Vec<&Breach> = group.iter().map(|it| &it.breach).collect();
        let full = self.open.len() >= max;
        match self.open.entry(fingerprint) {
            Entry::Occupied(mut entry) => {
                if entry.get().was_interrupted(&breaches) {
                    let last_seen = entry.get().violation.last_seen;
                    let onset = tracked::onset(&breaches, Some(last_seen), at);
                    let next = Tracked::open(target, at, onset, &breaches);
                    changes.closed.push(entry.insert(next).ended(onset));
                    self.ended.insert(fingerprint, onset);
                } else {
                    let floor = self.ended.get(&fingerprint).copied();
                    entry.get_mut().see(at, floor, &breaches);
                }
            }
            Entry::Vacant(_) if full => changes.left_out += 1,
            Entry::Vacant(entry) => {
                let onset = tracked::onset(&breaches, self.ended.get(&fingerprint).copied(), at);
                entry.insert(Tracked::open(target, at, onset, &breaches));
            }
        }
        if let Some(tracked) = self.open.get_mut(&fingerprint) {
            tracked.current = group
                .iter()
                .filter(|it| it.current)
                .map(|it| tracked::identity(&it.breach.witness))
                .collect();
        }
    }

    fn close(
        &mut self,
        at: Timestamp,
        silence: Duration,
        testimony: &impl Testimony,
        changes: &mut Changes,
    ) {
        let mut over: Vec<(Fingerprint, Standing)> = Vec::new();
        for (fingerprint, tracked) in &mut self.open {
            match tracked.settle(at, silence, testimony) {
                Standing::Open => {}
                Standing::Silent => changes.silent.push(tracked.violation.clone()),
                standing => over.push((*fingerprint, standing)),
            }
        }
        for (fingerprint, standing) in over {
            let Some(tracked) = self.open.remove(&fingerprint) else { continue };
            let ended = tracked.ended(at);
            match standing {
                Standing::Gone => changes.gone.push(ended),
                _ => changes.closed.push(ended),
            }
            self.ended.insert(fingerprint, at);
        }
    }

    /// Forgets the ends that are oldest, beyond `max`: nothing so old comes again under its old onset.
    pub(crate) fn trim(&mut self, max: usize) {
        if self.ended.len() <= max {
            return;
        }
        let mut by_age: Vec<_> = self.ended.iter().map(|(key, at)| (*at, *key)).collect();
        by_age.sort();
        for (_, key) in by_age.into_iter().take(self.ended.len() - max) {
            self.ended.remove(&key);
        }
    }

    /// Whether all of it is about `target` and fits into `max`, each episode under its own fingerprint.
    pub(crate) fn check(&self, target: &TargetId, max: usize) -> Result<(), &'static str> {
        let sound = |(fingerprint, it): (&Fingerprint, &Tracked)| {
            it.violation.fingerprint() == *fingerprint
                && it.violation.is_open()
                && it.witnesses().next().is_some()
        };
        if self.open.values().any(|it| it.violation.target != *target) {
            Err("it is about another target")
        } else if self.open.len() > max {
            Err("it has more open episodes than episodes_max")
        } else if !self.open.iter().all(sound) {
            Err("an episode contradicts itself")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
