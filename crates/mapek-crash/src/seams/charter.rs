//! The client of the managed system: a point before each call leaves, and one when its answer is here.

use std::sync::Arc;

use async_trait::async_trait;
use charter_client::{
    Applied, ApplyRequest, CallOptions, CharterApi, CommitteeState, Error, Health, Policy,
    PolicyId, PolicyVersion, RestartAccepted, RestartRequest, RolledBack, ScaleRequest, Tagged,
    ValidateRequest, Validation, Violations,
};

use crate::points::around;

/// A Charter whose calls are watched.
#[derive(Debug, Clone)]
pub(crate) struct WatchedCharter(pub(crate) Arc<dyn CharterApi>);

#[async_trait]
impl CharterApi for WatchedCharter {
    async fn health(&self) -> Result<Health, Error> {
        around("charter.health", self.0.health()).await
    }

    async fn policies(&self) -> Result<Vec<Policy>, Error> {
        around("charter.policies", self.0.policies()).await
    }

    async fn policy(&self, id: &PolicyId) -> Result<Tagged<Policy>, Error> {
        around("charter.policy", self.0.policy(id)).await
    }

    async fn versions(&self, id: &PolicyId) -> Result<Vec<PolicyVersion>, Error> {
        around("charter.versions", self.0.versions(id)).await
    }

    async fn apply(
        &self,
        request: &ApplyRequest,
        options: &CallOptions,
    ) -> Result<Tagged<Applied>, Error> {
        around("charter.apply", self.0.apply(request, options)).await
    }

    async fn validate(&self, request: &ValidateRequest) -> Result<Validation, Error> {
        around("charter.validate", self.0.validate(request)).await
    }

    async fn rollback(
        &self,
        id: &PolicyId,
        options: &CallOptions,
    ) -> Result<Tagged<RolledBack>, Error> {
        around("charter.rollback", self.0.rollback(id, options)).await
    }

    async fn committee(&self) -> Result<Tagged<CommitteeState>, Error> {
        around("charter.committee", self.0.committee()).await
    }

    async fn scale(
        &self,
        request: &ScaleRequest,
        options: &CallOptions,
    ) -> Result<Tagged<CommitteeState>, Error> {
        around("charter.scale", self.0.scale(request, options)).await
    }

    async fn restart(
        &self,
        request: &RestartRequest,
        options: &CallOptions,
    ) -> Result<Tagged<RestartAccepted>, Error> {
        around("charter.restart", self.0.restart(request, options)).await
    }

    async fn violations(&self) -> Result<Violations, Error> {
        around("charter.violations", self.0.violations()).await
    }
}
