//! Looking at executions, and what people do to them.

use mapek_model::{
    Ending, Execution, ExecutionEvent, ExecutionId, Phase, TargetId, Timestamp, UndoReason,
};

use super::{Control, signed};
use crate::{Damaged, Error, ledger::Ledger};

/// Why somebody has to close what nobody goes on with.
const UNATTENDED: &str = "its target is not configured any more";

impl Control {
    /// Undoes all of an execution that may have run, at a person's word, even while the loop is paused. What has run to its end is undone
    /// too, as long as nothing else is at work on its target. The steps are sent by the next advances.
    ///
    /// # Errors
    ///
    /// [`Error::Unsigned`] without a name and a reason, [`Error::UnknownExecution`], [`Error::TargetBusy`], [`Error::NotNow`] if it is beyond undoing.
    pub fn rollback(
        &self,
        execution: ExecutionId,
        by: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (by, reason) = signed(by, reason)?;
        let reason = format!("{by}: {reason}");
        let mut ledger = self.ledger();
        ledger.refresh()?;
        if ledger.view.damaged.contains_key(&execution) {
            // Nobody knows what of it has run; a person looks, and resolves it.
            return Err(Error::UnknownExecution { execution });
        }
        let known = known(&ledger, execution)?;
        let busy = ledger.view.live().find(|other| {
            other.execution.target() == known.target() && other.execution.id != execution
        });
        if let Some(other) = busy {
            let target = known.target().clone();
            return Err(Error::TargetBusy { target, execution: other.execution.id });
        }
        let steps = known.status.may_have_run();
        let running = *known.status.phase() == Phase::Running;
        let event = if steps.is_empty() && running {
            ExecutionEvent::Ended { ending: Ending::FailedClean, reason }
        } else {
            ExecutionEvent::UndoBegan { why: UndoReason::Person, steps, reason }
        };
        if known.status.after(&event).is_err() {
            return Err(not_now(known, Wish::RollBack));
        }
        ledger.happen(execution, now, event)?;
        if let Some(tracked) = ledger.view.executions.get_mut(&execution) {
            tracked.due = Some(now);
        }
        Ok(())
    }

    /// Closes what needed an operator, and thaws its target; or what nobody goes on with because its target is not configured any
    /// more.
    ///
    /// # Errors
    ///
    /// [`Error::Unsigned`] without a name and a reason, [`Error::UnknownExecution`], [`Error::NotNow`] if it needs no operator.
    pub fn resolve(
        &self,
        execution: ExecutionId,
        by: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (by, reason) = signed(by, reason)?;
        let mut ledger = self.ledger();
        ledger.refresh()?;
        if !ledger.view.damaged.contains_key(&execution) {
            let known = known(&ledger, execution)?;
            if self.is_unattended(known) {
                let (ending, reason) = (Ending::NeedsOperator, UNATTENDED.to_owned());
                ledger.happen(execution, now, ExecutionEvent::Ended { ending, reason })?;
            } else if !known.status.needs_operator() {
                return Err(not_now(known, Wish::Resolve));
            }
        }
        ledger.happen(execution, now, ExecutionEvent::Closed { by, reason })
    }

    /// All executions that are remembered, by id: live ones, and those that ended lately.
    #[must_use]
    pub fn executions(&self) -> Vec<Execution> {
        let ledger = self.ledger();
        ledger.view.executions.values().map(|tracked| tracked.execution.clone()).collect()
    }

    /// One execution.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownExecution`].
    pub fn execution(&self, id: ExecutionId) -> Result<Execution, Error> {
        known(&self.ledger(), id).cloned()
    }

    /// The live execution on a target, which it awaits before it gets a new plan.
    #[must_use]
    pub fn live(&self, target: &TargetId) -> Option<Execution> {
        let ledger = self.ledger();
        let mut live = ledger.view.live();
        live.find(|tracked| tracked.execution.target() == target)
            .map(|tracked| tracked.execution.clone())
    }

    /// Live executions that nobody goes on with because their target is not configured any more. They go on once it is again;
    /// until then a person has to look after what they left half done.
    #[must_use]
    pub fn unattended(&self) -> Vec<Execution> {
        let ledger = self.ledger();
        let live = ledger.view.live().map(|tracked| &tracked.execution);
        live.filter(|execution| self.is_unattended(execution)).cloned().collect()
    }

    fn is_unattended(&self, execution: &Execution) -> bool {
        execution.status.is_live() && self.effector(execution.target()).is_none()
    }

    /// When the executor has something to do on a target next; `None` if nothing is live there.
    #[must_use]
    pub fn next_due(&self, target: &TargetId) -> Option<Timestamp> {
        let ledger = self.ledger();
        let live = ledger.view.live().filter(|tracked| tracked.execution.target() == target);
        live.filter_map(|tracked| tracked.due).min()
    }

    /// Executions whose log cannot be followed; each freezes its target until a person resolves it.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damaged> {
        self.ledger().view.damaged.values().cloned().collect()
    }
}

fn known(ledger: &Ledger, id: ExecutionId) -> Result<&Execution, Error> {
    let tracked = ledger.view.executions.get(&id);
    tracked.map(|it| &it.execution).ok_or(Error::UnknownExecution { execution: id })
}

/// What a person asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    RollBack,
    Resolve,
}

/// Says where an execution stands, and what may be done about it.
fn not_now(execution: &Execution, wish: Wish) -> Error {
    let may = match (execution.status.phase(), wish) {
        (Phase::Closed, _) => "somebody has resolved it, and nothing is left to be done",
        (Phase::Ended { ending: Ending::NeedsOperator }, _) => {
            "it may be resolved, by whoever has looked after what it left"
        }
        (Phase::Ended { ending: Ending::Completed }, _) => {
            "it needs nobody; what it did may still be rolled back"
        }
        (Phase::Ended { .. }, _) => "it has left nothing behind, and nothing is left to be done",
        (Phase::Undoing { .. }, _) => {
            "it goes on by itself; it may be resolved if it comes to need an operator"
        }
        (_, Wish::Resolve) => {
            "it goes on by itself; it may be rolled back, or resolved if it comes to need an operator"
        }
        (_, Wish::RollBack) => "it goes on by itself",
    };
    Error::NotNow { execution: execution.id, status: execution.status.to_string(), may }
}
