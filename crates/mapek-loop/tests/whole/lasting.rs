//! What survives the loop, and what does not.

use mapek_execute::Retention;
use mapek_loop::Seed;
use mapek_model::{Duration, Verdict};

use crate::world::World;

#[tokio::test]
async fn a_restart_goes_on_where_it_was_and_sends_nothing_twice() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    for _ in 0..10 {
        if world.service.sent() == 0 {
            world.run(&mut cycle).await;
        }
    }
    let number = cycle.next_number();
    drop(cycle);
    let mut again = world.cycle();
    assert_eq!(again.next_number(), number);
    let reports = world.heal(&mut again).await;
    assert_eq!(reports.last().unwrap().outcomes[0].verdict, Verdict::Success);
    assert_eq!(world.service.sent(), 1);
    // What is learned is learned once, however often the loop starts.
    let mut once_more = world.cycle();
    assert!(world.run(&mut once_more).await.outcomes.is_empty());
}

#[tokio::test]
async fn what_is_learned_from_a_new_journal_is_learned_too() {
    let first = World::new();
    *first.service.slow.lock().unwrap() = true;
    first.heal(&mut first.cycle()).await;
    let second = World { knowledge: first.knowledge.clone(), seed: Seed(8), ..World::new() };
    second.clock.advance(Duration::from_secs(3600));
    *second.service.slow.lock().unwrap() = true;
    second.heal(&mut second.cycle()).await;
    let experience = second.knowledge_of().await;
    assert_eq!(experience.plans["validation-latency"].values().next().unwrap().success, 2);
}

#[tokio::test]
async fn the_journal_of_a_loop_stays_small_and_loses_no_outcome() {
    let retention = Retention { age: Duration::from_secs(7 * 24 * 3600), records: 20 };
    let world = World { retention, ..World::new() };
    let mut cycle = world.cycle();
    for _ in 0..6 {
        *world.service.slow.lock().unwrap() = true;
        world.heal(&mut cycle).await;
        *world.service.slow.lock().unwrap() = false;
        *world.service.replicas.lock().unwrap() = 3;
        for _ in 0..130 {
            // A day and more, so that what ended is not needed any more.
            world.run(&mut cycle).await;
            world.clock.advance(Duration::from_secs(700));
        }
    }
    use mapek_store::Store as _;
    let records = world.store.read(mapek_model::Sequence::new(0), 1000).unwrap();
    assert!(records.len() < 45, "{} records", records.len());
    assert!(records[0].sequence.get() > 20, "the first are gone");
    assert_eq!(
        world.knowledge_of().await.plans["validation-latency"].values().next().unwrap().success,
        6
    );
    drop(cycle);
    let again = world.cycle();
    assert_eq!(again.control().bad_records(), []);
}
