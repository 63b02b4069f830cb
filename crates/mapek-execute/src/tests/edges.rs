//! One more and one less: what is remembered at most, and moments that are exactly the last.

use std::sync::Arc;

use mapek_model::{
    ContentHash, CycleNumber, DoubtKind, Ending, ExecutionEvent, ExecutionId, ExecutionRecord,
    IdempotencyKey, Measured, Quality, Sequence, StepIndex, TargetId, UndoReason, Verdict, Way,
    later,
};
use mapek_store::{MemoryStore, Store};

use super::world::{Scene, config, custom, id, plan, seconds, start_time};
use crate::{
    Body, Config, CycleInputs, Decision, Entry, Error, Journal, Record, Retention, ledger::Ledger,
    scan, verify,
};

fn ledger() -> Ledger {
    Ledger::open(Arc::new(MemoryStore::new())).unwrap()
}

fn started(name: &str) -> ExecutionEvent {
    let (plan, before) = (Box::new(plan(vec![custom(name)])), Measured::default());
    ExecutionEvent::Started { plan, chosen_with: mapek_model::Confidence::MAX, before }
}

fn ended(ending: Ending) -> ExecutionEvent {
    ExecutionEvent::Ended { ending, reason: "so".to_owned() }
}

fn intended() -> ExecutionEvent {
    let (step, way) = (StepIndex(0), Way::Do);
    let key = IdempotencyKey::of(id(1), step, way);
    ExecutionEvent::Intended { step, way, attempt: 1, key, captured: None }
}

fn applied() -> ExecutionEvent {
    let receipt = serde_json::Value::Null;
    ExecutionEvent::Applied { step: StepIndex(0), way: Way::Do, receipt }
}

fn judged(verdict: Verdict) -> ExecutionEvent {
    let (after, reason) = (Measured::default(), "so".to_owned());
    ExecutionEvent::Judged { verdict, reason, after, time_to_effect: None }
}

/// From its beginning to its end.
fn lived(ledger: &mut Ledger, n: u128, events: impl IntoIterator<Item = ExecutionEvent>) {
    for event in std::iter::once(started("alpha")).chain(events) {
        ledger.happen(id(n), start_time(), event).unwrap();
    }
}

fn completed(verdict: Verdict) -> [ExecutionEvent; 5] {
    let began = ExecutionEvent::VerificationBegan;
    [intended(), applied(), began, judged(verdict), ended(Ending::Completed)]
}

fn told(store: &MemoryStore) -> Vec<Record> {
    let mut records = Vec::new();
    scan(store, |item| records.push(item.unwrap())).unwrap();
    records
}

#[test]
fn outcomes_that_are_not_in_memory_any_more_are_read_from_the_journal() {
    const MANY: u128 = 4099;
    let mut ledger = ledger();
    for n in 1..=MANY {
        lived(&mut ledger, n, [ended(Ending::FailedClean)]);
    }
    assert_eq!(ledger.view.outcomes.len(), 4096);
    let begin = Sequence::new(0);
    let all = ledger.outcomes_after(begin, usize::MAX).unwrap();
    let ids: Vec<_> = all.iter().map(|(_, outcome)| outcome.execution).collect();
    assert_eq!(ids, (1..=MANY).map(id).collect::<Vec<_>>());
    // Three are not remembered; whoever has taken the third needs no journal.
    for (taken, limit) in [(2, 4), (3, 2), (4, 2), (4098, 9), (4099, 9)] {
        let cursor = all[taken - 1].0;
        let found = ledger.outcomes_after(cursor, limit).unwrap();
        let expected: Vec<_> = all.iter().skip(taken).take(limit).cloned().collect();
        assert_eq!(found, expected, "{limit} behind {taken}");
    }
}

#[test]
fn a_thousand_that_ended_are_remembered_and_whoever_is_still_needed() {
    let mut ledger = ledger();
    lived(&mut ledger, 5000, [ended(Ending::NeedsOperator)]);
    lived(&mut ledger, 5001, completed(Verdict::Success));
    lived(&mut ledger, 5002, completed(Verdict::Success));
    for n in 1..=1001 {
        lived(&mut ledger, n, [ended(Ending::FailedClean)]);
    }
    let known = |ledger: &Ledger| {
        let ids = ledger.view.executions.keys().copied();
        ids.filter(|it| *it >= id(5000)).collect::<Vec<_>>()
    };
    // Two ended ones and the first of the thousand have made room; a person has still to look after the other.
    assert_eq!((known(&ledger), ledger.view.executions.len()), (vec![id(5000)], 1001));

    // Who ended and is undone now is at work again.
    lived(&mut ledger, 5003, completed(Verdict::Success));
    let (why, reason) = (UndoReason::Person, "ada: no".to_owned());
    let undo = ExecutionEvent::UndoBegan { why, steps: vec![StepIndex(0)], reason };
    ledger.happen(id(5003), start_time(), undo).unwrap();
    for n in 1002..=2002 {
        lived(&mut ledger, n, [ended(Ending::FailedClean)]);
    }
    assert_eq!(known(&ledger), [id(5000), id(5003)]);
}

