//! What keeps the loop from acting.

use std::{collections::BTreeSet, sync::Arc};

use mapek_execute::Decision;
use mapek_loop::{
    Checkpoint, CheckpointError, Clock as _, LoopConfig, NoPlanning, Saved, WakeReason,
};
use mapek_model::{Duration, TargetId, Timestamp, later};

use crate::world::World;

#[tokio::test]
async fn nothing_is_done_without_evidence() {
    let world = World::new();
    let mut cycle = world.cycle();
    *world.service.slow.lock().unwrap() = true;
    world.run(&mut cycle).await;
    *world.service.down.lock().unwrap() = true;
    let before = world.service.sent();
    for _ in 0..5 {
        let report = world.run(&mut cycle).await;
        assert!(!report.seen.open.is_empty(), "an episode that cannot be seen is not over");
        let refused = |d: &mapek_loop::Decided| !matches!(d.decision, Decision::Run);
        assert!(report.decisions.iter().all(refused), "{report:#?}");
    }
    assert_eq!(world.service.sent(), before);
    *world.service.down.lock().unwrap() = false;
    assert_eq!(world.heal(&mut cycle).await.last().unwrap().outcomes.len(), 1);
}

#[tokio::test]
async fn a_pause_stops_everything_but_watching() {
    let world = World::new();
    let mut cycle = world.cycle();
    cycle.control().pause("ada", "let me look first", world.clock.now()).unwrap();
    *world.service.slow.lock().unwrap() = true;
    for _ in 0..4 {
        let report = world.run(&mut cycle).await;
        assert!(report.paused.as_deref().unwrap().contains("ada"));
        assert_eq!(report.seen.open.len(), 1);
    }
    assert_eq!(world.service.sent(), 0);
    // It survives a restart.
    let mut again = world.cycle();
    world.run(&mut again).await;
    assert_eq!(world.service.sent(), 0);
    again.control().resume("ada", "go on", world.clock.now()).unwrap();
    world.heal(&mut again).await;
    assert_eq!(world.service.sent(), 1);
}

#[tokio::test]
async fn a_clock_that_went_back_begins_nothing() {
    let world = World::new();
    let mut cycle = world.cycle();
    world.run(&mut cycle).await;
    *world.service.slow.lock().unwrap() = true;
    let before = "2025-12-31T23:00:00Z".parse().unwrap();
    let report = cycle.run_once(before, BTreeSet::from([WakeReason::Interval])).await;
    assert_eq!(report.faults, ["the clock went back"]);
    assert_eq!(report.no_planning, Some(NoPlanning::Fault));
    assert_eq!(world.service.sent(), 0);
}

#[tokio::test]
async fn nor_does_it_where_the_clock_went_back_between_two_processes() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    // The journal has cycles in which something was open.
    world.run(&mut cycle).await;
    let before_that = world.service.sent();
    drop(cycle);
    // Nothing is open any more that would be written down.
    *world.service.slow.lock().unwrap() = false;
    let mut cycle = world.cycle();
    let before: Timestamp = "2025-12-31T23:00:00Z".parse().unwrap();
    let report = cycle.run_once(before, BTreeSet::from([WakeReason::Interval])).await;
    assert_eq!(report.faults, ["the clock went back"]);
    let after = later(before, Duration::from_secs(30));
    let report = cycle.run_once(after, BTreeSet::from([WakeReason::Interval])).await;
    assert_eq!(report.faults, [""; 0], "once is enough");
    assert_eq!(world.service.sent(), before_that);
}

/// A checkpoint that somebody damaged.
#[derive(Debug)]
struct Damaged;

impl Checkpoint for Damaged {
    fn save(&self, _: &Saved) -> Result<(), CheckpointError> {
        Ok(())
    }

    fn load(&self) -> Result<Option<Saved>, CheckpointError> {
        let source = std::io::Error::other("not what was written");
        Err(CheckpointError::Io { doing: "reading", path: "loop.json".into(), source })
    }
}

#[tokio::test]
async fn a_damaged_checkpoint_costs_time_and_not_the_start() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.builder().checkpoint(Arc::new(Damaged)).build_cycle().unwrap();
    assert_eq!(world.heal(&mut cycle).await.last().unwrap().outcomes.len(), 1);
}

/// A checkpoint on a disk that is full.
#[derive(Debug)]
struct Full;

impl Checkpoint for Full {
    fn save(&self, _: &Saved) -> Result<(), CheckpointError> {
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        Err(CheckpointError::Io { doing: "writing", path: "loop.json".into(), source })
    }

    fn load(&self) -> Result<Option<Saved>, CheckpointError> {
        Ok(None)
    }
}

#[tokio::test]
async fn a_fault_lets_no_effect_begin_however_late_in_the_cycle_it_comes() {
    let world = World::new();
    let mut cycle = world.builder().checkpoint(Arc::new(Full)).build_cycle().unwrap();
    *world.service.slow.lock().unwrap() = true;
    for _ in 0..6 {
        let report =
            cycle.run_once(world.clock.now(), BTreeSet::from([WakeReason::Interval])).await;
        assert!(report.faults[0].starts_with("the checkpoint cannot be written"), "{report:#?}");
        assert_eq!(report.no_planning, Some(NoPlanning::Fault));
        world.clock.advance_to(report.next_due);
    }
    assert_eq!(world.service.sent(), 0);
}

#[tokio::test]
async fn after_an_undo_nothing_is_planned_before_the_metrics_have_settled() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    world.heal(&mut cycle).await;
    let execution = cycle.control().executions()[0].id;
    cycle.control().rollback(execution, "ada", "not like that", world.clock.now()).unwrap();
    let undone = world.run(&mut cycle).await;
    assert_eq!(*world.service.replicas.lock().unwrap(), 3, "{undone:#?}");
    let at = undone.at;
    let mut settling = 0;
    loop {
        let report = world.run(&mut cycle).await;
        let waited = mapek_model::since(report.at, at);
        if waited >= LoopConfig::default().settle {
            assert_ne!(report.no_planning, Some(NoPlanning::Settling), "{waited:?}");
            break;
        }
        assert_eq!(report.no_planning, Some(NoPlanning::Settling), "{waited:?}");
        settling += 1;
    }
    assert!(settling > 0);
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_escalated_in_every_cycle_and_wakes_nobody() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    while cycle.control().live(&TargetId::default()).is_none() {
        world.run(&mut cycle).await;
    }
    drop(cycle);
    // The configuration now speaks of another system.
    let other = World { target: TargetId::try_new("other").unwrap(), ..world };
    let mut cycle = other.cycle();
    for _ in 0..3 {
        let report = other.run(&mut cycle).await;
        let told = report.escalations.iter().any(|it| it.contains("is not configured any more"));
        assert!(told, "{report:#?}");
        assert_eq!(mapek_model::since(report.next_due, report.at), Duration::from_secs(30));
    }
    let left = cycle.control().unattended()[0].id;
    cycle.control().resolve(left, "ada", "looked at it", other.clock.now()).unwrap();
    let report = other.run(&mut cycle).await;
    assert!(!report.escalations.iter().any(|it| it.contains("configured")), "{report:#?}");
}
