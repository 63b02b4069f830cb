//! `mapek journal`: looks at what a loop has written down, beside a running one or at a copy.

mod replay;
mod verify;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use mapek::store::SqliteReader;

use super::Done;
use crate::cli::JournalCommand;

/// The journal cannot be looked at.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum JournalError {
    /// There is none that can be read.
    #[error("the journal {path} cannot be read", path = path.display())]
    #[diagnostic(help(
        "name the file journal.db, or the directory execute.state_dir that holds it"
    ))]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It says of a cycle neither what was in force, nor does the command line.
    #[error("the journal {path} does not hold the configuration of cycle {cycle}", path = path.display())]
    #[diagnostic(help("give one with --config: that of then, to see whether it decides the same"))]
    NoConfiguration {
        /// Which file.
        path: PathBuf,
        /// Which cycle.
        cycle: u64,
    },
    /// What was in force is not known any more.
    #[error("the configuration of cycle {cycle} cannot be used by this version")]
    #[diagnostic(help("give one with --config"))]
    OldConfiguration {
        /// Which cycle.
        cycle: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// There are cycles, and of none is all there that a replay needs.
    #[error("no cycle of {path} can be replayed: {why}", path = path.display())]
    #[diagnostic(help("older versions did not keep all that a cycle was worked out from"))]
    NothingKept {
        /// Which file.
        path: PathBuf,
        /// What the newest of them lacks.
        why: String,
    },
}

pub(super) fn journal(command: &JournalCommand) -> Done {
    match command {
        JournalCommand::Verify(args) => verify::verify(args),
        JournalCommand::Replay(args) => replay::replay(args),
    }
}

/// The file of the journal that `path` names, or that is in the directory that it names.
pub(super) fn file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("journal.db") } else { path.to_owned() }
}

pub(super) fn open(path: &Path) -> Result<SqliteReader, JournalError> {
    SqliteReader::open(path).map_err(unreadable(path))
}

pub(super) fn unreadable<E>(path: &Path) -> impl FnOnce(E) -> JournalError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let path = path.to_owned();
    move |error| JournalError::Unreadable { path, source: error.into() }
}

/// 0 if all is as it should be, else 1.
fn code(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
