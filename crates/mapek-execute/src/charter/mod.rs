//! The effector for Charter: what each kind of action is in calls of its API, and how each is undone.
//!
//! | Kind | Do | Undo | Read back by |
//! |---|---|---|---|
//! | `scale_up`, `scale_down` | scale | scale to the captured size | the size asked for |
//! | `restart_service` | restart | none | the committee's generation, and nodes that restart |
//! | `rollback_policy` | roll back | apply what was in effect | the status of the version |
//! | `apply_policy` and the five that are policies of a kind | apply | roll back | the status of our version |
//!
//! Policies that the loop makes have ids of their own (`mapek-throttle`), so that none of ours replaces one of theirs.

mod committee;
mod failure;
mod policy;
mod spec;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use charter_client::{CallOptions, CharterApi, ETag, Epoch, Extension, IdempotencyKey};
use mapek_model::{Action, ActionKind, Captured, Duration, Way};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{EffectError, Effector, Presence, Repeat, Sending};
use committee::Committee;
use failure::reading;
use policy::Policies;

/// What the inventory calls the committee.
const COMMITTEE: &str = "committee";

/// Does and undoes steps on a Charter.
///
/// The client below must try each mutation once: retries are the executor's, because only it writes them down. Whether Charter keeps
/// idempotency keys, and for how long, is asked whenever its state is read; until it has said so, nothing counts as keyed.
#[derive(Clone)]
pub struct CharterEffector {
    api: Arc<dyn CharterApi>,
    /// For how many seconds keys are kept; 0 if they are not, or not for any time that is known.
    keyed: Arc<AtomicU64>,
}

impl fmt::Debug for CharterEffector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CharterEffector").field("api", &self.api).finish_non_exhaustive()
    }
}

impl CharterEffector {
    /// Works on the Charter behind `api`.
    #[must_use]
    pub fn new(api: Arc<dyn CharterApi>) -> Self {
        Self { api, keyed: Arc::new(AtomicU64::new(0)) }
    }

    async fn ask_for_extensions(&self) -> Result<(), EffectError> {
        let health = self.api.health().await.map_err(|error| reading(&error))?;
        let kept =
            health.key_retention_seconds.filter(|_| health.offers(&Extension::IdempotencyKey));
        self.keyed.store(kept.map_or(0, |it| it.to_duration().as_secs()), Ordering::Relaxed);
        Ok(())
    }

    fn committee(&self) -> Committee<'_> {
        Committee { api: self.api.as_ref() }
    }

    fn policies(&self) -> Policies<'_> {
        Policies { api: self.api.as_ref() }
    }
}

#[async_trait]
impl Effector for CharterEffector {
    fn repeat(&self, kind: &ActionKind, way: Way) -> Option<Repeat> {
        use Repeat::{AbsoluteSet, Keyed, NonRepeatable};
        let plain = match (kind, way) {
            (ActionKind::Custom(_), _) => return None,
            // Not even with a key: keys are forgotten after a day, and a second restart is harm.
            (ActionKind::RestartService, _) => return Some(NonRepeatable),
            // To a size: it needs no key, and outlives one.
            (ActionKind::ScaleUp | ActionKind::ScaleDown, _) => return Some(AbsoluteSet),
            (ActionKind::RollbackPolicy, Way::Undo) => AbsoluteSet,
            // A rollback takes one more version back each time.
            (ActionKind::RollbackPolicy, Way::Do) => NonRepeatable,
            (_, Way::Do) => AbsoluteSet,
            (_, Way::Undo) => NonRepeatable,
        };
        Some(if self.remembers_keys().is_some() { Keyed } else { plain })
    }

    fn remembers_keys(&self) -> Option<Duration> {
        match self.keyed.load(Ordering::Relaxed) {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        }
    }

    fn resource(&self, action: &Action) -> Option<String> {
        let policy = spec::policy_id(action).ok()?;
        Some(policy.map_or_else(|| COMMITTEE.to_owned(), |id| id.as_str().to_owned()))
    }

    async fn capture(&self, action: &Action) -> Result<Value, EffectError> {
        self.ask_for_extensions().await?;
        match spec::policy_id(action)? {
            None => write(&self.committee().read().await?),
            Some(id) => write(&self.policies().read(&id).await?),
        }
    }

    async fn rehearse(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
    ) -> Result<(), EffectError> {
        let id = spec::policy_id(action)?;
        match (id, way) {
            (None, Way::Do) => self.committee().rehearse(action).await,
            (None, Way::Undo) => {
                self.committee().rehearse_undo(action, &read(&captured.state)?).await
            }
            (Some(id), Way::Do) => {
                self.policies().rehearse(action, &id, &read(&captured.state)?).await
            }
            (Some(id), Way::Undo) => {
                self.policies().rehearse_undo(action, &id, &read(&captured.state)?).await
            }
        }
    }

    async fn apply(
        &self,
        action: &Action,
        captured: &Captured,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        match spec::policy_id(action)? {
            None => self.committee().apply(action, &read(&captured.state)?, sending).await,
            Some(id) => self.policies().apply(action, &id, &read(&captured.state)?, sending).await,
        }
    }

    async fn undo(
        &self,
        action: &Action,
        captured: &Captured,
        receipt: &Value,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        match spec::policy_id(action)? {
            None => self.committee().undo(action, &read(&captured.state)?, sending).await,
            Some(id) => {
                let before = read(&captured.state)?;
                self.policies().undo(action, &id, &before, receipt, sending).await
            }
        }
    }

    async fn read_back(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
        receipt: &Value,
    ) -> Result<Presence, EffectError> {
        self.ask_for_extensions().await?;
        match spec::policy_id(action)? {
            None => self.committee().read_back(action, way, &read(&captured.state)?).await,
            Some(id) => {
                let before = read(&captured.state)?;
                self.policies().read_back(action, &id, way, &before, receipt).await
            }
        }
    }
}

/// What protects a mutation. Charter ignores what it does not offer.
fn options(sending: &Sending, tag: Option<&ETag>) -> Result<CallOptions, EffectError> {
    let key = IdempotencyKey::try_new(sending.key.as_str())
        .map_err(|error| EffectError::refused(error.to_string()))?;
    let options =
        CallOptions::new().with_idempotency_key(key).with_epoch(Epoch(sending.epoch.get()));
    Ok(match tag {
        Some(tag) => options.with_if_match(tag.clone()),
        None => options,
    })
}

fn write<T: Serialize>(state: &T) -> Result<Value, EffectError> {
    serde_json::to_value(state).map_err(|error| EffectError::refused(error.to_string()))
}

fn read<T: DeserializeOwned>(state: &Value) -> Result<T, EffectError> {
    T::deserialize(state)
        .map_err(|error| EffectError::refused(format!("what was captured cannot be read: {error}")))
}
