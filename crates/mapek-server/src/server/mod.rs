//! A server for any router, with limits on everything that a stranger can send.

mod body;
mod config;
mod connection;
mod guard;
mod names;
mod refused;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use body::Watched;
pub use config::ServerConfig;
pub(crate) use connection::Connected;
pub(crate) use names::CertificateNames;

use mapek_tls::ServerTls as Tls;
use refused::Refused;

use crate::Error;

/// Pause after a failed accept: out of file descriptors, say. Others free theirs meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes that the kernel keeps for somebody who does not take them. It would keep megabytes for each, and a crowd of
/// them would take what it has for all connections of the machine, our own calls included. What is on its way does
/// not count: who reads hardly notices.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 64 * 1024;

/// Listens and serves a router over HTTP/1 and HTTP/2, in clear text unless it is [given](Self::with_tls) a certificate.
///
/// A panic in a handler, a failed accept or a broken connection ends nothing but itself.
///
/// ```
/// use mapek_server::{Access, Metrics, Server, ServerConfig, metrics_router};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mapek_server::Error> {
/// let config = ServerConfig { connections_max: 8, ..ServerConfig::default() };
/// let server = Server::bind("127.0.0.1:0".parse().expect("an address")).await?.with_config(config);
/// assert_ne!(server.local_addr().port(), 0);
/// let routes = metrics_router(Metrics::new(), Access::default());
/// server.serve(routes, async { /* until a signal comes, say */ }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: ServerConfig,
    tls: Option<Tls>,
}

impl Server {
    /// Listens on `address`, where port 0 means any that is free. Connections wait in the system's queue until
    /// [`serve`](Self::serve).
    ///
    /// # Errors
    ///
    /// [`Error::Bind`] if the address is taken, or not ours.
    pub async fn bind(address: SocketAddr) -> Result<Self, Error> {
        let failed = |source| Error::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address: local, config: ServerConfig::default(), tls: None })
    }

    /// Takes limits of your own.
    #[must_use]
    pub fn with_config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Speaks TLS, and nothing else.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Where it listens, with the port that it got.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` ends, then finishes the requests in progress. Connections end too if this future is
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`Error::CutOff`] if requests were still in progress after the drain timeout.
    pub async fn serve(
        self,
        router: Router,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let Self { listener, config, tls, .. } = self;
        let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
        let _cut_when_dropped = cut.clone().drop_guard();
        let connections = Connections {
            router: guard::guarded(router, &config),
            header_timeout: config.header_timeout,
            slots: Arc::new(Semaphore::new(
                config.connections_max.clamp(1, Semaphore::MAX_PERMITS),
            )),
            tasks: TaskTracker::new(),
            tls,
            refused: Arc::default(),
            stop,
            cut,
        };
        tokio::select! {
            () = shutdown => {}
            () = connections.accept_all(&listener) => {}
        }
        drop(listener);
        connections.drain(config.drain_timeout).await
    }
}

/// Where connections come from; in a test, also errors.
trait Accept: Sync {
    fn accept_one(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Accept for TcpListener {
    async fn accept_one(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.accept().await
    }
}

/// The connections of a server, and what they share.
struct Connections {
    router: Router,
    header_timeout: Duration,
    /// One for each connection that there may be.
    slots: Arc<Semaphore>,
    /// One for each connection that there is.
    tasks: TaskTracker,
    tls: Option<Tls>,
    refused: Arc<Refused>,
    /// Asks connections to finish what is in progress.
    stop: CancellationToken,
    /// Ends them.
    cut: CancellationToken,
}

impl Connections {
    /// Never ends by itself: an accept that fails is tried again.
    async fn accept_all(&self, listener: &impl Accept) {
        loop {
            // Before the accept, so that those who are too many wait in the system's queue.
            let slot = Arc::clone(&self.slots).acquire_owned().await;
            let slot = slot.expect("the semaphore is never closed");
            let (stream, peer) = loop {
                match listener.accept_one().await {
                    Ok(accepted) => break accepted,
                    Err(error) => {
                        tracing::warn!(%error, "accepting a connection failed");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            };
            let serving = Serving {
                router: self.router.clone(),
                idle_max: self.header_timeout,
                tls: self.tls.clone(),
                refused: Arc::clone(&self.refused),
                stop: self.stop.clone(),
            };
            let cut = self.cut.clone();
            self.tasks.spawn(async move {
                let _slot = slot;
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = serving.serve(stream, peer) => {}
                }
            });
        }
    }

    async fn drain(self, within: Duration) -> Result<(), Error> {
        self.stop.cancel();
        self.tasks.close();
        let drained = timeout(within, self.tasks.wait()).await;
        let connections = self.tasks.len();
        drained.map_err(|_| Error::CutOff { connections })
    }
}

/// What a connection needs.
struct Serving {
    router: Router,
    idle_max: Duration,
    tls: Option<Tls>,
    refused: Arc<Refused>,
    stop: CancellationToken,
}

impl Serving {
    async fn serve(self, stream: TcpStream, peer: SocketAddr) {
        // Answers are small and whole: waiting for more to send with them only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with delays");
        }
        #[cfg(target_os = "linux")]
        if let Err(error) = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX) {
            tracing::debug!(%error, "a connection may have much to send");
        }
        let Ok(local) = stream.local_addr() else { return };
        let Some(tls) = &self.tls else { return self.speak(stream, peer, local, None).await };
        // What is in force now: files may have changed since the last connection.
        let acceptor = TlsAcceptor::from(tls.config());
        let shaken = tokio::select! {
            () = self.stop.cancelled() => return,
            shaken = timeout(self.idle_max, acceptor.accept(stream)) => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let names = shown.map(|it| Arc::new(CertificateNames::of(it)));
                self.speak(stream, peer, local, names).await;
            }
            Ok(Err(error)) => self.refused.tell(tls, &error, peer),
            Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
        }
    }

    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        local: SocketAddr,
        certificate: Option<Arc<CertificateNames>>,
    ) {
        let (tls, stopping) = (self.tls.is_some(), self.stop);
        let connected = Connected { peer, local, certificate, tls, stopping };
        connection::serve(stream, connected, self.router, self.idle_max).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Fails as often as it says, and then works.
    struct Failing {
        left: AtomicUsize,
        listener: TcpListener,
    }

    impl Accept for Failing {
        async fn accept_one(&self) -> io::Result<(TcpStream, SocketAddr)> {
            if self.left.load(Relaxed) > 0 {
                self.left.fetch_sub(1, Relaxed);
                return Err(io::Error::other("too many open files"));
            }
            self.listener.accept_one().await
        }
    }

    #[tokio::test]
    async fn a_failed_accept_does_not_end_the_loop() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let failing = Arc::new(Failing { left: AtomicUsize::new(2), listener });
        let connections = Connections {
            router: Router::new().route("/", get(async || "here")),
            header_timeout: Duration::from_secs(5),
            slots: Arc::new(Semaphore::new(1)),
            tasks: TaskTracker::new(),
            tls: None,
            refused: Arc::default(),
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
        };
        let source = Arc::clone(&failing);
        let serving = tokio::spawn(async move { connections.accept_all(&*source).await });
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
        assert_eq!(failing.left.load(Relaxed), 0, "both failures came first");
        serving.abort();
    }
}
