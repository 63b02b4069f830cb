//! How to reach Charter, and how long to insist.

use reqwest::Url;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::HttpCharter;
use crate::Seconds;

/// How to reach Charter. Unknown keys are refused; the key of access is read but never written.
///
/// ```
/// use charter_client::{Config, HttpCharter};
///
/// let config: Config = serde_json::from_str(r#"{"url": "http://localhost:8000/charter"}"#)?;
/// let charter = config.build(HttpCharter::client_builder().no_proxy().build()?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Base URL, with the path prefix if there is one; no user, query or fragment.
    pub url: String,
    /// The bearer key. `Debug` shows that there is one, nothing shows which.
    #[serde(skip_serializing)]
    pub api_key: Option<SecretString>,
    /// Time for one attempt, from connecting to the last byte: above 0.
    pub attempt_timeout_seconds: Seconds,
    /// Time for a whole call, with all attempts and pauses: above 0.
    pub call_timeout_seconds: Seconds,
    /// Largest answer accepted, in bytes: 1 KiB to 1 GiB. Counted while it streams, so that a runaway server
    /// cannot fill this process's memory.
    pub answer_bytes_max: usize,
    /// When and how often to ask again.
    pub retry: RetryConfig,
}

/// When and how often to ask again. Only what is safe to repeat is repeated, whatever this says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Attempts of one call, the first included: 1 to 10.
    pub attempts_max: u32,
    /// Whether mutations with an idempotency key are repeated here. Turn it off where the caller keeps a
    /// journal and repeats them itself.
    pub mutations: bool,
    /// First pause; each further one is twice as long, plus a random part of the same size.
    pub pause_min_seconds: Seconds,
    /// Longest pause before the random part.
    pub pause_max_seconds: Seconds,
    /// Longest `Retry-After` that is waited for; beyond it the call fails and says so.
    pub retry_after_max_seconds: Seconds,
    /// Retries allowed for each call made, over time: 0 to 10.
    pub budget_ratio: f64,
    /// Retries allowed each second besides, so that a client that asks seldom can retry at all: 0 to 100.
    pub budget_per_second: f64,
}

impl Config {
    /// Where a Charter listens that nobody moved.
    pub const URL: &'static str = "http://localhost:8000";
    /// Time for one attempt: what the contract gives a client.
    pub const ATTEMPT_TIMEOUT_SECONDS: u32 = 30;
    /// Time for a whole call: one attempt that hangs and one that does not.
    pub const CALL_TIMEOUT_SECONDS: u32 = 60;
    /// Largest answer: ten thousand violations with long descriptions are about 5 MiB.
    pub const ANSWER_BYTES_MAX: usize = 8 << 20;

    /// The defaults for a base URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Checks the configuration and makes the client on a connection pool of yours.
    ///
    /// The pool must not follow redirects: take [`HttpCharter::client_builder`] and add your TLS to it. A
    /// client that followed one anyway is found out by the answer's address, and the answer is refused.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the key that is wrong and why.
    pub fn build(self, client: reqwest::Client) -> Result<HttpCharter, ConfigError> {
        let base = self.check()?;
        Ok(HttpCharter::new(self, base, client))
    }

    fn check(&self) -> Result<Url, ConfigError> {
        let above_zero = |key, value| ensure(key, value > Seconds::ZERO, "must be above 0");
        above_zero("attempt_timeout_seconds", self.attempt_timeout_seconds)?;
        above_zero("call_timeout_seconds", self.call_timeout_seconds)?;
        above_zero("retry.pause_min_seconds", self.retry.pause_min_seconds)?;
        ensure(
            "retry.pause_max_seconds",
            self.retry.pause_max_seconds >= self.retry.pause_min_seconds,
            "must not be below pause_min_seconds",
        )?;
        ensure(
            "answer_bytes_max",
            (1 << 10..=1 << 30).contains(&self.answer_bytes_max),
            "must be within 1024 and 1073741824",
        )?;
        ensure(
            "retry.attempts_max",
            (1..=10).contains(&self.retry.attempts_max),
            "must be within 1 and 10",
        )?;
        ensure(
            "retry.budget_ratio",
            (0.0..=10.0).contains(&self.retry.budget_ratio),
            "must be within 0 and 10",
        )?;
        ensure(
            "retry.budget_per_second",
            (0.0..=100.0).contains(&self.retry.budget_per_second),
            "must be within 0 and 100",
        )?;
        super::request::check_key(self.api_key.as_ref())?;
        check_url(&self.url)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: Self::URL.to_owned(),
            api_key: None,
            attempt_timeout_seconds: Seconds::whole(Self::ATTEMPT_TIMEOUT_SECONDS),
            call_timeout_seconds: Seconds::whole(Self::CALL_TIMEOUT_SECONDS),
            answer_bytes_max: Self::ANSWER_BYTES_MAX,
            retry: RetryConfig::default(),
        }
    }
}

