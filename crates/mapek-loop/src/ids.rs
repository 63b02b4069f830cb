//! Where ids and random numbers come from.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use mapek_model::{ContentHash, CycleNumber, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Makes ids.
///
/// Every call gives another one. Ids made later sort later (UUID version 7, RFC 9562), as far as the clock lets them.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait IdSource: fmt::Debug + Send + Sync {
    /// The next id.
    fn next_id(&self, now: Timestamp) -> Uuid;
}

const _: Option<&dyn IdSource> = None;

impl<I: IdSource + ?Sized> IdSource for Arc<I> {
    fn next_id(&self, now: Timestamp) -> Uuid {
        self.as_ref().next_id(now)
    }
}

/// A seed, from which every random number of a run follows.
///
/// There is no generator that is passed around and advanced: each purpose in each cycle has its own number, so that a
/// purpose that is added, or asked twice, moves no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// 64 random bits for `purpose` in `cycle`: the first eight bytes of SHA-256 over the three.
    #[must_use]
    pub fn draw(self, purpose: &str, cycle: CycleNumber) -> u64 {
        let mut text = Vec::with_capacity(16 + purpose.len());
        text.extend(self.0.to_be_bytes());
        text.extend(cycle.get().to_be_bytes());
        text.extend(purpose.as_bytes());
        let hash = ContentHash::of(&text);
        hash.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// Ids with the system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn next_id(&self, now: Timestamp) -> Uuid {
        version_7(now, Uuid::new_v4().as_u128())
    }
}

/// Ids that follow from a seed, so that the same run gives the same bytes.
///
/// ```
/// use mapek_loop::{IdSource, Seed, SeededIds};
/// use mapek_model::Timestamp;
///
/// let (a, b) = (SeededIds::new(Seed(7)), SeededIds::new(Seed(7)));
/// let now = Timestamp::UNIX_EPOCH;
/// assert_eq!(a.next_id(now), b.next_id(now));
/// assert_ne!(a.next_id(now), a.next_id(now));
/// ```
#[derive(Debug)]
pub struct SeededIds {
    seed: Seed,
    count: AtomicU64,
}

impl SeededIds {
    /// Starts at the first id.
    #[must_use]
    pub const fn new(seed: Seed) -> Self {
        Self { seed, count: AtomicU64::new(0) }
    }
}

impl IdSource for SeededIds {
    fn next_id(&self, now: Timestamp) -> Uuid {
        let count = CycleNumber::new(self.count.fetch_add(1, Ordering::Relaxed));
        let high = u128::from(self.seed.draw("id/high", count));
        let low = u128::from(self.seed.draw("id/low", count));
        version_7(now, high << 64 | low)
    }
}

/// RFC 9562 §5.7: 48 bits of Unix milliseconds, version, 12 random bits, variant, 62 random bits.
fn version_7(now: Timestamp, random: u128) -> Uuid {
    let millis = u128::from(now.as_millisecond().max(0).unsigned_abs()) & ((1 << 48) - 1);
    let random_a = (random >> 64) & 0xfff;
    let random_b = random & ((1 << 62) - 1);
    Uuid::from_u128(millis << 80 | 7 << 76 | random_a << 64 | 0b10 << 62 | random_b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_and_sort_by_time() {
        let early = RandomIds.next_id(Timestamp::UNIX_EPOCH);
        let late = RandomIds.next_id("2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(late.get_version_num(), 7);
        assert_eq!(late.get_variant(), uuid::Variant::RFC4122);
        assert!(early < late);
        let (seconds, _) = late.get_timestamp().unwrap().to_unix();
        assert_eq!(seconds, 1_767_225_600);
    }

    #[test]
    fn purposes_and_cycles_do_not_share_numbers() {
        let seed = Seed(1);
        let (one, two) = (CycleNumber::new(1), CycleNumber::new(2));
        assert_eq!(seed.draw("a", one), seed.draw("a", one));
        assert_ne!(seed.draw("a", one), seed.draw("b", one));
        assert_ne!(seed.draw("a", one), seed.draw("a", two));
        assert_ne!(seed.draw("a", one), Seed(2).draw("a", one));
    }
}
