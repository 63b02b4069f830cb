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

/// Largest trace of arrivals that is read, in bytes: as many rows as one may have, at forty bytes each.
const TRACE_BYTES_MAX: u64 = 4 * 1024 * 1024;

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
    #[error("{path} has more than {max} bytes, and is not read")]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// How large it may be.
        max: u64,
    },
    /// The trace of arrivals that it names cannot be read.
    #[error("{scenario}: cannot read the trace {path}")]
    #[diagnostic(help(
        "plant.arrivals.file names a file of CSV, relative to the scenario; docs/evaluation.md shows one"
    ))]
    UnreadableTrace {
        /// Which scenario.
        scenario: PathBuf,
        /// What it names.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
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
    let text = text(path, FILE_BYTES_MAX, |source| {
        let path = path.to_owned();
        ScenarioError::Unreadable { path, source }
    })?;
    let mut scenario: Scenario = yaml::parse(&text, &path.display().to_string())
        .map_err(|rendered| ScenarioError::Invalid { rendered })?;
    read_trace(&mut scenario, path)?;
    let stem = path.file_stem().and_then(|it| it.to_str());
    if stem != Some(scenario.name.as_str()) {
        let why = "and not that of its file";
        return Err(ScenarioError::Name { path: path.to_owned(), name: scenario.name, why });
    }
    Ok(scenario)
}

fn text(
    path: &Path,
    max: u64,
    unreadable: impl Fn(std::io::Error) -> ScenarioError,
) -> Result<String, ScenarioError> {
    bounded::read_up_to(path, max).map_err(|error| match error {
        ReadError::Unreadable(source) => unreadable(source),
        ReadError::TooLarge => ScenarioError::TooLarge { path: path.to_owned(), max },
    })
}

/// Reads the trace that the scenario in `path` names, relative to that, and looks whether it lasts as long.
fn read_trace(scenario: &mut Scenario, path: &Path) -> Result<(), ScenarioError> {
    let arrivals = &mut scenario.plant.arrivals;
    let Some(file) = arrivals.unread() else { return Ok(()) };
    let trace = path.parent().unwrap_or(Path::new("")).join(file);
    let name = trace.display().to_string();
    let text = text(&trace, TRACE_BYTES_MAX, |source| {
        let (scenario, path) = (path.to_owned(), trace.clone());
        ScenarioError::UnreadableTrace { scenario, path, source }
    })?;
    let invalid = |rendered| Err(ScenarioError::Invalid { rendered });
    if let Err(error) = arrivals.fill(&text, &name) {
        return invalid(format!("{error}\n  = note: {} plays it", path.display()));
    }
    match scenario.uncovered() {
        Some(reason) => {
            let last = text.trim_end().lines().count();
            invalid(format!("{name}:{last}:1: {reason}\n  = note: {} plays it", path.display()))
        }
        None => Ok(()),
    }
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
        assert!(error.starts_with("n.yaml:4:"), "{error}");
        assert!(error.contains("service_rate is -1, not within 0.1 and 10000"), "{error}");

        let rate = "name: r\ndescription: x\nplant:\n  arrivals:\n    shape: constant\n    rate: -5\nkind: control\n";
        let error = refused("r.yaml", rate);
        assert!(error.starts_with("r.yaml:"), "{error}");
        assert!(error.contains("arrivals.rate is -5, not within 0 and 100000"), "{error}");
    }

    /// What is told of a scenario that plays a trace of the text `trace`.
    fn played(trace: &str) -> Result<(), String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.yaml");
        let text = "name: t\ndescription: x\nkind: control\nplant:\n  arrivals: {shape: trace, file: traces/t.csv}\n";
        std::fs::write(&path, text).unwrap();
        std::fs::create_dir(directory.path().join("traces")).unwrap();
        if !trace.is_empty() {
            std::fs::write(directory.path().join("traces/t.csv"), trace).unwrap();
        }
        let loaded = load(&[path]).map(drop).map_err(|error| error.to_string());
        loaded.map_err(|it| it.replace(&format!("{}/", directory.path().display()), ""))
    }

    #[test]
    fn a_trace_is_read_beside_its_scenario_and_what_is_wrong_with_it_is_told() {
        assert_eq!(played("seconds,rate\n0,500\n1800,510\n"), Ok(()));
        assert_eq!(played("").unwrap_err(), "t.yaml: cannot read the trace traces/t.csv");
        let gap = played("seconds,rate\n0,500\n60,510\n240,510\n300,510\n").unwrap_err();
        assert!(gap.starts_with("traces/t.csv:4:1: there is a gap: 180 s"), "{gap}");
        assert!(
            gap.contains("\n  = help: write the rows") && gap.contains("t.yaml plays it"),
            "{gap}"
        );
        let nan = played("0,500\n60,NaN\n").unwrap_err();
        assert!(nan.starts_with("traces/t.csv:2:4: the rate is NaN"), "{nan}");
        let short = played("0,500\n60,510\n").unwrap_err();
        assert!(short.starts_with("traces/t.csv:2:1: the trace ends 120 s after"), "{short}");
    }

    #[test]
    fn every_scenario_of_the_suite_is_as_the_schema_says_and_what_is_not_is_refused() {
        let schema = serde_json::to_value(mapek_eval::scenario_schema()).unwrap();
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.add_resource("scenario.json", schema).unwrap();
        let schema = compiler.compile("scenario.json", &mut schemas).unwrap();
        let valid = |text: &str| {
            let value: serde_json::Value = serde_saphyr::from_str(text).unwrap();
            schemas.validate(&value, schema).map_err(|error| error.to_string())
        };
        let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scenarios");
        for file in files(Path::new(suite)).unwrap() {
            let told = valid(&std::fs::read_to_string(&file).unwrap());
            assert_eq!(told, Ok(()), "{}", file.display());
        }
        let good = "name: x\ndescription: x\n";
        assert_eq!(valid(good), Ok(()));
        for bad in [
            "faluts: []",
            "plant: {arrivals: {shape: constant, rate: -1}}",
            "plant: {replicas: 0}",
            "faults: [{kind: overlaod}]",
            "faults: [{kind: overload, intensity: 2}]",
            "horizon: -5",
            "changes: [{at: 1m, does: {kind: scale}}]",
        ] {
            assert!(valid(&format!("{good}{bad}\n")).is_err(), "{bad}");
        }
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
