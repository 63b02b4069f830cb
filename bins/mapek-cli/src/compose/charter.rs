//! The managed system: a real Charter, or the reference server in this process.

use std::sync::Arc;

use charter_sim::{InProcess, PlantConfig};
use mapek::{
    Clock,
    charter::{CharterApi, HttpCharter, RetryConfig, Seconds, SecretString},
};

use super::{BuildError, Tls};
use crate::{config::Config, telemetry};

/// The managed system that the configuration asks for.
#[derive(Debug)]
pub enum Charter {
    /// Over HTTP.
    Http(Arc<HttpCharter>),
    /// In this process; somebody has to let its time pass.
    InProcess(InProcess),
}

impl Charter {
    /// Its API.
    #[must_use]
    pub fn api(&self) -> Arc<dyn CharterApi> {
        match self {
            Self::Http(charter) => Arc::clone(charter) as Arc<dyn CharterApi>,
            Self::InProcess(charter) => Arc::new(charter.clone()),
        }
    }
}

/// Connects to a Charter, or makes one.
///
/// # Errors
///
/// [`BuildError`] if the URL, the key or a certificate cannot be used.
pub fn charter(config: &Config, clock: &dyn Clock) -> Result<Charter, BuildError> {
    charter_over(config, &Tls::new(clock.now()), clock)
}

/// The same with TLS that others share.
pub(crate) fn charter_over(
    config: &Config,
    tls: &Tls,
    clock: &dyn Clock,
) -> Result<Charter, BuildError> {
    let section = &config.execute;
    if config.staging.use_mock_charter {
        let plant = PlantConfig::default();
        let charter = InProcess::try_new(plant, 0, clock.now())
            .map_err(BuildError::of("the reference server"))?;
        return Ok(Charter::InProcess(charter));
    }
    let timeout = std::time::Duration::from_secs(section.timeout_seconds.into());
    let mut settings = mapek::charter::Config::new(section.charter_url.clone());
    settings.api_key = section.charter_api_key.as_ref().map(|key| SecretString::from(key.expose()));
    settings.attempt_timeout_seconds = Seconds::whole(section.timeout_seconds);
    // Retries of mutations are the executor's: only it writes them down.
    settings.retry = RetryConfig { mutations: false, ..RetryConfig::default() };
    let client = tls.http_client("execute.tls", &section.tls, timeout)?;
    let charter = settings.build(client).map_err(BuildError::of("the Charter client"))?;
    Ok(Charter::Http(Arc::new(charter.with_headers(telemetry::propagate))))
}
