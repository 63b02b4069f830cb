//! `mapek demo`.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
};

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

/// A demo, and what it says.
pub(crate) struct Demo {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) url: String,
}

impl Demo {
    pub(crate) async fn start(speed: &str) -> Self {
        let mut command = mapek(&["demo", "--port", "0", "--speed", speed]);
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut demo = Self { _child: child, lines, url: String::new() };
        let line = demo.until("http://").await;
        demo.url = line.split(' ').find(|word| word.starts_with("http://")).unwrap().to_owned();
        demo
    }

    /// The next line in which this is said.
    pub(crate) async fn until(&mut self, what: &str) -> String {
        let found = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("it goes on");
                if line.contains(what) {
                    return line;
                }
            }
        };
        tokio::time::timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("no {what}"))
    }
}

#[tokio::test]
async fn a_visitor_looks_and_decides_while_time_stands_still() {
    let mut demo = Demo::start("1000").await;
    let (url, client) = (demo.url.clone(), reqwest::Client::new());
    let get = async |path: &str| -> Value {
        client.get(format!("{url}{path}")).send().await.unwrap().json().await.unwrap()
    };
    assert_eq!(get("/api/v1/whoami").await["role"], "admin");
    demo.until("asks     for a person's word").await;
    let page = client.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("visitor") && page.contains("Look and decide"), "{page}");
    assert!(!page.contains(" d ago"), "the page lives in the time of the demo: {page}");
    let plans = get("/api/v1/plans").await;
    let plan = &plans["items"][0];
    let (id, hash) = (plan["plan"]["id"].as_str().unwrap(), &plan["hash"]);
    let then = get("/api/v1/status").await["statistics"]["cycles"].clone();
    // What the managed system would say, by the API and on the command line. Nothing comes of it.
    let rehearse = client.post(format!("{url}/api/v1/plans/{id}/rehearse"));
    let said: Value =
        rehearse.json(&json!({ "hash": hash })).send().await.unwrap().json().await.unwrap();
    assert_eq!((&said["accepted"], &said["hash"]), (&json!(true), hash), "{said}");
    assert!(said["said"].as_str().unwrap().contains("could be undone"), "{said}");
    assert_eq!(
        said["steps"].as_array().unwrap().len(),
        plan["plan"]["steps"].as_array().unwrap().len()
    );
    let told = ran(mapek(&["plans", "rehearse", id, "--url", &url]), "").await;
    assert!(told.code == Some(0) && told.out.starts_with("STEP"), "{told:?}");
    assert!(told.out.contains("yes"), "{told:?}");
    assert_eq!(get("/api/v1/plans").await["items"][0]["approval"]["by"], json!([]));
    let decide = |origin: &str| {
        let to = client.post(format!("{url}/api/v1/plans/{id}/reject")).header("Origin", origin);
        to.json(&json!({ "hash": hash, "reason": "let us see" })).send()
    };
    let strange = decide("http://elsewhere.example").await.unwrap();
    assert_eq!(strange.status(), 403, "a page of another origin decides nothing");
    assert_eq!(get("/api/v1/status").await["statistics"]["cycles"], then, "time stands still");
    assert_eq!(decide(&url).await.unwrap().status(), 200);
    demo.until("hears    no from visitor").await;
    demo.until("cycle").await;
}

#[tokio::test]
async fn a_visitor_takes_the_stage_and_breaks_things() {
    let mut demo = Demo::start("1000").await;
    let (url, client) = (demo.url.clone(), reqwest::Client::new());
    let act = async |act: &str, body: Value| {
        let answer = client.post(format!("{url}/demo/{act}")).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        let said: Value = answer.json().await.unwrap();
        let said = said["said"].as_str().or(said["detail"].as_str()).unwrap().to_owned();
        (status, said)
    };
    let page =
        async || client.get(format!("{url}/demo")).send().await.unwrap().text().await.unwrap();
    let overload = || json!({"item": "overload", "strength": "1", "lasts": "0"});
    // While the story is played nobody else breaks anything.
    let (status, said) = act("break", overload()).await;
    assert!(status == 409 && said.contains("The stage is the story's"), "{said}");
    demo.until("FAULT overload: seven in ten").await;
    assert_eq!(act("break", overload()).await.0, 409);
    let (status, said) = act("take", json!({"item": "stage"})).await;
    assert!(status == 200 && said.contains("The story is over, and not judged"), "{said}");
    demo.until("A visitor has taken the stage").await;
    let story = page().await;
    assert!(
        story.contains("Yours. The story is over.") && story.contains("60 % of its strength"),
        "{story}"
    );

    // What the story broke is theirs to mend.
    let id = story.split("name=\"item\" value=\"fault-").nth(1).unwrap().split('"').next().unwrap();
    let fault = json!({"item": format!("fault-{id}")});
    let (status, said) = act("mend", fault.clone()).await;
    assert_eq!((status, said.as_str()), (200, "Mended: overload."));
    demo.until("The visitor mends overload.").await;
    assert_eq!(act("mend", fault).await.0, 409);
    let elsewhere =
        client.post(format!("{url}/demo/break")).header("Origin", "http://elsewhere.example");
    assert_eq!(elsewhere.json(&overload()).send().await.unwrap().status(), 403);
    assert_eq!(act("break", json!({"item": "luck", "strength": "1", "lasts": "0"})).await.0, 409);
    assert_eq!(act("break", json!({"item": "leak", "strength": "9", "lasts": "0"})).await.0, 400);

    let blind = json!({"item": "dead sensor", "strength": "1", "lasts": "600"});
    assert_eq!(act("break", blind).await.0, 200);
    demo.until("FAULT dead sensor").await;
    demo.until("may not  act: scrape cannot be trusted").await;
    demo.until("may      act again").await;
    assert!(page().await.contains("Nothing is broken."), "it has ended by itself");
}
