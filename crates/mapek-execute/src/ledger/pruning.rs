//! What of the journal may go, and what has to stay.
//!
//! The rule is that reading what is left gives what is known now, but for what nobody needs any more. Whole logs stay or go:
//! half a log could not be followed.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{
    ActionKind, ContentHash, Duration, ExecutionEvent, ExecutionId, PlanHash, Sequence, TargetId,
    Timestamp, since,
};

use super::{Ledger, Trails, View};
use crate::{
    Body, Config, Error, Record, Retention,
    journal::{Cut, Old},
};

/// Most records that are looked at in one go, so that a long journal is pruned over several cycles and none of them waits.
const BATCH_MAX: u64 = 4096;
/// Fewest that are worth it, if that many are kept at all: each pruning costs a record and a list of what stays.
const BATCH_MIN: u64 = 256;

/// How long what ended is kept, however little may be kept otherwise: budgets look back for an hour, the breaker for a day.
pub(crate) const ENDED_KEPT: Duration = Duration::from_secs(24 * 3600);

impl Ledger {
    /// Prunes what is too old or too much and needed by nobody; outcomes after `learned` are still to be learned. Answers how
    /// many records went.
    pub(crate) fn prune(
        &mut self,
        learned: Sequence,
        config: &Config,
        now: Timestamp,
    ) -> Result<usize, Error> {
        self.refresh()?;
        self.view.proposals.forget(config, now);
        let Some(through) = self.due(&config.journal_retention, learned, now) else { return Ok(0) };
        let stay = Stay::of(&self.view, through, learned, config, now);
        let mut sorting = Sorting::new(&stay);
        self.journal.old(through, |old| sorting.take(old))?;
        let (went, cut) = sorting.finish();
        let staying = stay.logs;
        let pruned = self.journal.prune(cut, now, self.view.cycle);
        self.sound = pruned.is_ok();
        self.view.fold(&pruned?);
        self.view.let_go(through, &staying);
        Ok(went)
    }

    /// The newest record that may go.
    fn due(&self, keep: &Retention, learned: Sequence, now: Timestamp) -> Option<Sequence> {
        let base = self.journal.pruned();
        let beyond = self.journal.head().get().saturating_sub(keep.records);
        let written = self.view.traces.written.iter().filter(|(at, _)| *at > base);
        let due = written
            .take_while(|(sequence, at)| sequence.get() <= beyond || since(now, *at) >= keep.age)
            .take_while(|(sequence, _)| {
                // Outcomes that are not in memory any more cannot be told one by one: all that may hold some stays.
                let told = learned >= self.view.forgotten || *sequence <= learned;
                told && sequence.get() - base.get() <= BATCH_MAX
            })
            .last()?
            .0;
        let worth = (keep.records / 8).clamp(1, BATCH_MIN);
        (due.get() - base.get() >= worth).then_some(due)
    }
}

impl View {
    /// The plans that began behind `through`.
    fn begun(&self, through: Sequence) -> impl Iterator<Item = PlanHash> {
        let begun = self.executions.values().filter(move |tracked| tracked.first > through);
        begun.map(|tracked| tracked.hash)
    }

    /// Forgets what was pruned, as if it had been read from what is left.
    fn let_go(&mut self, through: Sequence, staying: &BTreeSet<ExecutionId>) {
        let logs = &mut self.traces.logs;
        logs.retain(|id, _| staying.contains(id));
        self.executions.retain(|id, _| logs.contains_key(id));
        self.ended.retain(|id| self.executions.contains_key(id));
        self.outcomes.retain(|_, outcome| logs.contains_key(&outcome.execution));
        self.traces.named.retain(|_, newest| *newest > through);
        self.traces.written.retain(|(at, _)| *at > through);
    }
}

/// Who is still needed.
struct Stay {
    through: Sequence,
    /// Executions whose whole log stays.
    logs: BTreeSet<ExecutionId>,
    /// Plans that wait for people, or that began behind `through`: what was said about them stays.
    plans: BTreeSet<PlanHash>,
    /// Records of changes that are remembered.
    moved: BTreeSet<Sequence>,
    /// Values that a newer record names, too.
    values: BTreeSet<ContentHash>,
}

