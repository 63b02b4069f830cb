//! The client: the trait over requests and answers.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::Config;
use super::budget::Budget;
use super::request::Request;
use crate::{
    Applied, ApplyRequest, Call, CallOptions, CharterApi, CommitteeState, Error, Extension, Health,
    Policy, PolicyId, PolicyVersion, ProblemKind, RestartAccepted, RestartRequest, RolledBack,
    ScaleRequest, Tagged, ValidateRequest, Validation, Violations, headers,
};

/// Charter over HTTP.
///
/// It keeps no connection of its own: the pool is the `reqwest::Client` that was handed in. It repeats only
/// what is safe to repeat (see `docs/charter-api.md`, §6): calls that read, and mutations that carry an
/// idempotency key where the server's health says that keys are honoured.
///
/// ```no_run
/// use charter_client::{CharterApi, Config, HttpCharter};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let pool = HttpCharter::client_builder().build()?;
/// let charter = Config::new("https://charter.example/v").build(pool)?;
/// println!("{:?}", charter.committee().await?.value.status);
/// # Ok(())
/// # }
/// ```
pub struct HttpCharter {
    config: Config,
    base: Url,
    client: reqwest::Client,
    budget: Budget,
    keys: Mutex<Option<KeysSeen>>,
    more: Option<Box<More>>,
}

/// Adds headers to those of a request.
type More = dyn Fn(&mut HeaderMap) + Send + Sync;

/// What `/health` last said about idempotency keys.
#[derive(Debug, Clone, Copy)]
struct KeysSeen {
    honoured: bool,
    at: Instant,
}

/// How long to believe it: a server may be replaced by one without keys.
const KEYS_SEEN_FOR: Duration = Duration::from_secs(300);

/// How long to wait for it before a mutation, which then goes out once.
const KEYS_ASKED_FOR: Duration = Duration::from_secs(5);

/// Time to connect. Short of it nothing has been sent, which is worth knowing apart from other timeouts.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept: longer than a cycle of 30 s, so that each cycle finds it open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

impl HttpCharter {
    pub(super) fn new(config: Config, base: Url, client: reqwest::Client) -> Self {
        let budget = Budget::new(config.retry.budget_ratio, config.retry.budget_per_second);
        if config.api_key.is_some() && base.scheme() == "http" && !is_loopback(&base) {
            tracing::warn!(host = base.host_str(), "the charter key is sent without TLS");
        }
        Self { config, base, client, budget, keys: Mutex::new(None), more: None }
    }

    /// Lets `add` put headers into each request just before it is sent: the context of a trace, say. What the
    /// request has itself stays as it is.
    ///
    /// ```
    /// # fn example(charter: charter_client::HttpCharter) -> charter_client::HttpCharter {
    /// charter.with_headers(|headers| {
    ///     headers.insert("x-team", "sre".parse().expect("it is ASCII"));
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn with_headers(mut self, add: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> Self {
        self.more = Some(Box::new(add));
        self
    }

    pub(super) fn more_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(add) = &self.more {
            add(&mut headers);
        }
        headers
    }

