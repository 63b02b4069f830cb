//! What a policy says: an open JSON object, and the kinds that the contract gives a meaning.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Seconds;

/// The `config` of a policy: a JSON object with a `kind`, kept whole.
///
/// It is not parsed into a type on receipt, because re-applying a captured version must give back every
/// field, known here or not. [`PolicyConfig::kind`] reads the kinds that the contract knows.
///
/// ```
/// use charter_client::{PolicyConfig, PolicyKind, RebalanceStrategy};
///
/// let config = PolicyConfig::from(PolicyKind::Rebalance { strategy: RebalanceStrategy::LeastLoaded });
/// assert_eq!(serde_json::to_string(&config)?, r#"{"kind":"rebalance","strategy":"least_loaded"}"#);
/// assert!(matches!(config.kind(), Ok(PolicyKind::Rebalance { .. })));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyConfig(pub Map<String, Value>);

impl PolicyConfig {
    /// The word under `kind`, if there is one.
    #[must_use]
    pub fn kind_name(&self) -> Option<&str> {
        self.0.get("kind").and_then(Value::as_str)
    }

    /// Reads the configuration as one of the known kinds and checks its ranges.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] if the kind is missing or unknown, a field is missing or of the wrong type, or a
    /// value is out of range. Unknown fields are accepted.
    pub fn kind(&self) -> Result<PolicyKind, InvalidConfig> {
        let kind: PolicyKind = serde_json::from_value(Value::Object(self.0.clone()))
            .map_err(|error| InvalidConfig::new("config", error.to_string()))?;
        kind.check()?;
        Ok(kind)
    }
}

impl From<PolicyKind> for PolicyConfig {
    fn from(kind: PolicyKind) -> Self {
        match serde_json::to_value(kind) {
            Ok(Value::Object(map)) => Self(map),
            // A struct variant with string keys always becomes an object; floats that JSON cannot hold
            // become null there, which `kind()` then refuses.
            _ => Self::default(),
        }
    }
}

/// A configuration that has no meaning in the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidConfig {
    /// The field, `config` for the whole.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl InvalidConfig {
    fn new(field: &str, reason: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into() }
    }
}

/// The kinds of policy that the contract gives a meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicyKind {
    /// Spreads load over the nodes anew.
    Rebalance {
        /// How.
        strategy: RebalanceStrategy,
    },
    /// Tunes the validation pipeline; what is absent stays as it is, and at least one must be there.
    Configuration {
        /// Requests validated together: 1 to 10 000.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch_size: Option<u32>,
        /// How long one validation may take: more than 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout: Option<Seconds>,
        /// Batches in work at once on each replica: 1 to 1 024.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parallelism: Option<u32>,
    },
    /// Sheds load above a rate.
    Throttle {
        /// Requests per second let through: more than 0, finite.
        rate_limit: f64,
        /// Only on this node; all nodes without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<String>,
    },
    /// Suspends enforcement for a while. Ends by itself.
    EmergencyOverride {
        /// For how long: more than 0, at most a day.
        duration: Seconds,
    },
    /// Lets requests pass unvalidated for a while. Ends by itself.
    BypassValidation {
        /// For how long: more than 0, at most a day.
        duration: Seconds,
        /// Which requests: `all`, or the name of a validation type. 1 to 128 bytes.
        scope: String,
    },
    /// An ordinary policy: what is forbidden, and how strictly.
    Enforcement {
        /// The rules, at most 1 000.
        rules: Vec<EnforcementRule>,
        /// From 0 (lets everything pass) to 1 (rejects whatever is in doubt).
        strictness: f64,
    },
}

impl PolicyKind {
    /// Longest override or bypass: a day. What must last longer is an ordinary policy.
    pub const TEMPORARY_SECONDS_MAX: u32 = 86_400;
    /// Most rules in one policy.
    pub const RULES_MAX: usize = 1_000;

    /// Checks the ranges given with each field.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with the first field that is out of range.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        match self {
            Self::Rebalance { .. } => Ok(()),
            Self::Configuration { batch_size: None, timeout: None, parallelism: None } => {
                Err(InvalidConfig::new("config", "names nothing to change"))
            }
            Self::Configuration { batch_size, timeout, parallelism } => {
                within("batch_size", *batch_size, 10_000)?;
                within("parallelism", *parallelism, 1_024)?;
                ensure("timeout", timeout.is_none_or(|t| t > Seconds::ZERO), "must be above 0")
            }
            Self::Throttle { rate_limit, .. } => ensure(
                "rate_limit",
                rate_limit.is_finite() && *rate_limit > 0.0,
                "must be finite and above 0",
            ),
            Self::EmergencyOverride { duration } => temporary(*duration),
            Self::BypassValidation { duration, scope } => {
                temporary(*duration)?;
                ensure("scope", (1..=128).contains(&scope.len()), "must have 1 to 128 bytes")
            }
            Self::Enforcement { rules, strictness } => {
                ensure("strictness", (0.0..=1.0).contains(strictness), "must be within 0 and 1")?;
                ensure("rules", rules.len() <= Self::RULES_MAX, "are more than 1000")?;
                rules.iter().try_for_each(EnforcementRule::check)
            }
        }
    }
}

