//! A limit on answers at once.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use tokio::sync::Semaphore;

use super::Problem;
use crate::server::Watched;

pub(super) fn slots(requests_max: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(requests_max.clamp(1, Semaphore::MAX_PERMITS)))
}

/// Refuses at once what is too much: a queue would only make everybody late.
pub(super) async fn limit(
    State(slots): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(slot) = slots.try_acquire_owned() else {
        let detail = "too many requests are being answered; ask again in a second";
        let mut response = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    };
    // The slot is free again when the last byte is on its way: until then the answer takes memory.
    next.run(request).await.map(|body| {
        Watched::body(body, move || {
            let _held = &slot;
        })
    })
}
