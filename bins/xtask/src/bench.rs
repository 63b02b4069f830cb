//! Runs the benchmarks and holds them against the committed reference.
//!
//! What is compared are ratios to another run, so the reference must come from the same kind of machine: make one with
//! `--save` before a change, and compare after it.

use crate::criterion::{compare, read_reference, read_results, write_reference};
use crate::error::Error;
use crate::workspace::Workspace;

/// Two quiet runs differ by a tenth; a shared machine adds more. Slower than this is a change of the code.
pub(crate) const RATIO_MAX: f64 = 1.5;

/// What to do with the results.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) compare: bool,
    pub(crate) save: bool,
    /// Fails above this many times the reference.
    pub(crate) ratio_max: f64,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Error> {
    let results = workspace.target.join("criterion");
    // Results of benchmarks that no longer exist would be compared, too.
    if results.exists() {
        let removed = std::fs::remove_dir_all(&results);
        removed.map_err(|error| {
            Error::other(format!("cannot remove {}: {error}", results.display()))
        })?;
    }
    for package in &workspace.packages {
        for bench in &package.benches {
            workspace
                .cmd(&format!(
                    "cargo bench --package {} --all-features --bench {bench}",
                    package.name
                ))
                .run()?;
        }
    }
    let now = read_results(&results)?;
    let reference = workspace.root.join("docs/benchmarks.json");
    let compared =
        if options.compare { verdict(&read_reference(&reference)?, &now, options) } else { Ok(()) };
    if options.save {
        write_reference(&reference, &now)?;
        println!("saved {} medians to {}", now.len(), reference.display());
    }
    compared
}

fn verdict(
    reference: &crate::criterion::Medians,
    now: &crate::criterion::Medians,
    options: &Options,
) -> Result<(), Error> {
    let (table, failed) = compare(reference, now, options.ratio_max);
    println!("\n{table}");
    if failed.is_empty() {
        return Ok(());
    }
    Err(Error::other(format!(
        "against docs/benchmarks.json: {}\n(once more: cargo xtask bench --compare)",
        failed.join(", ")
    )))
}
