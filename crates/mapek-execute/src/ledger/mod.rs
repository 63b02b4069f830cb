//! What the journal says, folded; and the one way to write to it.
//!
//! Living and recovering take the same path: a change is appended, durable, and then folded exactly as it is when the journal
//! is read at start. Whatever fails to be appended has not happened.

mod deciding;
mod pruning;
mod sent;
mod trails;
mod view;

use std::sync::Arc;

use mapek_model::{
    CycleNumber, ExecutionEvent, ExecutionId, ExecutionRecord, Outcome, Sequence, TargetId,
    Timestamp,
};
use mapek_store::Store;

use crate::{Body, Defects, Entry, Error, Journal};

pub(crate) use deciding::Asked;
pub(crate) use pruning::ENDED_KEPT;
pub(crate) use sent::Sent;
pub(crate) use trails::Trails;
pub use trails::{ForeignChange, Moved, Writer};
pub use view::Damaged;
pub(crate) use view::{Tracked, View};

/// The journal and what it says.
#[derive(Debug)]
pub(crate) struct Ledger {
    journal: Journal,
    pub(crate) view: View,
    /// Whether the view is what the journal says. Not after an append that failed: then it is read again, as after a crash.
    sound: bool,
}

impl Ledger {
    #[cfg(test)]
    pub(crate) fn open(store: Arc<dyn Store>) -> Result<Self, Error> {
        Self::with(store, Defects::default())
    }

    pub(crate) fn with(store: Arc<dyn Store>, defects: Defects) -> Result<Self, Error> {
        let mut view = View::with(defects);
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
        let mut view = View::with(self.view.defects);
        view.cycle = self.view.cycle;
        self.journal.reread(|item| view.take(item))?;
        view.suspect();
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
        // What would be illegal in recovery is not written in the first place.
        self.view.check(&body)?;
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
