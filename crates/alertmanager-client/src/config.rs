use secrecy::SecretString;
use serde::Deserialize;

/// Where Alertmanager listens unless told otherwise.
const URL: &str = "http://localhost:9093";

/// Long enough for a busy Alertmanager with ten thousand alerts, short within a cycle of 30 s.
const TIMEOUT_SECONDS: f64 = 10.0;

/// With the pauses between them, four attempts ride out a restart of about a second.
const RETRIES_MAX: usize = 3;

/// Ten thousand alerts of three kilobytes each.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Which Alertmanager to talk to, and how.
///
/// ```
/// use alertmanager_client::{Backend, Config};
///
/// let config: Config = serde_json::from_str(
///     r#"{"url": "https://alerts.example/am", "auth": {"bearer": "s3cret"}}"#,
/// )?;
/// assert_eq!(config.backend, Backend::Http);
/// assert!(!format!("{config:?}").contains("s3cret"));
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A real Alertmanager, or one in memory. Default `http`.
    pub backend: Backend,
    /// Its address, with the prefix path if it has one. Default `http://localhost:9093`.
    pub url: String,
    /// How to sign in. Default: not at all.
    pub auth: Option<Auth>,
    /// Seconds for one call, its retries included: more than 0, at most 600. Default 10.
    pub timeout_seconds: f64,
    /// How often a read is tried again after a transient error: at most 10. What changes something is never
    /// repeated. Default 3.
    pub retries_max: usize,
    /// Bytes of one answer. Default 32 MiB.
    pub answer_bytes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backend: Backend::default(),
            url: URL.to_owned(),
            auth: None,
            timeout_seconds: TIMEOUT_SECONDS,
            retries_max: RETRIES_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }
}

/// Which implementation of [`AlertmanagerApi`](crate::AlertmanagerApi) to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Backend {
    /// A real Alertmanager.
    #[default]
    Http,
    /// [`InMemoryAlertmanager`](crate::InMemoryAlertmanager).
    Memory,
}

/// How to sign in at Alertmanager, or at the proxy before it. Never prints its secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Auth {
    /// By name and password (RFC 7617).
    Basic {
        /// The name; holds no colon.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// By token (RFC 6750).
    Bearer(SecretString),
}

#[cfg(feature = "http")]
impl Config {
    /// Makes the Alertmanager that is configured: one behind `client`, or one in memory that begins at `now`.
    ///
    /// TLS, proxies and connections are the client's, so that all clients of a process can share one.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) if a setting cannot be used.
    pub fn build(
        &self,
        client: reqwest::Client,
        now: jiff::Timestamp,
    ) -> Result<std::sync::Arc<dyn crate::AlertmanagerApi>, crate::Error> {
        Ok(match self.backend {
            Backend::Http => std::sync::Arc::new(crate::HttpAlertmanager::try_new(client, self)?),
            Backend::Memory => std::sync::Arc::new(crate::InMemoryAlertmanager::new(now)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_misspelt_is_refused() {
        for json in [
            r#"{"adress": ""}"#,
            r#"{"backend": "carrier pigeon"}"#,
            r#"{"auth": {"basic": {"username": "u", "password": "p", "realm": "r"}}}"#,
            r#"{"auth": {"basic": {"username": "u"}}}"#,
            r#"{"timeout_seconds": "soon"}"#,
        ] {
            assert!(serde_json::from_str::<Config>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let json = r#"{"auth": {"basic": {"username": "u", "password": "hunter2"}}}"#;
        let config: Config = serde_json::from_str(json).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[cfg(feature = "http")]
    #[tokio::test]
    async fn the_backend_is_chosen_by_configuration() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let client = || reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        let memory = Config { backend: Backend::Memory, ..Config::default() };
        let status = memory.build(client(), now).unwrap().status().await.unwrap();
        assert_eq!(status.version_info.version, "in-memory");
        let http = Config::default().build(client(), now).unwrap();
        assert!(format!("{http:?}").contains("http://localhost:9093/"), "{http:?}");
    }
}
