//! The API, its metrics and its server, over real sockets.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::float_cmp, reason = "what is counted and then printed is exact")]

mod acts;
#[cfg(feature = "console")]
mod browser;
#[cfg(feature = "console")]
mod console;
mod described;
mod documents;
#[cfg(feature = "console")]
mod extra;
mod guarded;
mod history;
mod leaving;
mod matrix;
mod metrics;
mod pages;
mod routes;
mod sample;
mod sockets;
mod steered;
mod streams;
mod tls;
mod whole_loop;
