//! Single paths through an execution.

use mapek_model::{
    Action, Captured, Ending, ExecutionEvent, Generation, IdempotencyKey, Precondition, Resource,
    Step, StepIndex, UndoClass, Verdict, Way, later,
};
use mapek_store::Fault as StoreFault;

use super::world::{Fault, Scene, custom, id, plan, seconds, start_time};
use crate::{Error, ExecutionMode};

fn restart() -> Step {
    Step::of(Action::RestartService { graceful: true, timeout: seconds(30), node: None })
}

#[tokio::test]
async fn all_goes_well() {
    let mut scene = Scene::new();
    let mut waits = plan(vec![custom("alpha"), custom("beta")]);
    waits.steps[0].wait = seconds(15);
    scene.start(waits).unwrap();
    let advances = scene.cycle().await;
    let told: Vec<_> = advances[0].events.iter().map(ExecutionEvent::as_str).collect();
    assert_eq!(told, ["rehearsed", "intended", "applied"]);
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha"], "the wait is not over");
    let execution = scene.finish().await;
    assert_eq!(scene.executor.control().executions(), [scene.execution()]);
    assert_eq!(execution.status.ending(), Some(Ending::Completed));
    let outcome = execution.outcome().unwrap();
    assert_eq!((outcome.verdict, outcome.before.explained_open), (Verdict::Success, 2));
    assert_eq!(scene.executor.control().next_due(&Default::default()), None);
}

#[tokio::test]
async fn a_target_with_a_live_execution_gets_no_other() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    let error = scene.start(plan(vec![custom("beta")])).unwrap_err();
    assert!(matches!(error, Error::TargetBusy { .. }), "{error}");
}

#[tokio::test]
async fn nothing_begins_that_nobody_can_carry_out() {
    let scene = Scene::new();
    let (mut executor, _) = scene.open_for(&[]);
    let plan = plan(vec![custom("alpha")]);
    let order = crate::Order { execution: id(1), plan, chosen_with: mapek_model::Confidence::MAX };
    let error = executor.start(order, &scene.observation(), scene.now).unwrap_err();
    assert!(matches!(error, Error::NoEffector { .. }), "{error}");
    assert!(executor.live().is_empty());
}

#[tokio::test]
async fn retries_wait_and_end() {
    let mut scene = Scene::new();
    for nth in 1..=4 {
        scene.world.fail("beta", Way::Do, nth, Fault::Transient);
    }
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Undone));
    assert_eq!(scene.world.state().keys.len(), 1 + 4 + 1);
    assert_eq!(scene.world.effects(Way::Undo), ["alpha"]);
}

/// How often something was sent after each of so many cycles.
async fn sendings(scene: &mut Scene, cycles: usize) -> Vec<usize> {
    let mut counts = Vec::new();
    for _ in 0..cycles {
        scene.cycle().await;
        counts.push(scene.world.state().keys.len());
    }
    counts
}

#[tokio::test]
async fn each_retry_waits_longer_than_the_one_before_either_way() {
    let mut scene = Scene::new();
    for nth in 1..=3 {
        scene.world.fail("alpha", Way::Do, nth, Fault::Transient);
        scene.world.fail("alpha", Way::Undo, nth, Fault::Transient);
    }
    scene.start(plan(vec![custom("alpha")])).unwrap();
    // 5, 10 and 20 s, in cycles of ten.
    assert_eq!(sendings(&mut scene, 5).await, [1, 2, 3, 3, 4]);
    let control = scene.executor.control();
    control.rollback(id(1), "ada", "not like that", scene.now).unwrap();
    assert_eq!(sendings(&mut scene, 5).await, [5, 6, 7, 7, 8]);
    let execution = scene.execution();
    assert_eq!(execution.status.ending(), Some(Ending::Undone));
    assert!(scene.world.changed().is_empty());
}

#[tokio::test]
async fn an_undo_that_is_refused_each_time_is_for_a_person_after_as_many_retries() {
    let mut scene = Scene::new();
    for nth in 1..=9 {
        scene.world.fail("alpha", Way::Undo, nth, Fault::Transient);
    }
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    let control = scene.executor.control();
    control.rollback(id(1), "ada", "not like that", scene.now).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::NeedsOperator));
    assert_eq!(scene.world.state().keys.len(), 1 + 4);
}

