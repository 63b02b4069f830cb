//! Steering a loop from outside.

use std::{fmt, sync::Arc};

use mapek_execute::{Archive, Control, Rehearsed};
use mapek_model::{
    ActionKind, Approval, CycleNumber, ExecutionId, Plan, PlanHash, Timestamp, earlier,
};
use tokio::sync::watch;

use crate::{
    Chronicle, Clock, CycleReport, Error, LoopState, WakeReason, Waker,
    chronicle::{past, recalled_report},
};

/// Where a loop shows what it is at; shared by the loop and its handles.
pub(crate) type Shown = Arc<watch::Sender<Arc<LoopState>>>;

/// Steers a [`Loop`](crate::Loop) and looks at it, from any task; cheap to clone.
///
/// What a person does is in the journal, with their name, when the call returns, and it is in force from then on: a pause
/// stops the next step even of an execution that is under way. The loop is woken, so that it reacts at once.
#[derive(Clone)]
pub struct LoopHandle {
    pub(crate) control: Control,
    pub(crate) archive: Archive,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) waker: Waker,
    pub(crate) shown: Shown,
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopHandle").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl LoopHandle {
    /// What the loop is at.
    #[must_use]
    pub fn state(&self) -> Arc<LoopState> {
        self.shown.borrow().clone()
    }

    /// Follows the state: it changes after every cycle and every command.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<LoopState>> {
        self.shown.subscribe()
    }

    /// What time it is for the loop.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Wakes the loop before its time.
    pub fn wake(&self, reason: WakeReason) {
        self.waker.wake(reason);
    }

    /// What wakes the loop, to be given to whoever hears of alerts.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Asks for a cycle, and answers the report of the first one that ends after the call.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] if the loop stops before.
    pub async fn run_cycle(&self) -> Result<Arc<CycleReport>, Error> {
        let mut state = self.watch();
        let number = |state: &LoopState| state.last().map(|report| report.number);
        let before = number(&state.borrow_and_update());
        self.waker.wake(WakeReason::Request);
        loop {
            if self.waker.is_closed() {
                return Err(Error::Stopped);
            }
            tokio::select! {
                changed = state.changed() => changed.map_err(|_| Error::Stopped)?,
                () = self.waker.closed() => return Err(Error::Stopped),
            }
            let now = state.borrow_and_update();
            if let Some(report) = now.last().filter(|report| Some(report.number) != before) {
                return Ok(Arc::clone(report));
            }
        }
    }

    /// Fills the [`Chronicle`] with what the journal has of the time before this process began. It reads a day of the journal, beside
    /// the loop and without holding it up: call it once, from a thread that may block.
    ///
    /// # Errors
    ///
    /// [`Error::Execute`] if the journal cannot be read.
    pub fn recall(&self) -> Result<(), Error> {
        let (now, state) = (self.clock.now(), self.state());
        let since = earlier(now, Chronicle::AGE_MAX);
        let past = past(&self.archive, &state.target, since).map_err(Error::Execute)?;
        state.chronicle.recall(past);
        Ok(())
    }

    /// A cycle that has left memory, as far as the journal has it: what it saw, thought and decided. `None` for one that the journal does
    /// not have, because nothing was wrong and nothing at work in it, or because it was pruned. It reads the journal: call it from a
    /// thread that may block.
    ///
    /// # Errors
    ///
    /// [`Error::Execute`] if the journal cannot be read.
    pub fn recall_cycle(&self, number: CycleNumber) -> Result<Option<CycleReport>, Error> {
        recalled_report(&self.archive, number).map_err(Error::Execute)
    }

    /// Stops all that the loop would send by itself, until [`resume`](Self::resume); watching goes on. Survives restarts.
    ///
    /// # Errors
    ///
    /// [`Error::Execute`] without a name or a reason, or if it cannot be made to last.
    pub fn pause(&self, by: &str, reason: &str) -> Result<(), Error> {
        self.after(self.control.pause(by, reason, self.clock.now()))
    }

    /// Allows actions again.
    ///
    /// # Errors
    ///
    /// [`Error::Execute`] as for [`pause`](Self::pause), and while a pause file is there.
    pub fn resume(&self, by: &str, reason: &str) -> Result<(), Error> {
        self.after(self.control.resume(by, reason, self.clock.now()))
    }

    /// Approves what the plan with this hash would do, and answers where it stands then.
    ///
    /// # Errors
    ///
    /// [`Error::Execute`] if no such plan waits, or this person may not approve it.
    pub fn approve(
        &self,
        plan: &PlanHash,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Approval, Error> {
        self.after(self.control.approve(plan, by, reason, self.clock.now()))
    }

    /// Rejects what the plan with this hash would do, and answers where it stands then.
    ///
    /// # Errors
    ///
    /// [`Error::Execute`] if no such plan waits.
    pub fn reject(
        &self,
        plan: &PlanHash,
        by: &str,
        reason: Option<&str>,
    ) -> Result<Approval, Error> {
        self.after(self.control.reject(plan, by, reason, self.clock.now()))
    }

    /// Asks the managed system what it would say now to each step of a plan, and to its undo: a dry run, beside the loop. Nothing is sent, and
    /// nothing rests on it. It takes as long as the managed system does.
    ///
    /// # Errors
    ///
    /// [`Error::Execute`] if nobody can act on its target.
    pub async fn rehearse(&self, plan: &Plan) -> Result<Vec<Rehearsed>, Error> {
        self.control.rehearse(plan, self.clock.now()).await.map_err(Error::Execute)
    }

    /// Trusts a kind of action again that the breaker has disabled.
    ///
    /// # Errors
    ///
    /// [`Error::Execute`] without a name or a reason, or if it cannot be made to last.
    pub fn rearm(&self, kind: ActionKind, by: &str, reason: &str) -> Result<(), Error> {
        let target = self.state().target.clone();
        self.after(self.control.rearm(&target, kind, by, reason, self.clock.now()))
    }

    /// Undoes all of an execution that may have run, at a person's word, even while the loop is paused.
    ///
    /// # Errors
    ///
    /// [`Error::Execute`] if it is not known, or beyond undoing.
    pub fn rollback(&self, execution: ExecutionId, by: &str, reason: &str) -> Result<(), Error> {
        self.after(self.control.rollback(execution, by, reason, self.clock.now()))
    }

    /// Closes an execution that needs an operator, and thaws its target.
    ///
    /// # Errors
    ///
    /// [`Error::Execute`] if it is not known, or needs nobody.
    pub fn resolve(&self, execution: ExecutionId, by: &str, reason: &str) -> Result<(), Error> {
        self.after(self.control.resolve(execution, by, reason, self.clock.now()))
    }

    /// Shows what a command changed, and lets the loop react to it.
    fn after<T>(&self, result: Result<T, mapek_execute::Error>) -> Result<T, Error> {
        let done = result.map_err(Error::Execute)?;
        self.shown.send_modify(|state| Arc::make_mut(state).refresh(&self.control));
        self.waker.wake(WakeReason::Request);
        Ok(done)
    }
}
