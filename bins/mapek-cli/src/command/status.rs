//! `mapek status`.

use std::process::ExitCode;

use miette::miette;
use serde_json::Value;

use super::{
    Done,
    api::{Api, Refusal},
    output::{Out, plain},
};
use crate::cli::ApiArgs;

/// Shows what a running loop is at. Exit code 0 only if it is ready.
pub(super) async fn status(args: &ApiArgs) -> Done {
    let api = Api::of(args)?;
    let status = api.get("/api/v1/status").await.map_err(|refusal| refusal.report(api.base()))?;
    let Some(ready) = status["ready"].as_bool() else {
        let strange = "what answers there is not the loop's API".to_owned();
        return Err(Refusal::Down(strange).report(api.base()));
    };
    let mut out = Out::stdout();
    if args.json {
        out.json(&status)?
    } else {
        out.table(&rows(&status))?
    }
    if ready {
        return Ok(ExitCode::SUCCESS);
    }
    let why = plain(status["unready"].as_str().unwrap_or("it does not say why"));
    Err(miette!(help = remedy(&status), "the loop is not ready: {why}"))
}

fn remedy(status: &Value) -> &'static str {
    if !status["paused"].is_null() {
        "`mapek resume` it once what it was paused for is over"
    } else if status["executions_needing_operator"].as_u64().unwrap_or(0) > 0 {
        "see `mapek executions list --needs-operator`, put right by hand what could not be undone, and `mapek \
         executions resolve` it"
    } else if status["last_cycle"].is_null() {
        "wait for the first cycle, and ask again"
    } else {
        "look at the newest entry of /api/v1/cycles and at the log"
    }
}

fn rows(status: &Value) -> Vec<[String; 2]> {
    let row = |name: &str, value: String| [name.to_owned(), value];
    let cycle = &status["last_cycle"];
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let mut rows = vec![
        row("target", word(&status["target"])),
        row("version", word(&status["version"])),
        row("ready", if status["ready"] == true { "yes" } else { "no" }.to_owned()),
        row("paused", word(&status["paused"])),
    ];
    if !cycle.is_null() {
        let woken = list(&cycle["woken_by"]);
        rows.push(row(
            "last cycle",
            format!("{} at {}, woken by {woken}", count(&cycle["number"]), word(&cycle["at"])),
        ));
        rows.push(row("sources", pairs(&cycle["quality"])));
        for cause in cycle["causes"].as_array().into_iter().flatten() {
            let percent = cause["confidence"].as_f64().unwrap_or(0.0) * 100.0;
            rows.push(row("cause", format!("{} ({percent:.0} %)", word(&cause["cause"]))));
        }
        rows.push(row("decisions", pairs(&cycle["decisions"])));
        rows.extend(listed("escalation", &cycle["escalations"]));
        rows.extend(listed("fault", &cycle["faults"]));
    }
    let (live, stuck) =
        (count(&status["executions_live"]), count(&status["executions_needing_operator"]));
    rows.extend([
        row("violations", pairs(&status["violations"])),
        row("executions", format!("{live} live, {stuck} need an operator")),
        row("approvals", format!("{} wanted", count(&status["plans_awaiting_approval"]))),
        row("cycles", count(&status["statistics"]["cycles"]).to_string()),
        row("outcomes", pairs(&status["statistics"]["outcomes"])),
        row("next cycle", word(&status["next_due"])),
    ]);
    rows
}

/// A value as a word; `-` for nothing.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

fn list(values: &Value) -> String {
    let words: Vec<_> = values.as_array().into_iter().flatten().map(word).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn listed<'a>(name: &'a str, values: &'a Value) -> impl Iterator<Item = [String; 2]> + 'a {
    values.as_array().into_iter().flatten().map(move |value| [name.to_owned(), word(value)])
}

fn pairs(values: &Value) -> String {
    let words = values.as_object().into_iter().flatten();
    let words: Vec<_> =
        words.map(|(name, value)| format!("{} {}", plain(name), word(value))).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}