impl RetryConfig {
    /// First pause, in seconds: longer than a hiccup, shorter than a restart.
    pub const PAUSE_MIN_SECONDS: f64 = 0.2;

    /// Every call is made once.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts_max: 1, mutations: false, ..Self::default() }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            mutations: true,
            pause_min_seconds: Seconds::try_new(Self::PAUSE_MIN_SECONDS)
                .expect("a fifth of a second is a length of time"),
            pause_max_seconds: Seconds::whole(5),
            retry_after_max_seconds: Seconds::whole(30),
            budget_ratio: 0.2,
            budget_per_second: 1.0,
        }
    }
}

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The key, dotted from the top of the configuration.
    pub key: &'static str,
    /// What is wrong with its value; never the value of a secret.
    pub reason: String,
}

impl ConfigError {
    pub(super) fn new(key: &'static str, reason: impl Into<String>) -> Self {
        Self { key, reason: reason.into() }
    }
}

fn ensure(key: &'static str, holds: bool, reason: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::new(key, reason)) }
}

fn check_url(text: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text).map_err(|error| ConfigError::new("url", error.to_string()))?;
    ensure("url", matches!(url.scheme(), "http" | "https"), "must be http or https")?;
    ensure("url", url.has_host(), "must name a host")?;
    ensure(
        "url",
        url.username().is_empty() && url.password().is_none(),
        "must not hold a user or password: use api_key",
    )?;
    ensure("url", url.query().is_none(), "must not have a query")?;
    ensure("url", url.fragment().is_none(), "must not have a fragment")?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> ConfigError {
        serde_json::from_str::<Config>(json).unwrap().check().unwrap_err()
    }

    #[test]
    fn each_bad_value_is_refused_by_its_key() {
        for (json, key) in [
            (r#"{"url": "localhost"}"#, "url"),
            (r#"{"url": "ftp://host/"}"#, "url"),
            (r#"{"url": "http://user:hunter2@host/"}"#, "url"),
            (r#"{"url": "http://host/?q=1"}"#, "url"),
            (r##"{"url": "http://host/#f"}"##, "url"),
            (r#"{"attempt_timeout_seconds": 0}"#, "attempt_timeout_seconds"),
            (r#"{"call_timeout_seconds": 0}"#, "call_timeout_seconds"),
            (r#"{"answer_bytes_max": 10}"#, "answer_bytes_max"),
            (r#"{"retry": {"attempts_max": 0}}"#, "retry.attempts_max"),
            (r#"{"retry": {"pause_max_seconds": 0.1}}"#, "retry.pause_max_seconds"),
            (r#"{"retry": {"budget_ratio": -1}}"#, "retry.budget_ratio"),
            (r#"{"retry": {"budget_per_second": 1000}}"#, "retry.budget_per_second"),
            (r#"{"api_key": "two\nlines"}"#, "api_key"),
            (r#"{"api_key": ""}"#, "api_key"),
        ] {
            let error = refused(json);
            assert_eq!(error.key, key, "{json}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_and_the_secret_is_not_written() {
        assert!(serde_json::from_str::<Config>(r#"{"uri": "http://host"}"#).is_err());
        let config: Config = serde_json::from_str(r#"{"api_key": "hunter2"}"#).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&config).unwrap().contains("hunter2"));
    }
}
