//! The command line.

mod acting;
mod configuring;
mod journal;
mod looking;
mod stages;
mod trying;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use acting::{
    DecideArgs, ExecutionsCommand, PauseArgs, PlansCommand, RearmArgs, ReasonArgs, TokenCommand,
    TokenNewArgs,
};
pub(crate) use configuring::{CheckArgs, ConfigCommand, RulesCommand, RulesTestArgs};
pub(crate) use journal::{
    BackupArgs, JournalCommand, JournalReplayArgs, JournalVerifyArgs, RestoreArgs,
};
pub(crate) use looking::{
    ApiArgs, CyclesCommand, HEALTH_HELP, HealthArgs, ListArgs, OutcomesArgs, PeriodArgs,
    StatusArgs, ViolationsArgs,
};
pub(crate) use stages::{AnalyzeArgs, ExecuteArgs, Format, StageArgs};
pub(crate) use trying::{BacktestArgs, Baseline, DemoArgs, SimulateArgs};

/// A control loop that sees violations, finds their cause, remedies it and checks whether that helped.
#[derive(Debug, Parser)]
#[command(name = "mapek", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// Colours: always, never, or auto, which is on a terminal and unless NO_COLOR is set.
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        global = true
    )]
    pub(crate) color: Colour,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal.
    #[default]
    Auto,
    /// Wherever it goes.
    Always,
    /// Nowhere.
    Never,
}

/// What the exit codes mean.
const EXIT_CODES: &str = "\
Exit codes:
  0  it is done, and well
  1  it was refused, or what came of it is bad
  2  the command line, the configuration or the input cannot be used
  3  the loop cannot be asked
  4  the loop does not let you: it does not know you, or your role is not enough";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the loop beside Prometheus, Alertmanager and Charter.
    Run(ConfigArgs),
    /// Check the configuration, and with --live what it points to.
    Check(CheckArgs),
    /// The configuration: a file to begin with, its schema, what is in force.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Rules, tried on samples.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Show what a running loop is at.
    Status(StatusArgs),
    /// Ask a running loop whether it lives, for whoever starts it again when it does not.
    #[command(after_help = HEALTH_HELP)]
    Health(HealthArgs),
    /// Cycles of a running loop.
    #[command(subcommand)]
    Cycles(CyclesCommand),
    /// What is wrong now, worst first.
    Violations(ViolationsArgs),
    /// What the newest cycle takes for the cause, and why.
    Diagnosis(ApiArgs),
    /// Plans of a running loop: look, try, approve, reject.
    #[command(subcommand)]
    Plans(PlansCommand),
    /// Executions of a running loop: look, roll back, resolve.
    #[command(subcommand)]
    Executions(ExecutionsCommand),
    /// What came of executions, newest first.
    Outcomes(OutcomesArgs),
    /// What was learned, in words.
    Insights(ListArgs),
    /// Stop all that a running loop would do by itself; by the file PAUSE if its API does not answer.
    Pause(PauseArgs),
    /// Let a paused loop act again.
    Resume(ReasonArgs),
    /// Trust a kind of action again that the breaker has disabled.
    Rearm(RearmArgs),
    /// Ask a running loop for a cycle now.
    Cycle(ApiArgs),
    /// Who a running loop takes you for, and what you may do.
    Whoami(ApiArgs),
    /// Tokens for people who use the API.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Observe once, and print the observation as JSON.
    Monitor(ConfigArgs),
    /// Diagnose: an observation on standard input, or violations in FILE, one JSON object a line.
    Analyze(AnalyzeArgs),
    /// Plan: reads {"observation": …, "diagnosis": …} as JSON lines, prints plans.
    Plan(StageArgs),
    /// Execute plans, one JSON object a line; only as a dry run.
    Execute(ExecuteArgs),
    /// See it heal: reference server, loop and metric source in one process.
    Demo(DemoArgs),
    /// Judge this configuration: run it against a simulated Charter in which things go wrong, and score what it does.
    Simulate(SimulateArgs),
    /// Show what this configuration would have seen and proposed on past data, cycle by cycle, without acting.
    Backtest(BacktestArgs),
    /// What a loop has written down, beside a running one or in a copy: check it, decide it once more.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Put aside all that a loop cannot do without, beside a running one too: journal, inbox, memory and knowledge.
    #[command(
        after_help = "Exit codes: 0 it is made; 1 it is made, and the journal in it is damaged; 2 it is not made."
    )]
    Backup(BackupArgs),
    /// Put a backup back where the configuration wants it, and pause the loop until a person has looked.
    Restore(RestoreArgs),
    /// Print what lets a shell complete commands and options.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages: one for each command into DIR, or that of mapek to standard output.
    Man {
        /// Where they go; it is made if it is not there.
        dir: Option<PathBuf>,
    },
}

/// Where the configuration is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file; the defaults if there is none.
    #[arg(long, short, value_name = "FILE", env = "MAPEK_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn executing_alone_needs_dry_run() {
        assert!(Cli::try_parse_from(["mapek", "execute"]).is_err());
        assert!(Cli::try_parse_from(["mapek", "execute", "--dry-run"]).is_ok());
    }
}
