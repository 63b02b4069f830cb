//! What holds whatever goes wrong.

use std::collections::BTreeSet;

use mapek_model::{Ending, Execution, Way};
use mapek_store::{Fault as StoreFault, Store};
use proptest::prelude::*;

use super::world::{Fault, Scene, custom, plan};

const NAMES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::Transient),
        1 => Just(Fault::Refused),
        3 => Just(Fault::AnswerLost),
        2 => Just(Fault::RequestLost),
    ]
}

/// Which step, which way, which call, and what goes wrong with it.
fn faults(calls: usize) -> impl Strategy<Value = Vec<(usize, bool, usize, Fault)>> {
    prop::collection::vec((0..4_usize, prop::bool::weighted(0.7), 1..=calls, fault()), 0..7)
}

fn scene(steps: usize, faults: &[(usize, bool, usize, Fault)]) -> Scene {
    let mut scene = Scene::new();
    for (step, forward, nth, fault) in faults {
        let way = if *forward { Way::Do } else { Way::Undo };
        scene.world.fail(NAMES[*step], way, *nth, *fault);
    }
    scene.start(plan(NAMES[..steps].iter().map(|name| custom(name)).collect())).unwrap();
    scene
}

fn run(scene: &mut Scene) -> Execution {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(scene.finish())
}

fn check(scene: &Scene, execution: &Execution, steps: usize) {
    let (done, undone) = (scene.world.effects(Way::Do), scene.world.effects(Way::Undo));
    let all: BTreeSet<_> = NAMES[..steps].iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        done.iter().collect::<BTreeSet<_>>().len(),
        done.len(),
        "a step ran twice: {done:?}"
    );
    assert_eq!(
        undone.iter().collect::<BTreeSet<_>>().len(),
        undone.len(),
        "undone twice: {undone:?}"
    );
    match execution.status.ending() {
        Some(Ending::Completed) => assert_eq!(scene.world.changed(), all),
        Some(Ending::Undone) => {
            let reversed: Vec<_> = done.iter().rev().cloned().collect();
            assert_eq!(undone, reversed, "all that ran, in reverse");
            assert!(scene.world.changed().is_empty());
        }
        Some(Ending::FailedClean) => assert!(done.is_empty()),
        Some(Ending::NeedsOperator) => assert!(!scene.world.changed().is_empty()),
        None => panic!("it has not ended"),
    }
}

mod properties {
    use super::*;
    use crate::testing::cases;

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn unwinding_undoes_exactly_what_ran_in_reverse(
            steps in 1..=4_usize,
            faults in faults(4),
        ) {
            let mut scene = scene(steps, &faults);
            let execution = run(&mut scene);
            check(&scene, &execution, steps);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    /// The store fails at every place in turn, once without having written and once having written; each time the executor is
    /// dropped and another one takes over. The end is the same, and nothing ran twice. A crash may use up an attempt, so no
    /// step fails as often as to need the last one.
    #[test]
    fn a_crash_at_any_record_changes_nothing(steps in 1..=3_usize, faults in faults(2)) {
        let mut undisturbed = scene(steps, &faults);
        let expected = run(&mut undisturbed);
        let records = undisturbed.store.appends();
        for crash_at in 1..records {
            for how in [StoreFault::Refuse, StoreFault::Unanswered] {
                let mut scene = scene(steps, &faults);
                scene.store.fail_append(crash_at, how);
                let tried = scene.store.appends() + crash_at;
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                while scene.store.appends() < tried && scene.execution().status.is_live() {
                    if *scene.execution().status.phase() == mapek_model::Phase::Verifying {
                        scene.open.clear();
                    }
                    runtime.block_on(scene.cycle());
                }
                scene.crash();
                let execution = run(&mut scene);
                check(&scene, &execution, steps);
                prop_assert_eq!(
                    execution.status.ending(), expected.status.ending(),
                    "crashed at {} {:?}: {:?} instead of {:?}", crash_at, how, execution.reason, expected.reason
                );
                let outcomes = scene.executor.control().outcomes_after(Default::default(), 10).unwrap();
                prop_assert_eq!(outcomes.len(), 1);
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_unless_the_intent_is_written() {
    for how in [StoreFault::Refuse, StoreFault::Full, StoreFault::Torn] {
        let mut scene = scene(1, &[]);
        scene.store.fail_append(1, how);
        let advances = scene.cycle().await;
        assert!(scene.world.state().keys.is_empty(), "{how:?}");
        let fault = advances[0].fault.as_ref().unwrap();
        assert!(fault.contains("the journal failed"), "{advances:?}");
        assert_eq!(advances[0].waits.as_ref(), Some(fault));
        // The next cycle reads the journal again and goes on.
        let execution = scene.finish().await;
        assert_eq!(execution.status.ending(), Some(Ending::Completed), "{how:?}");
    }
}

#[tokio::test]
async fn a_retry_carries_the_key_of_the_first_attempt() {
    let mut scene = scene(1, &[(0, true, 1, Fault::Transient), (0, true, 2, Fault::RequestLost)]);
    scene.cycle().await;
    scene.crash();
    scene.finish().await;
    let keys = scene.world.state().keys.clone();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]));
}

#[tokio::test]
async fn a_leader_that_was_replaced_sends_nothing_more() {
    let mut scene = scene(2, &[]);
    scene.store.raise_epoch().unwrap();
    let advances = scene.cycle().await;
    assert!(advances[0].waits.as_ref().unwrap().contains("stale"), "{advances:?}");
    scene.cycles(3).await;
    assert!(scene.world.state().keys.is_empty());
}

#[tokio::test]
async fn the_same_run_writes_the_same_bytes() {
    let script = [(0, true, 1, Fault::AnswerLost), (1, true, 1, Fault::Refused)];
    let mut logs = Vec::new();
    for _ in 0..2 {
        let mut scene = scene(3, &script);
        scene.finish().await;
        logs.push(scene.store.read(Default::default(), 1000).unwrap());
    }
    assert_eq!(logs[0], logs[1]);
}

#[test]
fn an_advance_can_be_sent_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    let mut scene = scene(1, &[]);
    let observation = scene.observation();
    is_send(&scene.executor.advance(&observation, scene.now));
}
