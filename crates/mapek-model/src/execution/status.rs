//! The status of an execution, and the one function that changes it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Duration, Ending, ExecutionEvent, IllegalTransition, StepIndex, Timestamp, UndoReason, Verdict,
    Way, earlier,
};

/// Where one step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum StepStatus {
    /// Its turn has not come.
    Waiting,
    /// It may have been sent.
    Intended,
    /// It was sent, and nobody knows whether it took effect.
    Unclear,
    /// It did not take effect.
    Refused,
    /// It did not take effect, and the plan goes on without it.
    Skipped,
    /// It took effect.
    Applied,
    /// Its undo may have been sent.
    UndoIntended,
    /// Its undo was sent, and nobody knows whether it took effect.
    UndoUnclear,
    /// Its undo did not take effect.
    UndoRefused,
    /// Its undo took effect.
    Undone,
}

impl StepStatus {
    /// Whether its effect may be there now.
    #[must_use]
    pub const fn may_have_run(self) -> bool {
        !matches!(self, Self::Waiting | Self::Refused | Self::Skipped | Self::Undone)
    }

    /// Whether the plan has gone past it.
    #[must_use]
    pub const fn is_past(self) -> bool {
        matches!(self, Self::Applied | Self::Skipped)
    }

    /// Whether it was sent, this way or that, and no answer is known.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Intended | Self::Unclear | Self::UndoIntended | Self::UndoUnclear)
    }
}

/// What an execution is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Phase {
    /// Steps are being done.
    Running,
    /// Its effect is awaited.
    Verifying,
    /// Its effect is known; what follows from it is not yet decided.
    Judged {
        /// The effect.
        verdict: Verdict,
    },
    /// Its temporary steps stay until the cause has been absent for a while.
    Holding {
        /// When they are taken back in any case.
        until: Timestamp,
    },
    /// Steps are being undone.
    Undoing {
        /// Why.
        why: UndoReason,
        /// Those still to be undone, next first.
        todo: Vec<StepIndex>,
    },
    /// It ended.
    Ended {
        /// How.
        ending: Ending,
    },
    /// A person closed it after it had needed an operator.
    Closed,
}

/// Where an execution stands: its phase, and each step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ExecutionStatus {
    #[serde(flatten)]
    phase: Phase,
    steps: Vec<StepStatus>,
}

impl ExecutionStatus {
    /// A plan of so many steps has just begun.
    #[must_use]
    pub fn started(steps: usize) -> Self {
        Self { phase: Phase::Running, steps: vec![StepStatus::Waiting; steps] }
    }

    /// What it is at.
    #[must_use]
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Where each step stands, in the plan's order.
    #[must_use]
    pub fn steps(&self) -> &[StepStatus] {
        &self.steps
    }

