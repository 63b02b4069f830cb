use mapek_model::{
    Action, Duration, PlanSignature, Priority, Risk, Step, Tally, UndoClass, Utility, Verdict,
    proptest1,
};
use proptest::{prelude::*, strategy::Strategy as PropStrategy};
use uuid::Uuid;

use super::*;
use crate::{
    Candidate, Catalogue, MockStrategy, Proposals, plan_cost, rank,
    test_support::{Scene, ids, key, noon, violation},
};

const MINUTE: Duration = Duration::from_secs(60);

fn candidate(actions: &[Action]) -> Candidate {
    let steps = actions.iter().cloned().map(Step::of).collect();
    Candidate::try_new(steps, "it helps", MINUTE).unwrap()
}

fn scale(replicas: u32) -> Action {
    Action::ScaleUp { replicas }
}

fn spread() -> Action {
    Action::RebalanceLoad { strategy: "least_loaded".to_owned() }
}

fn bypass() -> Action {
    Action::BypassValidation { duration: MINUTE, scope: "all".to_owned() }
}

fn proposing(candidates: Vec<Candidate>) -> Planner {
    with_config(Config::default(), candidates)
}

fn with_config(config: Config, candidates: Vec<Candidate>) -> Planner {
    let mut strategy = MockStrategy::new();
    strategy.expect_propose().returning(move |_, _| candidates.clone().into());
    config.build(strategy).unwrap()
}

#[test]
fn plans_are_ranked_by_score_and_get_ids_in_that_order() {
    let planner =
        proposing(vec![candidate(&[spread()]), candidate(&[bypass()]), candidate(&[scale(5)])]);
    let planning = Scene::new("overload").plan(&planner);
    let costs: Vec<_> = planning.plans.iter().map(|plan| plan.cost.get()).collect();
    assert_eq!(costs, [0.15, 0.25, 0.70]);
    let ids: Vec<_> = planning.plans.iter().map(|plan| plan.id.as_uuid().as_u128()).collect();
    assert_eq!(ids, [1, 2, 3]);
    let first = &planning.plans[0];
    assert!((first.score.get() - (0.95 * 0.9 - 0.15)).abs() < 1e-12);
    assert_eq!((first.risk_if_wrong, first.priority), (Risk::Low, Priority::High));
    assert_eq!(first.expires, mapek_model::later(noon(), Config::EXPIRY));
    assert_eq!(planning.risk_if_left, Some(Risk::Medium));
    assert_eq!(planning.escalate, None);
}

#[test]
fn what_does_not_pay_is_dropped_and_says_what_would_have_flipped_it() {
    let mut scene = Scene::new("overload");
    scene.cause.confidence = Confidence::saturating(0.7); // 0.95 · 0.7 = 0.665 < 0.70
    let planning = scene.plan(&proposing(vec![candidate(&[bypass()])]));
    assert!(planning.plans.is_empty() && planning.waiting.is_empty());
    let rejected = &planning.rejected[0];
    let Reason::DoesNotPay { needed: Some(needed), .. } = &rejected.reason else {
        panic!("{rejected:?}")
    };
    assert!((needed.get() - 0.70 / 0.95).abs() < 1e-12);
    assert_eq!(
        planning.escalate.unwrap(),
        "there is no plan; overload: bypass validation of all for 1m: benefit 0.66 does not exceed cost 0.70"
    );
    scene.cause.confidence = Confidence::saturating(needed.get() + 1e-9);
    assert_eq!(scene.plan(&proposing(vec![candidate(&[bypass()])])).plans.len(), 1);
}

#[test]
fn an_unsure_cause_has_no_plan() {
    let mut scene = Scene::new("overload");
    scene.cause.confidence = Confidence::saturating(0.59);
    let planning = scene.plan(&proposing(vec![candidate(&[scale(5)])]));
    assert!(planning.plans.is_empty());
    assert!(matches!(planning.rejected[0].reason, Reason::Unsure { .. }));
    assert!(planning.escalate.unwrap().ends_with("confidence 0.59 is below 0.60"));
}

#[test]
fn what_heals_by_itself_is_left_alone() {
    let mut scene = Scene::new("overload");
    let healed = Tally { success: 18, ineffective: 0, ..Tally::default() };
    scene.experience.nothing.insert(scene.cause.cause.kind.clone(), healed);
    assert_eq!(
        scene.experience.utility_of_nothing(&scene.cause.cause.kind),
        Utility::saturating(0.9)
    );
    let planning = scene.plan(&proposing(vec![candidate(&[scale(5)])]));
    assert!(planning.plans.is_empty(), "0.95 · 0.9 · 0.1 does not exceed 0.15");
}

