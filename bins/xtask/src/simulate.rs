//! Runs the shipped suite in its short form, and holds what it is worth against the committed figures.
//!
//! The same seed gives the same figures, so they change with the code alone; a little room is left for what other processors and other
//! libraries of mathematics make of the last digit of a number.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::workspace::Workspace;

/// The committed figures.
const FIGURES: &str = "docs/figures.json";

/// What may not get worse.
struct Figure {
    name: &'static str,
    /// Whether more of it is better.
    more: bool,
    /// By how much it may get worse and still be the same.
    room: f64,
}

const FIGURES_HELD: [Figure; 9] = [
    Figure { name: "mitigated_share", more: true, room: 0.005 },
    Figure { name: "cause_at_1", more: true, room: 0.005 },
    Figure { name: "cause_at_3", more: true, room: 0.005 },
    Figure { name: "harmful_actions", more: false, room: 0.0 },
    Figure { name: "actions_in_controls", more: false, room: 0.0 },
    Figure { name: "loss_vs_nothing_median", more: false, room: 0.01 },
    Figure { name: "loss_vs_static_rules_median", more: false, room: 0.02 },
    Figure { name: "brier", more: false, room: 0.005 },
    Figure { name: "calibration_error", more: false, room: 0.01 },
];

/// Runs the suite under one seed against two baselines; `save` makes what comes of it the committed figures.
pub(crate) fn run(workspace: &Workspace, save: bool) -> Result<(), Error> {
    let json = workspace.report("simulation.json")?;
    let html = workspace.report("simulation.html")?;
    let line = "cargo run --quiet --bin mapek -- simulate --seeds 1 --baseline nothing --baseline static-rules";
    let cmd = workspace.cmd(line).arg("--json").arg(json.display().to_string());
    cmd.arg("--html").arg(html.display().to_string()).run()?;
    let now = read(&json)?;
    let now = now["totals"].as_object().ok_or_else(|| unreadable(&json, "it has no totals"))?;
    let committed = workspace.root.join(FIGURES);
    if save {
        let mut totals = now.clone();
        totals.remove("realtime_factor");
        let text = format!("{:#}\n", json!({ "totals": totals }));
        std::fs::write(&committed, text).map_err(|error| unreadable(&committed, &error))?;
        println!("saved the figures to {FIGURES}");
        return Ok(());
    }
    let before = read(&committed)?;
    let before = before["totals"].as_object();
    let before = before.ok_or_else(|| unreadable(&committed, "it has no totals"))?;
    let worse = compare(before, now)?;
    if worse.is_empty() {
        println!("\nno figure is worse than in {FIGURES}");
        return Ok(());
    }
    Err(Error::other(format!(
        "against {FIGURES}: {}\n(if that is meant to be: cargo xtask simulate --save)",
        worse.join("; ")
    )))
}

/// What is worse now, in words.
fn compare(before: &Map<String, Value>, now: &Map<String, Value>) -> Result<Vec<String>, Error> {
    let number = |of: &Map<String, Value>, name: &str| of.get(name).and_then(Value::as_f64);
    for name in ["scenarios", "runs"] {
        if number(before, name) != number(now, name) {
            return Err(Error::other(format!(
                "the suite has changed ({name}): cargo xtask simulate --save, and look at the difference"
            )));
        }
    }
    let mut worse = vec![];
    for Figure { name, more, room } in &FIGURES_HELD {
        let (Some(before), after) = (number(before, name), number(now, name)) else { continue };
        let Some(after) = after else {
            worse.push(format!("{name} is not told any more"));
            continue;
        };
        let loss = if *more { before - after } else { after - before };
        if loss > *room {
            worse.push(format!("{name} was {before:.3}, is {after:.3}"));
        } else if loss < -*room {
            println!("better: {name} was {before:.3}, is {after:.3}");
        }
    }
    Ok(worse)
}

fn read(path: &Path) -> Result<Value, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    serde_json::from_str(&text).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::other(format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(change: &[(&str, f64)]) -> Map<String, Value> {
        let mut totals = Map::new();
        for name in ["scenarios", "runs"] {
            totals.insert(name.to_owned(), json!(61));
        }
        for Figure { name, .. } in &FIGURES_HELD {
            totals.insert((*name).to_owned(), json!(0.5));
        }
        for (name, value) in change {
            totals.insert((*name).to_owned(), json!(value));
        }
        totals
    }

    #[test]
    fn what_is_worse_is_told_whichever_way_that_is() {
        let before = totals(&[]);
        assert_eq!(compare(&before, &totals(&[])).unwrap(), Vec::<String>::new());
        let better = totals(&[("mitigated_share", 0.9), ("brier", 0.1)]);
        assert!(compare(&before, &better).unwrap().is_empty());
        let worse = totals(&[("mitigated_share", 0.4), ("actions_in_controls", 1.0)]);
        assert_eq!(
            compare(&before, &worse).unwrap(),
            ["mitigated_share was 0.500, is 0.400", "actions_in_controls was 0.500, is 1.000"]
        );
        let mut silent = totals(&[]);
        silent.remove("brier");
        assert_eq!(compare(&before, &silent).unwrap(), ["brier is not told any more"]);
    }

    #[test]
    fn another_suite_has_other_figures() {
        let error = compare(&totals(&[]), &totals(&[("runs", 60.0)])).unwrap_err();
        assert!(error.to_string().contains("--save"), "{error}");
    }
}
