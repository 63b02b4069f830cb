//! One try to hand something over.

use std::error::Error as _;

use mapek_model::Duration;
use reqwest::{Client, Response, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tracing::Instrument as _;

use super::Address;
use crate::Failed;

/// Posts `body` as JSON, once. A success is any 2xx.
pub(crate) async fn post(
    client: &Client,
    address: &Address,
    token: Option<&SecretString>,
    id: &str,
    body: &(impl Serialize + Sync),
) -> Result<(), Failed> {
    let request = client.post(address.url()).header("Idempotency-Key", id).json(body);
    let request = match token {
        Some(token) => request.bearer_auth(token.expose_secret()),
        None => request,
    };
    let span = tracing::info_span!("notify", otel.kind = "client");
    let response = request.send().instrument(span).await.map_err(unreached)?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let reason = format!("the answer was {status}");
    Err(match status.as_u16() {
        // It is about this message. All else is about the receiver, and concerns each message alike.
        400 | 413 | 415 | 422 => Failed::Refused { reason },
        _ => Failed::Transient { reason, wait: retry_after(&response) },
    })
}

/// What went wrong, without the address.
fn unreached(error: reqwest::Error) -> Failed {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason.push_str(&format!(": {error}"));
        cause = error.source();
    }
    Failed::transient(reason)
}

/// Seconds only: a date would need a clock that both agree on.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
