//! When cycles run.

use std::{collections::BTreeSet, sync::Arc};

use mapek_loop::{CycleReport, Loop, LoopConfig, Unready, WakeReason};
use mapek_model::Duration;

use crate::world::World;

#[tokio::test]
async fn a_wake_up_runs_a_cycle_before_its_time_and_shutting_down_ends_the_loop() {
    let world = World::new();
    let zero = Duration::ZERO;
    let config = LoopConfig { debounce: zero, min_gap: zero, ..LoopConfig::default() };
    let running = Running::start(world.builder().config(config).build().unwrap());
    let Running { handle, mut state, stop, task } = running;
    // Time stands still: only the wake-up can have run the second cycle.
    state.wait_for(|state| state.statistics.cycles == 1).await.unwrap();
    let report = handle.run_cycle().await.unwrap();
    assert_eq!(report.woken_by, BTreeSet::from([WakeReason::Request]));
    handle.pause("ada", "enough").unwrap();
    assert!(handle.state().unready().unwrap().to_string().contains("ada"));
    stop.notify_one();
    assert!(task.await.unwrap().is_some());
    assert_eq!(handle.state().unready(), Some(Unready::Stopped));
    assert!(matches!(handle.run_cycle().await, Err(mapek_loop::Error::Stopped)));
}

#[tokio::test]
async fn the_loop_says_that_it_was_woken_because_something_is_due() {
    let world = World::new();
    let mut running = Running::start(world.builder().build().unwrap());
    *world.service.slow.lock().unwrap() = true;
    let mut woken_by = BTreeSet::new();
    for n in 1..20 {
        let last = running.cycle(n).await;
        // A live execution is due before the interval is over: verification ends 60 s after its step.
        let early = mapek_model::since(last.next_due, last.at) < Duration::from_secs(30);
        world.clock.advance_to(last.next_due);
        let expected = if early { WakeReason::Due } else { WakeReason::Interval };
        assert_eq!(running.cycle(n + 1).await.woken_by, BTreeSet::from([expected]));
        woken_by.insert(expected);
    }
    assert!(woken_by.contains(&WakeReason::Due));
    running.stop().await;
}

#[tokio::test]
async fn a_host_that_moves_the_clock_makes_the_steps_itself() {
    let world = World::new();
    let mut looped = world.builder().build().unwrap();
    let handle = looped.handle();
    let mut steps = vec![looped.step().await, looped.step().await];
    handle.wake(WakeReason::Request);
    handle.wake(WakeReason::Alert);
    steps.extend([looped.step().await, looped.step().await]);
    let due = handle.state().last().unwrap().next_due;
    world.clock.advance_to(due);
    steps.extend([looped.step().await, looped.step().await]);
    let why = |step: &Option<Arc<CycleReport>>| step.as_ref().map(|it| it.woken_by.clone());
    let [start, interval] =
        [WakeReason::Start, WakeReason::Interval].map(|it| BTreeSet::from([it]));
    let asked = BTreeSet::from([WakeReason::Request, WakeReason::Alert]);
    let expected = [Some(start), None, Some(asked), None, Some(interval), None];
    assert_eq!(steps.iter().map(why).collect::<Vec<_>>(), expected);
    assert_eq!(handle.state().statistics.cycles, 3, "what it is at is shown");
    looped.stop();
    assert_eq!(handle.state().unready(), Some(Unready::Stopped));
    assert!(matches!(handle.run_cycle().await, Err(mapek_loop::Error::Stopped)));
}

/// Runs a loop beside the test, which is told what it is at and moves the clock.
struct Running {
    handle: mapek_loop::LoopHandle,
    state: tokio::sync::watch::Receiver<Arc<mapek_loop::LoopState>>,
    stop: Arc<tokio::sync::Notify>,
    task: tokio::task::JoinHandle<Option<Arc<CycleReport>>>,
}

impl Running {
    fn start(looped: Loop) -> Self {
        let (handle, stop) = (looped.handle(), Arc::new(tokio::sync::Notify::new()));
        let stopped = stop.clone();
        let task =
            tokio::spawn(async move { looped.run(async move { stopped.notified().await }).await });
        Self { state: handle.watch(), handle, stop, task }
    }

    /// Waits for the nth cycle.
    async fn cycle(&mut self, n: u64) -> Arc<CycleReport> {
        let state = self.state.wait_for(|state| state.statistics.cycles >= n).await.unwrap();
        Arc::clone(state.last().unwrap())
    }

    async fn stop(self) {
        self.stop.notify_one();
        self.task.await.unwrap();
    }
}

/// Lets everybody run who can. On one thread and with a clock that stands still, nothing more happens by itself then.
async fn all_quiet() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn wake_ups_do_not_make_cycles_run_back_to_back() {
    let world = World::new();
    let min_gap = Duration::from_secs(5);
    let config = LoopConfig { debounce: Duration::ZERO, min_gap, ..LoopConfig::default() };
    let mut running = Running::start(world.builder().config(config).build().unwrap());
    running.cycle(1).await;
    for _ in 0..9 {
        running.handle.wake(WakeReason::Alert);
        all_quiet().await;
        world.clock.advance(Duration::from_millis(500));
    }
    all_quiet().await;
    assert_eq!(running.handle.state().statistics.cycles, 1, "4.5 s are not 5 s");
    world.clock.advance(Duration::from_millis(500));
    assert_eq!(running.cycle(2).await.woken_by, BTreeSet::from([WakeReason::Alert]));
    all_quiet().await;
    assert_eq!(running.handle.state().statistics.cycles, 2, "nine wake-ups are one cycle");
    running.stop().await;
}

#[tokio::test]
async fn a_loop_that_hangs_is_not_ready() {
    let world = World::new();
    let mut running = Running::start(world.builder().build().unwrap());
    running.cycle(1).await;
    assert_eq!(running.handle.state().unready(), None);
    // Waiting for the next cycle is no reason.
    world.clock.advance(Duration::from_secs(29));
    assert_eq!(running.handle.state().unready(), None);
    // The managed system takes a call and never answers it.
    *world.service.hangs.lock().unwrap() = true;
    *world.service.slow.lock().unwrap() = true;
    let mut n = 1;
    while running.state.borrow().executions.is_empty() && n < 10 {
        world.clock.advance(Duration::from_secs(30));
        all_quiet().await;
        n += 1;
    }
    let cycles = running.handle.state().statistics.cycles;
    world.clock.advance(Duration::from_secs(600));
    all_quiet().await;
    assert_eq!(running.handle.state().statistics.cycles, cycles, "it hangs");
    let why = running.handle.state().unready().unwrap().to_string();
    assert!(why.starts_with("no cycle has completed for 1"), "{why}");
    running.task.abort();
}
