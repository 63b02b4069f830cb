//! Reading an answer: bounded, whole, and of the shape that the contract gives it, or an error that says
//! which of these it was not.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::{Call, ETag, Error, Problem, Tagged, headers};

/// Largest body of an error, in bytes: its text goes into messages and logs.
pub(super) const PROBLEM_BYTES_MAX: usize = 64 << 10;

/// A whole answer that succeeded.
#[derive(Debug)]
pub(super) struct Answer {
    call: Call,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// Reads a response to its end, at most `bytes_max` bytes of it, and turns what is no success into an
    /// error.
    pub(super) async fn read(
        call: Call,
        response: Response,
        bytes_max: usize,
    ) -> Result<Self, Error> {
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_informational() || status.is_redirection() {
            return Err(Error::protocol(call, status.as_u16(), "neither success nor error"));
        }
        let bytes_max = if status.is_success() { bytes_max } else { PROBLEM_BYTES_MAX };
        let body = read_body(call, response, bytes_max).await?;
        let answer = Self { call, status, headers, body };
        if status.is_success() { Ok(answer) } else { Err(answer.into_error()) }
    }

    /// The body as JSON, with what the headers say.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<Tagged<T>, Error> {
        if !self.media_type_is("application/json") {
            return Err(self.wrong_media_type("application/json"));
        }
        let value = serde_json::from_slice(&self.body)
            .map_err(|error| self.protocol(format!("unreadable body: {error}")))?;
        Ok(Tagged { value, etag: self.etag()?, replayed: self.flag(headers::IDEMPOTENT_REPLAYED) })
    }

    /// Whether a header says `true`.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.headers.get(name).is_some_and(|value| value.as_bytes() == b"true")
    }

    fn etag(&self) -> Result<Option<ETag>, Error> {
        let Some(value) = self.headers.get(ETAG) else { return Ok(None) };
        // A proxy that compresses makes tags weak; a weak one is of no use and does no harm.
        if value.as_bytes().starts_with(b"W/") {
            return Ok(None);
        }
        let text = value.to_str().map_err(|_| self.protocol("unreadable etag"))?;
        ETag::try_new(text).map(Some).map_err(|error| self.protocol(error.to_string()))
    }

    fn into_error(self) -> Error {
        if !self.media_type_is(headers::PROBLEM_JSON) {
            return self.wrong_media_type(headers::PROBLEM_JSON);
        }
        let problem: Problem = match serde_json::from_slice(&self.body) {
            Ok(problem) => problem,
            Err(error) => return self.protocol(format!("unreadable problem: {error}")),
        };
        let status = self.status.as_u16();
        // The kind decides what is known about the effect: it must not contradict the status.
        match problem.kind() {
            Some(kind) if kind.status() != status => {
                self.protocol(format!("problem {} does not go with this status", kind.name()))
            }
            _ => Error::problem(self.call, status, problem, retry_after(&self.headers)),
        }
    }

    fn media_type_is(&self, expected: &str) -> bool {
        self.headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(expected))
    }

    fn wrong_media_type(&self, expected: &str) -> Error {
        let found = self.headers.get(CONTENT_TYPE).map_or("none".into(), |value| {
            String::from_utf8_lossy(value.as_bytes()).chars().take(64).collect::<String>()
        });
        self.protocol(format!("content type is {found}, not {expected}"))
    }

    fn protocol(&self, reason: impl Into<String>) -> Error {
        Error::protocol(self.call, self.status.as_u16(), reason)
    }
}

async fn read_body(call: Call, mut response: Response, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let status = response.status().as_u16();
    let too_large =
        || Error::protocol(call, status, format!("body is larger than {bytes_max} bytes"));
    let announced = response.content_length().unwrap_or(0);
    if announced > bytes_max as u64 {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| Error::unanswered(call, error.without_url()))?
    {
        if body.len() + chunk.len() > bytes_max {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `Retry-After` in whole seconds, as the contract has it; the other form, a date, would need a clock that
/// both sides share.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u32 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.into()))
}
