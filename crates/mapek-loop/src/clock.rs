//! The loop's clock: the only one in the library.
//!
//! Stages are told `now`. Whoever composes the loop chooses where it comes from: the system, a test's hand, or a system
//! clock that runs faster, for demonstrations.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use mapek_model::{Duration, Timestamp, later, since};
use tokio::sync::Notify;

/// Tells the time, measures how long things take, and waits.
///
/// `now` may jump, backwards too: it is the wall clock. [`stopwatch`](Self::stopwatch) never goes back. Waiting is
/// cancelled by dropping the future; nothing is left behind.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; only differences mean anything.
    fn stopwatch(&self) -> Duration;

    /// Returns once [`now`](Self::now) is at or after `at`, or as much time has passed as there was left at the call:
    /// a clock that is set back meanwhile delays nothing.
    async fn sleep_until(&self, at: Timestamp);
}

const _: Option<&dyn Clock> = None;

#[async_trait]
impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        self.as_ref().now()
    }

    fn stopwatch(&self) -> Duration {
        self.as_ref().stopwatch()
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.as_ref().sleep_until(at).await;
    }
}

/// How often a sleeper looks whether the wall clock was set forward.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// The system's clock, at its own pace or a multiple of it.
///
/// At a multiple it starts at the system's time and runs away from it: a minute of loop time then passes in a second
/// at a pace of 60. That is for demonstrations; nothing outside the process agrees with such a clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Timestamp,
    origin: tokio::time::Instant,
    pace: u32,
}

impl SystemClock {
    /// At the system's own pace.
    #[must_use]
    pub fn new() -> Self {
        Self::with_pace(1)
    }

    /// Runs `pace` times as fast as the system's; 0 is taken for 1.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time comes in")]
    pub fn with_pace(pace: u32) -> Self {
        Self { started: Timestamp::now(), origin: tokio::time::Instant::now(), pace: pace.max(1) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time comes in")]
    fn now(&self) -> Timestamp {
        // At its own pace it follows the system's corrections; at another one there is nothing to follow.
        if self.pace == 1 {
            Timestamp::now()
        } else {
            later(self.started, self.origin.elapsed().saturating_mul(self.pace))
        }
    }

    fn stopwatch(&self) -> Duration {
        self.origin.elapsed()
    }

    async fn sleep_until(&self, at: Timestamp) {
        // Both ways of being late enough count: the wall clock may be set forward while we sleep, or back by an hour,
        // which must not stop a loop for an hour.
        let asked = self.origin.elapsed();
        let whole = since(at, self.now()) / self.pace;
        loop {
            let left = since(at, self.now()) / self.pace;
            let slept = self.origin.elapsed().saturating_sub(asked);
            let rest = left.min(whole.saturating_sub(slept));
            if rest.is_zero() {
                return;
            }
            tokio::time::sleep(rest.clamp(Duration::from_millis(1), LOOK_AGAIN)).await;
        }
    }
}

/// A clock that stands still until it is moved, for tests and simulation.
///
/// ```
/// use mapek_loop::{Clock, ManualClock};
/// use mapek_model::{Duration, Timestamp, later};
///
/// let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(30));
/// assert_eq!(clock.now(), later(Timestamp::UNIX_EPOCH, Duration::from_secs(30)));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock {
    inner: Arc<ManualInner>,
}

#[derive(Debug)]
struct ManualInner {
    now: Mutex<Timestamp>,
    start: Timestamp,
    moved: Notify,
}

impl ManualClock {
    /// Stands at `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self {
            inner: Arc::new(ManualInner { now: Mutex::new(now), start: now, moved: Notify::new() }),
        }
    }

    /// Moves on by `by` and wakes whoever waited for it.
    pub fn advance(&self, by: Duration) {
        let mut now = self.inner.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = later(*now, by);
        drop(now);
        self.inner.moved.notify_waiters();
    }

    /// Moves on to `to` and wakes whoever waited for it; a moment that has passed changes nothing.
    pub fn advance_to(&self, to: Timestamp) {
        self.advance(since(to, self.now()));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.inner.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopwatch(&self) -> Duration {
        since(self.now(), self.inner.start)
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            // Registered before the look at the time, so that a move in between is not missed.
            let moved = self.inner.moved.notified();
            if self.now() >= at {
                return;
            }
            moved.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_faster_clock_sleeps_less() {
        let clock = SystemClock::with_pace(60);
        let begun = tokio::time::Instant::now();
        clock.sleep_until(later(clock.now(), Duration::from_secs(60))).await;
        let slept = begun.elapsed();
        assert!((900..=1100).contains(&slept.as_millis()), "{slept:?}");
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_only_when_it_is_late_enough() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let at = later(clock.now(), Duration::from_secs(10));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(at).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(9));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance_to(at);
        sleeper.await.unwrap();
        assert_eq!(clock.stopwatch(), Duration::from_secs(10));
    }
}
