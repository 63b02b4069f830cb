//! The webhook's own server, from the other end of the wire: bytes as a client sends them, good or ill.
#![allow(clippy::unwrap_used, reason = "in a test, helpers included, a panic is the report")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use alertmanager_client::{
    Delivery, Intake, IntakeError, ServerConfig, ServerError, WebhookConfig, WebhookServer,
    WebhookService, async_trait,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// No test waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(20);

const EMPTY: &str = r#"{"alerts": []}"#;

/// Takes everything, once it is let.
#[derive(Debug, Default)]
struct Gate {
    closed: AtomicBool,
    asked: AtomicUsize,
    asking: Notify,
    opened: Notify,
}

#[async_trait]
impl Intake for Gate {
    async fn accept(&self, _: Delivery) -> Result<(), IntakeError> {
        self.asked.fetch_add(1, SeqCst);
        self.asking.notify_one();
        if self.closed.load(SeqCst) {
            self.opened.notified().await;
        }
        Ok(())
    }
}

struct Running {
    address: SocketAddr,
    gate: Arc<Gate>,
    service: WebhookService<Arc<Gate>>,
    shutdown: oneshot::Sender<()>,
    served: JoinHandle<Result<(), ServerError>>,
}

async fn start(change: impl FnOnce(&mut ServerConfig)) -> Running {
    let webhook = WebhookConfig { path: Some("/hook".to_owned()), ..WebhookConfig::default() };
    let mut config = ServerConfig { webhook, ..ServerConfig::default() };
    change(&mut config);
    let gate = Arc::new(Gate::default());
    let any = "127.0.0.1:0".parse().unwrap();
    let server = WebhookServer::bind_with(any, config, Arc::clone(&gate)).await.unwrap();
    let (address, service) = (server.local_addr(), server.service());
    let (shutdown, asked) = oneshot::channel::<()>();
    let served = tokio::spawn(server.serve(async move { asked.await.unwrap_or_default() }));
    Running { address, gate, service, shutdown, served }
}

fn post(headers: &str, body: &str) -> String {
    format!(
        "POST /hook HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n{body}"
    )
}

