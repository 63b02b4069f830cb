//! What the journal says, folded; and the one way to write to it.
//!
//! Living and recovering take the same path: a change is appended, durable, and then folded exactly as it is when the journal
//! is read at start. Whatever fails to be appended has not happened.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use mapek_model::{
    ActionKind, CycleNumber, Execution, ExecutionEvent, ExecutionId, ExecutionRecord, Outcome,
    PlanHash, ReplayError, Sequence, TargetId, Timestamp,
};
use mapek_store::Store;

use crate::{
    BadRecord, Body, Entry, Error, Journal, Paused, Record, judge::Watch, proposals::Proposals,
};

/// How many executions are remembered after they ended: enough for budgets and for people; the journal has them all.
const ENDED_KEPT: usize = 1000;
/// How many outcomes are remembered for whoever takes them by cursor; older ones are read from the journal again.
const OUTCOMES_KEPT: usize = 4096;

/// How many bad records are told apart; a file that is nothing but bad records must not fill memory.
const BAD_KEPT: usize = 1000;

/// An execution, and what is known of it beside its log.
#[derive(Debug, Clone)]
pub(crate) struct Tracked {
    pub(crate) execution: Execution,
    /// What its plan's hash was when it began.
    pub(crate) hash: PlanHash,
    /// Who had approved it.
    pub(crate) approvers: BTreeSet<String>,
    /// Where its log begins.
    first: Sequence,
    /// Whether a record of its log may be missing.
    pub(crate) suspect: bool,
    /// What was seen of its episodes.
    pub(crate) watch: Watch,
    /// When there is something to do next, as far as is known.
    pub(crate) due: Option<Timestamp>,
}

/// An execution whose log cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// Which execution.
    pub execution: ExecutionId,
    /// Its target, if the journal says so.
    pub target: Option<TargetId>,
    /// What is wrong with its log.
    pub reason: String,
}

/// All that the journal says.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) executions: BTreeMap<ExecutionId, Tracked>,
    ended: VecDeque<ExecutionId>,
    pub(crate) proposals: Proposals,
    pub(crate) latch: Option<Paused>,
    pub(crate) rearmed: BTreeMap<TargetId, BTreeMap<ActionKind, Timestamp>>,
    pub(crate) outcomes: BTreeMap<Sequence, Outcome>,
    /// Outcomes up to here are no longer in memory.
    forgotten: Sequence,
    pub(crate) damaged: BTreeMap<ExecutionId, Damaged>,
    pub(crate) cycle: CycleNumber,
    pub(crate) bad: Vec<BadRecord>,
    newest_bad: Option<Sequence>,
}

impl View {
    fn take(&mut self, item: Result<Record, BadRecord>) {
        match item {
            Ok(record) => self.fold(&record),
            Err(bad) => {
                self.newest_bad = Some(bad.sequence);
                if self.bad.len() < BAD_KEPT {
                    self.bad.push(bad);
                }
            }
        }
    }

    pub(crate) fn fold(&mut self, record: &Record) {
        self.cycle = self.cycle.max(record.cycle);
        match &record.body {
            Body::Execution { record: happened } => self.fold_execution(record, happened),
            Body::Proposed(proposed) => self.proposals.fold_proposed(proposed, record.at),
            Body::Approval { plan, event } => self.proposals.fold_event(plan, event, record.at),
            Body::Latch { paused, by, reason } => {
                self.latch = paused.then(|| Paused::Latch {
                    who: by.clone(),
                    reason: reason.clone(),
                    at: record.at,
                });
            }
            Body::Rearmed { kind, .. } => {
                if let Some(target) = &record.target {
                    self.rearmed.entry(target.clone()).or_default().insert(kind.clone(), record.at);
                }
            }
            Body::Cycle(_) | Body::Checkpoint { .. } => {}
        }
    }

