//! Alertmanager says everything more than once.

use std::{collections::BTreeMap, time::Duration};

use charter_sim::PlantConfig;
use mapek::model::Verdict;

use crate::support::{Setup, World, slow_validation};

/// How many alerts the loop was told, by its own metrics.
async fn told(world: &World) -> u64 {
    let query = "mape_k_alerts_received_total";
    let found = world.prometheus.query(query).await.unwrap_or_default();
    found[0]["value"][1].as_str().and_then(|it| it.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_sent_again_and_again_is_one_incident_and_handled_once() {
    let setup = Setup { alerts: true, repeat: Duration::from_secs(1), ..Setup::default() };
    // New replicas take their time, so that the alerts are still firing.
    let plant = PlantConfig { warm_up_s: 8.0, ..setup.plant };
    let mut world = World::start(Setup { plant, pace: 0.3, ..setup }).await;
    world.inject(slow_validation());

    // Two alerts in one group, three times.
    world.until_outside("three notifications", async || told(&world).await >= 6).await;
    let before = told(&world).await;
    world.alertmanager.as_mut().unwrap().restart().await.unwrap();
    world.until_outside("another notification", async || told(&world).await > before).await;

    let outcome = world.outcome().await;
    assert_eq!(outcome.verdict, Verdict::Success, "{}", outcome.reason);
    world.healed().await;
    let state = world.state();
    assert_eq!(state.executions.len(), 1, "{:?}", state.executions);
    assert_eq!(world.effects("scale"), 1);
    let mut ends: BTreeMap<_, u32> = BTreeMap::new();
    for violation in state.reports.iter().flat_map(|it| &it.seen.closed) {
        *ends.entry(violation.expectation.as_str()).or_default() += 1;
    }
    let once = BTreeMap::from([("high-failure-rate", 1), ("high-validation-latency", 1)]);
    assert_eq!(ends, once, "each breach is one episode");
}
