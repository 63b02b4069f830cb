//! A clock that is set back prolongs nothing.

use std::{collections::BTreeMap, sync::Arc};

use mapek_model::{
    Action, ContentHash, CycleNumber, Ending, ExecutionEvent, IdempotencyKey, Measured, Phase,
    Step, StepIndex, TargetId, Timestamp, Verdict, Way, earlier, later, since,
};
use mapek_store::MemoryStore;

use super::world::{Fault, Scene, config, custom, id, plan, seconds, start_time};
use crate::{Body, Config, CycleInputs, ledger::Ledger, rails::Breaker, verify};

const HOUR: u64 = 3600;

/// The record of a cycle.
fn begin(scene: &Scene, n: u64) {
    let config = ContentHash::of(b"configuration");
    let control = scene.executor.control();
    let kept = control.keep("seen").unwrap();
    let inputs = CycleInputs::new(CycleNumber::new(n), config, 7, kept, kept);
    control.begin_cycle(inputs, scene.now).unwrap();
}

/// One cycle with its record, as the loop runs it, and ten seconds.
async fn cycle(scene: &mut Scene, n: u64) {
    begin(scene, n);
    scene.cycle().await;
}

/// Cycles until `over` says so; answers how long that took.
async fn until(scene: &mut Scene, n: &mut u64, over: impl Fn(&Scene) -> bool) -> u64 {
    let begun = scene.now;
    while !over(scene) {
        assert!(since(scene.now, begun) < seconds(2 * HOUR), "it never is");
        *n += 1;
        cycle(scene, *n).await;
    }
    since(scene.now, begun).as_secs()
}

fn set_back(scene: &mut Scene) {
    scene.now = earlier(scene.now, seconds(HOUR));
}

fn held_until(scene: &Scene) -> Option<Timestamp> {
    match scene.execution().status.phase() {
        Phase::Holding { until } => Some(*until),
        _ => None,
    }
}

/// A temporary step that is held, as what it treats is still there.
async fn held() -> (Scene, u64) {
    let mut scene = Scene::with(Config { lease: seconds(600), ..config() });
    let throttle = Action::ThrottleRequests { rate_limit: 5.0, node: None };
    scene.start(plan(vec![Step::of(throttle)])).unwrap();
    let mut n = 0;
    until(&mut scene, &mut n, |it| *it.execution().status.phase() == Phase::Verifying).await;
    scene.open.clear();
    until(&mut scene, &mut n, |it| held_until(it).is_some()).await;
    // It comes back: only the lease ends it.
    let now = scene.now;
    scene.open.insert("slow".to_owned(), now);
    (scene, n)
}

#[tokio::test]
async fn a_lease_begins_anew_at_most() {
    let (mut scene, mut n) = held().await;
    until(&mut scene, &mut n, |it| since(it.now, start_time()) > seconds(300)).await;
    set_back(&mut scene);
    let took = until(&mut scene, &mut n, |it| held_until(it).is_none()).await;
    assert!((300..=620).contains(&took), "{took}");
}

#[tokio::test]
async fn a_clock_that_was_ahead_and_returns_changes_nothing() {
    let (mut scene, mut n) = held().await;
    let before = held_until(&scene);
    for jump in [later, earlier] {
        n += 1;
        cycle(&mut scene, n).await;
        scene.now = jump(scene.now, seconds(120));
    }
    n += 1;
    cycle(&mut scene, n).await;
    assert_eq!((held_until(&scene), before.is_some()), (before, true));
}

#[tokio::test]
async fn a_retry_and_a_step_that_may_be_on_its_way_wait_no_longer() {
    for fault in [Fault::Transient, Fault::RequestLost] {
        let mut scene = Scene::new();
        scene.world.fail("a", Way::Do, 1, fault);
        scene.start(plan(vec![custom("a")])).unwrap();
        cycle(&mut scene, 1).await;
        cycle(&mut scene, 2).await;
        set_back(&mut scene);
        let mut n = 2;
        let took = until(&mut scene, &mut n, |it| it.world.effects(Way::Do).len() == 1).await;
        assert!(took <= 60, "{fault:?}: {took} s");
    }
}

#[tokio::test]
async fn a_key_that_may_be_forgotten_is_not_known_again() {
    let day = seconds(24 * HOUR);
    let mut scene = Scene::new();
    scene.world.state().remembers = Some(day);
    scene.world.fail("a", Way::Do, 1, Fault::RequestLost);
    let mut long = plan(vec![custom("a")]);
    long.expires = later(scene.now, day * 3);
    scene.start(long).unwrap();
    cycle(&mut scene, 1).await;
    // A day later it gets no further than to the beginning of a cycle.
    scene.now = later(start_time(), day);
    begin(&scene, 2);
    scene.crash();
    scene.world.state().blind = true;
    set_back(&mut scene);
    for n in 3..8 {
        cycle(&mut scene, n).await;
    }
    let execution = scene.execution();
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator), "{:?}", execution.reason);
    assert_eq!(scene.world.state().keys.len(), 1);
}

#[tokio::test]
async fn proposals_expire_no_later_than_they_would_from_now_on() {
    let mut scene = Scene::new();
    let control = scene.executor.control();
    let plan = plan(vec![custom("a")]);
    control.propose(&plan, 1, "loop", scene.now).unwrap();
    let life = since(plan.expires, plan.created);
    cycle(&mut scene, 1).await;
    set_back(&mut scene);
    cycle(&mut scene, 2).await;
    // Ten seconds ago it was written down.
    let almost = later(scene.now, life - seconds(60));
    assert_eq!(control.expire_proposals(almost).unwrap(), []);
    assert_eq!(control.expire_proposals(later(almost, seconds(60))).unwrap(), [plan.hash()]);
}

