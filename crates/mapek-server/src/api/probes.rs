//! What machines ask: is it alive, does it work, how is it doing.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use super::{App, Problem};
use crate::{Metrics, metrics::Format};

/// Alive: the process answers. Says nothing about the loop, so that nobody restarts it for being paused.
pub(super) async fn health(State(app): State<App>) -> Response {
    Json(json!({"status": "ok", "version": &*app.version})).into_response()
}

/// Ready: the loop does its work.
pub(super) async fn ready(State(app): State<App>) -> Response {
    match app.unready() {
        None => Json(json!({"status": "ready"})).into_response(),
        Some(why) => {
            let (word, reason) = (why.as_str(), why.to_string());
            let body = Json(json!({"status": "unready", "why": word, "reason": reason}));
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
