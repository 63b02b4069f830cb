//! The reference server of one case. It survives its clients, and knows a few points itself: a request has arrived and has had no
//! effect yet; it has had its effect and is not answered yet.

use std::sync::Arc;
use std::sync::Mutex;

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use charter_sim::{InProcess, Server, serve};
use jiff::SignedDuration;
use tokio::sync::oneshot;

use super::{Victim, kill, lock};
use crate::{
    BoxError,
    points::{Counter, Stop},
    scenario::Scenario,
};

/// A Charter behind HTTP.
#[derive(Debug)]
pub(super) struct Reference {
    charter: InProcess,
    address: std::net::SocketAddr,
    wire: Arc<Wire>,
    /// Ends the server when it is dropped.
    _stop: oneshot::Sender<()>,
}

/// What is between client and server.
#[derive(Debug)]
struct Wire {
    counter: Mutex<Counter>,
    trace: Mutex<Vec<String>>,
    victim: Victim,
}

impl Wire {
    fn reach(&self, point: String) {
        let dies = lock(&self.counter).reach(&point);
        lock(&self.trace).push(point);
        if dies {
            kill(&self.victim);
        }
    }
}

impl Reference {
    pub(super) fn start(
        scenario: &Scenario,
        victim: &Victim,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Self, BoxError> {
        let charter = InProcess::over(scenario.charter()?);
        let wire = Arc::new(Wire {
            counter: Mutex::default(),
            trace: Mutex::default(),
            victim: Arc::clone(victim),
        });
        let router = Server::new(charter.clone()).with_manual_time().router();
        let router = router.layer(from_fn_with_state(Arc::clone(&wire), pass_on));
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let _inside = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (stop, stopped) = oneshot::channel::<()>();
        runtime.spawn(async move {
            // Dropped when the case is over: then both ends are gone.
            tokio::select! {
                served = serve(listener, router, std::future::pending()) => drop(served),
                _ = stopped => {}
            }
        });
        Ok(Self { charter, address, wire, _stop: stop })
    }

    pub(super) fn charter(&self) -> &InProcess {
        &self.charter
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A new life begins, which ends at `stop`.
    pub(super) fn expect(&self, stop: Option<Stop>) {
        *lock(&self.wire.counter) = Counter::until(stop);
    }

    /// The points that were reached here since it was asked last.
    pub(super) fn trace(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.wire.trace))
    }

    /// Lets time pass while nobody is there.
    pub(super) fn pass(&self, seconds: i64) {
        self.charter.advance_by(SignedDuration::from_secs(seconds));
    }
}

async fn pass_on(State(wire): State<Arc<Wire>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let call = ["apply", "rollback", "scale", "restart"]
        .into_iter()
        .find(|call| request.method() == Method::POST && path.ends_with(&format!("/{call}")));
    let Some(call) = call else { return next.run(request).await };
    wire.reach(format!("wire.{call}.before"));
    // Whoever sent it may be dead by now; what has arrived has its effect all the same.
    let answered = tokio::spawn(async move { next.run(request).await }).await;
    wire.reach(format!("wire.{call}.after"));
    answered.unwrap_or_else(|_| axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response())
}
