//! A server that speaks bytes: what no proper HTTP library would send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens after a request was read to its end.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, then the connection is closed.
    Close(String),
    /// These bytes, then the next request on the same connection.
    Keep(String),
    /// Nothing, for ever.
    Silence,
    /// A body without end, until the client goes away.
    Endless(String),
}

/// A server that gives the replies in order, the last one for ever.
#[derive(Debug)]
pub(crate) struct Raw {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Raw {
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) =
            (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (connected, requested) = (connections.clone(), requests.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connected.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, replies.clone(), requested.clone()));
            }
        });
        Self { address, connections, requests, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, replies: Vec<Reply>, requests: Arc<AtomicUsize>) {
    while read_request(&mut stream).await.is_some() {
        let number = requests.fetch_add(1, Ordering::SeqCst);
        match replies[number.min(replies.len() - 1)].clone() {
            Reply::Keep(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
            Reply::Close(bytes) => {
                stream.write_all(bytes.as_bytes()).await.unwrap();
                return;
            }
            Reply::Silence => std::future::pending().await,
            Reply::Endless(head) => {
                stream.write_all(head.as_bytes()).await.unwrap();
                while stream.write_all(&[b' '; 4096]).await.is_ok() {}
                return;
            }
        }
    }
}

/// Reads head and body of one request; nothing when the client went away.
async fn read_request(stream: &mut TcpStream) -> Option<()> {
    let mut received = Vec::new();
    let head = loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => received.extend_from_slice(&chunk[..count]),
        }
    };
    let text = String::from_utf8_lossy(&received[..head]).to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let body: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    let mut rest = vec![0; (head + body).saturating_sub(received.len())];
    stream.read_exact(&mut rest).await.ok().map(|_| ())
}

/// A JSON answer with its length.
pub(crate) fn json(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
