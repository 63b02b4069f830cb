//! The client over HTTP.
//!
//! Retries are not left to the transport: whether a call may be repeated depends on what it does and on what
//! the server promised, and only this crate knows both.

mod answer;
mod budget;
mod client;
mod config;
mod exchange;
mod request;
mod retry;

pub use client::HttpCharter;
pub use config::{Config, ConfigError, RetryConfig};
