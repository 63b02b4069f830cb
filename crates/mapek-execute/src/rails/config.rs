//! How the rails are set.

use serde::{Deserialize, Serialize};

use super::{
    AutonomyConfig, BlastRadiusConfig, BreakerConfig, BudgetConfig, CalendarConfig, DoubtConfig,
    OthersConfig,
};

/// How the rails are set. The defaults are the shipped profile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RailsConfig {
    /// Which kinds may be done by the loop alone.
    pub autonomy: AutonomyConfig,
    /// When evidence is too doubtful to act on.
    pub doubt: DoubtConfig,
    /// How much one plan may touch.
    pub blast_radius: BlastRadiusConfig,
    /// When nothing is done.
    pub calendar: CalendarConfig,
    /// How somebody else who acts is given way.
    pub others: OthersConfig,
    /// How often actions may be done.
    pub budget: BudgetConfig,
    /// When a kind has done harm too often.
    pub breaker: BreakerConfig,
}
