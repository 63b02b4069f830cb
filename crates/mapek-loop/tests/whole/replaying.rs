//! What a recorded run decided, decided once more.

use mapek_analyze::{AnalyzeConfig, Analyzer};
use mapek_execute::{
    Autonomy, Body, Config, Decision, Profile, Rails, RailsConfig, Record, Refusal, scan, verify,
};
use mapek_loop::{Deciders, Recalled, Replay};
use mapek_model::{ActionKind, Confidence, Cost};
use mapek_store::Store as _;

use crate::world::World;

/// Who decides in the world, or would with another configuration.
fn deciders(world: &World, change: impl FnOnce(&mut mapek_plan::Config)) -> Deciders {
    let mut plan = World::planning();
    change(&mut plan);
    let mut rails = RailsConfig::default();
    rails.autonomy.profile = world.profile;
    Deciders {
        analyzer: Analyzer::try_new(AnalyzeConfig::default()).unwrap(),
        planner: plan.build(World::catalogue()).unwrap(),
        rails: Rails::new(&rails),
        execute: Config { state_dir: None, rails, ..Config::default() },
    }
}

fn records(world: &World) -> Vec<Record> {
    let mut records = Vec::new();
    scan(&world.store, |item| records.push(item.unwrap())).unwrap();
    records
}

fn recalled(world: &World, deciders: &Deciders) -> Vec<Recalled> {
    let mut replay = Replay::default();
    let values = |hash: &_| world.store.blob(hash).unwrap();
    let records = records(world);
    for record in records.iter().filter(|it| matches!(it.body, Body::Checkpoint { .. })) {
        replay.expect(record);
    }
    let mut all: Vec<_> =
        records.iter().filter_map(|record| replay.take(record, &values, Some(deciders))).collect();
    all.extend(replay.finish());
    all
}

/// A fault, its remedy, what was learned, a restart in between and another fault.
async fn lived() -> World {
    let world = World::new();
    let mut cycle = world.cycle();
    world.run(&mut cycle).await;
    *world.service.slow.lock().unwrap() = true;
    world.run(&mut cycle).await;
    drop(cycle);
    let mut cycle = world.cycle();
    world.heal(&mut cycle).await;
    for _ in 0..20 {
        world.run(&mut cycle).await;
    }
    *world.service.replicas.lock().unwrap() = 3;
    world.heal(&mut cycle).await;
    world
}

#[tokio::test]
async fn the_same_stages_decide_the_same() {
    let world = lived().await;
    assert_eq!(verify(&world.store).unwrap().damage, []);
    let all = recalled(&world, &deciders(&world, |_| ()));
    assert!(all.len() >= 5, "{}", all.len());
    for cycle in &all {
        assert_eq!((&cycle.differences[..], &cycle.skipped[..]), (&[][..], &[][..]), "{cycle:#?}");
    }
    let ran = records(&world).into_iter().filter(|it| match &it.body {
        Body::Decided(decided) => decided.decisions.iter().any(|it| it.said == Decision::Run),
        _ => false,
    });
    assert_eq!(ran.count(), 2, "it is about something");
}

#[tokio::test]
async fn another_threshold_shows_in_the_cycles_that_it_changes() {
    let world = lived().await;
    let sure = |plan: &mut mapek_plan::Config| plan.min_confidence = Confidence::MAX;
    let all = recalled(&world, &deciders(&world, sure));
    let differ: Vec<_> = all.iter().filter(|it| it.differs()).collect();
    assert!(!differ.is_empty() && differ.len() < all.len(), "{} of {}", differ.len(), all.len());
    let ran = records(&world).into_iter().filter_map(|it| match it.body {
        Body::Decided(decided) if decided.decisions.iter().any(|it| it.said == Decision::Run) => {
            Some(decided.number)
        }
        _ => None,
    });
    for number in ran {
        let cycle = differ.iter().find(|it| it.number == number).expect("it would not have run");
        let lost = cycle.differences.iter().find(|it| it.what == "decisions[0]").unwrap();
        assert!(lost.now.is_none() && lost.then.as_ref().unwrap().contains("run"), "{lost:?}");
    }
    // What costs more has another score, and nothing else of the plan is otherwise.
    let dear = |plan: &mut mapek_plan::Config| {
        plan.cost_model.insert(ActionKind::ScaleUp, Cost::saturating(0.3));
    };
    let all = recalled(&world, &deciders(&world, dear));
    let scores = all.iter().flat_map(|it| &it.differences).filter(|it| it.what.ends_with(".score"));
    assert!(scores.count() > 0);
}

