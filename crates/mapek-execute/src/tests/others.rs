//! Somebody else is at work on the same things.

use mapek_model::{Ending, Execution, Step, StepStatus, Verdict, Way, later};

use super::world::{Fault, Scene, custom, id, plan, seconds};
use crate::{Body, Decision, Moved, Writer};

/// A world that tells which resource an action changes, and counts.
fn scene(names: &[&str]) -> Scene {
    let mut scene = Scene::new();
    scene.world.state().tells_resources = true;
    scene.generations = names.iter().map(|name| ((*name).to_owned(), 1)).collect();
    scene
}

/// Two steps, the second of which waits long enough for something to happen in between.
fn slow_plan() -> mapek_model::Plan {
    let mut plan = plan(vec![custom("alpha"), custom("beta")]);
    plan.steps[0].wait = seconds(15);
    plan
}

fn step_up(scene: &mut Scene, name: &str) {
    *scene.generations.get_mut(name).unwrap() += 1;
}

fn moves(scene: &Scene) -> Vec<Moved> {
    let mut found = Vec::new();
    crate::scan(&scene.store, |record| {
        if let Ok(crate::Record { body: Body::Moved { moves }, .. }) = record {
            found.extend(moves);
        }
    })
    .unwrap();
    found
}

fn asked(scene: &Scene, steps: Vec<Step>) -> Decision {
    let mut next = plan(steps);
    next.created = scene.now;
    next.expires = later(scene.now, seconds(600));
    scene.executor.control().decide(&next, &scene.observation(), scene.now)
}

fn refused_by(decision: &Decision, rail: &str) -> String {
    let Decision::Refused { refusals } = decision else { panic!("{decision:?}") };
    let found = refusals.iter().find(|it| it.rail == rail);
    found.unwrap_or_else(|| panic!("{rail}: {decision}")).reason.clone()
}

