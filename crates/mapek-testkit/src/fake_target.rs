//! Something to scrape.

use std::net::SocketAddr;

use crate::{Error, Reply, ScriptedHttp};

/// Serves a text at `/metrics`, which a test changes at will.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let target = mapek_testkit::FakeTarget::start("failure_rate 0.01\n").await?;
/// target.set("failure_rate 0.5\n");
/// assert_eq!(reqwest::get(target.url()).await?.text().await?, "failure_rate 0.5\n");
/// assert_eq!(target.scrapes(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FakeTarget {
    server: ScriptedHttp,
}

impl FakeTarget {
    /// Starts to serve `text`, in the Prometheus exposition format.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system has no port for us.
    pub async fn start(text: &str) -> Result<Self, Error> {
        let server = ScriptedHttp::start().await?;
        server.otherwise(Reply::status(404));
        let target = Self { server };
        target.set(text);
        Ok(target)
    }

    /// Serves this from now on.
    pub fn set(&self, text: &str) {
        self.answer(Reply::text(text));
    }

    /// Answers scrapes like this from now on, until [`set`](Self::set): an error, a truncated body, silence.
    pub fn answer(&self, reply: Reply) {
        self.server.on("/metrics", reply);
    }

    /// Host and port, for [`PrometheusBuilder::scrape`](crate::PrometheusBuilder::scrape).
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The URL of the metrics.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url("/metrics")
    }

    /// How often it has been asked.
    #[must_use]
    pub fn scrapes(&self) -> u64 {
        self.server.request_count()
    }
}
