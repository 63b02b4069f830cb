//! What is pruned from the journal, and what never is.

use std::sync::Arc;

use mapek_model::{
    Action, ActionKind, Confidence, ContentHash, CycleNumber, Ending, Execution, ExecutionEvent,
    IdempotencyKey, Measured, Outcome, Plan, Sequence, Step, StepIndex, Timestamp, Verdict, Way,
    later,
};
use mapek_store::{Fault as StoreFault, MemoryStore, Store};
use proptest::prelude::*;

use super::world::{Fault, Scene, config, custom, id, plan, seconds, start_time};
use crate::{Config, CycleInputs, Decision, LOOP, Retention, ledger::Ledger};

const DAY: u64 = 24 * 3600;

/// A scene that keeps no more than it must.
fn sparing() -> Scene {
    let journal_retention = Retention { age: seconds(1), records: 1 };
    Scene::with(Config { journal_retention, ..config() })
}

fn prune(scene: &Scene) -> usize {
    let control = scene.executor.control();
    control.prune(control.head(), scene.now).unwrap()
}

/// One cycle's inputs; what it observed is its own, what it knew is the same for all.
fn inputs(scene: &Scene, n: u64) -> CycleInputs {
    let control = scene.executor.control();
    let observation = control.keep(&format!("seen in cycle {n}")).unwrap();
    let (config, experience) = (ContentHash::of(b"configuration"), control.keep("known").unwrap());
    CycleInputs::new(CycleNumber::new(n), config, 7, observation, experience)
}

fn cycles(scene: &mut Scene, from: u64, to: u64) -> Vec<CycleInputs> {
    let mut all = Vec::new();
    for n in from..to {
        let inputs = inputs(scene, n);
        scene.executor.control().begin_cycle(inputs.clone(), scene.now).unwrap();
        scene.now = later(scene.now, seconds(30));
        all.push(inputs);
    }
    all
}

fn is_kept(scene: &Scene, hash: &ContentHash) -> bool {
    scene.store.blob(hash).unwrap().is_some()
}

fn records(scene: &Scene) -> usize {
    scene.store.read(Sequence::new(0), usize::MAX).unwrap().len()
}

fn checked(scene: &mut Scene) {
    let id = scene.executor.control().journal_id();
    scene.crash();
    assert_eq!(scene.executor.control().bad_records(), []);
    assert_eq!(scene.executor.control().journal_id(), id);
    let verified = crate::verify(&scene.store).unwrap();
    assert_eq!((verified.damage, verified.journal), (vec![], id));
}

#[test]
fn what_is_too_much_goes_with_what_it_names_and_the_rest_still_verifies() {
    let mut scene = Scene::with(Config {
        journal_retention: Retention { age: seconds(DAY), records: 10 },
        ..config()
    });
    let all = cycles(&mut scene, 1, 31);
    assert_eq!(prune(&scene), 20);
    assert_eq!(records(&scene), 11, "ten, and the checkpoint");
    let kept = |it: &CycleInputs| is_kept(&scene, &it.observation);
    let gone = all.iter().take_while(|it| !kept(it)).count();
    assert_eq!((gone, all.iter().filter(|it| kept(it)).count()), (20, 10));
    assert!(is_kept(&scene, &all[0].experience), "newer cycles name it, too");
    checked(&mut scene);
    // And on it goes, in a journal that was pruned before.
    cycles(&mut scene, 31, 61);
    prune(&scene);
    assert_eq!(records(&scene), 11);
    checked(&mut scene);
    assert_eq!(scene.executor.control().cycle(), CycleNumber::new(60));
}