#[tokio::test]
async fn what_we_change_is_ours_and_what_others_change_is_told_with_their_name() {
    let mut scene = scene(&["alpha", "beta"]);
    scene.cycle().await;
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    step_up(&mut scene, "alpha");
    step_up(&mut scene, "beta");
    scene.source = Some("ops".to_owned());
    scene.cycle().await;
    let told: Vec<_> = moves(&scene).into_iter().map(|it| (it.id, it.writer)).collect();
    let ops = Writer::Others { who: Some("ops".to_owned()), answers: None };
    let of = |id: &str, writer| (id.to_owned(), writer);
    let expected = [
        of("alpha", Writer::Unknown),
        of("beta", Writer::Unknown),
        of("alpha", Writer::Us),
        of("beta", ops),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn what_moves_after_a_look_that_showed_nothing_is_not_ours_any_more() {
    let mut scene = scene(&["alpha"]);
    scene.cycle().await;
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    let looked = scene.now;
    scene.cycle().await;
    assert_eq!(changed(&mut scene, "alpha").await, others(Some(1)));
    assert_eq!(moves(&scene).pop().unwrap().since, looked);
}

#[tokio::test]
async fn what_is_ours_and_arrives_late_is_ours_though_others_had_set_the_same() {
    let mut scene = scene(&["alpha"]);
    scene.cycle().await;
    scene.world.fail("alpha", Way::Do, 1, Fault::Late);
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    scene.world.set_by_others("alpha", "changed");
    step_up(&mut scene, "alpha");
    scene.cycle().await;
    assert_eq!(scene.execution().status.steps(), [StepStatus::Applied]);
    scene.cycle().await;
    scene.world.arrive();
    let settle = scene.config.settle;
    assert_eq!(changed(&mut scene, "alpha").await, Writer::Us);
    scene.now = later(scene.now, settle);
    scene.cycle().await;
    assert_eq!(changed(&mut scene, "alpha").await, others(Some(1)), "nothing is under way");
}

#[tokio::test]
async fn what_we_change_while_nothing_can_be_read_is_ours() {
    let mut scene = scene(&["alpha"]);
    scene.cycle().await;
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    let listed = std::mem::take(&mut scene.generations);
    scene.cycles(2).await;
    scene.generations = listed;
    step_up(&mut scene, "alpha");
    scene.cycle().await;
    let told: Vec<_> = moves(&scene).into_iter().map(|it| it.writer).collect();
    assert_eq!(told, [Writer::Unknown, Writer::Us]);
}

#[tokio::test]
async fn while_others_change_the_next_thing_it_is_left_to_them_also_after_a_crash() {
    let mut scene = scene(&["alpha", "beta"]);
    scene.cycle().await;
    let mut long = slow_plan();
    long.expires = later(scene.now, seconds(3600));
    scene.start(long).unwrap();
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
    step_up(&mut scene, "alpha");
    step_up(&mut scene, "beta");
    scene.cycle().await;
    scene.crash();
    let advances = scene.cycle().await;
    let held = advances[0].held_back.as_ref().unwrap();
    assert!(refused_by(held, "others").contains("thing beta was changed"), "{held}");
    scene.cycles(26).await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha"], "five minutes are not over");
    scene.cycles(3).await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha", "beta"]);
}

#[tokio::test]
async fn a_resource_that_two_set_by_turns_waits_for_a_person() {
    let mut scene = scene(&["alpha"]);
    scene.cycle().await;
    for turn in 1..=2_u32 {
        assert_eq!(asked(&scene, vec![custom("alpha")]), Decision::Run, "turn {turn}");
        let mut next = plan(vec![custom("alpha")]);
        (next.created, next.expires) = (scene.now, later(scene.now, seconds(600)));
        scene.start_as(turn.into(), next).unwrap();
        scene.cycle().await;
        step_up(&mut scene, "alpha");
        scene.cycle().await;
        scene.open.clear();
        while !scene.executor.live().is_empty() {
            scene.cycle().await;
        }
        step_up(&mut scene, "alpha");
        scene.world.set_by_others("alpha", "initial");
        scene.cycle().await;
        // What it was for comes again later, so that no courtesy holds; the cooldown is over, too.
        scene.now = later(scene.now, seconds(400));
        scene.open = [("slow".to_owned(), scene.now), ("failing".to_owned(), scene.now)].into();
        scene.cycle().await;
    }
    scene.crash();
    let reason = refused_by(&asked(&scene, vec![custom("alpha")]), "others");
    assert!(
        reason.starts_with("others set it otherwise after us 2 times: thing alpha"),
        "{reason}"
    );
    assert_eq!(asked(&scene, vec![custom("beta")]), Decision::Run, "that is another thing");
    let kind = custom("alpha").action.kind();
    let control = scene.executor.control();
    control.rearm(&Default::default(), kind, "ada", "ops has let go", scene.now).unwrap();
    assert_eq!(asked(&scene, vec![custom("alpha")]), Decision::Run);
}

#[tokio::test]
async fn no_step_follows_one_that_others_have_overwritten() {
    let mut scene = scene(&["alpha"]);
    scene.cycle().await;
    scene.start(slow_plan()).unwrap();
    scene.cycle().await;
    scene.world.set_by_others("alpha", "theirs");
    scene.generations.insert("alpha".to_owned(), 2);
    scene.cycle().await;
    step_up(&mut scene, "alpha");
    scene.source = Some("ops".to_owned());
    scene.cycles(2).await;
    let execution = scene.execution();
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator));
    let reason = execution.reason.unwrap();
    assert!(reason.contains("what step 1 set is set otherwise by others since"), "{reason}");
    assert!(reason.contains("thing alpha was changed by ops"), "{reason}");
    assert!(reason.contains("step 2 is not sent"), "{reason}");
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
    assert!(scene.world.effects(Way::Undo).is_empty());
    assert_eq!(scene.world.is("alpha"), "theirs");
}

