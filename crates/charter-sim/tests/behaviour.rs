//! What heals the plant, and what does not: each fault with its remedy, and with a wrong one.
#![expect(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

use charter_client::{
    ApplyRequest, CallOptions, PolicyConfig, PolicyId, PolicyKind, PolicySpec, RebalanceStrategy,
    RestartRequest, ScaleRequest, Seconds,
};
use charter_sim::{Charter, Fault, FaultKind, Mutation, PlantConfig, PlantState};
use jiff::{SignedDuration, Timestamp};

/// How long a loop may take to react: the fault is visible by then.
const SEEN_AFTER_S: i64 = 45;
/// How long a remedy may take.
const HEALED_AFTER_S: i64 = 120;

struct World {
    charter: Charter,
}

impl World {
    fn new(seed: u64) -> Self {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut world =
            Self { charter: Charter::try_new(PlantConfig::default(), seed, start).unwrap() };
        world.wait(60);
        assert_healthy(&world.state(), "at the start");
        world
    }

    /// A world in which a fault has become visible.
    fn with(fault: Fault) -> Self {
        let mut world = Self::new(11);
        let kind = fault.kind;
        world.charter.inject(fault).unwrap();
        world.wait(SEEN_AFTER_S);
        let state = world.state();
        // Nothing is breached for being idle.
        let shows =
            !state.breaches.is_empty() || (kind == FaultKind::IdleCapacity && state.load < 0.4);
        assert!(shows, "{kind} shows: {state:#?}");
        assert_eq!(state.causes, [kind.cause()]);
        world
    }

    fn wait(&mut self, seconds: i64) {
        let to = self.charter.now() + SignedDuration::from_secs(seconds);
        self.charter.advance(to);
    }

    fn state(&self) -> PlantState {
        self.charter.plant().state()
    }

    fn act(&mut self, mutation: Mutation) {
        self.charter.mutate(&mutation.into(), &CallOptions::new()).unwrap();
    }

    fn scale(&mut self, replicas: u32) {
        self.act(Mutation::Scale(ScaleRequest { replicas }));
    }

    fn apply(&mut self, id: &str, kind: PolicyKind) {
        let id = PolicyId::try_new(id).unwrap();
        let spec = PolicySpec::new(id, "remedy", PolicyConfig::from(kind));
        let now = self.charter.now();
        self.act(Mutation::Apply(ApplyRequest::new(spec, now)));
    }

    fn roll_back(&mut self, id: &str) {
        self.act(Mutation::Rollback(PolicyId::try_new(id).unwrap()));
    }

    #[track_caller]
    fn heals(&mut self) {
        self.wait(HEALED_AFTER_S);
        assert_healthy(&self.state(), "after the remedy");
    }

    #[track_caller]
    fn stays_ill(&mut self) {
        self.wait(HEALED_AFTER_S);
        let state = self.state();
        assert!(!state.breaches.is_empty(), "a wrong remedy healed: {state:#?}");
    }
}

#[track_caller]
fn assert_healthy(state: &PlantState, when: &str) {
    assert!(state.breaches.is_empty(), "{when}: {state:#?}");
    assert!(state.validation_p99_s < 1.0 && state.failure_rate < 0.01, "{when}: {state:#?}");
}

fn throttle(rate_limit: f64) -> PolicyKind {
    PolicyKind::Throttle { rate_limit, node: None }
}

#[test]
fn healthy_means_what_the_documents_say() {
    for seed in 0..5 {
        let state = World::new(seed).state();
        assert!((0.12..0.35).contains(&state.validation_p99_s), "{state:#?}");
        assert!((450.0..550.0).contains(&state.throughput), "{state:#?}");
    }
}

#[test]
fn health_lasts_without_a_fault() {
    let mut world = World::new(3);
    for _ in 0..12 {
        world.wait(300);
        assert_healthy(&world.state(), "without a fault");
    }
    assert!(world.charter.violations().is_empty());
}

#[test]
fn overload_heals_with_capacity_or_less_load_but_not_with_a_restart() {
    let fault = || Fault::new(FaultKind::Overload);
    let mut world = World::with(fault());
    world.scale(20);
    world.heals();
    let mut world = World::with(fault());
    world.apply("t", throttle(450.0));
    world.heals();
    let mut world = World::with(fault());
    world.act(Mutation::Restart(RestartRequest::graceful()));
    world.stays_ill();
}

#[test]
fn slow_validation_heals_with_capacity_and_tuning() {
    let mut world = World::with(Fault::new(FaultKind::ValidationLatency));
    world.scale(20);
    world.heals();
    let mut world = World::with(Fault::new(FaultKind::ValidationLatency).at_intensity(0.45));
    let tuning =
        PolicyKind::Configuration { batch_size: Some(32), timeout: None, parallelism: Some(9) };
    world.apply("c", tuning);
    world.scale(9);
    world.heals();
}

#[test]
fn a_bad_policy_heals_with_its_rollback_but_not_with_capacity() {
    let fault = || Fault::new(FaultKind::PolicyMisconfiguration);
    let mut world = World::with(fault());
    assert!(world.state().violation_rate > 5.0, "{:#?}", world.state());
    world.scale(20);
    world.stays_ill();
    world.roll_back("privacy-baseline");
    world.heals();
    assert!(world.state().causes.is_empty());
}

#[test]
fn a_retry_cascade_heals_with_a_throttle_but_not_with_some_capacity() {
    let fault = || Fault::new(FaultKind::RetryCascade);
    let mut world = World::with(fault());
    world.scale(10);
    world.stays_ill();
    let mut world = World::with(fault());
    world.apply("t", throttle(300.0));
    world.heals();
    world.roll_back("t");
    world.wait(60);
    assert_healthy(
        &world.state(),
        "after the release: the surge is over, and nothing fails that could be repeated",
    );
}

