//! What people can see of hours that are over, also after a restart.

use mapek_execute::Retention;
use mapek_loop::Clock as _;
use mapek_model::{Duration, Timestamp, earlier};

use crate::world::World;

const ALL: (Timestamp, Timestamp) = (Timestamp::MIN, Timestamp::MAX);

/// A fault that is healed, with quiet cycles around it.
async fn healed(world: &World) -> mapek_loop::LoopState {
    let mut cycle = world.cycle();
    for _ in 0..3 {
        world.run(&mut cycle).await;
    }
    *world.service.slow.lock().unwrap() = true;
    world.heal(&mut cycle).await;
    for _ in 0..3 {
        world.run(&mut cycle).await;
    }
    cycle.state()
}

#[tokio::test]
async fn a_day_shows_what_was_breached_and_what_was_done() {
    let state = healed(&World::new()).await;
    let chronicle = &state.chronicle;
    let moments = chronicle.moments(ALL.0, ALL.1);
    assert_eq!(moments.len() as u64, state.statistics.cycles);
    let numbers: Vec<_> = moments.iter().map(|it| it.number.get()).collect();
    assert_eq!(numbers, (1..=state.statistics.cycles).collect::<Vec<_>>());
    let sick: Vec<_> = moments.iter().filter(|it| it.open.critical > 0).collect();
    assert!(!sick.is_empty() && sick.len() < moments.len());
    let suspect = sick[0].suspect.as_ref().unwrap();
    assert!(suspect.cause.contains("latency"), "{suspect:?}");
    assert!(sick.iter().any(|it| it.decisions.iter().any(|it| it.starts_with("started: "))));
    let [episode] = &chronicle.episodes(ALL.0, ALL.1)[..] else { panic!("one") };
    assert_eq!((episode.from, episode.gone), (sick[0].at, false));
    assert!(episode.to > Some(episode.from));
    assert_eq!(episode.threshold, Some(1.0));
    let [track] = &chronicle.tracks(ALL.0, ALL.1)[..] else { panic!("one") };
    let words: Vec<_> = track.marks.iter().map(|it| it.event).collect();
    assert_eq!(words[..4], ["started", "rehearsed", "intended", "applied"], "{words:?}");
    assert!(words.ends_with(&["judged", "ended"]), "{words:?}");
    assert_eq!((track.verdict(), track.ending()), (Some("success"), Some("completed")));
    assert_eq!(&*track.steps[0], "scale up to 5 replicas");
    assert!(track.marks.is_sorted_by_key(|it| it.at));
}

#[tokio::test]
async fn after_a_restart_the_journal_tells_what_it_has() {
    let world = World::new();
    let before = healed(&world).await;
    let looped = world.builder().build().unwrap();
    let handle = looped.handle();
    assert!(handle.state().chronicle.moments(ALL.0, ALL.1).is_empty());
    handle.recall().unwrap();
    let (was, now) = (&before.chronicle, &handle.state().chronicle);
    // Quiet cycles are not in the journal: they are a gap, and nothing is made up.
    let moments = now.moments(ALL.0, ALL.1);
    let all = was.moments(ALL.0, ALL.1);
    assert!(!moments.is_empty() && moments.len() < all.len());
    for moment in &moments {
        let then = all.iter().find(|it| it.number == moment.number).unwrap();
        assert_eq!((moment.at, moment.open), (then.at, then.open));
        assert_eq!(moment.suspect, then.suspect);
        assert_eq!(moment.quality, then.quality);
        assert_eq!(moment.values().collect::<Vec<_>>(), then.values().collect::<Vec<_>>());
    }
    assert!(moments.iter().any(|it| it.decisions.iter().any(|it| it.contains("scale up"))));
    assert_eq!(now.episodes(ALL.0, ALL.1), was.episodes(ALL.0, ALL.1));
    let (now, was) = (now.tracks(ALL.0, ALL.1), was.tracks(ALL.0, ALL.1));
    assert_eq!(now, was);
}

