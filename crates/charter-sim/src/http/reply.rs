//! Answers as HTTP.

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use charter_client::{ETag, ProblemKind, headers};
use serde::Serialize;

use crate::core::{Answer, Refusal};

/// Seconds after which one may ask again, for problems that pass.
const RETRY_AFTER: &str = "1";

/// A problem, as `application/problem+json`.
pub(super) struct Failure(Refusal);

impl<T: Into<Refusal>> From<T> for Failure {
    fn from(refusal: T) -> Self {
        Self(refusal.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = self.0.into_problem();
        let kind = problem.kind().unwrap_or(ProblemKind::Internal);
        let mut response = json(kind.status(), &problem);
        set(&mut response, header::CONTENT_TYPE, headers::PROBLEM_JSON);
        match kind {
            ProblemKind::Unauthorized => set(&mut response, header::WWW_AUTHENTICATE, "Bearer"),
            ProblemKind::KeyInUse
            | ProblemKind::RateLimited
            | ProblemKind::Unavailable
            | ProblemKind::CommitteeBusy => set(&mut response, header::RETRY_AFTER, RETRY_AFTER),
            _ => {}
        }
        response
    }
}

/// A success with a JSON body.
pub(super) fn json(status: u16, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).expect("wire types have string keys and finite numbers");
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    (status, [content_type], bytes).into_response()
}

/// The same with a tag.
pub(super) fn tagged(body: &impl Serialize, etag: Option<&ETag>) -> Response {
    let mut response = json(200, body);
    if let Some(etag) = etag {
        set(&mut response, header::ETAG, etag.as_str());
    }
    response
}

/// The answer to a mutation.
pub(super) fn mutation(answer: &Answer) -> Response {
    let mut response = json(answer.status, &answer.body);
    set(&mut response, header::ETAG, answer.etag.as_str());
    if let Some(location) = &answer.location {
        set(&mut response, header::LOCATION, location);
    }
    if answer.replayed {
        set(&mut response, HeaderName::from_static(headers::IDEMPOTENT_REPLAYED), "true");
    }
    response
}

/// The same answer, whose body breaks off: what a client sees when the server dies while it writes.
pub(super) fn cut_off(response: Response) -> Response {
    let (parts, _) = response.into_parts();
    let broken = std::io::Error::other("this answer was lost on request");
    let stream = futures_util::stream::iter([Ok(Bytes::from_static(b"{")), Err(broken)]);
    Response::from_parts(parts, Body::from_stream(stream))
}

/// Sets a header. Values come from checked types, so one that no header can hold is left out rather than sent broken.
fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