#[test]
fn failures_move_a_plan_behind_another() {
    let planner = proposing(vec![candidate(&[scale(5)]), candidate(&[spread()])]);
    let mut scene = Scene::new("overload");
    let best = |scene: &Scene| scene.plan(&planner).plans[0].signature().to_string();
    assert_eq!(best(&scene), "scale_up");
    let kind = scene.cause.cause.kind.clone();
    let tried = scene.experience.plans.entry(kind).or_default();
    tried.entry("scale_up".parse().unwrap()).or_default().count(Verdict::Ineffective);
    assert_eq!(best(&scene), "rebalance_load");
}

#[test]
fn people_are_shown_the_posterior_and_never_the_optimism() {
    let mut scene = Scene::new("overload");
    let kind = scene.cause.cause.kind.clone();
    let tally = Tally { success: 7, partial: 1, ..Tally::default() };
    scene.experience.plans.entry(kind).or_default().insert("scale_up".parse().unwrap(), tally);
    let plan = scene.plan(&proposing(vec![candidate(&[scale(5)])])).plans.remove(0);
    assert!((plan.success.get() - 0.8).abs() < 1e-12);
    assert!(plan.rationale.ends_with("7 of 8 such plans succeeded"), "{}", plan.rationale);
}

#[test]
fn a_learned_time_to_effect_stretches_the_wait_within_limits() {
    let mut scene = Scene::new("overload");
    let kind = scene.cause.cause.kind.clone();
    let mut seen = |seconds| {
        let time_to_effect = Some(Duration::from_secs(seconds));
        let tally = Tally { success: 1, time_to_effect, ..Tally::default() };
        let plans = scene.experience.plans.entry(kind.clone()).or_default();
        plans.insert("scale_up".parse().unwrap(), tally);
        scene.plan(&proposing(vec![candidate(&[scale(5)])])).plans[0].time_to_effect.as_secs()
    };
    assert_eq!((seen(10), seen(50), seen(100_000)), (60, 100, 240));
}

#[test]
fn a_cause_must_stay_unless_it_is_critical() {
    let planner = proposing(vec![candidate(&[scale(5)])]);
    let mut scene = Scene::new("overload");
    scene.cause.persisted_cycles = 1;
    let planning = scene.plan(&planner);
    assert!(planning.plans.is_empty());
    assert_eq!(planning.waiting[0].reason, WaitReason::Dwell { persisted: 1, needed: 2 });
    assert_eq!(planning.escalate, None, "it is not yet anybody's concern");
    let critical = scene.seeing("down", Severity::Critical);
    assert_eq!(critical.plan(&planner).plans[0].priority, Priority::High);
}

#[test]
fn an_unsure_cause_must_stay_for_longer_even_if_it_is_critical() {
    let planner = proposing(vec![candidate(&[scale(5)])]);
    let mild = Scene::new("overload");
    let bad = Scene::new("overload").seeing("down", Severity::Critical);
    let planning = |scene: &Scene, likely, persisted| {
        let mut scene = scene.clone();
        scene.cause.confidence = Confidence::saturating(likely);
        scene.cause.persisted_cycles = persisted;
        scene.plan(&planner)
    };
    for scene in [&mild, &bad] {
        let unsure = planning(scene, 0.7, 2);
        assert_eq!((unsure.plans.len(), unsure.escalate), (0, None));
        let reason = unsure.waiting[0].reason;
        let (confidence, sure) = (Confidence::saturating(0.7), Confidence::saturating(0.85));
        assert_eq!(reason, WaitReason::Unsure { confidence, sure, persisted: 2, needed: 3 });
        let words = "its cause, at 0.7 less sure than 0.85, was there for 2 of 3 cycles";
        assert_eq!(reason.to_string(), words);
        let changes = ["its cause stays for 1 more cycles", "its cause is at least 0.85 likely"];
        assert_eq!(reason.changes(), changes);
        assert_eq!(planning(scene, 0.7, 3).plans.len(), 1);
    }
    assert_eq!(planning(&mild, 0.85, 2).plans.len(), 1);
    assert_eq!(planning(&bad, 0.85, 1).plans.len(), 1);
}

#[test]
fn one_mild_violation_is_not_enough_and_one_critical_is() {
    let planner = proposing(vec![candidate(&[scale(5)])]);
    let mut scene = Scene::new("overload").seeing_nothing().seeing("slow", Severity::Warning);
    scene.cause.persisted_cycles = 2;
    let waiting = scene.plan(&planner).waiting;
    assert_eq!(waiting[0].reason, WaitReason::Violations { violations: 2, needed: 3 });
    // One that stays is as much evidence as several.
    scene.cause.persisted_cycles = 3;
    assert_eq!(scene.plan(&planner).plans.len(), 1);
    let scene = Scene::new("overload").seeing_nothing().seeing("down", Severity::Critical);
    assert_eq!(scene.plan(&planner).plans.len(), 1);
}

