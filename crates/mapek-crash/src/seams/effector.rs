//! The effector: a point before and after each thing that is done with a step.

use async_trait::async_trait;
use mapek_execute::{EffectError, Effector, Presence, Repeat, Sending};
use mapek_model::{Action, ActionKind, Captured, Way};
use serde_json::Value;

use crate::points::around;

/// An effector that is watched.
#[derive(Debug)]
pub(crate) struct WatchedEffector<E>(pub(crate) E);

#[async_trait]
impl<E: Effector> Effector for WatchedEffector<E> {
    fn repeat(&self, kind: &ActionKind, way: Way) -> Option<Repeat> {
        self.0.repeat(kind, way)
    }

    fn resource(&self, action: &Action) -> Option<String> {
        self.0.resource(action)
    }

    async fn capture(&self, action: &Action) -> Result<Value, EffectError> {
        around("effector.capture", self.0.capture(action)).await
    }

    async fn rehearse(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
    ) -> Result<(), EffectError> {
        around("effector.rehearse", self.0.rehearse(action, way, captured)).await
    }

    async fn apply(
        &self,
        action: &Action,
        captured: &Captured,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        around("effector.apply", self.0.apply(action, captured, sending)).await
    }

    async fn undo(
        &self,
        action: &Action,
        captured: &Captured,
        receipt: &Value,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        around("effector.undo", self.0.undo(action, captured, receipt, sending)).await
    }

    async fn read_back(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
        receipt: &Value,
    ) -> Result<Presence, EffectError> {
        around("effector.read-back", self.0.read_back(action, way, captured, receipt)).await
    }
}
