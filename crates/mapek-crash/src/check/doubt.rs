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

/// Follows each step whose kind cannot be repeated: a restart on no managed system, a rollback only on one that keeps keys.
pub(super) fn look(records: &[Record], keys: bool, verdict: &mut Verdict) {
    let mut kinds = BTreeMap::new();
    let mut open: BTreeMap<(ExecutionId, StepIndex), Open> = BTreeMap::new();
    for record in records {
        let Body::Execution { record: event } = &record.body else { continue };
        let id = event.execution;
        match &event.event {
            ExecutionEvent::Started { plan, .. } => {
                for (index, step) in (0..).zip(&plan.steps) {
                    let once = match step.action {
                        Action::RestartService { .. } => true,
                        Action::RollbackPolicy { .. } => !keys,
                        _ => false,
                    };
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

#[cfg(test)]
mod tests {
    use mapek_model::{
        ContentHash, CycleNumber, Duration, ExecutionRecord, IdempotencyKey, Sequence, Step,
        Timestamp,
    };
    use serde_json::Value;

    use super::*;
    use crate::recovery::started;

    const STEP: StepIndex = StepIndex(0);

    fn restart() -> Step {
        let timeout = Duration::from_secs(30);
        Step::of(Action::RestartService { graceful: true, timeout, node: None })
    }

    fn intended(execution: ExecutionId) -> ExecutionEvent {
        let key = IdempotencyKey::of(execution, STEP, Way::Do);
        ExecutionEvent::Intended { step: STEP, way: Way::Do, attempt: 1, key, captured: None }
    }

    fn ended(ending: Ending) -> ExecutionEvent {
        ExecutionEvent::Ended { ending, reason: "it ends".to_owned() }
    }

    /// What is found in a log of a restart, each event in the epoch that is given with it.
    fn found(events: impl FnOnce(ExecutionId) -> Vec<(u64, ExecutionEvent)>) -> Verdict {
        let execution = ExecutionId::from_uuid(uuid::Uuid::from_u128(1));
        let mut all = vec![(1, started(vec![restart()]))];
        all.extend(events(execution));
        let record = |(epoch, event)| Record {
            target: None,
            epoch: Epoch::new(epoch),
            sequence: Sequence::default(),
            at: Timestamp::UNIX_EPOCH,
            cycle: CycleNumber::default(),
            previous: ContentHash::of(b""),
            body: Body::Execution {
                record: ExecutionRecord { execution, at: Timestamp::UNIX_EPOCH, event },
            },
        };
        let mut verdict = Verdict::default();
        look(&all.into_iter().map(record).collect::<Vec<_>>(), true, &mut verdict);
        verdict
    }

    fn applied() -> ExecutionEvent {
        ExecutionEvent::Applied { step: STEP, way: Way::Do, receipt: Value::Null }
    }

    #[test]
    fn what_was_answered_in_time_was_never_in_doubt() {
        let verdict = found(|id| vec![(1, intended(id)), (1, applied())]);
        assert_eq!(verdict, Verdict::default());
    }

    #[test]
    fn what_is_known_only_after_a_crash_was_in_doubt_and_decided() {
        let verdict = found(|id| vec![(1, intended(id)), (2, applied())]);
        assert_eq!((verdict.in_doubt, verdict.decided, verdict.is_good()), (1, 1, true));
    }

    #[test]
    fn what_nobody_knows_is_for_a_person_and_for_nobody_else() {
        let verdict = found(|id| vec![(1, intended(id)), (2, ended(Ending::NeedsOperator))]);
        assert_eq!((verdict.in_doubt, verdict.decided, verdict.is_good()), (1, 0, true));
        let verdict = found(|id| vec![(1, intended(id)), (2, ended(Ending::Undone))]);
        assert!(verdict.wrong[0].contains("nobody knows"), "{verdict:?}");
    }

    #[test]
    fn what_is_in_doubt_may_not_be_sent_again() {
        let verdict = found(|id| vec![(1, intended(id)), (2, intended(id)), (2, applied())]);
        assert!(verdict.wrong[0].contains("sent again"), "{verdict:?}");
    }
}