#[test]
fn what_was_planned_goes_with_its_decision_and_the_list_of_what_stayed_with_its_checkpoint() {
    let journal_retention = Retention { age: seconds(DAY), records: 10 };
    let mut scene = Scene::with(Config { journal_retention, ..config() });
    let ten = |scene: &mut Scene, from: u64| -> Vec<ContentHash> {
        let control = scene.executor.control();
        control.pause("ada", &format!("{from}"), scene.now).unwrap();
        let decide = |n: u64| {
            let planning = control.keep(&format!("planned in cycle {n}")).unwrap();
            let noted = Some((CycleNumber::new(n), planning));
            control.decide_in_turn(&[], &scene.observation(), scene.now, noted).unwrap();
            planning
        };
        (from..from + 20).map(decide).collect()
    };
    let list = |scene: &Scene| {
        let mut list = None;
        crate::scan(&scene.store, |item| {
            if let crate::Body::Checkpoint { kept, .. } = item.unwrap().body {
                list = Some(kept);
            }
        })
        .unwrap();
        list.unwrap()
    };
    let planned = ten(&mut scene, 1);
    assert_eq!(prune(&scene), 10, "eleven, but for the word on the pause");
    let kept = planned.iter().filter(|it| is_kept(&scene, it)).count();
    assert_eq!(
        (kept, is_kept(&scene, &planned[9]), is_kept(&scene, &planned[10])),
        (10, false, true)
    );
    let first = list(&scene);
    assert!(is_kept(&scene, &first));
    checked(&mut scene);
    ten(&mut scene, 21);
    prune(&scene);
    let second = list(&scene);
    assert_ne!(first, second);
    assert_eq!((is_kept(&scene, &first), is_kept(&scene, &second)), (false, true));
    checked(&mut scene);
}

#[test]
fn what_is_too_old_goes() {
    let mut scene = Scene::with(Config {
        journal_retention: Retention { age: seconds(600), records: 16 },
        ..config()
    });
    let old = cycles(&mut scene, 1, 6);
    assert_eq!(prune(&scene), 0, "nothing is old yet");
    scene.now = later(scene.now, seconds(600));
    let new = cycles(&mut scene, 6, 8);
    assert_eq!(prune(&scene), 5);
    assert!(!old.iter().any(|it| is_kept(&scene, &it.observation)));
    assert!(new.iter().all(|it| is_kept(&scene, &it.observation)));
    checked(&mut scene);
}

#[test]
fn nothing_happens_twice_and_a_little_is_not_worth_it() {
    let mut scene = Scene::with(Config {
        journal_retention: Retention { age: seconds(DAY), records: 80 },
        ..config()
    });
    cycles(&mut scene, 1, 90);
    assert_eq!(prune(&scene), 0, "fewer than an eighth");
    cycles(&mut scene, 90, 91);
    assert_eq!(prune(&scene), 10);
    assert_eq!(prune(&scene), 0);
}

#[tokio::test]
async fn a_long_journal_is_pruned_in_several_calls() {
    let mut scene = sparing();
    for n in 0..5000_u32 {
        scene.executor.control().pause("ada", &n.to_string(), scene.now).unwrap();
    }
    scene.now = later(scene.now, seconds(DAY));
    assert_eq!(prune(&scene), 4095, "but for the newest word on it");
    assert!(prune(&scene) > 0);
    checked(&mut scene);
    assert!(scene.executor.control().paused().unwrap().to_string().contains("4999"));
    assert!(records(&scene) <= 4);
}

#[tokio::test]
async fn who_is_at_work_or_waits_for_a_person_stays_whole() {
    let mut scene = sparing();
    scene.world.fail("restart_service", Way::Do, 1, Fault::AnswerLost);
    scene.world.state().blind = true;
    let restart = Action::RestartService { graceful: true, timeout: seconds(30), node: None };
    scene.start(plan(vec![Step::of(restart)])).unwrap();
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::NeedsOperator));
    scene.now = later(scene.now, seconds(30 * DAY));
    cycles(&mut scene, 1, 20);
    assert!(prune(&scene) > 0);
    checked(&mut scene);
    assert!(scene.execution().status.needs_operator());
    scene.executor.control().resolve(id(1), "ada", "looked", scene.now).unwrap();
    scene.now = later(scene.now, seconds(2 * DAY));
    cycles(&mut scene, 20, 40);
    prune(&scene);
    assert!(scene.executor.control().executions().is_empty(), "now it may go");
    checked(&mut scene);

    let mut scene = sparing();
    let mut long = plan(vec![custom("alpha"), custom("beta")]);
    long.steps[0].wait = seconds(30 * DAY);
    long.expires = later(long.expires, seconds(60 * DAY));
    scene.start(long).unwrap();
    scene.cycle().await;
    scene.now = later(scene.now, seconds(30 * DAY));
    cycles(&mut scene, 1, 20);
    assert!(prune(&scene) > 0);
    checked(&mut scene);
    assert_eq!(scene.finish().await.status.ending(), Some(Ending::Completed));
    assert_eq!(scene.world.effects(Way::Do), ["alpha", "beta"]);
}

