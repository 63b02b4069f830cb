//! `mapek config`, `mapek completions`, `mapek man`, and what help says.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{mapek, ran};

const REFERENCE: &str = include_str!("../../../../docs/cli.md");
const COMMENTED: &str = include_str!("../../../../config/mape_k_config.yaml");

#[tokio::test]
async fn init_writes_the_commented_file_and_never_over_one_that_is_there() {
    let told = ran(mapek(&["config", "init"]), "").await;
    assert_eq!((told.code, told.out.as_str(), told.err.as_str()), (Some(0), COMMENTED, ""));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mapek.yaml");
    let init = ["config", "init", path.to_str().unwrap()];
    let told = ran(mapek(&init), "").await;
    assert_eq!((told.code, told.out.as_str()), (Some(0), ""), "{told:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), COMMENTED);
    std::fs::write(&path, "mine").unwrap();
    let again = ran(mapek(&init), "").await;
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.err.contains("name a file that is not there yet"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[tokio::test]
async fn show_tells_what_is_in_force_and_no_secret() {
    let show = async |more: &[&str]| {
        let mut command = mapek(&[&["config", "show"], more].concat());
        command.env("CHARTER_API_KEY", "hunter2").env("MAPEK__PLAN__MIN_VIOLATIONS", "7");
        ran(command, "").await
    };
    let yaml = show(&[]).await;
    assert_eq!(yaml.code, Some(0), "{yaml:?}");
    assert!(yaml.out.contains("min_violations: 7"), "{}", yaml.out);
    assert!(yaml.err.contains("MAPEK__PLAN__MIN_VIOLATIONS"), "{}", yaml.err);
    let json = show(&["--json"]).await;
    let value: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(value["plan"]["min_violations"], 7);
    assert_eq!(value["execute"]["charter_api_key"], "****");
    assert!(!format!("{yaml:?}{json:?}").contains("hunter2"));
}

#[tokio::test]
async fn the_schema_is_the_one_in_docs() {
    let told = ran(mapek(&["config", "schema"]), "").await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.schema.json");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == told.out,
        "write it anew: mapek config schema > docs/configuration.schema.json"
    );
}

#[tokio::test]
async fn every_shell_is_told_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let told = ran(mapek(&["completions", shell]), "").await;
        assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
        for word in ["executions", "rearm", "--needs-operator", "config"] {
            let word = word.trim_start_matches(if shell == "fish" { "--" } else { "" });
            assert!(told.out.contains(word), "{shell}: {word}");
        }
    }
    let bash = ran(mapek(&["completions", "bash"]), "").await;
    let mut shell = tokio::process::Command::new("bash");
    shell.args(["-n"]).stdin(std::process::Stdio::piped());
    shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let checked = ran(shell, bash.out).await;
    assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""), "bash reads it");
}

#[tokio::test]
async fn there_is_a_page_for_each_command() {
    let one = ran(mapek(&["man"]), "").await;
    assert_eq!(one.code, Some(0), "{one:?}");
    assert!(one.out.contains(".TH mapek 1") && one.out.contains("Exit codes"), "{}", one.out);
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("pages");
    let all = ran(mapek(&["man", pages.to_str().unwrap()]), "").await;
    assert_eq!((all.code, all.out.as_str()), (Some(0), ""), "{all:?}");
    for page in ["mapek.1", "mapek-status.1", "mapek-plans-approve.1", "mapek-config-schema.1"] {
        assert!(pages.join(page).is_file(), "{page}");
    }
}