/// What they set may have helped as well as what we did: nobody can learn from it.
#[tokio::test]
async fn of_what_others_have_overwritten_before_it_was_judged_nothing_is_said() {
    for overwritten in [false, true] {
        let mut scene = scene(&["alpha"]);
        // How long two writers are remembered has nothing to do with it.
        scene.config.rails.others.window = seconds(1);
        scene.crash();
        scene.cycle().await;
        scene.start(plan(vec![custom("alpha")])).unwrap();
        scene.cycle().await;
        step_up(&mut scene, "alpha");
        scene.cycle().await;
        if overwritten {
            scene.world.set_by_others("alpha", "theirs");
            step_up(&mut scene, "alpha");
            scene.source = Some("ops".to_owned());
            scene.cycle().await;
            scene.crash();
        }
        scene.open.clear();
        let execution = scene.finish().await;
        let judgement = execution.judgement.unwrap();
        if overwritten {
            assert_eq!(judgement.verdict, Verdict::Unknown);
            let why =
                "others have changed since what it had changed (thing alpha was changed by ops";
            assert!(judgement.reason.contains(why), "{}", judgement.reason);
        } else {
            assert_eq!(judgement.verdict, Verdict::Success, "{}", judgement.reason);
        }
    }
}

#[tokio::test]
async fn an_undo_does_not_go_over_what_others_have_set_since() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    scene.world.set_by_others("alpha", "theirs");
    scene.executor.control().rollback(id(1), "ada", "it hurts", scene.now).unwrap();
    scene.cycles(3).await;
    let execution = scene.execution();
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator));
    let reason = execution.reason.unwrap();
    assert!(reason.contains("undoing it would overwrite that"), "{reason}");
    assert_eq!(scene.world.is("alpha"), "theirs");
    assert!(scene.world.effects(Way::Undo).is_empty());
}

#[tokio::test]
async fn what_another_execution_of_ours_has_set_since_is_not_blamed_on_others() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.finish().await;
    scene.world.set_by_others("alpha", "theirs");
    scene.now = later(scene.now, seconds(600));
    scene.open = [("slow".to_owned(), scene.now), ("failing".to_owned(), scene.now)].into();
    let mut next = plan(vec![custom("alpha")]);
    (next.created, next.expires) = (scene.now, later(scene.now, seconds(600)));
    scene.start_as(2, next).unwrap();
    scene.cycle().await;
    let control = scene.executor.control();
    control.rollback(id(2), "ada", "it hurts", scene.now).unwrap();
    scene.cycles(2).await;
    assert_eq!(scene.world.is("alpha"), "theirs");
    control.rollback(id(1), "ada", "that too", scene.now).unwrap();
    scene.cycles(2).await;
    let reason = scene.execution().reason.unwrap();
    let told = format!("what step 1 set is set otherwise by execution {}; undoing", id(2));
    assert!(reason.contains(&told), "{reason}");
    assert_eq!(scene.world.is("alpha"), "theirs");
}

/// A step that sets something to this.
fn to(name: &str, value: &str) -> Step {
    let mut step = custom(name);
    if let mapek_model::Action::Custom { parameters, .. } = &mut step.action {
        parameters.insert("to".to_owned(), value.into());
    }
    step
}

/// What a second execution says that is rolled back after a first one that had set the same, whose rollback therefore has set it back
/// already. The first may not be asked what it has left.
async fn rolled_back_after_an_earlier_one(can_be_asked: bool) -> String {
    let mut scene = Scene::new();
    for n in [1, 2] {
        scene.now = later(scene.now, seconds(600));
        scene.open = [("slow".to_owned(), scene.now), ("failing".to_owned(), scene.now)].into();
        let mut next = plan(vec![to("alpha", "more")]);
        (next.created, next.expires) = (scene.now, later(scene.now, seconds(600)));
        scene.start_as(n, next).unwrap();
        while !scene.executor.live().is_empty() {
            scene.cycle().await;
            scene.open.clear();
        }
    }
    assert_eq!(scene.world.is("alpha"), "more");
    for n in [1, 2] {
        scene.executor.control().rollback(id(n), "ada", "it hurts", scene.now).unwrap();
        // What the second has set is read twice before.
        scene.world.state().away_after = (n == 2 && !can_be_asked).then_some(2);
        scene.cycles(2).await;
    }
    assert_eq!(scene.world.state().away_after, None);
    let second = scene.executor.control().execution(id(2)).unwrap();
    assert_eq!(second.status.ending(), Some(Ending::NeedsOperator));
    second.reason.unwrap()
}

