//! Whole plans on the reference server, through the executor.

use std::{collections::BTreeMap, sync::Arc};

use charter_client::{
    Call, CallOptions, CharterApi, PolicyId, PolicySpec, PolicyStatus, ScaleRequest,
};
use charter_sim::{ApiFault, InProcess, PlantConfig};
use mapek_execute::{Advance, CharterEffector, Config, Effector, Executor, Order, Profile, Rails};
use mapek_model::{
    Action, Component, Confidence, Duration, Ending, Execution, Observation, Phase, Plan, Resource,
    Step, TargetId, Timestamp, Violation, ViolationSource, Witness, later, proptest1,
};
use mapek_store::MemoryStore;
use proptest::strategy::{Strategy, ValueTree};

use super::{charter, config, execution_id, pass, start, two_versions, visible};

struct Run {
    charter: InProcess,
    executor: Executor,
    store: MemoryStore,
    violations: Vec<Violation>,
    now: Timestamp,
}

fn violations() -> Vec<Violation> {
    let runner = &mut proptest::test_runner::TestRunner::deterministic();
    let mut violation = proptest1::violation().new_tree(runner).unwrap().current();
    violation.onset = start();
    let mut own = violation.witnesses.first().unwrap().clone();
    own = Witness { source: ViolationSource::ManagedSystem, family: None, ..own };
    violation.witnesses.insert(own);
    vec![violation]
}

fn config_of_run() -> Config {
    let mut config = Config { state_dir: None, ..Config::default() };
    config.rails.autonomy.profile = Profile::Auto;
    config
}

fn open(charter: &InProcess, store: &MemoryStore) -> Executor {
    let effector: Arc<dyn Effector> = Arc::new(CharterEffector::new(Arc::new(charter.clone())));
    let effectors = BTreeMap::from([(TargetId::default(), effector)]);
    let config = config_of_run();
    let rails = Rails::new(&config.rails);
    Executor::open(config, rails, Arc::new(store.clone()), effectors).unwrap().0
}

impl Run {
    async fn of(actions: &[Action]) -> Self {
        let (charter, _) = charter();
        two_versions(&charter).await;
        let store = MemoryStore::new();
        let executor = open(&charter, &store);
        let now = charter.now();
        let mut run = Self { charter, executor, store, violations: violations(), now };
        run.start(actions);
        run
    }

    fn start(&mut self, actions: &[Action]) {
        let runner = &mut proptest::test_runner::TestRunner::deterministic();
        let mut plan: Plan = proptest1::plan().new_tree(runner).unwrap().current();
        plan.steps = actions.iter().cloned().map(Step::of).collect();
        plan.explains = self.violations.iter().map(Violation::key).collect();
        plan.expires = later(self.now, Duration::from_secs(3600));
        let order = Order { execution: execution_id(), plan, chosen_with: Confidence::MAX };
        let observation = self.observation();
        self.executor.start(order, &observation, self.now).unwrap();
    }

    fn observation(&self) -> Observation {
        let mut observation = Observation::empty(TargetId::default(), self.now);
        observation.open = self.violations.clone();
        let replicas = PlantConfig::default().replicas;
        observation.resources = vec![Resource {
            kind: "committee".to_owned(),
            id: "committee".to_owned(),
            status: "normal".to_owned(),
            generation: None,
            changed: None,
            attributes: BTreeMap::from([("replicas".to_owned(), replicas.into())]),
        }];
        observation
    }

    async fn cycle(&mut self) -> Vec<Advance> {
        let observation = self.observation();
        let advances = self.executor.advance(&observation, self.now).await.unwrap();
        pass(&self.charter, 30);
        self.now = self.charter.now();
        advances
    }

    fn execution(&self) -> Execution {
        self.executor.control().execution(execution_id()).unwrap()
    }

    async fn finish(&mut self) -> Execution {
        for _ in 0..300 {
            let execution = self.execution();
            if !execution.status.is_live() {
                return execution;
            }
            if *execution.status.phase() == Phase::Verifying {
                self.violations.clear();
            }
            self.cycle().await;
        }
        panic!("it never ends: {}", self.execution().status);
    }
}

fn capacity() -> Vec<Action> {
    vec![
        Action::ScaleUp { replicas: 9 },
        Action::UpdateConfiguration { batch_size: Some(8), timeout: None, parallelism: Some(4) },
    ]
}

#[tokio::test]
async fn a_plan_is_carried_out() {
    let mut run = Run::of(&capacity()).await;
    let execution = run.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Completed), "{:?}", execution.reason);
    let (replicas, policies) = visible(&run.charter).await;
    assert_eq!(replicas, 9);
    assert_eq!(policies["mapek-configuration"]["batch_size"], 8);
}

#[tokio::test]
async fn every_policy_that_we_change_is_known_to_be_ours() {
    let rebalance = Action::RebalanceLoad { strategy: "least_loaded".to_owned() };
    let mut run = Run::of(&[capacity(), vec![rebalance]].concat()).await;
    let ours =
        |run: &Run| run.executor.control().own_effects(&TargetId::default(), run.now).changed;
    assert_eq!(ours(&run), [], "nothing was sent");
    run.finish().await;
    let changed: Vec<_> = ours(&run).into_iter().map(|it| it.resource).collect();
    assert_eq!(changed, ["mapek-configuration", "mapek-rebalance"]);
    let (_, policies) = visible(&run.charter).await;
    assert!(changed.iter().all(|id| policies.contains_key(id)), "{policies:?}");
}

