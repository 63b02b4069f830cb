//! One connection, from its first byte to its last.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpStream,
    time::{MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::service::WebhookService;
use crate::Intake;

/// Requests at once on one HTTP/2 connection. Alertmanager sends one for each group that is due.
const STREAMS_MAX: u32 = 64;

#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// For the headers of a request to arrive, and for silence between requests.
    pub(super) header: Duration,
}

/// Serves until the other side leaves, falls silent, or `stop` asks to finish what is in progress.
pub(super) async fn serve_connection<I: Intake + 'static>(
    stream: TcpStream,
    service: WebhookService<I>,
    timing: Timing,
    stop: CancellationToken,
) {
    let activity = Arc::new(Activity::default());
    let service =
        Watched { inner: TowerToHyperService::new(service), activity: Arc::clone(&activity) };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(timing.header);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));

    // Hyper's own timeout begins when it knows that this is HTTP/1. Who never says what it speaks, or
    // idles on HTTP/2, is for this clock.
    let mut clock = interval_at(tokio::time::Instant::now() + timing.header, timing.header);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = 0;
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "webhook connection broke");
                }
                return;
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = clock.tick() => {
                let begun = activity.begun.load(Relaxed);
                let silent = begun == seen && begun == activity.ended.load(Relaxed);
                match (silent, begun) {
                    (false, _) => seen = begun,
                    (true, 0) => return,
                    (true, _) if stopping => return,
                    (true, _) => {
                        stopping = true;
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        }
    }
}

/// Requests of one connection.
#[derive(Debug, Default)]
struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A service that notes when requests begin and end.
#[derive(Clone, Debug)]
struct Watched<S> {
    inner: S,
    activity: Arc<Activity>,
}

/// Notes the end of a request, however it comes about.
struct Ends(Arc<Activity>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Relaxed);
    }
}

impl<S> Service<Request<Incoming>> for Watched<S>
where
    S: Service<Request<Incoming>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.activity.begun.fetch_add(1, Relaxed);
        let ends = Ends(Arc::clone(&self.activity));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let _ends = ends;
            answer.await
        })
    }
}
