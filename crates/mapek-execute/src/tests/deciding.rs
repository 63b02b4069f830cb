//! What the rails say to plans that stand in line.

use mapek_model::{ContentHash, CycleNumber};

use super::{
    people::dangerous,
    world::{Scene, custom, plan},
};
use crate::{Body, CycleDecisions, Decision, LOOP, PlanDecision, scan};

#[test]
fn plans_are_asked_about_one_after_the_other_until_one_may_run() {
    let scene = Scene::new();
    let line = [dangerous(), plan(vec![custom("alpha")]), plan(vec![custom("beta")])];
    let control = scene.executor.control();
    let said = || control.decide_in_turn(&line, &scene.observation(), scene.now, None).unwrap();
    let alone = || line.each_ref().map(|it| control.decide(it, &scene.observation(), scene.now));
    assert_eq!(said(), alone()[..2], "nobody asks about the third");
    assert!(matches!(said()[..], [Decision::AwaitApproval { .. }, Decision::Run]), "{:?}", said());

    control.pause("ada", "3 a.m.", scene.now).unwrap();
    assert_eq!(said(), alone());
    assert!(!said().contains(&Decision::Run), "{:?}", said());
    control.resume("ada", "morning", scene.now).unwrap();

    control.propose(&line[0], 2, LOOP, scene.now).unwrap();
    for by in ["ada", "grace"] {
        control.approve(&line[0].hash(), by, None, scene.now).unwrap();
    }
    assert_eq!(said(), [Decision::Run]);
    let none = control.decide_in_turn(&[], &scene.observation(), scene.now, None).unwrap();
    assert!(none.is_empty());
}

#[test]
fn what_was_said_is_in_the_journal_before_it_is_answered() {
    let scene = Scene::new();
    scene.world.state().tells_resources = true;
    let line = [dangerous(), plan(vec![custom("alpha")])];
    let (number, planning) = (CycleNumber::new(7), ContentHash::of(b"planned"));
    let control = scene.executor.control();
    let noted = Some((number, planning));
    let said = control.decide_in_turn(&line, &scene.observation(), scene.now, noted).unwrap();
    let of = |n: usize, resource: &str| {
        PlanDecision::new(&line[n], &said[n], vec![Some(resource.to_owned())])
    };
    let decisions = vec![of(0, "bypass_validation"), of(1, "alpha")];
    let expected = CycleDecisions { number, planning, decisions, paused: None };
    let mut last = None;
    scan(&scene.store, |item| last = item.ok()).unwrap();
    assert_eq!(last.unwrap().body, Body::Decided(Box::new(expected)));
}
