//! What a plant is built from.

use serde::{Deserialize, Serialize};

use super::arrivals::Arrivals;
use super::breach::Thresholds;
use super::tuning::Tuning;

/// A plant, as plain data; [`Plant::try_new`](super::Plant::try_new) checks it.
///
/// The default is a healthy system: 500 requests per second on six replicas that serve 110 each, at p99 ≈ 0.2 s.
///
/// ```
/// use charter_sim::PlantConfig;
///
/// let config: PlantConfig = serde_json::from_str(r#"{"replicas": 8}"#)?;
/// assert_eq!(config.replicas, 8);
/// assert!(serde_json::from_str::<PlantConfig>(r#"{"replica": 8}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct PlantConfig {
    /// First attempts.
    pub arrivals: Arrivals,
    /// How clients wait and retry.
    pub clients: Clients,
    /// How the time of one validation is distributed.
    pub service_law: ServiceLaw,
    /// Replicas at the start, all warm.
    #[cfg_attr(feature = "schemars", schemars(range(min = 1, max = 100)))]
    pub replicas: u32,
    /// Fewest replicas that scaling accepts, at least 1.
    #[cfg_attr(feature = "schemars", schemars(range(min = 1, max = 100)))]
    pub replicas_min: u32,
    /// Most replicas that scaling accepts, at most 100.
    #[cfg_attr(feature = "schemars", schemars(range(min = 1, max = 100)))]
    pub replicas_max: u32,
    /// Requests per second that one healthy replica validates at the default tuning and policies.
    #[cfg_attr(feature = "schemars", schemars(range(min = 0.1, max = 10_000.0)))]
    pub service_rate: f64,
    /// Requests that one replica lets wait: 1 to 100 000. Beyond, it rejects.
    #[cfg_attr(feature = "schemars", schemars(range(min = 1, max = 100_000)))]
    pub queue_limit: usize,
    /// Batch size, parallelism and timeout at the start.
    pub tuning: Tuning,
    /// How long before the start its first policies were installed.
    pub installed_ago_s: f64,
    /// From scale-up to the first request that a new replica serves.
    pub warm_up_s: f64,
    /// From the end of its drain until a restarted replica serves again.
    pub boot_s: f64,
    /// How long the balancer goes on sending to a crashed replica.
    pub detection_s: f64,
    /// From a policy's arrival to its approval by the committee.
    pub approval_s: f64,
    /// From its approval until it is in effect; also how long a rollback takes.
    pub propagation_s: f64,
    /// Time between two reloads of policies that the server does by itself.
    pub reload_every_s: f64,
    /// Seconds that the quantiles of latency look back.
    pub latency_window_s: f64,
    /// Seconds that rates and shares look back.
    pub rate_window_s: f64,
    /// What counts as a violation.
    pub thresholds: Thresholds,
    /// One step of virtual time: 10 to 1 000 ms.
    #[cfg_attr(feature = "schemars", schemars(range(min = 10, max = 1_000)))]
    pub step_ms: u32,
}

impl Default for PlantConfig {
    fn default() -> Self {
        Self {
            arrivals: Arrivals::Constant { rate: 500.0 },
            clients: Clients::default(),
            service_law: ServiceLaw::Exponential,
            replicas: 6,
            replicas_min: 1,
            replicas_max: 20,
            service_rate: 110.0,
            queue_limit: 300,
            tuning: Tuning::default(),
            installed_ago_s: 0.0,
            warm_up_s: 20.0,
            boot_s: 5.0,
            detection_s: 3.0,
            approval_s: 1.0,
            propagation_s: 3.0,
            reload_every_s: 3_600.0,
            latency_window_s: 30.0,
            rate_window_s: 10.0,
            thresholds: Thresholds::default(),
            step_ms: 250,
        }
    }
}

