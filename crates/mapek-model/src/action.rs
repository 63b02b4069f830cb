//! Actions: single steps on a managed system.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Component, Cost, Duration, InvalidName, Risk};

/// What an action does. Ten kinds that the loop knows, and any other by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "String"))]
pub enum ActionKind {
    /// Fewer replicas.
    ScaleDown,
    /// More replicas.
    ScaleUp,
    /// Restart the service or one node of it.
    RestartService,
    /// Spread load differently.
    RebalanceLoad,
    /// Put a policy back to its version before.
    RollbackPolicy,
    /// Put a version of a policy into force.
    ApplyPolicy,
    /// Change batch size, timeout or parallelism.
    UpdateConfiguration,
    /// Let fewer requests in.
    ThrottleRequests,
    /// Suspend checks in an emergency.
    ActivateEmergencyOverride,
    /// Skip validation.
    BypassValidation,
    /// An action of an effector that is not ours: kebab-case or snake_case, at most 63 characters.
    Custom(String),
}

impl ActionKind {
    /// The ten that the loop knows, cheapest first.
    pub const KNOWN: [Self; 10] = [
        Self::ScaleDown,
        Self::ScaleUp,
        Self::RestartService,
        Self::RebalanceLoad,
        Self::RollbackPolicy,
        Self::ApplyPolicy,
        Self::UpdateConfiguration,
        Self::ThrottleRequests,
        Self::ActivateEmergencyOverride,
        Self::BypassValidation,
    ];

    /// The word that JSON, labels and metrics use: `scale_up`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::ScaleDown => "scale_down",
            Self::ScaleUp => "scale_up",
            Self::RestartService => "restart_service",
            Self::RebalanceLoad => "rebalance_load",
            Self::RollbackPolicy => "rollback_policy",
            Self::ApplyPolicy => "apply_policy",
            Self::UpdateConfiguration => "update_configuration",
            Self::ThrottleRequests => "throttle_requests",
            Self::ActivateEmergencyOverride => "activate_emergency_override",
            Self::BypassValidation => "bypass_validation",
            Self::Custom(name) => name,
        }
    }

    /// What it costs unless the configuration says otherwise; a custom action costs as much as the middle of the ten.
    #[must_use]
    pub fn default_cost(&self) -> Cost {
        Cost::saturating(match self {
            Self::ScaleDown => 0.05,
            Self::ScaleUp => 0.15,
            Self::RestartService => 0.20,
            Self::RebalanceLoad | Self::RollbackPolicy => 0.25,
            Self::ApplyPolicy | Self::Custom(_) => 0.30,
            Self::UpdateConfiguration => 0.35,
            Self::ThrottleRequests => 0.40,
            Self::ActivateEmergencyOverride => 0.60,
            Self::BypassValidation => 0.70,
        })
    }

    /// How much harm it does if it is wrong. A custom action is high: nothing is known of it.
    #[must_use]
    pub const fn risk(&self) -> Risk {
        match self {
            Self::ScaleDown | Self::ScaleUp | Self::RebalanceLoad => Risk::Low,
            Self::RestartService
            | Self::RollbackPolicy
            | Self::ApplyPolicy
            | Self::UpdateConfiguration
            | Self::ThrottleRequests => Risk::Medium,
            Self::ActivateEmergencyOverride | Self::BypassValidation | Self::Custom(_) => {
                Risk::High
            }
        }
    }

    /// Whether it is to be taken back once the cause is gone.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::ThrottleRequests | Self::ActivateEmergencyOverride | Self::BypassValidation
        )
    }

    /// How it is undone.
    #[must_use]
    pub const fn undo_class(&self) -> UndoClass {
        match self {
            Self::RestartService | Self::Custom(_) => UndoClass::Irreversible,
            Self::ScaleDown | Self::ScaleUp | Self::RollbackPolicy => UndoClass::RestoreCaptured,
            Self::RebalanceLoad
            | Self::ApplyPolicy
            | Self::UpdateConfiguration
            | Self::ThrottleRequests
            | Self::ActivateEmergencyOverride
            | Self::BypassValidation => UndoClass::Rollback,
        }
    }
}

