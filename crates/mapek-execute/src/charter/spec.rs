//! Which policy an action is, and what it says.

use charter_client::{PolicyConfig, PolicyId, PolicyKind, PolicySpec, RebalanceStrategy, Seconds};
use mapek_model::{Action, Duration};
use serde_json::Value;

use crate::EffectError;

/// The policy that an action is about; none if it is about the committee.
pub(super) fn policy_id(action: &Action) -> Result<Option<PolicyId>, EffectError> {
    let text = match action {
        Action::ScaleUp { .. } | Action::ScaleDown { .. } | Action::RestartService { .. } => {
            return Ok(None);
        }
        Action::RollbackPolicy { policy, .. } | Action::ApplyPolicy { policy, .. } => {
            policy.clone()
        }
        Action::RebalanceLoad { .. } => "mapek-rebalance".to_owned(),
        Action::UpdateConfiguration { .. } => "mapek-configuration".to_owned(),
        Action::ThrottleRequests { node: None, .. } => "mapek-throttle".to_owned(),
        Action::ThrottleRequests { node: Some(node), .. } => format!("mapek-throttle-{node}"),
        Action::ActivateEmergencyOverride { .. } => "mapek-emergency-override".to_owned(),
        Action::BypassValidation { .. } => "mapek-bypass-validation".to_owned(),
        Action::Custom { name, .. } => {
            return Err(EffectError::refused(format!("charter does not know {name}")));
        }
    };
    PolicyId::try_new(text).map(Some).map_err(|error| EffectError::refused(error.to_string()))
}

/// What is to be applied. `present` is what the policy says now: a configuration changes only what it names, and a new
/// version replaces the one before it as a whole.
pub(super) fn spec(
    action: &Action,
    id: &PolicyId,
    present: Option<&PolicyConfig>,
) -> Result<PolicySpec, EffectError> {
    let kind = match action {
        Action::ApplyPolicy { name, config, .. } => {
            let Value::Object(fields) = config else {
                return Err(EffectError::refused("the configuration of a policy is an object"));
            };
            return Ok(PolicySpec::new(id.clone(), name, PolicyConfig(fields.clone())));
        }
        Action::RebalanceLoad { strategy } => PolicyKind::Rebalance { strategy: how(strategy)? },
        Action::UpdateConfiguration { batch_size, timeout, parallelism } => {
            PolicyKind::Configuration {
                batch_size: *batch_size,
                timeout: timeout.map(seconds).transpose()?,
                parallelism: *parallelism,
            }
        }
        Action::ThrottleRequests { rate_limit, node } => PolicyKind::Throttle {
            rate_limit: *rate_limit,
            node: node.as_ref().map(ToString::to_string),
        },
        Action::ActivateEmergencyOverride { duration } => {
            PolicyKind::EmergencyOverride { duration: seconds(*duration)? }
        }
        Action::BypassValidation { duration, scope } => {
            PolicyKind::BypassValidation { duration: seconds(*duration)?, scope: scope.clone() }
        }
        other => return Err(EffectError::refused(format!("no policy can {other}"))),
    };
    kind.check().map_err(|error| EffectError::refused(error.to_string()))?;
    let mut config = PolicyConfig::from(kind);
    if let (Action::UpdateConfiguration { .. }, Some(present)) = (action, present) {
        for (name, value) in &present.0 {
            config.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    Ok(PolicySpec::new(id.clone(), format!("mapek: {}", action.kind()), config))
}

fn how(strategy: &str) -> Result<RebalanceStrategy, EffectError> {
    serde_json::from_value(Value::from(strategy))
        .map_err(|_| EffectError::refused(format!("charter knows no strategy {strategy}")))
}

fn seconds(duration: Duration) -> Result<Seconds, EffectError> {
    Seconds::try_from(duration).map_err(|error| EffectError::refused(error.to_string()))
}
