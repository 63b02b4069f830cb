//! What people do to a running loop from the command line.

use mapek_testkit::wait_until;
use serde_json::Value;

use crate::{
    running::Running,
    support::{DEADLINE, Ran, mapek, ran},
};

/// A token, and its entry in the configuration.
pub(crate) async fn token(name: &str, role: &str) -> (String, String) {
    let made = ran(mapek(&["token", "new", "--name", name, "--role", role, "--json"]), "").await;
    let made: Value = serde_json::from_str(&made.out).unwrap();
    let entry = &made["entry"];
    let hash = entry["sha256"].as_str().unwrap();
    (
        made["token"].as_str().unwrap().to_owned(),
        format!("{{name: {name}, role: {role}, sha256: '{hash}'}}"),
    )
}

async fn asked(running: &Running, token: &str, args: &[&str]) -> Ran {
    let mut command = mapek(&[args, &["--url", &running.url]].concat());
    command.env("MAPEK_TOKEN", token);
    ran(command, "").await
}

#[tokio::test]
async fn a_token_is_shown_once_with_the_line_that_knows_it() {
    let args = ["token", "new", "--name", "Ada", "--role", "approver", "--expires", "90d"];
    let made = ran(mapek(&args), "").await;
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""));
    let token = made.out.split_whitespace().find(|word| word.starts_with("mapek_")).unwrap();
    assert_eq!((token.len(), made.out.matches(token).count()), (70, 1));
    let line = made.out.lines().last().unwrap();
    assert!(line.starts_with("  - {name: ada, role: approver, sha256: "), "{line}");
    assert!(line.contains(", expires: 20"), "{line}");
    let again = ran(mapek(&args), "").await;
    assert!(!again.out.contains(token), "each is another one");
    for bad in [["--name", "loop", "--role", "admin"], ["--name", "ada", "--role", "root"]] {
        let told = ran(mapek(&[&["token", "new"][..], &bad].concat()), "").await;
        assert_eq!(told.code, Some(2), "{told:?}");
    }
}