impl Stay {
    fn of(
        view: &View,
        through: Sequence,
        learned: Sequence,
        config: &Config,
        now: Timestamp,
    ) -> Self {
        // Also of those that are not remembered any more.
        let unlearned = view.outcomes.range(learned.next()..).map(|(_, outcome)| outcome.execution);
        let lately = ENDED_KEPT.max(config.rails.budget.cooldown);
        let needed = view.executions.values().filter(|tracked| {
            let execution = &tracked.execution;
            execution.status.is_live()
                || execution.status.needs_operator()
                || since(now, execution.updated) < lately
                || view.is_held_against(execution)
        });
        let unfinished = view.traces.logs.iter().filter(|(_, newest)| **newest > through);
        let logs = needed
            .map(|tracked| tracked.execution.id)
            .chain(unfinished.map(|(id, _)| *id))
            .chain(unlearned)
            .chain(view.damaged.keys().copied())
            .collect();
        let waiting = view.proposals.iter().map(|proposal| proposal.hash);
        let values = view.traces.named.iter().filter(|(_, newest)| **newest > through);
        Self {
            through,
            logs,
            plans: waiting.chain(view.begun(through)).collect(),
            moved: view.trails.values().flat_map(Trails::records).collect(),
            values: values.map(|(hash, _)| *hash).collect(),
        }
    }
}

/// Goes through old records in order and sorts out which of them stay.
struct Sorting<'a> {
    stay: &'a Stay,
    went: usize,
    all: BTreeMap<Sequence, ContentHash>,
    keep: BTreeSet<Sequence>,
    values: BTreeSet<ContentHash>,
    /// What was said about plans that have not begun up to here.
    said: BTreeMap<PlanHash, Said>,
    latch: Option<Sequence>,
    rearmed: BTreeMap<(Option<TargetId>, ActionKind), Sequence>,
}

/// What was said about one plan.
#[derive(Debug, Default)]
struct Said {
    records: BTreeSet<Sequence>,
    /// The newest record if it proposes again what the one before it proposed: with how many people, and where.
    again: Option<(u8, Option<Sequence>)>,
}

impl<'a> Sorting<'a> {
    fn new(stay: &'a Stay) -> Self {
        Self {
            stay,
            went: 0,
            all: BTreeMap::new(),
            keep: BTreeSet::new(),
            values: BTreeSet::new(),
            said: BTreeMap::new(),
            latch: None,
            rearmed: BTreeMap::new(),
        }
    }

    fn take(&mut self, old: Old) {
        self.all.insert(old.sequence, old.hash);
        match old.record {
            Some(record) => self.sort(record),
            // What cannot be trusted stays: who was at work then is looked at more closely.
            None => {
                self.keep.insert(old.sequence);
            }
        }
    }

    fn sort(&mut self, record: Record) {
        let at = record.sequence;
        self.values.extend(record.body.values());
        match record.body {
            Body::Execution { record } => {
                let stays = self.stay.logs.contains(&record.execution);
                if stays {
                    self.keep.insert(at);
                }
                if let ExecutionEvent::Started { plan, .. } = record.event {
                    // It used up what was said about its plan; that must not be there for the next one.
                    let spent = self.said.remove(&plan.hash()).unwrap_or_default();
                    self.keep.extend(spent.records.into_iter().filter(|_| stays));
                }
            }
            Body::Watched { execution, .. } | Body::HeldBack { execution, .. } => {
                if self.stay.logs.contains(&execution) {
                    self.keep.insert(at);
                }
            }
            Body::Proposed(proposed) => {
                self.said.entry(proposed.plan.hash()).or_default().proposed(at, proposed.needed);
            }
            Body::Approval { plan, .. } => {
                let said = self.said.entry(plan).or_default();
                said.records.insert(at);
                said.again = None;
            }
            Body::Latch { .. } => self.latch = Some(at),
            Body::Rearmed { kind, .. } => {
                self.rearmed.insert((record.target, kind), at);
            }
            Body::Moved { .. } => {
                if self.stay.moved.contains(&at) {
                    self.keep.insert(at);
                }
            }
            // Rare, and all that stays and is older is to be read with it.
            Body::SetBack { .. } => {
                self.keep.insert(at);
            }
            Body::Cycle(_) | Body::Decided(_) | Body::Checkpoint { .. } => {}
        }
    }

