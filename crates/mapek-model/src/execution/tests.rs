//! Laws of the execution log.

use proptest::{prelude::*, strategy::ValueTree as _};
use uuid::Uuid;

use crate::{
    Confidence, Ending, Execution, ExecutionEvent, ExecutionId, ExecutionRecord, IdempotencyKey,
    Measured, Plan, StepIndex, Timestamp, UndoReason, Verdict, Way, proptest1,
};

fn id() -> ExecutionId {
    ExecutionId::from_uuid(Uuid::from_u128(1))
}

fn record(event: ExecutionEvent) -> ExecutionRecord {
    ExecutionRecord { execution: id(), at: Timestamp::UNIX_EPOCH, event }
}

fn started(plan: &Plan) -> ExecutionRecord {
    record(ExecutionEvent::Started {
        plan: Box::new(plan.clone()),
        chosen_with: Confidence::MAX,
        before: Measured::default(),
    })
}

fn intended(step: StepIndex, way: Way) -> ExecutionEvent {
    ExecutionEvent::Intended {
        step,
        way,
        attempt: 1,
        key: IdempotencyKey::of(id(), step, way),
        captured: None,
    }
}

fn applied(step: StepIndex, way: Way) -> ExecutionEvent {
    ExecutionEvent::Applied { step, way, receipt: serde_json::Value::Null }
}

/// Drives an execution through all its steps, failing at step `fail_at` if that is within the plan, and answers the log.
fn live(plan: &Plan, fail_at: usize) -> (Execution, Vec<ExecutionRecord>) {
    let mut log = vec![started(plan)];
    let mut execution = Execution::begin(&log[0]).unwrap();
    let mut say = |execution: &mut Execution, event: ExecutionEvent| {
        let next = record(event);
        execution.apply(&next).unwrap();
        log.push(next);
    };
    while let Some((step, way)) = execution.status.next_step() {
        say(&mut execution, intended(step, way));
        if way == Way::Do && usize::from(step.0) == fail_at {
            let reason = "no".to_owned();
            say(&mut execution, ExecutionEvent::Refused { step, way, reason, transient: false });
            let steps = execution.status.may_have_run();
            if steps.is_empty() {
                let (ending, reason) = (Ending::FailedClean, "no".to_owned());
                say(&mut execution, ExecutionEvent::Ended { ending, reason });
                return (execution, log);
            }
            let (why, reason) = (UndoReason::Failure, "no".to_owned());
            say(&mut execution, ExecutionEvent::UndoBegan { why, steps, reason });
        } else {
            say(&mut execution, applied(step, way));
        }
    }
    let ending = if fail_at < plan.steps.len() {
        Ending::Undone
    } else {
        say(&mut execution, ExecutionEvent::VerificationBegan);
        say(
            &mut execution,
            ExecutionEvent::Judged {
                verdict: Verdict::Success,
                reason: "all gone".to_owned(),
                after: Measured::default(),
                time_to_effect: None,
            },
        );
        Ending::Completed
    };
    say(&mut execution, ExecutionEvent::Ended { ending, reason: "done".to_owned() });
    (execution, log)
}

proptest! {
    #[test]
    fn replaying_a_log_equals_living_it(plan in proptest1::plan(), fail_at in 0..6_usize) {
        let (lived, log) = live(&plan, fail_at);
        prop_assert_eq!(Execution::replay(&log).unwrap(), lived);
        let text = serde_json::to_string(&log).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<ExecutionRecord>>(&text).unwrap(), log);
    }

    #[test]
    fn unwinding_undoes_exactly_what_ran_in_reverse(
        plan in proptest1::plan(),
        fail_at in 0..4_usize,
    ) {
        prop_assume!(fail_at < plan.steps.len());
        let (execution, log) = live(&plan, fail_at);
        let undone: Vec<_> = log
            .iter()
            .filter_map(|record| match &record.event {
                ExecutionEvent::Applied { step, way: Way::Undo, .. } => Some(usize::from(step.0)),
                _ => None,
            })
            .collect();
        prop_assert_eq!(undone, (0..fail_at).rev().collect::<Vec<_>>());
        let ending = if fail_at == 0 { Ending::FailedClean } else { Ending::Undone };
        prop_assert_eq!(execution.status.ending(), Some(ending));
        prop_assert_eq!(execution.outcome().unwrap().verdict, Verdict::Unknown);
    }

    #[test]
    fn no_record_can_be_left_out_or_doubled(
        plan in proptest1::plan(),
        fail_at in 0..6_usize,
        pick in any::<prop::sample::Index>(),
    ) {
        let (_, log) = live(&plan, fail_at);
        let at = pick.index(log.len() - 1);
        let mut without = log.clone();
        without.remove(at);
        prop_assert!(Execution::replay(&without).is_err(), "left out {:?}", log[at].event);
        let mut doubled = log.clone();
        doubled.insert(at, log[at].clone());
        // An intent may come again: that is a retry.
        let retry = matches!(log[at].event, ExecutionEvent::Intended { .. });
        prop_assert_eq!(Execution::replay(&doubled).is_ok(), retry, "{:?}", log[at].event);
    }
}

