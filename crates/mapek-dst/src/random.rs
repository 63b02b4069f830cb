//! Random numbers: one stream for each purpose.
//!
//! A purpose that is added, or asked once more, moves no other: the same seed goes on to mean nearly the same story
//! when the harness grows.

use mapek_loop::Seed;
use mapek_model::CycleNumber;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The numbers of one purpose.
#[derive(Debug)]
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let number = Seed(seed).draw(purpose, CycleNumber::default());
        Self(ChaCha8Rng::seed_from_u64(number))
    }

    /// Whether something of this probability happens. One that never happens draws a number all the same.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.0.random::<f64>() < probability
    }

    /// From `from` to `to`, both included.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        self.0.random_range(from..=to.max(from))
    }

    /// One of several; there must be some.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.0.random_range(0..from.len())]
    }
}

/// The streams that a run draws from while it goes on.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) disk: Stream,
    pub(crate) net: Stream,
    pub(crate) eyes: Stream,
    pub(crate) people: Stream,
    pub(crate) memory: Stream,
    pub(crate) others: Stream,
    pub(crate) moments: Stream,
}

impl Streams {
    pub(crate) fn new(seed: u64) -> Self {
        let stream = |purpose| Stream::new(seed, purpose);
        Self {
            disk: stream("disk"),
            net: stream("net"),
            eyes: stream("eyes"),
            people: stream("people"),
            memory: stream("memory"),
            others: stream("others"),
            moments: stream("moments"),
        }
    }
}
