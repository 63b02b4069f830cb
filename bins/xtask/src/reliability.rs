//! What `mapek-crash` does: kills the loop at every point, has its disk fail, loads its webhook, and times how it
//! comes back; and what `mapek-fuzz` does.

use crate::error::Error;
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// What it is called with, after the name of what is measured.
type Arguments = [String];

/// Every point (`crash`) or place on the disk (`disk`) once.
fn quick(workspace: &Workspace, what: &str) -> Result<(), Error> {
    workspace.cmd("cargo build --quiet --locked --package mapek-crash").run()?;
    built(workspace, what)
}

/// The same by the program that was built for its tests (it is, as they are integration tests): `cargo build` would build it again, with
/// fewer features.
pub(crate) fn built(workspace: &Workspace, what: &str) -> Result<(), Error> {
    harness(workspace, "debug").arg(what).arg("--quick").run()
}

/// As many kills (`crash`), or as much trouble (`disk`), as asked for, in the release profile.
pub(crate) fn campaign(
    workspace: &Workspace,
    what: &str,
    arguments: &Arguments,
) -> Result<(), Error> {
    if arguments.is_empty() || arguments == ["--quick"] {
        return quick(workspace, what);
    }
    measure(workspace, what, arguments)
}

/// Mutates what comes from outside, with all assertions in who reads it.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &Arguments) -> Result<(), Error> {
    let cmd = workspace.cmd("cargo run --quiet --locked --profile dst --package mapek-fuzz --");
    arguments.iter().fold(cmd, Cmd::arg).run()
}

/// Ten thousand event streams, with all assertions; prints what each takes.
pub(crate) fn streams(workspace: &Workspace) -> Result<(), Error> {
    let line = "cargo nextest run --locked --package mapek-server --test server --run-ignored only --no-capture";
    workspace.cmd(line).arg("ten_thousand").run()
}

/// A measurement, in the release profile.
pub(crate) fn measure(
    workspace: &Workspace,
    what: &str,
    arguments: &Arguments,
) -> Result<(), Error> {
    workspace.cmd("cargo build --quiet --locked --release --package mapek-crash").run()?;
    let run = harness(workspace, "release").arg(what);
    arguments.iter().fold(run, Cmd::arg).run()
}

fn harness(workspace: &Workspace, profile: &str) -> Cmd {
    Cmd::program(&workspace.target.join(profile).join("mapek-crash")).dir(&workspace.root)
}
