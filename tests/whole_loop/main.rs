//! The whole loop against real processes: Prometheus and Alertmanager as they are installed, Charter on a socket, and the
//! loop as `mapek run` composes it.
//!
//! Each test starts a world of its own ([`support::World`]), breaks something in it, and waits for what must follow. They run
//! one after the other: two cores cannot be asked to run several at once.

mod healing;
mod outages;
mod repeats;
mod silences;
mod support;
mod undoing;
