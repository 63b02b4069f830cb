//! What an execution does next: a pure function of where it stands, what is seen, and the time.

use mapek_model::{
    Action, Ending, Execution, ExecutionEvent, Observation, Phase, StepIndex, StepStatus,
    Timestamp, UndoReason, Verdict, Way, later,
};

use super::nth;
use crate::{Case, Config, Examined, ExecutionMode, OwnEffect, judge, ledger::Tracked};

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Move {
    /// Nothing before then.
    Wait { until: Timestamp, why: &'static str },
    /// Something that only the journal has to hear.
    Note(ExecutionEvent),
    /// A step is to be sent.
    Do(StepIndex),
    /// A step is to be undone.
    Undo(StepIndex),
    /// It has to be found out whether a step, or its undo, took effect.
    Settle(StepIndex, Way),
    /// Nothing, ever.
    Done,
}

impl Move {
    fn at(due: Timestamp, now: Timestamp, why: &'static str, then: Self) -> Self {
        if now < due { Self::Wait { until: due, why } } else { then }
    }

    fn end(ending: Ending, reason: impl Into<String>) -> Self {
        Self::Note(ended(ending, reason))
    }
}

pub(super) fn ended(ending: Ending, reason: impl Into<String>) -> ExecutionEvent {
    ExecutionEvent::Ended { ending, reason: reason.into() }
}

/// What there is to go by.
pub(super) struct Scene<'a> {
    pub(super) tracked: &'a Tracked,
    pub(super) config: &'a Config,
    pub(super) observation: &'a Observation,
    pub(super) expected: &'a [OwnEffect],
    /// What others have changed of it since it was sent.
    pub(super) others: Option<&'a str>,
    pub(super) now: Timestamp,
}

