//! What machines ask: is it alive, does it work, how is it doing.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::{App, Problem};
use crate::{Metrics, metrics::Format};

/// What `/health` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Health {
    status: &'static str,
    version: String,
}

/// What `/ready` answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Ready {
    /// `ready` or `unready`.
    status: &'static str,
    /// Why not, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    /// Why not, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Alive: the process answers. Says nothing about the loop, so that nobody restarts it for being paused.
pub(super) async fn health(State(app): State<App>) -> Json<Health> {
    Json(Health { status: "ok", version: app.version.to_string() })
}

/// Ready: the loop does its work.
pub(super) async fn ready(State(app): State<App>) -> Response {
    match app.unready() {
        None => Json(Ready { status: "ready", why: None, reason: None }).into_response(),
        Some(why) => {
            let (word, reason) = (Some(why.as_str()), Some(why.to_string()));
            let body = Json(Ready { status: "unready", why: word, reason });
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

pub(super) fn metrics_route(metrics: Metrics) -> Router {
    let scrape =
        async |State(metrics): State<Metrics>, headers: HeaderMap| scraped(&metrics, &headers);
    Router::new().route(super::METRICS, get(scrape)).with_state(metrics)
}

pub(super) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    match &app.metrics {
        Some(metrics) => scraped(metrics, &headers),
        None => Problem::new(StatusCode::NOT_FOUND, "there are no metrics here").into_response(),
    }
}

fn scraped(metrics: &Metrics, headers: &HeaderMap) -> Response {
    // A client may send the header more than once; that is one list (RFC 9110, section 5.3).
    let accept: Vec<_> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::asked(&accept.join(","));
    let text = match format {
        Format::OpenMetrics => metrics.open_metrics(),
        Format::Prometheus => metrics.prometheus_text(),
    };
    ([(header::CONTENT_TYPE, format.content_type()), (header::VARY, "accept")], text)
        .into_response()
}
