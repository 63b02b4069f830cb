//! Scenarios from files.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use mapek_eval::Scenario;

use crate::{
    bounded::{self, FILE_BYTES_MAX, ReadError},
    yaml,
};

/// Where the suite is that comes with the source.
const SUITE: &str = "tests/scenarios";

/// A scenario cannot be used.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum ScenarioError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    #[diagnostic(help("name a file of YAML, or a directory with such files"))]
    Unreadable {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is too large to be one.
    #[error("{path} has more than {FILE_BYTES_MAX} bytes, and is not read")]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// It does not say what it should; the report shows where.
    #[error("{rendered}")]
    Invalid {
        /// File, line, column, the line and a remedy.
        rendered: String,
    },
    /// Two are called the same, or one is not called as its file.
    #[error("{path}: the name is {name:?}, {why}")]
    Name {
        /// Which file.
        path: PathBuf,
        /// What it is called.
        name: String,
        /// What is wrong with that.
        why: &'static str,
    },
    /// There are none.
    #[error("there are no scenarios in {path}")]
    #[diagnostic(help(
        "a scenario is a file that ends in .yaml or .yml; docs/evaluation.md shows one"
    ))]
    None {
        /// Where.
        path: PathBuf,
    },
}

/// Reads files and directories, those of a directory in order of name; the suite of the source tree if there are none.
pub(super) fn load(paths: &[PathBuf]) -> Result<Vec<Arc<Scenario>>, ScenarioError> {
    let suite = [PathBuf::from(SUITE)];
    let paths = if paths.is_empty() { &suite } else { paths };
    let (mut scenarios, mut names) = (Vec::new(), BTreeSet::new());
    for path in paths {
        for file in files(path)? {
            let scenario = read(&file)?;
            if !names.insert(scenario.name.clone()) {
                let why = "and so is that of another file";
                return Err(ScenarioError::Name { path: file, name: scenario.name, why });
            }
            scenarios.push(Arc::new(scenario));
        }
    }
    Ok(scenarios)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, ScenarioError> {
    let unreadable = |source| ScenarioError::Unreadable { path: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(unreadable)?;
    let entries: Result<Vec<_>, _> = entries.map(|it| it.map(|it| it.path())).collect();
    let mut files = entries.map_err(unreadable)?;
    files.retain(|file| file.extension().is_some_and(|it| it == "yaml" || it == "yml"));
    files.sort();
    if files.is_empty() {
        return Err(ScenarioError::None { path: path.to_owned() });
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Scenario, ScenarioError> {
    let text = bounded::read(path).map_err(|error| match error {
        ReadError::Unreadable(source) => {
            ScenarioError::Unreadable { path: path.to_owned(), source }
        }
        ReadError::TooLarge => ScenarioError::TooLarge { path: path.to_owned() },
    })?;
    let scenario: Scenario = yaml::parse(&text, &path.display().to_string())
        .map_err(|rendered| ScenarioError::Invalid { rendered })?;
    let stem = path.file_stem().and_then(|it| it.to_str());
    if stem != Some(scenario.name.as_str()) {
        let why = "and not that of its file";
        return Err(ScenarioError::Name { path: path.to_owned(), name: scenario.name, why });
    }
    Ok(scenario)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = load(&[path]).unwrap_err().to_string();
        error.replace(&format!("{}/", directory.path().display()), "")
    }

    #[test]
    fn what_is_wrong_is_told_with_file_line_and_remedy() {
        let text = "name: bad\ndescription: x\nfaluts: []\n";
        let error = refused("bad.yaml", text);
        assert!(error.starts_with("bad.yaml:3:1: "), "{error}");
        assert!(error.contains("the nearest valid key is faults"), "{error}");

        let late =
            "name: late\ndescription: x\nhorizon: 30m\nfaults:\n  - kind: overload\n    at: 40m\n";
        let error = refused("late.yaml", late);
        assert!(error.starts_with("late.yaml:6:"), "{error}");
        assert!(error.contains("begins too late to be healed: 25m at most"), "{error}");

        let negative = "name: n\ndescription: x\nplant:\n  service_rate: -1\nkind: control\n";
        let error = refused("n.yaml", negative);
        assert!(error.contains("service_rate is -1, not within 0.1 and 10000"), "{error}");
    }

    #[test]
    fn the_suite_makes_sense_and_has_something_of_each_kind() {
        use mapek_eval::ScenarioKind::{Control, Escalate, Fault};
        let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scenarios");
        let scenarios = load(&[PathBuf::from(suite)]).unwrap();
        let count = |kind| scenarios.iter().filter(|it| it.kind == kind).count();
        assert!(count(Fault) >= 30 && count(Control) >= 10 && count(Escalate) >= 1);
    }

    #[test]
    fn a_scenario_is_called_as_its_file_and_no_two_alike() {
        let error = refused("other.yaml", "name: this\ndescription: x\nkind: control\n");
        assert!(error.ends_with("the name is \"this\", and not that of its file"), "{error}");
        let directory = tempfile::tempdir().unwrap();
        let error = load(&[directory.path().to_owned()]).unwrap_err();
        assert!(matches!(error, ScenarioError::None { .. }));
        let missing = load(&[directory.path().join("missing.yaml")]).unwrap_err();
        assert!(matches!(missing, ScenarioError::Unreadable { .. }));
    }
}
