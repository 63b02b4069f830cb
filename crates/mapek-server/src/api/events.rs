//! What happens, as it happens: server-sent events.
//!
//! Two kinds, both from the states that the loop publishes, so that nobody who is slow holds anything up: `state`
//! whenever something that people look at first may have changed, and `cycle` for each cycle. Who comes back with
//! `Last-Event-ID` gets the cycles that it missed, as far as they are kept.

mod feed;

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use axum::{
    Extension,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use http::{HeaderMap, header};
use mapek_loop::LoopState;
use mapek_model::CycleNumber;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::{access::Standing, server::Connected};

pub(super) use feed::Feed;
#[cfg(feature = "console")]
pub(crate) use feed::glance;

/// How often a comment is sent when nothing happens: often enough that no proxy, and not our own clock for silent
/// connections, gives up.
const COMMENT_EVERY: Duration = Duration::from_secs(4);
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

pub(super) async fn events(
    State(app): State<App>,
    connected: Option<Extension<Connected>>,
    standing: Option<Extension<Standing>>,
    headers: HeaderMap,
) -> Response {
    let stopping = connected.map(|Extension(it)| it.stopping).unwrap_or_default();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let mut follower = Follower::new(app.feed, last.map(CycleNumber::new), stopping);
    if let Some(Extension(standing)) = standing {
        follower.leave = Box::pin(standing.ended());
    }
    let events = stream::unfold(follower, async |mut follower| {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(events)).into_response()
}

/// Somebody who follows a loop.
struct Follower {
    feed: Arc<Feed>,
    states: watch::Receiver<Arc<LoopState>>,
    stopping: CancellationToken,
    /// Ready when they may follow no longer.
    leave: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The newest cycle that was told.
    last: Option<CycleNumber>,
    /// The event `state` that was told.
    glance: Bytes,
    /// When they were told something last.
    told: Instant,
}

impl Follower {
    fn new(feed: Arc<Feed>, last: Option<CycleNumber>, stopping: CancellationToken) -> Self {
        let (newest, before) = feed.now().newest();
        // A number that is still to come was another loop's; who comes for the first time gets the newest cycle alone.
        let last = last.filter(|last| Some(*last) <= newest).or(before);
        let (states, leave) = (feed.states(), Box::pin(std::future::pending()));
        Self { feed, states, stopping, leave, last, glance: Bytes::new(), told: Instant::now() }
    }

    async fn next(&mut self) -> Option<Bytes> {
        let event = self.event().await;
        self.told = Instant::now();
        event
    }

    async fn event(&mut self) -> Option<Bytes> {
        loop {
            // Who may follow no longer is not told the rest either.
            if (&mut self.leave).now_or_never().is_some() {
                return None;
            }
            self.states.mark_unchanged();
            let told = self.feed.now();
            if told.glance != self.glance {
                self.glance = told.glance.clone();
                return Some(self.glance.clone());
            }
            if let Some(cycle) = told.after(self.last) {
                self.last = Some(cycle.number);
                return Some(cycle.event.clone());
            }
            if told.ended {
                return None;
            }
            // Who waits keeps nothing from being forgotten.
            drop(told);
            tokio::select! {
                () = self.stopping.cancelled() => return None,
                () = &mut self.leave => return None,
                changed = self.states.changed() => changed.ok()?,
                () = sleep_until(self.told + COMMENT_EVERY) => return Some(COMMENT),
            }
        }
    }
}
