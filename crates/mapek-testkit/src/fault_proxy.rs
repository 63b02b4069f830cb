//! A network that breaks on demand: a TCP proxy between a client and a server.
//!
//! In this process, because the usual tool for it is in no distribution, and because a test wants to know that a fault
//! is in force when its call returns.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::Error;
use crate::wait::{POLL, within};

/// A chunk that is passed on at once; [`Fault::Delay`] delays each.
const CHUNK_BYTES: usize = 16 * 1024;
/// How long the port may be somebody else's after [`Fault::Refuse`].
const LISTEN_DEADLINE: Duration = Duration::from_secs(10);

/// What the network does to connections, those that are open included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Everything goes through.
    Pass,
    /// Connections are refused; open ones are closed.
    Refuse,
    /// Connections are accepted, and then nothing moves until the next fault.
    Hold,
    /// Each connection is closed after this many more bytes from the server.
    CutAfter(u64),
    /// Each chunk waits this long before it is passed on, in both directions.
    Delay(Duration),
}

/// A TCP proxy on a free port of 127.0.0.1. It ends, with all its connections, when the value goes away.
///
/// ```
/// use mapek_testkit::{Fault, FaultProxy, ScriptedHttp};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ScriptedHttp::start().await?;
/// let proxy = FaultProxy::start(server.address()).await?;
/// assert!(reqwest::get(proxy.url("/")).await.is_ok());
/// proxy.set(Fault::Refuse).await?;
/// assert!(reqwest::get(proxy.url("/")).await.is_err_and(|error| error.is_connect()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    orders: mpsc::Sender<Order>,
    accepted: Arc<AtomicU64>,
    running: AbortHandle,
}

/// A fault, and who waits for it to be in force.
type Order = (Fault, oneshot::Sender<Result<(), Error>>);

impl FaultProxy {
    /// Starts to pass on to `upstream`, which need not exist yet.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system has no port for us.
    pub async fn start(upstream: SocketAddr) -> Result<Self, Error> {
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await;
        let listener = listener.map_err(Error::io("listening on a free port"))?;
        let address = listener.local_addr().map_err(Error::io("asking for the port"))?;
        let (orders, receiver) = mpsc::channel(1);
        let accepted = Arc::new(AtomicU64::new(0));
        let (in_force, _) = watch::channel(InForce { generation: 0, fault: Fault::Pass });
        let proxy = Running { address, upstream, in_force, accepted: Arc::clone(&accepted) };
        let running = tokio::spawn(proxy.run(listener, receiver)).abort_handle();
        Ok(Self { address, orders, accepted, running })
    }

    /// Changes what the network does; in force on return.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if the port was taken by somebody else while connections were refused.
    pub async fn set(&self, fault: Fault) -> Result<(), Error> {
        let gone = || Error::Stopped { program: "fault proxy".to_owned() };
        let (done, is_done) = oneshot::channel();
        self.orders.send((fault, done)).await.map_err(|_| gone())?;
        is_done.await.map_err(|_| gone())?
    }

    /// Where clients should connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path (which starts with a slash, or is empty for the base URL).
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// A fault and which one it is, counted from the start: setting the same one again starts it afresh.
#[derive(Clone, Copy)]
struct InForce {
    generation: u64,
    fault: Fault,
}

impl InForce {
    fn moves(&self) -> bool {
        self.fault != Fault::Hold
    }
}

struct Running {
    address: SocketAddr,
    upstream: SocketAddr,
    in_force: watch::Sender<InForce>,
    accepted: Arc<AtomicU64>,
}

impl Running {
    async fn run(self, listener: TcpListener, mut orders: mpsc::Receiver<Order>) {
        let mut listener = Some(listener);
        // Connections belong to this future: when it is aborted, they end.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => {
                    let Some((fault, done)) = order else { return };
                    let obeyed = self.obey(fault, &mut listener, &mut connections).await;
                    // Nobody waits any more if the test has dropped the call.
                    drop(done.send(obeyed));
                }
                stream = accept(listener.as_ref()) => {
                    self.accepted.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(connect(stream, self.upstream, self.in_force.subscribe()));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn obey(
        &self,
        fault: Fault,
        listener: &mut Option<TcpListener>,
        connections: &mut JoinSet<()>,
    ) -> Result<(), Error> {
        let generation = self.in_force.borrow().generation + 1;
        self.in_force.send_replace(InForce { generation, fault });
        if fault == Fault::Refuse {
            *listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            *listener = Some(listen_again(self.address).await?);
        }
        Ok(())
    }
}

async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Listens where we did before, as soon as nobody else does.
async fn listen_again(address: SocketAddr) -> Result<TcpListener, Error> {
    let listening = async {
        loop {
            match listen(address).await {
                Ok(listener) => return listener,
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    };
    let what = || format!("listening on {address} again");
    within(LISTEN_DEADLINE, what, listening).await
}

/// The next connection; never one while there is no listener.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => tokio::time::sleep(POLL).await, // Out of file descriptors, say: the next one may do.
        }
    }
}

/// One connection, from its first byte to its last. How it ended is told by the sockets that close.
async fn connect(client: TcpStream, upstream: SocketAddr, mut faults: watch::Receiver<InForce>) {
    if faults.wait_for(InForce::moves).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let up = pump(client_in, server_out, faults.clone(), Direction::Up);
    let down = pump(server_in, client_out, faults, Direction::Down);
    // The first one to fail or to be cut ends both; an orderly end of one direction leaves the other open.
    drop(tokio::try_join!(up, down));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut faults: watch::Receiver<InForce>,
    direction: Direction,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut passed = Passed::default();
    loop {
        let read = from.read(&mut chunk).await?;
        let force = *faults.wait_for(InForce::moves).await.map_err(io::Error::other)?;
        if read == 0 {
            return to.shutdown().await;
        }
        if let Fault::Delay(delay) = force.fault {
            tokio::time::sleep(delay).await;
        }
        let left = match force.fault {
            Fault::CutAfter(max) if direction == Direction::Down => max - passed.since(force),
            _ => u64::MAX,
        };
        let allowed = read.min(usize::try_from(left).unwrap_or(usize::MAX));
        to.write_all(&chunk[..allowed]).await?;
        passed.add(force, allowed);
        if left == allowed as u64 {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}

/// How many bytes went through since the fault in force was set.
#[derive(Default)]
struct Passed {
    generation: u64,
    bytes: u64,
}

impl Passed {
    fn since(&self, force: InForce) -> u64 {
        if self.generation == force.generation { self.bytes } else { 0 }
    }

    fn add(&mut self, force: InForce, bytes: usize) {
        let bytes = self.since(force) + bytes as u64;
        *self = Self { generation: force.generation, bytes };
    }
}