#[tokio::test]
async fn what_an_earlier_execution_of_ours_has_set_back_since_is_told_as_its_work() {
    let reason = rolled_back_after_an_earlier_one(true).await;
    let told = format!("what step 1 set is set otherwise by execution {}; undoing", id(1));
    assert!(reason.contains(&told), "{reason}");
}

#[tokio::test]
async fn who_cannot_be_asked_whether_they_set_it_is_not_waited_for_and_nobody_is_blamed() {
    let reason = rolled_back_after_an_earlier_one(false).await;
    let told = format!("otherwise by somebody (of execution {} it cannot be told: ", id(1));
    assert!(reason.contains(&told) && reason.contains("away"), "{reason}");
}

#[tokio::test]
async fn what_a_later_execution_of_ours_has_set_is_told_as_its_work_and_left() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.finish().await;
    for (n, step) in [(2, to("alpha", "more")), (3, to("beta", "more"))] {
        scene.now = later(scene.now, seconds(600));
        scene.open = [("slow".to_owned(), scene.now), ("failing".to_owned(), scene.now)].into();
        let mut next = plan(vec![step]);
        (next.created, next.expires) = (scene.now, later(scene.now, seconds(600)));
        scene.start_as(n, next).unwrap();
        while !scene.executor.live().is_empty() {
            scene.cycle().await;
            scene.open.clear();
        }
    }
    scene.executor.control().rollback(id(1), "ada", "that too", scene.now).unwrap();
    scene.cycles(2).await;
    let reason = scene.execution().reason.unwrap();
    let told = format!("what step 1 set is set otherwise by execution {}; undoing", id(2));
    assert!(reason.contains(&told), "{reason}");
    assert_eq!(scene.world.is("alpha"), "more");
}

/// A later execution has set what the first had set; the sending of its undo goes wrong, and then the first is to be undone too.
async fn undone_while_the_undo_of_a_later_one_goes_wrong(fault: Fault) -> (Scene, Execution) {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.finish().await;
    scene.now = later(scene.now, seconds(600));
    scene.open = [("slow".to_owned(), scene.now), ("failing".to_owned(), scene.now)].into();
    let mut next = plan(vec![to("alpha", "more")]);
    (next.created, next.expires) = (scene.now, later(scene.now, seconds(600)));
    scene.start_as(2, next).unwrap();
    scene.cycle().await;
    scene.world.fail("alpha", Way::Undo, 1, fault);
    let control = scene.executor.control();
    control.rollback(id(2), "ada", "it hurts", scene.now).unwrap();
    scene.world.state().non_repeatable = true;
    scene.cycle().await;
    scene.world.state().blind = true;
    scene.cycles(5).await;
    let later_one = control.execution(id(2)).unwrap();
    assert!(later_one.status.needs_operator(), "{}", later_one.status);
    scene.world.state().blind = false;
    control.rollback(id(1), "ada", "that too", scene.now).unwrap();
    scene.cycle().await;
    (scene, later_one)
}

fn told_as_the_work_of_the_later_one(scene: &Scene) {
    let reason = scene.execution().reason.unwrap();
    let told = format!("what step 1 set is set otherwise by execution {}; undoing", id(2));
    assert!(reason.contains(&told), "{reason}");
    assert_eq!(scene.world.is("alpha"), "more");
}

