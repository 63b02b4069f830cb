use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{
    Action, ExecutionId, Generation, Observation, Step, TargetId, earlier, proptest1,
};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use uuid::Uuid;

use super::*;

fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn ago(seconds: u64) -> Timestamp {
    earlier(now(), Duration::from_secs(seconds))
}

/// A plan that scales, made now against what began a minute ago.
fn plan() -> Plan {
    let mut plan = proptest1::plan().new_tree(&mut TestRunner::deterministic()).unwrap().current();
    let violation = proptest1::violation().new_tree(&mut TestRunner::deterministic()).unwrap();
    let key = mapek_model::EpisodeKey { onset: ago(60), ..violation.current().key() };
    plan.explains = vec![key];
    plan.created = now();
    plan.steps = vec![Step::of(Action::ScaleUp { replicas: 9 })];
    plan
}

fn change(since: u64, seen: u64) -> ForeignChange {
    ForeignChange {
        kind: "pool".to_owned(),
        id: "workers".to_owned(),
        before: Some(Generation::new(3)),
        after: Generation::new(4),
        since: ago(since),
        seen: ago(seen),
        who: Some("ops".to_owned()),
        answers: None,
    }
}

fn answer(seen: u64) -> ForeignChange {
    let answers = Some(ExecutionId::from_uuid(Uuid::from_u128(1)));
    ForeignChange { answers, ..change(seen + 9000, seen) }
}

struct Ask {
    plan: Plan,
    resource: Option<&'static str>,
    rearmed: BTreeMap<ActionKind, Timestamp>,
    config: OthersConfig,
}

impl Ask {
    fn new() -> Self {
        let (rearmed, config) = (BTreeMap::new(), OthersConfig::default());
        Self { plan: plan(), resource: Some("workers"), rearmed, config }
    }

    fn about(&self, changes: &[ForeignChange]) -> Option<Refusal> {
        let observation = Observation::empty(TargetId::default(), now());
        let context = Context {
            plan: &self.plan,
            execution: None,
            observation: &observation,
            now: now(),
            approvals: &BTreeSet::new(),
            others: &[],
            damaged: &[],
            foreign: &changes.iter().collect::<Vec<_>>(),
            resources: &[self.resource.map(ToOwned::to_owned)],
            rearmed: &self.rearmed,
            paused: None,
        };
        Others::new(self.config.clone()).check(&context).err()
    }
}

#[test]
fn who_acts_on_the_same_after_it_began_is_given_way_for_a_while() {
    let ask = Ask::new();
    let refusal = ask.about(&[change(50, 30)]).unwrap();
    assert_eq!(refusal.rail, "others");
    let seen = ago(30);
    let expected = format!(
        "pool workers was changed by ops from generation 3 to generation 4, seen at {seen}"
    );
    assert_eq!(refusal.reason, expected);
    assert_eq!(refusal.unless.unwrap(), "it is 2026-01-01T12:04:30Z or later");
    assert_eq!(ask.about(&[change(310, 300)]), None, "that is long ago");
    let elsewhere = ForeignChange { id: "others".to_owned(), ..change(50, 30) };
    assert_eq!(ask.about(&[elsewhere]), None);
    assert_eq!(Ask { resource: None, ..Ask::new() }.about(&[change(50, 30)]), None);
}

#[test]
fn a_change_that_came_first_is_a_cause_and_healed() {
    let mut ask = Ask::new();
    assert_eq!(ask.about(&[change(61, 30)]), None, "it may have come before what it is blamed for");
    assert!(ask.about(&[change(60, 30)]).is_some());
    // Something else that began later may be its work; nothing of the sort is known of a plan that explains nothing.
    let younger = mapek_model::EpisodeKey { onset: ago(40), ..ask.plan.explains[0].clone() };
    ask.plan.explains.push(younger);
    assert_eq!(ask.about(&[change(60, 30)]), None);
    ask.plan.explains.clear();
    assert!(ask.about(&[change(9000, 30)]).is_some());
}

#[test]
fn a_plan_from_before_a_change_stands_back_whatever_came_first() {
    let mut ask = Ask::new();
    ask.plan.created = ago(31);
    assert!(ask.about(&[change(61, 30)]).is_some());
    ask.plan.created = ago(30);
    assert_eq!(ask.about(&[change(61, 30)]), None);
}

#[test]
fn two_writers_by_turns_are_one_too_many_until_a_person_says_otherwise() {
    let mut ask = Ask::new();
    assert_eq!(ask.about(&[answer(9000)]), None, "once may be chance");
    assert_eq!(ask.about(&[answer(9000), answer(4000)]), None, "too far apart");
    let turns = [answer(9000), answer(6000)];
    let refusal = ask.about(&turns).unwrap();
    assert!(refusal.reason.starts_with("others set it otherwise after us 2 times"), "{refusal}");
    assert_eq!(refusal.unless.unwrap(), "a person re-arms scale_up");
    ask.rearmed.insert(ActionKind::ScaleDown, ago(5000));
    assert!(ask.about(&turns).is_some(), "that is another kind");
    ask.rearmed.insert(ActionKind::ScaleUp, ago(6001));
    ask.config.reversals = 1;
    assert!(ask.about(&turns).is_some());
    ask.rearmed.insert(ActionKind::ScaleUp, ago(6000));
    assert_eq!(ask.about(&turns), None, "who re-arms has seen what is there");
    ask.config.reversals = 2;
    ask.rearmed.insert(ActionKind::ScaleUp, ago(5000));
    assert_eq!(ask.about(&turns), None);
    ask.config.reversals = 1;
    assert!(ask.about(&[answer(4000)]).is_some(), "and once more is once more");
}
