//! A sign of life, for somebody who is told when it stays away.

use std::sync::Arc;

use mapek_loop::{Clock, LoopState};
use mapek_model::{CycleNumber, Duration, TargetId, Timestamp, later};
use reqwest::Client;
use serde::Serialize;
use tokio::sync::watch;
use tracing::warn;

use crate::{Address, Failed, Meter, Told, http::post, pace::Tries};

/// What its messages are called where kinds stand.
const KIND: &str = "heartbeat";

/// Posts to an address at an interval, as long as cycles complete without faults. A loop that hangs, fails or is gone does not, and
/// whoever waits for it there (a dead man's switch) knows.
#[derive(Debug)]
pub struct Heartbeat {
    client: Client,
    address: Address,
    interval: Duration,
}

/// What is posted.
#[derive(Debug, Serialize)]
struct Beat<'a> {
    version: u8,
    kind: &'static str,
    target: &'a TargetId,
    /// The newest cycle.
    cycle: CycleNumber,
    at: Timestamp,
}

impl Heartbeat {
    /// To `address`, not more often than `interval`, which is at least a second; nor more often than cycles complete.
    #[must_use]
    pub fn new(client: Client, address: Address, interval: Duration) -> Self {
        Self { client, address, interval: interval.max(Duration::from_secs(1)) }
    }

    pub(crate) async fn follow(
        self,
        mut states: watch::Receiver<Arc<LoopState>>,
        clock: Arc<dyn Clock>,
        meter: Arc<dyn Meter>,
    ) {
        let mut told = None;
        let mut tries = Tries::new(self.interval);
        loop {
            let state = Arc::clone(&states.borrow_and_update());
            let beat = newest_good(&state).filter(|number| Some(*number) != told);
            let Some(cycle) = beat else {
                if states.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let wait = match self.beat(&state, cycle, clock.now()).await {
                Ok(()) => {
                    meter.count(KIND, KIND, Told::Sent, 1);
                    told = Some(cycle);
                    tries.succeeded();
                    self.interval
                }
                Err(error) => {
                    meter.count(KIND, KIND, Told::Failed, 1);
                    warn!(%error, "a heartbeat was not taken");
                    tries.failed(None)
                }
            };
            clock.sleep_until(later(clock.now(), wait)).await;
        }
    }

    async fn beat(
        &self,
        state: &LoopState,
        cycle: CycleNumber,
        at: Timestamp,
    ) -> Result<(), Failed> {
        let beat = Beat { version: 1, kind: KIND, target: &state.target, cycle, at };
        let id = format!("{}-{cycle}", state.target);
        post(&self.client, &self.address, None, &id, &beat).await
    }
}

/// The newest cycle, if nothing went wrong inside the loop in it.
fn newest_good(state: &LoopState) -> Option<CycleNumber> {
    let last = state.last().filter(|last| last.faults.is_empty() && !state.stopped)?;
    Some(last.number)
}