#[tokio::test]
async fn what_went_on_over_a_restart_is_one() {
    let world = World::new();
    *world.service.slow.lock().unwrap() = true;
    let mut cycle = world.cycle();
    for _ in 0..10 {
        if world.service.sent() == 0 {
            world.run(&mut cycle).await;
        }
    }
    cycle.control().pause("ada", "look", world.clock.now()).unwrap();
    world.run(&mut cycle).await;
    drop(cycle);
    let looped = world.builder().build().unwrap();
    let handle = looped.handle();
    let shutdown = {
        let (handle, clock) = (handle.clone(), world.clock.clone());
        async move {
            handle.recall().unwrap();
            let mut state = handle.watch();
            // One cycle has run; the loop sleeps on a clock that is moved by hand.
            for _ in 0..4 {
                let due = state.borrow_and_update().next_due.unwrap();
                clock.advance_to(due);
                state.changed().await.unwrap();
            }
        }
    };
    looped.run(shutdown).await;
    let state = handle.state();
    let chronicle = &state.chronicle;
    let [track] = &chronicle.tracks(ALL.0, ALL.1)[..] else { panic!("one") };
    let begun = track.marks.iter().filter(|it| it.event == "started").count();
    let applied = track.marks.iter().filter(|it| it.event == "applied").count();
    assert_eq!((begun, applied), (1, 1), "{:?}", track.marks);
    let [pause] = &chronicle.pauses(ALL.0, ALL.1)[..] else { panic!("one") };
    assert_eq!(pause.to, None);
    assert_eq!(chronicle.episodes(ALL.0, ALL.1).len(), 1);
}

#[tokio::test]
async fn cycles_that_left_memory_are_recalled_as_far_as_the_journal_has_them() {
    let world = World::new();
    let before = healed(&world).await;
    let handle = world.builder().build().unwrap().handle();
    let decided = before.reports.iter().find(|it| !it.decisions.is_empty()).unwrap();
    let recalled = handle.recall_cycle(decided.number).unwrap().unwrap();
    assert_eq!(recalled.seen, decided.seen);
    assert_eq!(recalled.diagnosis, decided.diagnosis);
    assert_eq!(recalled.planning, decided.planning);
    assert_eq!(recalled.decisions, decided.decisions);
    assert_eq!((recalled.at, recalled.number), (decided.at, decided.number));
    assert!(recalled.unknown.contains("woken_by") && !recalled.unknown.contains("decisions"));
    // Nothing was wrong in the first, and there never was a hundredth.
    let first = before.reports.front().unwrap().number;
    assert_eq!(handle.recall_cycle(first).unwrap(), None);
    assert_eq!(handle.recall_cycle(mapek_model::CycleNumber::new(100)).unwrap(), None);
}

#[tokio::test]
async fn what_is_pruned_is_not_recalled() {
    let retention = Retention { age: Duration::from_secs(7 * 24 * 3600), records: 20 };
    let world = World { retention, ..World::new() };
    let mut cycle = world.cycle();
    *world.service.slow.lock().unwrap() = true;
    let first = world.heal(&mut cycle).await[1].number;
    for _ in 0..40 {
        *world.service.slow.lock().unwrap() = false;
        *world.service.replicas.lock().unwrap() = 3;
        for _ in 0..130 {
            world.run(&mut cycle).await;
            world.clock.advance(Duration::from_secs(700));
        }
        use mapek_store::Store as _;
        let pruned = world.store.pruned().unwrap().through.get();
        if pruned > 0 {
            break;
        }
        *world.service.slow.lock().unwrap() = true;
        world.heal(&mut cycle).await;
    }
    drop(cycle);
    let looped = world.builder().build().unwrap();
    assert_eq!(looped.handle().recall_cycle(first).unwrap(), None);
    looped.handle().recall().unwrap();
    let since = earlier(world.clock.now(), mapek_loop::Chronicle::AGE_MAX);
    let moments = looped.handle().state().chronicle.moments(ALL.0, ALL.1);
    assert!(moments.iter().all(|it| it.at >= since));
}
