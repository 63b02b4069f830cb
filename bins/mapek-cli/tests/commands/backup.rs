//! `mapek backup` and `mapek restore`: beside a running loop, into another place, and on what somebody spoilt.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mapek_testkit::wait_until;
use serde_json::Value;
use tokio::process::Command;

use crate::{
    journal::Lived,
    support::{DEADLINE, Ran, free_port, mapek, ran},
};

/// Where another loop of the same configuration has its files.
struct Place(PathBuf);

impl Place {
    /// The command line, for a loop whose files are here.
    fn command(&self, lived: &Lived, args: &[&str]) -> Command {
        let mut command = mapek(args);
        command
            .env("MAPEK_CONFIG", config(lived))
            .env("MAPEK__EXECUTE__STATE_DIR", self.0.join("state"))
            .env("MAPEK__KNOWLEDGE__SQLITE_PATH", self.0.join("learned/knowledge.db"));
        command
    }

    async fn restore(&self, lived: &Lived, from: &Path) -> Ran {
        ran(self.command(lived, &["restore", from.to_str().unwrap()]), "").await
    }
}

fn config(lived: &Lived) -> PathBuf {
    lived.directory.path().join("mapek.yaml")
}

async fn backup(lived: &Lived, to: &Path) -> Ran {
    let config = config(lived);
    let args = ["backup", to.to_str().unwrap(), "--json", "--config", config.to_str().unwrap()];
    ran(mapek(&args), "").await
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

async fn verify(path: &Path) -> Value {
    json(&ran(mapek(&["journal", "verify", path.to_str().unwrap(), "--json"]), "").await)
}

#[tokio::test]
async fn what_was_put_aside_beside_a_running_loop_goes_on_elsewhere_once_a_person_has_looked() {
    let lived = Lived::start().await;
    let aside = lived.directory.path().join("aside");
    let made = backup(&lived, &aside).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let manifest = json(&made);
    assert_eq!(manifest["sound"], true, "{manifest}");
    for part in ["journal.db", "knowledge.db", "loop.json"] {
        assert!(manifest["parts"][part]["bytes"].as_u64() > Some(0), "{part}: {manifest}");
    }
    let then = verify(&aside).await;
    assert_eq!((&then["head"], &then["journal"]), (&manifest["head"], &manifest["journal"]));

    let elsewhere = Place(lived.directory.path().join("elsewhere"));
    let done = elsewhere.restore(&lived, &aside).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    let state = elsewhere.0.join("state");
    assert!(state.join("PAUSE").exists() && done.out.contains("PAUSE"), "{done:?}");
    assert!(elsewhere.0.join("learned/knowledge.db").exists());
    let now = verify(&state).await;
    assert_eq!((&now["sound"], &now["hash"]), (&Value::Bool(true), &then["hash"]));
    let epoch = |told: &Value| told["epoch"].as_u64().unwrap();
    assert_eq!(epoch(&now), epoch(&then) + 1_000_000, "calls of the lost starts are older");

    // The same loop, on what was put back: it goes on in the same journal, and does nothing yet.
    let port = free_port().to_string();
    let mut run = elsewhere.command(&lived, &["run"]);
    let _running = run.env("MAPEK__API__PORT", &port).spawn().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    wait_until(DEADLINE, "the loop is paused, in the old journal", async || {
        let status = ran(mapek(&["status", "--json", "--url", &url]), "").await;
        let paused = serde_json::from_str(&status.out).is_ok_and(|it: Value| {
            it["paused"].to_string().contains("PAUSE") && it["last_cycle"].is_object()
        });
        paused && verify(&state).await["head"].as_u64() > then["head"].as_u64()
    })
    .await
    .unwrap();
    assert_eq!(verify(&state).await["journal"], then["journal"]);
}

#[tokio::test]
async fn nothing_is_overwritten_and_nothing_that_was_changed_is_put_back() {
    let lived = Lived::start().await;
    let aside = lived.directory.path().join("aside");
    assert_eq!(backup(&lived, &aside).await.code, Some(0));

    let again = backup(&lived, &aside).await;
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.err.contains("is there already"), "{}", again.err);
    // Over the loop that runs.
    let over = ["restore", aside.to_str().unwrap()];
    let over = ran(Place(lived.directory.path().into()).command(&lived, &over), "").await;
    assert_eq!(over.code, Some(2), "{over:?}");
    assert!(over.err.contains("is there already"), "{}", over.err);
    assert!(!lived.state().join("PAUSE").exists(), "it does not stop a loop that it leaves alone");

    // A log that was left behind is not taken for that of the journal.
    let elsewhere = Place(lived.directory.path().join("elsewhere"));
    fs::create_dir_all(elsewhere.0.join("state")).unwrap();
    let log = elsewhere.0.join("state/journal.db-wal");
    fs::write(&log, "old").unwrap();
    let left = elsewhere.restore(&lived, &aside).await;
    assert_eq!(left.code, Some(2), "{left:?}");
    assert!(left.err.contains("journal.db-wal is there already"), "{}", left.err);
    fs::remove_file(&log).unwrap();

    for (what, file, changed, why) in [
        ("interrupted", "backup.json", None, "backup.json cannot be read"),
        ("changed", "knowledge.db", Some("else"), "knowledge.db is not what it was"),
        ("incomplete", "knowledge.db", None, "knowledge.db is missing"),
    ] {
        let path = aside.join(file);
        let as_it_was = fs::read(&path).unwrap();
        match changed {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let refused = elsewhere.restore(&lived, &aside).await;
        assert_eq!(refused.code, Some(2), "{what}: {refused:?}");
        assert!(refused.err.contains(why), "{what}: {}", refused.err);
        assert_eq!(fs::read_dir(elsewhere.0.join("state")).unwrap().count(), 0, "{what}");
        fs::write(&path, as_it_was).unwrap();
    }
    assert_eq!(elsewhere.restore(&lived, &aside).await.code, Some(0), "mended, it is put back");
}

#[tokio::test]
async fn where_no_loop_has_lived_there_is_nothing_to_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = mapek(&["backup", "aside"]);
    let told = ran(
        {
            command.current_dir(directory.path());
            command
        },
        "",
    )
    .await;
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.err.contains("there is no journal in data"), "{}", told.err);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is made");
}
