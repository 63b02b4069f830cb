//! Carries out moves: reads, checks, writes the intent down, sends, writes the answer down.

mod back;
mod forward;
mod others;

use std::{collections::BTreeSet, sync::Arc};

use mapek_model::{
    Action, Captured, Duration, Execution, ExecutionEvent, ExecutionId, IdempotencyKey,
    Observation, StepIndex, Timestamp, UndoClass, Way, later, since,
};
use serde_json::Value;
use tracing::{Span, info_span};

use super::{
    Rest,
    moves::{Move, Scene},
    needs_operator, nth,
};
use crate::{
    Body, Control, Decision, Defect, EffectError, Effector, Error, Repeat, Sending,
    ledger::{Ledger, Tracked},
};

/// Longest chain of moves in one advance: each step once either way, and what only the journal hears. A plan has at most as
/// many steps as people can read; a longer chain is a defect, and stops instead of spinning.
const MOVES_MAX: usize = 1024;

/// When what is held back is looked at again, if nothing wakes the loop before: a cycle of the usual length.
const UNHURRIED: Duration = Duration::from_secs(30);

/// One execution's turn in one advance.
pub(super) struct Act<'a> {
    control: &'a Control,
    effector: Option<&'a Arc<dyn Effector>>,
    id: ExecutionId,
    observation: &'a Observation,
    now: Timestamp,
    /// What was sent in this advance: each step once, either way.
    tried: BTreeSet<(StepIndex, Way)>,
    events: Vec<ExecutionEvent>,
}

/// How a move ended: go on with the next one, or rest.
type Turn = Result<(), Rest>;

impl<'a> Act<'a> {
    pub(super) fn new(
        control: &'a Control,
        effector: Option<&'a Arc<dyn Effector>>,
        id: ExecutionId,
        observation: &'a Observation,
        now: Timestamp,
    ) -> Self {
        let (tried, events) = (BTreeSet::new(), Vec::new());
        Self { control, effector, id, observation, now, tried, events }
    }

    pub(super) fn into_events(self) -> Vec<ExecutionEvent> {
        self.events
    }

    pub(super) async fn run(&mut self) -> Rest {
        let rest = self.go_on().await;
        match self.note_held_back(&rest) {
            Ok(()) => rest,
            Err(failed) => Rest { held_back: rest.held_back, ..failed },
        }
    }

    async fn go_on(&mut self) -> Rest {
        if let Err(rest) = self.see() {
            return rest;
        }
        for _ in 0..MOVES_MAX {
            if let Err(rest) = self.turn().await {
                return rest;
            }
        }
        self.rest("it makes no progress")
    }

    async fn turn(&mut self) -> Turn {
        let Some(tracked) = self.control.tracked(self.id) else {
            return Err(self.rest("it is not known any more"));
        };
        let next = self.next(&tracked);
        match next {
            Move::Done => Err(self.rest("it has ended")),
            Move::Wait { until, why } => Err(Rest { until, ..self.rest(why) }),
            Move::Note(event) => self.note(event),
            Move::Do(step) => self.do_step(&tracked, step).await,
            Move::Undo(step) => self.undo_step(&tracked, step).await,
            Move::Settle(step, Way::Do) => self.settle_do(&tracked, step).await,
            Move::Settle(step, Way::Undo) => self.settle_undo(&tracked, step).await,
        }
    }

    fn next(&self, tracked: &Tracked) -> Move {
        let expected: Vec<_> = self.control.expected_of(&tracked.execution).collect();
        let others = self.control.changed_by_others(&tracked.execution);
        let scene = Scene {
            tracked,
            config: self.control.config(),
            observation: self.observation,
            expected: &expected,
            others: others.as_deref(),
            now: self.now,
        };
        scene.next()
    }

    /// The managed system cannot be read: later, but not for ever.
    fn parked(&mut self, execution: &Execution, step: StepIndex, error: &EffectError) -> Turn {
        let waited = since(self.now, execution.updated);
        if !error.is_transient() || waited >= self.control.config().park_max {
            return self.note(needs_operator(format!(
                "step {nth} cannot be read back: {error}",
                nth = nth(step)
            )));
        }
        Err(self.rest(format!("step {nth} is to be read back: {error}", nth = nth(step))))
    }

