//! What criterion leaves behind, and how it compares with the committed reference.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::error::Error;

/// Median time of one iteration, in nanoseconds, by the full name of the benchmark.
pub(crate) type Medians = BTreeMap<String, f64>;

/// A directory tree of criterion is group, function, parameter, `new`: more than this is not its work.
const DEPTH_MAX: usize = 8;

/// Reads all results of the last run below `target/criterion`.
pub(crate) fn read_results(dir: &Path) -> Result<Medians, Error> {
    let mut medians = Medians::new();
    collect(dir, DEPTH_MAX, &mut medians)?;
    if medians.is_empty() {
        return Err(Error::other(format!("no benchmark has left a result in {}", dir.display())));
    }
    Ok(medians)
}

fn collect(dir: &Path, depth: usize, medians: &mut Medians) -> Result<(), Error> {
    let result = dir.join("new");
    if result.join("estimates.json").is_file() {
        let name = read_json(&result.join("benchmark.json"))?;
        let estimates = read_json(&result.join("estimates.json"))?;
        let (name, median) = result_of(&name, &estimates)
            .ok_or_else(|| Error::other(format!("{} holds no median", result.display())))?;
        medians.insert(name, median);
    }
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| depth > 0 && path.is_dir()) {
        collect(&path, depth - 1, medians)?;
    }
    Ok(())
}

fn result_of(benchmark: &Value, estimates: &Value) -> Option<(String, f64)> {
    let name = benchmark["full_id"].as_str()?;
    let median = estimates["median"]["point_estimate"].as_f64()?;
    (median > 0.0).then(|| (name.to_owned(), median))
}

fn read_json(path: &Path) -> Result<Value, Error> {
    let bad = |error: &dyn std::fmt::Display| Error::other(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| bad(&error))?;
    serde_json::from_str(&text).map_err(|error| bad(&error))
}

/// Reads the committed reference.
pub(crate) fn read_reference(path: &Path) -> Result<Medians, Error> {
    let reference = read_json(path)?;
    let medians = reference["median_ns"].as_object();
    let medians = medians.and_then(|all| {
        all.iter().map(|(name, median)| Some((name.clone(), median.as_f64()?))).collect()
    });
    medians.ok_or_else(|| Error::other(format!("{} has no `median_ns` of numbers", path.display())))
}

/// Writes a new reference, in tenths of nanoseconds: more digits are noise.
pub(crate) fn write_reference(path: &Path, medians: &Medians) -> Result<(), Error> {
    let rounded: Medians =
        medians.iter().map(|(name, ns)| (name.clone(), (ns * 10.0).round() / 10.0)).collect();
    let text = format!("{:#}\n", json!({ "median_ns": rounded }));
    let written = std::fs::write(path, text);
    written.map_err(|error| Error::other(format!("cannot write {}: {error}", path.display())))
}

/// A table of both with their ratios, and the names of those that are too slow or were not run.
pub(crate) fn compare(reference: &Medians, now: &Medians, ratio_max: f64) -> (String, Vec<String>) {
    let names: std::collections::BTreeSet<_> = reference.keys().chain(now.keys()).collect();
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0).max(9);
    let mut table = format!("{:width$}  {:>12}  {:>12}  ratio", "benchmark", "reference", "now");
    let mut failed = vec![];
    for name in names {
        let (before, after) = (reference.get(name), now.get(name));
        let verdict = match (before, after) {
            (Some(before), Some(after)) => {
                let ratio = after / before;
                let slow = ratio > ratio_max;
                failed.extend(slow.then(|| format!("{name} ({ratio:.2} times the reference)")));
                format!("{ratio:5.2}{}", if slow { "  TOO SLOW" } else { "" })
            }
            (Some(_), None) => {
                failed.push(format!("{name} (not run)"));
                "not run".to_owned()
            }
            (None, _) => "new".to_owned(),
        };
        table += &format!("\n{name:width$}  {:>12}  {:>12}  {verdict}", time(before), time(after));
    }
    (table, failed)
}

/// Nanoseconds, in the unit that a person would choose.
fn time(ns: Option<&f64>) -> String {
    let Some(ns) = ns else { return "-".to_owned() };
    match *ns {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn medians(all: &[(&str, f64)]) -> Medians {
        all.iter().map(|(name, ns)| ((*name).to_owned(), *ns)).collect()
    }

    fn scratch(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(&dir).expect("the directory of temporary files can be written");
        dir
    }

    #[test]
    fn results_are_found_at_any_depth() {
        let dir = scratch("results");
        for (path, name, ns) in [("a/new", "a", 10.5), ("g/f/100/new", "g/f/100", 2e6)] {
            let at = dir.join(path);
            std::fs::create_dir_all(&at).unwrap();
            std::fs::write(at.join("benchmark.json"), json!({"full_id": name}).to_string())
                .unwrap();
            let estimates =
                json!({"median": {"point_estimate": ns}, "mean": {"point_estimate": 1.0}});
            std::fs::write(at.join("estimates.json"), estimates.to_string()).unwrap();
        }
        std::fs::create_dir_all(dir.join("g/report")).unwrap();
        assert_eq!(read_results(&dir).unwrap(), medians(&[("a", 10.5), ("g/f/100", 2e6)]));

        std::fs::write(dir.join("a/new/estimates.json"), "{}").unwrap();
        assert!(read_results(&dir).unwrap_err().to_string().contains("no median"));
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(read_results(&dir).unwrap_err().to_string().contains("no benchmark"));
    }

    #[test]
    fn a_reference_is_read_as_it_was_written() {
        let dir = scratch("reference");
        let path = dir.join("benchmarks.json");
        write_reference(&path, &medians(&[("a", 10.04), ("b", 3.0)])).unwrap();
        assert_eq!(read_reference(&path).unwrap(), medians(&[("a", 10.0), ("b", 3.0)]));
        std::fs::write(&path, r#"{"median_ns": {"a": "fast"}}"#).unwrap();
        assert!(read_reference(&path).unwrap_err().to_string().contains("median_ns"));
        std::fs::write(&path, "{").unwrap();
        assert!(read_reference(&path).unwrap_err().to_string().contains("benchmarks.json"));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn slow_and_absent_benchmarks_fail_and_new_ones_do_not() {
        let reference = medians(&[("gone", 5.0), ("same", 1_000.0), ("slow", 1e6)]);
        let now = medians(&[("new", 2e9), ("same", 1_400.0), ("slow", 1.6e6)]);
        let (table, failed) = compare(&reference, &now, 1.5);
        assert_eq!(failed, ["gone (not run)", "slow (1.60 times the reference)"]);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines[1], "gone             5.0 ns             -  not run");
        assert_eq!(lines[2], "new                   -        2.00 s  new");
        assert_eq!(lines[3], "same            1.00 us       1.40 us   1.40");
        assert_eq!(lines[4], "slow            1.00 ms       1.60 ms   1.60  TOO SLOW");
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        let (_, failed) = compare(&medians(&[("a", 2.0)]), &medians(&[("a", 3.0)]), 1.5);
        assert!(failed.is_empty());
    }
}
