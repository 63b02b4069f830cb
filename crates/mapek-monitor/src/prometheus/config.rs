//! How a Prometheus is asked.

use mapek_model::SourceName;
use serde::{Deserialize, Serialize};

use crate::Error;

/// How a Prometheus is asked. Credentials, certificates, tenant headers and the timeout of a request belong to the
/// `reqwest::Client` that goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrometheusConfig {
    /// What the source is called in observations.
    pub name: SourceName,
    /// Where it is, with the path before `/api/v1` if there is one (`https://proxy/prometheus`).
    pub url: String,
    /// Largest answer that is read, in bytes after decompression.
    pub body_bytes_max: u64,
    /// Most points of time that one range may have; it is asked for in parts of [`POINTS_PER_REQUEST`](Self::POINTS_PER_REQUEST).
    pub points_max: u64,
    /// Whether an `info` in an answer lowers its quality as a `warning` does. Infos speak of the query as often as of the
    /// data: switch this off for queries that are known to draw one (Prometheus 3 and later).
    pub infos_are_doubts: bool,
}

impl PrometheusConfig {
    /// Where Prometheus listens unless told otherwise.
    pub const URL: &'static str = "http://localhost:9090";
    /// 100 000 series in one instant answer; more are a mistake in the query.
    pub const BODY_BYTES_MAX: u64 = 32 * 1024 * 1024;
    /// Prometheus refuses more than 11 000 points in one range.
    pub const POINTS_PER_REQUEST: u64 = 11_000;
    /// Ten requests one after the other; a cycle has no time for more.
    pub const POINTS_MAX: u64 = 110_000;

    /// A Prometheus at `url`, all else as usual.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let positive = |what: &str, value: u64| {
            if value == 0 { Err(Error::config(what, "must be above 0")) } else { Ok(()) }
        };
        positive("body_bytes_max", self.body_bytes_max)?;
        positive("points_max", self.points_max)?;
        if self.url.starts_with("http://") || self.url.starts_with("https://") {
            Ok(())
        } else {
            Err(Error::config("prometheus_url", "must begin with http:// or https://"))
        }
    }
}

impl Default for PrometheusConfig {
    fn default() -> Self {
        Self {
            name: crate::source::source_name("prometheus"),
            url: Self::URL.to_owned(),
            body_bytes_max: Self::BODY_BYTES_MAX,
            points_max: Self::POINTS_MAX,
            infos_are_doubts: true,
        }
    }
}
