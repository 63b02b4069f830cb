//! `mapek run`: it starts, answers, takes a changed configuration, and stops when it is told to.

use std::path::Path;

use mapek_testkit::{wait_for, wait_until};
use tokio::process::{Child, Command};

use crate::support::{DEADLINE, Ran, free_port, mapek, ran};

pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
    pub(crate) directory: tempfile::TempDir,
}

fn configuration_with(directory: &Path, port: u16, api: &str) -> String {
    let plain = configuration(directory, port, "info", "");
    plain.replace(&format!("api: {{port: {port}}}"), &format!("api: {{port: {port}, {api}}}"))
}

fn configuration(directory: &Path, port: u16, level: &str, more: &str) -> String {
    let state = directory.join("state");
    format!(
        "orchestrator: {{loop_interval: 1s}}\n\
         monitor: {{prometheus_url: 'http://127.0.0.1:1', targets: []}}\n\
         execute: {{state_dir: '{}'}}\n\
         knowledge: {{database: memory}}\n\
         alertmanager: {{enabled: false}}\n\
         api: {{port: {port}}}\n\
         logging: {{level: {level}, file: '{}'}}\n\
         staging: {{use_mock_charter: true}}\n{more}",
        state.display(),
        directory.join("mapek.log").display(),
    )
}

impl Running {
    /// Starts it on a port that is free; takes another one where somebody was faster.
    async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts it with more in its section `api`.
    pub(crate) async fn start_with(api: &str) -> Self {
        for _ in 0..5 {
            let directory = tempfile::tempdir().unwrap();
            let port = free_port();
            let path = directory.path().join("mapek.yaml");
            std::fs::write(&path, configuration_with(directory.path(), port, api)).unwrap();
            let mut child = mapek(&["run", "--config", path.to_str().unwrap()]).spawn().unwrap();
            let url = format!("http://127.0.0.1:{port}");
            let started = wait_for(DEADLINE, "an answer or an end", async || {
                if let Ok(Some(_)) = child.try_wait() {
                    return Some(false);
                }
                let answer = reqwest::get(format!("{url}/health")).await.ok()?;
                answer.status().is_success().then_some(true)
            });
            if started.await.unwrap() {
                return Self { child, url, directory };
            }
        }
        panic!("five ports were taken one after the other");
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("/bin/sh").args(["-c", "kill -s $0 $1", name, &id]).status();
        assert!(sent.await.unwrap().success());
    }

    async fn log(&self, words: &str) {
        let path = self.directory.path().join("mapek.log");
        let found = wait_until(DEADLINE, words, async || {
            std::fs::read_to_string(&path).is_ok_and(|log| log.contains(words))
        });
        if found.await.is_err() {
            panic!("{words} is not in {}", std::fs::read_to_string(&path).unwrap());
        }
    }

    async fn status(&self, more: &[&str]) -> Ran {
        ran(mapek(&[&["status", "--url", &self.url], more].concat()), "").await
    }

    pub(crate) async fn stop(mut self) {
        self.signal("TERM").await;
        let ended = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        assert_eq!(ended.expect("it stops").unwrap().code(), Some(0));
    }
}

#[tokio::test]
async fn it_gets_ready_tells_its_status_and_stops_on_sigterm() {
    let running = Running::start().await;
    let ready = format!("{}/ready", running.url);
    wait_until(DEADLINE, "ready", async || {
        reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success())
    })
    .await
    .unwrap();

    let table = running.status(&[]).await;
    assert_eq!(table.code, Some(0), "{table:?}");
    for row in ["target      default", "ready       yes", "last cycle", "violations"] {
        assert!(table.out.contains(row), "{row} is not in {}", table.out);
    }
    let json = running.status(&["--json"]).await;
    let status: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, &status["ready"]), (Some(0), &true.into()));
    running.stop().await;
}

#[tokio::test]
async fn a_loop_that_is_not_there_is_exit_code_3_and_what_to_do() {
    let told = ran(mapek(&["status", "--url", "http://127.0.0.1:1"]), "").await;
    assert_eq!((told.code, told.out.as_str()), (Some(3), ""));
    assert!(told.err.contains("http://127.0.0.1:1 cannot be asked"), "{}", told.err);
    assert!(told.err.contains("is `mapek run` running there?"), "{}", told.err);
    let mut by_variable = mapek(&["status"]);
    by_variable.env("MAPEK_URL", "http://127.0.0.1:2");
    let told = ran(by_variable, "").await;
    assert!(told.code == Some(3) && told.err.contains("http://127.0.0.1:2"), "{told:?}");
    let told = ran(mapek(&["status", "--url", "localhost 8001"]), "").await;
    assert!(told.code == Some(2) && told.err.contains("is no URL"), "{told:?}");
}

#[tokio::test]
async fn sighup_takes_the_log_level_names_the_rest_and_refuses_what_is_bad() {
    let running = Running::start().await;
    let path = running.directory.path().join("mapek.yaml");
    let port = running.url.rsplit(':').next().unwrap().parse().unwrap();
    let write = |level: &str, more: &str| {
        std::fs::write(&path, configuration(running.directory.path(), port, level, more)).unwrap();
    };

    write("debug", "plan: {min_violations: 9}\n");
    running.signal("HUP").await;
    running.log("SIGHUP: takes effect").await;
    running.log("plan.min_violations").await;
    // Only at the new level is each cycle told.
    running.log("\"level\":\"DEBUG\"").await;

    write("debug", "plan: {min_violation: 9}\n");
    running.signal("HUP").await;
    running.log("SIGHUP: the configuration is refused").await;
    running.log("min_violations").await;
    assert!(reqwest::get(format!("{}/health", running.url)).await.unwrap().status().is_success());
    running.stop().await;
}