    fn intend(
        &mut self,
        ledger: &mut Ledger,
        execution: &Execution,
        (step, way): (StepIndex, Way),
        captured: Option<Captured>,
    ) -> Turn {
        let key = IdempotencyKey::of(self.id, step, way);
        let attempt = execution.attempts.saturating_add(1);
        self.note_in(ledger, ExecutionEvent::Intended { step, way, attempt, key, captured })
    }

    fn sending(&self, execution: &Execution, step: StepIndex, way: Way) -> Sending {
        Sending {
            key: IdempotencyKey::of(self.id, step, way),
            epoch: self.control.epoch(),
            decided: execution.started,
        }
    }

    /// What is sent to the managed system happens in this.
    fn span(&self, action: &Action, step: StepIndex, way: Way) -> Span {
        let (kind, step) = (action.kind(), step.0);
        info_span!("action", execution = %self.id, %kind, step, %way)
    }

    /// Writes an event down. If that fails, nothing that follows from it may be done.
    fn note(&mut self, event: ExecutionEvent) -> Turn {
        let control = self.control;
        self.note_in(&mut control.ledger(), event)
    }

    fn note_in(&mut self, ledger: &mut Ledger, event: ExecutionEvent) -> Turn {
        match ledger.happen(self.id, self.now, event.clone()) {
            Ok(()) => {
                self.events.push(event);
                Ok(())
            }
            // A person rolled it back while the answer was on its way: the undo reads back what came of it.
            Err(Error::Illegal { source }) => Err(self.soon(format!("it was overtaken: {source}"))),
            Err(error) => Err(self.journal_failed(&error)),
        }
    }

    /// Knows what the journal says before anything is decided by it: what a failed append has written after all (a pause, say)
    /// is in force.
    fn refreshed(&self, ledger: &mut Ledger) -> Turn {
        if self.control.config().defects().has(Defect::UnseenPause) {
            return Ok(());
        }
        ledger.refresh().map_err(|error| self.journal_failed(&error))
    }

    fn journal_failed(&self, error: &Error) -> Rest {
        tracing::error!(execution = %self.id, %error, "an event cannot be written down");
        let source = std::error::Error::source(error).map(ToString::to_string);
        let why = format!("the journal failed: {error}: {}", source.unwrap_or_default());
        Rest { is_fault: true, ..self.rest(why) }
    }

    /// Takes in what this cycle saw of the episodes that the plan explains. Nothing may rest on what is not written down.
    fn see(&self) -> Turn {
        let mut ledger = self.control.ledger();
        let Some(tracked) = ledger.view.executions.get(&self.id) else { return Ok(()) };
        let mut watch = tracked.watch.clone();
        watch.see(&tracked.execution, self.observation);
        if watch == tracked.watch {
            return Ok(());
        }
        let body = Body::Watched { execution: self.id, watch };
        let written = ledger.commit(Some(&self.observation.target), self.now, body);
        written.map_err(|error| self.journal_failed(&error))
    }

    /// What the rails refuse is written down, but not anew in each cycle.
    fn note_held_back(&self, rest: &Rest) -> Turn {
        let Some(said @ Decision::Refused { .. }) = &rest.held_back else { return Ok(()) };
        let mut ledger = self.control.ledger();
        let known = ledger.view.executions.get(&self.id).map(|tracked| &tracked.held_back);
        if known.is_none_or(|known| *known == said.rails()) {
            return Ok(());
        }
        let body = Body::HeldBack { execution: self.id, said: said.clone() };
        let written = ledger.commit(Some(&self.observation.target), self.now, body);
        written.map_err(|error| self.journal_failed(&error))
    }

    /// One attempt for each step in one advance.
    fn once(&mut self, step: StepIndex, way: Way) -> Turn {
        if self.tried.insert((step, way)) {
            Ok(())
        } else {
            Err(self.soon(format!("step {nth} was tried in this cycle", nth = nth(step))))
        }
    }

    /// What was sent in this advance is read back in the next: it may still be at work.
    fn read_once(&self, step: StepIndex, way: Way) -> Turn {
        if self.tried.contains(&(step, way)) {
            Err(self.soon(format!("step {nth} is read back in the next cycle", nth = nth(step))))
        } else {
            Ok(())
        }
    }