    fn finish(mut self) -> (usize, Cut) {
        for (plan, said) in std::mem::take(&mut self.said) {
            if self.stay.plans.contains(&plan) {
                self.keep.extend(said.records);
            }
        }
        self.keep.extend(self.latch);
        self.keep.extend(self.rearmed.values());
        let through = self.stay.through;
        let hash = self.all.get(&through).copied().unwrap_or(ContentHash::of(b""));
        self.went = self.all.len() - self.keep.len();
        self.all.retain(|at, _| self.keep.contains(at));
        self.values.retain(|value| !self.stay.values.contains(value));
        (self.went, Cut { through, hash, keep: self.all, values: self.values })
    }
}

impl Said {
    /// A plan that waits is proposed again and again; of a run of the same only the first and the last say something.
    fn proposed(&mut self, at: Sequence, needed: u8) {
        let before = self.again.filter(|(before, _)| *before == needed);
        if let Some((_, Some(middle))) = before {
            self.records.remove(&middle);
        }
        self.records.insert(at);
        self.again = Some((needed, before.map(|_| at)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mapek_model::{CycleNumber, later};
    use mapek_store::MemoryStore;

    use super::*;
    use crate::CycleInputs;

    fn day(n: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(n * 24 * 3600))
    }

    fn keeps(days: u64, records: u64) -> Config {
        let journal_retention = Retention { age: since(day(days), day(0)), records };
        Config { journal_retention, ..Config::default() }
    }

    /// What this cycle has seen is its own, what was known is the same for all.
    fn cycle(ledger: &mut Ledger, n: u64, at: Timestamp) {
        let inputs = CycleInputs::new(CycleNumber::new(n), value(0), 7, value(n), value(100));
        ledger.commit(None, at, Body::Cycle(inputs)).unwrap();
    }

    fn value(n: u64) -> ContentHash {
        ContentHash::of(&n.to_le_bytes())
    }

    #[test]
    fn of_what_was_pruned_nothing_is_remembered() {
        let mut ledger = Ledger::open(Arc::new(MemoryStore::new())).unwrap();
        for n in 1..=30 {
            cycle(&mut ledger, n, day(0));
        }
        assert_eq!(ledger.prune(Sequence::new(30), &keeps(1, 10), day(0)).unwrap(), 20);
        let traces = &ledger.view.traces;
        let written: Vec<_> = traces.written.iter().map(|(at, _)| at.get()).collect();
        assert_eq!(written, (21..=31).collect::<Vec<_>>(), "ten, and the checkpoint");
        let mut named = traces.named.clone();
        named.retain(|_, newest| newest.get() <= 30);
        let newest = (21..=30).map(|n| (value(n), Sequence::new(n)));
        assert_eq!(named, newest.chain([(value(100), Sequence::new(30))]).collect());
        assert_eq!(traces.named.len(), 12, "and what the checkpoint names");
    }

    #[test]
    fn what_stayed_of_a_pruning_keeps_nothing_that_is_behind_it() {
        let store = Arc::new(MemoryStore::new());
        let mut ledger = Ledger::open(store.clone()).unwrap();
        cycle(&mut ledger, 1, day(10));
        let (by, reason) = ("ada".to_owned(), "so".to_owned());
        ledger.commit(None, day(10), Body::Latch { paused: true, by, reason }).unwrap();
        // The clock was set back.
        cycle(&mut ledger, 2, day(0));
        assert_eq!(ledger.prune(Sequence::new(3), &keeps(30, 1), day(12)).unwrap(), 1);
        // The word on the pause is not five days old, and the cycle behind it is.
        let mut ledger = Ledger::open(store).unwrap();
        assert_eq!(ledger.prune(Sequence::new(4), &keeps(5, 15), day(12)).unwrap(), 1);
        assert_eq!(ledger.journal().pruned(), Sequence::new(3));
    }
}
