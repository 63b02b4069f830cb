//! API v2 over HTTP.
//!
//! Reads are tried again with backoff after transient errors; what changes something is sent once, because
//! only its caller knows whether a second time does harm.

mod answer;

use std::{fmt, future::Future, time::Duration};

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use reqwest::{Client, Method, RequestBuilder, Url};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::DeserializeOwned};
use tracing::Instrument as _;

use self::answer::{Answer, body};
use crate::{
    AlertFilter, AlertmanagerApi, Auth, Config, Error, GettableAlert, Matchers, PostableAlert,
    PostableSilence, Receiver, Silence, SilenceId, Status,
};

/// A restarting Alertmanager answers after 0.2 s.
const RETRY_DELAY_MIN: Duration = Duration::from_millis(100);

/// No read is held back longer than this for the sake of politeness.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(2);

/// What Alertmanager 0.25 says, with status 500, where later versions answer 404.
const NO_SUCH_SILENCE: &str = "silence not found";

/// An Alertmanager behind HTTP. Knows the answers of 0.25 to 0.33.
///
/// ```no_run
/// use alertmanager_client::{AlertFilter, AlertmanagerApi, Config, HttpAlertmanager};
///
/// # async fn example() -> Result<(), alertmanager_client::BoxError> {
/// let client = reqwest::Client::builder().build()?;
/// let alertmanager = HttpAlertmanager::try_new(client, &Config::default())?;
/// let filter = AlertFilter::matching("severity=~critical|warning".parse()?);
/// for alert in alertmanager.alerts(&filter).await? {
///     println!("{:?} since {}", alert.labels, alert.starts_at);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct HttpAlertmanager {
    client: Client,
    base: Url,
    auth: Option<Auth>,
    timeout: Duration,
    retries_max: usize,
    answer_bytes_max: usize,
}

impl HttpAlertmanager {
    /// A client for the Alertmanager at `config.url`. Does not connect yet. `config.backend` is not looked at.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a setting cannot be used.
    pub fn try_new(client: Client, config: &Config) -> Result<Self, Error> {
        let alertmanager = Self {
            client,
            base: base(&config.url)?,
            auth: config.auth.clone(),
            timeout: timeout(config.timeout_seconds)?,
            retries_max: retries(config.retries_max)?,
            answer_bytes_max: config.answer_bytes_max,
        };
        // A token with a line break would otherwise fail each single call.
        alertmanager.request(Method::GET, "-/ready").build().map_err(|error| Error::Config {
            key: "auth",
            reason: error.without_url().to_string(),
        })?;
        Ok(alertmanager)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path()));
        let request = self.client.request(method, url);
        match &self.auth {
            None => request,
            Some(Auth::Basic { username, password }) => {
                request.basic_auth(username, Some(password.expose_secret()))
            }
            Some(Auth::Bearer(token)) => request.bearer_auth(token.expose_secret()),
        }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// Sends once.
    async fn send(&self, call: &'static str, request: RequestBuilder) -> Result<Answer, Error> {
        let exchange = async {
            let response =
                request.send().await.map_err(|error| answer::unreachable(call, error))?;
            body(call, response, self.answer_bytes_max).await
        };
        let span = tracing::info_span!("alertmanager", otel.kind = "client", call);
        self.within_timeout(call, exchange.instrument(span)).await
    }

    /// Sends, and sends again while errors are transient and time is left.
    async fn read<T: DeserializeOwned>(
        &self,
        call: &'static str,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<T, Error> {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(RETRY_DELAY_MIN)
            .with_max_delay(RETRY_DELAY_MAX)
            .with_max_times(self.retries_max)
            .with_jitter();
        let attempts = (|| self.send(call, request()))
            .retry(backoff)
            .when(Error::is_transient)
            .notify(|error, delay| tracing::debug!(call, %error, ?delay, "trying again"));
        self.within_timeout(call, async { attempts.await?.json(call) }).await
    }

    async fn within_timeout<T>(
        &self,
        call: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let seconds = self.timeout.as_secs_f64();
        let late = |_| Error::Timeout { call, seconds };
        tokio::time::timeout(self.timeout, work).await.map_err(late)?
    }
}

