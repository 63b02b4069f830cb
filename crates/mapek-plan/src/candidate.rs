//! What a strategy proposes, before it is scored.

use mapek_model::{
    ActionKind, Duration, Plan, PlanSignature, Step, UndoClass, VerificationOverride,
};

/// Steps that a strategy would take against a cause, checked: never empty, never too long, what cannot be undone last.
///
/// ```
/// use mapek_model::{Action, Duration, Step};
/// use mapek_plan::Candidate;
///
/// let restart = Step::of(Action::RestartService { graceful: true, timeout: Duration::from_secs(30), node: None });
/// let scale = Step::of(Action::ScaleUp { replicas: 5 });
/// let minute = Duration::from_secs(60);
/// assert!(Candidate::try_new(vec![scale.clone(), restart.clone()], "more workers, all fresh", minute).is_ok());
/// // If the second step failed, the restart could not be taken back.
/// assert!(Candidate::try_new(vec![restart, scale], "fresh, then more", minute).is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    steps: Vec<Step>,
    rationale: String,
    time_to_effect: Duration,
    verification: Option<VerificationOverride>,
}

/// Steps cannot be a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCandidate {
    /// There are no steps.
    #[error("a plan without steps is no plan")]
    Empty,
    /// There are more steps than a person can judge.
    #[error("a plan has at most {max} steps, not {steps}", max = Candidate::STEPS_MAX)]
    TooLong {
        /// How many there are.
        steps: usize,
    },
    /// A step that can be undone comes after one that cannot: if it failed, the plan could not be undone.
    #[error("step {step} ({kind}) comes after one that cannot be undone")]
    IrreversibleNotLast {
        /// The step's place, from 1.
        step: usize,
        /// What it does.
        kind: ActionKind,
    },
    /// A step claims to be undone although its kind never is.
    #[error("step {step} ({kind}) claims an undo that its kind does not have")]
    NoSuchUndo {
        /// The step's place, from 1.
        step: usize,
        /// What it does.
        kind: ActionKind,
    },
}

impl Candidate {
    /// Most steps of a plan. Those who approve must be able to read it, and each step is one more that can fail.
    pub const STEPS_MAX: usize = 8;

    /// Checks `steps`. `time_to_effect` counts from the last step; `rationale` is for people.
    ///
    /// # Errors
    ///
    /// [`InvalidCandidate`] says which rule the steps break.
    pub fn try_new(
        steps: Vec<Step>,
        rationale: impl Into<String>,
        time_to_effect: Duration,
    ) -> Result<Self, InvalidCandidate> {
        check(&steps)?;
        Ok(Self { steps, rationale: rationale.into(), time_to_effect, verification: None })
    }

    /// Looks for its effect in a way of its own, not as is done for all plans.
    #[must_use]
    pub fn verified_by(mut self, verification: VerificationOverride) -> Self {
        self.verification = Some(verification);
        self
    }

    /// What is done, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Why, in words.
    #[must_use]
    pub fn rationale(&self) -> &str {
        &self.rationale
    }

    /// When the effect should be seen, counted from the last step.
    #[must_use]
    pub fn time_to_effect(&self) -> Duration {
        self.time_to_effect
    }

    /// How its effect is looked for, where that is not as for all plans.
    #[must_use]
    pub fn verification(&self) -> Option<&VerificationOverride> {
        self.verification.as_ref()
    }

    /// The kinds of its actions, in order.
    #[must_use]
    pub fn signature(&self) -> PlanSignature {
        PlanSignature::new(self.steps.iter().map(|step| step.action.kind()))
    }

    pub(crate) fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

/// Whether a plan keeps the rules of a candidate; for those who get plans from elsewhere.
///
/// # Errors
///
/// [`InvalidCandidate`] says which rule it breaks.
pub fn check_plan(plan: &Plan) -> Result<(), InvalidCandidate> {
    check(&plan.steps)
}

fn check(steps: &[Step]) -> Result<(), InvalidCandidate> {
    if steps.is_empty() {
        return Err(InvalidCandidate::Empty);
    }
    if steps.len() > Candidate::STEPS_MAX {
        return Err(InvalidCandidate::TooLong { steps: steps.len() });
    }
    let mut past_return = false;
    for (i, step) in steps.iter().enumerate() {
        let (kind, irreversible) = (step.action.kind(), step.undo == UndoClass::Irreversible);
        // A custom kind is irreversible unless its author knows better; of the known ones we know better.
        let known = !matches!(kind, ActionKind::Custom(_));
        if known && !irreversible && kind.undo_class() == UndoClass::Irreversible {
            return Err(InvalidCandidate::NoSuchUndo { step: i + 1, kind });
        }
        if past_return && !irreversible {
            return Err(InvalidCandidate::IrreversibleNotLast { step: i + 1, kind });
        }
        past_return |= irreversible;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mapek_model::{Action, proptest1};
    use proptest::prelude::*;

    use super::*;

    fn restart() -> Step {
        Step::of(Action::RestartService {
            graceful: true,
            timeout: Duration::from_secs(30),
            node: None,
        })
    }

    #[test]
    fn each_rule_has_its_error() {
        let scale = Step::of(Action::ScaleUp { replicas: 4 });
        let make = |steps| Candidate::try_new(steps, "", Duration::ZERO).map(|_| ());
        assert_eq!(make(vec![]), Err(InvalidCandidate::Empty));
        assert_eq!(make(vec![scale.clone(); 9]), Err(InvalidCandidate::TooLong { steps: 9 }));
        let late = make(vec![restart(), scale.clone()]).unwrap_err();
        assert_eq!(late.to_string(), "step 2 (scale_up) comes after one that cannot be undone");
        let lie = Step { undo: UndoClass::Rollback, ..restart() };
        assert!(matches!(make(vec![lie]), Err(InvalidCandidate::NoSuchUndo { step: 1, .. })));
        assert_eq!(make(vec![scale, restart(), restart()]), Ok(()));
    }

    #[test]
    fn a_custom_action_may_know_its_undo() {
        let custom = Action::Custom { name: "failover".to_owned(), parameters: Default::default() };
        let undone = Step { undo: UndoClass::Rollback, ..Step::of(custom) };
        let scale = Step::of(Action::ScaleUp { replicas: 4 });
        assert!(Candidate::try_new(vec![undone, scale], "", Duration::ZERO).is_ok());
    }

    proptest! {
        #[test]
        fn generated_plans_keep_the_rules(plan in proptest1::plan()) {
            prop_assert_eq!(check_plan(&plan), Ok(()));
        }
    }
}
