//! A Charter API that remembers what was asked of it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use charter_client::{
    Applied, ApplyRequest, CallOptions, CharterApi, CommitteeState, Error, Health, Policy,
    PolicyConfig, PolicyId, PolicyKind, PolicyVersion, RestartAccepted, RestartRequest, RolledBack,
    ScaleRequest, Tagged, ValidateRequest, Validation, Violations,
};
use charter_sim::{InProcess, Mutation};
use mapek_model::{ActionKind, Timestamp};

use crate::CallResult;

/// A mutation as it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) at: Timestamp,
    pub(crate) kind: ActionKind,
    pub(crate) mutation: Mutation,
    pub(crate) key: Option<String>,
    pub(crate) result: CallResult,
}

/// Passes everything on, and writes down what changes the plant. Repeated answers to a key that was used already are no
/// new effect, and not written down.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    charter: InProcess,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Recorder {
    pub(crate) fn over(charter: InProcess) -> Self {
        Self { charter, asked: Arc::default() }
    }

    /// What was asked since the last time.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note<T>(
        &self,
        kind: ActionKind,
        mutation: Mutation,
        options: &CallOptions,
        answer: Result<Tagged<T>, Error>,
    ) -> Result<Tagged<T>, Error> {
        let result = match &answer {
            Ok(tagged) if tagged.replayed => return answer,
            Ok(_) => CallResult::Applied,
            Err(Error::Unanswered { .. }) => CallResult::Lost,
            Err(_) => CallResult::Refused,
        };
        let key = options.idempotency_key.as_ref().map(ToString::to_string);
        let asked = Asked { at: self.charter.now(), kind, mutation, key, result };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        answer
    }
}

#[async_trait]
impl CharterApi for Recorder {
    async fn health(&self) -> Result<Health, Error> {
        self.charter.health().await
    }

    async fn policies(&self) -> Result<Vec<Policy>, Error> {
        self.charter.policies().await
    }

    async fn policy(&self, id: &PolicyId) -> Result<Tagged<Policy>, Error> {
        self.charter.policy(id).await
    }

    async fn versions(&self, id: &PolicyId) -> Result<Vec<PolicyVersion>, Error> {
        self.charter.versions(id).await
    }

    async fn apply(
        &self,
        request: &ApplyRequest,
        options: &CallOptions,
    ) -> Result<Tagged<Applied>, Error> {
        let answer = self.charter.apply(request, options).await;
        self.note(
            kind_of(&request.policy.config),
            Mutation::Apply(request.clone()),
            options,
            answer,
        )
    }

    async fn validate(&self, request: &ValidateRequest) -> Result<Validation, Error> {
        self.charter.validate(request).await
    }

    async fn rollback(
        &self,
        id: &PolicyId,
        options: &CallOptions,
    ) -> Result<Tagged<RolledBack>, Error> {
        let answer = self.charter.rollback(id, options).await;
        self.note(ActionKind::RollbackPolicy, Mutation::Rollback(id.clone()), options, answer)
    }

    async fn committee(&self) -> Result<Tagged<CommitteeState>, Error> {
        self.charter.committee().await
    }

    async fn scale(
        &self,
        request: &ScaleRequest,
        options: &CallOptions,
    ) -> Result<Tagged<CommitteeState>, Error> {
        let fewer = request.replicas < self.charter.state().target_replicas;
        let kind = if fewer { ActionKind::ScaleDown } else { ActionKind::ScaleUp };
        let answer = self.charter.scale(request, options).await;
        self.note(kind, Mutation::Scale(*request), options, answer)
    }

    async fn restart(
        &self,
        request: &RestartRequest,
        options: &CallOptions,
    ) -> Result<Tagged<RestartAccepted>, Error> {
        let answer = self.charter.restart(request, options).await;
        self.note(ActionKind::RestartService, Mutation::Restart(request.clone()), options, answer)
    }

    async fn violations(&self) -> Result<Violations, Error> {
        self.charter.violations().await
    }
}

/// What applying a policy is called as an action.
fn kind_of(config: &PolicyConfig) -> ActionKind {
    match config.kind() {
        Ok(PolicyKind::Rebalance { .. }) => ActionKind::RebalanceLoad,
        Ok(PolicyKind::Configuration { .. }) => ActionKind::UpdateConfiguration,
        Ok(PolicyKind::Throttle { .. }) => ActionKind::ThrottleRequests,
        Ok(PolicyKind::EmergencyOverride { .. }) => ActionKind::ActivateEmergencyOverride,
        Ok(PolicyKind::BypassValidation { .. }) => ActionKind::BypassValidation,
        _ => ActionKind::ApplyPolicy,
    }
}