fn sized(body: &str) -> String {
    post(&format!("content-length: {}\r\n", body.len()), body)
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn sending(&self, bytes: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    /// The status line's number.
    async fn status(&self, bytes: &str) -> u16 {
        status(&mut self.sending(bytes).await).await
    }

    async fn asked(&self) {
        timeout(DEADLINE, self.gate.asking.notified()).await.expect("the intake is asked");
    }

    async fn end(self) -> Result<(), ServerError> {
        self.shutdown.send(()).unwrap();
        timeout(DEADLINE, self.served).await.expect("the server ends").unwrap()
    }
}

async fn status(stream: &mut TcpStream) -> u16 {
    let mut line = [0; 12];
    let read = timeout(DEADLINE, stream.read_exact(&mut line)).await.expect("an answer comes");
    read.expect("an answer, not an end");
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

/// Reads until the server closes.
async fn closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    // A reset is an end as well.
    read.expect("the server closes").ok();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn serves_bodies_with_length_and_in_chunks() {
    let server = start(|_| {}).await;
    assert_eq!(server.status(&sized(EMPTY)).await, 204);
    let chunked =
        post("transfer-encoding: chunked\r\n", "5\r\n{\"ale\r\n9\r\nrts\": []}\r\n0\r\n\r\n");
    assert_eq!(server.status(&chunked).await, 204);
    assert_eq!(server.gate.asked.load(SeqCst), 2);
    assert_eq!(server.status("GET /hook HTTP/1.1\r\nhost: x\r\n\r\n").await, 405);
    assert_eq!(server.status("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await, 404);
    server.end().await.unwrap();
}

#[tokio::test]
async fn one_connection_serves_many() {
    let server = start(|_| {}).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(sized(EMPTY).as_bytes()).await.unwrap();
        assert_eq!(status(&mut stream).await, 204);
        let mut rest = Vec::new();
        while !rest.ends_with(b"\r\n\r\n") {
            rest.push(timeout(DEADLINE, stream.read_u8()).await.unwrap().unwrap());
        }
    }
    server.end().await.unwrap();
}

#[tokio::test]
async fn too_much_is_refused_as_announced_and_as_it_comes() {
    let server = start(|config| config.webhook.limits.body_bytes_max = 1_000).await;
    assert_eq!(server.status(&post("content-length: 1001\r\n", "")).await, 413);
    assert_eq!(server.status(&post("content-length: 99999999999999999999\r\n", "")).await, 400);
    let chunk = format!("3e9\r\n{}\r\n", " ".repeat(1_001));
    assert_eq!(server.status(&post("transfer-encoding: chunked\r\n", &chunk)).await, 413);
    assert_eq!(server.gate.asked.load(SeqCst), 0);
    assert_eq!(server.status(&sized(EMPTY)).await, 204);
    server.end().await.unwrap();
}

#[tokio::test]
async fn what_is_not_http_is_turned_away() {
    let server = start(|_| {}).await;
    let mut stream = server.sending("\x16\x03\x01\x02 hello over TLS?\r\n\r\n").await;
    assert!(!closed(&mut stream).await.starts_with("HTTP/1.1 2"));
    let huge = format!("POST /hook HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1_000_000));
    let mut stream = server.connect().await;
    stream.write_all(huge.as_bytes()).await.ok();
    assert!(!closed(&mut stream).await.starts_with("HTTP/1.1 2"));
    assert_eq!(server.status(&sized(EMPTY)).await, 204);
    server.end().await.unwrap();
}

#[tokio::test]
async fn who_dawdles_loses_the_connection() {
    let server = start(|config| {
        config.header_timeout = Duration::from_millis(200);
        config.webhook.read_timeout = Duration::from_millis(200);
    })
    .await;
    // Nothing at all; what may yet become HTTP/2; half of the headers.
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n", "POST /hook HTTP/1.1\r\nhost: x\r\n"] {
        let mut stream = server.sending(beginning).await;
        closed(&mut stream).await;
    }
    assert_eq!(server.status(&post("content-length: 14\r\n", "{")).await, 408);
    // A connection kept open for nothing.
    let mut stream = server.sending(&sized(EMPTY)).await;
    assert!(closed(&mut stream).await.starts_with("HTTP/1.1 204"));
    server.end().await.unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let server = start(|config| {
        config.connections_max = 1;
        config.header_timeout = Duration::from_millis(300);
    })
    .await;
    let mut silent = server.connect().await;
    let mut waiting = server.sending(&sized(EMPTY)).await;
    // Served only when the silent one has been turned out.
    assert_eq!(status(&mut waiting).await, 204);
    assert_eq!(closed(&mut silent).await, "");
    server.end().await.unwrap();
}

#[tokio::test]
async fn work_in_progress_is_finished_at_shutdown_and_nothing_new_begun() {
    let server = start(|_| {}).await;
    server.gate.closed.store(true, SeqCst);
    let mut idle = server.connect().await;
    let mut busy = server.sending(&sized(EMPTY)).await;
    server.asked().await;
    let Running { address, gate, shutdown, mut served, .. } = server;
    shutdown.send(()).unwrap();
    assert_eq!(closed(&mut idle).await, "");
    TcpStream::connect(address).await.expect_err("nobody listens any more");
    assert!(timeout(Duration::from_millis(50), &mut served).await.is_err(), "it waits");
    gate.opened.notify_one();
    assert_eq!(status(&mut busy).await, 204);
    timeout(DEADLINE, served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let server = start(|config| config.drain_timeout = Duration::from_millis(100)).await;
    server.gate.closed.store(true, SeqCst);
    let mut busy = server.sending(&sized(EMPTY)).await;
    server.asked().await;
    let error = server.end().await.unwrap_err();
    assert!(matches!(error, ServerError::CutOff { connections: 1, .. }), "{error}");
    assert_eq!(closed(&mut busy).await, "", "no answer: it will be sent again");
}

#[tokio::test]
async fn who_hangs_up_takes_its_bytes_along() {
    let server = start(|_| {}).await;
    let stream = server.sending(&post("content-length: 1000\r\n", "{")).await;
    let held = async |bytes: u64| {
        let wait = async {
            while server.service.counts().in_flight_bytes != bytes {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(DEADLINE, wait).await.expect("bytes in flight");
    };
    held(1).await;
    drop(stream);
    held(0).await;
    server.end().await.unwrap();
}

#[tokio::test]
async fn a_taken_address_is_an_error() {
    let server = start(|_| {}).await;
    let error = WebhookServer::bind(server.address, "/hook", Gate::default()).await.unwrap_err();
    assert!(error.to_string().contains(&server.address.to_string()), "{error}");
}