#[tokio::test]
async fn what_a_later_execution_of_ours_has_set_and_could_not_undo_is_told_as_its_work() {
    let (scene, later_one) = undone_while_the_undo_of_a_later_one_goes_wrong(Fault::Refused).await;
    assert_eq!(later_one.status.steps(), [StepStatus::UndoRefused]);
    told_as_the_work_of_the_later_one(&scene);
}

#[tokio::test]
async fn what_a_later_execution_of_ours_has_set_and_may_not_have_undone_is_told_as_its_work() {
    let (scene, later_one) =
        undone_while_the_undo_of_a_later_one_goes_wrong(Fault::RequestLost).await;
    assert_eq!(later_one.status.steps(), [StepStatus::UndoUnclear]);
    told_as_the_work_of_the_later_one(&scene);
}

#[tokio::test]
async fn what_cannot_be_undone_is_over_whoever_changes_it() {
    let mut scene = Scene::new();
    let mut slow = slow_plan();
    slow.steps[0].undo = mapek_model::UndoClass::Irreversible;
    scene.start(slow).unwrap();
    scene.cycle().await;
    scene.world.set_by_others("alpha", "theirs");
    scene.cycles(2).await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha", "beta"]);
}

#[tokio::test]
async fn what_others_have_put_back_themselves_is_undone_already() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    scene.world.set_by_others("alpha", "initial");
    scene.executor.control().rollback(id(1), "ada", "it hurts", scene.now).unwrap();
    scene.cycles(3).await;
    assert_eq!(scene.execution().status.ending(), Some(Ending::Undone));
    assert!(scene.world.effects(Way::Undo).is_empty());
}

#[tokio::test]
async fn a_step_that_sets_the_same_anew_is_no_stranger() {
    let mut scene = Scene::new();
    let mut twice = plan(vec![custom("alpha"), custom("alpha"), custom("beta")]);
    twice.steps[1].wait = seconds(15);
    scene.start(twice).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Completed), "{:?}", execution.reason);
}

#[tokio::test]
async fn what_is_known_of_others_is_known_from_what_is_left_after_pruning() {
    let mut scene = scene(&["alpha", "beta"]);
    scene.cycle().await;
    step_up(&mut scene, "alpha");
    scene.cycle().await;
    let refused = |scene: &Scene| {
        let mut old = plan(vec![custom("alpha")]);
        old.expires = later(scene.now, seconds(600));
        let decision = scene.executor.control().decide(&old, &scene.observation(), scene.now);
        refused_by(&decision, "others")
    };
    let before = refused(&scene);
    scene.config.journal_retention.age = seconds(1);
    scene.config.journal_retention.records = 8;
    scene.crash();
    for n in 0..40 {
        let control = scene.executor.control();
        control.pause("ada", &format!("{n}"), scene.now).unwrap();
        control.resume("ada", "again", scene.now).unwrap();
    }
    let now = later(scene.now, seconds(5));
    assert!(scene.executor.control().prune(mapek_model::Sequence::new(1_000), now).unwrap() > 0);
    assert_eq!(refused(&scene), before);
    scene.crash();
    assert_eq!(refused(&scene), before);
    step_up(&mut scene, "beta");
    scene.cycle().await;
    let told = moves(&scene);
    assert_eq!(told.last().unwrap().before.map(|it| it.get()), Some(1), "{told:?}");
}

/// One more cycle in which a thing was seen to change: who is said to have done it.
async fn changed(scene: &mut Scene, name: &str) -> Writer {
    step_up(scene, name);
    scene.cycle().await;
    moves(scene).pop().unwrap().writer
}

/// Alpha was set by us in the second cycle, and that has ended.
async fn set() -> Scene {
    let mut scene = scene(&["alpha", "beta"]);
    scene.cycle().await;
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    assert_eq!(changed(&mut scene, "alpha").await, Writer::Us);
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
    scene
}

fn others(answers: Option<u128>) -> Writer {
    Writer::Others { who: None, answers: answers.map(id) }
}

