//! Each rail refuses what it is there for, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use mapek_model::{
    Action, ActionKind, Component, DoubtKind, Duration, Execution, ExecutionEvent, ExecutionId,
    ExecutionRecord, IdempotencyKey, Measured, Observation, Plan, Quality, Resource, SensorCensus,
    SourceName, Step, StepIndex, TargetId, Timestamp, Verdict, Violation, Way, Witness, earlier,
    later, proptest1,
};
use proptest::{prelude::*, strategy::ValueTree as _};
use uuid::Uuid;

use super::*;

mod edges;

fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn node(name: &str) -> Action {
    let node = Some(Component::try_new(name).unwrap());
    Action::RestartService { graceful: true, timeout: seconds(1), node }
}

/// A plan of these actions with two confirmed episodes of two families, both open, on a pool of eight.
fn scene(actions: &[Action]) -> (Plan, Observation) {
    static MADE: LazyLock<(Plan, Violation)> = LazyLock::new(|| {
        let runner = &mut proptest::test_runner::TestRunner::deterministic();
        let plan = proptest1::plan().new_tree(runner).unwrap().current();
        (plan, proptest1::violation().new_tree(runner).unwrap().current())
    });
    let (mut plan, mut one) = MADE.clone();
    plan.steps = actions.iter().cloned().map(Step::of).collect();
    plan.expires = later(now(), seconds(60));
    plan.risk_if_wrong = mapek_model::Risk::Low;
    let mut observation = Observation::empty(TargetId::default(), now());
    one.expectation = mapek_model::Expectation::try_new("slow").unwrap();
    let mut other = one.clone();
    other.expectation = mapek_model::Expectation::try_new("failing").unwrap();
    let witness = one.witnesses.first().unwrap().clone();
    let of = |family: &str| {
        let family = Some(mapek_model::MetricName::try_new(family).unwrap());
        BTreeSet::from([Witness { family, ..witness.clone() }])
    };
    (one.witnesses, other.witnesses) = (of("latency"), of("failures"));
    plan.explains = vec![one.key(), other.key()];
    observation.open = vec![one, other];
    observation.resources = vec![Resource {
        kind: "pool".to_owned(),
        id: "workers".to_owned(),
        status: "normal".to_owned(),
        generation: None,
        changed: None,
        attributes: BTreeMap::from([("replicas".to_owned(), 8.into())]),
    }];
    (plan, observation)
}

fn low_risk() -> Action {
    Action::ScaleUp { replicas: 5 }
}

struct Ask<'a> {
    config: RailsConfig,
    others: Vec<&'a Execution>,
    approvals: BTreeSet<String>,
    rearmed: BTreeMap<ActionKind, Timestamp>,
    paused: Option<Paused>,
}

impl Ask<'_> {
    fn new() -> Self {
        let mut config = RailsConfig::default();
        config.autonomy.profile = Profile::Auto;
        Ask {
            config,
            others: Vec::new(),
            approvals: BTreeSet::new(),
            rearmed: BTreeMap::new(),
            paused: None,
        }
    }

    fn decide(&self, plan: &Plan, observation: &Observation) -> Decision {
        self.decide_at(plan, observation, now())
    }

    fn decide_at(&self, plan: &Plan, observation: &Observation, now: Timestamp) -> Decision {
        Rails::new(&self.config).decide(&Context {
            plan,
            execution: None,
            observation,
            now,
            approvals: &self.approvals,
            others: &self.others,
            damaged: &[],
            foreign: &[],
            resources: &[],
            rearmed: &self.rearmed,
            paused: self.paused.as_ref(),
        })
    }
}

#[track_caller]
fn refused_by(decision: &Decision, rail: &str) {
    let Decision::Refused { refusals } = decision else { panic!("{rail}: {decision:?}") };
    assert!(refusals.iter().any(|refusal| refusal.rail == rail), "{rail}: {decision}");
}

/// How many people are asked, and why.
#[track_caller]
fn asked(decision: &Decision) -> (u8, Vec<&str>) {
    let Decision::AwaitApproval { needed, because } = decision else { panic!("{decision:?}") };
    (*needed, because.iter().map(|it| it.reason.as_str()).collect())
}

