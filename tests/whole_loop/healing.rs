//! What the loop is for: something breaks, and it is healed, by real processes from end to end.

use std::time::Duration;

use crate::support::{self, Setup, World, actions, sees, slow_validation};
use charter_sim::{Fault, FaultKind};
use mapek::{
    WakeReason,
    model::{Action, Ending, Verdict, ViolationSource},
};

/// Asserts that one scale up healed it, and that this is known.
async fn assert_scaled_up(world: World) {
    let execution = world.execution("the end of the plan", |it| it.status.ending().is_some()).await;
    assert_eq!(execution.status.ending(), Some(Ending::Completed), "{:?}", execution.reason);
    assert!(
        matches!(actions(&execution)[..], [Action::ScaleUp { replicas: 7.. }]),
        "{execution:?}"
    );
    assert_eq!(world.effects("scale"), 1);
    let outcome = world.outcome().await;
    assert_eq!(outcome.verdict, Verdict::Success, "{}", outcome.reason);
    assert_eq!(outcome.cause.kind.as_str(), "validation-latency");
    world.healed().await;
    assert_eq!(world.remembered().await, [outcome]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_wakes_the_loop_which_scales_up_and_remembers_the_success() {
    // Nobody waits for a minute: what is done within it is done because of the alert.
    let interval = Duration::from_secs(600);
    let world = World::start(Setup { alerts: true, interval, ..Setup::default() }).await;
    world.inject(slow_validation());
    let begun = world
        .find("a plan that begins", |state| {
            state.reports.iter().find(|it| support::begins(it)).cloned()
        })
        .await;
    assert!(begun.woken_by.contains(&WakeReason::Alert), "{:?}", begun.woken_by);
    let told =
        |it: &mapek::model::Violation| it.is_confirmed() && it.has_source(ViolationSource::Alert);
    assert!(begun.seen.open.iter().any(told), "{:?}", begun.seen.open);
    assert_scaled_up(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_alerts_polling_alone_finds_and_heals_the_same() {
    let world = World::start(Setup::default()).await;
    world.inject(slow_validation());
    world
        .until("the violation", |state| {
            state.last().is_some_and(|it| sees(it, "high-validation-latency"))
        })
        .await;
    assert_scaled_up(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_policy_is_recognised_and_rolled_back() {
    let world = World::start(Setup::default()).await;
    world.inject(Fault::new(FaultKind::PolicyMisconfiguration));
    let execution = world.execution("the end of the plan", |it| it.status.ending().is_some()).await;
    assert_eq!(execution.plan.cause.kind.as_str(), "policy-misconfiguration");
    assert!(
        matches!(actions(&execution)[..], [Action::RollbackPolicy { .. }]),
        "{:?}",
        actions(&execution)
    );
    assert_eq!((world.effects("rollback"), world.effects("scale")), (1, 0));
    let outcome = world.outcome().await;
    assert_eq!(outcome.verdict, Verdict::Success, "{}", outcome.reason);
    world.healed().await;
    assert!(world.charter.state().causes.is_empty(), "the fault itself is gone");
}
