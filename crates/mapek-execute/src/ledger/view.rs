//! What the journal says, folded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mapek_model::{
    ActionKind, ContentHash, CycleNumber, Duration, Execution, ExecutionEvent, ExecutionId,
    ExecutionRecord, Outcome, PlanHash, ReplayError, Sequence, TargetId, Timestamp, drawn_back,
    since,
};

use super::{sent::Sends, trails::Trails};
use crate::{
    BadRecord, Body, Defect, Defects, Error, Paused, Record, judge::Watch, proposals::Proposals,
    rails::did_harm,
};

/// How many executions are remembered after they ended: enough for budgets and for people; the journal has more.
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
    pub(super) first: Sequence,
    /// Whether a record of its log may be missing.
    pub(crate) suspect: bool,
    /// What was seen of its episodes.
    pub(crate) watch: Watch,
    /// When there is something to do next, as far as is known.
    pub(crate) due: Option<Timestamp>,
    /// What of it was sent, and when.
    pub(crate) sends: Sends,
    /// Which rails hold back what it would do next.
    pub(crate) held_back: BTreeSet<String>,
    /// Since when what was sent last, and not answered, is looked for. Who starts anew begins to look anew.
    pub(crate) looked_for: Option<Timestamp>,
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
    pub(super) ended: VecDeque<ExecutionId>,
    pub(crate) proposals: Proposals,
    pub(crate) latch: Option<Paused>,
    pub(crate) rearmed: BTreeMap<TargetId, BTreeMap<ActionKind, Timestamp>>,
    /// How the resources of each target were seen to change.
    pub(crate) trails: BTreeMap<TargetId, Trails>,
    pub(crate) outcomes: BTreeMap<Sequence, Outcome>,
    /// Outcomes up to here are no longer in memory.
    pub(super) forgotten: Sequence,
    pub(crate) damaged: BTreeMap<ExecutionId, Damaged>,
    pub(crate) cycle: CycleNumber,
    /// When the newest cycle in the journal was.
    cycled: Option<Timestamp>,
    pub(crate) bad: Vec<BadRecord>,
    newest_bad: Option<Sequence>,
    pub(super) traces: Traces,
    /// What is wrong with how it is folded.
    pub(super) defects: Defects,
}

/// Where in the journal things are: what pruning has to know.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// When each record was written.
    pub(super) written: VecDeque<(Sequence, Timestamp)>,
    /// The newest record that names a kept value.
    pub(super) named: BTreeMap<ContentHash, Sequence>,
    /// The newest record of an execution's log, also of one that is not remembered any more.
    pub(super) logs: BTreeMap<ExecutionId, Sequence>,
}

impl Traces {
    fn note(&mut self, record: &Record) {
        self.written.push_back((record.sequence, record.at));
        match &record.body {
            Body::Execution { record: ExecutionRecord { execution, .. } }
            | Body::Watched { execution, .. }
            | Body::HeldBack { execution, .. } => {
                self.logs.insert(*execution, record.sequence);
            }
            body => {
                self.named.extend(body.values().into_iter().map(|hash| (hash, record.sequence)));
            }
        }
    }
}

impl View {
    /// Of an empty journal.
    pub(super) fn with(defects: Defects) -> Self {
        Self { defects, ..Self::default() }
    }

    pub(crate) fn take(&mut self, item: Result<Record, BadRecord>) {
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
        self.traces.note(record);
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
            Body::Watched { execution, watch } => {
                if let Some(tracked) = self.executions.get_mut(execution) {
                    tracked.watch.clone_from(watch);
                }
            }
            Body::HeldBack { execution, said } => {
                if let Some(tracked) = self.executions.get_mut(execution) {
                    tracked.held_back = said.rails();
                }
            }
            Body::Moved { moves } => {
                if let Some(target) = &record.target {
                    self.trails.entry(target.clone()).or_default().take(record, moves);
                }
            }
            Body::Cycle(_) => self.cycled = Some(record.at),
            Body::SetBack { by } => self.set_back(record.at, *by),
            Body::Decided(_) | Body::Checkpoint { .. } => {}
        }
    }

    /// The clock went back to `now`: what is said to have happened later has happened at the latest now.
    fn set_back(&mut self, now: Timestamp, by: Duration) {
        for tracked in self.executions.values_mut() {
            if !self.defects.has(Defect::SentInTheFuture) {
                tracked.sends.set_back(now, by);
            }
            let expires = tracked.execution.plan.expires;
            tracked.execution.set_back(now);
            if self.defects.has(Defect::Immortal) {
                tracked.execution.plan.expires = expires;
            }
            tracked.watch.set_back(now);
            for at in tracked.due.iter_mut().chain(&mut tracked.looked_for) {
                *at = now.min(*at);
            }
        }
        for at in self.rearmed.values_mut().flat_map(BTreeMap::values_mut) {
            *at = drawn_back(*at, now);
        }
        self.proposals.set_back(now);
        self.trails.values_mut().for_each(|trails| trails.set_back(now));
    }

    /// By how much the clock has gone back since the newest cycle; `None` if it has not.
    pub(crate) fn went_back(&self, now: Timestamp) -> Option<Duration> {
        let cycled = self.cycled.filter(|cycled| now < *cycled)?;
        Some(since(cycled, now))
    }

    /// Whether this may happen next.
    pub(crate) fn check(&self, body: &Body) -> Result<(), Error> {
        match body {
            Body::Execution { record } => {
                let id = record.execution;
                if self.damaged.contains_key(&id) {
                    return Ok(());
                }
                match self.executions.get(&id) {
                    Some(tracked) => tracked.execution.clone().apply(record),
                    None => Execution::begin(record).map(|_| ()),
                }
                .map_err(|source| Error::Illegal { source })
            }
            Body::Approval { plan, event } => match self.proposals.after(plan, event) {
                None => Err(Error::UnknownProposal { hash: *plan }),
                Some(Err(source)) => Err(Error::Proposal { hash: *plan, source }),
                Some(Ok(_)) => Ok(()),
            },
            _ => Ok(()),
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
            Some(tracked) => {
                tracked.looked_for = None;
                tracked.held_back.clear();
                tracked.sends.take(happened, self.defects);
                tracked.execution.apply(happened)
            }
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
            sends: Sends::default(),
            looked_for: None,
            held_back: BTreeSet::new(),
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
                it.execution.status.is_live()
                    || it.execution.status.needs_operator()
                    || self.is_held_against(&it.execution)
            });
            if !kept {
                self.executions.remove(&oldest);
            }
        }
    }

    /// Whether it did harm with a kind that nobody has re-armed since. Such a one is never forgotten: the breaker counts it,
    /// and no rail is loosened by time alone.
    pub(super) fn is_held_against(&self, execution: &Execution) -> bool {
        let rearmed = self.rearmed.get(execution.target());
        execution.judgement.as_ref().filter(|it| did_harm(it)).is_some_and(|judgement| {
            execution.plan.steps.iter().any(|step| {
                let rearmed = rearmed.and_then(|kinds| kinds.get(&step.action.kind()));
                rearmed.is_none_or(|at| judgement.at > *at)
            })
        })
    }

    /// A record that cannot be read may have been anybody's: those who were at work then are looked at more closely.
    pub(super) fn suspect(&mut self) {
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

#[cfg(all(test, feature = "defects"))]
mod tests {
    use super::*;

    #[test]
    fn a_defect_that_is_put_in_is_there() {
        let bad = Defects::only(Defect::NeverOver);
        assert_eq!(View::with(bad).defects, bad);
    }
}
