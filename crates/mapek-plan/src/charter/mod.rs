//! Strategies for Charter: what helps a policy engine that is run by a committee.
//!
//! The words and limits are those of `docs/charter-api.md`; the inventory is the one that the monitor reads from Charter:
//! a resource of kind `committee` (`replicas`, `target_replicas`, `replicas_min`, `replicas_max`, `nodes`), and resources of
//! kind `policy` (`name`, `version`, `versions`: a list of `{version, status, config, applied_at?}`, `config`).

mod configuration;
mod policies;
mod policy_steps;
mod remedies;

use mapek_model::{Duration, Ratio};

pub use configuration::{RestoreConfiguration, TuneConfiguration, Tuning};
pub use policies::{HeldPolicy, PolicyVersion};
pub use policy_steps::{ApplyLastGood, ConfigKind, Reapply, RollBack, Tighten};

/// The resource kind of the committee.
pub const COMMITTEE: &str = "committee";
/// The resource kind of policies.
pub const POLICY: &str = "policy";

/// What may be chosen about the strategies for Charter.
///
/// ```
/// use mapek_plan::charter::CharterStrategies;
///
/// let catalogue = CharterStrategies { replicas_max: 10, ..Default::default() }.catalogue();
/// assert!(catalogue.treats(&"validation-latency".parse()?));
/// assert!(!catalogue.treats(&"sunspots".parse()?)); // escalated
/// # Ok::<(), mapek_model::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CharterStrategies {
    /// Most validation workers that a plan asks for.
    pub replicas_max: u32,
    /// Fewest validation workers that a plan leaves: with fewer than three a committee has no majority once one is down.
    pub replicas_min: u32,
    /// Names of the watched value that is the throughput, in requests per second; the first one that is there counts.
    pub throughput: Vec<String>,
    /// The share of the best throughput that a throttle lets in: the rest is room to work off what has piled up.
    pub throttle_share: Ratio,
    /// How long an emergency override lasts at most: well below the 30 minutes after which Charter's own alert
    /// (`EmergencyOverrideStayingActive`) fires.
    pub override_duration: Duration,
    /// How long work in hand may take before a restart.
    pub restart_timeout: Duration,
    /// How Charter works where no policy says otherwise.
    pub tuning_default: Tuning,
    /// Beyond these, tuning does harm: batches are late, and what runs in parallel is in its own way.
    pub tuning_max: Tuning,
    /// Factor on all waits and times to effect, for systems that are slower or faster than Charter's defaults; 1 as shipped.
    /// Negative and not finite values count as 1.
    pub pace: f64,
}

impl Default for CharterStrategies {
    fn default() -> Self {
        let throughput = [
            "throughput",
            "throughput_ops_per_sec",
            "westworld_charter_throughput_ops_per_sec",
            "low_throughput",
            "low-throughput",
        ];
        Self {
            replicas_max: 20,
            replicas_min: 3,
            throughput: throughput.map(str::to_owned).to_vec(),
            throttle_share: Ratio::saturating(0.8),
            override_duration: Duration::from_secs(600),
            restart_timeout: Duration::from_secs(30),
            tuning_default: Tuning {
                batch_size: 16,
                parallelism: 4,
                timeout: Duration::from_secs(2),
            },
            tuning_max: Tuning { batch_size: 64, parallelism: 8, timeout: Duration::from_secs(5) },
            pace: 1.0,
        }
    }
}

#[cfg(test)]
mod tests;
