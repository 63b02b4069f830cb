//! How much of the code the tests reach.

use crate::error::Error;
use crate::setup;
use crate::shell::Cmd;
use crate::workspace::Workspace;

/// Fewer lines than this, in percent, fail.
const LINES_MIN: &str = "85";

/// What is not shipped is not measured: chores, tests, examples and the test kit.
const UNMEASURED: &str = "(bins/xtask|tests|examples|benches|crates/mapek-testkit)/";

pub(crate) fn run(workspace: &Workspace) -> Result<(), Error> {
    setup::for_coverage(workspace)?;
    let tests = "cargo llvm-cov nextest --no-report --workspace --all-features --profile ci --status-level slow";
    tool(workspace, tests).run()?;
    let lcov = workspace.report("lcov.info")?.display().to_string();
    report(workspace).arg("--lcov").arg("--output-path").arg(lcov).run()?;
    let summary = report(workspace).read()?;
    println!("{summary}");
    let path = workspace.report("coverage.txt")?;
    let written = std::fs::write(&path, &summary);
    written.map_err(|error| Error::other(format!("cannot write {}: {error}", path.display())))?;
    report(workspace).arg("--summary-only").arg("--fail-under-lines").arg(LINES_MIN).run()
}

/// Whether rustup has brought the tools that fit the compiler.
pub(crate) fn has_own_llvm_tools() -> bool {
    let Ok(root) = Cmd::new("rustc --print sysroot").read() else { return false };
    let Ok(hosts) = std::fs::read_dir(std::path::Path::new(root.trim()).join("lib/rustlib")) else {
        return false;
    };
    hosts.flatten().any(|host| host.path().join("bin/llvm-profdata").exists())
}

fn report(workspace: &Workspace) -> Cmd {
    tool(workspace, "cargo llvm-cov report --ignore-filename-regex").arg(UNMEASURED)
}

fn tool(workspace: &Workspace, line: &str) -> Cmd {
    let cmd = workspace.cmd(line);
    if has_own_llvm_tools() {
        return cmd;
    }
    cmd.env("LLVM_COV", "llvm-cov-19").env("LLVM_PROFDATA", "llvm-profdata-19")
}
