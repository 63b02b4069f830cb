//! What stands between the network and any handler.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use http_body_util::Limited;
use tower_http::catch_panic::CatchPanicLayer;

use super::ServerConfig;
use crate::api::Problem;

/// Adds a limit on bodies, one on time, and a net under panics.
pub(super) fn guarded(router: Router, config: &ServerConfig) -> Router {
    router
        .layer(middleware::from_fn_with_state(config.body_bytes_max, limit_body))
        .layer(middleware::from_fn_with_state(config.request_timeout, limit_time))
        .layer(CatchPanicLayer::custom(panicked))
}

/// Refuses at once what says that it is too long, and breaks off what turns out to be.
async fn limit_body(State(bytes_max): State<usize>, request: Request, next: Next) -> Response {
    let announced = request.body().size_hint().lower();
    if announced > bytes_max as u64 {
        let detail = format!("the body has {announced} bytes; send at most {bytes_max}");
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
    }
    next.run(request.map(|body| Body::new(Limited::new(body, bytes_max)))).await
}

async fn limit_time(State(within): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("no answer within {} s; ask again", within.as_secs_f64());
            let mut late = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
            late.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            late
        }
    }
}

/// What the panic said is for the log: it may hold what a stranger must not read.
#[expect(clippy::needless_pass_by_value, reason = "the layer takes functions of this shape")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("nothing");
    tracing::error!(panic = said, "a request handler panicked");
    let detail = "this is a defect; the log has the details";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
}
