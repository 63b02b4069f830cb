//! Prometheus, Charter and Alertmanager go away and come back.

use mapek::{
    CycleReport,
    model::{Ending, Level, Phase, StepStatus, Verdict},
};
use mapek_testkit::{Fault, Reply, ScriptedHttp};

use crate::support::{Setup, World, level, sees, slow_validation, trusts};

/// That a remote storage has nothing: one empty result, in protocol buffers, in snappy.
fn nothing() -> Reply {
    let headers = [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];
    Reply::new(200, &headers, [0x02, 0x04, 0x0a, 0x00])
}

/// Whether the loop knows that something is wrong, and that its metrics are worth this.
fn doubts(report: &CycleReport, metrics: Level) -> bool {
    sees(report, "high-validation-latency") && level(report, "prometheus") == Some(metrics)
}

fn assert_idle(world: &World) {
    let state = world.state();
    assert!(state.executions.is_empty(), "{:?}", state.executions);
    assert!(world.charter.ledger().is_empty(), "{:?}", world.charter.ledger());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_trustworthy_metrics_nothing_is_done_and_with_them_the_loop_goes_on() {
    let remote = ScriptedHttp::start().await.unwrap();
    remote.otherwise(nothing());
    let remote_read = Some(remote.url("/read"));
    let world = World::start(Setup { remote_read, ..Setup::default() }).await;

    // It hangs. Charter itself still says what is wrong, and that is not enough.
    world.prometheus.pause().await.unwrap();
    world.inject(slow_validation());
    world.cycles(3, "cycles without metrics", |it| doubts(it, Level::Unknown)).await;
    assert_idle(&world);

    // It is back, but says with each answer that a part of the data is missing.
    remote.otherwise(Reply::status(500));
    world.prometheus.resume().await.unwrap();
    world.cycles(4, "cycles with warnings", |it| doubts(it, Level::Partial)).await;
    assert_idle(&world);

    remote.otherwise(nothing());
    world.execution("a plan that works", |it| it.first_applied.is_some()).await;
    assert_eq!(world.effects("scale"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_that_was_gone_is_used_again_when_it_is_back() {
    let mut world = World::start(Setup::default()).await;
    world.prometheus.stop().await.unwrap();
    world.inject(slow_validation());
    world.cycles(3, "cycles without metrics", |it| doubts(it, Level::Unknown)).await;
    assert_idle(&world);
    world.prometheus.restart().await.unwrap();
    world.execution("a plan that works", |it| it.first_applied.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_charter_work_is_parked_and_polling_goes_on_until_it_is_back() {
    let mut world = World::start(Setup { alerts: true, ..Setup::default() }).await;

    let alertmanager = world.alertmanager.as_mut().unwrap();
    alertmanager.stop().await.unwrap();
    let deaf = |it: &CycleReport| {
        level(it, "alertmanager") == Some(Level::Unknown)
            && level(it, "prometheus") == Some(Level::Fresh)
    };
    world.cycles(3, "cycles without alerts", deaf).await;
    world.alertmanager.as_mut().unwrap().restart().await.unwrap();
    world.cycles(1, "a cycle with alerts", trusts).await;

    world.inject(slow_validation());
    world.execution("a step", |it| it.status.steps() == [StepStatus::Applied]).await;
    world.to_charter.set(Fault::Refuse).await.unwrap();
    world
        .until("CharterAPIDown", |state| {
            state.last().is_some_and(|it| sees(it, "charter-api-down"))
        })
        .await;
    // Longer than its effect takes to show: it would be judged by now.
    let blind = |it: &CycleReport| level(it, "charter") == Some(Level::Unknown);
    world.cycles(10, "cycles without Charter", blind).await;
    world.execution("the same", |it| *it.status.phase() == Phase::Verifying).await;

    world.to_charter.set(Fault::Pass).await.unwrap();
    let execution = world.execution("its end", |it| it.status.ending().is_some()).await;
    assert_eq!(execution.status.ending(), Some(Ending::Completed), "{:?}", execution.reason);
    let verdict = world.outcome().await.verdict;
    // The alert on Charter itself may outlast it by a cycle, and is counted then.
    assert!(matches!(verdict, Verdict::Success | Verdict::Partial), "{verdict}");
    world.healed().await;
    assert_eq!(world.effects("scale"), 1);
}
