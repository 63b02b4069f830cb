//! How long the stages take on real processes: Prometheus and Alertmanager as they are installed, Charter on a socket, and the loop as
//! `mapek run` composes it. Prints medians and maxima beside what an operator may expect; asserts nothing but that it heals.
//!
//! `cargo bench -p mapek-tests --bench real_processes`
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it is there to measure and to print"
)]

#[path = "../whole_loop/support/mod.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod support;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use mapek::{CycleReport, WakeReason, model::CycleNumber};
use support::{Setup, World, begins, sees, slow_validation};

/// What an operator may expect, by what is measured.
const EXPECTED: [(&str, Duration); 7] = [
    ("monitor", Duration::from_secs(1)),
    ("analyze", Duration::from_secs(2)),
    ("plan", Duration::from_secs(3)),
    ("execute", Duration::from_secs(5)),
    ("knowledge", Duration::from_millis(100)),
    ("cycle", Duration::from_secs(15)),
    ("fault to violation", Duration::from_secs(5)),
];

/// Cycles after it was healed, so that quiet ones are among those measured.
const QUIET_CYCLES: usize = 30;

#[tokio::main]
async fn main() {
    let world = World::start(Setup { alerts: true, ..Setup::default() }).await;
    let mut measured = Measured::default();
    let broken = Instant::now();
    world.inject(slow_validation());
    measured.until(&world, |last| sees(last, "high-validation-latency")).await;
    measured.note("fault to violation", broken.elapsed());
    measured.until(&world, begins).await;
    measured.note("fault to action", broken.elapsed());
    measured.until(&world, |last| !last.outcomes.is_empty()).await;
    measured.note("fault to outcome", broken.elapsed());
    measured.until(&world, |last| last.seen.open.is_empty()).await;
    for _ in 0..QUIET_CYCLES {
        measured.one_more(&world).await;
    }
    measured.print();
}

/// Durations by what took them.
#[derive(Default)]
struct Measured {
    took: BTreeMap<&'static str, Vec<Duration>>,
    last: CycleNumber,
}

impl Measured {
    fn note(&mut self, what: &'static str, took: Duration) {
        self.took.entry(what).or_default().push(took);
    }

    /// Measures cycles until one of which something is so.
    async fn until(&mut self, world: &World, so: impl Fn(&CycleReport) -> bool) {
        while !so(&*self.one_more(world).await) {}
    }

    async fn one_more(&mut self, world: &World) -> std::sync::Arc<CycleReport> {
        world.handle.wake(WakeReason::Request);
        let seen = self.last;
        let new = |state: &mapek::LoopState| state.last().is_some_and(|it| it.number > seen);
        world.until("one more cycle", new).await;
        let state = world.state();
        for (stage, took) in state.timings.stages() {
            self.note(stage, took);
        }
        self.note("cycle", state.timings.total);
        let report = state.last().expect("there was one a moment ago");
        self.last = report.number;
        std::sync::Arc::clone(report)
    }

    fn print(mut self) {
        println!("{:20}{:>8}{:>14}{:>14}{:>14}", "", "n", "median", "maximum", "expected");
        for (what, took) in &mut self.took {
            took.sort_unstable();
            let expected = EXPECTED.iter().find(|(name, _)| name == what);
            let expected = expected.map_or_else(String::new, |(_, most)| format!("< {most:?}"));
            let (median, most) = (took[took.len() / 2], took[took.len() - 1]);
            println!("{what:20}{:>8}{median:>14.1?}{most:>14.1?}{expected:>14}", took.len());
        }
    }
}
