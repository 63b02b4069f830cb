//! What one channel was told.

use std::collections::BTreeMap;

use mapek_model::{Duration, Timestamp, later, since};
use serde::{Deserialize, Serialize};

use crate::{Condition, Kind, Phase};

/// What one channel was told, and when. It says what is to be told next, and is written down after each message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    told: BTreeMap<Kind, BTreeMap<String, Entry>>,
}

/// What was told of one condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// When it was told last; absent if that was before the process started, and it is to be told again.
    at: Option<Timestamp>,
    /// Whether it lasts until it ends.
    lasts: bool,
    /// What it was called.
    title: String,
    /// Since when it was so.
    since: Option<Timestamp>,
}

/// Something that is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Where it stands.
    pub phase: Phase,
    /// What it is; of what has ended, what is remembered of it.
    pub condition: Condition,
}

impl Book {
    /// What a process starts with that finds this one: what needs an operator, and still does, is told again.
    #[must_use]
    pub fn reopened(mut self) -> Self {
        for entry in
            self.told.get_mut(&Kind::NeedsOperator).into_iter().flat_map(BTreeMap::values_mut)
        {
            entry.at = None;
        }
        self
    }

    /// What is to be told at `now`, where `conditions` are so: most urgent first. What lasts is told again after `repeat`.
    #[must_use]
    pub fn due(&self, conditions: &[Condition], now: Timestamp, repeat: Duration) -> Vec<Due> {
        let mut due: Vec<_> =
            conditions.iter().filter_map(|it| self.due_of(it, now, repeat)).collect();
        due.extend(self.ended(conditions));
        due.sort_by(|a, b| {
            let rank = |it: &Due| (it.condition.kind, it.phase == Phase::Ended);
            rank(a).cmp(&rank(b)).then_with(|| a.condition.rank().cmp(&b.condition.rank()))
        });
        due
    }

    /// When something that lasts is to be told again.
    #[must_use]
    pub fn repeats_at(&self, repeat: Duration) -> Option<Timestamp> {
        let lasting = self.entries().filter(|(_, _, entry)| entry.lasts);
        lasting.filter_map(|(_, _, entry)| Some(later(entry.at?, repeat))).min()
    }

    fn due_of(&self, condition: &Condition, now: Timestamp, repeat: Duration) -> Option<Due> {
        let phase = match self.entry(condition) {
            None if condition.lasts => Phase::Began,
            None => Phase::Happened,
            // It happened once more under the same name.
            Some(entry) if !condition.lasts => {
                return (entry.since != condition.since)
                    .then(|| Due { phase: Phase::Happened, condition: condition.clone() });
            }
            Some(Entry { at: Some(at), .. }) if since(now, *at) < repeat && *at <= now => {
                return None;
            }
            Some(_) => Phase::Lasts,
        };
        Some(Due { phase, condition: condition.clone() })
    }

    fn ended(&self, conditions: &[Condition]) -> impl Iterator<Item = Due> {
        self.entries().filter_map(|(kind, subject, entry)| {
            let goes_on = |it: &Condition| (it.kind, it.subject.as_str()) == (kind, subject);
            if !entry.lasts || conditions.iter().any(goes_on) {
                return None;
            }
            let title = kind.over(&entry.title);
            let condition = Condition {
                since: entry.since,
                ..Condition::new(kind, subject, title.clone(), title)
            };
            Some(Due { phase: Phase::Ended, condition })
        })
    }

    /// Writes down that something was told.
    pub fn note(&mut self, due: &Due, now: Timestamp) {
        let Due { phase, condition } = due;
        let entries = self.told.entry(condition.kind).or_default();
        if *phase == Phase::Ended {
            entries.remove(&condition.subject);
            return;
        }
        let entry = Entry {
            at: Some(now),
            lasts: condition.lasts,
            title: condition.title.clone(),
            since: condition.since,
        };
        entries.insert(condition.subject.clone(), entry);
    }

    /// Forgets what happened so long ago that nobody would be told of it any more.
    pub fn forget(&mut self, now: Timestamp) {
        for entries in self.told.values_mut() {
            // Twice as long: a clock may be set back.
            let old = |at: Timestamp| since(now, at) >= Condition::AGE_MAX * 2;
            entries.retain(|_, entry| entry.lasts || !entry.since.is_some_and(old));
        }
    }

    fn entry(&self, condition: &Condition) -> Option<&Entry> {
        self.told.get(&condition.kind)?.get(&condition.subject)
    }

    fn entries(&self) -> impl Iterator<Item = (Kind, &str, &Entry)> {
        self.told.iter().flat_map(|(kind, entries)| {
            entries.iter().map(|(subject, entry)| (*kind, subject.as_str(), entry))
        })
    }
}

#[cfg(test)]
mod tests;
