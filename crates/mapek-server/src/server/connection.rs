//! One connection, from its first byte to its last.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::{body::Watched, names::CertificateNames};

/// What is known of the connection that a request came by.
#[derive(Debug, Clone)]
pub(crate) struct Connected {
    /// Who is at the other end.
    pub(crate) peer: SocketAddr,
    /// Where it came in.
    pub(crate) local: SocketAddr,
    /// What the client's certificate says, if there is one.
    pub(crate) certificate: Option<Arc<CertificateNames>>,
    /// Whether nobody between can read along.
    pub(crate) tls: bool,
    /// Cancelled when the server stops: answers without an end end then.
    pub(crate) stopping: CancellationToken,
}

/// Headers of a request: browsers send about twenty.
const HEADERS_MAX: usize = 64;
/// Bytes of a request's headers, cookies and tokens included. A request with more gets 431.
const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Bytes of an answer that wait for somebody on HTTP/2 who does not take them: of each, as there may be many.
const SEND_BYTES_MAX: usize = 64 * 1024;
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 32;

/// Serves until the other side leaves, nothing moves any more, or `stop` asks to finish what is in progress.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connected: Connected,
    router: Router,
    idle_max: Duration,
) {
    let stop = connected.stopping.clone();
    let activity = Arc::new(Activity::default());
    // Not as layers of the router: they would be made anew for each of its routes, and kept as long as the connection.
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(connected.clone());
        answer(router.clone(), request.map(Body::new), Arc::clone(&activity))
    });
    let builder = builder(idle_max);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));

    // Hyper's own timeout begins when it knows that this is HTTP/1. Who never says what it speaks, idles on HTTP/2, or
    // does not take its answer, is for this clock.
    let mut clock = interval_at(Instant::now() + idle_max, idle_max);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut moved = 0;
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = clock.tick() => {
                let now = activity.moved.load(Relaxed);
                let silent = now == moved && activity.running.load(Relaxed) == 0;
                moved = now;
                if silent && (stopping || now == 0) {
                    return;
                }
                if silent {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

fn builder(header_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_send_buf_size(SEND_BYTES_MAX)
        .max_header_list_size(HEADER_BYTES_MAX);
    builder
}

/// What happens on one connection.
#[derive(Debug, Default)]
struct Activity {
    /// Requests that a handler works on.
    running: AtomicU64,
    /// Grows with each request, answer, and piece of an answer that was taken.
    moved: AtomicU64,
}

/// Counts a handler that runs, and its end, however it comes about.
struct Running(Arc<Activity>);

impl Running {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.running.fetch_add(1, Relaxed);
        activity.moved.fetch_add(1, Relaxed);
        Self(activity)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.moved.fetch_add(1, Relaxed);
        self.0.running.fetch_sub(1, Relaxed);
    }
}

async fn answer(
    mut router: Router,
    request: Request<Body>,
    activity: Arc<Activity>,
) -> Result<Response, Infallible> {
    let running = Running::begin(Arc::clone(&activity));
    let response = router.call(request).await?;
    drop(running);
    Ok(response.map(|body| {
        Watched::body(body, move || {
            activity.moved.fetch_add(1, Relaxed);
        })
    }))
}
