//! Asking the managed system before anybody decides.

use std::sync::Arc;

use mapek_model::{Captured, Plan, Step, StepIndex, Timestamp, UndoClass, Way};
use serde::Serialize;

use super::Control;
use crate::{Effector, Error};

/// What the managed system says of one step of a plan, before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Rehearsed {
    /// Its place in the plan.
    pub step: StepIndex,
    /// What it does, in words.
    pub action: String,
    /// Why it would not be accepted now; nothing if it would.
    pub refused: Option<String>,
    /// Why it could not be undone; nothing if it could.
    pub no_way_back: Option<String>,
}

impl Control {
    /// Asks the managed system what it would say now to each step of a plan, and to its undo: a dry run. Nothing is sent, nothing is written down, and
    /// nothing rests on it: a *yes* promises nothing about the next moment, and each step is asked about as if it were the first. It takes as long as
    /// the managed system does, alone of all that is here; who stops waiting for it leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`Error::NoEffector`] if nobody can act on its target.
    pub async fn rehearse(&self, plan: &Plan, now: Timestamp) -> Result<Vec<Rehearsed>, Error> {
        let effector = self.effector(&plan.target).map(Arc::clone).ok_or_else(|| {
            let reason = "nothing is configured for it".to_owned();
            Error::NoEffector { target: plan.target.clone(), reason }
        })?;
        let mut all = Vec::new();
        for (place, step) in (0..=u16::MAX).zip(&plan.steps) {
            all.push(rehearsed(effector.as_ref(), StepIndex(place), step, now).await);
        }
        Ok(all)
    }
}

async fn rehearsed(
    effector: &dyn Effector,
    place: StepIndex,
    step: &Step,
    now: Timestamp,
) -> Rehearsed {
    let action = &step.action;
    let (refused, no_way_back) = match effector.capture(action).await {
        Err(error) => {
            let unread = format!("what is there cannot be read: {error}");
            (Some(unread.clone()), Some(unread))
        }
        Ok(state) => {
            let captured = Captured { at: now, state };
            let refused = effector.rehearse(action, Way::Do, &captured).await.err();
            let stuck = match step.undo {
                UndoClass::Irreversible => Some("nothing undoes it".to_owned()),
                _ => {
                    let stuck = effector.rehearse(action, Way::Undo, &captured).await.err();
                    stuck.map(|error| error.to_string())
                }
            };
            (refused.map(|error| error.to_string()), stuck)
        }
    };
    Rehearsed { step: place, action: action.to_string(), refused, no_way_back }
}