#[tokio::test]
async fn health_needs_no_token_and_a_paused_loop_lives_and_is_not_ready() {
    let (operator, entry) = token("grace", "operator").await;
    let running = Running::start_with(&format!("auth: {{tokens: [{entry}]}}")).await;
    let config = running.directory.path().join("mapek.yaml");
    // As in a container: from the configuration, with no other word.
    let health = async |more: &[&str]| {
        let mut command = mapek(&[&["health"], more].concat());
        command.env("MAPEK_CONFIG", &config);
        ran(command, "").await
    };
    assert_eq!(health(&[]).await.out, "it lives\n");
    let ready = async || health(&["--ready"]).await.code == Some(0);
    wait_until(DEADLINE, "a first cycle", ready).await.unwrap();
    let paused = asked(&running, &operator, &["pause", "--reason", "health"]).await;
    assert_eq!(paused.code, Some(0), "{paused:?}");
    let unready = health(&["--ready"]).await;
    assert!(unready.code == Some(1) && unready.err.contains("paused"), "{unready:?}");
    let lives = health(&["--json"]).await;
    assert!(lives.code == Some(0) && lives.out.contains(r#""status""#), "{lives:?}");
    // An engine knows no third answer, not even for what cannot be asked.
    for url in ["http://127.0.0.1:1", "nonsense"] {
        assert_eq!(health(&["--url", url]).await.code, Some(1), "{url}");
    }
}

#[tokio::test]
async fn people_pause_and_resume_by_name_as_far_as_their_role_goes() {
    let (operator, one) = token("grace", "operator").await;
    let (viewer, two) = token("ada", "viewer").await;
    let running = Running::start_with(&format!("auth: {{tokens: [{one}, {two}]}}")).await;

    let nobody = ran(mapek(&["status", "--url", &running.url]), "").await;
    assert_eq!(nobody.code, Some(4));
    assert!(nobody.err.contains("does not know you") && nobody.err.contains("MAPEK_TOKEN"));
    let refused = asked(&running, &viewer, &["pause", "--reason", "x"]).await;
    assert_eq!(refused.code, Some(4));
    assert!(refused.err.contains("ada is viewer; this needs operator"), "{}", refused.err);
    assert!(refused.err.contains("mapek whoami"), "{}", refused.err);
    let who = asked(&running, &viewer, &["whoami"]).await;
    assert_eq!((who.code, who.out.as_str()), (Some(0), "ada (viewer)\n"));

    let paused = asked(&running, &operator, &["pause", "--reason", "3 a.m."]).await;
    assert_eq!(paused.code, Some(0), "{paused:?}");
    assert!(paused.out.starts_with("paused by grace at "), "{}", paused.out);
    let status = asked(&running, &viewer, &["status"]).await;
    assert!(status.out.contains("3 a.m.") && status.code == Some(1), "{status:?}");
    assert!(status.err.contains("mapek resume"), "{}", status.err);
    let resumed = asked(&running, &operator, &["resume", "--reason", "morning"]).await;
    assert_eq!((resumed.code, resumed.out.as_str()), (Some(0), "resumed\n"), "{resumed:?}");

    let file = running.directory.path().join("token");
    std::fs::write(&file, format!("{viewer}\n")).unwrap();
    let file = ["--token-file", file.to_str().unwrap()];
    let plans = asked(&running, "wrong", &[&["plans", "list"][..], &file].concat()).await;
    assert_eq!((plans.code, plans.out.as_str()), (Some(0), "no plans\n"), "{plans:?}");
    let stuck = asked(&running, &viewer, &["executions", "list", "--needs-operator"]).await;
    assert_eq!(stuck.out, "nothing needs an operator\n", "{stuck:?}");
    let id = "00000000-0000-0000-0000-000000000001";
    for (args, code, words) in [
        (&["plans", "show", "0123"][..], 1, "there is no plan 0123"),
        (&["plans", "show", id], 1, "no plan 00000000-0000-0000-0000-000000000001 is kept"),
        (&["plans", "approve", "../../pause", "--yes"], 2, "an id has hexadecimal digits"),
        (&["executions", "resolve", "../x", "--reason", "y"], 2, "an id has hexadecimal digits"),
        (&["executions", "show", "0123"], 1, "there is no execution 0123"),
        (&["executions", "rollback", id, "--reason", "y"], 4, "ada is viewer; this needs operator"),
        (&["cycles", "show", "99999"], 1, "no cycle 99999 is kept"),
        (&["rearm", "scale_up", "--reason", "y"], 4, "ada is viewer; this needs admin"),
        (&["violations", "--severity", "bad"], 2, "critical"),
    ] {
        let told = asked(&running, &viewer, args).await;
        assert!(told.code == Some(code) && told.err.contains(words), "{told:?}");
    }
    let gone = asked(&running, &operator, &["executions", "rollback", id, "--reason", "y"]).await;
    assert_eq!(gone.code, Some(1), "{gone:?}");
    let log = std::fs::read_to_string(running.directory.path().join("mapek.log")).unwrap();
    assert!(log.contains("\"person\":\"grace\",\"act\":\"pause\""), "{log}");
    for secret in [operator, viewer] {
        assert!(!log.contains(&secret));
    }
    running.stop().await;
}

#[tokio::test]
async fn a_loop_that_does_not_answer_is_paused_by_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let path = directory.path().join("mapek.yaml");
    let text = format!("api: {{port: 1}}\nexecute: {{state_dir: '{}'}}\n", state.display());
    std::fs::write(&path, text).unwrap();
    let pause = ["pause", "--reason", "it hangs", "--config", path.to_str().unwrap()];
    let told = ran(mapek(&pause), "").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.err.contains("cannot be asked"), "{}", told.err);
    assert!(told.out.contains("`mapek resume` takes it away"), "{}", told.out);
    let written = std::fs::read_to_string(state.join("PAUSE")).unwrap();
    assert_eq!(written, "written by mapek: it hangs\n");
    // Of a loop that is somewhere else, nobody knows where its file would be.
    let there = ["pause", "--reason", "x", "--url", "http://127.0.0.1:1"];
    let told = ran(mapek(&there), "").await;
    assert_eq!(told.code, Some(3), "{told:?}");
}

