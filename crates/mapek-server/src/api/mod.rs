//! The routes.
//!
//! Each group of routes is a function that answers a `Router`; [`router`] joins them and adds what all share. Routes
//! that change something will be a group of their own, with a [`LoopHandle`](mapek_loop::LoopHandle) for their state.

mod busy;
mod cycles;
mod executions;
mod findings;
mod headers;
mod page;
mod plans;
mod probes;
mod problem;
mod status;

use std::sync::Arc;

use axum::{Router, middleware, routing::get};
use mapek_loop::LoopState;
use tokio::sync::watch;

pub(crate) use problem::Problem;

use crate::Metrics;

/// What can be asked, in the order in which a newcomer would.
pub const ROUTES: [&str; 14] = [
    "/health",
    "/ready",
    "/metrics",
    "/api/v1/status",
    "/api/v1/cycles",
    "/api/v1/cycles/{number}",
    "/api/v1/violations",
    "/api/v1/diagnoses",
    "/api/v1/plans",
    "/api/v1/plans/{id}",
    "/api/v1/executions",
    "/api/v1/executions/{id}",
    "/api/v1/outcomes",
    "/api/v1/insights",
];

/// How [`router`] answers.
#[derive(Debug, Clone)]
pub struct Options {
    /// The version that `/health` and `/api/v1/status` tell. Default: that of this crate.
    pub version: String,
    /// What `/metrics` shows; without it there is no `/metrics` here. Default none.
    pub metrics: Option<Metrics>,
    /// Requests to `/api/v1` whose answers are in the making or on their way, at once; further ones get 503. An answer
    /// can be a whole cycle with thousands of violations, so their number bounds memory. Default 32. Probes and
    /// metrics are not limited: they must answer when all else is busy.
    pub requests_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), metrics: None, requests_max: 32 }
    }
}

/// What all handlers share.
#[derive(Debug, Clone)]
struct App {
    state: watch::Receiver<Arc<LoopState>>,
    version: Arc<str>,
}

impl App {
    fn state(&self) -> Arc<LoopState> {
        Arc::clone(&self.state.borrow())
    }

    /// Why the loop is not ready to do its work; absent if it is.
    fn unready(&self) -> Option<String> {
        // The loop holds the sender as long as it lives.
        if self.state.has_changed().is_err() {
            return Some("the loop has stopped".to_owned());
        }
        self.state().unready()
    }
}

/// The read-only API of one loop, from the states that it publishes ([`LoopHandle::watch`]).
///
/// It can be mounted anywhere; its answers hold no links. It has no authentication of its own: whoever may connect may
/// read.
///
/// [`LoopHandle::watch`]: mapek_loop::LoopHandle::watch
pub fn router(state: watch::Receiver<Arc<LoopState>>, options: Options) -> Router {
    let app = App { state, version: options.version.into() };
    let api = Router::new()
        .route("/status", get(status::status))
        .route("/cycles", get(cycles::list))
        .route("/cycles/{number}", get(cycles::one))
        .route("/violations", get(findings::violations))
        .route("/diagnoses", get(findings::diagnoses))
        .route("/plans", get(plans::list))
        .route("/plans/{id}", get(plans::one))
        .route("/executions", get(executions::list))
        .route("/executions/{id}", get(executions::one))
        .route("/outcomes", get(executions::outcomes))
        .route("/insights", get(executions::insights))
        .layer(middleware::from_fn_with_state(busy::slots(options.requests_max), busy::limit));
    let router = Router::new()
        .route("/health", get(probes::health))
        .route("/ready", get(probes::ready))
        .nest("/api/v1", api)
        .with_state(app);
    finish(match options.metrics {
        Some(metrics) => router.merge(probes::metrics_route(metrics)),
        None => router,
    })
}

/// `/metrics` alone, for a listener of its own.
pub fn metrics_router(metrics: Metrics) -> Router {
    finish(probes::metrics_route(metrics))
}

/// Adds what every route has: errors that say what to do, and headers that keep browsers in check.
fn finish(router: Router) -> Router {
    router
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::map_response(headers::add))
}
