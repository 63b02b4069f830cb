//! Runs every example, because one that compiles may still mislead.

use std::time::Duration;

use crate::error::Error;
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// An example shows one idea; nobody waits longer than this for one.
const LIMIT: Duration = Duration::from_secs(60);

/// Builds and runs the examples of all packages. `features` is what the tests were built with, so that little is new.
pub(crate) fn run(workspace: &Workspace, features: &str) -> Result<(), Error> {
    let examples: Vec<_> =
        workspace.packages.iter().flat_map(|package| &package.examples).collect();
    if examples.is_empty() {
        println!("There are no examples.");
        return Ok(());
    }
    workspace.cmd(&format!("cargo build {features} --examples")).run()?;
    for example in examples {
        let program = workspace.target.join("debug/examples").join(example);
        // Not by the words of a line: the path may hold spaces.
        Cmd::program(&program).dir(&workspace.root).run_within(LIMIT)?;
    }
    Ok(())
}