/// All commands that there are.
const COMMANDS: [&[&str]; 50] = [
    &[],
    &["run"],
    &["check"],
    &["config"],
    &["config", "init"],
    &["config", "schema"],
    &["config", "show"],
    &["rules"],
    &["rules", "test"],
    &["status"],
    &["health"],
    &["cycles"],
    &["cycles", "list"],
    &["cycles", "show"],
    &["violations"],
    &["diagnosis"],
    &["plans"],
    &["plans", "list"],
    &["plans", "show"],
    &["plans", "rehearse"],
    &["plans", "approve"],
    &["plans", "reject"],
    &["executions"],
    &["executions", "list"],
    &["executions", "show"],
    &["executions", "rollback"],
    &["executions", "resolve"],
    &["outcomes"],
    &["insights"],
    &["pause"],
    &["resume"],
    &["rearm"],
    &["cycle"],
    &["whoami"],
    &["token"],
    &["token", "new"],
    &["monitor"],
    &["analyze"],
    &["plan"],
    &["execute"],
    &["demo"],
    &["simulate"],
    &["backtest"],
    &["journal"],
    &["journal", "verify"],
    &["journal", "replay"],
    &["backup"],
    &["restore"],
    &["completions"],
    &["man"],
];

#[tokio::test]
async fn help_says_what_each_command_does() {
    let mut all = String::new();
    for command in COMMANDS {
        let told = ran(mapek(&[command, &["--help"]].concat()), "").await;
        assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{command:?}");
        all.push_str(&format!("$ mapek {} --help\n{}\n", command.join(" "), told.out));
        // What a command has below it is in the list above.
        let below = told.out.split("Commands:\n").nth(1).unwrap_or_default();
        let below = below.lines().take_while(|line| line.starts_with("  "));
        for name in below.filter_map(|line| line.split_whitespace().next()) {
            let path = [command, &[name]].concat();
            let known = name == "help" || COMMANDS.iter().any(|it| *it == path);
            assert!(known || !line_begins_command(&told.out, name), "{path:?} is missing");
        }
    }
    insta::assert_snapshot!("help", all);
    assert_eq!(ran(mapek(&["cheque"]), "").await.code, Some(2));
}

/// The long options in a text.
fn options(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
    let named =
        |word: &&str| word.strip_prefix("--").is_some_and(|it| it.starts_with(char::is_alphabetic));
    words.filter(named).collect()
}

#[tokio::test]
async fn every_option_is_in_the_document_and_every_option_of_it_is_there() {
    let (own, server) = REFERENCE.split_once("## The reference server").unwrap();
    let (server, rest) = server.split_once("\n## ").unwrap();
    let documented = options(own).into_iter().chain(options(rest)).collect::<BTreeSet<_>>();
    let mut there = BTreeSet::new();
    for command in COMMANDS {
        let told = ran(mapek(&[command, &["--help"]].concat()), "").await;
        let lines = told.out.lines().map(str::trim_start);
        for line in lines.filter(|line| line.starts_with('-')) {
            // What the option is called stands before what it is for.
            let name = line.split("  ").next().unwrap_or(line);
            there.extend(options(name).into_iter().map(str::to_owned));
        }
    }
    for spread in ["--help", "--version"] {
        assert!(there.remove(spread), "{spread}");
    }
    assert!(there.len() > 40, "{there:?}");
    let documented: BTreeSet<_> = documented.into_iter().map(str::to_owned).collect();
    assert_eq!(documented, there, "docs/cli.md on the left, `mapek help` on the right");

    let help = async |args: &[&str]| {
        let mut command = tokio::process::Command::new(charter());
        command.args(args).stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        ran(command, "").await.out
    };
    let (serves, asks) = (help(&["--help"]).await, help(&["health", "--help"]).await);
    let mut there: BTreeSet<_> = options(&serves).into_iter().chain(options(&asks)).collect();
    for spread in ["--help", "--version"] {
        there.remove(spread);
    }
    assert_eq!(
        options(server),
        there,
        "docs/cli.md on the left, `charter-simd --help` on the right"
    );
}

/// The reference server's program, beside ours.
fn charter() -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_BIN_EXE_mapek")).with_file_name("charter-simd");
    assert!(path.is_file(), "build it first: cargo build -p charter-simd");
    path
}

/// Whether a line of a list begins with the name of a command, and is not the rest of a text.
fn line_begins_command(help: &str, name: &str) -> bool {
    help.lines().any(|line| line.starts_with(&format!("  {name}  ")))
}
