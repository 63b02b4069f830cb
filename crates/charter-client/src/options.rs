//! What goes with a mutation, and what comes with an answer, beside the body.

use crate::{ETag, Epoch, IdempotencyKey, ViolationRecord};

/// What protects a mutation. Each part is used where the server offers it and ignored where not.
///
/// ```
/// use charter_client::{CallOptions, ETag, Epoch, IdempotencyKey};
///
/// let options = CallOptions::new()
///     .with_idempotency_key(IdempotencyKey::try_new("exec-7/1/do")?)
///     .with_if_match(ETag::from_generation(3))
///     .with_epoch(Epoch(12));
/// assert_eq!(options.epoch, Some(Epoch(12)));
/// # Ok::<(), charter_client::InvalidId>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// Makes repeating safe: one effect per key.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Refuse with 412 unless the state is still the one with this tag.
    pub if_match: Option<ETag>,
    /// Refuse with 409 if a newer leader was seen.
    pub epoch: Option<Epoch>,
}

impl CallOptions {
    /// No protection at all: the call may be applied twice if it is repeated.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the idempotency key. It must name one intent for ever: never reuse it for another request.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: IdempotencyKey) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// Sets the state that the mutation was decided on.
    #[must_use]
    pub fn with_if_match(mut self, etag: ETag) -> Self {
        self.if_match = Some(etag);
        self
    }

    /// Sets the epoch of leadership.
    #[must_use]
    pub fn with_epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }
}

/// An answer with what its headers said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged<T> {
    /// The answer.
    pub value: T,
    /// The tag of the state after the call, where the server offers tags.
    pub etag: Option<ETag>,
    /// Whether this is the remembered answer of an earlier request with the same key.
    pub replayed: bool,
}

impl<T> Tagged<T> {
    /// A fresh answer without a tag.
    pub fn new(value: T) -> Self {
        Self { value, etag: None, replayed: false }
    }

    /// Adds a tag.
    #[must_use]
    pub fn with_etag(mut self, etag: ETag) -> Self {
        self.etag = Some(etag);
        self
    }

    /// The same tag and mark on another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Tagged<U> {
        Tagged { value: f(self.value), etag: self.etag, replayed: self.replayed }
    }
}

/// The answer to `GET /api/v1/violations`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Violations {
    /// The violations, oldest first.
    pub items: Vec<ViolationRecord>,
    /// Whether the server left some out (`X-Charter-Truncated: true`): absence then proves nothing.
    pub truncated: bool,
}
