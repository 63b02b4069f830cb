//! Lets the plant's time follow another clock.

use std::future::Future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::in_process::InProcess;

/// Advances a Charter with a clock that is handed in, at a multiple of its pace.
///
/// The driver asks for the time and computes where the plant should be, so that a late tick is made up for by the next and
/// never accumulates.
#[derive(Debug)]
pub struct Driver {
    charter: InProcess,
    speed: f64,
    tick: Duration,
}

impl Driver {
    /// Slowest and fastest pace: a second of the plant takes between 1 000 s and a tenth of a millisecond.
    pub const SPEED_RANGE: (f64, f64) = (0.001, 10_000.0);

    /// Follows at `speed` times the pace of the clock; what lies outside [`SPEED_RANGE`](Self::SPEED_RANGE) is cut to it.
    #[must_use]
    pub fn new(charter: InProcess, speed: f64) -> Self {
        let (slowest, fastest) = Self::SPEED_RANGE;
        // `max` first, so that a NaN becomes the slowest pace.
        let speed = speed.max(slowest).min(fastest);
        Self { charter, speed, tick: Duration::from_millis(50) }
    }

    /// Runs until `shutdown` completes. `now` tells the time of the clock that is followed; if it goes back, the plant waits.
    pub async fn run(self, now: impl Fn() -> Timestamp, shutdown: impl Future<Output = ()>) {
        let (clock_start, plant_start) = (now(), self.charter.now());
        let mut ticks = tokio::time::interval(self.tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                _ = ticks.tick() => {
                    let elapsed = now().duration_since(clock_start).as_secs_f64() * self.speed;
                    let passed = SignedDuration::try_from_secs_f64(elapsed).unwrap_or(SignedDuration::ZERO);
                    let to = plant_start.checked_add(passed).unwrap_or(plant_start);
                    self.charter.advance_to(to);
                }
            }
        }
    }
}
