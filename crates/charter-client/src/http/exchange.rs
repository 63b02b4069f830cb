//! One call: attempts, pauses, and what is known when they are over.

use std::time::Duration;

use reqwest::Response;
use tokio::time::Instant;
use tracing::{Instrument as _, debug, field::Empty, info_span};

use super::answer::Answer;
use super::request::{Request, authorise};
use super::retry::Pauses;
use super::{Config, HttpCharter};
use crate::{Call, Error, Outcome};

/// The server took longer than it was given.
#[derive(Debug, thiserror::Error)]
#[error("no whole answer within {0:?}")]
struct TimedOut(Duration);

impl HttpCharter {
    /// Sends a request until it is answered or must not, or need not, be repeated.
    pub(super) async fn exchange(&self, request: Request) -> Result<Answer, Error> {
        let deadline = Instant::now() + self.config().call_timeout_seconds.to_duration();
        let repeatable = self.may_repeat(&request, deadline).await;
        let mut pauses = Pauses::new(&self.config().retry, repeatable, deadline);
        let (mut attempts, mut may_have_happened) = (0, false);
        self.budget().deposit(Instant::now());
        loop {
            attempts += 1;
            let error = match self.attempt(&request, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(pause) = pauses.after(&error, self.budget(), Instant::now()) else {
                return Err(settle(error, attempts, may_have_happened));
            };
            may_have_happened |= request.call.is_mutation() && error.outcome() == Outcome::Unknown;
            debug!(call = %request.call, attempt = attempts, ?pause, %error, "asking again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends a request once and reads the answer to its end.
    pub(super) async fn attempt(
        &self,
        request: &Request,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let config = self.config();
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = config.attempt_timeout_seconds.to_duration().min(left);
        if limit.is_zero() {
            return Err(Error::not_connected(request.call, TimedOut(limit)));
        }
        let span = info_span!(
            "charter",
            otel.kind = "client",
            http.request.method = %request.method,
            call = %request.call,
            http.response.status_code = Empty,
        );
        let attempt = async {
            let response = self.send(request).await?;
            span.record("http.response.status_code", response.status().as_u16());
            check_address(request, &response)?;
            Answer::read(request.call, response, config.answer_bytes_max).await
        };
        tokio::time::timeout(limit, attempt.instrument(span.clone()))
            .await
            .unwrap_or_else(|_| Err(Error::unanswered(request.call, TimedOut(limit))))
    }

    async fn send(&self, request: &Request) -> Result<Response, Error> {
        // Whatever they are, ours come after and stay.
        let mut headers = self.more_headers();
        headers.extend(request.headers.clone());
        authorise(&mut headers, self.config().api_key.as_ref());
        let mut builder =
            self.client().request(request.method.clone(), request.url.clone()).headers(headers);
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        builder.send().await.map_err(|error| transport(request.call, error))
    }

    /// Whether a request may be sent more than once. A mutation may if it carries a key and the server says
    /// that it honours keys; not knowing means no.
    async fn may_repeat(&self, request: &Request, deadline: Instant) -> bool {
        let Config { retry, .. } = self.config();
        if !request.call.is_mutation() {
            return true;
        }
        request.keyed
            && retry.mutations
            && retry.attempts_max > 1
            && self.honours_keys(deadline).await
    }
}

/// The last error of a call, in the light of the attempts before it.
fn settle(error: Error, attempts: u32, may_have_happened: bool) -> Error {
    if may_have_happened && error.outcome() == Outcome::NotApplied {
        error.unsettled(attempts)
    } else {
        error
    }
}

/// Sorts what the transport says by whether anything can have left. When in doubt, it did.
fn transport(call: Call, error: reqwest::Error) -> Error {
    // The address may hold what nobody should log, and the call is named anyway.
    let error = error.without_url();
    if error.is_builder() {
        Error::not_built(call, error)
    } else if error.is_connect() {
        Error::not_connected(call, error)
    } else {
        Error::unanswered(call, error)
    }
}

/// Refuses an answer from another address than the one that was asked: the handed-in client followed a
/// redirect, and where a `POST` became a `GET` on the way the answer means nothing.
fn check_address(request: &Request, response: &Response) -> Result<(), Error> {
    if response.url() == &request.url {
        Ok(())
    } else {
        let status = response.status().as_u16();
        Err(Error::protocol(request.call, status, "the client was redirected"))
    }
}
