//! Tries the laws of rails and executor with many cases.

use crate::error::Error;
use crate::workspace::Workspace;

/// Where laws are: modules of this name. Each test in them reads `PROPTEST_CASES`.
const LAWS: &str = "properties::";

/// Tries each law with so many cases, one after the other, in the release profile.
pub(crate) fn run(workspace: &Workspace, cases: u64) -> Result<(), Error> {
    let tests = "cargo test --quiet --locked --release --package mapek-execute --lib --";
    let listed = workspace.cmd(tests).arg("--list").arg(LAWS).read()?;
    let laws: Vec<_> = laws(&listed).collect();
    if laws.is_empty() {
        // A filter that fits nothing would pass.
        return Err(Error::other(format!("no test of mapek-execute is in a module {LAWS}")));
    }
    for law in laws {
        let run = workspace.cmd(tests).arg("--exact").arg(law);
        run.env("PROPTEST_CASES", cases.to_string()).run()?;
    }
    Ok(())
}

fn laws(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().filter_map(|line| line.strip_suffix(": test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_are_read_off_the_list() {
        let listed = "rails::tests::properties::a: test\nother: benchmark\n\n1 test, 1 benchmark\n";
        assert_eq!(laws(listed).collect::<Vec<_>>(), ["rails::tests::properties::a"]);
    }
}