#[tokio::test]
async fn undoing_a_rollback_does_not_go_over_a_version_that_somebody_else_has_applied() {
    let rollback =
        Action::RollbackPolicy { policy: "privacy".to_owned(), from_version: "2".to_owned() };
    let mut run = Run::of(&[rollback]).await;
    run.cycle().await;
    let id = PolicyId::try_new("privacy").unwrap();
    let theirs = PolicySpec::new(id.clone(), "Privacy", config(0.3));
    let request = charter_client::ApplyRequest::new(theirs, start());
    run.charter.apply(&request, &CallOptions::new()).await.unwrap();
    pass(&run.charter, 60);
    run.executor.control().rollback(execution_id(), "ada", "it hurts", run.now).unwrap();
    let execution = run.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator), "{:?}", execution.reason);
    let reason = execution.reason.unwrap();
    assert!(reason.contains("what step 1 set is set otherwise by others since"), "{reason}");
    let versions = run.charter.versions(&id).await.unwrap();
    let active: Vec<_> = versions.iter().filter(|it| it.status == PolicyStatus::Active).collect();
    assert_eq!(active.iter().map(|it| it.version).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn nothing_follows_a_scaling_that_somebody_else_has_changed() {
    let mut run = Run::of(&capacity()).await;
    let scaled = |run: &Run| run.charter.ledger().iter().filter(|it| it.call == "scale").count();
    run.charter.inject(ApiFault::failure(Call::Apply, 503, 1)).unwrap();
    run.cycle().await;
    assert_eq!(scaled(&run), 1);
    let request = ScaleRequest { replicas: 7 };
    run.charter.scale(&request, &CallOptions::new()).await.unwrap();
    let execution = run.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::NeedsOperator), "{:?}", execution.reason);
    assert!(execution.reason.unwrap().contains("what step 1 set is set otherwise by others since"));
    assert_eq!(scaled(&run), 2, "theirs and ours, and none to undo");
}

#[tokio::test]
async fn a_second_step_that_fails_leaves_charter_as_it_was() {
    let mut run = Run::of(&capacity()).await;
    let before = visible(&run.charter).await;
    run.charter.inject(ApiFault::failure(Call::Apply, 422, 1)).unwrap();
    let execution = run.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Undone));
    assert_eq!(visible(&run.charter).await, before);
    assert!(execution.outcome().unwrap().reason.contains("step 2 failed"));
}

#[tokio::test]
async fn a_lost_answer_is_read_back_and_not_sent_again() {
    for call in [Call::Scale, Call::Apply] {
        let mut run = Run::of(&capacity()).await;
        let effects = run.charter.ledger().len();
        run.charter.inject(ApiFault::lost_answer(call)).unwrap();
        let execution = run.finish().await;
        assert_eq!(execution.status.ending(), Some(Ending::Completed), "{:?}", execution.reason);
        let ledger = run.charter.ledger();
        assert_eq!(ledger.len(), effects + 2, "{ledger:?}");
        assert!(ledger.iter().all(|entry| entry.replays == 0));
    }
}

#[tokio::test]
async fn a_charter_that_is_down_parks_the_work() {
    let mut run = Run::of(&capacity()).await;
    for call in [Call::Health, Call::Committee, Call::Policy, Call::Versions] {
        run.charter.inject(ApiFault::failure(call, 503, 5)).unwrap();
    }
    let advances = run.cycle().await;
    assert!(
        advances[0].waits.as_ref().unwrap().contains("unavailable") || advances[0].waits.is_some()
    );
    assert!(run.execution().status.is_live());
    let execution = run.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Completed), "{:?}", execution.reason);
}

#[tokio::test]
async fn a_crash_between_sending_and_hearing_changes_nothing() {
    let mut run = Run::of(&capacity()).await;
    let effects = run.charter.ledger().len();
    run.store.fail_append(2, mapek_store::Fault::Refuse); // what Charter answered to the first step
    run.cycle().await;
    run.executor = open(&run.charter, &run.store);
    let execution = run.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Completed), "{:?}", execution.reason);
    assert_eq!(run.charter.ledger().len(), effects + 2);
}

#[tokio::test]
async fn a_throttle_is_held_and_released() {
    let node = None::<Component>;
    let mut run = Run::of(&[Action::ThrottleRequests { rate_limit: 50.0, node }]).await;
    let before = visible(&run.charter).await;
    run.cycle().await;
    run.cycle().await;
    assert!(visible(&run.charter).await.1.contains_key("mapek-throttle"));
    let execution = run.finish().await;
    assert_eq!(execution.status.ending(), Some(Ending::Completed), "{:?}", execution.reason);
    run.cycle().await;
    assert_eq!(visible(&run.charter).await, before);
}
