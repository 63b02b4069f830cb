//! What CI runs, which is what the README tells everybody to run.
//!
//! The order is from what fails fast to what takes long. Everything but the simulation is built in the debug profile, in one target
//! directory, and as far as possible with the same features, so that nothing is compiled twice without need.

use std::time::Duration;

use crate::error::Error;
use crate::shell::Cmd;
use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{dst, examples, features, reliability, setup, simulate};

/// The first command of the README ends by itself within two minutes; a busy machine gets some more.
const DEMO_LIMIT: Duration = Duration::from_secs(180);

pub(crate) fn run(workspace: &Workspace, keep_going: bool) -> Result<(), Error> {
    let cmd = |line: &str| workspace.cmd(line);
    let all = "--locked --workspace --all-features";
    let mut steps = Steps::new("cargo xtask ci", keep_going);
    steps.step("setup", || setup::for_ci(workspace))?;
    steps.step("format", || cmd("cargo fmt --all --check").run())?;
    steps.step("dependencies", || dependencies(workspace))?;
    steps
        .step("lint", || cmd(&format!("cargo clippy {all} --all-targets -- -D warnings")).run())?;
    steps.step("test", || {
        let line = format!("cargo nextest run {all} --profile ci");
        // They draw thousands of seeds, for which this profile is too slow.
        let cmd = workspace.cmd(&line).arg("-E").arg("not (package(mapek-dst) & binary(harness))");
        test(workspace, cmd, "ci", "junit.xml")
    })?;
    steps.step("doc tests", || cmd(&format!("cargo test {all} --doc --quiet")).run())?;
    steps.step("docs", || {
        let doc = cmd(&format!("cargo doc {all} --no-deps --lib"));
        doc.env("RUSTDOCFLAGS", "-D warnings").run()
    })?;
    steps.step("examples", || examples::run(workspace, all))?;
    steps.step("features", || features::none(workspace))?;
    steps.step("readme", || {
        cmd("cargo build --bin mapek").run()?;
        cmd("cargo run --bin mapek -- demo --once").run_within(DEMO_LIMIT)
    })?;
    steps.step("deterministic simulation", || {
        let line =
            "cargo nextest run --locked --package mapek-dst --cargo-profile dst --profile ci-dst";
        test(workspace, cmd(line), "ci-dst", "junit-dst.xml")?;
        dst::built(workspace, &["--seeds", "1000"])
    })?;
    steps.step("crash", || reliability::built(workspace, "crash"))?;
    steps.step("disk", || reliability::built(workspace, "disk"))?;
    steps.step("simulation", || simulate::run(workspace, false))?;
    steps.finish()
}

/// Tests by nextest under one of its profiles, with their report for machines.
fn test(workspace: &Workspace, cmd: Cmd, profile: &str, report: &str) -> Result<(), Error> {
    // nextest keeps its report below the root, wherever cargo builds. An old one must not pass for that of this run.
    let from = workspace.root.join("target/nextest").join(profile).join("junit.xml");
    drop(std::fs::remove_file(&from));
    let tested = cmd.arg("--status-level").arg("slow").run();
    // The report matters most when a test has failed.
    let copied = std::fs::copy(&from, workspace.report(report)?);
    tested?;
    copied
        .map(drop)
        .map_err(|error| Error::other(format!("no report at {}: {error}", from.display())))
}

fn dependencies(workspace: &Workspace) -> Result<(), Error> {
    println!(
        "Advisories are left out, as their database is cloned from the network: `cargo deny check advisories`."
    );
    workspace.cmd("cargo deny --offline check licenses bans sources").run()
}