impl FromStr for ActionKind {
    type Err = InvalidName;

    /// Reads `scale_up`, and `SCALE_UP` as configurations write it; any other word is a custom kind.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let lower = text.to_ascii_lowercase();
        if let Some(known) = Self::KNOWN.into_iter().find(|kind| kind.as_str() == lower) {
            return Ok(known);
        }
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if !lower.is_empty() && lower.len() <= 63 && lower.chars().all(good) {
            Ok(Self::Custom(lower))
        } else {
            Err(InvalidName::new(
                "an action kind",
                "must be 1 to 63 of a-z, 0-9, '_' and '-'",
                text,
            ))
        }
    }
}

impl TryFrom<String> for ActionKind {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<ActionKind> for String {
    fn from(kind: ActionKind) -> String {
        kind.as_str().to_owned()
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a step is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum UndoClass {
    /// The state captured before the step is put back.
    RestoreCaptured,
    /// The managed system rolls the step's own change back.
    Rollback,
    /// Not at all. Such a step goes last in a plan.
    Irreversible,
}

/// One step on a target, with its parameters.
///
/// ```
/// use mapek_model::{Action, ActionKind};
///
/// let action = Action::ScaleUp { replicas: 5 };
/// assert_eq!(action.kind(), ActionKind::ScaleUp);
/// assert_eq!(serde_json::to_string(&action)?, r#"{"kind":"scale_up","replicas":5}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Action {
    /// Fewer replicas.
    ScaleDown {
        /// How many there shall be.
        replicas: u32,
    },
    /// More replicas.
    ScaleUp {
        /// How many there shall be.
        replicas: u32,
    },
    /// Restart the service or one node of it.
    RestartService {
        /// Whether running work may finish first.
        graceful: bool,
        /// How long that may take.
        #[serde(with = "crate::duration")]
        #[cfg_attr(feature = "schemars", schemars(with = "crate::duration::Schema"))]
        timeout: Duration,
        /// Which node; all of them if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<Component>,
    },
    /// Spread load differently.
    RebalanceLoad {
        /// How, in a word of the managed system (`least_loaded`).
        strategy: String,
    },
    /// Put a policy back to its version before.
    RollbackPolicy {
        /// Which policy.
        policy: String,
        /// The version that is bad, so that a policy that moved on meanwhile is left alone.
        from_version: String,
    },
    /// Put a version of a policy into force.
    ApplyPolicy {
        /// Which policy.
        policy: String,
        /// Its name.
        name: String,
        /// Which version.
        version: String,
        /// What it says, in the managed system's own words.
        config: Value,
    },
    /// Change how work is done; what is absent stays.
    UpdateConfiguration {
        /// Requests per batch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        batch_size: Option<u32>,
        /// How long one request may take.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "crate::duration::option"
        )]
        #[cfg_attr(feature = "schemars", schemars(with = "Option<crate::duration::Schema>"))]
        timeout: Option<Duration>,
        /// Batches in work at once, per replica.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parallelism: Option<u32>,
    },
    /// Let fewer requests in.
    ThrottleRequests {
        /// Requests per second that may enter.
        rate_limit: f64,
        /// From which node; from all of them if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<Component>,
    },
    /// Suspend checks in an emergency.
    ActivateEmergencyOverride {
        /// For how long at most.
        #[serde(with = "crate::duration")]
        #[cfg_attr(feature = "schemars", schemars(with = "crate::duration::Schema"))]
        duration: Duration,
    },
    /// Skip validation.
    BypassValidation {
        /// For how long at most.
        #[serde(with = "crate::duration")]
        #[cfg_attr(feature = "schemars", schemars(with = "crate::duration::Schema"))]
        duration: Duration,
        /// Of what, in a word of the managed system.
        scope: String,
    },
    /// An action of an effector that is not ours.
    Custom {
        /// Its kind.
        name: String,
        /// Its parameters.
        #[serde(default)]
        parameters: BTreeMap<String, Value>,
    },
}

