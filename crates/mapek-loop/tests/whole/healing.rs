//! From a fault to what is learned of it.

use mapek_execute::{Decision, Profile};
use mapek_loop::{
    Checkpoint as _, IdSource as _, Loop, MemoryCheckpoint, NoPlanning, Seed, SeededIds,
};
use mapek_model::{Duration, ExecutionEvent, Timestamp, Verdict, later};

use crate::world::World;

#[tokio::test]
async fn a_fault_is_seen_explained_remedied_verified_and_learned_from() {
    let world = World::new();
    let mut cycle = world.cycle();
    assert!(world.run(&mut cycle).await.diagnosis.is_healthy());
    *world.service.slow.lock().unwrap() = true;
    let reports = world.heal(&mut cycle).await;
    let started = reports.iter().position(|it| it.decisions.iter().any(|d| d.execution.is_some()));
    let started = started.expect("a plan was started");
    assert_eq!(reports[started].diagnosis.causes[0].cause.kind, "validation-latency");
    let next = &reports[started + 1];
    assert!(matches!(next.no_planning, Some(NoPlanning::Awaits { .. })), "{next:#?}");
    let outcome = &reports.last().unwrap().outcomes[0];
    assert_eq!(outcome.verdict, Verdict::Success, "{outcome:#?}");
    assert_eq!(cycle.state().statistics.violations, 1);
    assert_eq!((world.service.sent(), *world.service.replicas.lock().unwrap()), (1, 5));
    let experience = world.knowledge_of().await;
    assert_eq!(experience.plans["validation-latency"].values().next().unwrap().success, 1);
}

#[tokio::test]
async fn in_shadow_mode_it_says_what_it_would_do_and_does_nothing() {
    let world = World { profile: Profile::Observe, ..World::new() };
    let mut cycle = world.cycle();
    *world.service.slow.lock().unwrap() = true;
    let mut observed = 0;
    for _ in 0..6 {
        let report = world.run(&mut cycle).await;
        observed += report.decisions.iter().filter(|d| d.decision == Decision::ObserveOnly).count();
    }
    assert!(observed > 0);
    assert_eq!(world.service.sent(), 0);
}

#[tokio::test]
async fn the_same_run_gives_the_same_bytes() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = World::new();
        *world.service.slow.lock().unwrap() = true;
        let mut cycle = world.cycle();
        let reports = world.heal(&mut cycle).await;
        let reports: Vec<_> = reports.iter().map(AsRef::as_ref).collect();
        runs.push(serde_json::to_string(&reports).unwrap());
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn what_heals_by_itself_is_learned_as_such() {
    let world = World { profile: Profile::Observe, ..World::new() };
    let mut cycle = world.cycle();
    *world.service.slow.lock().unwrap() = true;
    world.run(&mut cycle).await;
    world.run(&mut cycle).await;
    *world.service.slow.lock().unwrap() = false;
    world.run(&mut cycle).await;
    assert!(world.knowledge_of().await.nothing.is_empty(), "it may come back");
    for _ in 0..10 {
        world.run(&mut cycle).await;
    }
    let experience = world.knowledge_of().await;
    assert_eq!(experience.nothing["validation-latency"].success, 1);
}

#[tokio::test]
async fn every_effect_has_an_intent_in_the_journal_before_it() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    let reports = world.heal(&mut cycle).await;
    let events: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.progress)
        .flat_map(|progress| &progress.advance.events)
        .collect();
    let intent = events.iter().position(|it| matches!(it, ExecutionEvent::Intended { .. }));
    let effect = events.iter().position(|it| matches!(it, ExecutionEvent::Applied { .. }));
    assert!(intent.unwrap() < effect.unwrap());
}

#[test]
fn what_is_missing_is_named() {
    let error = Loop::builder().build_cycle().unwrap_err();
    assert_eq!(error.to_string(), "the loop needs an executor: give it to the builder");
    let later = later(Timestamp::UNIX_EPOCH, Duration::from_secs(1));
    assert_ne!(SeededIds::new(Seed(1)).next_id(later), SeededIds::new(Seed(2)).next_id(later));
    assert!(MemoryCheckpoint::default().load().unwrap().is_none());
}