#[tokio::test]
async fn a_plan_that_runs_expires_no_later_than_it_would_from_now_on() {
    let mut scene = Scene::new();
    let mut slow = plan(vec![custom("a"), custom("b")]);
    slow.expires = later(slow.created, seconds(600));
    slow.steps[0].wait = seconds(660);
    scene.start(slow).unwrap();
    let mut n = 0;
    until(&mut scene, &mut n, |it| it.world.effects(Way::Do) == ["a"]).await;
    set_back(&mut scene);
    let took = until(&mut scene, &mut n, |it| it.executor.live().is_empty()).await;
    assert!((600..=700).contains(&took), "{took}");
    assert_eq!((scene.world.effects(Way::Do), scene.world.effects(Way::Undo)), both(&["a"]));
    let reason = scene.execution().reason.unwrap();
    assert!(reason.contains("the plan expired"), "{reason}");
}

/// The same done and undone.
fn both(names: &[&str]) -> (Vec<String>, Vec<String>) {
    let names: Vec<_> = names.iter().map(|it| (*it).to_owned()).collect();
    (names.clone(), names)
}

/// A view in which a kind did harm twice and was re-armed, all by a clock that is an hour ahead, in this order.
fn rearmed_ahead(harm: [u64; 2], rearmed: u64) -> Ledger {
    let mut ledger = Ledger::open(Arc::new(MemoryStore::new())).unwrap();
    let at = |s| later(start_time(), seconds(HOUR + s));
    let mut happened: Vec<_> =
        harm.map(|s| (s, true)).into_iter().chain([(rearmed, false)]).collect();
    happened.sort_unstable();
    for (n, (s, harmed)) in (1..).zip(happened) {
        if harmed {
            does_harm(&mut ledger, n, at(s));
        } else {
            let (by, reason) = ("ada".to_owned(), "mended".to_owned());
            let body = Body::Rearmed { kind: custom("a").action.kind(), by, reason };
            ledger.commit(Some(&TargetId::default()), at(s), body).unwrap();
        }
    }
    let by = seconds(HOUR);
    ledger.commit(None, start_time(), Body::SetBack { by }).unwrap();
    ledger
}

/// An execution that did harm.
fn does_harm(ledger: &mut Ledger, n: u128, at: Timestamp) {
    let (plan, before) = (Box::new(plan(vec![custom("a")])), Measured::default());
    let (step, way, receipt) = (StepIndex(0), Way::Do, serde_json::Value::Null);
    let key = IdempotencyKey::of(id(n), step, way);
    let judged = ExecutionEvent::Judged {
        verdict: Verdict::Degradation,
        reason: "worse".to_owned(),
        after: Measured::default(),
        time_to_effect: None,
    };
    for event in [
        ExecutionEvent::Started { plan, chosen_with: mapek_model::Confidence::MAX, before },
        ExecutionEvent::Intended { step, way, attempt: 1, key, captured: None },
        ExecutionEvent::Applied { step, way, receipt },
        ExecutionEvent::VerificationBegan,
        judged,
        ExecutionEvent::Ended { ending: Ending::NeedsOperator, reason: "so".to_owned() },
        ExecutionEvent::Closed { by: "ada".to_owned(), reason: "so".to_owned() },
    ] {
        ledger.happen(id(n), at, event).unwrap();
    }
}

#[test]
fn what_was_rearmed_by_a_clock_that_was_ahead_is_armed_for_what_comes() {
    let disabled = |ledger: &Ledger| {
        let never = BTreeMap::new();
        let rearmed = ledger.view.rearmed.get(&TargetId::default()).unwrap_or(&never);
        let others = ledger.view.others(&TargetId::default(), None);
        !Breaker::new(Default::default()).disabled(&others, rearmed).is_empty()
    };
    let mut forgiven = rearmed_ahead([10, 20], 30);
    assert!(!disabled(&forgiven), "it is forgiven still");
    assert!(disabled(&rearmed_ahead([20, 30], 10)), "that came after it");
    // What happens from now on counts, though the re-arming was written down an hour later.
    for n in [8, 9] {
        does_harm(&mut forgiven, n, later(start_time(), seconds(60 * n as u64)));
    }
    assert!(disabled(&forgiven));
}

#[tokio::test]
async fn it_is_written_down_once_and_whoever_recovers_knows_it() {
    let (mut scene, mut n) = held().await;
    n += 1;
    cycle(&mut scene, n).await;
    set_back(&mut scene);
    let back = scene.now;
    for _ in 0..3 {
        n += 1;
        cycle(&mut scene, n).await;
    }
    assert_eq!(held_until(&scene), Some(later(back, seconds(600))));
    let mut told = Vec::new();
    crate::scan(&scene.store, |item| {
        told.extend(item.ok().filter(|it| matches!(it.body, Body::SetBack { .. })));
    })
    .unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(verify(&scene.store).unwrap().damage, []);
    let lived = scene.execution();
    scene.crash();
    assert_eq!(scene.execution(), lived);
    assert_eq!(lived.id, id(1));
}

#[tokio::test]
async fn what_is_pruned_takes_it_not_along() {
    let (mut scene, mut n) = held().await;
    set_back(&mut scene);
    for _ in 0..20 {
        n += 1;
        cycle(&mut scene, n).await;
    }
    let (control, lived) = (scene.executor.control(), scene.execution());
    scene.config.journal_retention = crate::Retention { age: seconds(1), records: 1 };
    drop(control);
    scene.crash();
    let control = scene.executor.control();
    assert!(control.prune(control.head(), later(scene.now, seconds(2 * HOUR))).unwrap() > 10);
    scene.crash();
    assert_eq!(scene.execution(), lived);
}