impl Action {
    /// What kind of action this is.
    #[must_use]
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::ScaleDown { .. } => ActionKind::ScaleDown,
            Self::ScaleUp { .. } => ActionKind::ScaleUp,
            Self::RestartService { .. } => ActionKind::RestartService,
            Self::RebalanceLoad { .. } => ActionKind::RebalanceLoad,
            Self::RollbackPolicy { .. } => ActionKind::RollbackPolicy,
            Self::ApplyPolicy { .. } => ActionKind::ApplyPolicy,
            Self::UpdateConfiguration { .. } => ActionKind::UpdateConfiguration,
            Self::ThrottleRequests { .. } => ActionKind::ThrottleRequests,
            Self::ActivateEmergencyOverride { .. } => ActionKind::ActivateEmergencyOverride,
            Self::BypassValidation { .. } => ActionKind::BypassValidation,
            Self::Custom { name, .. } => ActionKind::Custom(name.clone()),
        }
    }

    /// The failure domain that it works in: two actions in one domain never run at the same time. A node's own name,
    /// a policy's own id, else the whole system (`None`).
    #[must_use]
    pub fn failure_domain(&self) -> Option<&str> {
        match self {
            Self::RestartService { node, .. } | Self::ThrottleRequests { node, .. } => {
                node.as_ref().map(Component::as_str)
            }
            Self::RollbackPolicy { policy, .. } | Self::ApplyPolicy { policy, .. } => Some(policy),
            _ => None,
        }
    }
}

impl fmt::Display for Action {
    /// One line for people: `scale up to 5 replicas`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::duration::format;
        match self {
            Self::ScaleDown { replicas } => write!(f, "scale down to {replicas} replicas"),
            Self::ScaleUp { replicas } => write!(f, "scale up to {replicas} replicas"),
            Self::RestartService { node: Some(node), .. } => write!(f, "restart node {node}"),
            Self::RestartService { .. } => f.write_str("restart the service"),
            Self::RebalanceLoad { strategy } => write!(f, "rebalance load ({strategy})"),
            Self::RollbackPolicy { policy, from_version } => {
                write!(f, "roll policy {policy} back from version {from_version}")
            }
            Self::ApplyPolicy { policy, version, .. } => {
                write!(f, "apply policy {policy} version {version}")
            }
            Self::UpdateConfiguration { batch_size, timeout, parallelism } => {
                f.write_str("update configuration")?;
                batch_size.map_or(Ok(()), |n| write!(f, ", batch size {n}"))?;
                timeout.map_or(Ok(()), |t| write!(f, ", timeout {}", format(t)))?;
                parallelism.map_or(Ok(()), |n| write!(f, ", parallelism {n}"))
            }
            Self::ThrottleRequests { rate_limit, node } => {
                write!(f, "throttle to {rate_limit} requests/s")?;
                node.as_ref().map_or(Ok(()), |node| write!(f, " from {node}"))
            }
            Self::ActivateEmergencyOverride { duration } => {
                write!(f, "activate emergency override for {}", format(*duration))
            }
            Self::BypassValidation { duration, scope } => {
                write!(f, "bypass validation of {scope} for {}", format(*duration))
            }
            Self::Custom { name, .. } => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_in_both_spellings() {
        for kind in ActionKind::KNOWN {
            assert_eq!(kind.as_str().parse::<ActionKind>().unwrap(), kind);
            assert_eq!(kind.as_str().to_uppercase().parse::<ActionKind>().unwrap(), kind);
        }
        assert_eq!(
            "failover".parse::<ActionKind>().unwrap(),
            ActionKind::Custom("failover".to_owned())
        );
        assert!("fail over".parse::<ActionKind>().is_err());
    }

    #[test]
    fn the_words_of_kinds_and_of_json_agree() {
        let action = Action::ActivateEmergencyOverride { duration: Duration::from_secs(60) };
        let json = serde_json::to_value(&action).unwrap();
        assert_eq!(json["kind"], action.kind().as_str());
        assert_eq!(json["duration"], "1m");
        assert_eq!(serde_json::from_value::<Action>(json).unwrap(), action);
    }

    #[test]
    fn known_kinds_are_listed_cheapest_first() {
        assert!(ActionKind::KNOWN.is_sorted_by_key(ActionKind::default_cost));
    }
}
