//! Small reads over HTTP, bounded.

use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::output::chain;

/// Largest body that is read, in bytes: a Prometheus with ten thousand rules tells of them in half of it.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why there is no answer, for people.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// No answer at all, or one that broke off.
    #[error("{0}")]
    Unreachable(String),
    /// Another status than 2xx.
    #[error("it answers {0}")]
    Status(StatusCode),
    /// More than is read.
    #[error("its answer is longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
    /// No JSON, or not such as is expected.
    #[error("its answer is not understood: {0}")]
    Strange(String),
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(chain(&error.without_url()))
    }
}

/// The text at `url`.
pub(super) async fn text(client: &Client, url: &str) -> Result<String, HttpError> {
    let mut response = client.get(url).send().await?;
    if !response.status().is_success() {
        return Err(HttpError::Status(response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY_BYTES_MAX {
            return Err(HttpError::TooLong);
        }
    }
    String::from_utf8(body).map_err(|error| HttpError::Strange(error.to_string()))
}

/// The JSON at `url`.
pub(super) async fn json(client: &Client, url: &str) -> Result<Value, HttpError> {
    serde_json::from_str(&text(client, url).await?)
        .map_err(|error| HttpError::Strange(error.to_string()))
}

/// `base` and an absolute path below it.
pub(super) fn below(base: &str, path: &str) -> String {
    format!("{}{path}", base.trim_end_matches('/'))
}

/// How a listener on `host` and `port` is reached from here.
pub(super) fn reached(host: &str, port: u16) -> String {
    match host {
        "0.0.0.0" => format!("http://127.0.0.1:{port}"),
        "::" => format!("http://[::1]:{port}"),
        host if host.contains(':') => format!("http://[{host}]:{port}"),
        host => format!("http://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_the_nearest() {
        assert_eq!(reached("0.0.0.0", 1), "http://127.0.0.1:1");
        assert_eq!(reached("::", 1), "http://[::1]:1");
        assert_eq!(reached("fe80::1", 1), "http://[fe80::1]:1");
        assert_eq!(reached("localhost", 1), "http://localhost:1");
        assert_eq!(below("http://x/y/", "/z"), "http://x/y/z");
    }
}
