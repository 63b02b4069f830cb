//! What people see of a running loop: real violations, diagnoses, plans and executions.

use std::fmt::Write as _;

use charter_sim::{Fault, FaultKind};
use mapek_testkit::{FakeTarget, wait_for};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{
    people::token,
    support::{DEADLINE, Plant, Ran, free_port, mapek, ran},
};

/// A name that would clear a screen, change a title and turn a text around.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}";

/// More series than there are on two pages.
const SERIES: usize = 230;

/// A loop over a Charter that is simulated, and over queues that a test fills.
struct Seen {
    child: Child,
    plant: Plant,
    target: FakeTarget,
    url: String,
    approver: String,
    viewer: String,
    _directory: tempfile::TempDir,
}

/// So much waits in each queue.
fn waiting(count: u32) -> String {
    let mut text = String::new();
    for i in 0..SERIES {
        writeln!(text, "waiting{{queue=\"q{i:03}\",note=\"{HOSTILE}\"}} {count}").unwrap();
    }
    text
}

impl Seen {
    async fn start(count: u32) -> Self {
        let (approver, one) = token("ada", "approver").await;
        let (viewer, two) = token("grace", "viewer").await;
        let target = FakeTarget::start(&waiting(count)).await.unwrap();
        let plant = Plant::start(1.0).await;
        let directory = tempfile::tempdir().unwrap();
        let (path, port) = (directory.path().join("mapek.yaml"), free_port());
        let d = directory.path().display();
        let text = format!(
            "orchestrator: {{loop_interval: 1s}}\n\
             monitor:\n  scrape_interval: 1s\n  targets: [{{url: 'http://{0}/metrics'}}, {{url: '{1}', job: queues}}]\n  \
             queries:\n    - {{name: high_validation_latency}}\n    - {{name: high_failure_rate}}\n    \
             - {{name: waiting, promql: waiting, threshold: 10, severity: info, component_label: queue}}\n\
             execute: {{charter_url: 'http://{0}', state_dir: '{d}/state'}}\n\
             knowledge: {{database: memory}}\n\
             alertmanager: {{enabled: false}}\n\
             api: {{port: {port}, auth: {{tokens: [{one}, {two}]}}, requests_per_second: 1000}}\n\
             logging: {{file: '{d}/mapek.log'}}\n",
            plant.address,
            target.url(),
        );
        std::fs::write(&path, text).unwrap();
        let child = mapek(&["run", "--config", path.to_str().unwrap()]).spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        Self { child, plant, target, url, approver, viewer, _directory: directory }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = mapek(args);
        command.env("MAPEK_URL", &self.url).env("MAPEK_TOKEN", &self.approver);
        command
    }

    async fn ask(&self, args: &[&str]) -> Ran {
        ran(self.command(args), "").await
    }

    /// Asks until the answer is as it should be.
    async fn until(&self, args: &[&str], what: &str, so: impl Fn(&Ran) -> bool) -> Ran {
        let told = wait_for(DEADLINE, what, async || Some(self.ask(args).await).filter(&so)).await;
        match told {
            Ok(told) => told,
            Err(_) => panic!("{args:?} does not show {what}: {:?}", self.ask(args).await),
        }
    }

    async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Whether a terminal would do anything but print it.
fn steers(text: &str) -> bool {
    text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}')
}