#[test]
fn what_cannot_be_trusted_stays_and_is_told_again() {
    let mut scene = sparing();
    cycles(&mut scene, 1, 20);
    assert!(scene.store.corrupt(Sequence::new(3), |bytes| bytes[80] ^= 1));
    scene.crash();
    assert_eq!(prune(&scene), 18, "all but the spoilt one");
    scene.crash();
    let bad = scene.executor.control().bad_records();
    assert_eq!(bad.iter().map(|it| it.sequence.get()).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn a_log_that_goes_on_behind_the_cut_stays_whole() {
    let journal_retention = Retention { age: seconds(30 * DAY), records: 10 };
    let mut scene = Scene::with(Config { journal_retention, ..config() });
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.finish().await;
    let log = records(&scene);
    assert!((8..=10).contains(&log), "{log} records");
    scene.now = later(scene.now, seconds(2 * DAY));
    // Behind the cut is only its end.
    cycles(&mut scene, 1, 10);
    assert_eq!(prune(&scene), 0, "its beginning stays with its end");
    checked(&mut scene);
    assert_eq!(scene.executor.control().damaged(), []);
    assert_eq!(scene.execution().status.ending(), Some(Ending::Completed));
    cycles(&mut scene, 10, 24);
    prune(&scene);
    checked(&mut scene);
    assert!(scene.executor.control().executions().is_empty(), "now all of it is old");
    assert!(records(&scene) <= 12);
}

#[tokio::test]
async fn what_nobody_has_learned_stays() {
    let mut scene = sparing();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.finish().await;
    let control = scene.executor.control();
    let outcomes = control.outcomes_after(Sequence::new(0), 9).unwrap();
    scene.now = later(scene.now, seconds(30 * DAY));
    cycles(&mut scene, 1, 20);
    assert!(scene.executor.control().prune(Sequence::new(0), scene.now).unwrap() > 0);
    checked(&mut scene);
    let control = scene.executor.control();
    assert_eq!(control.outcomes_after(Sequence::new(0), 9).unwrap(), outcomes);
    cycles(&mut scene, 20, 40);
    control_prunes(&scene, outcomes[0].0);
    checked(&mut scene);
    assert_eq!(scene.executor.control().outcomes_after(Sequence::new(0), 9).unwrap(), []);
}

fn control_prunes(scene: &Scene, learned: Sequence) {
    assert!(scene.executor.control().prune(learned, scene.now).unwrap() > 0);
}

fn dangerous() -> Plan {
    let scope = "all".to_owned();
    let mut plan = plan(vec![Step::of(Action::BypassValidation { duration: seconds(60), scope })]);
    plan.expires = later(plan.expires, seconds(60 * DAY));
    plan
}

#[tokio::test]
async fn approvals_stay_while_they_wait_and_while_they_are_used_and_no_longer() {
    let mut scene = sparing();
    scene.config.approval_ttl = seconds(60 * DAY);
    scene.config.begin_within = seconds(60 * DAY);
    scene.crash();
    let (plan, control) = (dangerous(), scene.executor.control());
    control.propose(&plan, 2, LOOP, scene.now).unwrap();
    control.approve(&plan.hash(), "ada", None, scene.now).unwrap();
    scene.now = later(scene.now, seconds(10 * DAY));
    cycles(&mut scene, 1, 20);
    prune(&scene);
    checked(&mut scene);
    let control = scene.executor.control();
    assert!(control.approve(&plan.hash(), "grace", None, scene.now).unwrap().is_approved());
    let paused = scene.now;
    control.pause("ada", "hold it", paused).unwrap();
    control.resume("ada", "go", paused).unwrap();
    scene.start(plan.clone()).unwrap();
    // Behind the checkpoint is only that it began; who approved it is asked again before it is sent.
    cycles(&mut scene, 20, 40);
    prune(&scene);
    checked(&mut scene);
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do), ["bypass_validation"]);
    scene.finish().await;
    scene.now = later(scene.now, seconds(2 * DAY));
    cycles(&mut scene, 40, 60);
    prune(&scene);
    checked(&mut scene);
    // What was approved once is used up, and does not come back with what was pruned.
    let decision = scene.executor.control().decide(&plan, &scene.observation(), scene.now);
    assert!(!matches!(decision, Decision::Run), "{decision}");
    assert!(scene.executor.control().proposals().is_empty());
}

