//! What is different where a person sits at a terminal: they are asked, and there are colours.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::{
    demo::Demo,
    support::{Ran, mapek, ran},
};

/// Runs the binary on a terminal of its own, at which somebody types; `script` of util-linux makes one. What is shown there has no second channel
/// for errors.
async fn at_a_terminal(args: &[&str], environment: &[(&str, &str)], typed: &str) -> Ran {
    let line = format!("'{}' {}", env!("CARGO_BIN_EXE_mapek"), args.join(" "));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.env_clear().env("TERM", "xterm-256color").env("SHELL", "/bin/sh").kill_on_drop(true);
    command.envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    ran(command, typed).await
}

const ESCAPE: char = '\u{1b}';

#[tokio::test]
async fn a_person_is_asked_before_a_plan_is_approved() {
    let mut demo = Demo::start("1000").await;
    let line = demo.until("asks     for a person's word").await;
    let plan = line.split("(plan ").nth(1).unwrap().trim_end_matches(')').to_owned();
    let approve = ["plans", "approve", &plan, "--url", &demo.url];
    let approval = async || {
        let shown = ran(mapek(&["plans", "show", &plan, "--json", "--url", &demo.url]), "").await;
        let shown: Value = serde_json::from_str(&shown.out).unwrap_or_else(|_| panic!("{shown:?}"));
        shown["approval"]["status"].as_str().unwrap().to_owned()
    };
    for answer in ["n\n", "\n", "yess\n", "\u{4}"] {
        let told = at_a_terminal(&approve, &[], answer).await;
        assert_eq!(told.code, Some(1), "{answer:?} {told:?}");
        assert!(told.out.contains("approve this plan? [y/N]"), "{}", told.out);
        assert!(told.out.contains("nothing was done"), "{}", told.out);
        assert_eq!(approval().await, "pending", "{answer:?}");
    }
    // Nobody is asked who is not there.
    let told = ran(mapek(&approve), "y\n").await;
    assert!(told.code == Some(2) && told.err.contains("nobody is there"), "{told:?}");
    assert_eq!(approval().await, "pending");
    let told = at_a_terminal(&approve, &[], "y\n").await;
    assert!(told.code == Some(0) && told.out.contains("approved by visitor"), "{told:?}");
    demo.until("hears    yes from visitor").await;
}

#[tokio::test]
async fn there_are_colours_on_a_terminal_unless_somebody_wants_none() {
    let demo = Demo::start("1").await;
    let (shown, refused) =
        (["status", "--url", &demo.url], ["status", "--url", "http://127.0.0.1:1"]);
    let none: &[(&str, &str)] = &[];
    for args in [&shown[..], &refused] {
        let plain = [&["--color", "never"], args].concat();
        for (args, environment, coloured) in [
            (args, none, true),
            (args, &[("NO_COLOR", "")], true),
            (args, &[("NO_COLOR", "1")], false),
            (args, &[("TERM", "dumb")], false),
            (&plain, none, false),
        ] {
            let told = at_a_terminal(args, environment, "").await;
            assert_eq!(told.out.contains(ESCAPE), coloured, "{args:?} {environment:?} {told:?}");
        }
        let piped = ran(mapek(args), "").await;
        assert!(!piped.out.contains(ESCAPE) && !piped.err.contains(ESCAPE), "{piped:?}");
        let always = ran(mapek(&[&["--color", "always"], args].concat()), "").await;
        assert!(always.out.contains(ESCAPE) || always.err.contains(ESCAPE), "{always:?}");
    }
}