fn lines(json: &str) -> Vec<Value> {
    json.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn lists_go_over_pages_and_what_they_hold_cannot_steer_a_terminal() {
    let seen = Seen::start(50).await;
    let all = ["violations", "--limit", "1000"];
    let is_all = |told: &Ran| told.out.lines().count() == SERIES + 1;
    let table = seen.until(&all, "all violations", is_all).await;
    assert_eq!((table.code, table.err.as_str()), (Some(0), ""), "{}", table.err);
    assert!(!steers(&table.out), "{}", table.out);
    assert!(table.out.contains("note \\u{1b}[2J\\u{1b}]0;owned\\u{7}\\u{9b}31m\\u{202e}"));
    assert!(table.out.starts_with("SEVERITY  AGE"), "{}", table.out);

    let json = seen.ask(&["violations", "--limit", "1000", "--json"]).await;
    assert!(!steers(&json.out));
    let items = lines(&json.out);
    assert_eq!(items.len(), SERIES);
    assert_eq!(items[0]["labels"]["note"], HOSTILE, "what it says is the same");
    let some = seen.ask(&["violations", "--limit", "150"]).await;
    assert_eq!(some.out.lines().count(), 151);
    assert_eq!(some.err, format!("and {} more: --limit {SERIES} shows all\n", SERIES - 150));
    let one = seen.ask(&["violations", "--component", "q007", "--json"]).await;
    assert_eq!(lines(&one.out).len(), 1, "{}", one.out);
    assert_eq!(lines(&one.out)[0]["component"], "q007");
    let none = seen.ask(&["violations", "--severity", "critical"]).await;
    assert_eq!((none.code, none.out.as_str()), (Some(0), "nothing is wrong\n"));

    // Who stops reading is told of no failure.
    let mut cut = seen.command(&all).spawn().unwrap();
    drop(cut.stdout.take());
    let ended = cut.wait_with_output().await.unwrap();
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{ended:?}");

    for args in [
        &["status"][..],
        &["cycles", "list"],
        &["cycles", "list", "--breached", "--since", "1h ago", "--json"],
        &["cycles", "show"],
        &["diagnosis"],
        &["diagnosis", "--json"],
        &["plans", "list", "--rejected"],
        &["outcomes", "--until", "now"],
        &["insights"],
        &["executions", "list", "--live"],
    ] {
        let told = seen.ask(args).await;
        assert_eq!(told.code, Some(0), "{args:?}: {told:?}");
        assert!(!told.out.is_empty() && !steers(&told.out), "{args:?}: {}", told.out);
    }
    let coloured = seen.ask(&["violations", "--color", "always", "--limit", "1"]).await;
    assert!(coloured.out.contains("\u{1b}[2mSEVERITY\u{1b}[0m"), "{}", coloured.out);
    let mut asked = seen.command(&["violations", "--limit", "1"]);
    asked.env("NO_COLOR", "1");
    assert!(!steers(&ran(asked, "").await.out));
    seen.stop().await;
}

#[tokio::test]
async fn a_plan_is_shown_decided_about_and_followed_to_its_end() {
    let seen = Seen::start(0).await;
    seen.plant.charter.inject(Fault::new(FaultKind::ConfigurationDrift)).unwrap();
    let waits =
        |told: &Ran| lines(&told.out).iter().any(|it| it["approval"]["status"] == "pending");
    let plans = seen.until(&["plans", "list", "--json"], "a plan that waits", waits).await;
    let plans = lines(&plans.out);
    let plan = plans.iter().find(|it| it["approval"]["status"] == "pending").unwrap();
    let hash = plan["hash"].as_str().unwrap();
    let table = seen.ask(&["plans", "list"]).await;
    assert!(
        table.out.contains(&hash[..12]) && table.out.contains("approved by 0 of 1"),
        "{table:?}"
    );

    let shown = seen.ask(&["plans", "show", &hash[..8]]).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let line = |name: &str| shown.out.lines().find(|line| line.trim_start().starts_with(name));
    assert!(shown.out.contains(hash) && line("asks because").is_some(), "{}", shown.out);
    assert!(line("runs once").unwrap().ends_with("1 person approves it"), "{}", shown.out);

    // Nobody is there who could be asked, and a hash that is another one binds to nothing.
    let approve = ["plans", "approve", &hash[..8], "--reason", "go"];
    let silent = seen.ask(&approve).await;
    assert_eq!(silent.code, Some(2), "{silent:?}");
    assert!(silent.out.contains(hash) && silent.err.contains("--yes"), "{silent:?}");
    let zeros = "0".repeat(64);
    let other = [&approve[..], &["--yes", "--hash", &zeros]].concat();
    let other = seen.ask(&other).await;
    assert_eq!(other.code, Some(1), "{other:?}");
    assert!(other.err.contains("another one than you saw"), "{}", other.err);
    let mut viewer = seen.command(&[&approve[..], &["--yes"]].concat());
    viewer.env("MAPEK_TOKEN", &seen.viewer);
    let viewer = ran(viewer, "").await;
    assert_eq!(viewer.code, Some(4), "{viewer:?}");
    assert!(viewer.err.contains("grace is viewer; this needs approver"), "{}", viewer.err);

    let done = seen.ask(&[&approve[..], &["--yes", "--json"]].concat()).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(lines(&done.out)[0]["approval"]["status"], "approved", "{done:?}");
    assert!(done.err.contains(hash), "what is approved is shown, beside the answer: {}", done.err);

    let begun = |told: &Ran| !lines(&told.out).is_empty();
    let executions = seen.until(&["executions", "list", "--json"], "an execution", begun).await;
    let id = lines(&executions.out)[0]["id"].as_str().unwrap().to_owned();
    let one = seen.ask(&["executions", "show", &id]).await;
    assert!(one.out.contains(&format!("execution  {id}")) && one.out.contains("step 1"), "{one:?}");
    assert!(one.out.contains("against    configuration-drift"), "{}", one.out);
    let again = seen.ask(&[&approve[..], &["--yes"]].concat()).await;
    assert_eq!(again.code, Some(1), "it has been decided: {again:?}");
    let back = seen.ask(&["executions", "rollback", &id, "--reason", "not now"]).await;
    assert_eq!((back.code, back.out), (Some(0), format!("execution {id} is being rolled back\n")));
    let over = |told: &Ran| lines(&told.out).iter().any(|it| it["status"]["ending"] == "undone");
    let ended = ["executions", "list", "--ending", "undone", "--json"];
    seen.until(&ended, "an execution that is undone", over).await;
    seen.stop().await;
}

#[tokio::test]
async fn watching_follows_what_happens_until_it_is_ended() {
    let seen = Seen::start(0).await;
    let has_begun = |told: &Ran| told.code == Some(0);
    seen.until(&["status"], "a loop that is ready", has_begun).await;
    let mut child = seen.command(&["status", "--watch", "--json"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut until = async |what: &str, so: &dyn Fn(&Value) -> bool| {
        loop {
            let line = tokio::time::timeout(DEADLINE, out.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("{what} is not told")).unwrap().unwrap();
            if so(&serde_json::from_str(&line).unwrap()) {
                return;
            }
        }
    };
    until("that it is ready", &|it| it["ready"] == true).await;
    let paused = seen.ask(&["pause", "--reason", "3 a.m."]).await;
    assert_eq!(paused.code, Some(0), "{paused:?}");
    until("that it is paused", &|it| it["paused"].as_str().is_some_and(|it| it.contains("3 a.m.")))
        .await;
    seen.target.set(&waiting(50));
    until("that something is wrong", &|it| it["violations"]["info"] == SERIES).await;
    let id = child.id().unwrap().to_string();
    let sent = Command::new("/bin/sh").args(["-c", "kill -s INT $0", &id]).status().await;
    assert!(sent.unwrap().success());
    let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.len()), (Some(0), 0), "{ended:?}");
    seen.stop().await;
}