#[tokio::test]
async fn what_a_pause_had_to_write_is_taken_away_by_a_resume_and_what_a_person_made_is_not() {
    let (operator, one) = token("grace", "operator").await;
    let (viewer, two) = token("ada", "viewer").await;
    let running = Running::start_with(&format!("auth: {{tokens: [{one}, {two}]}}")).await;
    let config = running.directory.path().join("mapek.yaml");
    let file = running.directory.path().join("state/PAUSE");
    let beside = |token: &str, args: &[&str]| {
        let mut command = mapek(&[args, &["--reason", "3 a.m."]].concat());
        command.env("MAPEK_TOKEN", token).env("MAPEK_CONFIG", &config);
        command
    };
    // Its API is somewhere else than where it is looked for.
    let lost = |token: &str, args: &[&str]| {
        let mut command = beside(token, args);
        command.env("MAPEK__API__PORT", "1");
        command
    };
    let stands = async || {
        let told = asked(&running, &operator, &["status", "--json"]).await;
        serde_json::from_str::<Value>(&told.out).unwrap()["paused"].to_string()
    };
    let stopped = async || stands().await.contains("file PAUSE");

    let paused = ran(lost(&operator, &["pause"]), "").await;
    assert!(paused.code == Some(0) && paused.err.contains("cannot be asked"), "{paused:?}");
    assert!(file.exists());
    wait_until(DEADLINE, "it is seen", stopped).await.unwrap();
    // Who may not resume takes nothing away, and who is elsewhere cannot.
    let refused = ran(beside(&viewer, &["resume"]), "").await;
    assert_eq!(refused.code, Some(4), "{refused:?}");
    let elsewhere = asked(&running, &operator, &["resume", "--reason", "x"]).await;
    assert!(elsewhere.code == Some(1) && elsewhere.err.contains("without --url"), "{elsewhere:?}");
    assert!(file.exists());
    let resumed = ran(beside(&operator, &["resume"]), "").await;
    assert_eq!((resumed.code, resumed.out.as_str()), (Some(0), "resumed\n"), "{resumed:?}");
    assert!(resumed.err.contains("PAUSE is taken away"), "{resumed:?}");
    assert!(!file.exists());
    let goes_on = async || stands().await == "null";
    wait_until(DEADLINE, "it goes on", goes_on).await.unwrap();

    // Where nobody can be asked it is taken away as well, and nobody is told that all is well.
    assert_eq!(ran(lost(&operator, &["pause"]), "").await.code, Some(0));
    let halfway = ran(lost(&operator, &["resume"]), "").await;
    assert_eq!(halfway.code, Some(3), "{halfway:?}");
    assert!(halfway.err.contains("PAUSE is taken away"), "{halfway:?}");
    assert!(halfway.err.contains("cannot be asked") && !file.exists(), "{halfway:?}");

    // A person's file is theirs, also with a line of ours.
    std::fs::write(&file, "do not touch it\n").unwrap();
    assert_eq!(ran(beside(&operator, &["pause", "--file"]), "").await.code, Some(0));
    let kept = ran(beside(&operator, &["resume"]), "").await;
    assert!(kept.code == Some(1) && kept.err.contains("who made that file"), "{kept:?}");
    assert!(file.exists());
    wait_until(DEADLINE, "it is seen", stopped).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ran(beside(&operator, &["resume"]), "").await.code, Some(0));
    running.stop().await;
}
