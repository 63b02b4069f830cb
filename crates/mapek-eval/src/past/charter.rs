//! What is left of a Charter.

use std::sync::Arc;

use async_trait::async_trait;
use charter_client::{
    Applied, ApplyRequest, Call, CallOptions, CharterApi, CommitteeState, CommitteeStatus, Error,
    Health, Policy, PolicyId, PolicyVersion, RestartAccepted, RestartRequest, RolledBack,
    ScaleRequest, Tagged, ValidateRequest, Validation, Violations,
};
use mapek_loop::{Clock as _, ManualClock};
use mapek_model::Query;
use mapek_monitor::MetricSource;

/// A Charter of the past: its committee is as large as its metrics say, and all that would change it is not sent.
#[derive(Debug, Clone)]
pub struct PastCharter {
    metrics: Arc<dyn MetricSource>,
    clock: ManualClock,
}

impl PastCharter {
    /// The Charter of which `metrics` tell, at the time of `clock`.
    #[must_use]
    pub fn new(metrics: Arc<dyn MetricSource>, clock: ManualClock) -> Self {
        Self { metrics, clock }
    }
}

/// Why nothing is sent.
#[derive(Debug, thiserror::Error)]
#[error("the past cannot be changed")]
struct Over;

fn over<T>(call: Call) -> Result<T, Error> {
    Err(Error::not_built(call, Over))
}

#[async_trait]
impl CharterApi for PastCharter {
    async fn health(&self) -> Result<Health, Error> {
        Ok(Health {
            status: "ok".to_owned(),
            version: None,
            extensions: Default::default(),
            key_retention_seconds: None,
        })
    }

    async fn policies(&self) -> Result<Vec<Policy>, Error> {
        Ok(Vec::new())
    }

    async fn policy(&self, _: &PolicyId) -> Result<Tagged<Policy>, Error> {
        over(Call::Policy)
    }

    async fn versions(&self, _: &PolicyId) -> Result<Vec<PolicyVersion>, Error> {
        over(Call::Versions)
    }

    async fn apply(&self, _: &ApplyRequest, _: &CallOptions) -> Result<Tagged<Applied>, Error> {
        over(Call::Apply)
    }

    async fn validate(&self, _: &ValidateRequest) -> Result<Validation, Error> {
        over(Call::Validate)
    }

    async fn rollback(&self, _: &PolicyId, _: &CallOptions) -> Result<Tagged<RolledBack>, Error> {
        over(Call::Rollback)
    }

    async fn committee(&self) -> Result<Tagged<CommitteeState>, Error> {
        let now = self.clock.now();
        let size = Query::try_new("max(westworld_charter_committee_size)");
        let size = size.map_err(|error| Error::not_built(Call::Committee, error))?;
        let answer = self.metrics.instant(&size, now).await;
        let answer = answer.map_err(|error| Error::not_connected(Call::Committee, error))?;
        let size = answer.series.first().and_then(|it| it.last()).map(|it| it.value);
        let Some(size) = size.filter(|it| (0.0..1e6).contains(it)) else {
            return Err(Error::unanswered(Call::Committee, "there is no committee_size"));
        };
        let replicas = size as u32;
        let state = CommitteeState {
            status: CommitteeStatus::Normal,
            replicas,
            healthy_nodes: replicas,
            timestamp: now,
            target_replicas: None,
            replicas_min: None,
            replicas_max: None,
            generation: None,
            configuration: None,
            nodes: Vec::new(),
        };
        Ok(Tagged::new(state))
    }

    async fn scale(
        &self,
        _: &ScaleRequest,
        _: &CallOptions,
    ) -> Result<Tagged<CommitteeState>, Error> {
        over(Call::Scale)
    }

    async fn restart(
        &self,
        _: &RestartRequest,
        _: &CallOptions,
    ) -> Result<Tagged<RestartAccepted>, Error> {
        over(Call::Restart)
    }

    async fn violations(&self) -> Result<Violations, Error> {
        // Its own list of them is not in its metrics, so none is there, and that proves nothing.
        Ok(Violations { items: Vec::new(), truncated: true })
    }
}
