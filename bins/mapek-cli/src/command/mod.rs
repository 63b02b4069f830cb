//! What each command does.

mod act;
mod analyze;
mod api;
mod backtest;
mod backup;
mod check;
mod complete;
mod configure;
mod execute;
mod health;
mod http;
mod ids;
mod input;
mod journal;
mod monitor;
pub(crate) mod output;
mod plan;
mod reload;
mod rules;
mod run;
mod show;
mod simulate;
mod token;
mod words;

use std::{fmt, process::ExitCode};

use clap::Parser as _;
use miette::{GraphicalTheme, MietteHandlerOpts};

use crate::{
    cli::{Cli, Command, ConfigArgs, ExecutionsCommand, PlansCommand, RulesCommand, TokenCommand},
    config::{self, Loaded},
    demo,
};
use act::Verdict;
use api::ApiError;
use input::InputError;
use output::{Look, OutputError};

pub(crate) use backtest::Moment;
pub(crate) use output::say;

/// What a command ends with.
pub(crate) type Done = miette::Result<ExitCode>;

/// What was asked for cannot be done as it was asked: exit code 2.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("{what}")]
pub(crate) struct UsageError {
    what: String,
    #[help]
    remedy: &'static str,
}

impl UsageError {
    pub(crate) fn new(what: impl Into<String>, remedy: &'static str) -> Self {
        Self { what: what.into(), remedy }
    }
}

/// Parses the command line and does what it says. What the exit codes mean is in its help.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    Look::ask(cli.color);
    // Paths and lines of input stay in one piece, so that they can be searched for and copied.
    let looks = miette::set_hook(Box::new(|_| {
        let colours = Look::colours_errors();
        let theme =
            if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let options = MietteHandlerOpts::new().graphical_theme(theme).color(colours);
        Box::new(options.wrap_lines(false).break_words(false).build())
    }));
    if let Err(error) = looks {
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
        Command::Config(command) => configure::configure(&command),
        Command::Rules(RulesCommand::Test(args)) => rules::test(&args).await,
        Command::Status(args) => show::status(&args).await,
        Command::Health(args) => Ok(health::health(&args).await),
        Command::Cycles(command) => show::cycles(&command).await,
        Command::Violations(args) => show::violations(&args).await,
        Command::Diagnosis(args) => show::diagnosis(&args).await,
        Command::Outcomes(args) => show::outcomes(&args).await,
        Command::Insights(args) => show::insights(&args).await,
        Command::Whoami(args) => show::whoami(&args).await,
        Command::Monitor(args) => monitor::monitor(&args).await,
        Command::Analyze(args) => analyze::analyze(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Execute(args) => execute::execute(&args).await,
        Command::Demo(args) => demo::demo(&args).await,
        Command::Simulate(args) => simulate::simulate(&args),
        Command::Backtest(args) => backtest::run(&args).await,
        Command::Plans(command) => plans(&command).await,
        Command::Executions(command) => executions(&command).await,
        Command::Pause(args) => act::pause(&args).await,
        Command::Resume(args) => act::resume(&args).await,
        Command::Rearm(args) => act::rearm(&args).await,
        Command::Cycle(args) => act::cycle(&args).await,
        Command::Token(TokenCommand::New(args)) => token::new(&args),
        Command::Journal(command) => journal::journal(&command),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Completions { shell } => complete::shell(shell),
        Command::Man { dir } => complete::manual(dir.as_deref()),
    }
}

async fn plans(command: &PlansCommand) -> Done {
    match command {
        PlansCommand::List { rejected: false, list } => show::plans(list).await,
        PlansCommand::List { rejected: true, list } => show::rejected(list).await,
        PlansCommand::Show { id, api } => show::plan(id, api).await,
        PlansCommand::Rehearse { id, api } => act::rehearse(id, api).await,
        PlansCommand::Approve(args) => act::decide(args, Verdict::Approve).await,
        PlansCommand::Reject(args) => act::decide(args, Verdict::Reject).await,
    }
}

async fn executions(command: &ExecutionsCommand) -> Done {
    match command {
        ExecutionsCommand::List { needs_operator: true, list, .. } => show::stuck(list).await,
        ExecutionsCommand::List { live, ending, period, list, .. } => {
            show::executions(*live, ending.as_deref(), period, list).await
        }
        ExecutionsCommand::Show { id, api } => show::execution(id, api).await,
        ExecutionsCommand::Rollback { id, reason } => act::roll_back(id, reason).await,
        ExecutionsCommand::Resolve { id, reason } => act::resolve(id, reason).await,
    }
}

fn failed(report: &miette::Report) -> ExitCode {
    if let Some(OutputError::Closed) = report.downcast_ref() {
        return ExitCode::SUCCESS;
    }
    note(format_args!("{report:?}"));
    if let Some(error) = report.downcast_ref::<ApiError>() {
        return ExitCode::from(error.code());
    }
    let unusable = report.downcast_ref::<config::ConfigError>().is_some()
        || report.downcast_ref::<InputError>().is_some()
        || report.downcast_ref::<UsageError>().is_some()
        || report.downcast_ref::<journal::JournalError>().is_some()
        || report.downcast_ref::<backup::BackupError>().is_some()
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