fn ensure(field: &str, holds: bool, reason: &str) -> Result<(), InvalidConfig> {
    if holds { Ok(()) } else { Err(InvalidConfig::new(field, reason)) }
}

fn within(field: &str, value: Option<u32>, max: u32) -> Result<(), InvalidConfig> {
    let holds = value.is_none_or(|value| (1..=max).contains(&value));
    ensure(field, holds, &format!("must be within 1 and {max}"))
}

fn temporary(duration: Seconds) -> Result<(), InvalidConfig> {
    let max = Seconds::whole(PolicyKind::TEMPORARY_SECONDS_MAX);
    ensure(
        "duration",
        duration > Seconds::ZERO && duration <= max,
        "must be above 0 and at most 86400 seconds",
    )
}

/// How a rebalance spreads load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RebalanceStrategy {
    /// Each healthy node the same share.
    RoundRobin,
    /// New requests go to the node with the shortest queue.
    LeastLoaded,
    /// Shares in proportion to what each node can serve.
    Weighted,
}

/// One rule of an ordinary policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnforcementRule {
    /// Its name, unique in the policy: 1 to 128 bytes.
    pub name: String,
    /// The metric or data item that it is about; `*` for all.
    pub metric: String,
    /// What happens to a request that touches it.
    pub effect: RuleEffect,
    /// Work to evaluate it, relative to a simple rule: 0 to 1 000, 1 when absent.
    #[serde(default = "simple_rule")]
    pub cost: f64,
}

impl EnforcementRule {
    fn check(&self) -> Result<(), InvalidConfig> {
        ensure("rules.name", (1..=128).contains(&self.name.len()), "must have 1 to 128 bytes")?;
        ensure("rules.cost", (0.0..=1_000.0).contains(&self.cost), "must be within 0 and 1000")
    }
}

fn simple_rule() -> f64 {
    1.0
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEffect {
    /// Lets the request pass.
    Allow,
    /// Lets it pass and opens an investigation.
    Flag,
    /// Rejects it.
    Forbid,
    /// Rejects it and revokes the data already handed out.
    Revoke,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind(value: Value) -> Result<PolicyKind, InvalidConfig> {
        serde_json::from_value::<PolicyConfig>(value).unwrap().kind()
    }

    #[test]
    fn out_of_range_values_are_refused_by_field() {
        for (config, field) in [
            (json!({"kind": "configuration"}), "config"),
            (json!({"kind": "configuration", "batch_size": 0}), "batch_size"),
            (json!({"kind": "configuration", "parallelism": 1_025}), "parallelism"),
            (json!({"kind": "configuration", "timeout": 0}), "timeout"),
            (json!({"kind": "throttle", "rate_limit": 0}), "rate_limit"),
            (json!({"kind": "emergency_override", "duration": 86_401}), "duration"),
            (json!({"kind": "bypass_validation", "duration": 0, "scope": "all"}), "duration"),
            (json!({"kind": "bypass_validation", "duration": 60, "scope": ""}), "scope"),
            (json!({"kind": "enforcement", "rules": [], "strictness": 1.1}), "strictness"),
            (json!({"kind": "telepathy"}), "config"),
            (json!({"strategy": "round_robin"}), "config"),
            (json!({"kind": "rebalance", "strategy": "luck"}), "config"),
        ] {
            let error = kind(config.clone()).unwrap_err();
            assert_eq!(error.field, field, "{config}");
        }
    }

    #[test]
    fn unknown_fields_survive_a_round_trip() {
        let written = json!({"kind": "throttle", "rate_limit": 50.0, "colour": {"deep": [1, 2]}});
        let config: PolicyConfig = serde_json::from_value(written.clone()).unwrap();
        assert!(matches!(config.kind(), Ok(PolicyKind::Throttle { .. })));
        assert_eq!(serde_json::to_value(&config).unwrap(), written);
    }

    #[test]
    fn a_config_that_is_no_object_is_refused() {
        assert!(serde_json::from_str::<PolicyConfig>("[1]").is_err());
        assert!(serde_json::from_str::<PolicyConfig>("\"throttle\"").is_err());
    }

    #[test]
    fn a_float_that_json_cannot_hold_does_not_pass_as_a_policy() {
        let config =
            PolicyConfig::from(PolicyKind::Throttle { rate_limit: f64::INFINITY, node: None });
        assert!(config.kind().is_err());
    }
}
