//! How a collector is reached: by the same HTTP clients as everybody else.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use async_trait::async_trait;
use mapek::server::EventCounter;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::command::output::chain;

/// Largest answer that is read, in bytes: it says at most how many records were refused, and why.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where a collector takes one signal. That it is gone, and that it is back, is told once.
#[derive(Debug, Clone)]
pub(super) struct Collector {
    /// The SDK sends from threads of its own.
    runtime: Handle,
    http: reqwest::Client,
    token: Option<SecretString>,
    signal: &'static str,
    failed: EventCounter,
    gone: Arc<AtomicBool>,
}

impl Collector {
    pub(super) fn new(
        runtime: Handle,
        http: reqwest::Client,
        token: Option<SecretString>,
        signal: &'static str,
        failed: EventCounter,
    ) -> Self {
        Self { runtime, http, token, signal, failed, gone: Arc::default() }
    }

    async fn ask(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut request = reqwest::Request::try_from(request)?;
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let mut answer = self.http.execute(request).await?;
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await? {
            if body.len() + part.len() > ANSWER_BYTES_MAX {
                return Err("its answer is too long".into());
            }
            body.extend_from_slice(&part);
        }
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        Ok(response)
    }

    fn came_to(&self, outcome: &Result<Response<Bytes>, HttpError>) {
        let why = match outcome {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(error) => Some(chain(&**error)),
        };
        let was_gone = self.gone.swap(why.is_some(), Relaxed);
        let signal = self.signal;
        match why {
            None if was_gone => info!(signal, "the collector takes them again"),
            None => {}
            Some(why) => {
                self.failed.add(1);
                if !was_gone {
                    warn!(signal, why, "the collector does not take them; they are dropped");
                }
            }
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let asked = self.runtime.spawn(self.clone().ask(request)).await;
        let outcome = asked.unwrap_or_else(|stopped| Err(stopped.into()));
        self.came_to(&outcome);
        outcome
    }
}