#[tokio::test]
async fn who_approved_a_plan_is_known_also_if_only_its_beginning_is_behind_the_cut() {
    let journal_retention = Retention { age: seconds(30 * DAY), records: 10 };
    let mut scene = Scene::with(Config { journal_retention, ..config() });
    let (plan, control) = (dangerous(), scene.executor.control());
    control.propose(&plan, 2, LOOP, scene.now).unwrap();
    for by in ["ada", "grace"] {
        control.approve(&plan.hash(), by, None, scene.now).unwrap();
    }
    cycles(&mut scene, 1, 20);
    scene.start(plan).unwrap();
    assert_eq!(prune(&scene), 10, "cycles");
    checked(&mut scene);
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do), ["bypass_validation"]);
}

#[test]
fn what_has_ended_stays_for_a_day() {
    let mut ledger = Ledger::open(Arc::new(MemoryStore::new())).unwrap();
    let reason = "so".to_owned();
    let ended = ExecutionEvent::Ended { ending: Ending::FailedClean, reason };
    wrote(&mut ledger, 1, start_time(), vec![ended]);
    let (config, head) = (sparing().config, ledger.journal().head());
    for (after, stays) in [(DAY - 1, true), (DAY, false)] {
        ledger.prune(head, &config, later(start_time(), seconds(after))).unwrap();
        assert_eq!(ledger.view.executions.contains_key(&id(1)), stays, "{after}");
    }
}

#[test]
fn a_plan_that_waits_for_a_year_does_not_fill_the_journal() {
    let mut scene = sparing();
    let mut plan = dangerous();
    for _ in 0..200 {
        plan.created = scene.now;
        plan.expires = later(scene.now, seconds(3600));
        let control = scene.executor.control();
        control.propose(&plan, 2, LOOP, scene.now).unwrap();
        scene.now = later(scene.now, seconds(1900));
    }
    prune(&scene);
    assert!(records(&scene) < 6, "{} records", records(&scene));
    let before = scene.executor.control().proposals();
    checked(&mut scene);
    assert_eq!(scene.executor.control().proposals(), before);
}

