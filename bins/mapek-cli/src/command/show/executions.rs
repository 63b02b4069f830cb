//! `mapek executions`.

use miette::miette;
use serde_json::Value;

use super::{ages, list, period, print};
use crate::{
    cli::{ApiArgs, ListArgs, PeriodArgs},
    command::{
        Done,
        api::{Api, segment},
        output::{Cell, Table, Tone, plain},
        words::{Ages, action, cause, each, list as line, measure, steps, word},
    },
};

/// Most executions that are looked through for one.
const FIND_MAX: u32 = 100_000;

pub(in crate::command) async fn executions(
    live: bool,
    ending: Option<&str>,
    bounds: &PeriodArgs,
    page: &ListArgs,
) -> Done {
    let mut query = period(bounds);
    query.extend(live.then(|| ("live", "true".to_owned())));
    query.extend(ending.map(|ending| ("ending", ending.to_owned())));
    let header = ["EXECUTION", "AGE", "STANDS", "AGAINST", "WHAT IT DOES"];
    list(page, "/api/v1/executions", &query, "no executions", header, |execution, ages| {
        let plan = &execution["plan"];
        [
            word(&execution["id"]).into(),
            ages.ago(&execution["started"]).into(),
            stands(&execution["status"]),
            cause(&plan["cause"]).into(),
            steps(plan).into(),
        ]
    })
    .await
}

/// What only a person can close.
pub(in crate::command) async fn stuck(page: &ListArgs) -> Done {
    let header = ["EXECUTION", "WAITS FOR", "FREEZES", "WHAT IT DID", "WHY"];
    let none = "nothing needs an operator";
    list(page, "/api/v1/needs-operator", &[], none, header, |one, ages| {
        let frozen = if one["frozen"].is_null() { "all".to_owned() } else { word(&one["frozen"]) };
        [
            word(&one["execution"]).into(),
            ages.ago(&one["since"]).into(),
            frozen.into(),
            word(&one["did"]).into(),
            word(&one["why"]).into(),
        ]
    })
    .await
}

pub(in crate::command) async fn execution(id: &str, args: &ApiArgs) -> Done {
    let execution = find(&Api::of(args)?, id).await?;
    print(args, &execution, |execution, out| out.table(&facts(execution, ages())))
}

/// An execution by its id, or what that begins with.
pub(in crate::command) async fn find(api: &Api, id: &str) -> miette::Result<Value> {
    let id = id.to_ascii_lowercase();
    segment(&id)?;
    if id.len() == 36 {
        return api.get(&format!("/api/v1/executions/{id}")).await;
    }
    let all = api.list("/api/v1/executions", &[], FIND_MAX).await?.items;
    let begins = |one: &&Value| one["id"].as_str().is_some_and(|text| text.starts_with(&id));
    let found: Vec<_> = all.iter().filter(begins).collect();
    match found[..] {
        [execution] => Ok(execution.clone()),
        [] => Err(miette!(
            help = "`mapek executions list` shows those that are kept",
            "there is no execution {id}"
        )),
        _ => Err(miette!(help = "give more of it", "{} executions begin with {id}", found.len())),
    }
}

fn stands(status: &Value) -> Cell {
    let ending = status["ending"].as_str();
    let tone = match ending {
        Some("completed") => Tone::Good,
        Some("needs_operator") => Tone::Bad,
        Some(_) => Tone::Warn,
        None => Tone::Plain,
    };
    Cell::new(ending.map_or_else(|| word(&status["phase"]), str::to_owned)).tone(tone)
}

fn facts(execution: &Value, ages: Ages) -> Table {
    let (plan, status) = (&execution["plan"], &execution["status"]);
    let mut table = Table::facts();
    table.fact("execution", word(&execution["id"]));
    table.fact("plan", word(&plan["id"]));
    table.fact("against", cause(&plan["cause"]));
    table.fact("began", ages.moment(&execution["started"]));
    table.fact("updated", ages.moment(&execution["updated"]));
    table.fact("stands", stands(status));
    if !execution["reason"].is_null() {
        table.fact("because", word(&execution["reason"]));
    }
    let states: Vec<_> = each(&status["steps"]).map(step_state).collect();
    for (i, step) in each(&plan["steps"]).enumerate() {
        let state = states.get(i).map_or("not begun", String::as_str);
        let undo = word(&step["undo"]);
        let what = action(&step["action"]);
        table.fact(&format!("step {}", i + 1), format!("{state}: {what}; undone by {undo}"));
    }
    if execution["attempts"].as_u64().unwrap_or(0) > 0 {
        table.fact("attempts", word(&execution["attempts"]));
    }
    if each(&execution["doubtful"]).next().is_some() {
        table.fact("doubtful", line(&execution["doubtful"]));
    }
    for look in each(&execution["looks"]) {
        let (at, saw) = (ages.ago(&look["at"]), word(&look["verdict"]));
        table.fact("look", format!("{at} ago: {saw}"));
    }
    let judgement = &execution["judgement"];
    if !judgement.is_null() {
        let (verdict, why) = (word(&judgement["verdict"]), word(&judgement["reason"]));
        table.fact("outcome", format!("{verdict}: {why}"));
        let after = judgement["after"]["values"].as_object();
        for (name, value) in execution["before"]["values"].as_object().into_iter().flatten() {
            let then =
                after.and_then(|after| after.get(name)).map_or_else(|| "-".to_owned(), measure);
            table.fact("value", format!("{name} {} before, {then} after", measure(value)));
        }
    }
    table
}

/// A step's state is a word, or a word with more to it.
fn step_state(state: &Value) -> String {
    match state.as_object().and_then(|state| state.keys().next()) {
        Some(name) => plain(name),
        None => word(state),
    }
}