impl Scene<'_> {
    const fn execution(&self) -> &Execution {
        &self.tracked.execution
    }

    pub(super) fn next(&self) -> Move {
        match self.execution().status.phase() {
            Phase::Running => self.running(),
            Phase::Verifying => self.verifying(),
            Phase::Judged { verdict } => Move::Note(self.judged(*verdict)),
            Phase::Holding { until } => self.holding(*until),
            Phase::Undoing { why, .. } => self.undoing(*why),
            Phase::Ended { .. } | Phase::Closed => Move::Done,
        }
    }

    fn running(&self) -> Move {
        let execution = self.execution();
        let Some((step, _)) = execution.status.next_step() else { return self.all_past() };
        match self.status(step) {
            StepStatus::Intended | StepStatus::Unclear => Move::Settle(step, Way::Do),
            StepStatus::Refused if !self.may_retry() => {
                let reason = execution.reason.as_deref().unwrap_or("it was refused");
                Move::Note(give_up(execution, self.config, step, reason))
            }
            StepStatus::Refused => self.after_backoff(Move::Do(step)),
            _ => Move::at(
                self.waited(step),
                self.now,
                "the step before takes its time",
                Move::Do(step),
            ),
        }
    }

    fn all_past(&self) -> Move {
        let execution = self.execution();
        if !execution.status.steps().contains(&StepStatus::Applied) {
            return Move::end(Ending::FailedClean, "no step took effect");
        }
        let end = StepIndex(u16::try_from(execution.plan.steps.len()).unwrap_or(u16::MAX));
        let begin = Move::Note(ExecutionEvent::VerificationBegan);
        Move::at(self.waited(end), self.now, "the last step takes its time", begin)
    }

    /// When the wait after the newest step before `step` is over.
    fn waited(&self, step: StepIndex) -> Timestamp {
        let execution = self.execution();
        let steps = execution.plan.steps.iter().zip(execution.status.steps());
        let before =
            steps.take(usize::from(step.0)).rfind(|(_, status)| **status == StepStatus::Applied);
        match (before, execution.last_applied) {
            (Some((step, _)), Some(at)) => later(at, step.wait),
            _ => execution.started,
        }
    }

    fn may_retry(&self) -> bool {
        let execution = self.execution();
        execution.retryable && execution.attempts <= self.config.max_retries
    }

    fn after_backoff(&self, then: Move) -> Move {
        let execution = self.execution();
        let due = later(execution.updated, self.config.backoff(execution.attempts));
        Move::at(due, self.now, "before another try", then)
    }

    fn verifying(&self) -> Move {
        let case = Case {
            execution: &self.tracked.execution,
            watch: &self.tracked.watch,
            observation: self.observation,
            expected: self.expected,
            others: self.others,
            now: self.now,
        };
        match judge(&case, self.config) {
            Examined::NotYet { until } => Move::Wait { until, why: "for fresh metrics" },
            Examined::Looked { sight, left, reason } => {
                Move::Note(ExecutionEvent::Looked { sight, left, reason })
            }
            Examined::Judged(judgement) => Move::Note(ExecutionEvent::Judged {
                verdict: judgement.verdict,
                reason: judgement.reason,
                after: judgement.after,
                time_to_effect: judgement.time_to_effect,
            }),
        }
    }

    fn judged(&self, verdict: Verdict) -> ExecutionEvent {
        let execution = self.execution();
        if verdict == Verdict::Degradation && self.config.rollback_enabled {
            return ExecutionEvent::UndoBegan {
                why: UndoReason::Degradation,
                steps: execution.status.may_have_run(),
                reason: "the metrics got worse".to_owned(),
            };
        }
        let temporary = self.temporary();
        if temporary.is_empty() {
            return ended(Ending::Completed, format!("its effect was: {verdict}"));
        }
        // What did nothing, or harm, is not worth keeping.
        // Nor what others have changed since, and did not get better by.
        let useless = matches!(verdict, Verdict::Ineffective | Verdict::Degradation)
            || (verdict == Verdict::Unknown && self.others.is_some());
        let until = if useless { self.now } else { self.lease_end() };
        ExecutionEvent::Held { until }
    }

    /// The temporary steps whose effect is there, last first.
    fn temporary(&self) -> Vec<StepIndex> {
        let execution = self.execution();
        let mut steps = execution.status.may_have_run();
        steps.retain(|step| self.action(*step).is_some_and(|it| it.kind().is_temporary()));
        steps
    }

    fn lease_end(&self) -> Timestamp {
        let execution = self.execution();
        let leases = execution.plan.steps.iter().filter_map(|step| match &step.action {
            Action::ActivateEmergencyOverride { duration }
            | Action::BypassValidation { duration, .. } => Some(*duration),
            action if action.kind().is_temporary() => Some(self.config.lease),
            _ => None,
        });
        let applied = execution.first_applied.unwrap_or(execution.started);
        later(applied, leases.min().unwrap_or(self.config.lease))
    }

    fn holding(&self, until: Timestamp) -> Move {
        let execution = self.execution();
        let release = |reason: &str| {
            Move::Note(ExecutionEvent::UndoBegan {
                why: UndoReason::Release,
                steps: self.temporary(),
                reason: reason.to_owned(),
            })
        };
        if self.now >= until {
            return release("the lease has ended");
        }
        match self.tracked.watch.absent_since(execution) {
            Some(since) => {
                let due = later(since, self.config.release_after).min(until);
                Move::at(due, self.now, "for the cause to stay away", release("the cause is gone"))
            }
            None => Move::Wait { until, why: "for the cause to go away" },
        }
    }

    fn undoing(&self, why: UndoReason) -> Move {
        let execution = self.execution();
        let Some((step, _)) = execution.status.next_step() else {
            return match why {
                UndoReason::Release => {
                    Move::end(Ending::Completed, "what was temporary is released")
                }
                _ => Move::end(Ending::Undone, undone(execution)),
            };
        };
        match self.status(step) {
            StepStatus::UndoIntended | StepStatus::UndoUnclear => Move::Settle(step, Way::Undo),
            StepStatus::UndoRefused if !self.may_retry() => {
                let reason = execution.reason.as_deref().unwrap_or("it was refused");
                Move::end(
                    Ending::NeedsOperator,
                    format!("undoing step {nth} failed: {reason}", nth = nth(step)),
                )
            }
            StepStatus::UndoRefused => self.after_backoff(Move::Undo(step)),
            _ => Move::Undo(step),
        }
    }

    fn status(&self, step: StepIndex) -> StepStatus {
        let steps = self.execution().status.steps();
        steps.get(usize::from(step.0)).copied().unwrap_or(StepStatus::Waiting)
    }

    fn action(&self, step: StepIndex) -> Option<&Action> {
        self.execution().plan.steps.get(usize::from(step.0)).map(|step| &step.action)
    }
}

/// What follows when a step cannot be done any more.
pub(super) fn give_up(
    execution: &Execution,
    config: &Config,
    step: StepIndex,
    reason: &str,
) -> ExecutionEvent {
    let index = usize::from(step.0);
    let open = execution.status.steps().get(index).is_some_and(|status| status.is_open());
    if config.execution_mode == ExecutionMode::BestEffort && !open {
        return ExecutionEvent::Skipped { step, reason: reason.to_owned() };
    }
    let steps = execution.status.may_have_run();
    let reason = format!("step {nth} failed: {reason}", nth = nth(step));
    if steps.is_empty() {
        ended(Ending::FailedClean, reason)
    } else if config.rollback_enabled {
        ExecutionEvent::UndoBegan { why: UndoReason::Failure, steps, reason }
    } else {
        ended(Ending::NeedsOperator, format!("{reason}; rollback is switched off"))
    }
}

fn undone(execution: &Execution) -> String {
    let why = execution.reason.as_deref().unwrap_or("no reason was recorded");
    let irreversible =
        execution.plan.steps.iter().zip(execution.status.steps()).any(|(step, status)| {
            step.undo == mapek_model::UndoClass::Irreversible && *status == StepStatus::Undone
        });
    if irreversible { format!("{why}; what cannot be undone stays") } else { why.to_owned() }
}
