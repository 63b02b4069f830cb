//! How a loop runs.

use mapek_model::{ContentHash, Duration};
use serde::{Deserialize, Serialize};

/// When cycles run, and what they may take.
///
/// ```
/// use mapek_loop::LoopConfig;
///
/// let config: LoopConfig = serde_json::from_str(r#"{"interval": "1m"}"#)?;
/// assert_eq!(config.interval.as_secs(), 60);
/// assert!(serde_json::from_str::<LoopConfig>(r#"{"intervall": "1m"}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoopConfig {
    /// Longest time between two cycles that decide.
    #[serde(with = "mapek_model::duration")]
    pub interval: Duration,
    /// How often Monitor looks, where that is more often than the loop decides.
    #[serde(with = "mapek_model::duration::option")]
    pub poll_interval: Option<Duration>,
    /// Shortest time between two cycles, so that what is always due cannot keep a core busy.
    #[serde(with = "mapek_model::duration")]
    pub min_gap: Duration,
    /// What all reads of one cycle may take together; what has not answered by then is unknown.
    #[serde(with = "mapek_model::duration")]
    pub read_deadline: Duration,
    /// How long after something was undone or taken back nothing new is planned: metrics over a window still show it.
    #[serde(with = "mapek_model::duration")]
    pub settle: Duration,
    /// How long wake-ups are gathered before the cycle that answers them: alerts come in groups.
    #[serde(with = "mapek_model::duration")]
    pub debounce: Duration,
}

impl Default for LoopConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            poll_interval: None,
            min_gap: Duration::from_secs(1),
            read_deadline: Duration::from_secs(10),
            // Two cycles of the usual length, in which a window of a minute has passed.
            settle: Duration::from_secs(60),
            debounce: Duration::from_millis(200),
        }
    }
}

impl LoopConfig {
    /// Names it by what it says.
    pub(crate) fn hash(&self) -> ContentHash {
        ContentHash::of_value(self).expect("durations can be written as JSON")
    }
}
