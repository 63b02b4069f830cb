//! Runs the deterministic simulation.

use crate::error::Error;
use crate::workspace::Workspace;

/// Runs it with its own profile: quick, and with all assertions in it.
pub(crate) fn run(workspace: &Workspace, options: &[String]) -> Result<(), Error> {
    let cmd = workspace.cmd("cargo run --quiet --profile dst --package mapek-dst --");
    options.iter().fold(cmd, |cmd, option| cmd.arg(option)).run()
}