#[test]
fn a_leak_heals_with_a_restart_of_its_node() {
    let mut world = World::with(
        Fault::new(FaultKind::Leak).on_node("validator-2").with_ramp(Seconds::whole(20)),
    );
    world.act(Mutation::Restart(RestartRequest::graceful().on_node("validator-0")));
    world.stays_ill();
    world.act(Mutation::Restart(RestartRequest::graceful().on_node("validator-2")));
    world.heals();
}

#[test]
fn a_crash_heals_with_a_restart() {
    let mut world = World::with(Fault::new(FaultKind::NodeDown));
    assert!(world.state().healthy < 6);
    world.act(Mutation::Restart(RestartRequest::graceful()));
    world.heals();
}

#[test]
fn a_hot_spot_heals_with_a_rebalance_but_not_with_capacity() {
    let mut world = World::with(Fault::new(FaultKind::HotSpot));
    world.scale(20);
    world.stays_ill();
    world.apply("b", PolicyKind::Rebalance { strategy: RebalanceStrategy::RoundRobin });
    world.heals();
}

#[test]
fn drift_heals_with_a_configuration_but_not_with_capacity() {
    let mut world = World::with(Fault::new(FaultKind::ConfigurationDrift));
    world.scale(20);
    world.stays_ill();
    world.scale(6);
    let tuning = PolicyKind::Configuration {
        batch_size: Some(16),
        timeout: Some(Seconds::whole(2)),
        parallelism: Some(4),
    };
    world.apply("c", tuning);
    world.heals();
}

#[test]
fn an_attack_heals_with_a_throttle_and_a_stale_policy_with_a_load() {
    let mut world = World::with(Fault::new(FaultKind::Attack));
    world.apply("t", throttle(700.0));
    world.heals();
    let mut world = World::with(Fault::new(FaultKind::StalePolicy));
    let kind = PolicyKind::Enforcement { rules: Vec::new(), strictness: 0.5 };
    world.apply("refresh", kind);
    world.heals();
}

#[test]
fn an_override_takes_the_load_off_and_shows() {
    let mut world = World::with(Fault::new(FaultKind::Overload));
    world.apply("o", PolicyKind::EmergencyOverride { duration: Seconds::whole(300) });
    world.heals();
    assert!(world.charter.metrics().contains("emergency_override_active_count 1\n"));
    world.wait(400);
    assert!(world.charter.metrics().contains("emergency_override_active_count 0\n"));
    assert!(!world.state().breaches.is_empty(), "the overload is still there");
}

#[test]
fn faults_end_by_themselves_and_health_returns() {
    for kind in FaultKind::ALL {
        let mut world = World::with(Fault::new(kind).lasting(Seconds::whole(60)));
        world.wait(240);
        let state = world.state();
        // What a cascade leaves behind is metastable only while clients misbehave.
        assert!(state.breaches.is_empty(), "{kind}: {state:#?}");
    }
}

#[test]
fn a_bad_policy_heals_with_its_last_good_version_applied_again() {
    let mut world = World::with(Fault::new(FaultKind::PolicyMisconfiguration));
    let id = PolicyId::try_new("privacy-baseline").unwrap();
    let good = world.charter.versions(&id).unwrap().remove(0).config;
    world.apply("privacy-baseline", good.kind().unwrap());
    world.heals();
}

#[test]
fn a_bypass_lets_its_scope_pass_and_a_throttle_sheds() {
    let mut world = World::new(4);
    world.apply(
        "b",
        PolicyKind::BypassValidation { duration: Seconds::whole(60), scope: "schema".into() },
    );
    world.apply("t", throttle(250.0));
    world.wait(30);
    let metrics = world.charter.metrics();
    let count = |action: &str| -> f64 {
        let label = format!("action_type=\"{action}\"");
        let line = metrics.lines().find(|line| line.contains(&label)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (bypassed, shed) = (count("bypass"), count("throttle"));
    assert!((1_500.0..2_500.0).contains(&bypassed), "three tenths of 250 for 26 s: {bypassed}");
    assert!((5_500.0..7_500.0).contains(&shed), "what is above 250 of 500: {shed}");
    assert!(world.charter.plant().totals().shed as f64 >= shed);
}

#[test]
fn a_restart_costs_capacity_while_it_lasts() {
    let mut world = World::new(4);
    world.act(Mutation::Restart(RestartRequest { graceful: false, ..RestartRequest::graceful() }));
    world.wait(2);
    assert_eq!(world.state().healthy, 0);
    world.wait(6);
    assert_eq!(world.state().healthy, 6);
    assert!(world.state().failure_rate > 0.1, "an abrupt restart is felt");
    world.heals();
}

#[test]
fn without_keys_what_is_sent_twice_takes_effect_twice_and_the_ledger_tells() {
    let start = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut charter = Charter::try_new(PlantConfig::default(), 7, start).unwrap().without_keys();
    assert!(!charter.health().offers(&charter_client::Extension::IdempotencyKey));
    let key = charter_client::IdempotencyKey::try_new("k").unwrap();
    let options = CallOptions::new().with_idempotency_key(key.clone());
    let scale: charter_sim::MutationRequest =
        charter_sim::Mutation::Scale(ScaleRequest { replicas: 9 }).into();
    for _ in 0..2 {
        charter.mutate(&scale, &options).unwrap();
    }
    let keys: Vec<_> =
        charter.ledger().into_iter().map(|it| (it.idempotency_key, it.replays)).collect();
    assert_eq!(keys, [(Some(key.clone()), 0), (Some(key), 0)]);
}
