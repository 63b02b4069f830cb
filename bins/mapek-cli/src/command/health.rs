//! `mapek health`.

use std::process::ExitCode;

use miette::miette;
use serde_json::Value;

use super::{
    Done,
    api::Api,
    note,
    output::{Out, plain},
};
use crate::cli::HealthArgs;

/// Asks a running loop whether it is well. Container engines know two exit codes, so there are two, whatever is wrong.
pub(super) async fn health(args: &HealthArgs) -> ExitCode {
    asked(args).await.unwrap_or_else(|report| {
        note(format_args!("{report:?}"));
        ExitCode::FAILURE
    })
}

async fn asked(args: &HealthArgs) -> Done {
    let api = Api::of(&args.api)?;
    let (answer, well) = if args.ready {
        (ready(&api).await?, "it is ready")
    } else {
        (api.get("/health").await?, "it lives")
    };
    let mut out = Out::stdout();
    if args.api.json {
        out.json(&answer)?;
    } else {
        out.line(well)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn ready(api: &Api) -> miette::Result<Value> {
    let (status, answer) = api.look("/ready").await?;
    if status.is_success() {
        return Ok(answer);
    }
    let why = answer["reason"].as_str().map_or_else(|| status.to_string(), plain);
    Err(miette!("the loop is not ready: {why}"))
}
