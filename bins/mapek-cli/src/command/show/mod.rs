//! What commands show of a running loop. They ask, and change nothing.

mod cycles;
mod executions;
mod learned;
mod plans;
mod status;
mod violations;

use std::process::ExitCode;

use mapek::model::Timestamp;
use serde_json::Value;

use super::{
    Done,
    api::{Api, Items},
    note,
    output::{Cell, Out, OutputError, Table},
    words::{self, Ages},
};
use crate::{
    cli::{ApiArgs, ListArgs, PeriodArgs},
    compose,
};

pub(super) use cycles::cycles;
pub(super) use executions::{execution, executions, find as find_execution, stuck};
pub(super) use learned::{insights, outcomes};
pub(super) use plans::{approval, facts as plan_facts, find as find_plan, plan, plans, rejected};
pub(super) use status::status;
pub(super) use violations::{diagnosis, violations};

/// Prints a list: its items as lines of JSON, or as a table.
async fn list<const N: usize>(
    args: &ListArgs,
    path: &str,
    query: &[(&str, String)],
    none: &str,
    header: [&str; N],
    row: impl Fn(&Value, Ages) -> [Cell; N],
) -> Done {
    let api = Api::of(&args.api)?;
    let read = api.list(path, query, args.limit).await?;
    let mut out = Out::stdout();
    if args.api.json {
        out.json_lines(&read.items)?;
    } else if read.items.is_empty() {
        out.line(none)?;
    } else {
        let ages = ages();
        let mut table = Table::new(header);
        read.items.iter().for_each(|item| table.row(row(item, ages)));
        out.table(&table)?;
    }
    cut_off(&read, args);
    Ok(ExitCode::SUCCESS)
}

/// Says that there is more, where nothing that reads the output can take it for an item.
fn cut_off(read: &Items, args: &ListArgs) {
    if read.more() > 0 && !args.api.json {
        note(format_args!("and {} more: --limit {} shows all", read.more(), read.total));
    }
}

/// Prints one thing: as JSON, or as people read it.
async fn one(
    args: &ApiArgs,
    path: &str,
    show: impl FnOnce(&Value, &mut Out) -> Result<(), OutputError>,
) -> Done {
    let value = Api::of(args)?.get(path).await?;
    print(args, &value, show)
}

fn print(
    args: &ApiArgs,
    value: &Value,
    show: impl FnOnce(&Value, &mut Out) -> Result<(), OutputError>,
) -> Done {
    let mut out = Out::stdout();
    if args.json {
        out.json(value)?
    } else {
        show(value, &mut out)?
    }
    Ok(ExitCode::SUCCESS)
}

fn ages() -> Ages {
    Ages::at(now())
}

fn now() -> Timestamp {
    compose::system_clock().now()
}

/// The parameters of the API for a time between two moments.
fn period(args: &PeriodArgs) -> Vec<(&'static str, String)> {
    let now = now();
    let bounds = [("since", args.since), ("until", args.until)];
    bounds.into_iter().filter_map(|(name, at)| Some((name, at?.at(now).to_string()))).collect()
}

/// `mapek whoami`.
pub(super) async fn whoami(args: &ApiArgs) -> Done {
    one(args, "/api/v1/whoami", |who, out| {
        let role = words::word(&who["role"]);
        match who["person"].as_str() {
            Some(person) => out.line(format_args!("{} ({role})", super::output::plain(person))),
            None => {
                out.line("nobody: nobody is configured, so everybody may read and nobody may act")
            }
        }
    })
    .await
}