#[tokio::test]
async fn an_undo_is_believed_when_it_is_read_back_and_not_when_it_is_answered() {
    let undone = async |faults: &[Fault]| {
        let mut scene = Scene::new();
        for (nth, fault) in (1..).zip(faults) {
            scene.world.fail("alpha", Way::Undo, nth, *fault);
        }
        scene.start(plan(vec![custom("alpha")])).unwrap();
        scene.cycle().await;
        let control = scene.executor.control();
        control.rollback(id(1), "ada", "not like that", scene.now).unwrap();
        scene.cycle().await;
        scene
    };
    let scene = undone(&[]).await;
    assert_eq!(scene.execution().status.ending(), Some(Ending::Undone), "in one cycle");
    assert_eq!(scene.execution().reason.as_deref(), Some("ada: not like that"));
    let mut scene = undone(&[Fault::Lie]).await;
    assert!(scene.execution().status.is_live());
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
    assert!(scene.world.changed().is_empty());
    // What was refused for good is not tried again, whatever is read back.
    let mut scene = undone(&[Fault::Refused]).await;
    scene.cycles(5).await;
    assert_eq!(scene.execution().status.ending(), Some(Ending::NeedsOperator));
    assert_eq!(scene.world.state().keys.len(), 2);
}

#[tokio::test]
async fn an_undo_that_is_still_on_its_way_is_waited_for() {
    for arrives in [true, false] {
        let mut scene = Scene::new();
        scene.world.fail("alpha", Way::Undo, 1, Fault::Late);
        scene.start(plan(vec![custom("alpha")])).unwrap();
        scene.cycle().await;
        let control = scene.executor.control();
        control.rollback(id(1), "ada", "not like that", scene.now).unwrap();
        assert_eq!(sendings(&mut scene, 4).await, [2, 2, 2, 2]);
        if arrives {
            scene.world.arrive();
        }
        assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
        assert_eq!(scene.world.effects(Way::Undo), ["alpha"]);
        assert_eq!(scene.world.state().keys.len(), if arrives { 2 } else { 3 });
    }
}

#[tokio::test]
async fn what_nothing_shows_is_sent_as_often_as_retries_allow_and_then_undone() {
    let mut scene = Scene::new();
    for nth in 1..=9 {
        scene.world.fail("alpha", Way::Do, nth, Fault::RequestLost);
    }
    scene.world.state().blind = true;
    scene.start(plan(vec![custom("alpha")])).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
    let keys = scene.world.state().keys.clone();
    assert_eq!(keys.iter().filter(|key| **key == keys[0]).count(), 4);
}

#[tokio::test]
async fn what_is_open_is_not_skipped_even_where_the_rest_is() {
    let mut scene = Scene::new();
    scene.config.execution_mode = ExecutionMode::BestEffort;
    scene.crash();
    for nth in 1..=9 {
        scene.world.fail("alpha", Way::Do, nth, Fault::RequestLost);
    }
    scene.world.state().blind = true;
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
    assert_eq!(scene.world.effects(Way::Do), [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_repeated_and_is_unclear_needs_an_operator() {
    let mut scene = Scene::new();
    scene.world.fail("restart_service", Way::Do, 1, Fault::AnswerLost);
    scene.start(plan(vec![restart()])).unwrap();
    scene.world.state().blind = true;
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator));
    assert_eq!(scene.world.effects(Way::Do).len(), 1);

    // Its target is frozen until a person closes it, with a name and a reason.
    let control = scene.executor.control();
    let mut next = plan(vec![custom("alpha")]);
    next.expires = later(scene.now, seconds(600));
    let decision = control.decide(&next, &scene.observation(), scene.now);
    assert!(decision.to_string().contains("needs an operator"), "{decision}");
    assert!(control.resolve(id(1), " ", "looked", scene.now).is_err());
    assert!(control.resolve(id(1), "ada", "", scene.now).is_err());
    control.resolve(id(1), "ada", "it did restart", scene.now).unwrap();
    assert!(control.resolve(id(1), "ada", "again", scene.now).is_err());
    let decision = control.decide(&next, &scene.observation(), scene.now);
    assert!(!decision.to_string().contains("needs an operator"), "{decision}");
}

#[tokio::test]
async fn what_cannot_be_repeated_is_not_sent_again_even_if_it_seems_absent() {
    let mut scene = Scene::new();
    scene.world.fail("restart_service", Way::Do, 1, Fault::RequestLost);
    scene.start(plan(vec![custom("alpha"), restart()])).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Undone));
    assert_eq!(scene.world.state().keys.len(), 3, "alpha, restart, undo of alpha");
}