#[tokio::test]
async fn no_rail_is_loosened_by_pruning() {
    let mut scene = sparing();
    for n in 1..=2 {
        scene.open = ["slow", "failing"].map(|name| (name.to_owned(), scene.now)).into();
        let mut again = plan(vec![custom("alpha")]);
        again.expires = later(scene.now, seconds(3600));
        scene.start_as(n, again).unwrap();
        scene.cycle().await;
        scene.open.insert("worse".to_owned(), scene.now);
        scene.cycles(20).await;
        let execution = scene.executor.control().execution(id(n)).unwrap();
        assert_eq!(execution.judgement.unwrap().verdict, Verdict::Degradation);
        scene.now = later(scene.now, seconds(3600));
    }
    scene.now = later(scene.now, seconds(30 * DAY));
    cycles(&mut scene, 1, 20);
    prune(&scene);
    checked(&mut scene);
    let mut third = plan(vec![custom("alpha")]);
    third.expires = later(scene.now, seconds(3600));
    let decide = |scene: &Scene| {
        scene.executor.control().decide(&third, &scene.observation(), scene.now).to_string()
    };
    assert!(decide(&scene).contains("did harm too often"), "{}", decide(&scene));
    let kind: ActionKind = "alpha".parse().unwrap();
    let control = scene.executor.control();
    control.rearm(&Default::default(), kind, "ada", "mended", scene.now).unwrap();
    scene.now = later(scene.now, seconds(DAY));
    cycles(&mut scene, 20, 40);
    prune(&scene);
    checked(&mut scene);
    assert!(!decide(&scene).contains("did harm"), "{}", decide(&scene));
    assert!(scene.executor.control().executions().is_empty());
}

/// Writes an execution down that did nothing but what its events say.
fn wrote(ledger: &mut Ledger, n: u128, at: Timestamp, events: Vec<ExecutionEvent>) {
    let plan = Box::new(plan(vec![custom("alpha")]));
    let (chosen_with, before) = (Confidence::MAX, Measured::default());
    let started = ExecutionEvent::Started { plan, chosen_with, before };
    for event in std::iter::once(started).chain(events) {
        ledger.happen(id(n), at, event).unwrap();
    }
}

#[test]
fn no_rail_is_loosened_by_many_executions_either() {
    let mut ledger = Ledger::open(Arc::new(MemoryStore::new())).unwrap();
    let (step, way) = (StepIndex(0), Way::Do);
    let key = IdempotencyKey::of(id(1), step, way);
    let ended = |ending| ExecutionEvent::Ended { ending, reason: "so".to_owned() };
    let harm = vec![
        ExecutionEvent::Intended { step, way, attempt: 1, key, captured: None },
        ExecutionEvent::Applied { step, way, receipt: serde_json::Value::Null },
        ExecutionEvent::VerificationBegan,
        ExecutionEvent::Judged {
            verdict: Verdict::Degradation,
            reason: "worse".to_owned(),
            after: Measured::default(),
            time_to_effect: None,
        },
        ended(Ending::Completed),
    ];
    wrote(&mut ledger, 1, start_time(), harm);
    for n in 2..1100 {
        wrote(&mut ledger, n, start_time(), vec![ended(Ending::FailedClean)]);
    }
    assert_eq!(ledger.view.executions.len(), 1001, "a thousand others");
    assert!(ledger.view.executions.contains_key(&id(1)), "the breaker counts it");
}

#[test]
fn a_pruning_that_fails_changes_nothing_but_what_it_says() {
    for how in [StoreFault::Refuse, StoreFault::Full, StoreFault::Unanswered, StoreFault::Torn] {
        let mut scene = sparing();
        cycles(&mut scene, 1, 20);
        scene.executor.control().pause("ada", "look", scene.now).unwrap();
        scene.store.fail_append(1, how);
        let control = scene.executor.control();
        assert!(control.prune(control.head(), scene.now).is_err(), "{how:?}");
        // It goes on at once, and after a crash.
        control.resume("ada", "looked", scene.now).unwrap();
        prune(&scene);
        scene.crash();
        let control = scene.executor.control();
        assert_eq!(control.bad_records().len(), usize::from(how == StoreFault::Torn), "{how:?}");
        assert_eq!((control.cycle(), control.paused()), (CycleNumber::new(19), None), "{how:?}");
    }
}

/// What somebody does.
#[derive(Debug, Clone)]
enum Deed {
    Start { fails: bool },
    Cycle(usize),
    Heal,
    Break,
    Propose,
    Approve(bool),
    Pause(bool),
    Rearm,
    Wait(u64),
    Crash,
    Learn,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => any::<bool>().prop_map(|fails| Deed::Start { fails }),
        6 => (1..12_usize).prop_map(Deed::Cycle),
        2 => Just(Deed::Heal),
        2 => Just(Deed::Break),
        1 => Just(Deed::Propose),
        2 => any::<bool>().prop_map(Deed::Approve),
        1 => any::<bool>().prop_map(Deed::Pause),
        1 => Just(Deed::Rearm),
        2 => prop::sample::select(vec![1800, DAY, 2 * DAY]).prop_map(Deed::Wait),
        2 => Just(Deed::Crash),
        2 => Just(Deed::Learn),
    ]
}

