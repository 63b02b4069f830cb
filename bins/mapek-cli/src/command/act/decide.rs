//! `mapek plans approve` and `mapek plans reject`.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    process::ExitCode,
};

use mapek::model::Timestamp;
use miette::{IntoDiagnostic as _, miette};
use serde_json::{Value, json};

use crate::{
    cli::DecideArgs,
    command::{
        Done, UsageError,
        api::{Api, segment},
        note,
        output::{Out, Table},
        show::{approval, find_plan, plan_facts},
        words::Ages,
    },
    compose,
};

/// What somebody says to a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::command) enum Verdict {
    Approve,
    Reject,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
        }
    }
}

/// Shows the plan with its hash, asks, and binds what is said to that hash.
pub(in crate::command) async fn decide(args: &DecideArgs, verdict: Verdict) -> Done {
    let DecideArgs { id, hash, reason, yes, api: to } = args;
    let api = Api::of(to)?;
    let plan = find_plan(&api, id).await?;
    let shown = plan_facts(&plan, Ages::at(now()));
    let seen = hash.clone().unwrap_or_else(|| text(&plan["hash"]));
    // Beside the answer, where a script reads that.
    if to.json {
        tell(&shown)
    } else {
        Out::stdout().table(&shown)?
    }
    if !yes {
        agreed(verdict)?;
    }
    let path =
        format!("/api/v1/plans/{}/{}", segment(&text(&plan["plan"]["id"]))?, verdict.as_str());
    let answer = api.post(&path, &json!({"hash": seen, "reason": reason})).await?;
    let mut out = Out::stdout();
    if to.json {
        out.json(&answer)?
    } else {
        out.line(approval(&answer["approval"]))?
    }
    Ok(ExitCode::SUCCESS)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn now() -> Timestamp {
    compose::system_clock().now()
}

fn tell(shown: &Table) {
    shown.plain_lines().iter().for_each(|line| note(format_args!("{line}")));
}

/// Whether whoever sits there means what is shown.
fn agreed(verdict: Verdict) -> miette::Result<()> {
    if !io::stdin().is_terminal() {
        let what = "nobody is there who could be asked".to_owned();
        return Err(UsageError::new(
            what,
            "look at what it would do, and say --yes, best with its --hash",
        )
        .into());
    }
    write!(io::stderr(), "{} this plan? [y/N] ", verdict.as_str()).into_diagnostic()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).into_diagnostic()?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(miette!("nothing was done"))
    }
}