#[test]
fn only_the_best_few_are_proposed() {
    let all: Vec<_> = (4..12).map(|replicas| candidate(&[scale(replicas)])).collect();
    let planning = Scene::new("overload").plan(&proposing(all));
    assert_eq!(planning.plans.len(), 5);
    assert_eq!(planning.rejected.len(), 3);
    assert!(matches!(planning.rejected[0].reason, Reason::Outranked { limit: 5, .. }));
}

#[test]
fn the_same_deed_is_proposed_once() {
    let hasty =
        Candidate::try_new(vec![Step::of(scale(5))], "hasty", Duration::from_secs(5)).unwrap();
    for order in [[hasty.clone(), candidate(&[scale(5)])], [candidate(&[scale(5)]), hasty.clone()]]
    {
        let planning = Scene::new("overload").plan(&proposing(order.to_vec()));
        assert_eq!(planning.plans.len(), 1);
        assert!(planning.plans[0].rationale.contains("hasty"));
        assert_eq!(planning.rejected[0].reason, Reason::Duplicate);
    }
}

#[test]
fn the_unknown_is_escalated() {
    let planner = proposing(vec![candidate(&[scale(5)])]);
    let scene = Scene::new("overload");
    let plan = |diagnosis: &Diagnosis| {
        planner.plan(diagnosis, &scene.observation, &scene.experience, noon(), &mut ids())
    };
    let mut diagnosis = scene.diagnosis();
    diagnosis.unexplained = vec![key("odd")];
    assert_eq!(plan(&diagnosis).escalate, None, "nothing critical is unexplained");
    diagnosis.causes.clear();
    let unknown = plan(&diagnosis);
    assert!(unknown.plans.is_empty());
    assert!(unknown.escalate.unwrap().contains("unknown"));
    diagnosis.unexplained.clear();
    assert_eq!(plan(&diagnosis).escalate, None);
}

#[test]
fn a_critical_violation_that_nothing_explains_is_escalated_beside_the_plans() {
    let planner = proposing(vec![candidate(&[scale(5)])]);
    let mut scene = Scene::new("overload");
    let odd = violation("odd", None, Severity::Critical);
    let mut diagnosis = scene.diagnosis();
    diagnosis.unexplained = vec![odd.key()];
    scene.observation.open.push(odd);
    let planning =
        planner.plan(&diagnosis, &scene.observation, &scene.experience, noon(), &mut ids());
    assert_eq!(planning.plans.len(), 1);
    assert_eq!(planning.escalate.unwrap(), "no cause explains 1 critical violation(s)");
}

#[test]
fn a_cause_without_a_strategy_is_escalated() {
    let planner = Config::default().build(Catalogue::new()).unwrap();
    let planning = Scene::new("sunspots").plan(&planner);
    assert_eq!(planning.rejected[0].reason, Reason::NoStrategy);
    assert!(planning.escalate.is_some());
}

#[test]
fn the_observation_of_another_system_makes_no_plan() {
    let mut scene = Scene::new("overload");
    scene.observation.target = mapek_model::TargetId::try_new("elsewhere").unwrap();
    let planning = scene.plan(&proposing(vec![candidate(&[scale(5)])]));
    assert!(planning.plans.is_empty());
    assert!(planning.escalate.unwrap().contains("elsewhere"));
}

#[test]
fn an_answer_survives_json() {
    let mut scene = Scene::new("overload");
    scene.cause.confidence = Confidence::saturating(0.7);
    let planner = proposing(vec![candidate(&[scale(5)]), candidate(&[bypass()])]);
    let planning = scene.plan(&planner);
    let text = serde_json::to_string(&planning).unwrap();
    assert_eq!(serde_json::from_str::<Planning>(&text).unwrap(), planning);
}

fn candidates() -> impl PropStrategy<Value = Vec<Candidate>> {
    let one = (proptest::collection::vec(proptest1::action(), 1..4), 1..300_u64);
    proptest::collection::vec(one, 0..12).prop_map(|all| {
        all.into_iter()
            .map(|(actions, seconds)| {
                let mut steps: Vec<_> = actions.into_iter().map(Step::of).collect();
                steps.sort_by_key(|step| step.undo == UndoClass::Irreversible);
                Candidate::try_new(steps, "generated", Duration::from_secs(seconds)).unwrap()
            })
            .collect()
    })
}

fn experience() -> impl PropStrategy<Value = Experience> {
    let outcome = (proptest1::action(), proptest1::verdict());
    proptest::collection::vec(outcome, 0..40).prop_map(|outcomes| {
        let cause = mapek_model::CauseKind::try_new("overload").unwrap();
        let mut experience = Experience::default();
        for (action, verdict) in outcomes {
            let signature = PlanSignature::new([action.kind()]);
            let plans = experience.plans.entry(cause.clone()).or_default();
            plans.entry(signature).or_default().count(verdict);
            let kinds = experience.kinds.entry(cause.clone()).or_default();
            kinds.entry(action.kind()).or_default().count(verdict);
            experience.nothing.entry(cause.clone()).or_default().count(Verdict::Ineffective);
        }
        experience
    })
}

