//! The whole loop around a service that is made up: its latency falls once it is scaled up.
#![expect(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

mod world;

mod healing;
mod lasting;
mod lookback;
mod replaying;
mod safety;
mod timing;