    fn fold_execution(&mut self, record: &Record, happened: &ExecutionRecord) {
        let id = happened.execution;
        if self.damaged.contains_key(&id) {
            if matches!(happened.event, ExecutionEvent::Closed { .. }) {
                self.damaged.remove(&id);
                self.executions.remove(&id);
            }
            return;
        }
        let followed = match self.executions.get_mut(&id) {
            Some(tracked) => tracked.execution.apply(happened),
            None => self.begin(record, happened),
        };
        match followed {
            Ok(()) => self.note_outcome(record.sequence, id, &happened.event),
            Err(error) => {
                let damaged = Damaged {
                    execution: id,
                    target: record.target.clone(),
                    reason: describe(&error),
                };
                self.damaged.insert(id, damaged);
            }
        }
    }

    fn begin(&mut self, record: &Record, happened: &ExecutionRecord) -> Result<(), ReplayError> {
        let execution = Execution::begin(happened)?;
        let hash = execution.plan.hash();
        let tracked = Tracked {
            hash,
            approvers: self.proposals.spend(&hash),
            first: record.sequence,
            suspect: false,
            watch: Watch::default(),
            due: Some(record.at),
            execution,
        };
        self.executions.insert(happened.execution, tracked);
        Ok(())
    }

    fn note_outcome(&mut self, sequence: Sequence, id: ExecutionId, event: &ExecutionEvent) {
        let Some(tracked) = self.executions.get(&id) else { return };
        let execution = &tracked.execution;
        let settled = match event {
            ExecutionEvent::Judged { .. } => true,
            ExecutionEvent::Ended { .. } => execution.judgement.is_none(),
            _ => false,
        };
        if settled && let Some(outcome) = execution.outcome() {
            self.outcomes.insert(sequence, outcome);
            if self.outcomes.len() > OUTCOMES_KEPT
                && let Some((oldest, _)) = self.outcomes.pop_first()
            {
                self.forgotten = oldest;
            }
        }
        if !execution.status.is_live() {
            self.ended.retain(|ended| *ended != id);
            self.ended.push_back(id);
            self.forget_ended();
        }
    }

    fn forget_ended(&mut self) {
        while self.ended.len() > ENDED_KEPT {
            let Some(oldest) = self.ended.pop_front() else { return };
            let kept = self.executions.get(&oldest).is_some_and(|it| {
                it.execution.status.is_live() || it.execution.status.needs_operator()
            });
            if !kept {
                self.executions.remove(&oldest);
            }
        }
    }

    /// A record that cannot be read may have been anybody's: those who were at work then are looked at more closely.
    fn suspect(&mut self) {
        let Some(newest) = self.newest_bad else { return };
        for tracked in self.executions.values_mut() {
            tracked.suspect = tracked.execution.status.is_live() && tracked.first < newest;
        }
    }

    /// Those with work left to do. What is damaged waits for a person.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Tracked> {
        self.executions.values().filter(|tracked| {
            tracked.execution.status.is_live() && !self.damaged.contains_key(&tracked.execution.id)
        })
    }

    /// Those whose log cannot be followed and that may be about this target.
    pub(crate) fn damaged_on(&self, target: &TargetId) -> Vec<&Damaged> {
        let here = |damaged: &&Damaged| damaged.target.as_ref().is_none_or(|at| at == target);
        self.damaged.values().filter(here).collect()
    }

    /// The other executions on a target, by when they began.
    pub(crate) fn others(&self, target: &TargetId, except: Option<ExecutionId>) -> Vec<&Execution> {
        let mut others: Vec<_> = self
            .executions
            .values()
            .map(|tracked| &tracked.execution)
            .filter(|other| other.target() == target && Some(other.id) != except)
            .collect();
        others.sort_by_key(|other| (other.started, other.id));
        others
    }
}

