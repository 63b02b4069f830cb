//! Whether what we set is still as we set it. Where somebody else has changed it since, nothing of ours may go over it.

use std::collections::BTreeSet;

use mapek_model::{Action, Captured, Execution, StepIndex, StepStatus, UndoClass, Way};
use serde_json::Value;

use super::{
    super::{needs_operator, nth},
    Act, Turn, undo_class,
};
use crate::{Effector, Presence};

impl Act<'_> {
    /// Before another step is sent: the effects of those before it must still be there, as far as that can be read. What cannot
    /// be undone is over, and what a later step of ours has set anew counts as that one's.
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
                    return self.stop_for_others(step, action, &format!("step {next} is not sent"));
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
                self.stop_for_others(step, action, "undoing it would overwrite that")
            }
            Ok(_) => Ok(()),
            Err(error) => self.parked(execution, step, &error),
        }
    }

    fn stop_for_others(&mut self, step: StepIndex, action: &Action, so: &str) -> Turn {
        let seen = self.control.seen_of_others(&self.observation.target, action);
        let seen = seen.map(|seen| format!(" ({seen})")).unwrap_or_default();
        let nth = nth(step);
        let why = format!("what step {nth} set is set otherwise by others since{seen}; {so}");
        self.note(needs_operator(why))?;
        // Whoever asked goes no further.
        Err(self.soon("it has ended"))
    }
}

fn is_applied(execution: &Execution, step: StepIndex) -> bool {
    execution.status.steps().get(usize::from(step.0)) == Some(&StepStatus::Applied)
}

/// What an action sets: its resource, or what only its kind can.
fn what(effector: &dyn Effector, action: &Action) -> String {
    effector.resource(action).unwrap_or_else(|| action.kind().to_string())
}
