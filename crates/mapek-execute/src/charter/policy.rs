//! Applying policies and rolling them back.

use charter_client::{
    ActionRequest, ApplyRequest, CharterApi, ETag, Error, PolicyConfig, PolicyId, PolicySpec,
    PolicyStatus, PolicyVersion, ProblemKind, ValidateRequest,
};
use mapek_model::{Action, Way};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    failure::{permitted, reading, sending as failed, verdict},
    options,
    spec::spec,
};
use crate::{EffectError, Presence, Sending};

pub(super) struct Policies<'a> {
    pub(super) api: &'a dyn CharterApi,
}

/// A policy before a step.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Before {
    /// Its newest version; 0 if there is no such policy.
    newest: u64,
    /// Its name, where there is one.
    name: Option<String>,
    /// What is in effect.
    active: Option<Active>,
    etag: Option<ETag>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Active {
    version: u64,
    config: PolicyConfig,
}

/// Whether the version in effect could be taken back.
fn taking_back(id: &PolicyId) -> ValidateRequest {
    let parameters = [("policy_id".to_owned(), Value::from(id.as_str()))].into_iter().collect();
    ValidateRequest::Action(ActionRequest { action: "rollback_policy".to_owned(), parameters })
}

impl Policies<'_> {
    /// The policy and its versions; nothing if there is no such policy.
    pub(super) async fn read(&self, id: &PolicyId) -> Result<Before, EffectError> {
        let Some(policy) = found(self.api.policy(id).await)? else { return Ok(Before::default()) };
        let versions = self.versions(id).await?;
        let active = versions.into_iter().find(|it| it.status == PolicyStatus::Active);
        Ok(Before {
            newest: policy.value.version,
            name: Some(policy.value.name),
            active: active.map(|it| Active { version: it.version, config: it.config }),
            etag: policy.etag.or(policy.value.etag),
        })
    }

    async fn versions(&self, id: &PolicyId) -> Result<Vec<PolicyVersion>, EffectError> {
        Ok(found(self.api.versions(id).await)?.unwrap_or_default())
    }

    pub(super) async fn rehearse(
        &self,
        action: &Action,
        id: &PolicyId,
        before: &Before,
    ) -> Result<(), EffectError> {
        if let Action::RollbackPolicy { from_version, .. } = action {
            let active = before.active.as_ref().map(|active| active.version);
            if active.is_some() && active == number(from_version) {
                let answer = self.api.validate(&taking_back(id)).await;
                return verdict(&answer.map_err(|error| reading(&error))?);
            }
            let active = active.map_or_else(|| "none".to_owned(), |version| version.to_string());
            let reason = format!("version {from_version} is not in effect any more, but {active}");
            return Err(EffectError::refused(reason));
        }
        let policy = self.spec(action, id, before)?;
        let answer = self.api.validate(&ValidateRequest::Policy { policy }).await;
        verdict(&answer.map_err(|error| reading(&error))?)
    }

    /// Whether Charter would accept again what the undo leads back to: it may have learned to refuse it since.
    pub(super) async fn rehearse_undo(
        &self,
        action: &Action,
        id: &PolicyId,
        before: &Before,
    ) -> Result<(), EffectError> {
        if before.active.is_none() && !matches!(action, Action::RollbackPolicy { .. }) {
            // Back to no such policy, which cannot be asked about while there is none: only whether we may send such
            // a thing at all.
            let policy = self.spec(action, id, before)?;
            let answer = self.api.validate(&ValidateRequest::Policy { policy }).await;
            return permitted(&answer.map_err(|error| reading(&error))?);
        }
        let policy = self.restored(id, before)?;
        let answer = self.api.validate(&ValidateRequest::Policy { policy }).await;
        verdict(&answer.map_err(|error| reading(&error))?)
    }

    pub(super) async fn apply(
        &self,
        action: &Action,
        id: &PolicyId,
        before: &Before,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        if matches!(action, Action::RollbackPolicy { .. }) {
            return self.roll_back(id, before.etag.as_ref(), sending).await;
        }
        let spec = self.spec(action, id, before)?;
        self.put(spec, before.etag.as_ref(), sending).await
    }

    pub(super) async fn undo(
        &self,
        action: &Action,
        id: &PolicyId,
        before: &Before,
        receipt: &Value,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        let present = self.read(id).await?;
        if matches!(action, Action::RollbackPolicy { .. }) {
            let restored = self.restored(id, before)?;
            let versions = self.versions(id).await?;
            let theirs = versions.iter().find(|it| it.version > before.newest && holds(it.status));
            if let Some(theirs) = theirs.filter(|it| it.config != restored.config) {
                let reason = format!("somebody else has applied version {} since", theirs.version);
                return Err(EffectError::refused(reason));
            }
            return self.put(restored, present.etag.as_ref(), sending).await;
        }
        let versions = self.versions(id).await?;
        let ours = self.ours(&self.spec(action, id, before)?, before, receipt, &versions);
        let Some(ours) = ours.filter(|it| holds(it.status)) else {
            return Ok(json!({ "nothing_sent": "our version is not in effect" }));
        };
        let later = versions.iter().find(|it| it.version > ours.version && holds(it.status));
        if let Some(later) = later {
            let reason = format!("somebody else has applied version {} since", later.version);
            return Err(EffectError::refused(reason));
        }
        self.roll_back(id, present.etag.as_ref(), sending).await
    }

    pub(super) async fn read_back(
        &self,
        action: &Action,
        id: &PolicyId,
        way: Way,
        before: &Before,
        receipt: &Value,
    ) -> Result<Presence, EffectError> {
        let versions = self.versions(id).await?;
        let applied = |version: &PolicyVersion| Presence::Applied {
            receipt: json!({ "policy_id": id, "version": version.version, "status": version.status }),
        };
        let newer = |than: u64| versions.iter().find(|it| it.version > than && holds(it.status));
        if let (Action::RollbackPolicy { from_version, .. }, Way::Do) = (action, way) {
            let from = number(from_version);
            let taken_back = versions
                .iter()
                .find(|it| Some(it.version) == from && it.status == PolicyStatus::RolledBack)
                .filter(|_| newer(before.newest).is_none());
            return Ok(taken_back.map_or(Presence::NotApplied, applied));
        }
        let (spec, receipt) = match action {
            // Its undo is an apply: what is looked for is what it restores.
            Action::RollbackPolicy { .. } => (self.restored(id, before)?, &Value::Null),
            _ => (self.spec(action, id, before)?, receipt),
        };
        let ours = self.ours(&spec, before, receipt, &versions);
        if way == Way::Undo && !matches!(action, Action::RollbackPolicy { .. }) {
            let Some(ours) = ours else {
                return Ok(Presence::Applied { receipt: Value::Null });
            };
            let was = before.active.as_ref().map(|active| &active.config);
            let theirs = newer(ours.version).is_some_and(|it| Some(&it.config) != was);
            let there = holds(ours.status) || theirs;
            return Ok(if there { Presence::NotApplied } else { applied(ours) });
        }
        Ok(match ours {
            Some(ours) if newer(ours.version).is_some() => Presence::NotApplied,
            Some(ours) if holds(ours.status) => applied(ours),
            Some(ours) if ours.status == PolicyStatus::RolledBack && lapses(action) => {
                let reason = "it has run out, or was taken back".to_owned();
                Presence::Unknown { reason }
            }
            _ => Presence::NotApplied,
        })
    }

    /// The version that we applied: the one that the receipt names, else one since then that says the same.
    fn ours<'v>(
        &self,
        spec: &PolicySpec,
        before: &Before,
        receipt: &Value,
        versions: &'v [PolicyVersion],
    ) -> Option<&'v PolicyVersion> {
        if let Some(version) = receipt.get("version").and_then(Value::as_u64) {
            return versions.iter().find(|it| it.version == version);
        }
        versions.iter().rev().find(|it| {
            it.version > before.newest
                && it.config == spec.config
                && it.source.as_deref().is_none_or(|source| source == ApplyRequest::SOURCE)
        })
    }

    fn spec(
        &self,
        action: &Action,
        id: &PolicyId,
        before: &Before,
    ) -> Result<PolicySpec, EffectError> {
        spec(action, id, before.active.as_ref().map(|active| &active.config))
    }

    /// What was in effect before.
    fn restored(&self, id: &PolicyId, before: &Before) -> Result<PolicySpec, EffectError> {
        let active = before
            .active
            .as_ref()
            .ok_or_else(|| EffectError::refused("nothing was in effect before"))?;
        let name = before.name.clone().unwrap_or_else(|| id.to_string());
        Ok(PolicySpec::new(id.clone(), name, active.config.clone()))
    }

    async fn put(
        &self,
        spec: PolicySpec,
        tag: Option<&ETag>,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        // The time of the execution, not of the attempt: a retry must be the same request.
        let request = ApplyRequest::new(spec, sending.decided);
        let answer = self.api.apply(&request, &options(sending, tag)?).await;
        let answer = answer.map_err(|error| failed(&error))?;
        let applied = answer.value;
        if applied.status == PolicyStatus::Failed {
            return Err(EffectError::refused(format!("version {} failed", applied.version)));
        }
        Ok(json!({
            "policy_id": applied.policy_id, "version": applied.version,
            "status": applied.status, "etag": answer.etag,
        }))
    }

    async fn roll_back(
        &self,
        id: &PolicyId,
        tag: Option<&ETag>,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        let answer = self.api.rollback(id, &options(sending, tag)?).await;
        let answer = answer.map_err(|error| failed(&error))?;
        Ok(json!({
            "policy_id": answer.value.policy_id,
            "rolled_back_version": answer.value.rolled_back_version,
            "version": answer.value.version, "etag": answer.etag,
        }))
    }
}

/// Whether a version is in effect, or on its way to be.
const fn holds(status: PolicyStatus) -> bool {
    matches!(status, PolicyStatus::Pending | PolicyStatus::Approved | PolicyStatus::Active)
}

/// Whether Charter ends it by itself.
const fn lapses(action: &Action) -> bool {
    matches!(action, Action::ActivateEmergencyOverride { .. } | Action::BypassValidation { .. })
}

/// No such policy is an answer, too.
fn found<T>(answer: Result<T, Error>) -> Result<Option<T>, EffectError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.problem_kind() == Some(ProblemKind::PolicyNotFound) => Ok(None),
        Err(error) => Err(reading(&error)),
    }
}

fn number(version: &str) -> Option<u64> {
    version.trim_start_matches('v').parse().ok()
}