#[test]
fn who_was_at_work_all_the_time_is_the_newest_when_it_ends() {
    let mut ledger = ledger();
    lived(&mut ledger, 5000, []);
    for n in 1..=1000 {
        lived(&mut ledger, n, [ended(Ending::FailedClean)]);
    }
    assert_eq!(ledger.view.executions.len(), 1001, "a thousand that ended, and one at work");
    ledger.happen(id(5000), start_time(), ended(Ending::FailedClean)).unwrap();
    let known = [1, 2, 5000].map(|n| ledger.view.executions.contains_key(&id(n)));
    assert_eq!((known, ledger.view.executions.len()), ([false, true, true], 1000));
}

#[test]
fn outcomes_that_are_not_in_memory_any_more_stay_until_they_are_learned() {
    let mut ledger = ledger();
    for n in 1..=4099 {
        lived(&mut ledger, n, [ended(Ending::FailedClean)]);
    }
    let journal_retention = Retention { age: seconds(1), records: 1 };
    let config = Config { journal_retention, ..config() };
    let now = later(start_time(), seconds(48 * 3600));
    // Two records each: two were learned, then the third, the last that is not in memory, then one that is.
    for (learned, went) in [(4, 4), (6, 2), (8, 2)] {
        let learned = Sequence::new(learned);
        assert_eq!(ledger.prune(learned, &config, now).unwrap(), went, "{learned}");
        assert_eq!(ledger.outcomes_after(learned, 1).unwrap()[0].0.get(), learned.get() + 2);
    }
}

#[test]
fn of_a_file_that_is_all_damage_a_thousand_records_are_told_apart() {
    let store = MemoryStore::new();
    let mut journal = Journal::open(Arc::new(store.clone()), |_| ()).unwrap();
    for n in 1..=1002 {
        let body = Body::Latch { paused: true, by: "ada".to_owned(), reason: "so".to_owned() };
        let (at, cycle) = (start_time(), CycleNumber::new(1));
        journal.append(Entry { target: None, at, cycle, body }).unwrap();
        assert!(store.corrupt(Sequence::new(n), |bytes| bytes[70] ^= 1));
    }
    let ledger = Ledger::open(Arc::new(store)).unwrap();
    assert_eq!(ledger.view.bad.len(), 1000);
    assert_eq!(ledger.view.latch, None);
}

#[test]
fn what_cannot_follow_is_refused_and_not_written() {
    let store = MemoryStore::new();
    let mut ledger = Ledger::open(Arc::new(store.clone())).unwrap();
    let never = ledger.happen(id(1), start_time(), intended());
    assert!(matches!(never, Err(Error::Illegal { .. })), "{never:?}");
    lived(&mut ledger, 1, [ended(Ending::FailedClean)]);
    let again = ledger.happen(id(1), start_time(), intended());
    assert!(matches!(again, Err(Error::Illegal { .. })), "{again:?}");
    assert_eq!((told(&store).len(), ledger.view.damaged.len()), (2, 0));
}

#[test]
fn every_record_of_an_execution_names_its_target_also_of_one_that_cannot_be_followed() {
    let store = MemoryStore::new();
    let mut ledger = Ledger::open(Arc::new(store.clone())).unwrap();
    lived(&mut ledger, 1, [intended(), applied()]);
    let here = Some(TargetId::default());
    assert!(told(&store).iter().all(|record| record.target == here));
    assert!(store.corrupt(Sequence::new(1), |bytes| bytes[80] ^= 1));
    let mut ledger = Ledger::open(Arc::new(store.clone())).unwrap();
    assert_eq!(ledger.view.damaged[&id(1)].target, here);
    let reason = &ledger.view.damaged[&id(1)].reason;
    assert_eq!(reason, "the log of an execution must begin with started, got intended");
    let closed = ExecutionEvent::Closed { by: "ada".to_owned(), reason: "looked".to_owned() };
    ledger.happen(id(1), start_time(), closed).unwrap();
    assert!(ledger.view.damaged.is_empty());
    let mut last = None;
    scan(&store, |item| last = item.ok()).unwrap();
    assert_eq!(last.unwrap().target, here);
}

