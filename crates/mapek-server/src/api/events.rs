//! What happens, as it happens: server-sent events.
//!
//! Two kinds, both from the states that the loop publishes, so that nobody who is slow holds anything up: `state` whenever something that
//! people look at first may have changed, and `cycle` for each cycle. Who comes back with `Last-Event-ID` gets the cycles that it missed, as far
//! as they are kept.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension,
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{FutureExt as _, stream};
use http::HeaderMap;
use mapek_loop::LoopState;
use mapek_model::CycleNumber;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{App, cycles::Summary, status};
use crate::{access::Standing, server::Connected};

/// How often a comment is sent when nothing happens: often enough that no proxy, and not our own clock for silent connections, gives up.
const COMMENT_EVERY: Duration = Duration::from_secs(4);

/// What people look at first.
#[derive(Debug, Serialize, PartialEq)]
struct Glance {
    ready: bool,
    unready: Option<String>,
    paused: Option<String>,
    plans_awaiting_approval: usize,
    executions_live: usize,
    executions_needing_operator: usize,
    violations: BTreeMap<&'static str, usize>,
}

impl Glance {
    fn of(state: &LoopState) -> Self {
        let unready = state.unready().map(|why| why.to_string());
        Self {
            ready: unready.is_none(),
            unready,
            paused: state.paused.clone(),
            plans_awaiting_approval: status::awaiting_approval(state),
            executions_live: state.executions.values().filter(|it| it.status.is_live()).count(),
            executions_needing_operator: state.needing_operator(),
            violations: status::violations(state),
        }
    }
}

/// What the event `state` says of a state: a page that says so itself need not hear it.
#[cfg(feature = "console")]
pub(crate) fn glance(state: &LoopState) -> String {
    serde_json::to_string(&Glance::of(state)).unwrap_or_default()
}

pub(super) async fn events(
    State(app): State<App>,
    connected: Option<Extension<Connected>>,
    standing: Option<Extension<Standing>>,
    headers: HeaderMap,
) -> Response {
    let stopping = connected.map(|Extension(it)| it.stopping).unwrap_or_default();
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let mut follower = Follower::new(app.state, last.map(CycleNumber::new), stopping);
    if let Some(Extension(standing)) = standing {
        follower.leave = Box::pin(standing.ended());
    }
    let events = stream::unfold(follower, async |mut follower| {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(COMMENT_EVERY)).into_response()
}

/// Somebody who follows a loop.
struct Follower {
    states: watch::Receiver<Arc<LoopState>>,
    stopping: CancellationToken,
    /// Ready when they may follow no longer.
    leave: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The newest cycle that was told.
    last: Option<CycleNumber>,
    glance: Option<Glance>,
    /// What is to be told; at most what one state says.
    due: VecDeque<Event>,
    /// Whether nothing more will come.
    ended: bool,
}

impl Follower {
    fn new(
        mut states: watch::Receiver<Arc<LoopState>>,
        last: Option<CycleNumber>,
        stopping: CancellationToken,
    ) -> Self {
        let now = Arc::clone(&states.borrow_and_update());
        // Who comes for the first time gets the newest cycle alone.
        let before = now.reports.iter().rev().nth(1).map(|report| report.number);
        // A number that is still to come was another loop's.
        let known = last.filter(|last| now.last().is_some_and(|newest| *last <= newest.number));
        let mut follower = Self {
            states,
            stopping,
            leave: Box::pin(std::future::pending()),
            last: known.or(before),
            glance: None,
            due: VecDeque::new(),
            ended: false,
        };
        follower.take(&now);
        follower
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            // Who may follow no longer is not told the rest either.
            if (&mut self.leave).now_or_never().is_some() {
                return None;
            }
            if let Some(event) = self.due.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            tokio::select! {
                () = self.stopping.cancelled() => return None,
                () = &mut self.leave => return None,
                changed = self.states.changed() => changed.ok()?,
            }
            let now = Arc::clone(&self.states.borrow_and_update());
            self.take(&now);
        }
    }

    fn take(&mut self, now: &LoopState) {
        let glance = Glance::of(now);
        if self.glance.as_ref() != Some(&glance) {
            self.due.extend(event("state", &glance));
            self.glance = Some(glance);
        }
        let last = self.last;
        for report in now.reports.iter().filter(|report| Some(report.number) > last) {
            let told = event("cycle", &Summary::of(report));
            self.due.extend(told.map(|event| event.id(report.number.to_string())));
            self.last = Some(report.number);
        }
        self.ended = now.stopped;
    }
}

fn event(name: &str, data: &impl Serialize) -> Option<Event> {
    // What cannot be written as JSON is not told; nothing here cannot.
    Event::default().event(name).json_data(data).ok()
}
