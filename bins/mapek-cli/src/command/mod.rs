//! What each command does.

mod run;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    cli::{Cli, Command, ConfigArgs},
    config::{self, Loaded},
    demo,
};

/// What a command ends with.
pub(crate) type Done = miette::Result<ExitCode>;

/// Parses the command line and does what it says. Exit codes: 0 it worked, 1 it did not, 2 it cannot be understood.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&miette::miette!("the runtime cannot start: {error}")),
    };
    runtime.block_on(dispatch(cli.command)).unwrap_or_else(|report| failed(&report))
}

async fn dispatch(command: Command) -> Done {
    match command {
        Command::Run(args) => run::run(&args).await,
        Command::Demo(args) => demo::demo(&args).await,
        _ => unreachable!("written next"),
    }
}

#[expect(clippy::print_stderr, reason = "this is where errors reach people")]
fn failed(report: &miette::Report) -> ExitCode {
    eprintln!("{report:?}");
    if report.downcast_ref::<config::ConfigError>().is_some() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}

/// The configuration that the command line and the environment name.
pub(crate) fn configuration(args: &ConfigArgs) -> miette::Result<Loaded> {
    Ok(config::load(args.config.as_deref(), std::env::vars())?)
}