fn doubt(decision: &Decision) -> String {
    refused_by(decision, "sensor_doubt");
    decision.to_string()
}

#[test]
fn without_a_reason_nothing_is_refused() {
    let (plan, observation) = scene(&[low_risk(), node("a")]);
    assert_eq!(Ask::new().decide(&plan, &observation), Decision::Run);
}

#[test]
fn the_shipped_profile_does_little_alone() {
    let config = AutonomyConfig::default();
    for kind in ActionKind::KNOWN {
        let alone =
            matches!(kind, ActionKind::ScaleUp | ActionKind::ScaleDown | ActionKind::RebalanceLoad);
        assert_eq!(config.of_kind(&kind) == Autonomy::Auto, alone, "{kind}");
    }
    let custom = ActionKind::Custom("x".to_owned());
    assert_eq!(config.of_kind(&custom), Autonomy::Suggest);
}

#[test]
fn a_plan_is_as_free_as_its_strictest_step() {
    let (mixed, observation) = scene(&[low_risk(), node("a")]);
    let mut ask = Ask::new();
    ask.config.autonomy.profile = Profile::Shipped;
    let decision = ask.decide(&mixed, &observation);
    assert_eq!(asked(&decision), (1, vec!["the profile shipped asks for restart_service"]));
    assert_eq!(
        decision.to_string(),
        "it awaits the approval of 1: autonomy: the profile shipped asks for restart_service"
    );
    ask.approvals.insert("ada".to_owned());
    assert_eq!(ask.decide(&mixed, &observation), Decision::Run);
    ask.config.autonomy.kinds.insert(ActionKind::ScaleUp, Autonomy::Observe);
    assert_eq!(ask.decide(&mixed, &observation), Decision::ObserveOnly);
}

#[test]
fn people_are_told_of_each_kind_why_they_are_asked() {
    let override_ = Action::ActivateEmergencyOverride { duration: seconds(60) };
    let throttle = Action::ThrottleRequests { rate_limit: 9.0, node: None };
    let (plan, observation) = scene(&[throttle.clone(), low_risk(), override_, throttle]);
    let mut ask = Ask::new();
    ask.config.autonomy.kinds.insert(ActionKind::ThrottleRequests, Autonomy::Suggest);
    let decision = ask.decide(&plan, &observation);
    let Decision::AwaitApproval { needed: 2, because } = decision else { panic!("{decision:?}") };
    let said: BTreeMap<_, _> =
        because.iter().map(|it| (it.reason.as_str(), it.unless.as_deref())).collect();
    let expected = BTreeMap::from([
        (
            "throttle_requests is set to be asked for",
            Some("throttle_requests is set to be done alone"),
        ),
        ("activate_emergency_override suspends checks, which is never done alone", None),
    ]);
    assert_eq!(
        (said, because.len()),
        (expected, 2),
        "each kind once, and none that may be done alone"
    );
    assert!(because.iter().all(|it| it.rail == "autonomy"));
}

#[test]
fn an_older_record_that_does_not_say_why_people_are_asked_is_read() {
    let old = r#"{"decision":"await_approval","needed":2}"#;
    let then: Decision = serde_json::from_str(old).unwrap();
    assert_eq!(then, Decision::AwaitApproval { needed: 2, because: Vec::new() });
    assert_eq!(serde_json::to_string(&then).unwrap(), old);
    assert_eq!(then.to_string(), "it awaits the approval of 2");
    // What was not kept is no difference; what was kept, and anything else, is.
    let because = vec![Refusal::new("autonomy", "it is set so")];
    let now = Decision::AwaitApproval { needed: 2, because };
    let forgetting = |then: &Decision| {
        let mut now = now.clone();
        now.forget_what_was_not_kept(then);
        now
    };
    assert_eq!(forgetting(&then), then);
    assert_eq!(forgetting(&now), now);
    assert_ne!(forgetting(&Decision::Run), Decision::Run);
}