#[tokio::test]
async fn an_irreversible_step_that_ran_stays_when_the_rest_is_undone() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha"), restart()])).unwrap();
    scene.cycle().await;
    scene.open.insert("worse".to_owned(), scene.now);
    scene.cycles(10).await;
    let execution = scene.execution();
    assert_eq!(execution.status.ending(), Some(Ending::Undone));
    assert!(execution.reason.unwrap().contains("what cannot be undone stays"));
    assert_eq!(scene.world.effects(Way::Undo), ["alpha"]);
}

#[tokio::test]
async fn an_undo_that_fails_needs_an_operator() {
    let mut scene = Scene::new();
    scene.world.fail("beta", Way::Do, 1, Fault::Refused);
    scene.world.fail("alpha", Way::Undo, 1, Fault::Refused);
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator));
    assert!(execution.reason.unwrap().contains("undoing step 1 failed"));
}

#[tokio::test]
async fn a_managed_system_that_is_away_parks_the_work_without_using_up_attempts() {
    let mut scene = Scene::new();
    scene.world.fail("beta", Way::Do, 1, Fault::AnswerLost);
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    scene.cycle().await;
    scene.world.state().unreadable = true;
    scene.cycles(60).await;
    assert!(scene.execution().status.is_live());
    scene.world.state().unreadable = false;
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
    assert_eq!(scene.world.effects(Way::Do), ["alpha", "beta"]);
}

#[tokio::test]
async fn but_not_for_ever() {
    let mut scene = Scene::new();
    scene.world.fail("alpha", Way::Do, 1, Fault::AnswerLost);
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    scene.world.state().unreadable = true;
    scene.cycles(400).await;
    assert_eq!(scene.execution().status.ending(), Some(Ending::NeedsOperator));
}

#[tokio::test]
async fn what_can_never_be_read_back_is_for_a_person_at_once() {
    let mut scene = Scene::new();
    scene.world.fail("alpha", Way::Do, 1, Fault::AnswerLost);
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    scene.world.state().unreadable_for_good = true;
    scene.cycle().await;
    let execution = scene.execution();
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator));
    assert!(execution.reason.unwrap().contains("step 1 cannot be read back: refused: gone"));

    // Before anything was sent, nobody has to look after it.
    let mut scene = Scene::new();
    let mut waits = plan(vec![custom("alpha"), custom("beta")]);
    waits.steps[0].undo = UndoClass::Irreversible;
    waits.steps[1].undo = UndoClass::Irreversible;
    scene.start(waits).unwrap();
    scene.world.state().unreadable_for_good = true;
    scene.cycle().await;
    assert_eq!(scene.execution().status.ending(), Some(Ending::FailedClean));
    assert!(scene.world.state().keys.is_empty());
}

#[tokio::test]
async fn a_plan_that_expires_on_the_way_is_undone() {
    let mut scene = Scene::new();
    let mut short = plan(vec![custom("alpha"), custom("beta")]);
    short.steps[0].wait = seconds(60);
    short.expires = later(start_time(), seconds(30));
    scene.start(short).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Undone));
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
}

#[tokio::test]
async fn preconditions_are_looked_at_when_a_step_is_sent() {
    let size = Resource {
        kind: "committee".to_owned(),
        id: "main".to_owned(),
        status: "normal".to_owned(),
        generation: Some(Generation::new(7)),
        changed: None,
        attributes: [("replicas".to_owned(), 3.into())].into(),
    };
    let within = |min, max| Precondition::Within {
        kind: "committee".to_owned(),
        id: "main".to_owned(),
        attribute: "replicas".to_owned(),
        min,
        max,
    };
    let unchanged = |n| Precondition::Unchanged {
        kind: "committee".to_owned(),
        id: "main".to_owned(),
        generation: Generation::new(n),
    };
    for (condition, observed, holds) in [
        (Precondition::CausePresent, true, true),
        (within(1, 3), true, true),
        (within(4, 9), true, false),
        (within(1, 3), false, false),
        (unchanged(7), true, true),
        (unchanged(6), true, false),
    ] {
        let mut scene = Scene::new();
        let mut conditional = plan(vec![custom("alpha")]);
        conditional.steps[0].preconditions = vec![condition.clone()];
        scene.start(conditional).unwrap();
        let mut observation = scene.observation();
        if observed {
            observation.resources = vec![size.clone()];
        }
        let advances = scene.executor.advance(&observation, scene.now).await.unwrap();
        assert_eq!(scene.world.effects(Way::Do).len(), usize::from(holds), "{condition:?}");
        let ending = advances[0].status.ending();
        assert_eq!(ending, (!holds).then_some(Ending::FailedClean), "{condition:?}");
    }
}

