//! How resources were seen to change, and by whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mapek_model::{ExecutionId, Generation, Resource, Sequence, Timestamp, drawn_back};
use serde::{Deserialize, Serialize};

use crate::Record;

/// How many changes by others are remembered of each resource beside those that answered ours.
const CHANGES_KEPT: usize = 4;
/// How many of those that answered ours: more than anybody wants to see before they are asked.
const ANSWERS_KEPT: usize = 16;

/// Who changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Writer {
    /// Nobody knows: it was seen for the first time.
    Unknown,
    /// We did, as far as can be told: a step of ours was on its way.
    Us,
    /// Somebody else.
    Others {
        /// Who, where the managed system says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        who: Option<String>,
        /// Which execution of ours had set it before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answers: Option<ExecutionId>,
    },
}

/// A resource that was seen in another state than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// What sort of thing.
    pub kind: String,
    /// Which one.
    pub id: String,
    /// Its state before; absent if it was seen for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Generation>,
    /// Its state now.
    pub after: Generation,
    /// It was in its state before until then at least.
    pub since: Timestamp,
    /// Who did it.
    pub writer: Writer,
}

/// A change that somebody else made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignChange {
    /// What sort of thing was changed.
    pub kind: String,
    /// Which one.
    pub id: String,
    /// Its state before.
    pub before: Option<Generation>,
    /// Its state after.
    pub after: Generation,
    /// It was made no earlier than this.
    pub since: Timestamp,
    /// When it was seen.
    pub seen: Timestamp,
    /// Who made it, where the managed system says so.
    pub who: Option<String>,
    /// The execution of ours that had set it before: what we set is set otherwise by them.
    pub answers: Option<ExecutionId>,
}

/// What is remembered of one resource.
#[derive(Debug)]
pub(crate) struct Trail {
    /// Its newest state.
    pub(crate) generation: Generation,
    /// Since when.
    pub(crate) at: Timestamp,
    /// When it was looked at last. Who starts anew does not know it.
    pub(crate) looked: Option<Timestamp>,
    /// Since when it is not there any more, as far as this process has looked.
    missed: Option<Timestamp>,
    newest: Sequence,
    changes: VecDeque<(Sequence, ForeignChange)>,
    answers: VecDeque<(Sequence, ForeignChange)>,
}

impl Trail {
    fn foreign(&self) -> impl Iterator<Item = &(Sequence, ForeignChange)> {
        self.changes.iter().chain(&self.answers)
    }

    /// When somebody else changed it last.
    pub(crate) fn others_last(&self) -> Option<Timestamp> {
        self.foreign().map(|(_, change)| change.seen).max()
    }

    fn note(&mut self, sequence: Sequence, change: ForeignChange) {
        let (list, most) = match change.answers {
            Some(_) => (&mut self.answers, ANSWERS_KEPT),
            None => (&mut self.changes, CHANGES_KEPT),
        };
        list.push_back((sequence, change));
        if list.len() > most {
            list.pop_front();
        }
    }
}

/// What is remembered of the resources of one target.
#[derive(Debug, Default)]
pub(crate) struct Trails {
    by_resource: BTreeMap<(String, String), Trail>,
}

