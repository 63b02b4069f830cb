//! TLS before the server: hands are shaken beside each other, and who does not shake hands holds up nobody.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use mapek_tls::{Look, ServerTls, Watched as _};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::AbortHandle,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Time for a handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// Handshakes at once; further connections wait in the system's queue.
const HANDSHAKES_MAX: usize = 64;
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A listener whose connections have shaken hands.
#[derive(Debug)]
pub(crate) struct TlsListener {
    local: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    accepting: AbortHandle,
}

impl TlsListener {
    /// Takes connections from `listener` until it is dropped.
    pub(crate) fn new(listener: TcpListener, tls: ServerTls) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let (tell, ready) = mpsc::channel(HANDSHAKES_MAX);
        let accepting = tokio::spawn(accept(listener, tls, tell)).abort_handle();
        Ok(Self { local, ready, accepting })
    }
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            // Whoever accepts ends with us.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

async fn accept(
    listener: TcpListener,
    tls: ServerTls,
    tell: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let slots = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (tls, tell) = (tls.clone(), tell.clone());
        tokio::spawn(async move {
            let _slot = slot;
            match timeout(PATIENCE, TlsAcceptor::from(tls.config()).accept(stream)).await {
                // Nobody listens any more: the server has stopped.
                Ok(Ok(stream)) => drop(tell.send((stream, peer)).await),
                Ok(Err(error)) => match tls.refusal(&error) {
                    Some(refusal) => tracing::warn!(%refusal, %peer, "a TLS handshake failed"),
                    None => tracing::debug!(%error, %peer, "a TLS handshake failed"),
                },
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            }
        });
    }
}

/// Takes what is in the files whenever they have changed. Never ends.
pub(crate) async fn follow(tls: ServerTls, now: impl Fn() -> jiff::Timestamp) {
    loop {
        sleep(LOOK_EVERY).await;
        match tls.look(now()) {
            Look::Same => {}
            Look::Renewed => tracing::info!("certificates were read anew"),
            Look::Refused(error) => {
                let (remedy, error) = (error.remedy(), crate::chain(&error));
                tracing::error!(error, remedy, "certificates stay as they were");
            }
        }
    }
}