#[tokio::test]
async fn best_effort_skips_what_fails_and_goes_on() {
    let mut scene = Scene::new();
    scene.config.execution_mode = ExecutionMode::BestEffort;
    scene.crash();
    scene.world.fail("alpha", Way::Do, 1, Fault::Refused);
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Completed));
    assert_eq!(scene.world.effects(Way::Do), ["beta"]);
}

#[tokio::test]
async fn without_rollback_half_a_plan_needs_an_operator() {
    let mut scene = Scene::new();
    scene.config.rollback_enabled = false;
    scene.crash();
    scene.world.fail("beta", Way::Do, 1, Fault::Refused);
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator));
    assert!(scene.world.effects(Way::Undo).is_empty());
}

#[tokio::test]
async fn outcomes_are_taken_by_cursor_again_and_again() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.finish().await;
    let taken = scene.executor.control().outcomes_after(Default::default(), 10).unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].1.verdict, Verdict::Success);
    scene.crash();
    let control = scene.executor.control();
    assert_eq!(control.outcomes_after(Default::default(), 10).unwrap(), taken);
    assert!(control.outcomes_after(taken[0].0, 10).unwrap().is_empty());
    assert!(control.outcomes_after(Default::default(), 0).unwrap().is_empty());
}

#[tokio::test]
async fn a_damaged_log_freezes_its_target_and_nothing_else_fails() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    assert!(scene.store.corrupt(mapek_model::Sequence::new(1), |bytes| bytes[80] ^= 1));
    scene.crash();
    let control = scene.executor.control();
    assert_eq!(control.bad_records().len(), 1);
    assert_eq!(control.damaged().len(), 1);
    let decision = control.decide(&plan(vec![custom("beta")]), &scene.observation(), scene.now);
    assert!(decision.to_string().contains("needs an operator"), "{decision}");
    scene.cycles(3).await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
    control.resolve(id(1), "ada", "looked at it", scene.now).unwrap();
    assert!(control.damaged().is_empty());
    scene.crash();
    assert!(scene.executor.control().damaged().is_empty());
}

#[tokio::test]
async fn a_lost_record_of_something_unrepeatable_is_not_guessed_away() {
    let mut scene = Scene::new();
    let mut waits = plan(vec![custom("alpha"), restart()]);
    waits.steps[0].wait = seconds(60);
    assert_eq!(waits.steps[1].undo, UndoClass::Irreversible);
    scene.start(waits).unwrap();
    scene.cycle().await;
    scene.store.fail_append(1, StoreFault::Torn);
    let control = scene.executor.control();
    assert!(control.pause("ada", "torn on purpose", scene.now).is_err());
    scene.crash();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator));
    assert_eq!(scene.world.effects(Way::Do), ["alpha"], "the restart was never sent");
}

#[tokio::test]
async fn a_restart_that_was_lost_is_not_believed_lost_before_it_may_have_arrived() {
    let mut scene = Scene::new();
    scene.world.fail("restart_service", Way::Do, 1, Fault::RequestLost);
    scene.start(plan(vec![restart()])).unwrap();
    scene.cycle().await;
    let looked_for = scene.now;
    for _ in 0..3 {
        let advances = scene.cycle().await;
        assert!(advances[0].waits.as_ref().unwrap().contains("may still be on its way"));
        assert_eq!(advances[0].due, Some(later(looked_for, scene.config.settle)));
    }
    // 30 s after it was looked for first, and not before.
    assert_eq!(scene.now, later(looked_for, scene.config.settle));
    scene.cycle().await;
    assert_eq!(scene.execution().status.ending(), Some(Ending::FailedClean));
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_told_and_a_person_can_close_it() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    scene.cycle().await;
    let (executor, recovery) = scene.open_for(&[]);
    assert_eq!((recovery.resumed, recovery.unattended), (vec![], vec![id(1)]));
    let control = executor.control();
    assert_eq!(control.unattended().len(), 1);
    // Nor does it wake anybody else.
    assert!(control.next_due(&Default::default()).is_some());
    assert_eq!(control.next_due(&mapek_model::TargetId::try_new("other").unwrap()), None);
    control.resolve(id(1), "ada", "the system is gone", scene.now).unwrap();
    assert!(control.unattended().is_empty());
    assert!(control.resolve(id(1), "ada", "once more", scene.now).is_err());
    assert_eq!(
        control.outcomes_after(Default::default(), 9).unwrap()[0].1.verdict,
        Verdict::Unknown
    );
    // What somebody goes on with is not closed like that.
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    assert!(scene.executor.control().unattended().is_empty());
    assert!(scene.executor.control().resolve(id(1), "ada", "no", scene.now).is_err());
}

