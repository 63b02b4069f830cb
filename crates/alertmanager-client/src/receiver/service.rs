use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::Full;
use tower::Service;

use super::{
    answer::{Refusal, accepted},
    body::{self, InFlight},
    config::{WebhookConfig, WebhookCounts},
};
use crate::{Delivery, Intake, IntakeError, Limits, Notification, ParseError, panic::contained};

/// Bodies from this size on are parsed beside the runtime's own threads: 16 MiB take about a tenth of a second.
const PARSE_BESIDE_BYTES: usize = 256 * 1024;

/// Receives Alertmanager's webhook and hands it to an [`Intake`]. Mount it in any server that speaks tower.
///
/// | Answer | When | What Alertmanager does |
/// |---|---|---|
/// | 204 | the intake has taken the notification over | forgets it |
/// | 400, 413, 415, 408 | the request is at fault, or the intake rejects it | tries no more until the next flush: what it told may be lost |
/// | 404, 405 | not this path, not `POST` | likewise |
/// | 503 with `Retry-After` | no room for the bytes, or the intake is full | tries again, from 0.3 s on |
/// | 500 | the intake failed or panicked | tries again |
///
/// Errors are `application/problem+json`. Clones share limits and counts. Needs a tokio runtime. It does not
/// ask who calls: put an authorising layer before it where others can reach it.
///
/// ```
/// use alertmanager_client::{Delivery, Intake, IntakeError, WebhookService, async_trait};
/// use tower::Service;
///
/// #[derive(Debug)]
/// struct Inbox;
///
/// #[async_trait]
/// impl Intake for Inbox {
///     async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
///         // … write it down, and only then:
///         Ok(())
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let mut webhook = WebhookService::new(Inbox);
/// let request = http::Request::post("/")
///     .header("content-type", "application/json")
///     .body(r#"{"alerts": []}"#.to_owned())?;
/// assert_eq!(webhook.call(request).await?.status(), 204);
/// # Ok::<_, alertmanager_client::BoxError>(()) })?;
/// # Ok::<_, alertmanager_client::BoxError>(())
/// ```
pub struct WebhookService<I> {
    shared: Arc<Shared<I>>,
}

#[derive(Debug)]
struct Shared<I> {
    intake: I,
    config: WebhookConfig,
    in_flight: InFlight,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    alerts_accepted: AtomicU64,
    refused: AtomicU64,
    overloaded: AtomicU64,
    failed: AtomicU64,
}

impl<I: Intake> WebhookService<I> {
    /// A webhook with the default configuration.
    #[must_use]
    pub fn new(intake: I) -> Self {
        Self::with_config(intake, WebhookConfig::default())
    }

    /// A webhook with limits of your own.
    #[must_use]
    pub fn with_config(intake: I, config: WebhookConfig) -> Self {
        let in_flight = InFlight::new(config.in_flight_bytes_max);
        let counts = Counts::default();
        Self { shared: Arc::new(Shared { intake, config, in_flight, counts }) }
    }

    /// What this webhook and its clones have answered so far.
    #[must_use]
    pub fn counts(&self) -> WebhookCounts {
        let Shared { counts, in_flight, .. } = &*self.shared;
        WebhookCounts {
            accepted: counts.accepted.load(Relaxed),
            alerts_accepted: counts.alerts_accepted.load(Relaxed),
            refused: counts.refused.load(Relaxed),
            overloaded: counts.overloaded.load(Relaxed),
            failed: counts.failed.load(Relaxed),
            in_flight_bytes: u64::try_from(in_flight.bytes()).unwrap_or(u64::MAX),
        }
    }
}

impl<I: Intake> Shared<I> {
    async fn answer<B: Body>(&self, request: Request<B>) -> Response<Full<Bytes>> {
        let refusal = match self.take(request).await {
            Ok(alerts) => {
                self.counts.accepted.fetch_add(1, Relaxed);
                self.counts.alerts_accepted.fetch_add(alerts, Relaxed);
                return accepted();
            }
            Err(refusal) => refusal,
        };
        let count = match refusal.status {
            StatusCode::SERVICE_UNAVAILABLE => &self.counts.overloaded,
            status if status.is_server_error() => &self.counts.failed,
            _ => &self.counts.refused,
        };
        count.fetch_add(1, Relaxed);
        tracing::warn!(?refusal, "webhook request not accepted");
        refusal.into_response()
    }