    /// Whether what was sent and not answered may still arrive. Until then nothing may be believed of it but that its effect is
    /// there: what came after its end would be nobody's, and what is captured meanwhile may show it or not. The wait begins with
    /// the first look for it: the moment of a cycle is that of its beginning, and it may have been sent long after that.
    fn is_on_its_way(&self) -> bool {
        since(self.now, self.looked_for()) < self.control.config().settle
    }

    fn on_its_way(&self, step: StepIndex) -> Rest {
        let until = later(self.looked_for(), self.control.config().settle);
        let why = format!("step {nth} may still be on its way", nth = nth(step));
        Rest { until, ..self.rest(why) }
    }

    /// Since when the newest sending is looked for.
    fn looked_for(&self) -> Timestamp {
        let mut ledger = self.control.ledger();
        let early = self.control.config().defects().has(Defect::EarlyWait);
        let tracked = ledger.view.executions.get_mut(&self.id);
        tracked.map_or(self.now, |tracked| {
            let since = if early { tracked.execution.updated } else { self.now };
            *tracked.looked_for.get_or_insert(since)
        })
    }

    /// What happens if a step that was sent is sent once more.
    fn repeat(&self, tracked: &Tracked, step: StepIndex, way: Way) -> Result<Repeat, Rest> {
        let (effector, action) = (self.effector()?, action_of(&tracked.execution, step)?);
        let declared = effector.repeat(&action.kind(), way).unwrap_or(Repeat::NonRepeatable);
        let unkept = declared == Repeat::Keyed && self.is_forgotten(tracked, step, way)?;
        Ok(if unkept { Repeat::NonRepeatable } else { declared })
    }

    /// Whether the managed system may have forgotten the key that a step was sent with.
    fn is_forgotten(&self, tracked: &Tracked, step: StepIndex, way: Way) -> Result<bool, Rest> {
        // Of a damaged log nobody knows when it was sent first, but not before it began.
        let age = match tracked.sends.age(step, way, self.now) {
            _ if tracked.suspect => Some(since(self.now, tracked.execution.started)),
            age => age,
        };
        let Some(age) = age else { return Ok(false) };
        // A cycle takes its time, and so does what is on its way.
        let arrives = age.saturating_add(self.control.config().settle.saturating_mul(2));
        let kept = self.effector()?.remembers_keys();
        Ok(kept.is_none_or(|kept| arrives >= kept))
    }

    fn effector(&self) -> Result<&'a Arc<dyn Effector>, Rest> {
        self.effector.ok_or_else(|| self.rest("its target has no effector"))
    }

    /// Looked at again in the next cycle, which is due at once.
    fn soon(&self, why: impl Into<String>) -> Rest {
        Rest { until: self.now, why: why.into(), held_back: None, is_fault: false }
    }

    /// Looked at again in the next cycle, which need not hurry for it: what holds it back may last all night.
    fn rest(&self, why: impl Into<String>) -> Rest {
        Rest {
            until: later(self.now, UNHURRIED),
            why: why.into(),
            held_back: None,
            is_fault: false,
        }
    }
}

fn action_of(execution: &Execution, step: StepIndex) -> Result<&Action, Rest> {
    let found = execution.plan.steps.get(usize::from(step.0)).map(|step| &step.action);
    // Its status has as many steps as the plan: one that is next is there.
    found.ok_or_else(|| Rest {
        until: execution.updated,
        why: format!("step {nth} is not in the plan", nth = nth(step)),
        held_back: None,
        is_fault: false,
    })
}

fn undo_class(execution: &Execution, step: StepIndex) -> UndoClass {
    let found = execution.plan.steps.get(usize::from(step.0));
    found.map_or(UndoClass::Irreversible, |step| step.undo)
}

fn receipt_of(execution: &Execution, step: StepIndex) -> Value {
    execution.receipts.get(&step).cloned().unwrap_or(Value::Null)
}

fn answered(step: StepIndex, way: Way, answer: Result<Value, EffectError>) -> ExecutionEvent {
    match answer {
        Ok(receipt) => ExecutionEvent::Applied { step, way, receipt },
        Err(EffectError::Refused { reason, transient }) => {
            ExecutionEvent::Refused { step, way, reason, transient }
        }
        Err(EffectError::Unclear { reason }) => ExecutionEvent::Unclear { step, way, reason },
    }
}