#[test]
fn keys_differ_by_execution_step_and_way_and_nothing_else() {
    let other = ExecutionId::from_uuid(Uuid::from_u128(2));
    let (zero, one) = (StepIndex(0), StepIndex(1));
    let key = IdempotencyKey::of(id(), zero, Way::Do);
    assert_eq!(key, IdempotencyKey::of(id(), zero, Way::Do));
    for different in [
        IdempotencyKey::of(other, zero, Way::Do),
        IdempotencyKey::of(id(), one, Way::Do),
        IdempotencyKey::of(id(), zero, Way::Undo),
    ] {
        assert_ne!(key, different);
    }
}

#[test]
fn a_step_is_undone_to_what_was_before_its_first_doubtful_sending() {
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let plan = proptest1::plan().new_tree(runner).unwrap().current();
    let step = StepIndex(0);
    let capture = |replicas: u32| match intended(step, Way::Do) {
        ExecutionEvent::Intended { step, way, attempt, key, .. } => {
            let state = serde_json::json!(replicas);
            let captured = Some(crate::Captured { at: Timestamp::UNIX_EPOCH, state });
            record(ExecutionEvent::Intended { step, way, attempt, key, captured })
        }
        other => panic!("{other:?}"),
    };
    let refused = || {
        let reason = "no".to_owned();
        record(ExecutionEvent::Refused { step, way: Way::Do, reason, transient: true })
    };
    let unclear = || {
        let reason = "no answer".to_owned();
        record(ExecutionEvent::Unclear { step, way: Way::Do, reason })
    };
    let undone_to =
        |log: &[ExecutionRecord]| Execution::replay(log).unwrap().captured[&step].state.clone();
    // Known not to have taken effect: somebody else changed it meanwhile, and that is to stay.
    let log = [started(&plan), capture(5), refused(), capture(6)];
    assert_eq!(undone_to(&log), 6);
    // It may have taken effect after all: what is captured later may already show it.
    let log = [started(&plan), capture(5), unclear(), refused(), capture(12)];
    assert_eq!(undone_to(&log), 5);
}

#[test]
fn only_a_person_closes_what_needs_an_operator() {
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let plan = proptest1::plan().new_tree(runner).unwrap().current();
    let mut execution = Execution::begin(&started(&plan)).unwrap();
    let closed = record(ExecutionEvent::Closed { by: "ada".to_owned(), reason: "ok".to_owned() });
    assert!(execution.apply(&closed).is_err());
    let (ending, reason) = (Ending::NeedsOperator, "undo failed".to_owned());
    execution.apply(&record(ExecutionEvent::Ended { ending, reason })).unwrap();
    assert!(execution.status.needs_operator());
    execution.apply(&closed).unwrap();
    assert!(!execution.status.needs_operator());
    assert!(execution.apply(&closed).is_err());
}

#[test]
fn a_skipped_step_is_past_and_is_never_undone() {
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let mut plan = proptest1::plan().new_tree(runner).unwrap().current();
    plan.steps.truncate(1);
    plan.steps.push(plan.steps[0].clone());
    let (zero, one) = (StepIndex(0), StepIndex(1));
    let skipped = |step| record(ExecutionEvent::Skipped { step, reason: "refused".to_owned() });
    let mut execution = Execution::begin(&started(&plan)).unwrap();
    execution.apply(&skipped(zero)).unwrap();
    assert_eq!(execution.status.next_step(), Some((one, Way::Do)));
    execution.apply(&record(intended(one, Way::Do))).unwrap();
    assert!(execution.apply(&skipped(one)).is_err(), "it may have been sent");
    execution.apply(&record(applied(one, Way::Do))).unwrap();
    assert_eq!(execution.status.may_have_run(), [one]);
    execution.apply(&record(ExecutionEvent::VerificationBegan)).unwrap();

    let mut nothing = Execution::begin(&started(&plan)).unwrap();
    nothing.apply(&skipped(zero)).unwrap();
    nothing.apply(&skipped(one)).unwrap();
    assert!(nothing.apply(&record(ExecutionEvent::VerificationBegan)).is_err());
    let (ending, reason) = (Ending::FailedClean, "nothing ran".to_owned());
    nothing.apply(&record(ExecutionEvent::Ended { ending, reason })).unwrap();
}
