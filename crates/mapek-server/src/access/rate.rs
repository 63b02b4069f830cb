//! How often somebody may ask.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc};

use governor::{
    Quota, RateLimiter, clock::Clock as _, middleware::NoOpMiddleware, nanos::Nanos,
    state::keyed::HashMapStateStore,
};
use mapek_loop::Clock;
use mapek_model::Duration;

use super::Person;

/// How often one person, and one address, may ask: so many requests at once, and then so many a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second in the long run. Default 20: a page that shows everything asks for eight things when something has
    /// changed.
    pub per_second: NonZeroU32,
    /// Requests at once. Default 200: a few of such pages that are opened together.
    pub burst: NonZeroU32,
}

impl Rate {
    /// `per_second` and `burst`; 0 is taken for 1.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self { per_second: at_least_one(per_second), burst: at_least_one(burst) }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self::new(20, 200)
    }
}

/// Whom requests are counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Payer {
    Address(IpAddr),
    Person(Person),
    /// All whose address is not known, and all for whom there is no room.
    Crowd,
}

impl Payer {
    /// Who has one address of IPv6 has 2⁶⁴ of them: their network counts.
    pub(super) fn address(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V6(address)) => {
                Self::Address(IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()))
            }
            Some(address) => Self::Address(address),
            None => Self::Crowd,
        }
    }
}

/// Payers that are counted apart; each takes about a hundred bytes. Those beyond share one account, which slows down a flood from
/// everywhere and nobody who was here before.
const PAYERS_MAX: usize = 4096;

#[derive(Debug)]
pub(super) struct Limiter {
    limiter: RateLimiter<Payer, HashMapStateStore<Payer>, Stopwatch, NoOpMiddleware<Nanos>>,
    clock: Stopwatch,
}

impl Limiter {
    pub(super) fn new(rate: Rate, clock: Arc<dyn Clock>) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        let clock = Stopwatch(clock);
        Self { limiter: RateLimiter::hashmap_with_clock(quota, clock.clone()), clock }
    }

    /// Counts a request, or says for how long there is no room for it.
    pub(super) fn pay(&self, payer: Payer) -> Result<(), Duration> {
        if self.is_full() {
            self.limiter.retain_recent();
        }
        let payer = if self.is_full() { Payer::Crowd } else { payer };
        self.limiter
            .check_key(&payer)
            .map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    fn is_full(&self) -> bool {
        self.limiter.len() >= PAYERS_MAX
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

#[cfg(test)]
mod tests {
    use mapek_loop::ManualClock;
    use mapek_model::Timestamp;

    use super::*;

    fn limiter(per_second: u32, burst: u32) -> (ManualClock, Limiter) {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let limiter = Limiter::new(Rate::new(per_second, burst), Arc::new(clock.clone()));
        (clock, limiter)
    }

    fn address(text: &str) -> Payer {
        Payer::address(Some(text.parse().unwrap()))
    }

    #[test]
    fn a_burst_then_so_many_a_second_each_for_themselves() {
        let (clock, limiter) = limiter(2, 3);
        let (ada, here) = (Payer::Person("ada".parse().unwrap()), address("10.0.0.1"));
        for _ in 0..3 {
            limiter.pay(ada.clone()).unwrap();
        }
        assert_eq!(limiter.pay(ada.clone()).unwrap_err(), Duration::from_millis(500));
        limiter.pay(here).expect("somebody else");
        clock.advance(Duration::from_millis(500));
        limiter.pay(ada.clone()).unwrap();
        limiter.pay(ada.clone()).unwrap_err();
        clock.advance(Duration::from_secs(3600));
        for _ in 0..3 {
            limiter.pay(ada.clone()).unwrap();
        }
        limiter.pay(ada).unwrap_err();
    }

    #[test]
    fn a_network_of_ipv6_is_one_and_ipv4_in_disguise_is_ipv4() {
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:10.0.0.1"), address("10.0.0.1"));
    }

    #[test]
    fn so_many_are_counted_apart_and_those_beyond_together() {
        let (_, limiter) = limiter(1, 1);
        let pay = |i: usize| {
            let address = IpAddr::V4(u32::try_from(i).unwrap().into());
            limiter.pay(Payer::address(Some(address))).is_ok()
        };
        assert!((0..PAYERS_MAX).all(pay), "each has an account");
        assert!(pay(PAYERS_MAX), "the first of the crowd");
        assert!(!pay(PAYERS_MAX + 1), "somebody else, and the same account");
    }

    #[test]
    fn a_flood_from_everywhere_takes_so_much_memory_and_no_more() {
        let (clock, limiter) = limiter(1, 1);
        limiter.pay(address("10.0.0.1")).unwrap();
        let flood = |i: u32| Payer::address(Some(IpAddr::V4(i.into())));
        let refused = (0..10_000).filter(|i| limiter.pay(flood(*i)).is_err()).count();
        assert!(limiter.limiter.len() <= PAYERS_MAX + 1, "{}", limiter.limiter.len());
        assert!(refused > 5000, "the crowd shares one account: {refused}");
        // Who has been quiet for long enough is forgotten, and there is room again.
        clock.advance(Duration::from_secs(60));
        limiter.pay(address("10.0.0.1")).unwrap();
        assert!(limiter.limiter.len() <= 2, "{}", limiter.limiter.len());
    }
}
