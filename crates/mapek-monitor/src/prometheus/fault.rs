//! From what went wrong on the wire to [`Error`].

use std::error::Error as StdError;

use super::wire::cut;
use crate::Error;

/// Who was asked what, for messages.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) source_name: String,
    pub(super) doing: String,
}

impl Asked {
    pub(super) fn protocol(&self, reason: impl Into<String>) -> Error {
        Error::protocol(&self.source_name, &self.doing, reason)
    }

    /// A request that was not sent, or whose answer broke off.
    pub(super) fn transport(&self, error: &reqwest::Error) -> Error {
        if error.is_timeout() {
            Error::timeout(&self.source_name, &self.doing)
        } else {
            Error::unreachable(&self.source_name, &self.doing, causes(error))
        }
    }

    /// The same, wrapped by the client crate.
    pub(super) fn client(&self, error: &prometheus_http_query::Error) -> Error {
        match error.source().and_then(|source| source.downcast_ref::<reqwest::Error>()) {
            Some(inner) => self.transport(inner),
            None => Error::unreachable(&self.source_name, &self.doing, error.to_string()),
        }
    }

    /// An error that Prometheus itself reports (its `errorType`, HTTP API v1).
    pub(super) fn reported(&self, status: u16, kind: &str, message: &str) -> Error {
        let reason = format!("{kind}: {}", cut(message));
        match kind {
            "timeout" | "canceled" => Error::timeout(&self.source_name, &self.doing),
            "internal" | "unavailable" => {
                Error::unavailable(&self.source_name, &self.doing, status, reason)
            }
            _ => Error::refused(&self.source_name, &self.doing, reason),
        }
    }

    /// An answer that is no answer of Prometheus: a proxy's, or another program's.
    pub(super) fn foreign(&self, status: u16, body: &[u8], parse: &str) -> Error {
        let begin = cut(&String::from_utf8_lossy(&body[..body.len().min(1_000)]));
        match status {
            401 | 403 => {
                Error::refused(&self.source_name, &self.doing, format!("status {status}: {begin}"))
            }
            408 | 425 | 429 | 500.. => {
                Error::unavailable(&self.source_name, &self.doing, status, begin)
            }
            _ => self.protocol(format!("status {status}, {parse}; it begins {begin:?}")),
        }
    }
}

/// What lies below an error of `reqwest`. The error itself is left out: it quotes the URL, which can hold a password.
fn causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    if text.is_empty() { "the request failed".to_owned() } else { text }
}
