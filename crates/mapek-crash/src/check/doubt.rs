//! Steps that cannot be repeated and of which, at some moment, nobody knew whether they had run.
//!
//! Such a step is decided by reading the managed system, or it is for a person; it is never sent again, and nobody guesses.

use std::collections::BTreeMap;

use mapek_execute::{Body, Record};
use mapek_model::{Action, Ending, Epoch, ExecutionEvent, ExecutionId, StepIndex, Way};

use super::Verdict;

/// What is known of such a step.
#[derive(Debug, Clone, Copy)]
struct Open {
    epoch: Epoch,
    unclear: bool,
}

/// Follows each step whose kind cannot be repeated on any managed system.
pub(super) fn look(records: &[Record], verdict: &mut Verdict) {
    let mut kinds = BTreeMap::new();
    let mut open: BTreeMap<(ExecutionId, StepIndex), Open> = BTreeMap::new();
    for record in records {
        let Body::Execution { record: event } = &record.body else { continue };
        let id = event.execution;
        match &event.event {
            ExecutionEvent::Started { plan, .. } => {
                for (index, step) in (0..).zip(&plan.steps) {
                    let once = matches!(step.action, Action::RestartService { .. });
                    kinds.insert((id, StepIndex(index)), once);
                }
            }
            ExecutionEvent::Intended { step, way: Way::Do, .. }
                if kinds.get(&(id, *step)) == Some(&true) =>
            {
                let now = Open { epoch: record.epoch, unclear: false };
                if open.insert((id, *step), now).is_some() {
                    verdict.wrong.push(format!("step {step} of {id} was in doubt, and sent again"));
                }
            }
            ExecutionEvent::Unclear { step, way: Way::Do, .. } => {
                open.entry((id, *step)).and_modify(|it| it.unclear = true);
            }
            ExecutionEvent::Applied { step, way: Way::Do, .. }
            | ExecutionEvent::Refused { step, way: Way::Do, .. } => {
                if let Some(was) = open.remove(&(id, *step))
                    && (was.unclear || was.epoch != record.epoch)
                {
                    verdict.in_doubt += 1;
                    verdict.decided += 1;
                }
            }
            ExecutionEvent::Ended { ending, .. } => {
                let left: Vec<_> =
                    open.keys().filter(|(execution, _)| *execution == id).copied().collect();
                for key in left {
                    open.remove(&key);
                    verdict.in_doubt += 1;
                    if *ending != Ending::NeedsOperator {
                        let text = format!("nobody knows of step {} of {id}, and it ended", key.1);
                        verdict.wrong.push(text);
                    }
                }
            }
            _ => {}
        }
    }
}
