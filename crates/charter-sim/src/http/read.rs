//! Reading requests: bodies within their limits, headers that mean something.

use std::error::Error as _;
use std::time::Duration;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use charter_client::{CallOptions, ETag, Epoch, IdempotencyKey, ProblemKind, headers};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::core::Refusal;

/// Largest body: a policy of a thousand rules takes a fifth of it.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a body may take to arrive: who needs longer for a mebibyte holds the connection for its own sake.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// A body as JSON. Checks size, then media type, then JSON.
pub(super) async fn json(request: Request) -> Result<Value, Refusal> {
    let (parts, body) = request.into_parts();
    let bytes = whole(body).await?;
    if !is_json(&parts.headers) {
        return Err(ProblemKind::UnsupportedMediaType.into());
    }
    serde_json::from_slice(&bytes).map_err(|error| bad_request(error.to_string()))
}

/// A body as JSON, or an empty object if there is none.
pub(super) async fn json_or_nothing(request: Request) -> Result<Value, Refusal> {
    if request.body().is_end_stream() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    json(request).await
}

/// JSON as one of the documented shapes.
pub(super) fn shape<T: DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    T::deserialize(body).map_err(|error| bad_request(error.to_string()))
}

/// What protects a mutation.
pub(super) fn options(headers: &HeaderMap) -> Result<CallOptions, Refusal> {
    let key = one(headers, headers::IDEMPOTENCY_KEY)?.map(IdempotencyKey::try_new).transpose();
    let tag = one(headers, header::IF_MATCH.as_str())?.map(ETag::try_new).transpose();
    let epoch = one(headers, headers::EPOCH)?.map(|text| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits);
        number.map(Epoch).ok_or_else(|| bad_request(format!("{} is no epoch", headers::EPOCH)))
    });
    Ok(CallOptions {
        idempotency_key: key.map_err(|error| bad_request(error.to_string()))?,
        if_match: tag.map_err(|error| bad_request(error.to_string()))?,
        epoch: epoch.transpose()?,
    })
}

fn bad_request(detail: impl Into<String>) -> Refusal {
    Refusal::new(ProblemKind::BadRequest, detail)
}

async fn whole(body: Body) -> Result<Vec<u8>, Refusal> {
    let too_large = || Refusal::from(ProblemKind::BodyTooLarge);
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(BODY_TIME_MAX, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Ok(Err(error)) if error.source().is_some_and(|s| s.is::<LengthLimitError>()) => {
            Err(too_large())
        }
        Ok(Err(error)) => Err(bad_request(error.to_string())),
        Err(_) => Err(bad_request("the body took too long")),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The value of a header that comes at most once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(bad_request(format!("{name} comes more than once")));
    }
    let text = first.map(|value| value.to_str()).transpose();
    text.map_err(|_| bad_request(format!("{name} is not ASCII")))
}