#[tokio::test]
async fn who_changes_first_what_we_have_set_answers_us() {
    let mut scene = set().await;
    assert_eq!(changed(&mut scene, "beta").await, others(None), "we never set that");
    assert_eq!(changed(&mut scene, "alpha").await, others(Some(1)));
    assert_eq!(changed(&mut scene, "alpha").await, others(None), "it was theirs by then");
}

#[tokio::test]
async fn what_we_have_undone_or_set_long_ago_nobody_answers() {
    let mut scene = set().await;
    let sent = later(super::world::start_time(), seconds(10));
    let window = scene.config.rails.others.window;
    let mut late = set().await;
    scene.now = later(sent, window);
    assert_eq!(changed(&mut scene, "alpha").await, others(Some(1)));
    late.now = later(later(sent, window), seconds(1));
    assert_eq!(changed(&mut late, "alpha").await, others(None));

    let mut undone = set().await;
    let control = undone.executor.control();
    control.rollback(id(1), "ada", "not like that", undone.now).unwrap();
    assert_eq!(undone.finish().await.status.ending(), Some(Ending::Undone));
    assert_eq!(changed(&mut undone, "alpha").await, Writer::Us, "the undo");
    undone.cycle().await;
    assert_eq!(changed(&mut undone, "alpha").await, others(None));
}

#[tokio::test]
async fn a_thousand_things_are_followed_and_a_look_that_shows_nothing_new_is_not_written_down() {
    let names: Vec<_> = (1000..2002).map(|n| format!("thing-{n}")).collect();
    let mut scene = scene(&names.iter().map(String::as_str).collect::<Vec<_>>());
    scene.cycle().await;
    let first = moves(&scene);
    assert_eq!(first.len(), 1000);
    assert!(first.iter().all(|it| it.before.is_none() && it.writer == Writer::Unknown));
    let head = scene.executor.control().head();
    scene.cycles(2).await;
    assert_eq!(scene.executor.control().head(), head);
    for name in ["thing-1000", "thing-1999", "thing-2001"] {
        step_up(&mut scene, name);
    }
    scene.cycle().await;
    let told: Vec<_> = moves(&scene).drain(1000..).map(|it| it.id).collect();
    assert_eq!(told, ["thing-1000", "thing-1999"], "of the others nothing is known");
}

#[tokio::test]
async fn what_is_gone_for_an_hour_makes_room_for_what_is_new() {
    let names = |from: usize| (from..from + 600).map(|n| (format!("thing-{n}"), 1));
    let mut scene = scene(&[]);
    scene.generations = names(1000).collect();
    scene.cycle().await;
    let window = scene.config.rails.others.window;
    scene.generations = names(2000).collect();
    scene.cycle().await;
    let followed = |scene: &Scene| moves(scene).len();
    assert_eq!(followed(&scene), 1000, "the old may come back");
    scene.now = later(scene.now, window);
    scene.crash();
    scene.cycle().await;
    assert_eq!(followed(&scene), 1000, "who starts anew has missed them for no time");
    scene.now = later(scene.now, window);
    scene.cycle().await;
    assert_eq!(followed(&scene), 1200);
    assert_eq!(changed(&mut scene, "thing-2599").await, others(None));
}

#[tokio::test]
async fn as_long_as_there_is_room_nothing_is_forgotten_that_may_come_back() {
    let mut scene = scene(&[]);
    let gone = (1..=998).map(|n| (format!("thing-{n}"), 1));
    scene.generations = gone.chain([("stays".to_owned(), 1)]).collect();
    scene.cycle().await;
    // One that is there, and 999 that are known.
    scene.generations = [("stays".to_owned(), 1)].into();
    scene.cycle().await;
    scene.now = later(scene.now, scene.config.rails.others.window);
    scene.cycle().await;
    scene.generations = [("thing-7".to_owned(), 1)].into();
    assert_eq!(changed(&mut scene, "thing-7").await, others(None));
}
