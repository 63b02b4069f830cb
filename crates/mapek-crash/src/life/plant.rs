//! The time of the managed system, which is ours.

use mapek_model::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::BoxError;

/// Lets time pass in the managed system.
#[derive(Debug)]
pub(super) struct Plant {
    client: reqwest::Client,
    url: String,
}

#[derive(Debug, Deserialize)]
struct Passed {
    now: Timestamp,
}

impl Plant {
    pub(super) fn new(client: reqwest::Client, charter: &str) -> Self {
        Self { client, url: format!("{charter}/api/v1/sim/advance") }
    }

    /// Lets so many seconds pass, and answers what time it is.
    pub(super) async fn pass(&self, seconds: u32) -> Result<Timestamp, BoxError> {
        let request = self.client.post(&self.url).json(&json!({ "seconds": seconds }));
        let passed: Passed = request.send().await?.error_for_status()?.json().await?;
        Ok(passed.now)
    }
}
