//! The HTTP API of Charter, typed.
//!
//! [`CharterApi`] is the seam: what Charter does, however it is reached. The wire types are what its document
//! (`docs/charter-api.md`) writes; a server can be built on them too. `HttpCharter` is the client, made from a
//! `Config`.
//!
//! ```
//! use charter_client::{PolicyConfig, PolicyKind, PolicyStatus, Applied};
//!
//! let applied: Applied =
//!     serde_json::from_str(r#"{"policy_id": "p-1", "version": 3, "status": "active"}"#)?;
//! assert_eq!(applied.status, PolicyStatus::Active);
//!
//! let config = PolicyConfig::from(PolicyKind::Throttle { rate_limit: 200.0, node: None });
//! assert_eq!(config.kind_name(), Some("throttle"));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # Feature flags
//!
//! - **`http`** (default): the client over HTTP. Without it this crate needs neither tokio nor hyper.
//! - **`mock`**: `MockCharterApi`, for tests with mockall.
mod api;
mod call;
mod error;
pub mod headers;
#[cfg(feature = "http")]
mod http;
mod ids;
mod options;
mod wire;

pub use api::CharterApi;
#[cfg(any(test, feature = "mock"))]
pub use api::MockCharterApi;
pub use call::Call;
pub use error::{BoxError, Error, Outcome};
#[cfg(feature = "http")]
pub use http::{Config, ConfigError, HttpCharter, RetryConfig};
pub use ids::{ETag, Epoch, IdempotencyKey, InvalidId, PolicyId};
pub use options::{CallOptions, Tagged, Violations};
/// The type of [`Config::api_key`].
#[cfg(feature = "http")]
pub use secrecy::SecretString;
pub use wire::{
    ActionRequest, Applied, ApplyRequest, CommitteeState, CommitteeStatus, Configuration,
    EnforcementRule, Extension, Health, InvalidConfig, InvalidSeconds, NodeState, Policy,
    PolicyConfig, PolicyKind, PolicySpec, PolicyStatus, PolicyVersion, Problem, ProblemKind,
    Reason, RebalanceStrategy, RestartAccepted, RestartRequest, RolledBack, RuleEffect,
    ScaleRequest, Seconds, Settings, ValidateRequest, Validation, ViolationRecord,
    ViolationSeverity, ViolationStatus,
};
