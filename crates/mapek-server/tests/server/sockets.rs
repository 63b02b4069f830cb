//! The server against those who send too much, too slowly, or not at all.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use futures_util::stream;
use mapek_server::{Error, Options, Server, ServerConfig, router};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, watch},
    time::timeout,
};

use crate::sample::{Shown, client, report, state, violation};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// Sends bytes, and answers all that comes back until the server closes.
async fn raw(shown: &Shown, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(shown.address).await.unwrap();
    // The server may have closed already; what it said counts.
    stream.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("it closes").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn hurried() -> ServerConfig {
    ServerConfig { header_timeout: Duration::from_millis(200), ..ServerConfig::default() }
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

#[tokio::test]
async fn headers_are_limited_in_size_and_number() {
    let shown = Shown::serve(hello(), ServerConfig::default()).await;
    let huge = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(64 * 1024));
    assert!(raw(&shown, huge.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(200));
    assert!(raw(&shown, many.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let garbage = raw(&shown, b"\x16\x03\x01 what is this\r\n\r\n").await;
    assert!(garbage.starts_with("HTTP/1.1 400 "), "{garbage}");
    assert_eq!(shown.get("/").await.text().await.unwrap(), "hello", "others are still served");
}

#[tokio::test]
async fn slow_and_silent_connections_are_closed() {
    let shown = Shown::serve(hello(), hurried()).await;
    // Nothing at all, half a line, half of the headers, and silence after an answer.
    assert_eq!(raw(&shown, b"").await, "");
    raw(&shown, b"GET /").await;
    let half = raw(&shown, b"GET / HTTP/1.1\r\nhost: x\r\n").await;
    assert!(!half.contains("hello"), "{half}");
    let idle = raw(&shown, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(idle.ends_with("hello"), "{idle}");
    // The preface of HTTP/2, and then silence.
    raw(&shown, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
}

#[tokio::test]
async fn one_who_does_not_take_the_answer_is_cut_off_and_little_is_kept_for_them() {
    let pieces = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pieces);
    let big = Router::new().route(
        "/",
        get(async move || {
            let piece = move |_| {
                counted.fetch_add(1, Relaxed);
                Ok::<_, Infallible>(Bytes::from_static(&[0; 1024]))
            };
            Body::from_stream(stream::iter((0..64 << 10).map(piece)))
        }),
    );
    let shown = Shown::serve(big, ServerConfig { connections_max: 1, ..hurried() }).await;
    let mut greedy = TcpStream::connect(shown.address).await.unwrap();
    greedy.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // The only slot is free again once the greedy one is gone.
    let next = timeout(DEADLINE, async {
        let mut stream = TcpStream::connect(shown.address).await.unwrap();
        stream.write_all(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        first
    });
    assert_eq!(&next.await.expect("a slot gets free"), b"HTTP/1.1 200");
    // Of 64 MiB. What the other side's kernel takes is among it.
    let kept = pieces.load(Relaxed);
    assert!(kept < 1024, "{kept} KiB");
}

#[tokio::test]
async fn bodies_are_limited_whether_announced_or_not() {
    let echo = Router::new().route("/", post(async |body: Bytes| body.len().to_string()));
    let config = ServerConfig { body_bytes_max: 100, ..ServerConfig::default() };
    let shown = Shown::serve(echo, config).await;
    let post = |body: String| client().post(shown.url("/")).body(body).send();
    assert_eq!(post("x".repeat(100)).await.unwrap().text().await.unwrap(), "100");

    let long = post("x".repeat(101)).await.unwrap();
    assert_eq!(long.status(), 413);
    let problem: Value = long.json().await.unwrap();
    assert_eq!(problem["detail"], "the body has 101 bytes; send at most 100");

    let chunk = "x".repeat(101);
    let chunked = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
         65\r\n{chunk}\r\n0\r\n\r\n"
    );
    let answer = raw(&shown, chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_slow_handler_and_a_panic_are_answered() {
    let config =
        ServerConfig { request_timeout: Duration::from_millis(50), ..ServerConfig::default() };
    let router = hello()
        .route("/slow", get(async || std::future::pending::<&str>().await))
        .route("/panic", get(async || -> &str { panic!("secret") }));
    let shown = Shown::serve(router, config).await;

    let slow = shown.get("/slow").await;
    assert_eq!(slow.status(), 503);
    assert_eq!(slow.headers()["retry-after"], "1");
    assert_eq!(slow.json::<Value>().await.unwrap()["detail"], "no answer within 0.05 s; ask again");

    let panic = shown.get("/panic").await;
    assert_eq!(panic.status(), 500);
    assert_eq!(panic.headers()["content-type"], "application/problem+json");
    assert!(!panic.text().await.unwrap().contains("secret"));
    assert_eq!(shown.get("/").await.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn http2_is_served_too() {
    let shown = Shown::serve(hello(), ServerConfig::default()).await;
    let client = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let answer = client.get(shown.url("/")).send().await.unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert_eq!(answer.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn further_connections_wait_for_a_slot() {
    let config = ServerConfig { connections_max: 1, ..ServerConfig::default() };
    let shown = Shown::serve(hello(), config).await;
    let mut first = TcpStream::connect(shown.address).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut byte = [0; 1];
    first.read_exact(&mut byte).await.unwrap();

    let second = raw(&shown, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let mut second = std::pin::pin!(second);
    let early = timeout(Duration::from_millis(100), second.as_mut()).await;
    assert!(early.is_err(), "the first one is still connected");
    drop(first);
    assert!(second.await.ends_with("hello"));
}

#[tokio::test]
async fn what_is_in_progress_is_finished_at_shutdown() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let router = Router::new().route("/", {
        let (begun, go) = (Arc::clone(&begun), Arc::clone(&go));
        get(async move || {
            begun.notify_one();
            go.notified().await;
            "done"
        })
    });
    let shown = Shown::serve(router, ServerConfig::default()).await;
    let address = shown.address;
    // One that only keeps its connection does not hold up the end.
    let _idle = TcpStream::connect(address).await.unwrap();
    let asked = tokio::spawn(client().get(shown.url("/")).send());
    begun.notified().await;

    let stopping = tokio::spawn(shown.stop());
    mapek_testkit::wait_until(DEADLINE, "the listener is gone", async || {
        TcpStream::connect(address).await.is_err()
    })
    .await
    .unwrap();
    assert!(!stopping.is_finished());
    go.notify_one();
    assert_eq!(asked.await.unwrap().unwrap().text().await.unwrap(), "done");
    timeout(DEADLINE, stopping).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_has_an_end() {
    let begun = Arc::new(Notify::new());
    let seen = Arc::clone(&begun);
    let router = Router::new().route(
        "/",
        get(async move || {
            seen.notify_one();
            std::future::pending::<&str>().await
        }),
    );
    let config =
        ServerConfig { drain_timeout: Duration::from_millis(50), ..ServerConfig::default() };
    let shown = Shown::serve(router, config).await;
    let asked = tokio::spawn(client().get(shown.url("/")).send());
    begun.notified().await;
    let error = shown.stop().await.unwrap_err();
    assert!(matches!(error, Error::CutOff { connections: 1, .. }), "{error}");
    assert!(asked.await.unwrap().is_err(), "it is cut off");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let shown = Shown::serve(hello(), ServerConfig::default()).await;
    let error = Server::bind(shown.address).await.unwrap_err();
    assert_eq!(error.to_string(), format!("listening on {} failed", shown.address));
}

#[tokio::test]
async fn too_many_answers_at_once_are_refused_but_probes_are_not() {
    let mut now = state();
    let many = (0..20_000).map(|i| violation(&format!("slow-{i}"), "info", crate::sample::at(0)));
    crate::sample::push(&mut now, report(43, crate::sample::at(60), many.collect()));
    let (_states, watched) = watch::channel(Arc::new(now));
    let options = Options { requests_max: 1, ..Options::default() };
    let shown = Shown::serve(router(watched, options), ServerConfig::default()).await;

    // An answer of several megabytes that nobody takes holds the only slot.
    let mut greedy = TcpStream::connect(shown.address).await.unwrap();
    greedy.write_all(b"GET /api/v1/cycles/43 HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut byte = [0; 1];
    greedy.read_exact(&mut byte).await.unwrap();
    let busy = shown.get("/api/v1/status").await;
    assert_eq!(busy.status(), 503);
    assert_eq!(busy.headers()["retry-after"], "1");
    assert_eq!(busy.headers()["content-type"], "application/problem+json");
    assert_eq!(shown.get("/health").await.status(), 200);

    drop(greedy);
    mapek_testkit::wait_until(DEADLINE, "the slot is free again", async || {
        shown.get("/api/v1/status").await.status() == 200
    })
    .await
    .unwrap();
}