#[test]
fn what_is_wrong_with_a_log_is_told_with_its_cause() {
    let store = MemoryStore::new();
    let mut ledger = Ledger::open(Arc::new(store.clone())).unwrap();
    lived(&mut ledger, 1, [intended(), applied()]);
    assert!(store.corrupt(Sequence::new(2), |bytes| bytes[80] ^= 1));
    let ledger = Ledger::open(Arc::new(store)).unwrap();
    let reason = &ledger.view.damaged[&id(1)].reason;
    let what = format!("execution {} cannot go on", id(1));
    assert_eq!(*reason, format!("{what}: applied cannot follow running step 1 of 1"));
}

fn cycle(scene: &Scene, n: u64) {
    let control = scene.executor.control();
    let [config, seen] = [&b"configuration"[..], b"seen"].map(ContentHash::of);
    let inputs = CycleInputs::new(CycleNumber::new(n), config, 7, seen, seen);
    control.begin_cycle(inputs, scene.now).unwrap();
}

#[test]
fn a_clock_that_stands_still_has_not_gone_back() {
    let mut scene = Scene::new();
    cycle(&scene, 1);
    cycle(&scene, 2);
    scene.now = later(scene.now, seconds(1));
    cycle(&scene, 3);
    let behind = |scene: &Scene| scene.executor.control().is_behind(scene.now).unwrap();
    assert!(!behind(&scene));
    let bodies: Vec<_> = told(&scene.store).into_iter().map(|it| it.body).collect();
    assert!(bodies.iter().all(|body| matches!(body, Body::Cycle(_))), "{bodies:?}");
    scene.now = mapek_model::earlier(scene.now, seconds(1));
    assert!(behind(&scene));
    scene.crash();
    assert!(behind(&scene), "who starts anew knows it");
    cycle(&scene, 4);
    assert!(!behind(&scene), "it is written down");
    let set_back = told(&scene.store).into_iter().rfind(|it| !matches!(it.body, Body::Cycle(_)));
    assert_eq!(set_back.unwrap().body, Body::SetBack { by: seconds(1) });
}

#[test]
fn what_is_rearmed_in_the_moment_of_the_harm_or_later_is_not_held_against_it() {
    let mut ledger = ledger();
    let at = |s| later(start_time(), seconds(s));
    for (n, name, rearmed) in [
        (5001, "alpha", None),
        (5002, "beta", Some(59)),
        (5003, "gamma", Some(60)),
        (5004, "delta", Some(61)),
    ] {
        for event in std::iter::once(started(name)).chain(completed(Verdict::Degradation)) {
            ledger.happen(id(n), at(60), event).unwrap();
        }
        if let Some(rearmed) = rearmed {
            let (by, reason) = ("ada".to_owned(), "mended".to_owned());
            let body = Body::Rearmed { kind: custom(name).action.kind(), by, reason };
            ledger.commit(Some(&TargetId::default()), at(rearmed), body).unwrap();
        }
    }
    for n in 1..=1001 {
        lived(&mut ledger, n, [ended(Ending::FailedClean)]);
    }
    let held = [5001, 5002, 5003, 5004].map(|n| ledger.view.executions.contains_key(&id(n)));
    assert_eq!(held, [true, true, false, false]);
}

#[test]
fn only_who_was_at_work_when_a_record_was_lost_is_suspect() {
    let store = MemoryStore::new();
    let mut ledger = Ledger::open(Arc::new(store.clone())).unwrap();
    lived(&mut ledger, 1, [intended()]);
    lived(&mut ledger, 2, [ended(Ending::FailedClean)]);
    let pause = Body::Latch { paused: true, by: "ada".to_owned(), reason: "so".to_owned() };
    ledger.commit(None, start_time(), pause).unwrap();
    let spoilt = ledger.journal().head();
    lived(&mut ledger, 3, [intended()]);
    assert!(store.corrupt(spoilt, |bytes| bytes[80] ^= 1));
    let ledger = Ledger::open(Arc::new(store)).unwrap();
    let suspect = ledger.view.executions.values().filter(|it| it.suspect);
    let suspect: Vec<ExecutionId> = suspect.map(|it| it.execution.id).collect();
    assert_eq!(suspect, [id(1)]);
}

