//! How often people are told.

use mapek_model::Duration;

/// How often people are told, and how long is tried to reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// After how long what still is so is told again. Default one hour.
    pub repeat_interval: Duration,
    /// Messages of one kind to one channel at once, at least 1; what is more is held back, and told together. Default 5.
    pub burst: u32,
    /// After how long there is room for one more message of a kind. Default one minute.
    pub refill: Duration,
    /// The longest wait between two tries to reach a receiver. The first is a second, and each is twice the one before. Default one
    /// minute.
    pub backoff_max: Duration,
    /// How often alerts are told to Alertmanager again; after four of these without, they end by themselves. Default 30 s.
    pub alert_interval: Duration,
    /// Where people can see more.
    pub link: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            repeat_interval: Duration::from_secs(3600),
            burst: 5,
            refill: Duration::from_secs(60),
            backoff_max: Duration::from_secs(60),
            alert_interval: Duration::from_secs(30),
            link: None,
        }
    }
}
