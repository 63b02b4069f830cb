//! Undo is rehearsed before anything is done, and all of a plan before anybody decides about it, if they want.

use mapek_model::{Ending, StepIndex, UndoClass, Way};

use super::world::{Scene, custom, id, plan};
use crate::Decision;

#[tokio::test]
async fn every_undo_is_rehearsed_before_the_first_step_is_sent() {
    let mut scene = Scene::new();
    scene.world.state().way_back_unknown.insert("beta".to_owned());
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    let advances = scene.cycle().await;
    assert!(scene.world.effects(Way::Do).is_empty());
    assert!(advances[0].waits.as_ref().unwrap().contains("the undo of step 2"), "{advances:?}");
    scene.world.state().way_back_unknown.clear();
    let execution = scene.finish().await;
    assert_eq!(execution.irreversible, Some(Vec::new()));
    assert_eq!(execution.status.ending(), Some(Ending::Completed));
}

#[tokio::test]
async fn a_rehearsal_is_not_waited_for_longer_than_the_plan_lives() {
    let mut scene = Scene::new();
    scene.world.state().way_back_unknown.insert("alpha".to_owned());
    let mut short = plan(vec![custom("alpha")]);
    short.expires = mapek_model::later(short.created, super::world::seconds(120));
    scene.start(short).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::FailedClean));
    let reason = execution.reason.unwrap();
    assert!(reason.contains("the plan expired"), "{reason}");
    assert!(scene.world.effects(Way::Do).is_empty());
}

#[tokio::test]
async fn what_cannot_be_undone_is_not_begun_without_a_person() {
    let mut scene = Scene::new();
    scene.world.state().no_way_back.insert("beta".to_owned());
    let stuck = || plan(vec![custom("alpha"), custom("beta")]);
    scene.start(stuck()).unwrap();
    scene.cycle().await;
    let execution = scene.execution();
    assert_eq!(execution.status.ending(), Some(Ending::FailedClean));
    assert_eq!(execution.irreversible.unwrap()[0].step, StepIndex(1));
    assert!(scene.world.effects(Way::Do).is_empty());
    assert!(execution.reason.unwrap().contains("there is no way back"));

    // The same plan now needs a person; so it does after a restart.
    scene.crash();
    scene.now = mapek_model::later(scene.now, super::world::seconds(600));
    let control = scene.executor.control();
    let decision = control.decide(&stuck(), &scene.observation(), scene.now);
    let Decision::AwaitApproval { needed: 1, because } = decision else { panic!("{decision:?}") };
    let why: Vec<_> = because.iter().map(|it| (it.rail.as_str(), it.reason.as_str())).collect();
    assert_eq!(why, [("no_way_back", "step 2 could not be undone: refused: there is no way back")]);
    assert!(
        control.decide(&plan(vec![custom("alpha")]), &scene.observation(), scene.now)
            == Decision::Run
    );

    // Whoever approves it takes it on, way back or not.
    control.propose(&stuck(), 1, crate::LOOP, scene.now).unwrap();
    control.approve(&stuck().hash(), "ada", None, scene.now).unwrap();
    scene.start_as(2, stuck()).unwrap();
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha", "beta"]);
    let execution = scene.executor.control().execution(id(2)).unwrap();
    assert_eq!(execution.irreversible.unwrap().len(), 1);
}

/// A key that may only read, say: people would be asked for something that is never sent.
#[tokio::test]
async fn what_would_not_even_be_done_asks_nobody_about_its_undo() {
    let mut scene = Scene::new();
    scene.world.state().no_way_back.insert("alpha".to_owned());
    scene.world.state().not_accepted.insert("alpha".to_owned());
    scene.start(plan(vec![custom("alpha"), custom("beta")])).unwrap();
    let execution = scene.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::FailedClean));
    assert_eq!(execution.irreversible, None, "nothing is said of its undo");
    let reason = execution.reason.unwrap();
    assert!(reason.contains("it does not fit"), "{reason}");
}

#[tokio::test]
async fn what_nobody_hopes_to_undo_is_not_rehearsed() {
    let mut scene = Scene::new();
    scene.world.state().no_way_back.insert("alpha".to_owned());
    let mut step = custom("alpha");
    step.undo = UndoClass::Irreversible;
    scene.start(plan(vec![step])).unwrap();
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_refused_and_leaves_nothing_behind() {
    let scene = Scene::new();
    {
        let mut state = scene.world.state();
        state.not_accepted.insert("beta".to_owned());
        state.no_way_back.insert("beta".to_owned());
    }
    let mut last = custom("gamma");
    last.undo = UndoClass::Irreversible;
    let plan = plan(vec![custom("alpha"), custom("beta"), last]);
    let control = scene.executor.control();
    let said = control.rehearse(&plan, scene.now).await.unwrap();
    let said: Vec<_> = said
        .iter()
        .map(|it| (it.step.0, it.refused.as_deref(), it.no_way_back.as_deref()))
        .collect();
    let expected = [
        (0, None, None),
        (1, Some("refused: it does not fit"), Some("refused: there is no way back")),
        (2, None, Some("nothing undoes it")),
    ];
    assert_eq!(said, expected);
    assert!(scene.world.changed().is_empty() && scene.world.effects(Way::Do).is_empty());
    assert!(scene.executor.live().is_empty());

    // What cannot be read is neither accepted nor known to have a way back.
    scene.world.state().unreadable = true;
    let said = control.rehearse(&plan, scene.now).await.unwrap();
    assert!(said.iter().all(|it| it.refused.is_some() && it.no_way_back.is_some()), "{said:?}");

    let elsewhere = mapek_model::Plan { target: "elsewhere".parse().unwrap(), ..plan };
    let error = control.rehearse(&elsewhere, scene.now).await.unwrap_err();
    assert!(matches!(error, crate::Error::NoEffector { .. }), "{error}");
}

#[tokio::test]
async fn a_pause_does_not_end_what_somebody_has_taken_on_without_a_way_back() {
    let mut scene = Scene::new();
    scene.world.state().no_way_back.insert("alpha".to_owned());
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.cycle().await;
    assert_eq!(scene.execution().status.ending(), Some(Ending::FailedClean));
    scene.now = mapek_model::later(scene.now, super::world::seconds(600));
    let (control, stuck) = (scene.executor.control(), plan(vec![custom("alpha")]));
    control.propose(&stuck, 1, crate::LOOP, scene.now).unwrap();
    control.approve(&stuck.hash(), "ada", None, scene.now).unwrap();
    scene.start_as(2, stuck).unwrap();
    control.pause("grace", "wait", scene.now).unwrap();
    scene.cycles(2).await;
    assert!(control.execution(id(2)).unwrap().status.is_live());
    control.resume("grace", "go on", scene.now).unwrap();
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha"]);
}
