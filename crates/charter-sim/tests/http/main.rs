//! The server on a real socket: held to the fixtures, to its limits, and to the client that will use it.
#![expect(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

mod client;
mod contract;
mod limits;
mod support;
