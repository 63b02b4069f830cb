//! How often somebody is told, and how often it is tried.

use std::{num::NonZeroU32, sync::Arc};

use governor::{
    Quota, RateLimiter, clock::Clock as _, middleware::NoOpMiddleware, nanos::Nanos,
    state::keyed::HashMapStateStore,
};
use mapek_loop::Clock;
use mapek_model::Duration;

use crate::{Config, Kind};

/// The first wait before another try.
const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// Messages of each kind to one channel.
#[derive(Debug)]
pub(crate) struct Pace {
    limiter: RateLimiter<Kind, HashMapStateStore<Kind>, Stopwatch, NoOpMiddleware<Nanos>>,
    clock: Stopwatch,
}

impl Pace {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let burst = NonZeroU32::new(config.burst).unwrap_or(NonZeroU32::MIN);
        let refill = config.refill.max(Duration::from_millis(1));
        let quota = Quota::with_period(refill).expect("the period is not zero").allow_burst(burst);
        let clock = Stopwatch(clock);
        Self { limiter: RateLimiter::hashmap_with_clock(quota, clock.clone()), clock }
    }

    /// Makes room for a message of a kind, or says after how long there is some.
    pub(crate) fn take(&self, kind: Kind) -> Result<(), Duration> {
        let taken = self.limiter.check_key(&kind);
        taken.map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }
}

/// The loop's clock, as a limiter reads it.
#[derive(Debug, Clone)]
struct Stopwatch(Arc<dyn Clock>);

impl governor::clock::Clock for Stopwatch {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        // A limiter has no time before it began; an hour lies safely behind.
        Nanos::from(self.0.stopwatch() + Duration::from_secs(3600))
    }
}

/// Tries to reach one receiver: each wait is twice the one before, and what is urgent may be tried at once as long as the budget lasts.
#[derive(Debug)]
pub(crate) struct Tries {
    max: Duration,
    failed: u32,
    /// Tries out of turn that are left until one succeeds.
    urgent_left: u32,
}

impl Tries {
    /// Tries out of turn until one succeeds: so many emergencies may come while nobody is reached.
    const URGENT: u32 = 10;

    pub(crate) const fn new(max: Duration) -> Self {
        Self { max, failed: 0, urgent_left: Self::URGENT }
    }

    pub(crate) const fn succeeded(&mut self) {
        self.failed = 0;
        self.urgent_left = Self::URGENT;
    }

    /// How long to wait after one that failed; not less than the receiver asks for, within bounds.
    pub(crate) fn failed(&mut self, asked: Option<Duration>) -> Duration {
        let doubled = BACKOFF_MIN.saturating_mul(1 << self.failed.min(16));
        self.failed = self.failed.saturating_add(1);
        doubled.max(asked.unwrap_or_default()).min(self.max)
    }

    /// Whether one may be made out of turn.
    pub(crate) const fn urgent(&mut self) -> bool {
        match self.urgent_left.checked_sub(1) {
            Some(left) => {
                self.urgent_left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use mapek_loop::ManualClock;
    use mapek_model::Timestamp;

    use super::*;

    #[test]
    fn so_many_of_a_kind_at_once_and_then_one_by_one() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let config = Config { burst: 2, ..Config::default() };
        let pace = Pace::new(&config, Arc::new(clock.clone()));
        pace.take(Kind::Escalation).unwrap();
        pace.take(Kind::Escalation).unwrap();
        assert_eq!(pace.take(Kind::Escalation), Err(Duration::from_secs(60)));
        pace.take(Kind::NeedsOperator).expect("another kind");
        clock.advance(Duration::from_secs(60));
        pace.take(Kind::Escalation).unwrap();
        pace.take(Kind::Escalation).unwrap_err();
    }

    #[test]
    fn waits_double_up_to_their_limit_and_urgent_tries_have_a_budget() {
        let mut tries = Tries::new(Duration::from_secs(60));
        let waits: Vec<_> = (0..8).map(|_| tries.failed(None).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!((0..100).filter(|_| tries.urgent()).count(), 10);
        tries.succeeded();
        assert!(tries.urgent());
        assert_eq!(tries.failed(Some(Duration::from_secs(7))).as_secs(), 7);
        assert_eq!(tries.failed(Some(Duration::from_secs(7000))).as_secs(), 60);
    }
}
