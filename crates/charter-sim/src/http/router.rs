//! Routes, and the server that serves them.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::serve::Listener;
use charter_client::ProblemKind;

use super::access::{self, AccessKeys};
use super::reply::Failure;
use super::{handlers, sim};
use crate::in_process::InProcess;

/// How a Charter is served.
///
/// ```
/// use charter_sim::{AccessKeys, InProcess, PlantConfig, Server};
/// use jiff::Timestamp;
///
/// let charter = InProcess::try_new(PlantConfig::default(), 7, Timestamp::UNIX_EPOCH)?;
/// let router = Server::new(charter).with_keys(AccessKeys::new().with_key("s3cret")?).router();
/// # let _: axum::Router = router;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    charter: InProcess,
    keys: AccessKeys,
    manual_time: bool,
}

/// What every handler sees.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) charter: InProcess,
    pub(super) keys: Arc<AccessKeys>,
    pub(super) manual_time: bool,
}

impl Server {
    /// Serves a Charter to everybody.
    #[must_use]
    pub fn new(charter: InProcess) -> Self {
        Self { charter, keys: AccessKeys::new(), manual_time: false }
    }

    /// Serves only those who have a key.
    #[must_use]
    pub fn with_keys(mut self, keys: AccessKeys) -> Self {
        self.keys = keys;
        self
    }

    /// Offers `POST /api/v1/sim/advance`. Do not run a [`Driver`](super::Driver) beside it: two would pull at one clock.
    #[must_use]
    pub fn with_manual_time(mut self) -> Self {
        self.manual_time = true;
        self
    }

    /// The routes, to be served or nested.
    pub fn router(self) -> Router {
        let app =
            App { charter: self.charter, keys: Arc::new(self.keys), manual_time: self.manual_time };
        let advance =
            if app.manual_time { post(sim::advance) } else { post(not_found).get(not_found) };
        Router::new()
            .route("/health", get(handlers::health))
            .route("/metrics", get(handlers::metrics))
            .route("/api/v1/policies", get(handlers::policies).post(handlers::apply))
            .route("/api/v1/policies/apply", post(handlers::apply))
            .route("/api/v1/policies/validate", post(handlers::validate))
            .route("/api/v1/policies/{id}", get(handlers::policy))
            .route("/api/v1/policies/{id}/versions", get(handlers::versions))
            .route("/api/v1/policies/{id}/rollback", post(handlers::rollback))
            .route("/api/v1/committee/state", get(handlers::committee))
            .route("/api/v1/committee/scale", post(handlers::scale))
            .route("/api/v1/committee/restart", post(handlers::restart))
            .route("/api/v1/violations", get(handlers::violations))
            .route("/api/v1/sim/faults", get(sim::faults).post(sim::inject))
            .route("/api/v1/sim/faults/{id}", delete(sim::clear))
            .route("/api/v1/sim/ledger", get(sim::ledger))
            .route("/api/v1/sim/advance", advance)
            .method_not_allowed_fallback(wrong_method)
            .fallback(not_found)
            .layer(from_fn_with_state(app.clone(), access::check))
            .with_state(app)
    }
}

/// Serves `router` on `listener`, one of TCP or whatever else gives connections, until `shutdown` completes, and answers what is under way before it returns.
///
/// # Errors
///
/// What the listener fails with.
pub async fn serve<L>(
    listener: L,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()>
where
    L: Listener<Addr: fmt::Debug>,
{
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

pub(super) async fn not_found() -> impl IntoResponse {
    Failure::from(ProblemKind::NotFound)
}

async fn wrong_method() -> impl IntoResponse {
    Failure::from(ProblemKind::MethodNotAllowed)
}
