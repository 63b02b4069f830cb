//! Section `orchestrator`.

use garde::Validate;
use mapek::model::{Duration, TargetId, duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LogLevel, check::at_least_a_second};

/// Whether things are being tried out, or for real.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// Everything is allowed.
    #[default]
    Staging,
    /// What could lose data or hide harm is refused.
    Production,
}

#[derive(Debug, Clone, Serialize, Deserialize, Validate, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OrchestratorSection {
    /// Whether things are being tried out, or for real.
    #[garde(skip)]
    pub(crate) mode: Mode,
    /// What the managed system is called, in every key, URL and metric.
    #[garde(skip)]
    pub(crate) target: TargetId,
    /// Longest time between two cycles that decide.
    #[garde(custom(at_least_a_second))]
    #[serde(with = "mapek::model::duration")]
    #[schemars(with = "duration::Schema")]
    pub(crate) loop_interval: Duration,
    /// Whether anything is logged.
    #[garde(skip)]
    pub(crate) enable_logging: bool,
    /// Overrides `logging.level` where it is given.
    #[garde(skip)]
    pub(crate) log_level: Option<LogLevel>,
}

impl Default for OrchestratorSection {
    fn default() -> Self {
        Self {
            mode: Mode::Staging,
            target: TargetId::default(),
            loop_interval: Duration::from_secs(30),
            enable_logging: true,
            log_level: None,
        }
    }
}