impl Trails {
    /// The clock went back to `now`: what was seen later was seen now, in the order in which it was.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        for trail in self.by_resource.values_mut() {
            trail.at = now.min(trail.at);
            for at in trail.looked.iter_mut().chain(&mut trail.missed) {
                *at = now.min(*at);
            }
            for (_, change) in trail.changes.iter_mut().chain(&mut trail.answers) {
                (change.since, change.seen) = (now.min(change.since), drawn_back(change.seen, now));
            }
        }
    }

    /// These were looked at. What is not among them was not: what became of it meanwhile nobody saw.
    pub(crate) fn look(&mut self, resources: &[Resource], now: Timestamp) {
        for trail in self.by_resource.values_mut() {
            trail.missed.get_or_insert(now);
        }
        for resource in resources.iter().filter(|it| it.generation.is_some()) {
            let key = (resource.kind.clone(), resource.id.clone());
            if let Some(trail) = self.by_resource.get_mut(&key) {
                (trail.looked, trail.missed) = (Some(now), None);
            }
        }
    }

    /// Forgets what has been missed since then, or longer.
    pub(crate) fn forget_missed(&mut self, then: Timestamp) {
        self.by_resource.retain(|_, trail| trail.missed.is_none_or(|missed| missed > then));
    }

    pub(super) fn take(&mut self, record: &Record, moves: &[Moved]) {
        for moved in moves {
            let key = (moved.kind.clone(), moved.id.clone());
            let trail = self.by_resource.entry(key).or_insert_with(|| Trail {
                generation: moved.after,
                at: record.at,
                looked: None,
                missed: None,
                newest: record.sequence,
                changes: VecDeque::new(),
                answers: VecDeque::new(),
            });
            (trail.generation, trail.at, trail.newest) = (moved.after, record.at, record.sequence);
            if let Writer::Others { who, answers } = &moved.writer {
                let change = ForeignChange {
                    kind: moved.kind.clone(),
                    id: moved.id.clone(),
                    before: moved.before,
                    after: moved.after,
                    since: moved.since,
                    seen: record.at,
                    who: who.clone(),
                    answers: *answers,
                };
                trail.note(record.sequence, change);
            }
        }
    }

    pub(crate) fn get(&self, kind: &str, id: &str) -> Option<&Trail> {
        self.by_resource.get(&(kind.to_owned(), id.to_owned()))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_resource.len()
    }

    /// What others have changed, oldest first.
    pub(crate) fn foreign(&self) -> Vec<&ForeignChange> {
        let mut all: Vec<_> = self.by_resource.values().flat_map(Trail::foreign).collect();
        all.sort_by_key(|(sequence, change)| (*sequence, &change.kind, &change.id));
        all.into_iter().map(|(_, change)| change).collect()
    }

    /// The records that all this is known from.
    pub(super) fn records(&self) -> BTreeSet<Sequence> {
        let of = |trail: &Trail| {
            let foreign: Vec<_> = trail.foreign().map(|(sequence, _)| *sequence).collect();
            foreign.into_iter().chain([trail.newest])
        };
        self.by_resource.values().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use mapek_model::{ContentHash, CycleNumber, Duration, Epoch, later};
    use uuid::Uuid;

    use super::*;
    use crate::Body;

    fn at(n: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(n))
    }

    /// The `n`-th record says that others have changed a thing, in answer to us or not.
    fn change(trails: &mut Trails, n: u64, answers: bool) {
        let answers = answers.then(|| ExecutionId::from_uuid(Uuid::from_u128(1)));
        let moves = vec![Moved {
            kind: "thing".to_owned(),
            id: "alpha".to_owned(),
            before: Some(Generation::new(n - 1)),
            after: Generation::new(n),
            since: at(n - 1),
            writer: Writer::Others { who: None, answers },
        }];
        let record = Record {
            target: None,
            epoch: Epoch::new(1),
            sequence: Sequence::new(n),
            at: at(n),
            cycle: CycleNumber::new(n),
            previous: ContentHash::of(b""),
            body: Body::Moved { moves: moves.clone() },
        };
        trails.take(&record, &moves);
    }

    #[test]
    fn of_each_resource_so_many_changes_are_remembered_and_those_that_answered_us_longer() {
        let mut trails = Trails::default();
        for n in 1..=17 {
            change(&mut trails, n, true);
        }
        for n in 18..=22 {
            change(&mut trails, n, false);
        }
        let seen: Vec<_> = trails.foreign().iter().map(|it| it.seen).collect();
        let expected: Vec<_> = (2..=17).chain(19..=22).map(at).collect();
        assert_eq!(seen, expected, "sixteen and four, the oldest went");
        assert_eq!(trails.records(), (2..=17).chain(19..=22).map(Sequence::new).collect());
        let trail = trails.get("thing", "alpha").unwrap();
        assert_eq!((trail.generation, trail.at), (Generation::new(22), at(22)));
        assert_eq!((trail.others_last(), trails.len()), (Some(at(22)), 1));
    }

    #[test]
    fn what_has_been_missed_for_as_long_as_that_is_forgotten() {
        let mut trails = Trails::default();
        change(&mut trails, 10, false);
        trails.look(&[], at(20));
        for (since, left) in [(19, 1), (20, 0)] {
            trails.forget_missed(at(since));
            assert_eq!(trails.len(), left, "{since}");
        }
    }

    #[test]
    fn what_was_seen_later_than_a_clock_that_went_back_was_seen_at_the_latest_then() {
        let mut trails = Trails::default();
        change(&mut trails, 10, true);
        change(&mut trails, 20, false);
        trails.set_back(at(15));
        let seen: Vec<_> = trails.foreign().iter().map(|it| (it.since, it.seen)).collect();
        let then = drawn_back(at(20), at(15));
        assert_eq!(seen, [(at(9), at(10)), (at(15), then)]);
        assert_eq!(trails.get("thing", "alpha").unwrap().at, at(15));
        assert_eq!(trails.get("thing", "alpha").unwrap().others_last(), Some(then));
    }
}