#[test]
fn nothing_lifts_the_quorum_of_what_suspends_checks() {
    let override_ = Action::ActivateEmergencyOverride { duration: seconds(60) };
    let (plan, observation) = scene(&[override_]);
    let mut ask = Ask::new();
    ask.config.autonomy.kinds.insert(ActionKind::ActivateEmergencyOverride, Autonomy::Auto);
    ask.config.autonomy.approvers = 0;
    let why = "activate_emergency_override suspends checks, which is never done alone";
    assert_eq!(asked(&ask.decide(&plan, &observation)), (2, vec![why]));
    ask.approvals.insert("ada".to_owned());
    assert_ne!(ask.decide(&plan, &observation), Decision::Run);
    ask.approvals.insert("grace".to_owned());
    assert_eq!(ask.decide(&plan, &observation), Decision::Run);
}

#[test]
fn a_plan_without_steps_does_not_run() {
    let (plan, observation) = scene(&[]);
    assert_ne!(Ask::new().decide(&plan, &observation), Decision::Run);
}

#[test]
fn an_expired_plan_does_not_run() {
    let (mut plan, observation) = scene(&[low_risk()]);
    plan.expires = now();
    refused_by(&Ask::new().decide(&plan, &observation), "expiry");
}

#[test]
fn a_pause_refuses() {
    let (plan, observation) = scene(&[low_risk()]);
    let paused = Paused::Latch { who: "ada".to_owned(), reason: "x".to_owned(), at: now() };
    let ask = Ask { paused: Some(paused), ..Ask::new() };
    refused_by(&ask.decide(&plan, &observation), "pause");
}

#[test]
fn too_many_bad_sensors_refuse_from_five_up() {
    let (plan, mut observation) = scene(&[low_risk()]);
    for (total, bad, refused) in
        [(5, 2, false), (5, 3, true), (10, 4, false), (10, 5, true), (4, 4, false)]
    {
        observation.sensors = SensorCensus { total, bad };
        let decision = Ask::new().decide(&plan, &observation);
        assert_eq!(decision != Decision::Run, refused, "{bad} of {total}: {decision}");
    }
}

#[test]
fn evidence_that_is_not_fresh_refuses() {
    let (plan, observation) = scene(&[low_risk()]);
    for kind in [DoubtKind::Warning, DoubtKind::StaleSample, DoubtKind::MissingSeries] {
        let mut observation = observation.clone();
        let source = SourceName::try_new("prometheus").unwrap();
        observation.quality.insert(source, Quality::fresh().with(kind, "up", "seen"));
        let text = doubt(&Ask::new().decide(&plan, &observation));
        assert!(text.contains(kind.level().as_str()), "{text}");
    }
}

#[test]
fn what_nobody_confirms_refuses() {
    let (plan, mut observation) = scene(&[low_risk()]);
    for violation in &mut observation.open {
        let unsure = violation.witnesses.iter().cloned();
        violation.witnesses = unsure.map(|it| Witness { confirmed: false, ..it }).collect();
    }
    doubt(&Ask::new().decide(&plan, &observation));
    observation.open.clear();
    doubt(&Ask::new().decide(&plan, &observation));
}

#[test]
fn medium_risk_needs_two_independent_sources() {
    use mapek_model::ViolationSource::{Alert, ManagedSystem, Rule};
    let (risky, observation) = scene(&[node("a")]);
    let (harmless, _) = scene(&[low_risk()]);
    let witness = |source, family: Option<&str>| Witness {
        source,
        by: SourceName::try_new("x").unwrap(),
        name: "n".to_owned(),
        family: family.map(|name| mapek_model::MetricName::try_new(name).unwrap()),
        confirmed: true,
    };
    for (witnesses, enough) in [
        (vec![witness(Rule, Some("latency")), witness(Alert, Some("latency"))], false),
        (vec![witness(Rule, Some("latency")), witness(Alert, None)], false),
        (vec![witness(Alert, None)], false),
        (vec![witness(ManagedSystem, None)], false),
        (vec![witness(Rule, Some("latency_bucket")), witness(Alert, Some("latency_sum"))], false),
        (vec![witness(Alert, Some("latency")), witness(Alert, Some("failures"))], true),
        (vec![witness(Rule, Some("latency")), witness(Rule, Some("failures"))], true),
        (vec![witness(Rule, Some("latency")), witness(ManagedSystem, None)], true),
    ] {
        let mut observation = observation.clone();
        observation.open.truncate(1);
        observation.open[0].witnesses = witnesses.into_iter().collect();
        let decision = Ask::new().decide(&risky, &observation);
        assert_eq!(decision == Decision::Run, enough, "{:?}", observation.open[0].witnesses);
        assert_eq!(Ask::new().decide(&harmless, &observation), Decision::Run);
    }
}

