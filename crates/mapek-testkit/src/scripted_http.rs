//! A server that answers what a test tells it to, and remembers what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::BufStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::{Error, Reply, Request};

/// How many requests are remembered: a test that looks at more than this wants [`ScriptedHttp::request_count`].
const REMEMBERED_MAX: usize = 10_000;

/// A scripted HTTP server on a free port of 127.0.0.1. It ends, with all its connections, when the value goes away.
///
/// A request gets the first of: the next reply in the queue ([`push`](Self::push)), the reply of its path
/// ([`on`](Self::on)), the reply for all others ([`otherwise`](Self::otherwise); 200 without a body unless set).
#[derive(Debug)]
pub struct ScriptedHttp {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    accepting: AbortHandle,
}

impl ScriptedHttp {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system has no port for us.
    pub async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(Error::io("listening on a free port"))?;
        let address = listener.local_addr().map_err(Error::io("asking for the port"))?;
        let script = Arc::new(Mutex::new(Script::default()));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&script))).abort_handle();
        Ok(Self { address, script, accepting })
    }

    /// Host and port, as a scrape target or a proxy wants them.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path (which starts with a slash, or is empty for the base URL).
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Adds a reply to the queue; each is given once, to whatever is asked.
    pub fn push(&self, reply: Reply) {
        self.script().queue.push_back(reply);
    }

    /// Answers a path with this from now on.
    pub fn on(&self, path: &str, reply: Reply) {
        self.script().paths.insert(path.to_owned(), reply);
    }

    /// Answers everything else with this from now on.
    pub fn otherwise(&self, reply: Reply) {
        self.script().otherwise = reply;
    }

    /// What was asked so far, in order; the last 10 000 requests.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.script().requests.iter().cloned().collect()
    }

    /// How much was asked so far.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.script().count
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        lock(&self.script)
    }
}

impl Drop for ScriptedHttp {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[derive(Debug)]
struct Script {
    queue: VecDeque<Reply>,
    paths: BTreeMap<String, Reply>,
    otherwise: Reply,
    requests: VecDeque<Request>,
    count: u64,
}

impl Default for Script {
    fn default() -> Self {
        let (queue, paths, requests) = (VecDeque::new(), BTreeMap::new(), VecDeque::new());
        Self { queue, paths, otherwise: Reply::status(200), requests, count: 0 }
    }
}

impl Script {
    fn reply_to(&mut self, request: Request) -> Reply {
        let queued = self.queue.pop_front();
        let reply = queued.or_else(|| self.paths.get(&request.path).cloned());
        if self.requests.len() == REMEMBERED_MAX {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
        self.count += 1;
        reply.unwrap_or_else(|| self.otherwise.clone())
    }
}

/// Connections belong to this future: when it is aborted, they end.
async fn accept(listener: TcpListener, script: Arc<Mutex<Script>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(stream, Arc::clone(&script)));
    }
}

async fn serve(stream: TcpStream, script: Arc<Mutex<Script>>) {
    let mut stream = BufStream::new(stream);
    // A request that cannot be read ends the connection, as does a client that has gone.
    while let Ok(Some(request)) = Request::read(&mut stream).await {
        let reply = lock(&script).reply_to(request);
        if !matches!(reply.write(&mut stream).await, Ok(true)) {
            return;
        }
    }
}

/// A poisoned lock only means that another test thread has failed.
fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}
