//! `mapek status`.

use std::{process::ExitCode, time::Duration};

use miette::miette;
use serde_json::Value;

use super::ages;
use crate::{
    cli::StatusArgs,
    command::{
        Done,
        api::{Api, Refusal},
        note,
        output::{Cell, Out, OutputError, Table, Tone, plain},
        words::{Ages, each, list, pairs, percent, word},
    },
};

/// How long a loop that has gone away is left alone before it is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// Shows what a running loop is at. Exit code 0 only if it is ready.
pub(in crate::command) async fn status(args: &StatusArgs) -> Done {
    let api = Api::of(&args.api)?;
    if args.watch {
        return watch(&api, args.api.json).await;
    }
    let status = asked(&api).await?;
    show(&status, args.api.json)?;
    if status["ready"] == true {
        return Ok(ExitCode::SUCCESS);
    }
    let why = plain(status["unready"].as_str().unwrap_or("it does not say why"));
    Err(miette!(help = remedy(&status), "the loop is not ready: {why}"))
}

async fn asked(api: &Api) -> miette::Result<Value> {
    let status = api.get("/api/v1/status").await?;
    if status["ready"].is_boolean() {
        Ok(status)
    } else {
        Err(Refusal::strange().at(api.base()).into())
    }
}

fn show(status: &Value, json: bool) -> Result<(), OutputError> {
    let mut out = Out::stdout();
    if json { out.json(status) } else { out.table(&facts(status, ages())) }
}

/// Shows it whenever something has happened, until somebody ends it or may look no longer.
async fn watch(api: &Api, json: bool) -> Done {
    tokio::select! {
        done = follow(api, json) => done,
        // Whoever ends it has seen enough: that is no failure.
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
    }
}

async fn follow(api: &Api, json: bool) -> Done {
    // The first time, somebody may have mistaken the address.
    let mut events = api.events().await.map_err(|why| why.at(api.base()))?;
    loop {
        while events.next().await {
            // What is told next may have happened before this is asked: it is shown once more, and never late.
            let Ok(status) = asked(api).await else { break };
            let mut out = Out::stdout();
            if !json {
                out.afresh()?;
            }
            show(&status, json)?;
            if !json && status["ready"] != true {
                out.line(format_args!("what to do: {}", remedy(&status)))?;
            }
        }
        events = again(api).await?;
    }
}

/// Waits until the loop answers again.
async fn again(api: &Api) -> miette::Result<crate::command::api::Events> {
    note(format_args!("the loop at {} has gone away; waiting for it", api.base()));
    loop {
        tokio::time::sleep(AGAIN).await;
        match api.events().await {
            Ok(events) => return Ok(events),
            Err(Refusal::Down(_)) => {}
            Err(refusal) => return Err(refusal.at(api.base()).into()),
        }
    }
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
        "look at `mapek cycles show` and at the log"
    }
}

fn facts(status: &Value, ages: Ages) -> Table {
    let cycle = &status["last_cycle"];
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let mut table = Table::facts();
    table.fact("target", word(&status["target"]));
    table.fact("version", word(&status["version"]));
    let ready = match status["unready"].as_str() {
        None => Cell::new("yes").tone(Tone::Good),
        Some(why) => Cell::new(format!("no: {why}")).tone(Tone::Bad),
    };
    table.fact("ready", ready);
    table.fact("paused", warn_if(!status["paused"].is_null(), word(&status["paused"])));
    if !cycle.is_null() {
        let (number, woken) = (count(&cycle["number"]), list(&cycle["woken_by"]));
        let ago = ages.ago(&cycle["at"]);
        table.fact("last cycle", format!("{number}, {ago} ago, woken by {woken}"));
        let fresh = each_level(&cycle["quality"]).all(|level| level == "fresh");
        table.fact("sources", warn_if(!fresh, pairs(&cycle["quality"])));
        for cause in each(&cycle["causes"]) {
            let sure = percent(&cause["confidence"]);
            table.fact("cause", format!("{} ({sure})", word(&cause["cause"])));
        }
        table.fact("decisions", pairs(&cycle["decisions"]));
        if !cycle["no_planning"].is_null() {
            table.fact("no planning", word(&cycle["no_planning"]));
        }
        for (name, values) in [("escalation", &cycle["escalations"]), ("fault", &cycle["faults"])] {
            each(values).for_each(|it| table.fact(name, Cell::new(word(it)).tone(Tone::Warn)));
        }
    }
    let open = &status["violations"];
    table.fact("violations", warn_if(count(&open["critical"]) > 0, by_severity(open)));
    let (live, stuck) =
        (count(&status["executions_live"]), count(&status["executions_needing_operator"]));
    let executions = format!("{live} live, {stuck} need an operator");
    table.fact("executions", warn_if(stuck > 0, executions));
    let wanted = count(&status["plans_awaiting_approval"]);
    table.fact("approvals", warn_if(wanted > 0, format!("{wanted} wanted")));
    table.fact("cycles", count(&status["statistics"]["cycles"]).to_string());
    table.fact("outcomes", pairs(&status["statistics"]["outcomes"]));
    table.fact("next cycle", ages.moment(&status["next_due"]));
    table
}

fn each_level(quality: &Value) -> impl Iterator<Item = &str> {
    quality.as_object().into_iter().flatten().filter_map(|(_, level)| level.as_str())
}

/// Worst first.
fn by_severity(open: &Value) -> String {
    let count = |name: &str| format!("{} {name}", open[name].as_u64().unwrap_or(0));
    ["critical", "warning", "info"].map(count).join(", ")
}

fn warn_if(so: bool, text: String) -> Cell {
    Cell::new(text).tone(if so { Tone::Warn } else { Tone::Plain })
}
