//! Actions as those know them who have a name for what to do, and no model of it.

use charter_client::CharterApi;
use mapek_model::{Action, Duration, Observation};
use serde_json::Value;

/// Something that can be done about anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Move {
    /// Half as many replicas again, up to twenty.
    ScaleUp,
    /// Two thirds of the replicas.
    ScaleDown,
    /// All of it, gracefully.
    Restart,
    /// Requests go to who has least to do.
    Rebalance,
    /// The policy that changed last goes back to its version before.
    RollBack,
    /// Batch size, timeout and parallelism as they are installed.
    Tune,
    /// Four fifths of the present load are let in.
    Throttle,
    /// Checks are suspended for ten minutes.
    Override,
}

/// Where scaling ends.
const REPLICAS_MAX: u32 = 20;

impl Move {
    /// All of them.
    pub(super) const ALL: [Self; 8] = [
        Self::ScaleUp,
        Self::ScaleDown,
        Self::Restart,
        Self::Rebalance,
        Self::RollBack,
        Self::Tune,
        Self::Throttle,
        Self::Override,
    ];

    /// What it comes to at the moment, if anything.
    pub(super) async fn action(
        self,
        charter: &dyn CharterApi,
        seen: &Observation,
    ) -> Option<Action> {
        match self {
            Self::ScaleUp => {
                let now = charter.committee().await.ok()?.value.replicas;
                let replicas = now.saturating_add(now.div_ceil(2)).min(REPLICAS_MAX);
                (replicas > now).then_some(Action::ScaleUp { replicas })
            }
            Self::ScaleDown => {
                let now = charter.committee().await.ok()?.value.replicas;
                let replicas = (now - now / 3).max(1);
                (replicas < now).then_some(Action::ScaleDown { replicas })
            }
            Self::Restart => Some(Action::RestartService {
                graceful: true,
                timeout: Duration::from_secs(30),
                node: None,
            }),
            Self::Rebalance => Some(Action::RebalanceLoad { strategy: "least_loaded".to_owned() }),
            Self::RollBack => {
                let changed = seen.resources_of("policy").max_by_key(|it| (it.changed, &it.id))?;
                let version = changed.attributes.get("version").map(text)?;
                Some(Action::RollbackPolicy { policy: changed.id.clone(), from_version: version })
            }
            Self::Tune => Some(Action::UpdateConfiguration {
                batch_size: Some(16),
                timeout: Some(Duration::from_secs(2)),
                parallelism: Some(4),
            }),
            Self::Throttle => {
                let rate_limit = 0.8 * seen.value("arrival_rate").filter(|it| *it > 1.0)?;
                Some(Action::ThrottleRequests { rate_limit, node: None })
            }
            Self::Override => {
                Some(Action::ActivateEmergencyOverride { duration: Duration::from_secs(600) })
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
