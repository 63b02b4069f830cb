//! Names of the headers that client and server share, and the media types.

/// Carries an [`IdempotencyKey`](crate::IdempotencyKey).
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// `true` on an answer that was remembered from an earlier request with the same key.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// Carries an [`Epoch`](crate::Epoch), in decimal.
pub const EPOCH: &str = "x-charter-epoch";
/// `true` on a list from which the server left something out.
pub const TRUNCATED: &str = "x-charter-truncated";
/// The media type of errors.
pub const PROBLEM_JSON: &str = "application/problem+json";