    /// The pool that this client wants: no redirects, time to connect bounded apart. Add TLS to it as
    /// needed. Build it with `build()`, which answers an error where the system has no certificates.
    pub fn client_builder() -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("charter-client/", env!("CARGO_PKG_VERSION")))
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Whether the server says that it honours idempotency keys; asks it if that was not heard lately.
    pub(super) async fn honours_keys(&self, deadline: Instant) -> bool {
        if let Some(honoured) = self.keys_seen(Instant::now()) {
            return honoured;
        }
        let request = self.request(Call::Health);
        let deadline = deadline.min(Instant::now() + KEYS_ASKED_FOR);
        match self.attempt(&request, deadline).await {
            Ok(answer) => {
                answer.json().map(|health| self.note_keys(&health.value)).unwrap_or(false)
            }
            Err(_) => false,
        }
    }

    fn keys_seen(&self, now: Instant) -> Option<bool> {
        let seen = (*self.keys.lock().unwrap_or_else(PoisonError::into_inner))?;
        (now.saturating_duration_since(seen.at) < KEYS_SEEN_FOR).then_some(seen.honoured)
    }

    fn note_keys(&self, health: &Health) -> bool {
        let honoured = health.offers(&Extension::IdempotencyKey);
        let seen = KeysSeen { honoured, at: Instant::now() };
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        honoured
    }

    fn request(&self, call: Call) -> Request {
        Request::new(call, &self.base, None)
    }

    fn request_for(&self, call: Call, id: &PolicyId) -> Request {
        Request::new(call, &self.base, Some(id))
    }

    async fn tagged<T: DeserializeOwned>(&self, request: Request) -> Result<Tagged<T>, Error> {
        self.exchange(request).await?.json()
    }

    async fn plain<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        Ok(self.tagged(request).await?.value)
    }
}

/// The connection pool and what it holds are left out; the key shows as redacted.
impl fmt::Debug for HttpCharter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCharter").field("config", &self.config).finish_non_exhaustive()
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[async_trait]
impl CharterApi for HttpCharter {
    async fn health(&self) -> Result<Health, Error> {
        let health = self.plain(self.request(Call::Health)).await?;
        self.note_keys(&health);
        Ok(health)
    }

    async fn policies(&self) -> Result<Vec<Policy>, Error> {
        self.plain(self.request(Call::Policies)).await
    }

    async fn policy(&self, id: &PolicyId) -> Result<Tagged<Policy>, Error> {
        self.tagged(self.request_for(Call::Policy, id)).await
    }

    async fn versions(&self, id: &PolicyId) -> Result<Vec<PolicyVersion>, Error> {
        self.plain(self.request_for(Call::Versions, id)).await
    }

    async fn apply(
        &self,
        request: &ApplyRequest,
        options: &CallOptions,
    ) -> Result<Tagged<Applied>, Error> {
        let request = self.request(Call::Apply).with_body(request)?.with_options(options)?;
        self.tagged(request).await
    }

    async fn validate(&self, request: &ValidateRequest) -> Result<Validation, Error> {
        match self.plain(self.request(Call::Validate).with_body(request)?).await {
            Err(Error::Refused { problem, .. })
                if problem.kind() == Some(ProblemKind::ValidationFailed) =>
            {
                let permitted = problem.extra.get("permitted").and_then(serde_json::Value::as_bool);
                Ok(Validation { permitted, ..Validation::invalid(problem.reasons) })
            }
            other => other,
        }
    }

    async fn rollback(
        &self,
        id: &PolicyId,
        options: &CallOptions,
    ) -> Result<Tagged<RolledBack>, Error> {
        let request = self.request_for(Call::Rollback, id).with_options(options)?;
        self.tagged(request.with_body(&serde_json::json!({}))?).await
    }

    async fn committee(&self) -> Result<Tagged<CommitteeState>, Error> {
        self.tagged(self.request(Call::Committee)).await
    }

    async fn scale(
        &self,
        request: &ScaleRequest,
        options: &CallOptions,
    ) -> Result<Tagged<CommitteeState>, Error> {
        let request = self.request(Call::Scale).with_body(request)?.with_options(options)?;
        self.tagged(request).await
    }

    async fn restart(
        &self,
        request: &RestartRequest,
        options: &CallOptions,
    ) -> Result<Tagged<RestartAccepted>, Error> {
        let request = self.request(Call::Restart).with_body(request)?.with_options(options)?;
        self.tagged(request).await
    }

    async fn violations(&self) -> Result<Violations, Error> {
        let answer = self.exchange(self.request(Call::Violations)).await?;
        let truncated = answer.flag(headers::TRUNCATED);
        Ok(Violations { items: answer.json()?.value, truncated })
    }
}
