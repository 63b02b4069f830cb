//! A plan that fails half way leaves nothing behind.
#![expect(clippy::unwrap_used, reason = "a helper may panic, too")]

use std::collections::BTreeMap;

use charter_sim::ApiFault;
use mapek::{
    charter::{Call, CharterApi},
    model::{Action, Duration, Ending, Ratio, Verdict},
    plan::{
        Catalogue, Config, Planner, Remedy, ScaleUp,
        charter::{CharterStrategies, TuneConfiguration},
    },
};
use serde_json::{Value, json};

use crate::support::{Setup, World, actions, slow_validation};

/// Knows one remedy, of two steps.
fn two_steps() -> Planner {
    let charter = CharterStrategies::default();
    let scale = ScaleUp { pool: "committee".to_owned(), replicas_max: 20 };
    let tune = TuneConfiguration { default: charter.tuning_default, max: charter.tuning_max };
    let remedy = Remedy::new("scale up and tune", "more workers, each of which does more")
        .then(scale, Duration::from_secs(1))
        .then(tune, Duration::ZERO)
        .seen_within(Duration::from_secs(9));
    let catalogue = Catalogue::new().with("validation-latency".parse().unwrap(), remedy);
    let config = Config { min_violations: 1, benefit_target: Ratio::MAX, ..Config::default() };
    config.build(catalogue).unwrap()
}

/// What Charter is set to: its size, and all policies with all their versions.
async fn settings(world: &World) -> (Option<u32>, BTreeMap<String, Value>) {
    let size = world.charter.committee().await.unwrap().value.target_replicas;
    let mut policies = BTreeMap::new();
    for policy in world.charter.policies().await.unwrap() {
        let versions = world.charter.versions(&policy.policy_id).await.unwrap();
        policies.insert(policy.policy_id.to_string(), json!(versions));
    }
    (size, policies)
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_second_step_fails_the_first_is_undone_and_the_reason_is_remembered() {
    let world = World::start_with(Setup::default(), two_steps()).await;
    let before = settings(&world).await;
    world.charter.inject(ApiFault::failure(Call::Apply, 422, 1_000)).unwrap();
    world.inject(slow_validation());

    let execution = world.execution("the end of the plan", |it| it.status.ending().is_some()).await;
    assert_eq!(execution.status.ending(), Some(Ending::Undone), "{execution:?}");
    assert!(
        matches!(
            actions(&execution)[..],
            [Action::ScaleUp { .. }, Action::UpdateConfiguration { .. }]
        ),
        "{execution:?}"
    );
    assert_eq!((world.effects("scale"), world.effects("apply")), (2, 0), "there and back");
    assert_eq!(settings(&world).await, before);

    let outcome = world.outcome().await;
    assert_eq!(outcome.verdict, Verdict::Unknown, "it teaches nothing about the plan");
    let reason = outcome.reason.as_str();
    assert!(reason.starts_with("undone: step 2 failed: "), "{reason}");
    assert!(reason.contains("this failure was injected"), "{reason}");
    assert_eq!(world.remembered().await, [outcome]);
}
