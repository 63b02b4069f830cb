//! What people do to a running loop: decide about plans, look after executions, pause it and let it go on.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::Path,
    process::ExitCode,
};

use mapek::{
    execute::PauseFile,
    model::{duration, since},
};
use miette::{IntoDiagnostic as _, miette};
use serde_json::{Value, json};

use super::{
    Done,
    api::{self, Api, Refusal},
    configuration, note,
    output::{Out, plain},
};
use crate::{
    cli::{ApiArgs, ExecutionsCommand, PauseArgs, PlansCommand, RearmArgs, ReasonArgs},
    compose,
};

/// Most plans and executions that are looked through.
const LIMIT: u32 = 1000;

pub(super) async fn plans(command: &PlansCommand) -> Done {
    match command {
        PlansCommand::List(args) => list_plans(args).await,
        PlansCommand::Show { id, api } => show_plan(id, api).await,
        PlansCommand::Approve(args) => {
            decide(&args.id, args.hash.as_deref(), args.reason.as_deref(), &args.api, "approve")
                .await
        }
        PlansCommand::Reject(args) => {
            decide(&args.id, args.hash.as_deref(), args.reason.as_deref(), &args.api, "reject")
                .await
        }
    }
}

async fn list_plans(args: &ApiArgs) -> Done {
    let api = Api::of(args)?;
    let plans = get(&api, &format!("/api/v1/plans?limit={LIMIT}")).await?;
    let rejected = get(&api, &format!("/api/v1/plans/rejected?limit={LIMIT}")).await?;
    let mut out = Out::stdout();
    if args.json {
        out.json(&json!({"plans": plans["items"], "rejected": rejected["items"]}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["ID", "SCORE", "STANDS", "WHAT IT DOES"].map(str::to_owned)];
    for plan in items(&plans) {
        let score = number(&plan["plan"]["score"]);
        rows.push([word(&plan["plan"]["id"]), score, stands(plan), what(plan)]);
    }
    if rows.len() > 1 {
        out.table(&rows)?;
    } else {
        out.line("no plans")?;
    }
    for plan in items(&rejected) {
        out.line(format_args!("not proposed: {}", word(&plan["text"])))?;
        for change in texts(&plan["unless"]) {
            out.line(format_args!("  unless {change}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn show_plan(id: &str, args: &ApiArgs) -> Done {
    let api = Api::of(args)?;
    let plan = find_plan(&api, id).await?;
    let mut out = Out::stdout();
    if args.json {
        out.json(&plan)?;
    } else {
        out.table(&plan_rows(&plan))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A plan by its id or its hash, or what either begins with.
async fn find_plan(api: &Api, id: &str) -> miette::Result<Value> {
    let plans = get(api, &format!("/api/v1/plans?limit={LIMIT}")).await?;
    let id = id.to_ascii_lowercase();
    let begins = |value: &Value| value.as_str().is_some_and(|text| text.starts_with(&id));
    let found: Vec<_> = items(&plans)
        .filter(|plan| !id.is_empty() && (begins(&plan["plan"]["id"]) || begins(&plan["hash"])))
        .collect();
    match found[..] {
        [plan] => Ok(plan.clone()),
        [] if id.len() == 36 => get(api, &format!("/api/v1/plans/{}", segment(&id)?)).await,
        [] => Err(miette!(
            help = "`mapek plans list` shows those that are kept",
            "there is no plan {id}"
        )),
        _ => Err(miette!("{} plans begin with {id}: give more of it", found.len())),
    }
}

/// A part of a path of ours, that cannot be more than one.
fn segment(text: &str) -> miette::Result<&str> {
    let fits = |c: char| c.is_ascii_hexdigit() || c == '-';
    if !text.is_empty() && text.chars().all(fits) {
        Ok(text)
    } else {
        Err(miette!("an id has hexadecimal digits and dashes, got {}", plain(text)))
    }
}

fn plan_rows(plan: &Value) -> Vec<[String; 2]> {
    let row = |name: &str, value: String| [name.to_owned(), value];
    let inner = &plan["plan"];
    let cause = &inner["cause"];
    let place = cause["component"].as_str().map(|it| format!(" at {}", plain(it)));
    let percent = |value: &Value| format!("{:.0} %", 100.0 * value.as_f64().unwrap_or(0.0));
    let mut rows = vec![
        row("plan", word(&inner["id"])),
        row("hash", word(&plan["hash"])),
        row(
            "against",
            format!(
                "{}{} ({})",
                word(&cause["kind"]),
                place.unwrap_or_default(),
                percent(&inner["confidence"])
            ),
        ),
    ];
    for step in inner["steps"].as_array().into_iter().flatten() {
        let undo = word(&step["undo"]);
        rows.push(row("step", format!("{}; undone by {undo}", action(&step["action"]))));
    }
    rows.extend([
        row("why", word(&inner["rationale"])),
        row(
            "worth",
            format!(
                "score {} = benefit {} - cost {}; {} of such plans succeed; {} risk if it is wrong",
                number(&inner["score"]),
                number(&inner["benefit"]),
                number(&inner["cost"]),
                percent(&inner["success"]),
                word(&inner["risk_if_wrong"])
            ),
        ),
        row("begins by", word(&inner["expires"])),
        row("stands", stands(plan)),
    ]);
    let because = plan["decided"]["decision"]["because"].as_array().into_iter().flatten();
    rows.extend(because.map(|it| row("asks because", word(&it["reason"]))));
    for (person, at) in plan["given"].as_object().into_iter().flatten() {
        rows.push(row("approved by", format!("{} at {}", plain(person), word(at))));
    }
    rows.extend(texts(&plan["unless"]).map(|change| row("runs once", change)));
    rows
}

async fn decide(
    id: &str,
    hash: Option<&str>,
    reason: Option<&str>,
    args: &ApiArgs,
    act: &str,
) -> Done {
    let api = Api::of(args)?;
    let plan = find_plan(&api, id).await?;
    let seen = match hash {
        Some(hash) => hash.to_owned(),
        None => {
            Out::stdout().table(&plan_rows(&plan))?;
            agreed(act)?;
            plan["hash"].as_str().unwrap_or_default().to_owned()
        }
    };
    let id = plan["plan"]["id"].as_str().unwrap_or_default();
    let path = format!("/api/v1/plans/{}/{act}", segment(id)?);
    let answer = post(&api, &path, &json!({"hash": seen, "reason": reason})).await?;
    let mut out = Out::stdout();
    if args.json {
        out.json(&answer)?;
    } else {
        out.line(approval(&answer["approval"]))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether whoever sits there means what is shown.
fn agreed(act: &str) -> miette::Result<()> {
    if !io::stdin().is_terminal() {
        return Err(miette!(
            help = "give its --hash, as `mapek plans show` prints it",
            "nobody is there who could say which plan they saw"
        ));
    }
    write!(io::stderr(), "{act} this plan? [y/N] ").into_diagnostic()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).into_diagnostic()?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(miette!("nothing was done"))
    }
}

pub(super) async fn executions(command: &ExecutionsCommand) -> Done {
    match command {
        ExecutionsCommand::List { needs_operator, api } => {
            if *needs_operator {
                list_stuck(api).await
            } else {
                list_executions(api).await
            }
        }
        ExecutionsCommand::Rollback { id, reason } => tend(id, reason, "rollback").await,
        ExecutionsCommand::Resolve { id, reason } => tend(id, reason, "resolve").await,
    }
}

async fn list_executions(args: &ApiArgs) -> Done {
    let api = Api::of(args)?;
    let executions = get(&api, &format!("/api/v1/executions?limit={LIMIT}")).await?;
    let mut out = Out::stdout();
    if args.json {
        out.json(&executions["items"])?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["ID", "SINCE", "STANDS", "WHAT IT DOES"].map(str::to_owned)];
    for execution in items(&executions) {
        let status = &execution["status"];
        let ended = status["ending"].as_str().map(plain);
        let stands = ended.unwrap_or_else(|| word(&status["phase"]));
        let steps = execution["plan"]["steps"].as_array().into_iter().flatten();
        let steps: Vec<_> = steps.map(|step| action(&step["action"])).collect();
        let id = word(&execution["id"]);
        rows.push([id, word(&execution["started"]), stands, steps.join(", then ")]);
    }
    if rows.len() > 1 {
        out.table(&rows)?
    } else {
        out.line("no executions")?
    }
    Ok(ExitCode::SUCCESS)
}

async fn list_stuck(args: &ApiArgs) -> Done {
    let api = Api::of(args)?;
    let stuck = get(&api, &format!("/api/v1/needs-operator?limit={LIMIT}")).await?;
    let mut out = Out::stdout();
    if args.json {
        out.json(&stuck["items"])?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![["ID", "WAITS FOR", "FREEZES", "WHY"].map(str::to_owned)];
    let now = compose::system_clock().now();
    for one in items(&stuck) {
        let at = one["since"].as_str().and_then(|at| at.parse().ok());
        let waits = at.map(|at| duration::format(whole_seconds(since(now, at))));
        let frozen = one["frozen"].as_str().map_or_else(|| "all".to_owned(), plain);
        let did = one["did"].as_str().map(|did| format!("{}: ", plain(did)));
        let why = format!("{}{}", did.unwrap_or_default(), word(&one["why"]));
        rows.push([word(&one["execution"]), waits.unwrap_or_else(|| "?".to_owned()), frozen, why]);
    }
    if rows.len() > 1 {
        out.table(&rows)?
    } else {
        out.line("nothing needs an operator")?
    }
    Ok(ExitCode::SUCCESS)
}

fn whole_seconds(time: mapek::model::Duration) -> mapek::model::Duration {
    mapek::model::Duration::from_secs(time.as_secs())
}

async fn tend(id: &str, args: &ReasonArgs, act: &str) -> Done {
    let api = Api::of(&args.api)?;
    let path = format!("/api/v1/executions/{}/{act}", segment(id)?);
    let answer = post(&api, &path, &json!({"reason": args.reason})).await?;
    let mut out = Out::stdout();
    if args.api.json {
        out.json(&answer)?;
    } else {
        let done = if act == "resolve" { "is resolved" } else { "is being rolled back" };
        out.line(format_args!("execution {} {done}", word(&answer["execution"])))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Pauses by the API, and by the file if nobody answers there.
pub(super) async fn pause(args: &PauseArgs) -> Done {
    let ReasonArgs { reason, api: to } = &args.how;
    let loaded = configuration(&to.config)?;
    let directory = &loaded.config.execute.state_dir;
    if args.file {
        return write_file(directory, reason);
    }
    let base = to.url.clone().unwrap_or_else(|| api::address(&loaded.config));
    let api = Api::at(to, base)?;
    match api.post("/api/v1/pause", &json!({"reason": reason})).await {
        Ok(answer) => {
            let mut out = Out::stdout();
            if to.json {
                out.json(&answer)?
            } else {
                out.line(word(&answer["paused"]))?
            }
            Ok(ExitCode::SUCCESS)
        }
        // Elsewhere the file would stop nobody, or somebody else.
        Err(Refusal::Down(why)) if to.url.is_none() => {
            note(format_args!("the loop at {} cannot be asked: {why}", api.base()));
            write_file(directory, reason)
        }
        Err(refusal) => Err(refusal.report(api.base())),
    }
}

fn write_file(directory: &Path, reason: &str) -> Done {
    let file = PauseFile::in_directory(directory);
    let failed = |error: io::Error| {
        miette!(
            help = "write the file by other means, or stop the process",
            "{} cannot be written: {error}",
            file.path().display()
        )
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    // What is there already pauses as well, and says why it was written.
    let mut options = std::fs::OpenOptions::new();
    let mut written = options.create(true).append(true).open(file.path()).map_err(failed)?;
    writeln!(written, "{}", plain(reason)).and_then(|()| written.sync_all()).map_err(failed)?;
    let path = file.path().display();
    Out::stdout().line(format_args!("paused by {path}: remove it, and then resume"))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn resume(args: &ReasonArgs) -> Done {
    let api = Api::of(&args.api)?;
    let answer = post(&api, "/api/v1/resume", &json!({"reason": args.reason})).await?;
    let mut out = Out::stdout();
    if args.api.json {
        out.json(&answer)?
    } else {
        out.line("resumed")?
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn rearm(args: &RearmArgs) -> Done {
    let kind = &args.kind;
    let api = Api::of(&args.how.api)?;
    let body = json!({"kind": kind, "reason": args.how.reason});
    let answer = post(&api, "/api/v1/rearm", &body).await?;
    let mut out = Out::stdout();
    if args.how.api.json {
        out.json(&answer)?;
    } else {
        out.line(format_args!("{kind} is trusted again"))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn cycle(args: &ApiArgs) -> Done {
    let api = Api::of(args)?;
    let answer = post(&api, "/api/v1/cycles", &json!({})).await?;
    let mut out = Out::stdout();
    if args.json {
        out.json(&answer)?
    } else {
        out.line("a cycle begins")?
    }
    Ok(ExitCode::SUCCESS)
}

async fn get(api: &Api, path: &str) -> miette::Result<Value> {
    api.get(path).await.map_err(|refusal| refusal.report(api.base()))
}

async fn post(api: &Api, path: &str, body: &Value) -> miette::Result<Value> {
    api.post(path, body).await.map_err(|refusal| refusal.report(api.base()))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn texts(list: &Value) -> impl Iterator<Item = String> + '_ {
    list.as_array().into_iter().flatten().map(word)
}

/// A value as a word; `-` for nothing.
fn word(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

fn number(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |number| format!("{number:.2}"))
}

/// An action in the words of its kind and its parameters.
fn action(action: &Value) -> String {
    let parameters = action.as_object().into_iter().flatten().filter(|(name, _)| *name != "kind");
    let parameters = parameters.filter(|(_, value)| !value.is_null());
    let parameters: Vec<_> =
        parameters.map(|(name, value)| format!("{}={}", plain(name), word(value))).collect();
    let kind = word(&action["kind"]);
    if parameters.is_empty() { kind } else { format!("{kind} {}", parameters.join(" ")) }
}

fn what(plan: &Value) -> String {
    if let Some(summary) = plan["decided"]["summary"].as_str() {
        return plain(summary);
    }
    let steps = plan["plan"]["steps"].as_array().into_iter().flatten();
    steps.map(|step| action(&step["action"])).collect::<Vec<_>>().join(", then ")
}

fn stands(plan: &Value) -> String {
    if !plan["approval"].is_null() {
        approval(&plan["approval"])
    } else if plan["waits"].is_string() {
        format!("waits: {}", word(&plan["waits"]))
    } else if plan["decided"]["execution"].is_string() {
        format!("begun as {}", word(&plan["decided"]["execution"]))
    } else {
        word(&plan["decided"]["decision"]["decision"])
    }
}

fn approval(approval: &Value) -> String {
    let names: Vec<_> = texts(&approval["by"]).collect();
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
