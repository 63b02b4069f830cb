//! What each command does.

mod analyze;
mod api;
mod backtest;
mod check;
mod execute;
mod http;
mod ids;
mod input;
mod journal;
mod monitor;
pub(crate) mod output;
mod people;
mod plan;
mod reload;
mod run;
mod simulate;
mod status;
mod token;

use std::{fmt, process::ExitCode};

use clap::Parser as _;
use miette::MietteHandlerOpts;

use crate::{
    cli::{Cli, Command, ConfigArgs, TokenCommand},
    config::{self, Loaded},
    demo,
};
use input::InputError;
use output::OutputError;

pub(crate) use backtest::Moment;
pub(crate) use output::say;

/// What a command ends with.
pub(crate) type Done = miette::Result<ExitCode>;

/// Parses the command line and does what it says. Exit codes: 0 it worked, 1 it did not, 2 it cannot be understood.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // Paths and lines of input stay in one piece, so that they can be searched for and copied.
    let plain = miette::set_hook(Box::new(|_| {
        Box::new(MietteHandlerOpts::new().wrap_lines(false).break_words(false).build())
    }));
    if let Err(error) = plain {
        tracing::debug!(%error, "errors look as they were set up before");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&miette::miette!("the runtime cannot start: {error}")),
    };
    runtime.block_on(dispatch(cli.command)).unwrap_or_else(|report| failed(&report))
}

async fn dispatch(command: Command) -> Done {
    match command {
        Command::Run(args) => run::run(&args).await,
        Command::Check(args) => check::check(&args).await,
        Command::Status(args) => status::status(&args).await,
        Command::Monitor(args) => monitor::monitor(&args).await,
        Command::Analyze(args) => analyze::analyze(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Execute(args) => execute::execute(&args).await,
        Command::Demo(args) => demo::demo(&args).await,
        Command::Simulate(args) => simulate::simulate(&args),
        Command::Backtest(args) => backtest::run(&args).await,
        Command::Plans(command) => people::plans(&command).await,
        Command::Executions(command) => people::executions(&command).await,
        Command::Pause(args) => people::pause(&args).await,
        Command::Resume(args) => people::resume(&args).await,
        Command::Rearm(args) => people::rearm(&args).await,
        Command::Cycle(args) => people::cycle(&args).await,
        Command::Token(TokenCommand::New(args)) => token::new(&args),
        Command::Journal(command) => journal::journal(&command),
    }
}

fn failed(report: &miette::Report) -> ExitCode {
    if let Some(OutputError::Closed) = report.downcast_ref() {
        return ExitCode::SUCCESS;
    }
    note(format_args!("{report:?}"));
    let unusable = report.downcast_ref::<config::ConfigError>().is_some()
        || report.downcast_ref::<InputError>().is_some()
        || report.downcast_ref::<journal::JournalError>().is_some()
        || report.downcast_ref::<simulate::ScenarioError>().is_some()
        || report.downcast_ref::<backtest::SpanError>().is_some();
    if unusable { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// A line for people, beside the output.
#[expect(clippy::print_stderr, reason = "this is where people are told of what is not the answer")]
fn note(text: fmt::Arguments<'_>) {
    eprintln!("{text}");
}

/// The configuration that the command line and the environment name.
fn configuration(args: &ConfigArgs) -> miette::Result<Loaded> {
    Ok(config::load(args.config.as_deref(), std::env::vars())?)
}
