//! Rates, tries, and what one message stands for.

use mapek_loop::ManualClock;

use super::*;
use crate::fixture::{at, proposal, quiet, stuck, with};

fn desk(config: Config) -> (ManualClock, Desk) {
    let clock = ManualClock::at(at(60));
    let kinds = Kind::ALL.into();
    (clock.clone(), Desk::new(Book::default(), kinds, config, Arc::new(clock)))
}

fn next(
    desk: &mut Desk,
    clock: &ManualClock,
    state: &LoopState,
) -> Result<Message, Option<Duration>> {
    match desk.next(state, clock.now()) {
        Next::Tell(message) => Ok(*message),
        Next::Wait { until } => Err(until),
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn waiting(n: u128) -> LoopState {
    let mut state = quiet();
    state.proposals = (1..=n).map(proposal).collect();
    state
}

#[test]
fn too_many_of_a_kind_are_told_together_with_their_number() {
    let (clock, mut desk) = desk(Config { burst: 2, ..Config::default() });
    let state = waiting(20);
    for _ in 0..2 {
        let message = next(&mut desk, &clock, &state).unwrap();
        assert_eq!((message.notice.held_back, message.covers.len()), (0, 1));
        desk.told(&message, clock.now());
    }
    assert_eq!(next(&mut desk, &clock, &state).unwrap_err(), Some(seconds(60)));
    assert_eq!(desk.take_held_back().len(), 18);
    assert_eq!(next(&mut desk, &clock, &state).unwrap_err(), Some(seconds(60)));
    assert_eq!(desk.take_held_back(), [], "each is counted once");
    clock.advance(seconds(60));
    let message = next(&mut desk, &clock, &state).unwrap();
    assert_eq!((message.notice.held_back, message.notice.others.len()), (17, OTHERS_MAX));
    assert!(message.notice.text.contains(" And 17 more of this kind"), "{}", message.notice.text);
    desk.told(&message, clock.now());
    assert_eq!(next(&mut desk, &clock, &state).unwrap_err(), Some(seconds(3540)), "all are told");
}

#[test]
fn a_flood_of_one_kind_holds_up_no_other() {
    let (clock, mut desk) = desk(Config { burst: 1, ..Config::default() });
    let mut state = waiting(3);
    let message = next(&mut desk, &clock, &state).unwrap();
    desk.told(&message, clock.now());
    next(&mut desk, &clock, &state).unwrap_err();
    state.executions = with([stuck(1, 5)]).executions;
    let message = next(&mut desk, &clock, &state).unwrap();
    assert_eq!(message.notice.kind, Kind::NeedsOperator);
}

#[test]
fn who_is_not_reached_is_tried_again_with_the_same_room() {
    let (clock, mut desk) = desk(Config { burst: 1, ..Config::default() });
    let state = waiting(1);
    let mut message = next(&mut desk, &clock, &state).unwrap();
    for wait in [1, 2, 4] {
        assert_eq!(desk.failed(&message, None), seconds(wait));
        assert_eq!(next(&mut desk, &clock, &state).unwrap_err(), Some(seconds(wait)));
        clock.advance(seconds(wait));
        message = next(&mut desk, &clock, &state).unwrap();
    }
    assert_eq!(desk.failed(&message, Some(seconds(30))), seconds(30), "as was asked for");
    // What is over meanwhile is not told.
    assert_eq!(next(&mut desk, &clock, &quiet()).unwrap_err(), None);
}

#[test]
fn an_emergency_does_not_wait_behind_what_failed() {
    let (clock, mut desk) = desk(Config::default());
    let mut state = waiting(1);
    let message = next(&mut desk, &clock, &state).unwrap();
    desk.failed(&message, Some(seconds(60)));
    state.executions = with([stuck(1, 5)]).executions;
    let message = next(&mut desk, &clock, &state).unwrap();
    assert_eq!(message.notice.kind, Kind::NeedsOperator);
    desk.failed(&message, Some(seconds(60)));
    // Once: the next try of the same waits.
    assert_eq!(next(&mut desk, &clock, &state).unwrap_err(), Some(seconds(60)));
    // Others may be tried at once, but not without end.
    let emergencies = (2..40).take_while(|n| {
        state.executions = with([stuck(*n, 5)]).executions;
        let message = next(&mut desk, &clock, &state);
        message.map(|message| desk.failed(&message, Some(seconds(60)))).is_ok()
    });
    assert_eq!(emergencies.count(), 9);
}

#[test]
fn a_channel_is_told_of_its_kinds_alone() {
    let clock = ManualClock::at(at(60));
    let kinds = [Kind::Paused].into();
    let mut desk = Desk::new(Book::default(), kinds, Config::default(), Arc::new(clock.clone()));
    assert_eq!(next(&mut desk, &clock, &waiting(1)).unwrap_err(), None);
    let mut state = waiting(1);
    state.paused = Some("paused by ada".to_owned());
    assert_eq!(next(&mut desk, &clock, &state).unwrap().notice.kind, Kind::Paused);
}

#[test]
fn what_a_new_process_does_not_know_yet_is_not_over() {
    let (clock, mut desk) = desk(Config::default());
    let mut state = quiet();
    let mut report = crate::fixture::report(1);
    report.planning.escalate = Some("the cause is unknown".to_owned());
    crate::fixture::push(&mut state, report);
    let message = next(&mut desk, &clock, &state).unwrap();
    desk.told(&message, clock.now());
    // As after a restart: no cycle has run.
    next(&mut desk, &clock, &quiet()).unwrap_err();
    crate::fixture::push(&mut state, crate::fixture::report(2));
    assert_eq!(next(&mut desk, &clock, &state).unwrap().notice.phase, Phase::Ended);
}