#[test]
fn a_plan_cannot_talk_its_risk_down() {
    let (mut plan, mut observation) = scene(&[node("a")]);
    plan.risk_if_wrong = mapek_model::Risk::Low;
    observation.open.truncate(1);
    doubt(&Ask::new().decide(&plan, &observation));
}

/// An execution of these actions that has done the first of them.
fn execution(n: u128, actions: &[Action], started: Timestamp) -> Execution {
    done(n, actions, 1, started)
}

/// One that has done all of them.
fn executed(n: u128, actions: &[Action], started: Timestamp) -> Execution {
    done(n, actions, actions.len(), started)
}

fn done(n: u128, actions: &[Action], steps: usize, started: Timestamp) -> Execution {
    let id = ExecutionId::from_uuid(Uuid::from_u128(n));
    let (plan, _) = scene(actions);
    let record = |event| ExecutionRecord { execution: id, at: started, event };
    let (chosen_with, before) = (mapek_model::Confidence::MAX, Measured::default());
    let begin = ExecutionEvent::Started { plan: Box::new(plan), chosen_with, before };
    let mut execution = Execution::begin(&record(begin)).unwrap();
    for step in (0..).map(StepIndex).take(steps) {
        let way = Way::Do;
        let key = IdempotencyKey::of(id, step, way);
        for event in [
            ExecutionEvent::Intended { step, way, attempt: 1, key, captured: None },
            ExecutionEvent::Applied { step, way, receipt: serde_json::Value::Null },
        ] {
            execution.apply(&record(event)).unwrap();
        }
    }
    execution
}

fn end(mut execution: Execution, verdict: Verdict) -> Execution {
    let (id, at) = (execution.id, execution.started);
    let (after, time_to_effect) = (Measured::default(), None);
    let ending = mapek_model::Ending::Completed;
    for event in [
        ExecutionEvent::VerificationBegan,
        ExecutionEvent::Judged { verdict, reason: "measured".to_owned(), after, time_to_effect },
        ExecutionEvent::Ended { ending, reason: "done".to_owned() },
    ] {
        execution.apply(&ExecutionRecord { execution: id, at, event }).unwrap();
    }
    execution
}

#[test]
fn one_mutating_action_in_a_failure_domain() {
    let long_ago = earlier(now(), seconds(7200));
    let live = execution(1, &[node("a")], long_ago);
    let whole = execution(2, &[low_risk()], long_ago);
    for (other, action, refused) in [
        (&live, node("a"), true),
        (&live, node("b"), false),
        (&live, low_risk(), true),
        (&whole, node("b"), true),
    ] {
        let (plan, observation) = scene(&[action]);
        let ask = Ask { others: vec![other], ..Ask::new() };
        let decision = ask.decide(&plan, &observation);
        if refused {
            refused_by(&decision, "failure_domain");
        }
        assert_eq!(decision != Decision::Run, refused, "{decision}");
        let ended = end(other.clone(), Verdict::Success);
        let ask = Ask { others: vec![&ended], ..Ask::new() };
        assert_eq!(ask.decide(&plan, &observation), Decision::Run);
    }
}