proptest! {
    #[test]
    fn the_order_of_the_input_does_not_show(
        candidates in candidates(),
        other in candidates(),
        confidence in proptest1::confidence(),
        experience in experience(),
        turn in 0..12_usize,
    ) {
        let mut scene = Scene::new("overload");
        scene.cause.confidence = confidence;
        scene.experience = experience;
        let mut diagnosis = scene.diagnosis();
        let mut second = scene.cause.clone();
        second.cause.kind = mapek_model::CauseKind::try_new("leak").unwrap();
        diagnosis.causes.push(second);
        let plan = |diagnosis: &Diagnosis, observation: &Observation, mut one: Vec<Candidate>, turn: usize| {
            let mut two = other.clone();
            let by = turn.min(one.len());
            one.rotate_left(by);
            two.reverse();
            let mut strategy = MockStrategy::new();
            strategy.expect_propose().returning(move |cause, _| -> Proposals {
                if cause.cause.kind == "leak" { two.clone() } else { one.clone() }.into()
            });
            let planner = Config::default().build(strategy).unwrap();
            planner.plan(diagnosis, observation, &scene.experience, noon(), &mut ids())
        };
        let straight = plan(&diagnosis, &scene.observation, candidates.clone(), 0);
        let mut turned = diagnosis.clone();
        turned.causes.reverse();
        let mut observation = scene.observation.clone();
        observation.open.reverse();
        let shuffled = plan(&turned, &observation, candidates, turn);
        prop_assert_eq!(straight, shuffled);
    }

    #[test]
    fn what_is_proposed_pays_is_sure_enough_and_is_in_order(
        candidates in candidates(),
        confidence in proptest1::confidence(),
        experience in experience(),
    ) {
        let mut scene = Scene::new("overload");
        scene.cause.confidence = confidence;
        scene.experience = experience;
        let n = candidates.len();
        let planning = scene.plan(&proposing(candidates));
        prop_assert_eq!(planning.plans.len() + planning.rejected.len(), n.max(1));
        let config = Config::default();
        for plan in &planning.plans {
            prop_assert!(plan.score.get() > 0.0);
            prop_assert!(plan.confidence >= config.min_confidence);
            prop_assert_eq!(plan.cost, plan_cost(&config, plan.signature().kinds()));
            prop_assert_eq!(crate::check_plan(plan), Ok(()));
            prop_assert!((plan.benefit.get() - plan.cost.get() - plan.score.get()).abs() < 1e-12);
        }
        let mut ranked = planning.plans.clone();
        rank(&mut ranked);
        prop_assert_eq!(ranked, planning.plans);
        prop_assert_eq!(planning.escalate.is_some(), n == 0 || planning.rejected.len() == n);
    }

    #[test]
    fn ranking_is_a_total_order(mut plans in proptest::collection::vec(proptest1::plan(), 0..12), by in 0..12_usize) {
        for (i, plan) in (0_u128..).zip(&mut plans) {
            plan.id = PlanId::from_uuid(Uuid::from_u128(i));
        }
        let mut turned = plans.clone();
        turned.rotate_left(by.min(plans.len()));
        rank(&mut plans);
        rank(&mut turned);
        prop_assert_eq!(&plans, &turned);
        prop_assert!(plans.windows(2).all(|pair| (pair[0].priority, pair[0].score) >= (pair[1].priority, pair[1].score)));
    }

    #[test]
    fn a_degradation_never_raises_a_score(action in proptest1::action(), experience in experience()) {
        let mut scene = Scene::new("overload");
        scene.experience = experience;
        let score = |scene: &Scene| {
            let planning = scene.plan(&with_config(
                Config { min_confidence: Confidence::MIN, ..Config::default() },
                vec![candidate(std::slice::from_ref(&action))],
            ));
            let rejected = planning.rejected.iter().map(|it| match it.reason {
                Reason::DoesNotPay { score, .. } => score,
                ref other => panic!("{other}"),
            });
            planning.plans.iter().map(|plan| plan.score).chain(rejected).next().unwrap()
        };
        let before = score(&scene);
        let kind = scene.cause.cause.kind.clone();
        let signature = PlanSignature::new([action.kind()]);
        scene.experience.plans.entry(kind.clone()).or_default().entry(signature).or_default().count(Verdict::Degradation);
        scene.experience.kinds.entry(kind).or_default().entry(action.kind()).or_default().count(Verdict::Degradation);
        prop_assert!(score(&scene) <= before);
    }
}
