use reqwest::{Response, StatusCode, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;

use crate::{Error, wire::shorten};

/// How much of an error's text is kept: a sentence, not a proxy's page.
const MESSAGE_CHARS_MAX: usize = 300;

/// Bytes of an answer that is an error; more is not worth reading.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// A successful answer, read to its end.
pub(super) struct Answer {
    content_type: String,
    body: Vec<u8>,
}

/// Reads an answer, and turns a status that is no success into an error.
pub(super) async fn body(
    call: &'static str,
    response: Response,
    limit: usize,
) -> Result<Answer, Error> {
    let status = response.status();
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type =
        content_type.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let content_type = content_type.unwrap_or_default();
    if !status.is_success() {
        // What matters is the status, whatever becomes of the text.
        let text = bounded(call, response, ERROR_BYTES_MAX).await.unwrap_or_default();
        let message = message(status, &text);
        return Err(Error::Refused { call, status: status.as_u16(), message });
    }
    Ok(Answer { content_type, body: bounded(call, response, limit).await? })
}

async fn bounded(
    call: &'static str,
    mut response: Response,
    limit: usize,
) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(call, error))? {
        if body.len() + chunk.len() > limit {
            return Err(Error::TooLarge { call, limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

pub(super) fn unreachable(call: &'static str, error: reqwest::Error) -> Error {
    Error::Unreachable { call, source: error.without_url().into() }
}

/// What an error's body says: a JSON text (most of API v2), an object with a `message` (its validation), or plain text.
fn message(status: StatusCode, body: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let told = json.as_ref().and_then(|json| json.as_str().or(json["message"].as_str()));
    let plain = String::from_utf8_lossy(body);
    let text = told.unwrap_or(&plain).trim();
    let text =
        if text.is_empty() { status.canonical_reason().unwrap_or("no reason") } else { text };
    shorten(text, MESSAGE_CHARS_MAX).replace(char::is_control, " ")
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self, call: &'static str) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut json);
        value.map_err(|error| {
            let reason = format!("{}: {}", error.path(), error.inner());
            let reason = match self.content_type.to_ascii_lowercase().contains("json") {
                true => reason,
                false => format!("content type {:?}, {reason}", self.content_type),
            };
            Error::Protocol { call, reason: shorten(&reason, MESSAGE_CHARS_MAX) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_all_shapes() {
        let message = |body: &str| message(StatusCode::BAD_REQUEST, body.as_bytes());
        assert_eq!(message("\"bad matcher\"\n"), "bad matcher");
        assert_eq!(message(r#"{"code":602,"message":"labels is required"}"#), "labels is required");
        assert_eq!(message("upstream\x1b[31m down"), "upstream [31m down");
        assert_eq!(message(""), "Bad Request");
        assert!(message(&"x".repeat(5_000)).len() < 400);
    }
}
