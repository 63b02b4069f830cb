//! Runs the deterministic simulation.

use crate::error::Error;
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// Runs it with its own profile: quick, and with all assertions in it.
pub(crate) fn run(workspace: &Workspace, options: &[String]) -> Result<(), Error> {
    let cmd = workspace.cmd("cargo run --quiet --profile dst --package mapek-dst --");
    options.iter().fold(cmd, Cmd::arg).run()
}

/// Runs the program that was built for its tests (it is, as they are integration tests): `cargo run` would build it again, with fewer
/// features.
pub(crate) fn built(workspace: &Workspace, options: &[&str]) -> Result<(), Error> {
    let cmd = Cmd::program(&workspace.target.join("dst/mapek-dst")).dir(&workspace.root);
    options.iter().fold(cmd, |cmd, option| cmd.arg(*option)).run()
}
