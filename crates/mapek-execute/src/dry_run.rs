//! An effector that only pretends.

use async_trait::async_trait;
use mapek_model::{Action, ActionKind, Captured, Way};
use serde_json::{Value, json};

use crate::{EffectError, Effector, Presence, Repeat, Sending};

/// Reads and checks through another effector, and sends nothing.
///
/// Its steps succeed whenever the other one says that they would be accepted; what it answers says that it was a dry run.
#[derive(Debug, Clone)]
pub struct DryRun<E> {
    inner: E,
}

impl<E: Effector> DryRun<E> {
    /// Pretends over `inner`.
    #[must_use]
    pub const fn over(inner: E) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl<E: Effector> Effector for DryRun<E> {
    fn repeat(&self, kind: &ActionKind, way: Way) -> Option<Repeat> {
        self.inner.repeat(kind, way)
    }

    fn resource(&self, action: &Action) -> Option<String> {
        self.inner.resource(action)
    }

    async fn capture(&self, action: &Action) -> Result<Value, EffectError> {
        self.inner.capture(action).await
    }

    async fn rehearse(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
    ) -> Result<(), EffectError> {
        self.inner.rehearse(action, way, captured).await
    }

    async fn apply(
        &self,
        action: &Action,
        _: &Captured,
        _: &Sending,
    ) -> Result<Value, EffectError> {
        Ok(json!({ "dry_run": action.to_string() }))
    }

    async fn undo(
        &self,
        action: &Action,
        _: &Captured,
        _: &Value,
        _: &Sending,
    ) -> Result<Value, EffectError> {
        Ok(json!({ "dry_run": format!("undo: {action}") }))
    }

    async fn read_back(
        &self,
        _: &Action,
        _: Way,
        _: &Captured,
        receipt: &Value,
    ) -> Result<Presence, EffectError> {
        Ok(Presence::Applied { receipt: receipt.clone() })
    }
}
