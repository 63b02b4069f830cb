//! The seam to the managed system.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use mapek_model::{Action, ActionKind, Captured, Duration, Epoch, IdempotencyKey, Timestamp, Way};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happens if the same is sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// One effect for one key, however often it arrives. Only where the managed system itself keeps keys, and only for as long as it
    /// [remembers](Effector::remembers_keys) them: then it is as [`NonRepeatable`](Self::NonRepeatable).
    Keyed,
    /// It sets a state, so the second time changes nothing.
    AbsoluteSet,
    /// It has an effect each time. It is never sent again unless it is known not to have arrived.
    NonRepeatable,
}

/// What the managed system shows of a step, read back.
#[derive(Debug, Clone, PartialEq)]
pub enum Presence {
    /// Its effect is there.
    Applied {
        /// What the call would have answered, as far as it can be read.
        receipt: Value,
    },
    /// Its effect is not there.
    NotApplied,
    /// It cannot be told by looking.
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// What goes with a step when it is sent. It is the same in every retry, so that a system that keeps keys sees one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The key of this step, this way.
    pub key: IdempotencyKey,
    /// Whose turn it is; a system that has seen a newer one refuses.
    pub epoch: Epoch,
    /// When the execution began, as the managed system may want to be told.
    pub decided: Timestamp,
}

/// A step could not be read, checked, sent, or its answer not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EffectError {
    /// It is known that nothing took effect. Everything that only reads fails this way.
    #[error("refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
        /// Whether trying again can help.
        transient: bool,
    },
    /// It was sent, and it is not known whether it took effect.
    #[error("unclear: {reason}")]
    Unclear {
        /// Why not.
        reason: String,
    },
}

impl EffectError {
    /// Nothing took effect, and trying again does not help.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), transient: false }
    }

    /// Nothing took effect; it may pass.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into(), transient: true }
    }

    /// Nobody knows whether it took effect.
    pub fn unclear(reason: impl Into<String>) -> Self {
        Self::Unclear { reason: reason.into() }
    }

    /// Whether trying again can help; of something unclear, after reading back.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Refused { transient, .. } => *transient,
            Self::Unclear { .. } => true,
        }
    }
}

/// Does steps on one managed system, and undoes them.
///
/// *Idempotency.* [`capture`](Self::capture), [`rehearse`](Self::rehearse) and [`read_back`](Self::read_back) change nothing and may be repeated. [`apply`](Self::apply) and
/// [`undo`](Self::undo) behave as [`repeat`](Self::repeat) says; a retry comes with the same [`Sending`].
///
/// *Time.* Every call ends by itself, by a timeout of the implementation's own: the executor has no clock. A timeout after
/// sending is [`EffectError::Unclear`], never a refusal. One call is one attempt: retries are the executor's, because only it journals them.
///
/// *Cancellation.* A call may be dropped at any moment; the executor then treats it as unclear.
///
/// *Ordering.* The executor sends the steps of one execution one after the other, and what it captured, and what `apply`
/// answered, come back unchanged with `undo` and `read_back`, even after a crash.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Effector: fmt::Debug + Send + Sync {
    /// What happens if actions of this kind are sent twice, this way; `None` if it does not know the kind.
    fn repeat(&self, kind: &ActionKind, way: Way) -> Option<Repeat>;

    /// How long the managed system remembers a key, from its first arrival on; `None` if it keeps none, or does not say. It asks nobody.
    fn remembers_keys(&self) -> Option<Duration> {
        None
    }

    /// Which resource an action changes, by the id that the managed system lists it with, so that nobody takes the change for
    /// somebody else's, and that nobody goes on while others change the same. What it changes beside (its load, its parts) does not
    /// count. It asks nobody.
    fn resource(&self, action: &Action) -> Option<String> {
        match action {
            Action::RollbackPolicy { policy, .. } | Action::ApplyPolicy { policy, .. } => {
                Some(policy.clone())
            }
            _ => None,
        }
    }

    /// Reads the state that undo will need, before the step.
    ///
    /// # Errors
    ///
    /// [`EffectError::Refused`] if it cannot be read; transient if it may be later.
    async fn capture(&self, action: &Action) -> Result<Value, EffectError>;

    /// Whether the step would be accepted now; or whether its undo, back to what was captured, would be, once the step is done.
    /// A *yes* promises nothing about the next moment. The undo of every step is rehearsed before the first is sent.
    ///
    /// # Errors
    ///
    /// [`EffectError::Refused`] if it would not, with the reasons; transient if it may be later.
    async fn rehearse(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
    ) -> Result<(), EffectError>;

    /// Does the step and answers what undo and people need to know of it.
    ///
    /// # Errors
    ///
    /// [`EffectError`], which says whether it can have taken effect.
    async fn apply(
        &self,
        action: &Action,
        captured: &Captured,
        sending: &Sending,
    ) -> Result<Value, EffectError>;

    /// Undoes the step; `receipt` is what [`apply`](Self::apply) or [`read_back`](Self::read_back) answered, null if neither did. Undoing what is not
    /// there succeeds.
    ///
    /// # Errors
    ///
    /// [`EffectError`], which says whether it can have taken effect.
    async fn undo(
        &self,
        action: &Action,
        captured: &Captured,
        receipt: &Value,
        sending: &Sending,
    ) -> Result<Value, EffectError>;

    /// Looks whether the step (or its undo) has taken effect, and is there still: asked after a lost answer, before the next
    /// step, and before an undo. What others have set since is neither of the two: [`Presence::NotApplied`] both ways.
    ///
    /// # Errors
    ///
    /// [`EffectError::Refused`] if the state cannot be read; transient if it may be later.
    async fn read_back(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
        receipt: &Value,
    ) -> Result<Presence, EffectError>;
}

const _: Option<&dyn Effector> = None; // stays usable as a trait object

#[async_trait]
impl<T: Effector + ?Sized> Effector for Arc<T> {
    fn repeat(&self, kind: &ActionKind, way: Way) -> Option<Repeat> {
        (**self).repeat(kind, way)
    }

    fn remembers_keys(&self) -> Option<Duration> {
        (**self).remembers_keys()
    }

    fn resource(&self, action: &Action) -> Option<String> {
        (**self).resource(action)
    }

    async fn capture(&self, action: &Action) -> Result<Value, EffectError> {
        (**self).capture(action).await
    }

    async fn rehearse(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
    ) -> Result<(), EffectError> {
        (**self).rehearse(action, way, captured).await
    }

    async fn apply(
        &self,
        action: &Action,
        captured: &Captured,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        (**self).apply(action, captured, sending).await
    }

    async fn undo(
        &self,
        action: &Action,
        captured: &Captured,
        receipt: &Value,
        sending: &Sending,
    ) -> Result<Value, EffectError> {
        (**self).undo(action, captured, receipt, sending).await
    }

    async fn read_back(
        &self,
        action: &Action,
        way: Way,
        captured: &Captured,
        receipt: &Value,
    ) -> Result<Presence, EffectError> {
        (**self).read_back(action, way, captured, receipt).await
    }
}