#[test]
fn budgets_and_cooldown_hold_back() {
    let (plan, observation) = scene(&[low_risk()]);
    let runs: Vec<_> = (0..4_u64)
        .map(|n| {
            let at = earlier(now(), seconds(600 * (n + 1)));
            end(execution(u128::from(n), &[low_risk()], at), Verdict::Success)
        })
        .collect();
    let ask = Ask { others: runs[..3].iter().collect(), ..Ask::new() };
    assert_eq!(ask.decide(&plan, &observation), Decision::Run);
    let ask = Ask { others: runs.iter().collect(), ..Ask::new() };
    refused_by(&ask.decide(&plan, &observation), "budget");
    let (different, observation) = scene(&[Action::ScaleDown { replicas: 5 }]);
    assert_eq!(ask.decide(&different, &observation), Decision::Run);

    let recent = end(execution(9, &[low_risk()], earlier(now(), seconds(119))), Verdict::Success);
    let ask = Ask { others: vec![&recent], ..Ask::new() };
    refused_by(&ask.decide(&plan, &observation), "cooldown");
}

/// The one change that is said to be needed.
#[track_caller]
fn change(decision: &Decision) -> String {
    let changes = decision.changes(None);
    let [change] = &changes[..] else { panic!("{changes:?}") };
    change.clone()
}

#[test]
fn what_is_said_to_be_needed_is_enough_and_no_less_is() {
    let (mut plan, observation) = scene(&[low_risk()]);
    plan.expires = later(now(), seconds(100_000));
    let run = |n: u64, ago: u64| {
        let at = earlier(now(), seconds(ago));
        end(execution(u128::from(n), &[low_risk()], at), Verdict::Success)
    };
    let often: Vec<_> = (1..=5).map(|n| run(n, 600 * n)).collect();
    let recent = run(9, 119);
    for others in [often.iter().collect(), vec![&recent]] {
        let ask = Ask { others, ..Ask::new() };
        let change = change(&ask.decide(&plan, &observation));
        let at = change.strip_prefix("it is ").and_then(|rest| rest.strip_suffix(" or later"));
        let at: Timestamp = at.unwrap_or_else(|| panic!("{change}")).parse().unwrap();
        let before = ask.decide_at(&plan, &observation, earlier(at, seconds(1)));
        assert!(matches!(before, Decision::Refused { .. }), "{change}");
        assert_eq!(ask.decide_at(&plan, &observation, at), Decision::Run, "{change}");
    }

    let mut doubtful = observation.clone();
    doubtful.sensors = SensorCensus { total: 10, bad: 5 };
    let said = change(&Ask::new().decide(&plan, &doubtful));
    assert_eq!(said, "at most 40 % of the 10 sensors are bad");
    doubtful.sensors.bad = 4;
    assert_eq!(Ask::new().decide(&plan, &doubtful), Decision::Run);

    let (restart, mut observation) = scene(&[node("a")]);
    observation.open.truncate(1);
    let said = change(&Ask::new().decide(&restart, &observation));
    assert!(said.starts_with("a second source confirms it"), "{said}");
}

#[test]
fn two_degradations_disable_a_kind_until_a_person_rearms_it() {
    let (plan, observation) = scene(&[low_risk()]);
    let harm = |n: u64, hours: u64| {
        let at = earlier(now(), seconds(3600 * hours));
        end(execution(u128::from(n), &[low_risk()], at), Verdict::Degradation)
    };
    let (a, b, c) = (harm(1, 100), harm(2, 80), harm(3, 50));
    let mut ask = Ask { others: vec![&a, &c], ..Ask::new() };
    assert_eq!(ask.decide(&plan, &observation), Decision::Run, "too far apart");
    let breaker = Breaker::new(BreakerConfig::default());
    assert_eq!(breaker.disabled(&ask.others, &ask.rearmed), BTreeMap::new());
    ask.others = vec![&a, &b];
    refused_by(&ask.decide(&plan, &observation), "breaker");
    let last = b.judgement.as_ref().unwrap().at;
    let told = breaker.disabled(&ask.others, &ask.rearmed);
    assert_eq!(told, BTreeMap::from([(ActionKind::ScaleUp, last)]));
    ask.rearmed.insert(ActionKind::ScaleUp, earlier(now(), seconds(3600 * 90)));
    assert_eq!(ask.decide(&plan, &observation), Decision::Run);
    assert_eq!(breaker.disabled(&ask.others, &ask.rearmed), BTreeMap::new());
}

