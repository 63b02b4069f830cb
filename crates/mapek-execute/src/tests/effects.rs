//! What our own actions are expected to bring about, and for how long.

use mapek_model::{Action, Component, Ending, Expectation, Step, TargetId, Way, earlier, later};

use super::world::{Fault, Scene, custom, id, plan, seconds, start_time, violation};
use crate::{OwnChange, OwnEffect, OwnEffects};

fn node(name: &str) -> Option<Component> {
    Some(Component::try_new(name).unwrap())
}

fn expected(name: &str, component: Option<Component>) -> OwnEffect {
    let expectation = Expectation::try_new(name).unwrap();
    OwnEffect { expectation, component, since: earlier(start_time(), seconds(15)) }
}

/// These steps were sent in the first moment, on a system that tells what they change.
async fn sent(steps: Vec<Step>) -> Scene {
    let mut scene = Scene::new();
    scene.world.state().tells_resources = true;
    scene.start(plan(steps)).unwrap();
    scene.cycle().await;
    scene
}

fn effects(scene: &Scene, after: u64) -> OwnEffects {
    let now = later(scene.now, seconds(after));
    scene.executor.control().own_effects(&TargetId::default(), now)
}

#[test]
fn an_effect_explains_what_began_with_it_and_where_it_acts() {
    let at = |s| later(start_time(), seconds(s));
    let of = |component| OwnEffect { since: at(10), ..expected("slow", component) };
    for (component, episode, onset, explains) in [
        (None, "slow", 10, true),
        (None, "slow", 9, false),
        (None, "failing", 10, false),
        (None, "slow@node-1", 11, true),
        (node("node-1"), "slow", 11, true),
        (node("node-1"), "slow@node-1", 11, true),
        (node("node-1"), "slow@node-2", 11, false),
        (node("node-1"), "slow@node-1", 9, false),
    ] {
        let found = of(component.clone()).explains(&violation(episode, at(onset)));
        assert_eq!(found, explains, "{component:?} {episode} {onset}");
    }
}

#[tokio::test]
async fn what_a_live_step_breaches_is_expected_where_it_acts() {
    let throttle = Action::ThrottleRequests { rate_limit: 5.0, node: node("node-1") };
    let mut scene = sent(vec![Step::of(throttle)]).await;
    let change = OwnChange {
        resource: "throttle_requests".to_owned(),
        since: earlier(start_time(), seconds(15)),
    };
    let found = OwnEffects {
        expected: vec![expected("low-throughput", node("node-1"))],
        changed: vec![change.clone()],
        restarted: Vec::new(),
        scaled: false,
    };
    assert_eq!(effects(&scene, 0), found);
    let elsewhere = TargetId::try_new("other").unwrap();
    let control = scene.executor.control();
    assert_eq!(control.own_effects(&elsewhere, scene.now), OwnEffects::default());

    // Half an hour after it was undone there is no sign of it any more.
    control.rollback(id(1), "ada", "not like that", scene.now).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Undone));
    scene.now = scene.execution().updated;
    let found = OwnEffects { expected: Vec::new(), ..found };
    assert_eq!(effects(&scene, 1800), found);
    assert_eq!(effects(&scene, 1801), OwnEffects::default());
}

#[tokio::test]
async fn restarts_and_sizes_are_ours_for_an_hour_and_no_change_of_a_setting() {
    let restart =
        Action::RestartService { graceful: true, timeout: seconds(30), node: node("node-2") };
    let steps = vec![Step::of(Action::ScaleUp { replicas: 6 }), Step::of(restart)];
    let mut scene = sent(steps).await;
    let found = OwnEffects {
        expected: ["node-down", "committee-degraded"].map(|it| expected(it, node("node-2"))).into(),
        changed: Vec::new(),
        restarted: vec![(start_time(), node("node-2"))],
        scaled: true,
    };
    assert_eq!(effects(&scene, 0), found);
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
    scene.now = start_time();
    assert_eq!(effects(&scene, 3600).restarted, found.restarted);
    assert_eq!(effects(&scene, 3601).restarted, []);
    scene.now = scene.execution().updated;
    assert_eq!([3600, 3601].map(|s| effects(&scene, s).scaled), [true, false]);
}

#[tokio::test]
async fn what_never_took_effect_brings_nothing_about() {
    let mut scene = Scene::new();
    scene.world.state().tells_resources = true;
    scene.world.fail("alpha", Way::Do, 1, Fault::Refused);
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    assert_eq!(scene.execution().captured.len(), 1, "it was about to be sent");
    assert_eq!(scene.execution().status.ending(), Some(Ending::FailedClean));
    assert_eq!(effects(&scene, 0), OwnEffects::default());
}
