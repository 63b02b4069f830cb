//! One stage at a time.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ConfigArgs;

/// How an answer looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// A table for people.
    Table,
}

#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Violations, one JSON object a line, in any order of time; `-` for standard input. Without it, observations are
    /// read from standard input.
    pub(crate) file: Option<PathBuf>,
    /// How the diagnosis is printed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Print the observation too, as `mapek plan` reads it.
    #[arg(long, conflicts_with = "format")]
    pub(crate) pass: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StageArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Where the input is; standard input if absent or `-`.
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExecuteArgs {
    #[command(flatten)]
    pub(crate) stage: StageArgs,
    /// Say what would be done, and do nothing. Required: only the loop executes for real.
    #[arg(long, required = true)]
    pub(crate) dry_run: bool,
}
