//! The fakes, against a real HTTP client and raw sockets.

use std::time::{Duration, Instant};

use mapek_testkit::{FakeTarget, Fault, FaultProxy, Reply, ScriptedHttp, wait_until};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(10);

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(LONG)
        .build()
        .expect("no TLS, so nothing to fail")
}

async fn get(url: String) -> reqwest::Result<String> {
    client().get(url).send().await?.error_for_status()?.text().await
}

/// How long something takes. These tests are about real sockets, so about real time.
#[expect(clippy::disallowed_methods, reason = "delays of sockets pass in real time")]
async fn timed<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    (future.await, began.elapsed())
}

#[tokio::test]
async fn replies_come_from_the_queue_then_by_path_then_the_rest() {
    let server = ScriptedHttp::start().await.unwrap();
    server.push(Reply::text("first"));
    server.push(Reply::text("second"));
    server.on("/a", Reply::text("by path"));
    server.otherwise(Reply::status(404));
    let mut seen = vec![];
    for path in ["/x", "/a", "/a?b=c", "/a", "/x"] {
        seen.push(
            get(server.url(path)).await.unwrap_or_else(|error| format!("{:?}", error.status())),
        );
    }
    assert_eq!(seen, ["first", "second", "by path", "by path", "Some(404)"]);
    assert_eq!(server.request_count(), 5);
    assert_eq!(server.requests()[2].query, "b=c");
}

#[tokio::test]
async fn requests_are_remembered_with_headers_and_body_over_one_connection() {
    let server = ScriptedHttp::start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let client = client();
    for n in 0..3 {
        let sent = client.post(proxy.url("/hook")).header("X-Tenant", "t").json(&json!({"n": n}));
        assert_eq!(sent.send().await.unwrap().status(), 200);
    }
    let requests = server.requests();
    let bodies: Vec<_> =
        requests.iter().map(|request| request.json().unwrap()["n"].clone()).collect();
    assert_eq!(bodies, [0, 1, 2]);
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].headers["x-tenant"], "t");
    assert_eq!(proxy.accepted(), 1, "connections are kept alive");
}

#[tokio::test]
async fn replies_can_be_truncated_garbled_silent_or_slow() {
    let server = ScriptedHttp::start().await.unwrap();
    server.push(Reply::json(&json!({"status": "success"})).cut_body_after(7));
    let reply = client().get(server.url("/")).send().await.unwrap();
    assert_eq!(reply.content_length(), Some(20));
    assert!(reply.text().await.is_err(), "a truncated body looks complete");

    server.push(Reply::raw("SSH-2.0-OpenSSH\r\n"));
    assert!(get(server.url("/")).await.is_err());
    server.push(Reply::raw([]));
    assert!(get(server.url("/")).await.is_err());

    server.push(Reply::hang());
    let silent = tokio::time::timeout(SHORT, get(server.url("/"))).await;
    assert!(silent.is_err(), "somebody answered");

    server.push(Reply::text("late").after(SHORT));
    let (text, took) = timed(get(server.url("/"))).await;
    assert_eq!(text.unwrap(), "late");
    assert!(took >= SHORT, "after only {took:?}");
}

#[tokio::test]
async fn a_target_serves_its_text_and_its_faults() {
    let target = FakeTarget::start("a 1\n").await.unwrap();
    assert_eq!(get(target.url()).await.unwrap(), "a 1\n");
    target.answer(Reply::status(503));
    assert!(get(target.url()).await.is_err());
    target.set("a 2\n");
    assert_eq!(get(target.url()).await.unwrap(), "a 2\n");
    assert_eq!(target.scrapes(), 3);
    assert!(get(format!("http://{}/", target.address())).await.is_err());
}

#[tokio::test]
async fn a_refusing_proxy_closes_what_is_open_and_comes_back_on_its_port() {
    let server = ScriptedHttp::start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let mut open = TcpStream::connect(proxy.address()).await.unwrap();
    wait_until(LONG, "the connection", async || proxy.accepted() == 1).await.unwrap();

    proxy.set(Fault::Refuse).await.unwrap();
    assert_eq!(open.read(&mut [0; 1]).await.unwrap_or(0), 0, "the connection is still open");
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    proxy.set(Fault::Pass).await.unwrap();
    assert!(get(proxy.url("/")).await.is_ok());
}

#[tokio::test]
async fn a_holding_proxy_keeps_connections_until_it_passes_again() {
    let server = ScriptedHttp::start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let client = client();
    assert!(client.get(proxy.url("/before")).send().await.is_ok());

    proxy.set(Fault::Hold).await.unwrap();
    let held = client.get(proxy.url("/held")).send();
    tokio::pin!(held);
    assert!(tokio::time::timeout(SHORT, &mut held).await.is_err(), "something moved");
    assert_eq!(server.request_count(), 1);

    proxy.set(Fault::Pass).await.unwrap();
    assert_eq!(held.await.unwrap().status(), 200);
    assert_eq!(server.requests()[1].path, "/held");
}

#[tokio::test]
async fn a_cutting_proxy_counts_the_bytes_of_the_server_since_the_fault() {
    let server = ScriptedHttp::start().await.unwrap();
    server.otherwise(Reply::raw("0123456789"));
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    for max in [0, 4, 10, 11] {
        proxy.set(Fault::CutAfter(max)).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nlonger: than what is cut\r\n\r\n").await.unwrap();
        let mut got = String::new();
        stream.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "0123456789"[..10.min(max as usize)]);
    }
}

#[tokio::test]
async fn a_cut_of_an_open_connection_starts_at_the_fault() {
    let server = ScriptedHttp::start().await.unwrap();
    server.otherwise(Reply::text("a body"));
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let client = client();
    let ask = async || client.get(proxy.url("/")).send().await?.text().await;
    assert!(ask().await.is_ok());
    proxy.set(Fault::CutAfter(40)).await.unwrap();
    assert!(ask().await.is_err(), "40 bytes are not a whole reply");
    proxy.set(Fault::CutAfter(10_000)).await.unwrap();
    assert!(ask().await.is_ok());
    assert_eq!(proxy.accepted(), 2, "only the cut connection is replaced");
}

#[tokio::test]
async fn a_slow_proxy_delays_both_directions() {
    let server = ScriptedHttp::start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    proxy.set(Fault::Delay(SHORT)).await.unwrap();
    let (reply, took) = timed(get(proxy.url("/"))).await;
    assert!(reply.is_ok());
    assert!(took >= 2 * SHORT, "after only {took:?}");
}

#[tokio::test]
async fn a_proxy_without_a_server_closes_the_connection() {
    let gone = ScriptedHttp::start().await.unwrap().address();
    let proxy = FaultProxy::start(gone).await.unwrap();
    wait_until(LONG, "the server ending", async || TcpStream::connect(gone).await.is_err())
        .await
        .unwrap();
    assert!(get(proxy.url("/")).await.is_err());
}
