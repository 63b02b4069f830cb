use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    config::WebhookConfig,
    connection::{Timing, serve_connection},
    service::WebhookService,
};
use crate::Intake;

/// Pause after a failed accept: out of file descriptors, say. Others free theirs meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How [`WebhookServer`] treats connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// What the webhook takes. Set its path: a server of its own has no router around it.
    pub webhook: WebhookConfig,
    /// Time for the headers of a request to arrive, and for a connection to be silent between two requests.
    /// Default 10 s.
    pub header_timeout: Duration,
    /// Connections at once; further ones wait in the system's queue. Default 256, where an Alertmanager needs one or
    /// two.
    pub connections_max: usize,
    /// Time that requests in progress are given at shutdown. Default 10 s, as long as Alertmanager waits for them.
    pub drain_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            webhook: WebhookConfig::default(),
            header_timeout: Duration::from_secs(10),
            connections_max: 256,
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Why the webhook's server could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("listening on {address} failed")]
    #[non_exhaustive]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Some requests were cut off at shutdown. Their senders got no answer, and will send them again.
    #[error("{connections} connections had to be cut off at shutdown")]
    #[non_exhaustive]
    CutOff {
        /// How many.
        connections: usize,
    },
}

/// Listens for Alertmanager's webhook by itself, over HTTP/1 and HTTP/2 in clear text.
///
/// ```
/// use alertmanager_client::WebhookServer;
/// # use alertmanager_client::{Delivery, Intake, IntakeError, async_trait};
/// # #[derive(Debug)]
/// # struct Inbox;
/// # #[async_trait]
/// # impl Intake for Inbox {
/// #     async fn accept(&self, _: Delivery) -> Result<(), IntakeError> { Ok(()) }
/// # }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = WebhookServer::bind("127.0.0.1:0".parse()?, "/webhooks/alerts", Inbox).await?;
/// println!("webhook at http://{}/webhooks/alerts", server.local_addr());
/// let shutdown = async { /* a signal, say */ };
/// server.serve(shutdown).await?;
/// # Ok::<_, alertmanager_client::BoxError>(()) })?;
/// # Ok::<_, alertmanager_client::BoxError>(())
/// ```
#[derive(Debug)]
pub struct WebhookServer<I> {
    listener: TcpListener,
    address: SocketAddr,
    service: WebhookService<I>,
    config: ServerConfig,
}

impl<I: Intake + 'static> WebhookServer<I> {
    /// Listens on `address`, where port 0 means any that is free, and serves `path`.
    ///
    /// # Errors
    ///
    /// [`ServerError::Bind`] if the address is taken, or not ours.
    pub async fn bind(
        address: SocketAddr,
        path: impl Into<String>,
        intake: I,
    ) -> Result<Self, ServerError> {
        let webhook = WebhookConfig { path: Some(path.into()), ..WebhookConfig::default() };
        Self::bind_with(address, ServerConfig { webhook, ..ServerConfig::default() }, intake).await
    }

    /// Listens on `address` with limits of your own.
    ///
    /// # Errors
    ///
    /// [`ServerError::Bind`] if the address is taken, or not ours.
    pub async fn bind_with(
        address: SocketAddr,
        config: ServerConfig,
        intake: I,
    ) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        let service = WebhookService::with_config(intake, config.webhook.clone());
        Ok(Self { listener, address: local, service, config })
    }

    /// Where it listens, with the port that it got.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The service inside; its clones share counts with it.
    #[must_use]
    pub fn service(&self) -> WebhookService<I> {
        self.service.clone()
    }

    /// Serves until `shutdown` ends, then finishes the requests in progress. Connections end too if this future is
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`ServerError::CutOff`] if requests were still in progress after the drain timeout.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
        let _cut_when_dropped = cut.clone().drop_guard();
        let tasks = TaskTracker::new();
        tokio::select! {
            () = shutdown => {}
            () = self.accept_all(&tasks, &stop, &cut) => {}
        }
        drop(self.listener);
        stop.cancel();
        tasks.close();
        let drained = timeout(self.config.drain_timeout, tasks.wait()).await;
        let connections = tasks.len();
        match drained {
            Ok(()) => Ok(()),
            Err(_) => Err(ServerError::CutOff { connections }),
        }
    }

    /// Never ends by itself.
    async fn accept_all(
        &self,
        tasks: &TaskTracker,
        stop: &CancellationToken,
        cut: &CancellationToken,
    ) {
        let slots = Arc::new(Semaphore::new(self.config.connections_max));
        let timing = Timing { header: self.config.header_timeout };
        loop {
            let slot = Arc::clone(&slots).acquire_owned().await;
            let slot = slot.expect("the semaphore is never closed");
            let stream = self.accept().await;
            let service = self.service.clone();
            let (stop, cut) = (stop.clone(), cut.clone());
            tasks.spawn(async move {
                let _slot = slot;
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = serve_connection(stream, service, timing, stop) => {}
                }
            });
        }
    }

    async fn accept(&self) -> TcpStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => {
                    tracing::warn!(%error, "accepting a webhook connection failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}
