//! `GET /health`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Seconds;

/// The answer to `GET /health`.
///
/// ```
/// use charter_client::{Extension, Health};
///
/// let health: Health = serde_json::from_str(
///     r#"{"status": "ok", "extensions": ["idempotency-key", "telepathy"]}"#,
/// )?;
/// assert!(health.is_ok() && health.offers(&Extension::IdempotencyKey));
/// assert!(!health.offers(&Extension::ETag));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// `ok` when the server serves; anything else is a word for people.
    pub status: String,
    /// Version of the server, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What the server offers beyond the plain contract.
    #[serde(default)]
    pub extensions: BTreeSet<Extension>,
    /// How long the server remembers idempotency keys; present where it offers them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_retention_seconds: Option<Seconds>,
}

impl Health {
    /// Whether the server says that it serves.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == "ok"
    }

    /// Whether the server offers an extension.
    #[must_use]
    pub fn offers(&self, extension: &Extension) -> bool {
        self.extensions.contains(extension)
    }
}

/// One extension of the plain contract. Unknown names are kept as [`Extension::Other`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum Extension {
    /// `idempotency-key`: mutations honour `Idempotency-Key`.
    IdempotencyKey,
    /// `etag`: policies and committee carry `ETag`, mutations honour `If-Match`.
    ETag,
    /// `epoch`: mutations honour `X-Charter-Epoch`.
    Epoch,
    /// `fault-injection`: the reference server's `/api/v1/sim/…`; never on a real Charter.
    FaultInjection,
    /// `manual-time`: the reference server's time moves only by `/api/v1/sim/advance`.
    ManualTime,
    /// Something this version does not know.
    Other(String),
}

impl Extension {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::IdempotencyKey => "idempotency-key",
            Self::ETag => "etag",
            Self::Epoch => "epoch",
            Self::FaultInjection => "fault-injection",
            Self::ManualTime => "manual-time",
            Self::Other(name) => name,
        }
    }
}

impl From<String> for Extension {
    fn from(name: String) -> Self {
        match name.as_str() {
            "idempotency-key" => Self::IdempotencyKey,
            "etag" => Self::ETag,
            "epoch" => Self::Epoch,
            "fault-injection" => Self::FaultInjection,
            "manual-time" => Self::ManualTime,
            _ => Self::Other(name),
        }
    }
}

impl From<Extension> for String {
    fn from(extension: Extension) -> Self {
        extension.as_str().to_owned()
    }
}
