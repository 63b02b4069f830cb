use std::collections::BTreeMap;

use mapek_model::{Fingerprint, Silences, TargetId, Timestamp, later, proptest1};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};

use super::*;

fn at(seconds: u64) -> Timestamp {
    later(Timestamp::UNIX_EPOCH, std::time::Duration::from_secs(seconds))
}

/// What the rail says at 100 s to a plan that explains the first of two open episodes, where silences are as told of these.
fn ask(silences: impl FnOnce(&[Fingerprint]) -> Option<Silences>) -> Option<Refusal> {
    let runner = &mut TestRunner::deterministic();
    let mut plan = proptest1::plan().new_tree(runner).unwrap().current();
    let mut observation = Observation::empty(TargetId::default(), at(100));
    let one = proptest1::violation().new_tree(runner).unwrap().current();
    let mut other = one.clone();
    other.expectation = mapek_model::Expectation::try_new("something-else").unwrap();
    plan.explains = vec![one.key()];
    observation.silences = silences(&[one.fingerprint(), other.fingerprint()]);
    observation.open = vec![one, other];
    let context = Context {
        plan: &plan,
        execution: None,
        observation: &observation,
        now: at(100),
        approvals: &BTreeSet::new(),
        others: &[],
        damaged: &[],
        foreign: &[],
        resources: &[],
        rearmed: &BTreeMap::new(),
        paused: None,
    };
    Silenced.check(&context).err()
}

fn silence(covers: &[Fingerprint], stops_all: bool, until: u64) -> Option<Silences> {
    let active = vec![Silence {
        id: "s1".to_owned(),
        by: "ada".to_owned(),
        comment: "maintenance".to_owned(),
        until: at(until),
        covers: covers.iter().copied().collect(),
        stops_all,
    }];
    Some(Silences { active, unknown_for: 0 })
}

#[test]
fn what_is_silenced_is_left_alone_until_the_silence_ends() {
    let refusal = ask(|open| silence(&open[..1], false, 101)).unwrap();
    assert_eq!(refusal.rail, "silence");
    assert_eq!(refusal.reason, "silence s1 of ada covers what it explains: maintenance");
    assert_eq!(
        refusal.unless.unwrap(),
        "silence s1 is expired, or it is 1970-01-01T00:01:41Z or later"
    );
    assert_eq!(ask(|open| silence(&open[..1], false, 100)), None, "it has ended");
    assert_eq!(ask(|open| silence(&open[1..], false, 101)), None, "the plan explains another");
    let refusal = ask(|_| silence(&[], true, 101)).unwrap();
    assert!(refusal.reason.contains("covers the loop"), "{refusal}");
}

#[test]
fn who_does_not_know_of_silences_waits_for_two_cycles_and_no_more() {
    let unknown_for = |cycles| ask(|_| Some(Silences { active: Vec::new(), unknown_for: cycles }));
    assert_eq!([0, 1, 2].map(|cycles| unknown_for(cycles).is_some()), [false; 3]);
    for cycles in [3, u32::MAX] {
        assert!(unknown_for(cycles).unwrap().reason.contains("is not known"));
    }
    assert_eq!(ask(|_| None), None, "there is nobody to ask");
}
