//! Changes the code in small ways, and looks whether a test notices.
//!
//! Each mutant costs a compilation, so only the tests that are there for the code are built and run: those of its own package. What is said to
//! be equivalent is left out by name, with the reason, in `.cargo/mutants.toml`.

use crate::error::Error;
use crate::setup;
use crate::workspace::Workspace;

/// Code that must not be wrong, and the tests that are to notice.
#[derive(Debug, PartialEq)]
struct Area {
    name: &'static str,
    package: &'static str,
    /// Globs, from the root of the workspace.
    files: &'static [&'static str],
    /// Which tests, as `cargo test` calls them.
    tests: &'static [&'static str],
}

const AREAS: &[Area] = &[
    Area {
        name: "rails",
        package: "mapek-execute",
        files: &["crates/mapek-execute/src/rails/**"],
        tests: &["--lib"],
    },
    Area {
        name: "access",
        package: "mapek-server",
        files: &["crates/mapek-server/src/access/**"],
        tests: &["--lib", "--test=server"],
    },
    Area {
        name: "journal",
        package: "mapek-execute",
        files: &[
            "crates/mapek-execute/src/control/**",
            "crates/mapek-execute/src/executor/**",
            "crates/mapek-execute/src/journal/**",
            "crates/mapek-execute/src/ledger/**",
            "crates/mapek-execute/src/proposals.rs",
            "crates/mapek-execute/src/verify.rs",
        ],
        tests: &["--lib"],
    },
    Area {
        name: "store",
        package: "mapek-store",
        files: &["crates/mapek-store/src/**"],
        tests: &["--lib", "--test=contract", "--test=database", "--test=reader"],
    },
];

/// How many cases of each law are tried against a mutant: most fall to the first few.
const CASES: &str = "64";

/// Mutates these files, or all areas if there are none. An area whose mutants survive is an error, once all were tried.
pub(crate) fn run(workspace: &Workspace, files: &[String]) -> Result<(), Error> {
    let chosen = chosen(files)?;
    setup::for_mutants(workspace)?;
    let mut survived = Vec::new();
    for (area, files) in chosen {
        if mutate(workspace, area, &files).is_err() {
            survived.push(area.name);
        }
    }
    if survived.is_empty() {
        return Ok(());
    }
    let text = format!("mutants survived in {}: target/mutants tells which", survived.join(", "));
    Err(Error::other(text))
}

fn mutate(workspace: &Workspace, area: &Area, files: &[String]) -> Result<(), Error> {
    let output = workspace.target.join("mutants").join(area.name);
    std::fs::create_dir_all(&output).map_err(|error| Error::other(error.to_string()))?;
    // What only a feature compiles is mutated with the rest, and has to be there for its tests.
    let cmd = workspace.cmd("cargo mutants --no-times --all-features --package").arg(area.package);
    let cmd = cmd.arg("--output").arg(output.display().to_string());
    let cmd = files.iter().fold(cmd, |cmd, file| cmd.arg("--file").arg(file));
    // For all of cargo, so that nothing else is compiled either.
    let cmd = area.tests.iter().fold(cmd, |cmd, tests| cmd.arg(format!("--cargo-arg={tests}")));
    cmd.env("PROPTEST_CASES", CASES.to_owned()).run()
}

/// Which areas are mutated, each with the files.
fn chosen(files: &[String]) -> Result<Vec<(&'static Area, Vec<String>)>, Error> {
    if files.is_empty() {
        let all =
            |area: &'static Area| (area, area.files.iter().map(ToString::to_string).collect());
        return Ok(AREAS.iter().map(all).collect());
    }
    let mut chosen: Vec<(&Area, Vec<String>)> = Vec::new();
    for file in files {
        let area = area_of(file)?;
        match chosen.iter_mut().find(|(known, _)| *known == area) {
            Some((_, files)) => files.push(file.clone()),
            None => chosen.push((area, vec![file.clone()])),
        }
    }
    Ok(chosen)
}

/// The area that a file is in; if it is in none, one of its package, whose tests are those of the package.
fn area_of(file: &str) -> Result<&'static Area, Error> {
    let within =
        |area: &&Area| area.files.iter().any(|glob| file.starts_with(glob.trim_end_matches("**")));
    let of_package = |area: &&Area| file.starts_with(&format!("crates/{}/src/", area.package));
    let found = AREAS.iter().find(within).or_else(|| AREAS.iter().find(of_package));
    found.ok_or_else(|| {
        let names: Vec<_> = AREAS.iter().map(|area| area.package).collect();
        Error::other(format!("{file} is in none of the packages {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(files: &[&str]) -> Result<Vec<(&'static str, usize)>, String> {
        let files: Vec<_> = files.iter().map(ToString::to_string).collect();
        let chosen = chosen(&files).map_err(|error| error.to_string())?;
        Ok(chosen.into_iter().map(|(area, files)| (area.name, files.len())).collect())
    }

    #[test]
    fn a_file_is_tried_with_the_tests_of_its_area() {
        let all = named(&[]).unwrap();
        assert_eq!(
            all.iter().map(|it| it.0).collect::<Vec<_>>(),
            ["rails", "access", "journal", "store"]
        );
        let files = [
            "crates/mapek-execute/src/rails/budget.rs",
            "crates/mapek-execute/src/rails/mod.rs",
            "crates/mapek-execute/src/ledger/sent.rs",
            "crates/mapek-store/src/memory.rs",
        ];
        assert_eq!(named(&files).unwrap(), [("rails", 2), ("journal", 1), ("store", 1)]);
        assert_eq!(named(&["crates/mapek-execute/src/judge.rs"]).unwrap(), [("rails", 1)]);
        assert!(named(&["crates/mapek-plan/src/score.rs"]).unwrap_err().contains("mapek-store"));
    }

    #[test]
    fn what_is_mutated_is_there() {
        let workspace = Workspace::find().unwrap();
        for glob in AREAS.iter().flat_map(|area| area.files) {
            let path = workspace.root.join(glob.trim_end_matches("**"));
            assert!(path.exists(), "{glob}");
        }
    }
}