/// Does it all, pruning after each deed or never, and answers what can be seen.
fn live(deeds: &[Deed], pruning: bool) -> (Vec<Execution>, Vec<Outcome>, String) {
    let mut scene = sparing();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut n, mut taken, mut learned) = (0, Vec::new(), Sequence::new(0));
    for (nth, deed) in deeds.iter().enumerate() {
        let control = scene.executor.control();
        match deed {
            Deed::Start { fails } => {
                n += 1;
                let mut plan = plan(vec![custom("alpha"), custom("beta")]);
                plan.expires = later(scene.now, seconds(3600));
                if *fails {
                    scene.world.fail("beta", Way::Do, n, Fault::Refused);
                }
                scene.start_as(n as u128, plan).ok();
            }
            Deed::Cycle(times) => runtime.block_on(scene.cycles(*times)),
            Deed::Heal => scene.open.clear(),
            Deed::Break => {
                let now = scene.now;
                scene.open = ["slow", "failing", "worse"].map(|it| (it.to_owned(), now)).into();
            }
            Deed::Propose => {
                control.propose(&dangerous(), 2, LOOP, scene.now).ok();
            }
            Deed::Approve(ada) => {
                let who = if *ada { "ada" } else { "grace" };
                control.approve(&dangerous().hash(), who, None, scene.now).ok();
                scene.start_as(1000 + nth as u128, dangerous()).ok();
            }
            Deed::Pause(true) => control.pause("ada", "so", scene.now).unwrap(),
            Deed::Pause(false) => control.resume("ada", "so", scene.now).unwrap(),
            Deed::Rearm => {
                let kind = "alpha".parse().unwrap();
                control.rearm(&Default::default(), kind, "ada", "so", scene.now).unwrap();
            }
            Deed::Wait(s) => scene.now = later(scene.now, seconds(*s)),
            Deed::Crash => scene.crash(),
            Deed::Learn => {
                let new = control.outcomes_after(learned, 100).unwrap();
                learned = new.last().map_or(learned, |(at, _)| *at);
                taken.extend(new.into_iter().map(|(_, outcome)| outcome));
            }
        }
        if pruning {
            scene.executor.control().prune(learned, scene.now).unwrap();
        }
    }
    scene.crash();
    let control = scene.executor.control();
    assert_eq!(control.bad_records(), []);
    assert_eq!(control.damaged(), []);
    taken.extend(control.outcomes_after(learned, 100).unwrap().into_iter().map(|it| it.1));
    let mut executions = control.executions();
    executions.retain(|it| it.status.is_live() || it.status.needs_operator());
    let mut probe = plan(vec![custom("alpha")]);
    probe.expires = later(scene.now, seconds(60));
    let observation = scene.observation();
    // Whoever decides asks the world, too.
    let effects = scene.world.state().effects.clone();
    let says = format!(
        "{effects:?} {:?} {:?} {} {} {:?}",
        control.paused(),
        control
            .proposals()
            .into_iter()
            .filter(|it| ["pending", "approved"].contains(&it.approval.as_str()))
            .collect::<Vec<_>>(),
        control.decide(&probe, &observation, scene.now),
        control.decide(&dangerous(), &observation, scene.now),
        control.own_effects(&Default::default(), scene.now),
    );
    (executions, taken, says)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn who_prunes_all_the_time_does_the_same_as_who_never_does(
        deeds in prop::collection::vec(deed(), 1..40),
    ) {
        let (pruned, whole) = (live(&deeds, true), live(&deeds, false));
        prop_assert_eq!(pruned, whole);
    }
}
