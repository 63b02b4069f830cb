//! Event streams of many who follow, and of some who never read.

use std::{sync::Arc, time::Duration};

use mapek_loop::LoopState;
use mapek_server::{Access, Options, Rate, ServerConfig, router};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

use crate::sample::{Shown, at, client, push, report, state, violation};

const DEADLINE: Duration = Duration::from_secs(60);

/// Most bytes of memory that a stream may take on both of its ends, which are in this process.
const BYTES_MAX: u64 = 48 * 1024;

/// Somebody who asks for events and then does nothing any more, once the first byte of an answer is there.
async fn silent(shown: &Shown) -> TcpStream {
    let mut stream = TcpStream::connect(shown.address).await.unwrap();
    stream.write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut status = [0; 12];
    timeout(DEADLINE, stream.read_exact(&mut status)).await.expect("an answer").unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

/// What the loop would show after one more cycle, with much to tell.
fn next(state: &mut LoopState, number: u64) {
    let many = (0..20).map(|i| violation(&format!("slow-{i}"), "warning", at(number)));
    let mut report = report(number, at(number), many.collect());
    report.escalations = vec!["x".repeat(2000)];
    push(state, report);
    while state.reports.len() > LoopState::REPORTS_MAX {
        state.reports.pop_front();
    }
}

/// Bytes of memory of this process, as the kernel counts them.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// So many follow and never read, while the loop runs a thousand cycles. Answers the bytes that each of them takes.
async fn crowd(streams: usize) -> u64 {
    let mut now = state();
    let (states, watched) = watch::channel(Arc::new(now.clone()));
    // All of them call from one address.
    let access = Access { rate: Rate::new(u32::MAX, u32::MAX), ..Access::default() };
    let options = Options { streams_max: streams, access, ..Options::default() };
    // As long as nobody is cut off, all of them take what they take.
    let config = ServerConfig {
        connections_max: streams + 8,
        header_timeout: Duration::from_secs(3600),
        ..ServerConfig::default()
    };
    let shown = Shown::serve(router(watched, options), config).await;
    for number in 43..43 + LoopState::REPORTS_MAX as u64 {
        next(&mut now, number);
    }
    let before = resident();
    let mut followers = Vec::new();
    for _ in 0..streams {
        followers.push(silent(&shown).await);
    }
    for number in 1000..2000 {
        next(&mut now, number);
        // Nobody is waited for: this does not even yield.
        states.send_replace(Arc::new(now.clone()));
        if number % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let ready = timeout(DEADLINE, shown.get("/ready")).await;
    assert_eq!(ready.expect("others are answered").status(), 200);
    let grown = resident().saturating_sub(before) / streams as u64;
    drop(followers);
    grown
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_never_read_take_so_much_memory_and_no_more() {
    let grown = crowd(200).await;
    // The cycles themselves are kept once, whoever follows.
    assert!(grown < BYTES_MAX * 2, "{grown} bytes each");
}

/// `cargo nextest run -p mapek-server --run-ignored only ten_thousand`. Both ends are in this process, which may have 20 000 open files.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes more open files than are usual"]
async fn ten_thousand_who_never_read_take_so_much_memory_and_no_more() {
    let grown = crowd(9_900).await;
    assert!(grown < BYTES_MAX, "{grown} bytes each");
    println!("{grown} bytes for each stream, both ends");
}

#[tokio::test]
async fn who_never_reads_is_cut_off_and_leaves_room_for_others() {
    let mut now = state();
    let (states, watched) = watch::channel(Arc::new(now.clone()));
    let options = Options { streams_max: 1, ..Options::default() };
    let config =
        ServerConfig { header_timeout: Duration::from_millis(300), ..ServerConfig::default() };
    let shown = Shown::serve(router(watched, options), config).await;
    let _silent = silent(&shown).await;
    let busy = shown.get("/api/v1/events").await;
    assert_eq!(
        (busy.status().as_u16(), busy.headers()["retry-after"].to_str().unwrap()),
        (503, "1")
    );
    assert_eq!(busy.headers()["content-type"], "application/problem+json");
    let mut number = 43;
    mapek_testkit::wait_until(DEADLINE, "there is room again", async || {
        // More than fits into what the kernel keeps for a connection, in the end.
        for _ in 0..50 {
            next(&mut now, number);
            number += 1;
            states.send_replace(Arc::new(now.clone()));
            tokio::task::yield_now().await;
        }
        shown.get("/api/v1/events").await.status() == 200
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed_and_nothing_twice() {
    let mut now = state();
    let (states, watched) = watch::channel(Arc::new(now.clone()));
    let shown = Shown::serve(router(watched, Options::default()), ServerConfig::default()).await;
    let follow = async |last: &str| {
        let request = client().get(shown.url("/api/v1/events")).header("last-event-id", last);
        request.send().await.unwrap()
    };
    for number in 43..=45 {
        next(&mut now, number);
    }
    states.send_replace(Arc::new(now.clone()));
    // The ids of cycles, until one with this number has come.
    let ids = async |mut stream: reqwest::Response, until: &str| {
        let mut text = String::new();
        let end = format!("id: {until}\n");
        while !text.contains(&end) {
            let chunk = timeout(DEADLINE, stream.chunk()).await.expect("it goes on").unwrap();
            text.push_str(std::str::from_utf8(&chunk.expect("it goes on")).unwrap());
        }
        let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ids(follow("42").await, "45").await, ["43", "44", "45"]);
    assert_eq!(ids(follow("44").await, "45").await, ["45"]);
    // Of another loop, or nonsense: the newest.
    assert_eq!(ids(follow("900").await, "45").await, ["45"]);
    assert_eq!(ids(follow("x").await, "45").await, ["45"]);
}