impl PlantConfig {
    /// Most replicas that any configuration may allow: bounds the labels of the metrics.
    pub const REPLICAS_MAX: u32 = 100;

    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        self.arrivals.check()?;
        self.clients.check()?;
        self.tuning.check()?;
        self.thresholds.check()?;
        let replicas =
            |field, n: u32, low: u32, high: u32| check(field, n.into(), low.into(), high.into());
        replicas("replicas_max", self.replicas_max, 1, Self::REPLICAS_MAX)?;
        replicas("replicas_min", self.replicas_min, 1, self.replicas_max)?;
        replicas("replicas", self.replicas, self.replicas_min, self.replicas_max)?;
        check("service_rate", self.service_rate, 0.1, 10_000.0)?;
        check("queue_limit", self.queue_limit as f64, 1.0, 100_000.0)?;
        check("step_ms", self.step_ms.into(), 10.0, 1_000.0)?;
        check("latency_window_s", self.latency_window_s, 1.0, 3_600.0)?;
        check("rate_window_s", self.rate_window_s, 1.0, 3_600.0)?;
        check("reload_every_s", self.reload_every_s, 1.0, 1e9)?;
        for (field, seconds) in [
            ("installed_ago_s", self.installed_ago_s),
            ("warm_up_s", self.warm_up_s),
            ("boot_s", self.boot_s),
            ("detection_s", self.detection_s),
            ("approval_s", self.approval_s),
            ("propagation_s", self.propagation_s),
        ] {
            check(field, seconds, 0.0, 3_600.0)?;
        }
        Ok(())
    }

    /// One step in seconds.
    pub(crate) fn step_s(&self) -> f64 {
        f64::from(self.step_ms) / 1_000.0
    }
}

/// How clients take a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Clients {
    /// Attempts in all, the first included: 1 to 16.
    #[cfg_attr(feature = "schemars", schemars(range(min = 1, max = 16)))]
    pub attempts_max: u8,
    /// Share of failures after which a client tries again: 0 to 1.
    #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 1.0)))]
    pub retry_share: f64,
    /// Seconds between a failure and the next attempt: 0 to 60.
    #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 60.0)))]
    pub backoff_s: f64,
}

impl Default for Clients {
    /// Well-behaved clients: a fifth of them try once more, a second later, so that a plant that has recovered can also
    /// drain. Requests shed by a throttle do not come back.
    fn default() -> Self {
        Self { attempts_max: 2, retry_share: 0.2, backoff_s: 1.0 }
    }
}

impl Clients {
    /// Most attempts that any client makes: the product of load and attempts bounds what a storm can reach.
    pub const ATTEMPTS_MAX: u8 = 16;

    fn check(&self) -> Result<(), InvalidConfig> {
        check("clients.attempts_max", self.attempts_max.into(), 1.0, Self::ATTEMPTS_MAX.into())?;
        check("clients.retry_share", self.retry_share, 0.0, 1.0)?;
        check("clients.backoff_s", self.backoff_s, 0.0, 60.0)
    }
}

/// How the time of one validation is distributed around its mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum ServiceLaw {
    /// Exponential: each replica is an M/M/1 queue.
    Exponential,
    /// Always the mean: M/D/1.
    Constant,
}

/// Why a plant cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// A number is outside its range.
    #[error("{field} is {value}, not within {low} and {high}")]
    #[non_exhaustive]
    OutOfRange {
        /// The field, dotted.
        field: &'static str,
        /// What it holds.
        value: f64,
        /// The least that it may be.
        low: f64,
        /// The most.
        high: f64,
    },
    /// The file of a trace has not been read: whoever reads the configuration has to.
    #[error("arrivals.file: {file} has not been read")]
    #[non_exhaustive]
    UnreadTrace {
        /// Which file.
        file: String,
    },
    /// A trace has neither a file nor rows.
    #[error("arrivals: a trace needs a file, or rows")]
    NoTrace,
}

impl InvalidConfig {
    /// The field that is wrong, dotted.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::OutOfRange { field, .. } => field,
            Self::UnreadTrace { .. } => "arrivals.file",
            Self::NoTrace => "arrivals",
        }
    }
}

pub(crate) fn check(
    field: &'static str,
    value: f64,
    low: f64,
    high: f64,
) -> Result<(), InvalidConfig> {
    // A NaN is within no range.
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(InvalidConfig::OutOfRange { field, value, low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_what_is_not_is_named() {
        PlantConfig::default().check().unwrap();
        let refused = |change: fn(&mut PlantConfig)| {
            let mut config = PlantConfig::default();
            change(&mut config);
            config.check().unwrap_err().field()
        };
        assert_eq!(refused(|c| c.replicas = 0), "replicas");
        assert_eq!(refused(|c| c.replicas_max = 101), "replicas_max");
        assert_eq!(refused(|c| c.service_rate = f64::NAN), "service_rate");
        assert_eq!(refused(|c| c.step_ms = 0), "step_ms");
        assert_eq!(refused(|c| c.clients.attempts_max = 0), "clients.attempts_max");
        assert_eq!(refused(|c| c.queue_limit = 0), "queue_limit");
    }
}
