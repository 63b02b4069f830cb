use std::collections::BTreeMap;

use mapek_model::{Duration, Step, TargetId, Timestamp, proptest1};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::json;

use super::*;
use crate::testing::cases;

fn resource(kind: &str, id: &str, attributes: &[(&str, u64)]) -> Resource {
    Resource {
        kind: kind.to_owned(),
        id: id.to_owned(),
        status: "normal".to_owned(),
        generation: None,
        changed: None,
        attributes: attributes.iter().map(|(name, n)| ((*name).to_owned(), json!(n))).collect(),
    }
}

fn pool(replicas: u64) -> Vec<Resource> {
    vec![resource("pool", "workers", &[("replicas", replicas)])]
}

fn plan(actions: &[Action]) -> Plan {
    let mut plan = proptest1::plan().new_tree(&mut TestRunner::deterministic()).unwrap().current();
    plan.steps = actions.iter().cloned().map(Step::of).collect();
    plan
}

/// What the rail says where there is this.
fn ask(config: &BlastRadiusConfig, actions: &[Action], there_is: &[Resource]) -> Option<Refusal> {
    let at = Timestamp::UNIX_EPOCH;
    let mut observation = Observation::empty(TargetId::default(), at);
    observation.resources = there_is.to_vec();
    let context = Context {
        plan: &plan(actions),
        execution: None,
        observation: &observation,
        now: at,
        approvals: &BTreeSet::new(),
        others: &[],
        damaged: &[],
        foreign: &[],
        resources: &[],
        rearmed: &BTreeMap::new(),
        paused: None,
    };
    BlastRadius::new(config.clone()).check(&context).err()
}

fn node(n: u32) -> Action {
    let node = Some(Component::try_new(format!("node-{n}")).unwrap());
    Action::RestartService { graceful: true, timeout: Duration::from_secs(1), node }
}

fn restart_all(graceful: bool) -> Action {
    Action::RestartService { graceful, timeout: Duration::from_secs(1), node: None }
}

fn limits(nodes: u32, percent: u8) -> BlastRadiusConfig {
    BlastRadiusConfig { nodes: Some(nodes), percent: Some(percent), ..BlastRadiusConfig::default() }
}

#[test]
fn the_smaller_limit_wins() {
    let three: Vec<_> = (0..3).map(node).collect();
    for (nodes, percent, refused) in
        [(3, 30, false), (2, 30, true), (3, 29, true), (100, 100, false), (0, 100, true)]
    {
        let refusal = ask(&limits(nodes, percent), &three, &pool(10));
        assert_eq!(refusal.is_some(), refused, "{nodes}, {percent} %: {refusal:?}");
    }
    let refusal = ask(&limits(2, 100), &three, &pool(10)).unwrap();
    assert_eq!(refusal.rail, "blast_radius");
    assert_eq!(refusal.reason, "it would touch 3 of 10 nodes, 2 are the most");
    assert!(refusal.unless.unwrap().contains("touch 3 of 10"));
}

#[test]
fn each_kind_touches_what_it_says() {
    let up = |replicas| Action::ScaleUp { replicas };
    let down = |replicas| Action::ScaleDown { replicas };
    let custom = || Action::Custom { name: "x".to_owned(), parameters: BTreeMap::new() };
    for (actions, there_are, touched) in [
        (vec![], 6, 0),
        (vec![node(1)], 6, 1),
        (vec![node(1), node(1), node(2)], 6, 2),
        (vec![restart_all(true)], 6, 1),
        (vec![restart_all(false)], 6, 6),
        (vec![up(9)], 6, 3),
        (vec![up(9), up(9)], 6, 3),
        (vec![up(9), down(6)], 6, 6),
        (vec![down(2)], 6, 4),
        (vec![up(9), node(1), restart_all(true)], 6, 5),
        (vec![custom()], 6, 6),
        (vec![Action::RebalanceLoad { strategy: "x".to_owned() }], 6, 0),
    ] {
        let (enough, less) = (limits(touched, 100), touched.checked_sub(1));
        assert_eq!(ask(&enough, &actions, &pool(there_are)), None, "{actions:?}");
        if let Some(less) = less {
            let refusal = ask(&limits(less, 100), &actions, &pool(there_are));
            let reason = refusal.map(|it| it.reason).unwrap_or_default();
            assert!(reason.starts_with(&format!("it would touch {touched} of")), "{reason}");
        }
    }
}

#[test]
fn what_is_on_its_way_counts_as_far_as_it_may_have_to_go() {
    let under_way = [resource("pool", "w", &[("replicas", 6), ("target_replicas", 12)])];
    let up = [Action::ScaleUp { replicas: 12 }];
    assert!(ask(&limits(5, 100), &up, &under_way).is_some(), "six are not there yet");
    assert_eq!(ask(&limits(6, 50), &up, &under_way), None);
}

#[test]
fn nothing_passes_where_the_size_is_not_known() {
    let several = [pool(5), vec![resource("pool", "others", &[("replicas", 5)])]].concat();
    let nodes = [resource("node", "a", &[]), resource("node", "b", &[])];
    let odd = [Resource {
        attributes: BTreeMap::from([("replicas".to_owned(), json!("many"))]),
        ..resource("pool", "w", &[])
    }];
    let all = limits(1000, 100);
    for (there_is, known) in
        [(&several[..], false), (&[], false), (&odd, false), (&nodes, true), (&pool(9), true)]
    {
        for action in [node(1), Action::ScaleUp { replicas: 3 }, restart_all(false)] {
            let refusal = ask(&all, std::slice::from_ref(&action), there_is);
            assert_eq!(refusal.is_none(), known, "{action}: {refusal:?}");
        }
    }
    // What is set everywhere asks for no number, and without limits nobody asks.
    let everywhere = [Action::ThrottleRequests { rate_limit: 1.0, node: None }];
    assert_eq!(ask(&all, &everywhere, &[]), None);
    let none = BlastRadiusConfig { nodes: None, percent: None, ..BlastRadiusConfig::default() };
    assert_eq!(ask(&none, &[restart_all(false)], &[]), None);
}

