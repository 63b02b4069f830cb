//! Undoing steps: look first, then intend and send; or find out what became of an undo that was sent.

use mapek_model::{
    Captured, Execution, ExecutionEvent, Phase, StepIndex, StepStatus, UndoClass, UndoReason, Way,
};
use serde_json::{Value, json};
use tracing::Instrument as _;

use super::{
    super::{needs_operator, nth},
    Act, Turn, action_of, answered, receipt_of, undo_class,
};
use crate::{
    EffectError, Presence, Repeat,
    ledger::{Ledger, Tracked},
};

impl Act<'_> {
    pub(super) async fn undo_step(&mut self, tracked: &Tracked, step: StepIndex) -> Turn {
        self.once(step, Way::Undo)?;
        let execution = &tracked.execution;
        self.may_undo(execution)?;
        let status = execution.status.steps().get(usize::from(step.0)).copied();
        let unsure = matches!(status, Some(StepStatus::Intended | StepStatus::Unclear));
        if unsure && self.is_on_its_way() {
            return Err(self.on_its_way(step));
        }
        if undo_class(execution, step) == UndoClass::Irreversible {
            if unsure {
                let why = format!(
                    "it cannot be known whether step {nth} ran, nor can it be undone",
                    nth = nth(step)
                );
                return self.note(needs_operator(why));
            }
            return self.nothing_to_undo(execution, step, "it cannot be undone and stays");
        }
        let Some(captured) = execution.captured.get(&step).cloned() else {
            return self.note(needs_operator(format!(
                "nothing was captured before step {nth}",
                nth = nth(step)
            )));
        };
        let (effector, action) = (self.effector()?, action_of(execution, step)?);
        // Reading first parks the undo while the managed system is away, without using up attempts.
        let look = if unsure { Way::Do } else { Way::Undo };
        let known = receipt_of(execution, step);
        let receipt = match effector.read_back(action, look, &captured, &known).await {
            Ok(Presence::NotApplied) if unsure => {
                return self.nothing_to_undo(execution, step, "it never took effect");
            }
            Ok(Presence::Applied { .. }) if !unsure => {
                return self.nothing_to_undo(execution, step, "it is undone already");
            }
            Ok(Presence::Applied { receipt }) => receipt,
            Ok(Presence::NotApplied | Presence::Unknown { .. }) => known,
            Err(error) => return self.parked(execution, step, &error),
        };
        self.send_undo(execution, step, &captured, &receipt).await
    }

    async fn send_undo(
        &mut self,
        execution: &Execution,
        step: StepIndex,
        captured: &Captured,
        receipt: &Value,
    ) -> Turn {
        let (effector, action) = (self.effector()?, action_of(execution, step)?);
        self.still_ours(execution, (step, action), captured, receipt).await?;
        self.undo_intended(execution, step)?;
        let sending = self.sending(execution, step, Way::Undo);
        let undoing = effector.undo(action, captured, receipt, &sending);
        let answer = undoing.instrument(self.span(action, step, Way::Undo)).await;
        if answer.is_ok()
            && effector.read_back(action, Way::Undo, captured, receipt).await
                == Ok(Presence::NotApplied)
        {
            let error = EffectError::transient("it was answered, but read back it is not undone");
            return self.note(answered(step, Way::Undo, Err(error)));
        }
        self.note(answered(step, Way::Undo, answer))
    }

    /// The last look at the pause and the intent, with nothing in between.
    fn undo_intended(&mut self, execution: &Execution, step: StepIndex) -> Turn {
        let control = self.control;
        let mut ledger = control.ledger();
        self.may_undo_in(&mut ledger, execution)?;
        self.intend(&mut ledger, execution, (step, Way::Undo), None)
    }

    fn nothing_to_undo(&mut self, execution: &Execution, step: StepIndex, note: &str) -> Turn {
        let control = self.control;
        self.intend(&mut control.ledger(), execution, (step, Way::Undo), None)?;
        let receipt = json!({ "nothing_sent": note });
        self.note(ExecutionEvent::Applied { step, way: Way::Undo, receipt })
    }

    pub(super) async fn settle_undo(&mut self, tracked: &Tracked, step: StepIndex) -> Turn {
        self.read_once(step, Way::Undo)?;
        let execution = &tracked.execution;
        let (effector, action) = (self.effector()?, action_of(execution, step)?);
        let Some(captured) = execution.captured.get(&step).cloned() else {
            return self.note(needs_operator(format!(
                "nothing was captured before step {nth}",
                nth = nth(step)
            )));
        };
        let receipt = receipt_of(execution, step);
        match effector.read_back(action, Way::Undo, &captured, &receipt).await {
            Ok(Presence::Applied { receipt }) => {
                self.note(ExecutionEvent::Applied { step, way: Way::Undo, receipt })
            }
            Ok(_) if self.is_on_its_way() => Err(self.on_its_way(step)),
            Ok(Presence::NotApplied) => self.note(ExecutionEvent::Refused {
                step,
                way: Way::Undo,
                reason: "read back: it is not undone".to_owned(),
                transient: true,
            }),
            Ok(Presence::Unknown { reason }) => {
                let repeat = self.repeat(tracked, step, Way::Undo)?;
                let may_resend = repeat != Repeat::NonRepeatable
                    && execution.attempts <= self.control.config().max_retries;
                if !may_resend {
                    let why = format!(
                        "it cannot be known whether step {nth} is undone: {reason}",
                        nth = nth(step)
                    );
                    return self.note(needs_operator(why));
                }
                self.once(step, Way::Undo)?;
                self.send_undo(execution, step, &captured, &receipt).await
            }
            Err(error) => self.parked(execution, step, &error),
        }
    }

    /// While the loop is paused nothing is undone by itself; a person who asks for it has thought of that.
    fn may_undo(&self, execution: &Execution) -> Turn {
        self.may_undo_in(&mut self.control.ledger(), execution)
    }

    fn may_undo_in(&self, ledger: &mut Ledger, execution: &Execution) -> Turn {
        self.refreshed(ledger)?;
        let by_person =
            matches!(execution.status.phase(), Phase::Undoing { why: UndoReason::Person, .. });
        match self.control.paused_in(ledger) {
            Some(paused) if !by_person => Err(self.rest(paused.to_string())),
            _ => Ok(()),
        }
    }
}
