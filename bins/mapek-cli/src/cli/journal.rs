//! What a loop has written down.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConfigArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Check that it is what its writer left: hashes, order, epochs, kept values, and that each event could follow the one before it.
    #[command(after_help = "Exit codes: 0 it is sound; 1 it is damaged; 2 it cannot be read.")]
    Verify(JournalVerifyArgs),
    /// Decide each of its cycles once more, and say which diagnosis, plan, score or word of the rails is another one.
    #[command(
        after_help = "Exit codes: 0 all is decided as it was; 1 something is not; 2 it cannot be read."
    )]
    Replay(JournalReplayArgs),
}

#[derive(Debug, Args)]
pub(crate) struct JournalVerifyArgs {
    /// The file journal.db, or the directory that holds it; it is only read.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct JournalReplayArgs {
    /// The file journal.db, or the directory that holds it; it is only read.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,
    /// Decide by this configuration, and not by the one that was in force.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// Where it goes: a directory that is not there yet, or empty.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}