    /// The number of alerts taken over.
    async fn take<B: Body>(&self, request: Request<B>) -> Result<u64, Refusal> {
        self.check(&request)?;
        let limits = self.config.limits;
        let mut share = self.in_flight.share();
        let reading = body::read(request.into_body(), limits.body_bytes_max, &mut share);
        let late = |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
        let body =
            tokio::time::timeout(self.config.read_timeout, reading).await.map_err(late)??;
        let delivery = parse(body, limits).await?;
        let alerts = u64::try_from(delivery.notification.alerts.len()).unwrap_or(u64::MAX);
        // The call itself is inside: an intake may panic before it makes a future.
        let accepting = contained(async { self.intake.accept(delivery).await });
        match accepting.await {
            Ok(Ok(())) => Ok(alerts),
            Ok(Err(error)) => Err(not_taken(error)),
            Err(panic) => {
                tracing::error!(panic, "webhook intake panicked");
                Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the intake failed"))
            }
        }
    }

    /// What can be seen before the body is read.
    fn check<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
        let refuse = |status, detail: &str| Err(Refusal::new(status, detail));
        if self.config.path.as_ref().is_some_and(|path| path != request.uri().path()) {
            return refuse(StatusCode::NOT_FOUND, "the webhook has another path");
        }
        if request.method() != Method::POST {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "the webhook takes POST only");
        }
        if !is_json(request.headers()) {
            let detail = "the webhook takes application/json only, not compressed";
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
        }
        let announced = content_length(request.headers());
        if announced > self.config.limits.body_bytes_max {
            return Err(body::too_large(self.config.limits.body_bytes_max));
        }
        if !self.in_flight.has_room_for(announced) {
            return Err(body::no_room());
        }
        Ok(())
    }
}

/// Whether the body is `application/json`, or another type that is JSON by its suffix, as it is.
fn is_json(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = text(header::CONTENT_TYPE).to_ascii_lowercase();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    let encoding = text(header::CONTENT_ENCODING);
    (subtype == "json" || subtype.ends_with("+json"))
        && (encoding.is_empty() || encoding.eq_ignore_ascii_case("identity"))
}

/// What the sender announces; nothing, if it announces nothing that can be read.
fn content_length(headers: &HeaderMap) -> usize {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    announced.and_then(|length| length.parse().ok()).unwrap_or(0)
}

async fn parse(body: Vec<u8>, limits: Limits) -> Result<Delivery, Refusal> {
    let beside = body.len() >= PARSE_BESIDE_BYTES;
    let parse = move || -> Result<Delivery, ParseError> {
        let notification = Notification::parse_within(&body, &limits)?;
        Ok(Delivery { notification, body })
    };
    let parsed = if beside {
        tokio::task::spawn_blocking(parse).await.map_err(|_| {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the runtime is shutting down")
        })?
    } else {
        parse()
    };
    parsed.map_err(|error| {
        let too_large = error.is_too_large();
        let status =
            if too_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
        Refusal::new(status, error.to_string())
    })
}

fn not_taken(error: IntakeError) -> Refusal {
    match error {
        IntakeError::Full { retry_after } => Refusal::overload("the intake is full", retry_after),
        IntakeError::Rejected { reason } => Refusal::new(StatusCode::BAD_REQUEST, reason),
        IntakeError::Failed { source } => {
            tracing::error!(error = %source, "webhook intake failed");
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the intake failed")
        }
    }
}

impl<I, B> Service<Request<B>> for WebhookService<I>
where
    I: Intake + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { Ok(shared.answer(request).await) })
    }
}

impl<I> Clone for WebhookService<I> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<I: fmt::Debug> fmt::Debug for WebhookService<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookService").field("shared", &self.shared).finish()
    }
}

#[cfg(test)]
mod tests;
