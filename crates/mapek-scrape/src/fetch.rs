//! One scrape over HTTP.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use tracing::Instrument as _;

use crate::{Format, ScrapeError};

/// What we read, the richer format first.
const ACCEPTED: &str =
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// A client and how long a target may take.
pub(crate) struct Fetcher {
    client: reqwest::Client,
    timeout: Duration,
}

impl Fetcher {
    pub(crate) fn new(client: reqwest::Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// The whole text, of at most `bytes_max` bytes, and its format.
    pub(crate) async fn fetch(
        &self,
        url: reqwest::Url,
        bytes_max: usize,
    ) -> Result<(String, Format), ScrapeError> {
        let span = tracing::info_span!("scrape", otel.kind = "client", host = url.host_str());
        // The timeout covers the body, too.
        let request = self.client.get(url).timeout(self.timeout).header(ACCEPT, ACCEPTED);
        read(request, bytes_max).instrument(span).await
    }
}

async fn read(
    request: reqwest::RequestBuilder,
    bytes_max: usize,
) -> Result<(String, Format), ScrapeError> {
    let mut response = request.send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        return Err(ScrapeError::Status { status: response.status().as_u16() });
    }
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let format = Format::of_content_type(kind)
        .map_err(|kind| not_exposition(format!("its content type is {kind}")))?;
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(unreachable)? {
        if body.len() + part.len() > bytes_max {
            return Err(ScrapeError::TooLarge { limit: bytes_max });
        }
        body.extend_from_slice(&part);
    }
    let text = String::from_utf8(body);
    text.map(|text| (text, format)).map_err(|error| not_exposition(error.to_string()))
}

/// Without the URL, which may hold credentials.
fn unreachable(error: reqwest::Error) -> ScrapeError {
    ScrapeError::Unreachable { source: error.without_url().into() }
}

fn not_exposition(reason: String) -> ScrapeError {
    ScrapeError::NotExposition { reason }
}
