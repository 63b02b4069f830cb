//! A step that needs to know nothing.

use mapek_model::{Action, RankedCause, Step, UndoClass};

use super::StepBuilder;
use crate::{Context, Unavailable};

/// Always the same action.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    step: Step,
}

impl Fixed {
    /// The action, undone as its kind is.
    #[must_use]
    pub fn new(action: Action) -> Self {
        Self { step: Step::of(action) }
    }

    /// For an action of one's own, which counts as irreversible unless its author says how it is undone.
    #[must_use]
    pub fn undone_by(mut self, undo: UndoClass) -> Self {
        self.step.undo = undo;
        self
    }
}

impl StepBuilder for Fixed {
    fn build(&self, _: &RankedCause, _: &Context<'_>) -> Result<Step, Unavailable> {
        Ok(self.step.clone())
    }
}
