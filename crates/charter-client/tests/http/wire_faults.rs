//! Networks that misbehave: what is known when no whole answer came.

use std::time::Duration;

use charter_client::{CallOptions, CharterApi, Error, Outcome};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::raw::{Raw, Reply, json};
use crate::support::{SCALE, build, config, keyed, once, seconds};

const STATE: &str = r#"{"status": "normal", "replicas": 3, "healthy_nodes": 3, "timestamp": "2026-03-01T12:00:00Z"}"#;
const HEALTH: &str = r#"{"status": "ok", "extensions": ["idempotency-key"]}"#;

fn truncated() -> String {
    let whole = json(STATE);
    whole[..whole.len() - 20].to_owned()
}

#[tokio::test]
async fn no_connection_means_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = build(once(url)).scale(&SCALE, &CallOptions::new()).await.unwrap_err();
    assert!(matches!(error, Error::NotSent { .. }), "{error:?}");
    assert_eq!((error.outcome(), error.is_transient()), (Outcome::NotApplied, true));
}

#[tokio::test]
async fn a_cut_off_answer_is_unknown_and_a_read_is_asked_again() {
    let server = Raw::start(vec![Reply::Close(truncated())]).await;
    let error = build(once(server.url())).scale(&SCALE, &CallOptions::new()).await.unwrap_err();
    assert!(matches!(error, Error::Unanswered { .. }), "{error:?}");
    assert_eq!(error.outcome(), Outcome::Unknown);

    let server = Raw::start(vec![Reply::Close(truncated()), Reply::Close(json(STATE))]).await;
    assert_eq!(build(config(server.url())).committee().await.unwrap().value.replicas, 3);
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_unknown() {
    for bytes in ["", "HTTP/1.1 200 OK\r\ncontent-ty", "rubbish\r\n\r\n"] {
        let server = Raw::start(vec![Reply::Close(bytes.to_owned())]).await;
        let api = build(once(server.url()));
        let error = api.scale(&SCALE, &CallOptions::new()).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown, "{bytes:?}: {error:?}");
        assert_eq!(server.requests(), 1, "{bytes:?}: the transport must not repeat it either");
    }
}

#[tokio::test]
async fn a_kept_connection_that_breaks_under_a_mutation_does_not_send_it_twice() {
    let server = Raw::start(vec![Reply::Keep(json(STATE)), Reply::Close(String::new())]).await;
    let api = build(once(server.url()));
    api.committee().await.unwrap();
    let error = api.scale(&SCALE, &CallOptions::new()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
    assert_eq!((server.requests(), server.connections()), (2, 1));
}

#[tokio::test]
async fn silence_ends_with_the_attempt() {
    let server = Raw::start(vec![Reply::Silence]).await;
    let mut config = once(server.url());
    config.attempt_timeout_seconds = seconds(0.2);
    let begin = Instant::now();
    let error = build(config).scale(&SCALE, &CallOptions::new()).await.unwrap_err();
    assert!(matches!(error, Error::Unanswered { .. }), "{error:?}");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn silence_in_mid_body_ends_with_the_attempt_too() {
    let server = Raw::start(vec![Reply::Keep(truncated())]).await;
    let mut config = once(server.url());
    config.attempt_timeout_seconds = seconds(0.2);
    let error = build(config).committee().await.unwrap_err();
    assert!(matches!(error, Error::Unanswered { .. }), "{error:?}");
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_limit() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let server = Raw::start(vec![Reply::Endless(head.to_owned())]).await;
    let mut config = once(server.url());
    config.answer_bytes_max = 1 << 20;
    let error = build(config).policies().await.unwrap_err();
    assert!(error.to_string().contains("larger than 1048576 bytes"), "{error}");
}

#[tokio::test]
async fn after_an_unanswered_attempt_a_lost_connection_settles_nothing() {
    // Health, then a scale that is cut off; from then on nobody listens.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for answer in [json(HEALTH), String::new()] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut chunk = [0; 4096];
            let received = tokio::io::AsyncReadExt::read(&mut stream, &mut chunk).await.unwrap();
            assert!(received > 0);
            let answer = answer.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.unwrap();
        }
    });
    let error = build(config(url)).scale(&SCALE, &keyed()).await.unwrap_err();
    server.await.unwrap();
    let Error::Unsettled { source, attempts, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**source, Error::NotSent { .. }), "{source:?}");
    assert_eq!((*attempts, error.outcome()), (3, Outcome::Unknown));
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let server = Raw::start(vec![Reply::Keep(json(STATE))]).await;
    let api = build(once(server.url()));
    for _ in 0..10 {
        api.committee().await.unwrap();
    }
    assert_eq!((server.requests(), server.connections()), (10, 1));
}

#[tokio::test]
async fn two_clients_can_share_a_pool() {
    let server = Raw::start(vec![Reply::Keep(json(STATE))]).await;
    let pool = charter_client::HttpCharter::client_builder().no_proxy().build().unwrap();
    for _ in 0..3 {
        let api = once(server.url()).build(pool.clone()).unwrap();
        api.committee().await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}
