use std::time::Duration;

use crate::Limits;

/// What the webhook takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfig {
    /// The one path that is served, others answer 404; `None` leaves the path to the router around it, which is
    /// the default.
    pub path: Option<String>,
    /// Limits of one body.
    pub limits: Limits,
    /// Bytes of all bodies held at once, until the intake has taken them; beyond, 503. Default 64 MiB. What is
    /// parsed from them comes on top.
    pub in_flight_bytes_max: usize,
    /// Time for a body to arrive; beyond, 408. Default 10 s, after which Alertmanager gives up anyway.
    pub read_timeout: Duration,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            path: None,
            limits: Limits::default(),
            in_flight_bytes_max: 64 * 1024 * 1024,
            read_timeout: Duration::from_secs(10),
        }
    }
}

/// What a webhook has answered since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookCounts {
    /// Notifications taken over, answered with 204.
    pub accepted: u64,
    /// Alerts in them, repetitions included.
    pub alerts_accepted: u64,
    /// Requests at fault themselves, answered with 4xx.
    pub refused: u64,
    /// Requests for which there was no room, answered with 503.
    pub overloaded: u64,
    /// Requests that the intake failed on, answered with 500.
    pub failed: u64,
    /// Bytes of bodies held right now.
    pub in_flight_bytes: u64,
}
