//! What people do to a running loop: decide about plans, look after executions, pause it and let it go on.

mod decide;
mod pause;

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{
    Done,
    api::{Api, segment},
    output::{Out, Table},
    show,
    words::{each, word},
};
use crate::cli::{ApiArgs, RearmArgs, ReasonArgs};

pub(super) use decide::{Verdict, decide};
pub(super) use pause::{latch, pause, resume};

/// Prints what an act is answered with: as JSON, or in a line.
fn told(args: &ApiArgs, answer: &Value, line: impl FnOnce(&Value) -> String) -> Done {
    let mut out = Out::stdout();
    if args.json {
        out.json(answer)?
    } else {
        out.line(line(answer))?
    }
    Ok(ExitCode::SUCCESS)
}

/// What the managed system would say to a plan; exit code 1 if it would refuse a step.
pub(super) async fn rehearse(id: &str, args: &ApiArgs) -> Done {
    let api = Api::of(args)?;
    let plan = show::find_plan(&api, id).await?;
    let id = plan["plan"]["id"].as_str().unwrap_or_default();
    let path = format!("/api/v1/plans/{}/rehearse", segment(id)?);
    let answer = api.post(&path, &json!({"hash": plan["hash"]})).await?;
    let mut out = Out::stdout();
    if args.json {
        out.json(&answer)?
    } else {
        let mut table = Table::new(["STEP", "ACCEPTED", "CAN BE UNDONE"]);
        let or_why = |why: &Value| if why.is_null() { "yes".to_owned() } else { word(why) };
        for step in each(&answer["steps"]) {
            let (accepted, undone) = (or_why(&step["refused"]), or_why(&step["no_way_back"]));
            table.row([word(&step["action"]).into(), accepted.into(), undone.into()]);
        }
        out.table(&table)?
    }
    Ok(if answer["accepted"] == true { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(super) async fn roll_back(id: &str, args: &ReasonArgs) -> Done {
    tend(id, args, "rollback", "is being rolled back").await
}

pub(super) async fn resolve(id: &str, args: &ReasonArgs) -> Done {
    tend(id, args, "resolve", "is resolved").await
}

async fn tend(id: &str, args: &ReasonArgs, act: &str, done: &str) -> Done {
    let api = Api::of(&args.api)?;
    let id = execution_id(&api, id).await?;
    let path = format!("/api/v1/executions/{id}/{act}");
    let answer = api.post(&path, &json!({"reason": args.reason})).await?;
    told(&args.api, &answer, |answer| format!("execution {} {done}", word(&answer["execution"])))
}

/// A whole id is taken as it is: one whose log cannot be followed is in no list.
async fn execution_id(api: &Api, id: &str) -> miette::Result<String> {
    if id.len() == 36 {
        return Ok(super::api::segment(id)?.to_owned());
    }
    Ok(word(&show::find_execution(api, id).await?["id"]))
}

pub(super) async fn rearm(args: &RearmArgs) -> Done {
    let (kind, api) = (&args.kind, &args.how.api);
    let body = json!({"kind": kind, "reason": args.how.reason});
    let answer = Api::of(api)?.post("/api/v1/rearm", &body).await?;
    told(api, &answer, |_| format!("{kind} is trusted again"))
}

pub(super) async fn cycle(args: &ApiArgs) -> Done {
    let answer = Api::of(args)?.post("/api/v1/cycles", &json!({})).await?;
    told(args, &answer, |_| "a cycle begins".to_owned())
}
