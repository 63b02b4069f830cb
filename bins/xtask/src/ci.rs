//! What CI runs, which is what the README tells everybody to run.
//!
//! The order is from what fails fast to what takes long. Everything is built in the debug profile, in one target
//! directory, and as far as possible with the same features, so that nothing is compiled twice without need.

use std::time::Duration;

use crate::error::Error;
use crate::steps::Steps;
use crate::workspace::{Package, Workspace};
use crate::{dst, examples, reliability, setup, simulate};

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
    steps.step("test", || test(workspace, all))?;
    steps.step("doc tests", || cmd(&format!("cargo test {all} --doc --quiet")).run())?;
    steps.step("docs", || {
        let doc = cmd(&format!("cargo doc {all} --no-deps --lib"));
        doc.env("RUSTDOCFLAGS", "-D warnings").run()
    })?;
    steps.step("examples", || examples::run(workspace, all))?;
    steps.step("features", || features(workspace))?;
    steps.step("readme", || {
        cmd("cargo build --bin mapek").run()?;
        cmd("cargo run --bin mapek -- demo --once").run_within(DEMO_LIMIT)
    })?;
    steps.step("deterministic simulation", || {
        dst::run(workspace, &["--seeds", "1000"].map(str::to_owned))
    })?;
    steps.step("crash", || reliability::crash_quick(workspace))?;
    steps.step("simulation", || simulate::run(workspace, false))?;
    steps.finish()
}

/// Tests, with their report for machines.
fn test(workspace: &Workspace, all: &str) -> Result<(), Error> {
    // nextest keeps its report below the root, wherever cargo builds. An old one must not pass for that of this run.
    let from = workspace.root.join("target/nextest/ci/junit.xml");
    drop(std::fs::remove_file(&from));
    let line = format!("cargo nextest run {all} --profile ci --status-level slow");
    let tested = workspace.cmd(&line).run();
    // The report matters most when a test has failed.
    let copied = std::fs::copy(&from, workspace.report("junit.xml")?);
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

/// Features only add, so each library that is published has to compile without any, and with each alone. Where there is just one, with
/// it means with all, which was checked before.
fn features(workspace: &Workspace) -> Result<(), Error> {
    for package in &workspace.packages {
        for line in feature_checks(package) {
            workspace.cmd(&line).run()?;
        }
    }
    Ok(())
}

fn feature_checks(package: &Package) -> Vec<String> {
    let name = &package.name;
    if !package.is_library || !package.is_published || package.features.is_empty() {
        return vec![];
    }
    let bare = format!("cargo check --quiet --package {name} --no-default-features");
    // Mocks are for tests, which build with all features.
    let alone = package.features.iter().filter(|feature| *feature != "mock");
    let alone: Vec<_> = alone.map(|feature| format!("{bare} --features {feature}")).collect();
    let alone = if alone.len() == 1 { vec![] } else { alone };
    std::iter::once(bare).chain(alone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(features: &[&str], is_library: bool) -> Package {
        let features = features.iter().map(ToString::to_string).collect();
        let is_published = true;
        Package { name: "p".into(), features, is_library, is_published, ..Package::default() }
    }

    #[test]
    fn each_feature_is_checked_alone() {
        let bare = "cargo check --quiet --package p --no-default-features";
        let checks = feature_checks(&package(&["http", "mock", "sqlite"], true));
        assert_eq!(
            checks,
            [
                bare.to_owned(),
                format!("{bare} --features http"),
                format!("{bare} --features sqlite")
            ]
        );
    }

    #[test]
    fn a_feature_that_is_the_only_one_was_checked_with_all() {
        let bare = "cargo check --quiet --package p --no-default-features";
        assert_eq!(feature_checks(&package(&["http", "mock"], true)), [bare]);
    }

    #[test]
    fn what_has_no_features_was_checked_before() {
        assert!(feature_checks(&package(&[], true)).is_empty());
        assert!(feature_checks(&package(&["a"], false)).is_empty());
        let unpublished = Package { is_published: false, ..package(&["a"], true) };
        assert!(feature_checks(&unpublished).is_empty());
    }
}