#[test]
fn a_rail_of_ones_own_counts_like_the_others() {
    #[derive(Debug)]
    struct Never;
    impl Rail for Never {
        fn check(&self, _: &Context<'_>) -> Result<(), Refusal> {
            Err(Refusal::new("never", "not today"))
        }
    }
    let (plan, observation) = scene(&[low_risk()]);
    let ask = Ask::new();
    let decision = Rails::new(&ask.config).with(Box::new(Never)).decide(&Context {
        plan: &plan,
        execution: None,
        observation: &observation,
        now: now(),
        approvals: &ask.approvals,
        others: &[],
        damaged: &[],
        foreign: &[],
        resources: &[],
        rearmed: &ask.rearmed,
        paused: None,
    });
    refused_by(&decision, "never");
}

/// How evidence gets worse, or a plan claims more than there is.
#[derive(Debug, Clone)]
enum Worse {
    /// Something becomes doubtful.
    Doubt(DoubtKind),
    /// A witness of this episode is not confirmed any more.
    Unconfirm(usize),
    /// A witness of this episode falls silent.
    Silence(usize),
    /// This episode is not seen any more.
    Close(usize),
    /// All witnesses look at the same thing.
    OneFamily,
    /// So many more sensors are bad.
    BadSensors(u32),
    /// The plan names what it explains so often.
    Repeated(usize),
    /// The plan explains nothing.
    ExplainsNothing,
}

fn worse() -> impl Strategy<Value = Worse> {
    use DoubtKind as D;
    let kinds = [
        D::Warning,
        D::NonFinite,
        D::StaleSample,
        D::MissingSeries,
        D::TargetDown,
        D::Reset,
        D::Unreachable,
        D::Unconfirmed,
        D::Truncated,
    ];
    prop_oneof![
        prop::sample::select(kinds.to_vec()).prop_map(Worse::Doubt),
        (0..2_usize).prop_map(Worse::Unconfirm),
        (0..2_usize).prop_map(Worse::Silence),
        (0..2_usize).prop_map(Worse::Close),
        Just(Worse::OneFamily),
        (1..9_u32).prop_map(Worse::BadSensors),
        prop::sample::select(vec![2, 3, 500]).prop_map(Worse::Repeated),
        Just(Worse::ExplainsNothing),
    ]
}

impl Worse {
    fn make(&self, plan: &mut Plan, observation: &mut Observation) {
        let change = |observation: &mut Observation, at: usize, silent: bool| {
            let Some(episode) = observation.open.get_mut(at) else { return };
            let mut witnesses = std::mem::take(&mut episode.witnesses);
            if let Some(witness) = witnesses.pop_first().filter(|_| !silent) {
                witnesses.insert(Witness { confirmed: false, ..witness });
            }
            episode.witnesses = witnesses;
        };
        match self {
            Self::Doubt(kind) => {
                let source = SourceName::try_new("prometheus").unwrap();
                let quality = observation.quality.entry(source).or_default();
                quality.merge(Quality::fresh().with(*kind, "x", "worse"));
            }
            Self::Unconfirm(at) => change(observation, *at, false),
            Self::Silence(at) => change(observation, *at, true),
            Self::Close(at) => {
                if *at < observation.open.len() {
                    observation.open.remove(*at);
                }
            }
            Self::OneFamily => {
                for episode in &mut observation.open {
                    let witnesses = std::mem::take(&mut episode.witnesses);
                    let blurred = |witness| Witness { family: None, ..witness };
                    episode.witnesses = witnesses.into_iter().map(blurred).collect();
                }
            }
            Self::BadSensors(more) => {
                let sensors = &mut observation.sensors;
                sensors.bad = (sensors.bad + more).min(sensors.total);
            }
            Self::Repeated(times) => {
                let all = plan.explains.clone();
                plan.explains = std::iter::repeat_n(all, *times).flatten().collect();
            }
            Self::ExplainsNothing => plan.explains.clear(),
        }
    }
}

