//! The client over HTTP: against every fixture, and against servers and networks that misbehave.
#![expect(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

mod answers;
#[path = "../contract/fixture.rs"]
mod fixture;
mod raw;
mod redaction;
mod replay;
mod retries;
mod support;
mod wire_faults;
