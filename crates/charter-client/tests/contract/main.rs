//! Client, fixtures and OpenAPI document say the same.
#![expect(clippy::unwrap_used, reason = "a test may panic, and its helpers too")]

mod fixture;
mod openapi;
mod payloads;