fn freedom(decision: &Decision) -> u8 {
    match decision {
        Decision::Run => 2,
        Decision::AwaitApproval { .. } => 1,
        _ => 0,
    }
}

mod properties {
    use super::*;
    use crate::testing::cases;

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn worse_evidence_never_lets_more_happen(
            places in prop::collection::vec(0..4_u8, 1..4),
            sensors in 0..9_u32,
            profile in prop::sample::select(vec![Profile::Observe, Profile::Shipped, Profile::Auto]),
            before in prop::collection::vec(worse(), 0..2),
            after in prop::collection::vec(worse(), 1..5),
        ) {
            let actions: Vec<_> = places
                .iter()
                .map(|place| match place {
                    0 | 1 => low_risk(),
                    2 => node("node-1"),
                    _ => Action::ThrottleRequests { rate_limit: 9.0, node: None },
                })
                .collect();
            let (mut plan, mut observation) = scene(&actions);
            observation.sensors = SensorCensus { total: sensors, bad: 0 };
            before.iter().for_each(|worse| worse.make(&mut plan, &mut observation));
            let mut ask = Ask::new();
            ask.config.autonomy.profile = profile;
            let mut free = freedom(&ask.decide(&plan, &observation));
            for worse in &after {
                worse.make(&mut plan, &mut observation);
                let decision = ask.decide(&plan, &observation);
                prop_assert!(freedom(&decision) <= free, "{worse:?} made it {decision}");
                free = freedom(&decision);
            }
        }

        /// Whatever is asked for when: what may begin stays within what was agreed.
        #[test]
        fn budgets_are_never_exceeded(
            asked in prop::collection::vec((0..1_500_u64, 0..3_usize, 0..3_usize), 1..24),
            (plans, actions, one) in (0..7_u32, 0..5_u32, prop::option::of(0..3_u32)),
            cooldown in 0..600_u64,
        ) {
            let kinds = [low_risk(), Action::ScaleDown { replicas: 5 }, node("node-1")];
            let mut ask = Ask::new();
            ask.config.blast_radius.nodes = None;
            ask.config.blast_radius.percent = None;
            let budget = &mut ask.config.budget;
            (budget.plans_per_hour, budget.actions_per_hour) = (plans, actions);
            budget.cooldown = seconds(cooldown);
            budget.kinds.extend(one.map(|limit| (ActionKind::ScaleUp, limit)));
            let of_kind = |kind: usize| if kind == 0 { one.unwrap_or(actions) } else { actions };

            let mut at = now();
            let mut begun: Vec<(Timestamp, BTreeSet<usize>, Execution)> = Vec::new();
            for (n, (gap, first, second)) in asked.into_iter().enumerate() {
                at = later(at, seconds(gap));
                let steps = BTreeSet::from([first, second]);
                let actions: Vec<_> = steps.iter().map(|kind| kinds[*kind].clone()).collect();
                let (mut plan, observation) = scene(&actions);
                plan.expires = later(at, seconds(60));
                let others = begun.iter().map(|(_, _, execution)| execution).collect();
                let ask = Ask { others, config: ask.config.clone(), ..Ask::new() };
                if ask.decide_at(&plan, &observation, at) == Decision::Run {
                    let all = executed(n as u128, &actions, at);
                    begun.push((at, steps, end(all, Verdict::Success)));
                }
            }
            for (i, (at, steps, _)) in begun.iter().enumerate() {
                let hour: Vec<_> =
                    begun[..=i].iter().filter(|(then, ..)| *then > earlier(*at, seconds(3600))).collect();
                prop_assert!(hour.len() <= plans as usize, "{} plans in an hour", hour.len());
                for kind in steps {
                    let same: Vec<_> = hour.iter().filter(|(_, steps, _)| steps.contains(kind)).collect();
                    prop_assert!(same.len() <= of_kind(*kind) as usize, "{} of a kind", same.len());
                    let mut before = begun[..i].iter().filter(|(_, steps, _)| steps.contains(kind));
                    if let Some((then, ..)) = before.next_back() {
                        prop_assert!(mapek_model::since(*at, *then) >= seconds(cooldown));
                    }
                }
            }
        }
    }
}
