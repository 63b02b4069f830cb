//! `mapek demo`.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::support::{DEADLINE, mapek, ran};

#[tokio::test]
async fn it_heals_says_what_it_learned_and_is_the_same_each_time() {
    let first = ran(mapek(&["demo", "--once"]), "").await;
    assert_eq!(first.code, Some(0), "{first:?}");
    let (story, learned) = first.out.split_once("What was learned\n").unwrap();
    let insight = learned.lines().next().unwrap();
    assert!(insight.starts_with("  ") && insight.trim().len() > 10, "{learned}");
    assert_eq!(story.matches("Healed after").count(), 3, "{story}");
    for part in [
        // It acts by itself, asks where it may not, takes back what does harm, and keeps still where it cannot see.
        "decides  to act against overload",
        "hears    yes from demo-script",
        "takes it back: the metrics got worse",
        "may not  act: scrape cannot be trusted",
        "Rightly, nothing was done",
    ] {
        assert!(story.contains(part), "{part}: {story}");
    }
    assert!(learned.contains("All that broke was healed"), "{learned}");
    let second = ran(mapek(&["demo", "--once"]), "").await;
    assert_eq!(second.out, first.out);
}

#[tokio::test]
async fn who_stops_watching_ends_it_quietly() {
    let mut command = mapek(&["demo", "--port", "0"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
    let output = ended.expect("it does not go on for nobody").unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[tokio::test]
async fn a_visitor_looks_and_decides_while_time_stands_still() {
    let mut command = mapek(&["demo", "--port", "0", "--speed", "1000"]);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = async |what: &str| {
        let found = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it goes on");
                if line.contains(what) {
                    return line;
                }
            }
        };
        tokio::time::timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("no {what}"))
    };
    let line = until("http://").await;
    let url = line.split(' ').find(|word| word.starts_with("http://")).unwrap().to_owned();
    let client = reqwest::Client::new();
    let get = async |path: &str| -> Value {
        client.get(format!("{url}{path}")).send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(get("/api/v1/whoami").await["role"], "admin");
    until("asks     for a person's word").await;
    let page = client.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("visitor") && page.contains("Look and decide"), "{page}");
    assert!(!page.contains(" d ago"), "the page lives in the time of the demo: {page}");
    let plans = get("/api/v1/plans").await;
    let plan = &plans["items"][0];
    let (id, hash) = (plan["plan"]["id"].as_str().unwrap(), &plan["hash"]);
    let then = get("/api/v1/status").await["statistics"]["cycles"].clone();
    let decide = |origin: &str| {
        let to = client.post(format!("{url}/api/v1/plans/{id}/reject")).header("Origin", origin);
        to.json(&json!({ "hash": hash, "reason": "let us see" })).send()
    };
    let strange = decide("http://elsewhere.example").await.unwrap();
    assert_eq!(strange.status(), 403, "a page of another origin decides nothing");
    assert_eq!(get("/api/v1/status").await["statistics"]["cycles"], then, "time stands still");
    assert_eq!(decide(&url).await.unwrap().status(), 200);
    until("hears    no from visitor").await;
    until("cycle").await;
}
