//! `mapek journal`: on what a running loop has written, and on what somebody spoilt.

use std::path::{Path, PathBuf};

use mapek::store::rusqlite::Connection;
use mapek_testkit::wait_until;
use serde_json::Value;

use crate::support::{DEADLINE, Plant, Ran, free_port, mapek, ran};

/// A loop that has seen something and decided about it; it runs for as long as this lives.
pub(crate) struct Lived {
    pub(crate) directory: tempfile::TempDir,
    child: tokio::process::Child,
    _plant: Plant,
}

impl Lived {
    pub(crate) async fn start() -> Self {
        let plant = Plant::start(30.0).await;
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        // A rule that always holds: something is open in every cycle.
        let configuration = format!(
            "orchestrator: {{loop_interval: 1s}}\n\
             monitor: {{scrape_interval: 1s, targets: [{{url: 'http://{address}/metrics'}}], \
             queries: [{{name: too_many, promql: 'westworld_charter_committee_size', threshold: 1, \
             severity: critical, expectation: high-failure-rate}}]}}\n\
             execute: {{state_dir: '{}', charter_url: 'http://{address}', rails: {{profile: observe}}}}\n\
             knowledge: {{sqlite_path: '{}'}}\n\
             alertmanager: {{enabled: false}}\n\
             api: {{port: {}}}\n\
             logging: {{file: '{}'}}\n",
            state.display(),
            directory.path().join("knowledge.db").display(),
            free_port(),
            directory.path().join("mapek.log").display(),
            address = plant.address,
        );
        let path = directory.path().join("mapek.yaml");
        std::fs::write(&path, configuration).unwrap();
        let child = mapek(&["run", "--config", path.to_str().unwrap()]).spawn().unwrap();
        let lived = Self { directory, child, _plant: plant };
        wait_until(DEADLINE, "decisions in the journal", async || {
            let count =
                "SELECT count(*) FROM records WHERE CAST(bytes AS TEXT) LIKE '%\"decided\"%'";
            let count = |it: Connection| it.query_row(count, (), |row| row.get::<_, i64>(0)).ok();
            lived.sql().and_then(count).is_some_and(|it| it >= 3)
        })
        .await
        .unwrap();
        lived
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn sql(&self) -> Option<Connection> {
        let path = self.state().join("journal.db");
        path.exists().then(|| Connection::open(path).ok()).flatten()
    }

    /// What it has written, in a directory of its own, once it has ended.
    pub(crate) async fn end(mut self) -> (tempfile::TempDir, PathBuf) {
        let id = self.child.id().unwrap().to_string();
        let sent = tokio::process::Command::new("/bin/kill").args(["-TERM", &id]).status();
        assert!(sent.await.unwrap().success());
        tokio::time::timeout(DEADLINE, self.child.wait()).await.expect("it stops").unwrap();
        let path = self.state().join("journal.db");
        (self.directory, path)
    }
}

async fn journal(what: &str, path: &Path, more: &[&str]) -> Ran {
    ran(mapek(&[&["journal", what, path.to_str().unwrap()], more].concat()), "").await
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[tokio::test]
async fn a_journal_is_verified_and_replayed_beside_its_loop_and_afterwards() {
    let lived = Lived::start().await;
    let beside = journal("verify", &lived.state(), &[]).await;
    assert_eq!(beside.code, Some(0), "{beside:?}");
    assert!(beside.out.contains("sound       yes"), "{}", beside.out);
    let replayed = journal("replay", &lived.state(), &["--json"]).await;
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    let told = json(&replayed);
    assert!(told["cycles"].as_u64() >= Some(3), "{told}");
    assert_eq!(
        (&told["skipped"], &told["differing"]),
        (&serde_json::json!({}), &Value::Array(vec![]))
    );

    let (_directory, path) = lived.end().await;
    let whole = json(&journal("verify", &path, &["--json"]).await);
    assert_eq!((&whole["sound"], &whole["damage"]), (&Value::Bool(true), &Value::Array(vec![])));
    let files = || std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    let before = files();
    let head = whole["hash"].as_str().unwrap().to_owned();
    assert!(journal("verify", &path, &[]).await.out.contains(&head), "the anchor is printed");
    assert_eq!(files(), before, "it leaves nothing behind");

    // Another threshold: each cycle in which a plan was made is decided otherwise.
    let other = path.with_file_name("other.yaml");
    std::fs::write(&other, "plan: {min_confidence: 1.0}\nexecute: {rails: {profile: observe}}\n")
        .unwrap();
    let replayed = journal("replay", &path, &["--config", other.to_str().unwrap(), "--json"]).await;
    assert_eq!(replayed.code, Some(1), "{replayed:?}");
    let differing = json(&replayed)["differing"].as_array().unwrap().clone();
    assert!(
        differing[0]["differences"].as_array().is_some_and(|it| !it.is_empty()),
        "{differing:?}"
    );
    let text = journal("replay", &path, &["--config", other.to_str().unwrap()]).await;
    let number = &differing[0]["number"];
    assert!(text.out.contains(&format!("cycle {number} (record ")), "{}", text.out);

    spoilt(&path).await;
}

/// Each kind of damage, one after the other.
async fn spoilt(path: &Path) {
    let copy = |name: &str| {
        let copy = path.with_file_name(name);
        std::fs::copy(path, &copy).unwrap();
        let connection = Connection::open(&copy).unwrap();
        (copy, connection)
    };
    let (flipped, sql) = copy("flipped.db");
    let flip = "UPDATE records SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"cycle\":', '\"cycle\" :') AS BLOB) WHERE sequence = 3";
    assert_eq!(sql.execute(flip, ()), Ok(1));
    drop(sql);
    let told = journal("verify", &flipped, &[]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(
        told.out
            .contains("DAMAGED record 3 (row 3 of the table records): its content has the hash "),
        "{}",
        told.out
    );

    let (shorter, sql) = copy("shorter.db");
    sql.execute("DELETE FROM records WHERE sequence = (SELECT max(sequence) FROM records)", ())
        .unwrap();
    drop(sql);
    let told = json(&journal("verify", &shorter, &["--json"]).await);
    let reason = told["damage"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the newest record is "), "{told}");

    let (poorer, sql) = copy("poorer.db");
    assert!(sql.execute("DELETE FROM blobs", ()).unwrap() > 0);
    drop(sql);
    let told = json(&journal("verify", &poorer, &["--json"]).await);
    assert!(told["damage"][0]["reason"].as_str().unwrap().contains("is not there"), "{told}");
    let told = journal("replay", &poorer, &[]).await;
    assert_eq!(told.code, Some(2), "{told:?}");
}

#[tokio::test]
async fn what_is_no_journal_is_exit_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("text");
    std::fs::write(&text, "no database").unwrap();
    let foreign = directory.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute("CREATE TABLE x (y)", ()).unwrap();
    for path in [directory.path(), &text, &foreign] {
        for what in ["verify", "replay"] {
            let told = journal(what, path, &[]).await;
            assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{told:?}");
            assert!(told.err.contains("cannot be read"), "{}", told.err);
        }
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2, "nothing is made");
}

async fn backtest(path: &Path, more: &[&str]) -> Ran {
    ran(mapek(&[&["backtest", "--journal", path.to_str().unwrap()], more].concat()), "").await
}

#[tokio::test]
async fn another_configuration_is_tried_on_the_cycles_of_a_journal() {
    let (directory, path) = Lived::start().await.end().await;
    let config = directory.path().join("mapek.yaml");
    let config = ["--config", config.to_str().unwrap()];
    let written = directory.path().join("summary.json");
    let json = ["--json", written.to_str().unwrap()];
    let watched = backtest(&path, &[config, json].concat()).await;
    assert_eq!(watched.code, Some(0), "{watched:?}");
    assert!(watched.out.contains("high-failure-rate"), "{}", watched.out);
    assert!(watched.out.contains("effect      of a plan that was executed"), "{}", watched.out);
    let summary = |path: &Path| -> Value {
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let then = summary(&written);
    assert!(then["cycles"]["breached"].as_u64() >= Some(3), "{then}");
    assert_eq!((&then["profile"], &then["step"]), (&"observe".into(), &Value::Null));

    let first = &then["causes"].as_object().unwrap();
    assert!(!first.is_empty() && then["violations"]["high-failure-rate"] == 1, "{then}");

    // Who believes nothing says so, on the same data.
    let other = directory.path().join("other.yaml");
    let text = std::fs::read_to_string(config[1]).unwrap();
    let text = text + "plan: {min_violations: 1000}\n";
    std::fs::write(&other, text).unwrap();
    let cycles = directory.path().join("cycles.jsonl");
    let more = ["--config", other.to_str().unwrap(), "--cycles", cycles.to_str().unwrap()];
    let told = backtest(&path, &[&more[..], &json].concat()).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let now = summary(&written);
    assert_eq!(now["cycles"]["all"], then["cycles"]["all"]);
    assert_ne!(now["config_hash"], then["config_hash"]);
    let lines = std::fs::read_to_string(&cycles).unwrap();
    assert_eq!(lines.lines().count() as u64, now["cycles"]["all"].as_u64().unwrap());

    let none = backtest(&path, &["--to", "2020-01-01T00:00:00Z"]).await;
    assert!(none.code == Some(1) && none.err.contains("has no cycle from"), "{none:?}");
    for bad in [&["--prometheus", "http://127.0.0.1:1"][..], &["--step", "5s"]] {
        let told = backtest(&path, bad).await;
        assert!(told.code == Some(2) && told.err.contains("cannot be used with"), "{told:?}");
    }
    let missing = backtest(&path.with_file_name("none.db"), &[]).await;
    assert!(missing.code == Some(2) && missing.err.contains("cannot be read"), "{missing:?}");
}
