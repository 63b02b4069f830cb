//! What the journal says, read from its bytes without the code that wrote them.

use std::collections::{BTreeMap, BTreeSet};

use mapek_execute::{Body, Record, Writer};
use mapek_model::{
    ActionKind, ApprovalEvent, CycleNumber, Epoch, ExecutionEvent, ExecutionId, ExecutionStatus,
    Plan, PlanHash, StepIndex, StepStatus, Timestamp, Verdict, Way,
};

/// One execution.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: ExecutionId,
    pub(crate) plan: Plan,
    /// When its plan was made, and how long it may be sent; by the wall clock.
    pub(crate) created: i64,
    pub(crate) expires: i64,
    /// By its own record.
    pub(crate) started: i64,
    /// By the world's time.
    pub(crate) begun: i64,
    /// By its newest record.
    pub(crate) updated: i64,
    /// By the world's time.
    pub(crate) touched: i64,
    pub(crate) status: ExecutionStatus,
    /// The newest intent, until it is answered or its call has left.
    pub(crate) outstanding: Option<(StepIndex, Way, Epoch)>,
    /// When a step was said not to have taken effect, by the world's time.
    pub(crate) lost: BTreeMap<(StepIndex, Way), i64>,
    /// Whether a step is known to have taken effect.
    pub(crate) applied: bool,
    /// Its verdict, and how many records there were by then.
    pub(crate) judged: Option<(Verdict, u64)>,
}

impl Entry {
    /// The kinds of steps that were sent, and may have taken effect.
    pub(crate) fn sent_kinds(&self) -> BTreeSet<ActionKind> {
        let steps = self.plan.steps.iter().zip(self.status.steps());
        let sent = steps.filter(|(_, status)| {
            !matches!(status, StepStatus::Waiting | StepStatus::Refused | StepStatus::Skipped)
        });
        sent.map(|(step, _)| step.action.kind()).collect()
    }
}

/// What people said to a plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) by: BTreeSet<String>,
    pub(crate) newest: i64,
}

/// All that was ever durable, pruned or not.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) entries: BTreeMap<ExecutionId, Entry>,
    /// Executions in the order in which they began.
    pub(crate) order: Vec<ExecutionId>,
    pub(crate) keys: BTreeMap<String, (ExecutionId, StepIndex, Way)>,
    /// Who has paused the loop.
    pub(crate) latch: Option<String>,
    pub(crate) said: BTreeMap<PlanHash, Said>,
    pub(crate) rejected: BTreeSet<PlanHash>,
    /// When a kind was re-armed last, and how many records there were by then.
    pub(crate) rearmed: BTreeMap<ActionKind, (i64, u64)>,
    /// When others were seen to have set otherwise what we had set, by resource; and how many records there were by
    /// then.
    pub(crate) answers: BTreeMap<String, Vec<(i64, u64)>>,
    pub(crate) records: u64,
    /// The moment of the newest cycle.
    pub(crate) cycled: i64,
    /// The newest cycle that found the clock set back, by its epoch and number.
    pub(crate) set_back: Option<(Epoch, CycleNumber)>,
}

pub(crate) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

impl Book {
    /// Reads a record: a line with its hash, and JSON.
    pub(crate) fn read(bytes: &[u8]) -> Result<Record, String> {
        let json = bytes.splitn(2, |byte| *byte == b'\n').nth(1);
        let json = json.ok_or_else(|| "a durable record has no second line".to_owned())?;
        serde_json::from_slice(json).map_err(|error| format!("a durable record: {error}"))
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.status.is_live())
    }

    pub(crate) fn take(&mut self, record: Record, now: i64) {
        self.records += 1;
        match record.body {
            Body::Latch { paused, by, .. } => self.latch = paused.then_some(by),
            Body::Rearmed { kind, .. } => {
                self.rearmed.insert(kind, (millis(record.at), self.records));
            }
            Body::Approval { plan, event } => match event {
                ApprovalEvent::Approved { by, .. } => {
                    let said = self.said.entry(plan).or_default();
                    said.by.insert(by);
                    // Who says it again by a clock that is behind takes nothing back.
                    said.newest = said.newest.max(millis(record.at));
                    self.rejected.remove(&plan);
                }
                ApprovalEvent::Rejected { .. } => {
                    self.said.remove(&plan);
                    self.rejected.insert(plan);
                }
                _ => {
                    self.said.remove(&plan);
                }
            },
            Body::Execution { record: happened } => {
                let at = millis(happened.at);
                self.happen(happened.execution, happened.event, (at, now), record.epoch);
            }
            Body::Moved { moves } => {
                for moved in moves {
                    if matches!(moved.writer, Writer::Others { answers: Some(_), .. }) {
                        let answer = (millis(record.at), self.records);
                        self.answers.entry(moved.id).or_default().push(answer);
                    }
                }
            }
            // What had been written by a clock that was ahead was written at the latest now.
            Body::SetBack { .. } => {
                let (at, said) =
                    (millis(record.at), self.said.values_mut().map(|it| &mut it.newest));
                let entries = self.entries.values_mut();
                let entries = entries.flat_map(|it| [&mut it.started, &mut it.updated]);
                let answers = self.answers.values_mut().flatten().map(|(at, _)| at);
                entries.chain(said).chain(answers).for_each(|it| *it = at.min(*it));
                // Who was made later was made now, and lives as long from now on.
                for entry in self.entries.values_mut().filter(|it| it.created > at) {
                    entry.expires -= entry.created - at;
                    entry.created = at;
                }
                self.set_back = Some((record.epoch, record.cycle));
            }
            Body::Cycle(_) => self.cycled = millis(record.at),
            _ => {}
        }
    }

    fn happen(
        &mut self,
        id: ExecutionId,
        event: ExecutionEvent,
        (at, now): (i64, i64),
        epoch: Epoch,
    ) {
        if let ExecutionEvent::Started { plan, .. } = event {
            self.said.remove(&plan.hash());
            self.order.push(id);
            let status = ExecutionStatus::started(plan.steps.len());
            let entry = Entry {
                id,
                created: millis(plan.created),
                expires: millis(plan.expires),
                plan: *plan,
                started: at,
                begun: now,
                updated: at,
                touched: now,
                status,
                outstanding: None,
                lost: BTreeMap::new(),
                applied: false,
                judged: None,
            };
            self.entries.insert(id, entry);
            return;
        }
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if let Ok(next) = entry.status.after(&event) {
            entry.status = next;
        }
        (entry.updated, entry.touched) = (at, now);
        entry.outstanding = None;
        match event {
            ExecutionEvent::Intended { step, way, key, .. } => {
                entry.outstanding = Some((step, way, epoch));
                self.keys.insert(key.to_string(), (id, step, way));
            }
            ExecutionEvent::Refused { step, way, .. } => {
                entry.lost.insert((step, way), now);
            }
            ExecutionEvent::Applied { way: Way::Do, .. } => entry.applied = true,
            ExecutionEvent::Judged { verdict, .. } => entry.judged = Some((verdict, self.records)),
            _ => {}
        }
    }
}