    /// How it ended, if it did. What a person closed had needed an operator.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        match self.phase {
            Phase::Ended { ending } => Some(ending),
            Phase::Closed => Some(Ending::NeedsOperator),
            _ => None,
        }
    }

    /// Whether there is work left to do without a person.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.ending().is_none()
    }

    /// Whether it waits for a person, and freezes its target until then.
    #[must_use]
    pub const fn needs_operator(&self) -> bool {
        matches!(self.phase, Phase::Ended { ending: Ending::NeedsOperator })
    }

    /// The steps whose effect may be there, last first: what an undo has to go through.
    #[must_use]
    pub fn may_have_run(&self) -> Vec<StepIndex> {
        indexed(&self.steps)
            .filter(|(_, status)| status.may_have_run())
            .map(|(index, _)| index)
            .rev()
            .collect()
    }

    /// The step whose turn it is, and which way; none while it waits for metrics or has ended.
    #[must_use]
    pub fn next_step(&self) -> Option<(StepIndex, Way)> {
        match &self.phase {
            Phase::Running => indexed(&self.steps)
                .find(|(_, status)| !status.is_past())
                .map(|(index, _)| (index, Way::Do)),
            Phase::Undoing { todo, .. } => todo.first().map(|index| (*index, Way::Undo)),
            _ => None,
        }
    }

    /// The status after `event`.
    ///
    /// # Errors
    ///
    /// [`IllegalTransition`] if the event cannot follow this status; nothing has changed then.
    pub fn after(&self, event: &ExecutionEvent) -> Result<Self, IllegalTransition> {
        use ExecutionEvent as E;
        let next = match event {
            E::Started { .. } => None,
            E::Intended { step, way, .. } => self.step_to(*step, *way, StepTo::Intended),
            E::Applied { step, way, .. } => self.step_to(*step, *way, StepTo::Applied),
            E::Refused { step, way, .. } => self.step_to(*step, *way, StepTo::Refused),
            E::Unclear { step, way, .. } => self.step_to(*step, *way, StepTo::Unclear),
            E::Skipped { step, .. } => self.step_to(*step, Way::Do, StepTo::Skipped),
            E::VerificationBegan => self.may_verify().then(|| self.at(Phase::Verifying)),
            E::Rehearsed { .. } => self.may_rehearse().then(|| self.clone()),
            E::Looked { .. } => (self.phase == Phase::Verifying).then(|| self.clone()),
            E::Judged { verdict, .. } => (self.phase == Phase::Verifying)
                .then(|| self.at(Phase::Judged { verdict: *verdict })),
            E::Held { until } => matches!(self.phase, Phase::Judged { .. })
                .then(|| self.at(Phase::Holding { until: *until })),
            E::UndoBegan { why, steps, .. } => self.undo_of(*why, steps),
            E::Ended { ending, .. } => {
                self.may_end(*ending).then(|| self.at(Phase::Ended { ending: *ending }))
            }
            E::Closed { .. } => self.needs_operator().then(|| self.at(Phase::Closed)),
        };
        next.ok_or_else(|| IllegalTransition::new(self.to_string(), event.as_str()))
    }

    /// What waits until a moment waits for one that is so much earlier.
    pub(super) fn hasten(&mut self, by: Duration) {
        if let Phase::Holding { until } = &mut self.phase {
            *until = earlier(*until, by);
        }
    }

    fn at(&self, phase: Phase) -> Self {
        Self { phase, steps: self.steps.clone() }
    }

    fn step_to(&self, step: StepIndex, way: Way, to: StepTo) -> Option<Self> {
        if self.next_step() != Some((step, way)) {
            return None;
        }
        let mut next = self.clone();
        let status = next.steps.get_mut(usize::from(step.0))?;
        *status = to.from(*status, way)?;
        if *status == StepStatus::Undone
            && let Phase::Undoing { todo, .. } = &mut next.phase
        {
            todo.remove(0);
        }
        Some(next)
    }

    fn undo_of(&self, why: UndoReason, steps: &[StepIndex]) -> Option<Self> {
        let all = self.may_have_run();
        let allowed = match (&self.phase, why) {
            // On release only some are taken back, in reverse all the same.
            (Phase::Holding { .. }, UndoReason::Release) => {
                let mut rest = all.iter();
                steps.iter().all(|step| rest.any(|other| other == step))
            }
            (Phase::Running, UndoReason::Failure | UndoReason::Person)
            | (
                Phase::Verifying
                | Phase::Judged { .. }
                | Phase::Holding { .. }
                | Phase::Ended { ending: Ending::Completed },
                UndoReason::Degradation | UndoReason::Person,
            ) => all == steps,
            // A release that turns out wrong, or that a person wants to go further.
            (Phase::Undoing { why: UndoReason::Release, .. }, UndoReason::Person) => all == steps,
            _ => false,
        };
        allowed.then(|| self.at(Phase::Undoing { why, todo: steps.to_vec() }))
    }

    /// Before the first step is sent, and once.
    fn may_rehearse(&self) -> bool {
        self.phase == Phase::Running && self.steps.iter().all(|it| *it == StepStatus::Waiting)
    }

    /// Where nothing took effect there is nothing to verify.
    fn may_verify(&self) -> bool {
        self.phase == Phase::Running
            && self.steps.iter().all(|status| status.is_past())
            && self.steps.contains(&StepStatus::Applied)
    }

    fn may_end(&self, ending: Ending) -> bool {
        match ending {
            Ending::Completed => match &self.phase {
                Phase::Judged { .. } => true,
                Phase::Undoing { why, todo } => *why == UndoReason::Release && todo.is_empty(),
                _ => false,
            },
            Ending::Undone => matches!(&self.phase, Phase::Undoing { why, todo }
                if *why != UndoReason::Release && todo.is_empty()),
            Ending::FailedClean => self.phase == Phase::Running && self.may_have_run().is_empty(),
            Ending::NeedsOperator => self.is_live(),
        }
    }
}

