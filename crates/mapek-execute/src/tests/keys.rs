//! A step that is safe only by its key is not sent again once the managed system may have forgotten the key.

use mapek_model::{Ending, Way, later};

use super::world::{Fault, Scene, custom, id, plan, seconds, start_time};

const DAY: u64 = 86_400;
/// Between the sending and the next, after a start: what may still be on its way is waited for.
const SETTLED: u64 = 30;
/// What a cycle and the way to the managed system may take.
const MARGIN: u64 = 60;

/// Keys are known for a day. A step was sent, nobody heard what became of it, and the loop comes back so many seconds later.
async fn back_after(outage: u64, blind: bool) -> Scene {
    let mut scene = Scene::new();
    scene.world.state().remembers = Some(seconds(DAY));
    scene.world.fail("alpha", Way::Do, 1, Fault::RequestLost);
    let mut long = plan(vec![custom("alpha")]);
    long.expires = later(scene.now, seconds(3 * DAY));
    scene.start(long).unwrap();
    scene.cycle().await;
    assert_eq!(scene.world.state().keys.len(), 1);
    scene.world.state().blind = blind;
    scene.now = later(start_time(), seconds(outage));
    scene.crash();
    scene.cycles(4).await;
    scene
}

#[tokio::test]
async fn as_long_as_the_key_is_known_it_is_sent_again_under_it() {
    let scene = back_after(DAY - SETTLED - MARGIN - 1, true).await;
    let keys = scene.world.state().keys.clone();
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
}

#[tokio::test]
async fn once_the_key_may_be_forgotten_a_person_decides() {
    let scene = back_after(DAY - SETTLED - MARGIN, true).await;
    let execution = scene.execution();
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator), "{:?}", execution.reason);
    let reason = execution.reason.unwrap();
    assert!(reason.contains("it cannot be known whether step 1 ran"), "{reason}");
    assert_eq!(scene.world.state().keys.len(), 1);
}

#[tokio::test]
async fn what_is_seen_not_to_be_there_is_not_sent_again_either() {
    let scene = back_after(2 * DAY, false).await;
    assert_eq!(scene.execution().status.ending(), Some(Ending::FailedClean));
    assert_eq!(scene.world.state().keys.len(), 1);
}

#[tokio::test]
async fn a_system_that_does_not_say_how_long_it_keeps_keys_is_not_relied_on() {
    let mut scene = back_after(0, true).await;
    assert_eq!(scene.world.state().keys.len(), 2, "it says a day");
    scene = Scene::new();
    scene.world.state().remembers = Some(seconds(0));
    scene.world.fail("alpha", Way::Do, 1, Fault::RequestLost);
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    scene.world.state().blind = true;
    scene.cycles(5).await;
    assert_eq!(scene.execution().status.ending(), Some(Ending::NeedsOperator));
}

#[tokio::test]
async fn an_undo_is_no_exception() {
    for (outage, sendings) in [(DAY - SETTLED - MARGIN - 1, 2), (DAY - SETTLED - MARGIN, 1)] {
        let mut scene = Scene::new();
        scene.world.state().remembers = Some(seconds(DAY));
        scene.world.fail("alpha", Way::Undo, 1, Fault::RequestLost);
        scene.start(plan(vec![custom("alpha")])).unwrap();
        scene.cycle().await;
        // However long ago it was done: what counts is when its undo was sent.
        scene.now = later(scene.now, seconds(2 * DAY));
        scene.executor.control().rollback(id(1), "ada", "it hurts", scene.now).unwrap();
        let sent = scene.now;
        scene.cycle().await;
        scene.world.state().blind = true;
        scene.now = later(sent, seconds(outage));
        scene.crash();
        scene.cycles(4).await;
        let undos = scene.world.state().keys.len() - 1;
        let execution = scene.execution();
        assert_eq!(undos, sendings, "{:?}", execution.reason);
        let stuck = execution.status.ending() == Some(Ending::NeedsOperator);
        assert_eq!(stuck, sendings == 1, "{:?}", execution.reason);
    }
}

#[tokio::test]
async fn of_a_log_that_may_miss_a_record_nobody_knows_when_a_step_was_sent_first() {
    for lost in [true, false] {
        let mut scene = Scene::new();
        scene.world.state().remembers = Some(seconds(DAY));
        let mut slow = plan(vec![custom("alpha"), custom("beta")]);
        slow.steps[0].wait = seconds(DAY);
        slow.expires = later(scene.now, seconds(3 * DAY));
        scene.start(slow).unwrap();
        scene.cycle().await;
        if lost {
            scene.store.fail_append(1, mapek_store::Fault::Torn);
            let control = scene.executor.control();
            control.pause("ada", "torn on purpose", scene.now).unwrap_err();
        }
        scene.crash();
        scene.now = later(scene.now, seconds(DAY));
        scene.cycles(2).await;
        let sent = scene.world.effects(Way::Do);
        assert_eq!(sent, ["alpha", "beta"][..if lost { 1 } else { 2 }]);
        let stuck = scene.execution().status.ending() == Some(Ending::NeedsOperator);
        assert_eq!(stuck, lost, "{:?}", scene.execution().reason);
    }
}
