//! What those do who steer without a planner: one number, no conditions.

use charter_client::CharterApi;
use mapek_model::{Action, Component, Duration, Observation};
use serde_json::Value;

/// Where scaling ends.
pub(super) const REPLICAS_MAX: u32 = 20;

/// Half as many replicas again, up to [`REPLICAS_MAX`]; none if that is no more, or nobody says how many there are.
pub(super) async fn half_again(charter: &dyn CharterApi) -> Option<Action> {
    let now = charter.committee().await.ok()?.value.replicas;
    let more = now.saturating_add(now.div_ceil(2)).min(REPLICAS_MAX);
    (more > now).then_some(Action::ScaleUp { replicas: more })
}

/// The service, or one of its nodes, is restarted gracefully.
pub(super) fn restart(node: Option<Component>) -> Action {
    Action::RestartService { graceful: true, timeout: Duration::from_secs(30), node }
}

/// The policy that changed last is rolled back.
pub(super) fn roll_back_newest(seen: &Observation) -> Option<Action> {
    let changed = seen.resources_of("policy").max_by_key(|it| (it.changed, &it.id))?;
    let version = changed.attributes.get("version").map(text)?;
    Some(Action::RollbackPolicy { policy: changed.id.clone(), from_version: version })
}

/// Four fifths of what arrives are let in.
pub(super) fn let_in_four_fifths(seen: &Observation) -> Option<Action> {
    let rate_limit = 0.8 * seen.value("arrival_rate").filter(|it| *it > 1.0)?;
    Some(Action::ThrottleRequests { rate_limit, node: None })
}

/// Load goes where there is least.
pub(super) fn rebalance() -> Action {
    Action::RebalanceLoad { strategy: "least_loaded".to_owned() }
}

/// A value without the quotes that a text has as JSON.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
