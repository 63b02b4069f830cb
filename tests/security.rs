//! `SECURITY.md` names tests as its evidence: each of them must be there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

#[test]
fn every_test_that_is_named_as_evidence_exists() {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("it is committed");
    let named = evidence(&text);
    assert!(named.len() >= 10, "each of the ten risks has tests: {named:?}");
    let mut functions = BTreeSet::new();
    for directory in ["bins", "crates", "tests"] {
        collect(&root().join(directory), &mut functions);
    }
    let missing: Vec<_> = named.iter().filter(|name| !functions.contains(**name)).collect();
    assert!(missing.is_empty(), "SECURITY.md names tests that are not there: {missing:?}");
}

#[test]
fn each_of_the_ten_risks_names_a_test() {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("it is committed");
    let without: Vec<_> = (1..=10)
        .map(|number| format!("| API{number} "))
        .filter(|risk| {
            let row = text.lines().find(|line| line.starts_with(risk.as_str()));
            row.is_none_or(|row| evidence(row).is_empty())
        })
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

/// What stands between backticks in the last column of the rows about risks (`| API1 …`).
fn evidence(text: &str) -> BTreeSet<&str> {
    let is_risk = |line: &&str| {
        line.strip_prefix("| API")
            .is_some_and(|rest| rest.starts_with(|it: char| it.is_ascii_digit()))
    };
    let rows = text.lines().filter(is_risk);
    let last = rows.filter_map(|row| row.trim_end_matches(['|', ' ']).rsplit(" | ").next());
    last.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// The names of all functions in Rust files below a directory.
fn collect(directory: &Path, functions: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory of the workspace").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, functions);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).expect("source is text");
            let names = text.lines().filter_map(|line| line.split_once("fn ")?.1.split_once('('));
            functions.extend(names.map(|(name, _)| name.to_owned()));
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