impl fmt::Display for ExecutionStatus {
    /// One line for people: `running step 1 of 2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.steps.len();
        match (&self.phase, self.next_step()) {
            (Phase::Running, Some((step, _))) => {
                write!(f, "running step {} of {total}", u32::from(step.0) + 1)
            }
            (Phase::Running, None) => write!(f, "running, all {total} steps applied"),
            (Phase::Verifying, _) => f.write_str("verifying"),
            (Phase::Judged { verdict }, _) => write!(f, "judged {verdict}"),
            (Phase::Holding { .. }, _) => f.write_str("holding"),
            (Phase::Undoing { why, todo }, _) => {
                write!(f, "undoing after {why}, {} steps left", todo.len())
            }
            (Phase::Ended { ending }, _) => ending.fmt(f),
            (Phase::Closed, _) => f.write_str("closed"),
        }
    }
}

#[derive(Clone, Copy)]
enum StepTo {
    Intended,
    Applied,
    Refused,
    Unclear,
    Skipped,
}

impl StepTo {
    /// Where a step gets to from `status`, or none if it cannot.
    fn from(self, status: StepStatus, way: Way) -> Option<StepStatus> {
        use StepStatus as S;
        match (way, self, status) {
            (Way::Do, Self::Intended, S::Waiting | S::Refused | S::Unclear | S::Intended) => {
                Some(S::Intended)
            }
            (Way::Do, Self::Applied, S::Intended | S::Unclear) => Some(S::Applied),
            (Way::Do, Self::Refused, S::Intended | S::Unclear) => Some(S::Refused),
            (Way::Do, Self::Unclear, S::Intended | S::Unclear) => Some(S::Unclear),
            // Before it was sent, too: a precondition may not hold.
            (Way::Do, Self::Skipped, S::Waiting | S::Refused) => Some(S::Skipped),
            (
                Way::Undo,
                Self::Intended,
                S::Applied
                | S::Intended
                | S::Unclear
                | S::UndoRefused
                | S::UndoIntended
                | S::UndoUnclear,
            ) => Some(S::UndoIntended),
            (Way::Undo, Self::Applied, S::UndoIntended | S::UndoUnclear) => Some(S::Undone),
            (Way::Undo, Self::Refused, S::UndoIntended | S::UndoUnclear) => Some(S::UndoRefused),
            (Way::Undo, Self::Unclear, S::UndoIntended | S::UndoUnclear) => Some(S::UndoUnclear),
            _ => None,
        }
    }
}

fn indexed(
    steps: &[StepStatus],
) -> impl DoubleEndedIterator<Item = (StepIndex, StepStatus)> + use<'_> {
    // A plan's steps fit in 16 bits: `StepIndex` could not name more.
    (0..=u16::MAX)
        .zip(steps)
        .map(|(index, status)| (StepIndex(index), *status))
        .collect::<Vec<_>>()
        .into_iter()
}
