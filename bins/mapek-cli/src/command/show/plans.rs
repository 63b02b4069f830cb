//! `mapek plans`.

use std::process::ExitCode;

use miette::miette;
use serde_json::Value;

use super::{ages, cut_off, list, print};
use crate::{
    cli::{ApiArgs, ListArgs},
    command::{
        Done,
        api::{Api, segment},
        output::{Cell, Out, Table, Tone, plain},
        words::{Ages, action, cause, each, number, percent, short, steps, word, words},
    },
};

/// Most plans that are looked through for one.
const FIND_MAX: u32 = 10_000;

pub(in crate::command) async fn plans(args: &ListArgs) -> Done {
    let header = ["PLAN", "AGE", "STANDS", "AGAINST", "SCORE", "WHAT IT DOES"];
    list(args, "/api/v1/plans", &[], "no plans", header, |plan, ages| {
        let inner = &plan["plan"];
        let since = if plan["since"].is_null() { &inner["created"] } else { &plan["since"] };
        [
            short(&plan["hash"]).into(),
            ages.ago(since).into(),
            stands(plan),
            cause(&inner["cause"]).into(),
            number(&inner["score"]).into(),
            steps(inner).into(),
        ]
    })
    .await
}

/// What was not proposed, and what would change that.
pub(in crate::command) async fn rejected(args: &ListArgs) -> Done {
    let read = Api::of(&args.api)?.list("/api/v1/plans/rejected", &[], args.limit).await?;
    let mut out = Out::stdout();
    if args.api.json {
        out.json_lines(&read.items)?;
        return Ok(ExitCode::SUCCESS);
    }
    if read.items.is_empty() {
        out.line("nothing was turned down")?;
    }
    for plan in &read.items {
        out.line(format_args!("against {}: {}", cause(&plan["cause"]), word(&plan["text"])))?;
        for change in words(&plan["unless"]) {
            out.line(format_args!("  unless {change}"))?;
        }
    }
    cut_off(&read, args);
    Ok(ExitCode::SUCCESS)
}

pub(in crate::command) async fn plan(id: &str, args: &ApiArgs) -> Done {
    let plan = find(&Api::of(args)?, id).await?;
    print(args, &plan, |plan, out| out.table(&facts(plan, ages())))
}

/// A plan by its id or its hash, or what either begins with.
pub(in crate::command) async fn find(api: &Api, id: &str) -> miette::Result<Value> {
    let id = id.to_ascii_lowercase();
    segment(&id)?;
    let plans = api.list("/api/v1/plans", &[], FIND_MAX).await?.items;
    let begins = |value: &Value| value.as_str().is_some_and(|text| text.starts_with(&id));
    let found: Vec<_> =
        plans.iter().filter(|plan| begins(&plan["plan"]["id"]) || begins(&plan["hash"])).collect();
    match found[..] {
        [plan] => Ok(plan.clone()),
        [] if id.len() == 36 => api.get(&format!("/api/v1/plans/{id}")).await,
        [] => Err(miette!(
            help = "`mapek plans list` shows those that are kept",
            "there is no plan {id}"
        )),
        _ => Err(miette!(
            help = "give more of it: hashes tell plans apart better than ids",
            "{} plans begin with {id}",
            found.len()
        )),
    }
}

/// A plan in full, and the least that would change what is done with it.
pub(in crate::command) fn facts(plan: &Value, ages: Ages) -> Table {
    let inner = &plan["plan"];
    let mut table = Table::facts();
    table.fact("plan", word(&inner["id"]));
    table.fact("hash", word(&plan["hash"]));
    let sure = percent(&inner["confidence"]);
    table.fact("against", format!("{} ({sure})", cause(&inner["cause"])));
    for step in each(&inner["steps"]) {
        let undo = word(&step["undo"]);
        table.fact("step", format!("{}; undone by {undo}", action(&step["action"])));
    }
    table.fact("why", word(&inner["rationale"]));
    table.fact(
        "worth",
        format!(
            "score {} = benefit {} - cost {}; {} of such plans succeed; {} risk if it is wrong",
            number(&inner["score"]),
            number(&inner["benefit"]),
            number(&inner["cost"]),
            percent(&inner["success"]),
            word(&inner["risk_if_wrong"])
        ),
    );
    table.fact("begins by", ages.moment(&inner["expires"]));
    table.fact("stands", stands(plan));
    for because in each(&plan["decided"]["decision"]["because"]) {
        table.fact("asks because", word(&because["reason"]));
    }
    for (person, at) in plan["given"].as_object().into_iter().flatten() {
        table.fact("approved by", format!("{} at {}", plain(person), ages.moment(at)));
    }
    words(&plan["unless"]).for_each(|change| table.fact("runs once", change));
    table
}

fn stands(plan: &Value) -> Cell {
    let pending = plan["approval"]["status"] == "pending";
    if let Some(id) = plan["execution"].as_str().filter(|_| !pending) {
        return Cell::new(format!("begun as {id}"));
    }
    if !plan["approval"].is_null() {
        return Cell::new(approval(&plan["approval"])).tone(if pending {
            Tone::Warn
        } else {
            Tone::Plain
        });
    }
    if plan["waits"].is_string() {
        return Cell::new(format!("waits: {}", word(&plan["waits"])));
    }
    Cell::new(word(&plan["decided"]["decision"]["decision"]))
}

/// What people said.
pub(in crate::command) fn approval(approval: &Value) -> String {
    let names: Vec<_> = words(&approval["by"]).collect();
    match approval["status"].as_str() {
        Some("pending") => {
            format!("approved by {} of {}", names.len(), word(&approval["needed"]))
        }
        Some("approved") => format!("approved by {}", names.join(" and ")),
        Some("rejected") => {
            let why = approval["reason"].as_str().map(|why| format!(": {}", plain(why)));
            format!("rejected by {}{}", word(&approval["by"]), why.unwrap_or_default())
        }
        _ => word(&approval["status"]),
    }
}