fn base(url: &str) -> Result<Url, Error> {
    let config = |reason: String| Error::Config { key: "url", reason };
    let mut base = Url::parse(url).map_err(|error| config(error.to_string()))?;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(config(format!("scheme {} is neither http nor https", base.scheme())));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(config(
            "name and password belong into auth, where they are not printed".into(),
        ));
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(config("an address has neither query nor fragment".into()));
    }
    let path = format!("{}/", base.path().trim_end_matches('/'));
    base.set_path(&path);
    Ok(base)
}

fn timeout(seconds: f64) -> Result<Duration, Error> {
    let valid = seconds > 0.0 && seconds <= 600.0;
    let reason = || format!("{seconds} s is not more than 0 and at most 600");
    let error = || Error::Config { key: "timeout_seconds", reason: reason() };
    if valid { Ok(Duration::from_secs_f64(seconds)) } else { Err(error()) }
}

fn retries(retries: usize) -> Result<usize, Error> {
    let reason = || format!("{retries} is more than 10");
    let error = || Error::Config { key: "retries_max", reason: reason() };
    if retries <= 10 { Ok(retries) } else { Err(error()) }
}

/// One `filter` parameter per matcher, which is what API v2 wants.
fn filters(matchers: &Matchers) -> Vec<(&'static str, String)> {
    matchers.iter().map(|matcher| ("filter", matcher.to_string())).collect()
}

fn alert_query(filter: &AlertFilter) -> Vec<(&'static str, String)> {
    let mut query = filters(&filter.matchers);
    query.extend([
        ("active", filter.active.to_string()),
        ("silenced", filter.silenced.to_string()),
        ("inhibited", filter.inhibited.to_string()),
        ("unprocessed", filter.unprocessed.to_string()),
    ]);
    query.extend(filter.receiver.clone().map(|receiver| ("receiver", receiver)));
    query
}

#[derive(Deserialize)]
struct PostedSilence {
    #[serde(rename = "silenceID")]
    id: SilenceId,
}

#[async_trait]
impl AlertmanagerApi for HttpAlertmanager {
    async fn alerts(&self, filter: &AlertFilter) -> Result<Vec<GettableAlert>, Error> {
        let query = alert_query(filter);
        let mut alerts: Vec<GettableAlert> =
            self.read("alerts", || self.get("api/v2/alerts").query(&query)).await?;
        alerts.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        Ok(alerts)
    }

    async fn receivers(&self) -> Result<Vec<String>, Error> {
        let receivers: Vec<Receiver> =
            self.read("receivers", || self.get("api/v2/receivers")).await?;
        let mut names: Vec<_> = receivers.into_iter().map(|receiver| receiver.name).collect();
        names.sort();
        Ok(names)
    }

    async fn status(&self) -> Result<Status, Error> {
        self.read("status", || self.get("api/v2/status")).await
    }

    async fn post_alerts(&self, alerts: &[PostableAlert]) -> Result<(), Error> {
        let request = self.request(Method::POST, "api/v2/alerts").json(alerts);
        self.send("post_alerts", request).await.map(drop)
    }

    async fn silences(&self, matchers: &Matchers) -> Result<Vec<Silence>, Error> {
        let query = filters(matchers);
        self.read("silences", || self.get("api/v2/silences").query(&query)).await
    }

    async fn post_silence(&self, silence: &PostableSilence) -> Result<SilenceId, Error> {
        const CALL: &str = "post_silence";
        let request = self.request(Method::POST, "api/v2/silences").json(silence);
        let answer = self.send(CALL, request).await;
        let no_such = |error| no_such_silence(error, silence.id.as_ref());
        let posted: PostedSilence = answer.map_err(no_such)?.json(CALL)?;
        Ok(posted.id)
    }

    async fn delete_silence(&self, id: &SilenceId) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &format!("api/v2/silence/{id}"));
        let answer = self.send("delete_silence", request).await;
        answer.map(drop).map_err(|error| no_such_silence(error, Some(id)))
    }

    async fn ready(&self) -> Result<(), Error> {
        self.send("ready", self.get("-/ready")).await.map(drop)
    }
}

fn no_such_silence(error: Error, id: Option<&SilenceId>) -> Error {
    match (&error, id) {
        (Error::Refused { status, message, .. }, Some(id))
            if *status == 404 || message == NO_SUCH_SILENCE =>
        {
            Error::NoSuchSilence { id: id.clone() }
        }
        _ => error,
    }
}

impl fmt::Debug for HttpAlertmanager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpAlertmanager")
            .field("base", &self.base.as_str())
            .field("auth", &self.auth)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
