//! Who may call.

use std::fmt;

use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use charter_client::ProblemKind;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::reply::Failure;
use super::router::App;
use crate::core::Refusal;

/// The keys that open the server. Without any it is open to all, as a test server may be.
///
/// Only digests are kept, so that neither `Debug` nor a core dump shows a key, and comparing takes the same time for every
/// wrong one.
///
/// ```
/// use charter_sim::AccessKeys;
///
/// let keys = AccessKeys::new().with_key("s3cret")?.with_read_only_key("0nly-read")?;
/// assert!(!format!("{keys:?}").contains("s3cret"));
/// assert!(AccessKeys::new().with_key("").is_err());
/// # Ok::<(), charter_sim::InvalidKey>(())
/// ```
#[derive(Clone, Default)]
pub struct AccessKeys {
    full: Vec<[u8; 32]>,
    read_only: Vec<[u8; 32]>,
}

/// A key that cannot be sent in a header: empty, or not visible ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key of access must be visible ASCII and not empty")]
pub struct InvalidKey;

impl AccessKeys {
    /// No keys: the server is open.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key that may do everything.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] if it could not be sent in a header.
    pub fn with_key(mut self, key: &str) -> Result<Self, InvalidKey> {
        self.full.push(digest(key)?);
        Ok(self)
    }

    /// Adds a key that may only read.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] if it could not be sent in a header.
    pub fn with_read_only_key(mut self, key: &str) -> Result<Self, InvalidKey> {
        self.read_only.push(digest(key)?);
        Ok(self)
    }

    fn is_open(&self) -> bool {
        self.full.is_empty() && self.read_only.is_empty()
    }

    fn allows(&self, key: &str) -> Option<Access> {
        let key: [u8; 32] = Sha256::digest(key).into();
        if any(&self.full, &key) {
            Some(Access::Full)
        } else if any(&self.read_only, &key) {
            Some(Access::ReadOnly)
        } else {
            None
        }
    }
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys")
            .field("full", &self.full.len())
            .field("read_only", &self.read_only.len())
            .finish()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Full,
    ReadOnly,
}

fn digest(key: &str) -> Result<[u8; 32], InvalidKey> {
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidKey);
    }
    Ok(Sha256::digest(key).into())
}

fn any(known: &[[u8; 32]], key: &[u8; 32]) -> bool {
    let none = Choice::from(0);
    known.iter().fold(none, |found, one| found | one.as_slice().ct_eq(key.as_slice())).into()
}

/// Lets a request through, or answers for it. Comes before routing: who has no key learns of no routes.
pub(super) async fn check(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let public = matches!(path, "/health" | "/metrics");
    if app.keys.is_open() || public {
        request.extensions_mut().insert(Access::Full);
        return next.run(request).await;
    }
    let header = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let bearer = header.and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim_start())
    });
    // Validation is a POST that reads.
    let reads = matches!(*request.method(), Method::GET | Method::HEAD)
        || path == "/api/v1/policies/validate";
    let Some(access) = bearer.and_then(|key| app.keys.allows(key)) else {
        return Failure::from(ProblemKind::Unauthorized).into_response();
    };
    if access == Access::ReadOnly && !reads {
        let detail = "this key may only read";
        return Failure::from(Refusal::new(ProblemKind::Forbidden, detail)).into_response();
    }
    request.extensions_mut().insert(access);
    next.run(request).await
}
