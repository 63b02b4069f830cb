//! Limits of a server.

use std::time::Duration;

/// How a [`Server`](super::Server) treats those who connect. Every limit is there because memory, file descriptors and
/// patience end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Connections at once, at least 1; further ones wait in the system's queue. Default 256: a browser takes six, a
    /// scraper one.
    pub connections_max: usize,
    /// Time for the headers of a request to arrive; a connection on which nothing moves for longer is closed. Default
    /// 10 s.
    pub header_timeout: Duration,
    /// Time for a request's answer to begin; after it, the answer is 503. Default 10 s: everything is answered from
    /// memory, so it is only ever reached by a slow body.
    pub request_timeout: Duration,
    /// Most bytes of a request's body; a longer one gets 413. Default 64 KiB: the longest that a person sends is a
    /// reason.
    pub body_bytes_max: usize,
    /// Time that requests in progress are given at shutdown. Default 10 s.
    pub drain_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            connections_max: 256,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(10),
            body_bytes_max: 64 * 1024,
            drain_timeout: Duration::from_secs(10),
        }
    }
}
