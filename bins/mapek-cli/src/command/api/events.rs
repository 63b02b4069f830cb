//! The event stream of a loop.

use std::time::Duration;

use http::{Method, header};
use reqwest::Response;

use super::{Api, Refusal, body_of, down};

/// How long it may be silent: it says something every four seconds, if only that it is there.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A request has a time by which all of its answer must be there. This one goes on until somebody ends it.
const FOR_EVER: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Bytes that are kept of an event of which the end has not come yet.
const PENDING_MAX: usize = 1024 * 1024;

/// What happens in a loop, as it tells it.
#[derive(Debug)]
pub(in crate::command) struct Events {
    response: Response,
    pending: Vec<u8>,
}

impl Api {
    /// Begins to follow it.
    pub(in crate::command) async fn events(&self) -> Result<Events, Refusal> {
        let request = self.request(Method::GET, "/api/v1/events");
        let request = request.header(header::ACCEPT, "text/event-stream").timeout(FOR_EVER);
        let mut response = request.send().await.map_err(down)?;
        let status = response.status();
        if status.is_success() {
            return Ok(Events { response, pending: Vec::new() });
        }
        let bytes = body_of(&mut response).await?;
        Err(Refusal::said(status, serde_json::from_slice(&bytes).ok().as_ref()))
    }
}

impl Events {
    /// Waits until something has happened. False once the stream is over, for whatever reason.
    pub(in crate::command) async fn next(&mut self) -> bool {
        loop {
            let read = tokio::time::timeout(SILENCE_MAX, self.response.chunk()).await;
            let Ok(Ok(Some(chunk))) = read else { return false };
            self.pending.extend_from_slice(&chunk);
            if self.take() {
                return true;
            }
            if self.pending.len() > PENDING_MAX {
                return false;
            }
        }
    }

    /// Takes all events that have come whole; whether there was one, and not only a comment.
    fn take(&mut self) -> bool {
        let ends = |at: usize| self.pending[..at].ends_with(b"\n\n");
        let Some(end) = (1..=self.pending.len()).rev().find(|at| ends(*at)) else { return false };
        let whole: Vec<_> = self.pending.drain(..end).collect();
        whole.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"data:"))
    }
}