/// A step whose first sending is late, after so many cycles of ten seconds.
async fn late(cycles: usize) -> Scene {
    let mut scene = Scene::new();
    scene.world.fail("alpha", Way::Do, 1, Fault::Late);
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycles(cycles).await;
    scene
}

#[tokio::test]
async fn what_comes_late_is_not_sent_again() {
    let mut scene = late(3).await;
    scene.world.arrive();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
}

#[tokio::test]
async fn what_comes_late_is_not_what_it_is_undone_to() {
    // The process that sent it dies before it knows that there is no answer.
    let mut scene = Scene::new();
    scene.world.fail("alpha", Way::Do, 1, Fault::Late);
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.store.fail_append(2, StoreFault::Refuse);
    scene.cycle().await;
    scene.crash();
    scene.cycles(2).await;
    scene.world.arrive();
    scene.cycles(4).await;
    let control = scene.executor.control();
    control.rollback(id(1), "ada", "not like that", scene.now).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
    assert!(scene.world.changed().is_empty());
}

#[tokio::test]
async fn a_person_who_rolls_back_waits_for_what_is_still_on_its_way() {
    let mut scene = late(1).await;
    let control = scene.executor.control();
    control.rollback(id(1), "ada", "not like that", scene.now).unwrap();
    scene.cycles(2).await;
    assert!(scene.execution().status.is_live());
    scene.world.arrive();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
    assert!(scene.world.changed().is_empty());
}

#[tokio::test]
async fn what_never_arrived_is_not_undone_and_nobody_is_blamed() {
    let mut scene = Scene::new();
    scene.world.fail("alpha", Way::Do, 1, Fault::RequestLost);
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    let control = scene.executor.control();
    control.rollback(id(1), "ada", "not like that", scene.now).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Undone), "{:?}", execution.reason);
    assert_eq!(scene.world.state().keys.len(), 1, "nothing was sent but the step");
}

#[tokio::test]
async fn an_undo_is_told_what_was_answered_to_the_step() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    let control = scene.executor.control();
    control.rollback(id(1), "ada", "not like that", scene.now).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
    assert_eq!(scene.world.state().receipts, [serde_json::json!({ "now": "changed" })]);
}

/// One that a version wrote which did not rehearse yet.
#[tokio::test]
async fn what_was_begun_without_a_rehearsal_goes_on_without_one() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    let (step, way) = (StepIndex(0), Way::Do);
    let key = IdempotencyKey::of(id(1), step, way);
    let captured = Some(Captured { at: scene.now, state: "initial".into() });
    let events = [
        ExecutionEvent::Intended { step, way, attempt: 1, key, captured },
        ExecutionEvent::Applied { step, way, receipt: serde_json::Value::Null },
    ];
    let control = scene.executor.control();
    for event in events {
        control.ledger().happen(id(1), scene.now, event).unwrap();
    }
    scene.world.set_by_others("alpha", "changed");
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
    assert_eq!(scene.world.effects(Way::Do), ["beta"]);
    assert_eq!(scene.execution().irreversible, None);
}

#[tokio::test]
async fn the_wait_for_what_is_still_on_its_way_begins_with_the_first_look_for_it() {
    let mut scene = late(1).await;
    // The cycle that sent it took a minute: it may have left at its end.
    scene.now = later(scene.now, seconds(60));
    let first = scene.now;
    scene.cycles(3).await;
    assert_eq!(scene.world.state().keys.len(), 1);
    let waits = scene.cycle().await[0].waits.clone().unwrap();
    assert_eq!(waits, "before another try", "{:?}", mapek_model::since(scene.now, first));
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
}

#[tokio::test]
async fn a_refusal_says_nothing_of_the_sending_before() {
    let mut scene = Scene::new();
    scene.world.fail("alpha", Way::Do, 1, Fault::AnswerLost);
    scene.world.fail("alpha", Way::Do, 2, Fault::Refused);
    scene.world.state().blind = true;
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycles(8).await;
    assert_eq!(scene.world.state().keys.len(), 2);
    scene.world.state().blind = false;
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
    assert_eq!(scene.world.changed(), ["alpha".to_owned()].into());
}
