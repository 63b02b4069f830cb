//! Configurations: what is said about bad ones, and what `check` says about good ones.

use std::path::PathBuf;

use crate::support::{Ran, mapek, ran};

struct Case {
    directory: tempfile::TempDir,
    path: PathBuf,
}

fn case(text: &str) -> Case {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mapek.yaml");
    std::fs::write(&path, text).unwrap();
    Case { directory, path }
}

async fn check(case: &Case, variables: &[(&str, &str)]) -> Ran {
    let mut command = mapek(&["check", "--config", case.path.to_str().unwrap()]);
    command.current_dir(case.directory.path()).envs(variables.iter().copied());
    ran(command, "").await
}

#[tokio::test]
async fn check_shows_what_is_in_force_and_leaves_nothing_behind() {
    let case = case("plan:\n  min_violations: 7\n");
    let key = ("CHARTER_API_KEY", "hunter2");
    let told = check(&case, &[key, ("PROMETHEUS_URL", "http://prom:1")]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.contains("min_violations: 7"), "{}", told.out);
    assert!(told.out.contains("http://prom:1"), "{}", told.out);
    assert!(told.out.contains("monitor.prometheus_url is taken from PROMETHEUS_URL"), "{told:?}");
    assert!(told.out.contains("ok    configuration"), "{}", told.out);
    assert!(!told.out.contains("hunter2") && !told.err.contains("hunter2"), "{told:?}");
    assert!(told.out.contains("ok    state         data can be written"), "{}", told.out);
    assert_eq!(std::fs::read_dir(case.directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_written_is_told_before_it_is_needed() {
    let told = check(&case("execute: {state_dir: mapek.yaml/data}\n"), &[]).await;
    assert_eq!(told.code, Some(1), "{told:?}");
    let line = told.out.lines().find(|line| line.starts_with("FAIL")).unwrap();
    assert!(line.starts_with("FAIL  state         mapek.yaml/data: mapek.yaml/"), "{line}");
    assert!(line.contains("set execute.state_dir to a directory that can be written"), "{line}");
}

#[tokio::test]
async fn a_rule_whose_data_cannot_be_missed_is_named() {
    let rule = |promql: &str| {
        case(&format!("monitor:\n  queries:\n    - {{name: r, promql: '{promql}'}}\n"))
    };
    let seen = check(&rule("a > 1"), &[]).await;
    assert!(!seen.out.contains("note  rule"), "{}", seen.out);
    for (promql, why) in [
        ("vector(1) > 0", "reads no series"),
        ("a > 1 or vector(0)", "reads only series that may be missing"),
    ] {
        let told = check(&rule(promql), &[]).await;
        assert_eq!(told.code, Some(0), "{told:?}");
        let note = format!("note  rule          r: {why}; that its data is gone is not noticed");
        assert!(told.out.contains(&note), "{}", told.out);
    }
}

#[tokio::test]
async fn an_unknown_key_names_file_line_column_and_the_nearest() {
    let case = case("orchestrator:\n  mode: staging\n  loop_intervall: 30\n");
    let told = check(&case, &[]).await;
    assert_eq!((told.code, told.out.as_str()), (Some(2), ""));
    let place = format!("{}:3:3", case.path.display());
    assert!(told.err.contains(&place), "{}", told.err);
    assert!(told.err.contains("the nearest valid key is loop_interval"), "{}", told.err);
}

#[tokio::test]
async fn a_variable_that_does_not_fit_is_named() {
    let told = check(&case(""), &[("WEBHOOK_PORT", "many")]).await;
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("WEBHOOK_PORT"), "{}", told.err);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_exit_code_2() {
    let told = ran(mapek(&["check", "--config", "/nowhere/mapek.yaml"]), "").await;
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("/nowhere/mapek.yaml"), "{}", told.err);
}

#[tokio::test]
async fn an_expression_that_is_none_is_named_with_its_place() {
    let text = "monitor:\n  queries:\n    - {name: slow, promql: 'rate(hits[5m] > 1'}\n";
    let told = check(&case(text), &[]).await;
    assert_eq!(told.code, Some(2), "{told:?}");
    let line = told.out.lines().find(|line| line.starts_with("FAIL")).unwrap();
    assert!(line.contains("slow: line 1, column 5: `(` is never closed"), "{line}");
    assert!(line.contains("correct it in monitor.queries"), "{line}");
}

#[tokio::test]
async fn what_only_a_server_evaluates_is_refused_for_the_embedded_source() {
    let rule = "  queries:\n    - {name: weekend, promql: 'day_of_week() > 5'}\n";
    let server = check(&case(&format!("monitor:\n{rule}")), &[]).await;
    assert_eq!(server.code, Some(0), "{server:?}");
    let targets = "  targets: [{url: 'http://127.0.0.1:1/metrics'}]\n";
    let embedded = check(&case(&format!("monitor:\n{rule}{targets}")), &[]).await;
    assert_eq!(embedded.code, Some(2), "{embedded:?}");
    assert!(embedded.out.contains("weekend: day_of_week: "), "{}", embedded.out);
}

#[tokio::test]
async fn what_cannot_work_together_is_refused() {
    let ports = check(&case("api: {port: 5000}\n"), &[]).await;
    assert_eq!(ports.code, Some(2), "{ports:?}");
    let clash = "api.port and alertmanager.webhook_port are the same";
    assert!(ports.out.contains(clash), "{}", ports.out);
    let database = check(&case("knowledge: {database: postgres}\n"), &[]).await;
    assert_eq!(database.code, Some(2), "{database:?}");
    assert!(database.out.contains("sqlite or memory"), "{}", database.out);
}

#[tokio::test]
async fn check_live_says_what_is_not_there_and_what_to_do() {
    let text = "monitor: {prometheus_url: 'http://127.0.0.1:1'}\n\
                execute: {charter_url: 'http://127.0.0.1:1'}\n\
                alertmanager: {url: 'http://127.0.0.1:1'}\n";
    let case = case(text);
    let told = ran(mapek(&["check", "--live", "--config", case.path.to_str().unwrap()]), "").await;
    assert_eq!(told.code, Some(1), "{told:?}");
    for subject in ["FAIL  prometheus", "FAIL  charter", "FAIL  alertmanager"] {
        let line = told.out.lines().find(|line| line.starts_with(subject)).unwrap();
        assert!(line.contains("start it"), "{line}");
    }
}

#[tokio::test]
async fn who_may_use_the_api_is_checked_and_no_token_is_shown() {
    let token = format!("mapek_{}", "ab".repeat(32));
    let hash = "0".repeat(64);
    for (api, words) in [
        (
            format!("auth: {{tokens: [{{name: ada, role: admin, sha256: {token}}}]}}"),
            "ada: this is a token and not its SHA-256",
        ),
        (
            format!(
                "auth: {{tokens: [{{name: ada, role: admin, sha256: '{hash}'}}, \
                 {{name: grace, role: admin, sha256: '{hash}'}}]}}"
            ),
            "belongs to ada and to grace",
        ),
        (
            "tls: {identities: [{name: robot, role: viewer, uri: 'spiffe://x/y'}]}".to_owned(),
            "nobody can show a certificate without api.tls.client_ca_file",
        ),
        ("tls: {certificate_file: mapek.yaml}".to_owned(), "are given together"),
        (
            "tls: {certificate_file: mapek.yaml, key_file: mapek.yaml}".to_owned(),
            "mapek.yaml holds no certificate that can be read",
        ),
        ("tls: {certificate_file: no.pem, key_file: no.pem}".to_owned(), "check the path"),
    ] {
        let told = check(&case(&format!("api: {{{api}}}\n")), &[]).await;
        assert_eq!(told.code, Some(2), "{told:?}");
        let line = told.out.lines().find(|line| line.starts_with("FAIL")).unwrap();
        assert!(line.contains(words), "{line}");
        assert!(!told.out.contains("abab") && !told.err.contains("abab"), "{told:?}");
    }
    let open = case("api: {host: 0.0.0.0}\n");
    let told = check(&open, &[]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let note = told.out.lines().find(|line| line.starts_with("note")).unwrap();
    assert!(note.contains("everybody who reaches it may read"), "{note}");
    let told = check(&open, &[("MAPEK__ORCHESTRATOR__MODE", "production")]).await;
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.err.contains("api.host beyond loopback without api.auth.tokens"), "{told:?}");
}
