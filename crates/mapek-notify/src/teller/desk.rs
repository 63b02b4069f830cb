//! What a channel is told next, and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mapek_loop::{Clock, LoopState};
use mapek_model::{Duration, Timestamp, since};

use crate::{
    Book, Config, Due, Kind, Notice, Phase,
    condition::{conditions, is_known},
    notice::OTHERS_MAX,
    pace::{Pace, Tries},
};

/// What tells one message from another.
type Key = (Kind, Phase, String);

/// Decides what a channel is told next. It knows the time and sends nothing.
#[derive(Debug)]
pub(super) struct Desk {
    book: Book,
    kinds: BTreeSet<Kind>,
    config: Config,
    clock: Arc<dyn Clock>,
    pace: Pace,
    tries: Tries,
    /// By the stopwatch: nobody is tried to be reached before.
    rests_until: Option<Duration>,
    /// What was tried last, and not taken. There is room for it already.
    open: Option<Key>,
    /// What there is no room for.
    held_back: BTreeSet<Key>,
    /// What of it is not counted yet.
    uncounted: Vec<Kind>,
}

/// A message, and all that is told with it.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) notice: Notice,
    covers: Vec<Due>,
}

#[derive(Debug)]
pub(super) enum Next {
    Tell(Box<Message>),
    /// For so long, or until something changes.
    Wait {
        until: Option<Duration>,
    },
}

impl Desk {
    pub(super) fn new(
        book: Book,
        kinds: BTreeSet<Kind>,
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            book,
            kinds,
            pace: Pace::new(&config, Arc::clone(&clock)),
            tries: Tries::new(config.backoff_max),
            config,
            clock,
            rests_until: None,
            open: None,
            held_back: BTreeSet::new(),
            uncounted: Vec::new(),
        }
    }

    pub(super) const fn book(&self) -> &Book {
        &self.book
    }

    pub(super) fn next(&mut self, state: &LoopState, now: Timestamp) -> Next {
        let mut so = conditions(state, now);
        so.retain(|it| self.kinds.contains(&it.kind));
        let repeat = self.config.repeat_interval;
        let mut due = self.book.due(&so, now, repeat);
        due.retain(|it| it.phase != Phase::Ended || is_known(state, it.condition.kind));
        self.held_back.retain(|key| due.iter().any(|it| *key == self::key(it)));
        let Some(first) = due.first() else {
            self.open = None;
            let until = self.book.repeats_at(repeat).map(|at| since(at, now));
            // What the clock calls due now was looked at just now.
            return Next::Wait { until: until.map(|wait| wait.max(Duration::from_millis(100))) };
        };
        if let Some(rest) = self.rest(first) {
            return Next::Wait { until: Some(rest) };
        }
        let mut room_in: Option<Duration> = None;
        for group in by_kind(due) {
            match self.room(&group[0]) {
                Ok(()) => return Next::Tell(Box::new(self.message(group, state, now))),
                Err(wait) => {
                    self.hold_back(&group);
                    room_in = Some(room_in.map_or(wait, |other| other.min(wait)));
                }
            }
        }
        Next::Wait { until: room_in }
    }

    /// For how long nobody is tried, if so. What is urgent and new does not wait for its turn.
    fn rest(&mut self, first: &Due) -> Option<Duration> {
        let rest = self.rests_until?.checked_sub(self.clock.stopwatch());
        let rest = rest.filter(|rest| !rest.is_zero())?;
        let is_new = self.open.as_ref() != Some(&key(first));
        let urgent = first.condition.kind == Kind::NeedsOperator && is_new;
        if urgent && self.tries.urgent() { None } else { Some(rest) }
    }

    fn room(&self, due: &Due) -> Result<(), Duration> {
        if self.open.as_ref() == Some(&key(due)) {
            return Ok(());
        }
        self.pace.take(due.condition.kind)
    }

    fn hold_back(&mut self, due: &[Due]) {
        for one in due {
            if self.held_back.insert(key(one)) {
                self.uncounted.push(one.condition.kind);
            }
        }
    }

    /// Kinds of what was held back since the last call, each as often as it was.
    pub(super) fn take_held_back(&mut self) -> Vec<Kind> {
        std::mem::take(&mut self.uncounted)
    }

    /// The first of a kind; with all others of its kind and phase where some were held back.
    fn message(&mut self, mut group: Vec<Due>, state: &LoopState, now: Timestamp) -> Message {
        let (kind, phase) = (group[0].condition.kind, group[0].phase);
        let some_were = self.held_back.iter().any(|it| (it.0, it.1) == (kind, phase));
        group.retain(|it| it.phase == phase);
        group.truncate(if some_were { usize::MAX } else { 1 });
        let mut notice = Notice::of(&group[0].condition, phase, &state.target, now);
        let others = &group[1..];
        notice.held_back = others.len() as u64;
        let titles = others.iter().take(OTHERS_MAX).map(|it| it.condition.title.clone());
        notice.others = titles.collect();
        if let Some(first) = notice.others.first() {
            let (n, first) = (others.len(), first.clone());
            notice.text.push_str(&format!(" And {n} more of this kind, the first: {first}"));
        }
        notice.link.clone_from(&self.config.link);
        self.open = Some(key(&group[0]));
        Message { notice, covers: group }
    }

    pub(super) fn told(&mut self, message: &Message, now: Timestamp) {
        for due in &message.covers {
            self.book.note(due, now);
            self.held_back.remove(&key(due));
        }
        self.book.forget(now);
        self.tries.succeeded();
        (self.open, self.rests_until) = (None, None);
    }

    /// Answers after how long it is tried again.
    pub(super) fn failed(&mut self, message: &Message, asked: Option<Duration>) -> Duration {
        let wait = self.tries.failed(asked);
        self.rests_until = Some(self.clock.stopwatch() + wait);
        self.open = message.covers.first().map(key);
        wait
    }
}

fn key(due: &Due) -> Key {
    (due.condition.kind, due.phase, due.condition.subject.clone())
}

/// Of each kind those that are due, in their order, most urgent kind first.
fn by_kind(due: Vec<Due>) -> impl Iterator<Item = Vec<Due>> {
    let mut groups: BTreeMap<Kind, Vec<Due>> = BTreeMap::new();
    for one in due {
        groups.entry(one.condition.kind).or_default().push(one);
    }
    groups.into_values()
}

#[cfg(test)]
mod tests;
