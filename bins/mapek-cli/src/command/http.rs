//! Small reads over HTTP, bounded.

use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::output::chain;
use crate::config::TlsSection;

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
pub(super) fn reached(tls: &TlsSection, host: &str, port: u16) -> String {
    let scheme = if tls.certificate_file.is_some() { "https" } else { "http" };
    match host {
        "0.0.0.0" => format!("{scheme}://127.0.0.1:{port}"),
        "::" => format!("{scheme}://[::1]:{port}"),
        host if host.contains(':') => format!("{scheme}://[{host}]:{port}"),
        host => format!("{scheme}://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_on_the_nearest() {
        let clear = TlsSection::default();
        assert_eq!(reached(&clear, "0.0.0.0", 1), "http://127.0.0.1:1");
        assert_eq!(reached(&clear, "::", 1), "http://[::1]:1");
        assert_eq!(reached(&clear, "fe80::1", 1), "http://[fe80::1]:1");
        assert_eq!(reached(&clear, "localhost", 1), "http://localhost:1");
        let tls = TlsSection { certificate_file: Some("x".into()), ..clear };
        assert_eq!(reached(&tls, "0.0.0.0", 1), "https://127.0.0.1:1");
        assert_eq!(below("http://x/y/", "/z"), "http://x/y/z");
    }
}