#[test]
fn what_may_be_done_everywhere_is_named_and_nothing_else() {
    let throttle = [Action::ThrottleRequests { rate_limit: 1.0, node: None }];
    let strict = BlastRadiusConfig { everywhere: BTreeSet::new(), ..limits(10, 99) };
    assert!(ask(&strict, &throttle, &pool(6)).is_some());
    // A word for all does not hold for one: a node is a node.
    let kinds = BTreeSet::from([ActionKind::RestartService]);
    let loose = BlastRadiusConfig { everywhere: kinds, ..limits(1, 100) };
    assert_eq!(ask(&loose, &[restart_all(false)], &pool(6)), None);
    assert!(ask(&loose, &[node(1), node(2)], &pool(6)).is_some());
}

mod properties {
    use super::*;

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            4 => (0..40_u32).prop_map(node),
            1 => any::<bool>().prop_map(restart_all),
            2 => (0..40_u32).prop_map(|replicas| Action::ScaleUp { replicas }),
            1 => any::<u32>().prop_map(|replicas| Action::ScaleDown { replicas }),
            1 => (0..40_u32).prop_map(|n| {
                let node = (n < 30).then(|| Component::try_new(format!("node-{n}")).unwrap());
                Action::ThrottleRequests { rate_limit: 1.0, node }
            }),
            1 => Just(Action::RebalanceLoad { strategy: "x".to_owned() }),
            1 => Just(Action::Custom { name: "x".to_owned(), parameters: BTreeMap::new() }),
        ]
    }

    fn config() -> impl Strategy<Value = BlastRadiusConfig> {
        let everywhere = prop::sample::subsequence(ActionKind::KNOWN.to_vec(), 0..=10);
        let (nodes, percent) = (prop::option::of(0..50_u32), prop::option::of(0..=100_u8));
        (nodes, percent, everywhere).prop_map(|(nodes, percent, everywhere)| BlastRadiusConfig {
            nodes,
            percent,
            everywhere: everywhere.into_iter().collect(),
        })
    }

    /// No greater, where an absent limit is the greatest.
    fn stricter<T: Copy + Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
        a.into_iter().chain(b).min()
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn a_stricter_limit_never_admits_more(
            actions in prop::collection::vec(action(), 0..6),
            (one, other) in (config(), config()),
            size in prop::option::of(0..60_u64),
        ) {
            let there_is = size.map(pool).unwrap_or_default();
            let both = BlastRadiusConfig {
                nodes: stricter(one.nodes, other.nodes),
                percent: stricter(one.percent, other.percent),
                everywhere: one.everywhere.intersection(&other.everywhere).cloned().collect(),
            };
            if ask(&both, &actions, &there_is).is_none() {
                prop_assert_eq!(ask(&one, &actions, &there_is), None);
                prop_assert_eq!(ask(&other, &actions, &there_is), None);
            }
        }

        #[test]
        fn both_limits_together_are_the_smaller_of_them(
            actions in prop::collection::vec(action(), 0..6),
            (nodes, percent) in (0..50_u32, 0..=100_u8),
            size in 0..60_u64,
        ) {
            let limits = |nodes, percent| {
                BlastRadiusConfig { nodes, percent, ..BlastRadiusConfig::default() }
            };
            let passes = |config: &BlastRadiusConfig| ask(config, &actions, &pool(size)).is_none();
            let alone = passes(&limits(Some(nodes), None)) && passes(&limits(None, Some(percent)));
            prop_assert_eq!(passes(&limits(Some(nodes), Some(percent))), alone);
        }

        #[test]
        fn a_node_counts_once_however_often_and_in_whatever_order_it_is_named(
            nodes in prop::collection::vec(0..40_u32, 0..40),
            most in 0..40_u32,
            seed in any::<u64>(),
        ) {
            let distinct: BTreeSet<_> = nodes.iter().copied().collect();
            let mut shuffled: Vec<_> = nodes.iter().copied().map(node).collect();
            let turn = usize::try_from(seed % 41).unwrap_or(0).min(shuffled.len());
            shuffled.rotate_left(turn);
            shuffled.extend(nodes.iter().copied().map(node));
            let refused = ask(&limits(most, 100), &shuffled, &pool(40)).is_some();
            prop_assert_eq!(refused, distinct.len() > most as usize);
        }

        /// However much a plan names, nothing overflows, and nothing means nothing.
        #[test]
        fn huge_and_empty_sets_are_counted_rightly(
            replicas in any::<u32>(),
            size in any::<u32>(),
            count in 0..2_000_u32,
        ) {
            let none = limits(0, 0);
            prop_assert_eq!(ask(&none, &[], &pool(size.into())), None);
            let many: Vec<_> = (0..count).map(node).collect();
            prop_assert_eq!(ask(&none, &many, &pool(size.into())).is_some(), count > 0);
            let scale = [Action::ScaleUp { replicas }];
            let moves = replicas.abs_diff(size);
            let refused = ask(&limits(moves, 100), &scale, &pool(size.into()));
            prop_assert_eq!(refused, None);
            if let Some(less) = moves.checked_sub(1) {
                prop_assert!(ask(&limits(less, 100), &scale, &pool(size.into())).is_some());
            }
        }
    }
}