#[tokio::test]
async fn other_rails_show_in_what_they_say() {
    let world = lived().await;
    let shadow = World { profile: Profile::Observe, ..World::new() };
    let all = recalled(&world, &deciders(&shadow, |_| ()));
    let said: Vec<_> = all.iter().flat_map(|it| &it.differences).collect();
    assert!(said.iter().all(|it| it.what.starts_with("decisions[")), "{said:#?}");
    assert!(said.iter().any(|it| it.now.as_deref() == Some("\"observe_only\"")), "{said:#?}");
}

#[tokio::test]
async fn why_people_are_asked_is_no_difference_where_it_was_not_kept() {
    let world = World { profile: Profile::Observe, ..World::new() };
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    for _ in 0..10 {
        world.run(&mut cycle).await;
    }
    let mut rails = RailsConfig::default();
    rails.autonomy.kinds.insert(ActionKind::ScaleUp, Autonomy::Suggest);
    let deciders = Deciders { rails: Rails::new(&rails), ..deciders(&world, |_| ()) };
    let differ = |because: &[Refusal]| {
        let values = |hash: &_| world.store.blob(hash).unwrap();
        let mut replay = Replay::default();
        let mut found = Vec::new();
        for mut record in records(&world) {
            if let Body::Decided(decided) = &mut record.body {
                for plan in &mut decided.decisions {
                    plan.said = Decision::AwaitApproval { needed: 1, because: because.to_vec() };
                }
            }
            found.extend(replay.take(&record, &values, Some(&deciders)));
        }
        found.iter().flat_map(|it| &it.differences).filter(|it| it.what.contains("because")).count()
    };
    assert_eq!(differ(&[]), 0);
    assert!(differ(&[Refusal::new("autonomy", "something else")]) > 0);
}

#[tokio::test]
async fn what_is_lost_is_said_and_the_rest_is_replayed() {
    let world = World { profile: Profile::Observe, ..World::new() };
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    for _ in 0..20 {
        world.run(&mut cycle).await;
    }
    let deciders = deciders(&world, |_| ());
    let (whole, records) = (recalled(&world, &deciders), records(&world));
    assert_eq!(whole.len(), 20);
    assert!(whole.iter().all(|it| !it.differs() && it.skipped.is_empty()), "{whole:#?}");
    // The first cycle is gone, and with it what the analyzer remembered; after sixteen it is kept again.
    let first = records.iter().position(|it| matches!(it.body, Body::Cycle(_))).unwrap();
    let values = |hash: &_| world.store.blob(hash).unwrap();
    let mut replay = Replay::default();
    let rest = records.iter().enumerate().filter(|(at, _)| *at != first);
    let mut all: Vec<_> =
        rest.filter_map(|(_, record)| replay.take(record, &values, Some(&deciders))).collect();
    all.extend(replay.finish());
    let skipped: Vec<_> = all.iter().map(|it| it.skipped.len()).collect();
    assert_eq!(skipped, [&[1; 15][..], &[0; 4]].concat(), "{all:#?}");
    assert!(all.iter().all(|it| !it.differs()), "{all:#?}");
    // Nothing is there at all.
    let mut replay = Replay::default();
    let nothing = |_: &_| None;
    let taken = records.iter().filter_map(|it| replay.take(it, &nothing, Some(&deciders)));
    let mut all: Vec<_> = taken.collect();
    all.extend(replay.finish());
    assert_eq!(all.len(), 20);
    assert!(all.iter().all(|it| it.skipped == ["its observation is not there"]), "{all:#?}");
}