#[test]
fn a_record_says_of_which_execution_it_is() {
    let store = MemoryStore::new();
    let mut ledger = Ledger::open(Arc::new(store.clone())).unwrap();
    lived(&mut ledger, 1, [intended()]);
    lived(&mut ledger, 2, []);
    let records = told(&store);
    let of = |record: &Record| match &record.body {
        Body::Execution { record: ExecutionRecord { execution, .. } } => *execution,
        other => panic!("{other:?}"),
    };
    assert_eq!(records.iter().map(of).collect::<Vec<_>>(), [id(1), id(1), id(2)]);
    assert_eq!(store.head().unwrap().get(), 3);
}

#[test]
fn what_is_kept_is_found_by_whoever_has_its_hash() {
    let scene = Scene::new();
    let control = scene.executor.control();
    let (value, text) = (control.keep(&[1, 2]).unwrap(), control.keep_bytes(b"\"seen\"").unwrap());
    assert_eq!([value, text], [ContentHash::of(b"[1,2]"), ContentHash::of(b"\"seen\"")]);
    let archive = control.archive();
    assert_eq!(control.kept::<Vec<u8>>(&value).unwrap(), Some(vec![1, 2]));
    assert_eq!(archive.kept::<Vec<u8>>(&value).unwrap(), Some(vec![1, 2]));
    assert_eq!(archive.kept::<String>(&text).unwrap().as_deref(), Some("seen"));
    assert!(control.kept::<String>(&value).is_err() && archive.kept::<String>(&value).is_err());
    let nothing = ContentHash::of(b"nothing");
    assert_eq!(archive.kept::<String>(&nothing).unwrap(), None);
    cycle(&scene, 7);
    assert_eq!(control.archive().cycle(CycleNumber::new(7)).unwrap().len(), 1);
    assert_eq!((control.cycle(), control.head()), (CycleNumber::new(7), Sequence::new(1)));
    assert_eq!(control.epoch().get(), 1);
}

/// Which rails were written down to hold back the only execution, each time.
fn written_down_to_hold_back(scene: &Scene) -> Vec<Vec<String>> {
    let held = told(&scene.store).into_iter().filter_map(|record| match record.body {
        Body::HeldBack { said: Decision::Refused { refusals }, .. } => Some(refusals),
        _ => None,
    });
    held.map(|refusals| refusals.into_iter().map(|it| it.rail).collect()).collect()
}

#[tokio::test]
async fn what_holds_back_the_next_step_is_written_down_when_it_begins_and_when_it_is_another() {
    let mut scene = Scene::new();
    let mut slow = plan(vec![custom("alpha"), custom("beta")]);
    slow.steps[0].wait = seconds(15);
    scene.start(slow).unwrap();
    scene.cycle().await;
    let control = scene.executor.control();
    control.pause("ada", "I look", scene.now).unwrap();
    scene.cycles(4).await;
    assert_eq!(written_down_to_hold_back(&scene), [["pause"]]);
    scene.crash();
    scene.cycles(2).await;
    assert_eq!(written_down_to_hold_back(&scene), [["pause"]], "who starts anew knows it");
    scene.quality = Quality::fresh().with(DoubtKind::StaleSample, "up", "old");
    scene.cycles(2).await;
    let both = vec!["pause".to_owned(), "sensor_doubt".to_owned()];
    assert_eq!(written_down_to_hold_back(&scene)[1..], [both]);
    scene.quality = Quality::fresh();
    scene.executor.control().resume("ada", "seen", scene.now).unwrap();
    scene.cycle().await;
    assert_eq!(scene.world.effects(Way::Do), ["alpha", "beta"]);
    assert_eq!(verify(&scene.store).unwrap().damage, []);
}

#[tokio::test]
async fn what_holds_back_the_next_step_is_told_though_it_cannot_be_written_down() {
    let mut scene = Scene::new();
    scene.start(plan(vec![custom("alpha")])).unwrap();
    scene.executor.control().pause("ada", "I look", scene.now).unwrap();
    // What is seen of the episodes is written down before.
    scene.store.fail_append(2, mapek_store::Fault::Full);
    let advance = scene.cycle().await.remove(0);
    assert!(matches!(advance.held_back, Some(Decision::Refused { .. })), "{advance:?}");
    assert!(advance.fault.is_some(), "{advance:?}");
    scene.cycles(2).await;
    assert_eq!(written_down_to_hold_back(&scene), [["pause"]]);
}