fn describe(error: &ReplayError) -> String {
    std::error::Error::source(error)
        .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// The journal and what it says.
#[derive(Debug)]
pub(crate) struct Ledger {
    journal: Journal,
    pub(crate) view: View,
    /// Whether the view is what the journal says. Not after an append that failed: then it is read again, as after a crash.
    sound: bool,
}

impl Ledger {
    pub(crate) fn open(store: Arc<dyn Store>) -> Result<Self, Error> {
        let mut view = View::default();
        let journal = Journal::open(store, |item| view.take(item))?;
        view.suspect();
        Ok(Self { journal, view, sound: true })
    }

    pub(crate) const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Reads the journal again if an append has failed since: only it knows whether the record is there. The epoch stays, so
    /// that a leader which was replaced meanwhile does not take over again.
    pub(crate) fn refresh(&mut self) -> Result<(), Error> {
        if self.sound {
            return Ok(());
        }
        let mut view = View { cycle: self.view.cycle, ..View::default() };
        self.journal.reread(|item| view.take(item))?;
        view.suspect();
        for (id, tracked) in &mut view.executions {
            if let Some(before) = self.view.executions.get(id) {
                tracked.watch = before.watch.clone();
            }
        }
        (self.view, self.sound) = (view, true);
        Ok(())
    }

    /// Makes something happen: appends it, durable, and folds it.
    pub(crate) fn commit(
        &mut self,
        target: Option<&TargetId>,
        at: Timestamp,
        body: Body,
    ) -> Result<(), Error> {
        self.refresh()?;
        self.check(&body)?;
        let entry = Entry { target: target.cloned(), at, cycle: self.view.cycle, body };
        let appended = self.journal.append(entry);
        self.sound = appended.is_ok();
        self.view.fold(&appended?);
        Ok(())
    }

    pub(crate) fn happen(
        &mut self,
        id: ExecutionId,
        at: Timestamp,
        event: ExecutionEvent,
    ) -> Result<(), Error> {
        let target = match &event {
            ExecutionEvent::Started { plan, .. } => Some(plan.target.clone()),
            _ => self
                .view
                .executions
                .get(&id)
                .map(|tracked| tracked.execution.target().clone())
                .or_else(|| self.view.damaged.get(&id)?.target.clone()),
        };
        let record = ExecutionRecord { execution: id, at, event };
        self.commit(target.as_ref(), at, Body::Execution { record })
    }

    pub(crate) fn set_cycle(&mut self, cycle: CycleNumber) {
        self.view.cycle = self.view.cycle.max(cycle);
    }

    /// What would be illegal in recovery is not written in the first place.
    fn check(&self, body: &Body) -> Result<(), Error> {
        match body {
            Body::Execution { record } => {
                let id = record.execution;
                if self.view.damaged.contains_key(&id) {
                    return Ok(());
                }
                match self.view.executions.get(&id) {
                    Some(tracked) => tracked.execution.clone().apply(record),
                    None => Execution::begin(record).map(|_| ()),
                }
                .map_err(|source| Error::Illegal { source })
            }
            Body::Approval { plan, event } => match self.view.proposals.after(plan, event) {
                None => Err(Error::UnknownProposal { hash: *plan }),
                Some(Err(source)) => Err(Error::Proposal { hash: *plan, source }),
                Some(Ok(_)) => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The outcomes after `cursor`, in order, at most `limit`.
    pub(crate) fn outcomes_after(
        &self,
        cursor: Sequence,
        limit: usize,
    ) -> Result<Vec<(Sequence, Outcome)>, Error> {
        if cursor >= self.view.forgotten {
            let after = (std::ops::Bound::Excluded(cursor), std::ops::Bound::Unbounded);
            let found = self.view.outcomes.range(after).take(limit);
            return Ok(found.map(|(at, outcome)| (*at, outcome.clone())).collect());
        }
        let (mut view, mut found) = (View::default(), Vec::new());
        crate::scan(self.journal.store().as_ref(), |item| {
            let Ok(record) = item else { return };
            view.fold(&record);
            if record.sequence > cursor
                && found.len() < limit
                && let Some(outcome) = view.outcomes.get(&record.sequence)
            {
                found.push((record.sequence, outcome.clone()));
            }
        })?;
        Ok(found)
    }
}
