//! Whether what we set is still as we set it. Where somebody else has changed it since, nothing of ours may go over it.

use std::collections::BTreeSet;

use mapek_model::{
    Action, Captured, Execution, ExecutionId, StepIndex, StepStatus, UndoClass, Way,
};
use serde_json::Value;

use super::{
    super::{needs_operator, nth},
    Act, Rest, Turn, undo_class,
};
use crate::{Defect, Effector, Presence};

impl Act<'_> {
    /// Before another step is sent: the effects of those before it must still be there, as far as that can be read.
    /// What cannot be undone is over, and what a later step of ours has set anew counts as that one's.
    pub(super) async fn undisturbed(&mut self, execution: &Execution, next: StepIndex) -> Turn {
        let effector = self.effector()?;
        let mut set_anew = BTreeSet::new();
        let before = (0..next.0).rev().map(StepIndex);
        for step in before.filter(|step| is_applied(execution, *step)) {
            let Some(planned) = execution.plan.steps.get(usize::from(step.0)) else { continue };
            let action = &planned.action;
            let is_newest = set_anew.insert(what(effector.as_ref(), action));
            if undo_class(execution, step) == UndoClass::Irreversible || !is_newest {
                continue;
            }
            let Some(captured) = execution.captured.get(&step) else { continue };
            let receipt = super::receipt_of(execution, step);
            match effector.read_back(action, Way::Do, captured, &receipt).await {
                Ok(Presence::NotApplied) => {
                    let next = nth(next);
                    let so = format!("step {next} is not sent");
                    return self.stop_for_others(execution, (step, action), &so).await;
                }
                Ok(_) => {}
                Err(error) => {
                    let nth = nth(step);
                    return Err(self.rest(format!("looking after step {nth}: {error}")));
                }
            }
        }
        Ok(())
    }

    /// Before a step is undone that is there, or was: it must not be somebody else's by now.
    pub(super) async fn still_ours(
        &mut self,
        execution: &Execution,
        (step, action): (StepIndex, &Action),
        captured: &Captured,
        receipt: &Value,
    ) -> Turn {
        match self.effector()?.read_back(action, Way::Do, captured, receipt).await {
            Ok(Presence::NotApplied) => {
                let so = "undoing it would overwrite that";
                self.stop_for_others(execution, (step, action), so).await
            }
            Ok(_) => Ok(()),
            Err(error) => self.parked(execution, step, &error),
        }
    }

    async fn stop_for_others(
        &mut self,
        execution: &Execution,
        (step, action): (StepIndex, &Action),
        so: &str,
    ) -> Turn {
        let who = match self.set_since(execution, action).await? {
            Setter::Ours(other) => format!("by execution {other}"),
            Setter::Untold { other, why } => {
                format!("by somebody (of execution {other} it cannot be told: {why})")
            }
            Setter::Others => {
                let seen = self.control.seen_of_others(&self.observation.target, action);
                let seen = seen.map(|seen| format!(" ({seen})")).unwrap_or_default();
                format!("by others since{seen}")
            }
        };
        let nth = nth(step);
        let why = format!("what step {nth} set is set otherwise {who}; {so}");
        self.note(needs_operator(why))?;
        // Whoever asked goes no further.
        Err(self.soon("it has ended"))
    }

    /// Who has left what an action sets as it is now. It is the newest execution of ours that did something since
    /// this one began, or was undone though it is older; and others, if it is none of those.
    async fn set_since(&self, execution: &Execution, action: &Action) -> Result<Setter, Rest> {
        let effector = self.effector()?;
        if self.control.config().defects().has(Defect::LaterIsOthers) {
            return Ok(Setter::Others);
        }
        let others: Vec<_> = {
            let ledger = self.control.ledger();
            let others = ledger.view.others(execution.target(), Some(execution.id));
            others.into_iter().filter(|it| it.updated >= execution.started).cloned().collect()
        };
        let this = what(effector.as_ref(), action);
        let mut setter = Setter::Others;
        for other in others.iter().rev() {
            let steps = (0..).map(StepIndex).zip(&other.plan.steps).zip(other.status.steps());
            for ((step, planned), status) in steps {
                let Some(captured) = other.captured.get(&step) else { continue };
                if what(effector.as_ref(), &planned.action) != this {
                    continue;
                }
                let receipt = super::receipt_of(other, step);
                for way in may_have_left(*status, other.started >= execution.started) {
                    match effector.read_back(&planned.action, *way, captured, &receipt).await {
                        Ok(Presence::Applied { .. }) => return Ok(Setter::Ours(other.id)),
                        Ok(_) => {}
                        // That a person is needed is sure, and they are not to wait for the rest.
                        Err(error) => {
                            setter = Setter::Untold { other: other.id, why: error.to_string() };
                        }
                    }
                }
            }
        }
        Ok(setter)
    }
}

/// Who has set something otherwise than we did.
enum Setter {
    /// Another execution of ours.
    Ours(ExecutionId),
    /// One of ours may have, but that cannot be read.
    Untold { other: ExecutionId, why: String },
    /// None of ours.
    Others,
}

/// What a step of another execution may have left: what it did, if that one is newer, or what it was undone to. One
/// that could not be undone has left what it did.
const fn may_have_left(status: StepStatus, newer: bool) -> &'static [Way] {
    use StepStatus as S;
    match (status, newer) {
        (S::Applied | S::UndoRefused | S::Intended | S::Unclear, true) => &[Way::Do],
        (S::UndoIntended | S::UndoUnclear, true) => &[Way::Do, Way::Undo],
        (S::Undone | S::UndoIntended | S::UndoUnclear, _) => &[Way::Undo],
        _ => &[],
    }
}

fn is_applied(execution: &Execution, step: StepIndex) -> bool {
    execution.status.steps().get(usize::from(step.0)) == Some(&StepStatus::Applied)
}

/// What an action sets: its resource, or what only its kind can.
fn what(effector: &dyn Effector, action: &Action) -> String {
    effector.resource(action).unwrap_or_else(|| action.kind().to_string())
}
