//! Whether a policy or an action would be accepted at this moment.

use charter_client::{
    ActionRequest, ApplyRequest, PolicyConfig, PolicyId, PolicyKind, PolicySpec, Reason,
    RestartRequest, ScaleRequest, Seconds, ValidateRequest, Validation,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::charter::Charter;
use crate::plant::{Plant, check_scope};

/// Longest drain of a restart: an hour.
const RESTART_TIMEOUT_S_MAX: u32 = 3_600;
/// Longest name of a policy, and longest source, in bytes.
const NAME_MAX: usize = 256;
const SOURCE_MAX: usize = 128;

impl Charter {
    /// The answer to `POST /api/v1/policies/validate`.
    #[must_use]
    pub fn validate(&self, request: &ValidateRequest) -> Validation {
        let verdict = match request {
            ValidateRequest::Policy { policy } => spec(&self.plant, policy).map(drop),
            ValidateRequest::Action(request) => action(&self.plant, request),
        };
        verdict.map_or_else(Validation::invalid, |()| Validation::valid())
    }
}

/// What an apply would apply, or all reasons against it.
pub(super) fn apply(plant: &Plant, request: &ApplyRequest) -> Result<PolicyKind, Vec<Reason>> {
    let source = length("source", &request.source, SOURCE_MAX);
    match (spec(plant, &request.policy), source) {
        (Ok(kind), Ok(())) => Ok(kind),
        (Ok(_), Err(reason)) => Err(vec![reason]),
        (Err(reasons), source) => Err(reasons.into_iter().chain(source.err()).collect()),
    }
}

pub(super) fn restart(request: &RestartRequest) -> Result<(), Reason> {
    if request.timeout <= Seconds::whole(RESTART_TIMEOUT_S_MAX) {
        return Ok(());
    }
    Err(Reason::new("timeout", format!("must be at most {RESTART_TIMEOUT_S_MAX} seconds")))
}

fn spec(plant: &Plant, spec: &PolicySpec) -> Result<PolicyKind, Vec<Reason>> {
    let mut reasons = Vec::new();
    reasons.extend(length("policy.name", &spec.name, NAME_MAX).err());
    let room = plant.policies.check_room(spec.policy_id.as_ref());
    reasons.extend(room.map_err(|refusal| Reason::new("policy", refusal.to_string())).err());
    match config(plant, &spec.config, "policy.config") {
        Ok(kind) if reasons.is_empty() => Ok(kind),
        Ok(_) => Err(reasons),
        Err(reason) => {
            reasons.push(reason);
            Err(reasons)
        }
    }
}

/// Reads a configuration; reasons name their field below `top`.
fn config(plant: &Plant, config: &PolicyConfig, top: &str) -> Result<PolicyKind, Reason> {
    let at = |field: &str| match (top, field) {
        (top, "config") => top.to_owned(),
        ("", field) => field.to_owned(),
        (top, field) => format!("{top}.{field}"),
    };
    let kind = config.kind().map_err(|wrong| Reason::new(at(&wrong.field), wrong.reason))?;
    match &kind {
        PolicyKind::Throttle { node: Some(node), .. } => {
            plant.fleet.find(node).map_err(|no| Reason::new(at("node"), no.to_string()))?;
        }
        PolicyKind::BypassValidation { scope, .. } => {
            check_scope(scope).map_err(|reason| Reason::new(at("scope"), reason))?;
        }
        _ => {}
    }
    Ok(kind)
}

fn action(plant: &Plant, request: &ActionRequest) -> Result<(), Vec<Reason>> {
    let checked = match request.action.as_str() {
        "scale_up" | "scale_down" => scale(plant, request),
        "restart_service" => read::<RestartRequest>(request).and_then(|wanted| {
            restart(&wanted)?;
            let found = plant.fleet.check_restart(wanted.node.as_deref()).map(drop);
            found.map_err(|refusal| Reason::new("node", refusal.to_string()))
        }),
        "rollback_policy" => rollback(plant, request),
        "rebalance" | "configuration" | "throttle" | "emergency_override" | "bypass_validation" => {
            let mut map = request.parameters.clone();
            map.insert("kind".to_owned(), Value::from(request.action.clone()));
            config(plant, &PolicyConfig(map), "").map(drop)
        }
        unknown => Err(Reason::new("action", format!("`{unknown}` is not known"))),
    };
    checked.map_err(|reason| vec![reason])
}

fn scale(plant: &Plant, request: &ActionRequest) -> Result<(), Reason> {
    let wanted = read::<ScaleRequest>(request)?.replicas;
    let present = plant.fleet.target;
    let reason = |text: String| Reason::new("replicas", text);
    let accepted = plant.fleet.check_scale(wanted);
    accepted.map_err(|refusal| reason(refusal.to_string()))?;
    let up = request.action == "scale_up";
    if if up { wanted > present } else { wanted < present } {
        return Ok(());
    }
    let side = if up { "above" } else { "below" };
    Err(reason(format!("must be {side} the present target of {present}")))
}

fn rollback(plant: &Plant, request: &ActionRequest) -> Result<(), Reason> {
    let id = request.parameters.get("policy_id").and_then(Value::as_str);
    let reason = |text: String| Reason::new("policy_id", text);
    let id = id.ok_or_else(|| reason("is missing".to_owned()))?;
    let id = PolicyId::try_new(id).map_err(|error| reason(error.to_string()))?;
    plant.policies.check_rollback(&id).map_err(|refusal| reason(refusal.to_string()))
}

fn read<T: DeserializeOwned>(request: &ActionRequest) -> Result<T, Reason> {
    let value = Value::Object(request.parameters.clone());
    serde_json::from_value(value).map_err(|error| Reason::new("", error.to_string()))
}

fn length(field: &str, text: &str, max: usize) -> Result<(), Reason> {
    if (1..=max).contains(&text.len()) {
        return Ok(());
    }
    Err(Reason::new(field, format!("must have 1 to {max} bytes")))
}
