//! What executions came to.

use mapek_execute::Damaged;
use mapek_loop::LoopState;
use mapek_model::{Ending, Execution, Verdict};

use super::{Condition, steps};
use crate::Kind;

/// Executions that only a person can take further.
pub(super) fn stuck(state: &LoopState) -> impl Iterator<Item = Condition> {
    let needing = state.executions.values().filter(|it| it.status.needs_operator()).map(needing);
    let elsewhere = state
        .executions
        .values()
        .filter(|it| it.status.is_live() && *it.target() != state.target)
        .map(unattended);
    needing.chain(state.damaged.iter().map(damaged)).chain(elsewhere)
}

fn needing(execution: &Execution) -> Condition {
    let (id, target) = (execution.id, execution.target());
    let text = format!(
        "{} against {}: {}. Target {target} is frozen until a person has looked: `mapek executions resolve {id}`",
        steps(&execution.plan),
        execution.plan.cause,
        reason(execution),
    );
    about(execution, Condition::new(Kind::NeedsOperator, id.to_string(), TITLE, text))
        .since(execution.updated)
}

const TITLE: &str = "an execution needs an operator";

fn damaged(damaged: &Damaged) -> Condition {
    let id = damaged.execution;
    let frozen = match &damaged.target {
        Some(target) => format!("Target {target} is frozen"),
        None => "All targets are frozen, as nobody can tell which one it is about,".to_owned(),
    };
    let text = format!(
        "the log of an execution cannot be followed: {}. {frozen} until a person has looked: `mapek executions resolve {id}`",
        damaged.reason
    );
    Condition::new(Kind::NeedsOperator, id.to_string(), TITLE, text).fact("execution", id)
}

fn unattended(execution: &Execution) -> Condition {
    let (id, target) = (execution.id, execution.target());
    let text = format!(
        "{} was left half done when target {target} was taken out of the configuration: configure it again, or look \
         after it and close it: `mapek executions resolve {id}`",
        steps(&execution.plan),
    );
    about(execution, Condition::new(Kind::NeedsOperator, id.to_string(), TITLE, text))
        .since(execution.updated)
}

/// What was done and did not help, or could not be done.
pub(super) fn failed(state: &LoopState) -> impl Iterator<Item = Condition> {
    state
        .executions
        .values()
        .flat_map(|execution| [judged(execution), ended(execution)].into_iter().flatten())
}

fn judged(execution: &Execution) -> Option<Condition> {
    let judgement = execution.judgement.as_ref()?;
    let (kind, word) = match judgement.verdict {
        Verdict::Degradation => (Kind::VerificationFailed, "made things worse"),
        Verdict::Ineffective => (Kind::Escalation, "did nothing"),
        Verdict::Unknown => (Kind::Escalation, "had an effect that nobody knows"),
        Verdict::Success | Verdict::Partial => return None,
    };
    let what = steps(&execution.plan);
    let text = format!("{what} against {}: {}", execution.plan.cause, judgement.reason);
    let subject = format!("{}/{}", execution.id, judgement.verdict);
    let condition = Condition::new(kind, subject, format!("{what} {word}"), text);
    let condition = about(execution, condition).fact("verdict", judgement.verdict);
    Some(condition.happened(judgement.at))
}

fn ended(execution: &Execution) -> Option<Condition> {
    let ending = execution.status.ending()?;
    let (kind, word) = match ending {
        Ending::Undone => (Kind::VerificationFailed, "was undone"),
        Ending::FailedClean => (Kind::Escalation, "could not be done"),
        Ending::Completed | Ending::NeedsOperator => return None,
    };
    let what = steps(&execution.plan);
    let text = format!("{what} against {}: {}", execution.plan.cause, reason(execution));
    let subject = format!("{}/{ending}", execution.id);
    let condition = Condition::new(kind, subject, format!("{what} {word}"), text);
    Some(about(execution, condition).fact("ending", ending).happened(execution.updated))
}

fn about(execution: &Execution, condition: Condition) -> Condition {
    let condition = condition.fact("execution", execution.id).fact("plan", execution.plan.id);
    condition.fact("cause", &execution.plan.cause)
}

fn reason(execution: &Execution) -> &str {
    execution.reason.as_deref().unwrap_or("no reason was recorded")
}
