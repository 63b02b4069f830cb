//! `mapek backup` and `mapek restore`: what a loop cannot do without, put aside and put back.

mod part;
mod put_back;
mod save;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use mapek::model::{ContentHash, Sequence, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

pub(super) use put_back::restore;
pub(super) use save::backup;

/// The file in a backup that says what is in it. It is written last: without it a backup is not whole.
const MANIFEST: &str = "backup.json";

/// What is in a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    /// The version that made it.
    version: String,
    made_at: Timestamp,
    target: TargetId,
    /// The journal's id, if anything was written in it.
    journal: Option<ContentHash>,
    /// The newest record of the journal.
    head: Sequence,
    /// Whether the journal was found sound.
    sound: bool,
    /// Its files by name.
    parts: BTreeMap<String, Kept>,
}

/// A file in a backup.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    bytes: u64,
    sha256: ContentHash,
}

impl Kept {
    fn of(path: &Path) -> Result<Self, BackupError> {
        let bytes = fs::read(path).map_err(BackupError::io("read", path))?;
        Ok(Self { bytes: bytes.len() as u64, sha256: ContentHash::of(&bytes) })
    }
}

/// Nothing was put aside, or back.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum BackupError {
    /// There is no loop's journal.
    #[error("there is no journal in {directory}", directory = directory.display())]
    #[diagnostic(help(
        "name the configuration of the loop with --config: its execute.state_dir is what is kept"
    ))]
    NoJournal {
        /// Where it should be.
        directory: PathBuf,
    },
    /// Something is in the way.
    #[error("{path} is there already", path = path.display())]
    #[diagnostic(help(
        "nothing is overwritten: name an empty directory, or move what is there away"
    ))]
    InTheWay {
        /// What is.
        path: PathBuf,
    },
    /// It is no whole backup.
    #[error("{directory} is no whole backup: {why}", directory = directory.display())]
    #[diagnostic(help(
        "take another one: one that was interrupted has no backup.json, and one that was changed is not put back"
    ))]
    NotWhole {
        /// Where it was looked for.
        directory: PathBuf,
        /// What is missing or changed.
        why: String,
    },
    /// The configuration keeps knowledge elsewhere.
    #[error("the backup holds knowledge, and the configuration keeps none in a file")]
    #[diagnostic(help(
        "set knowledge.database: sqlite, or leave the backup's knowledge.db out by hand"
    ))]
    NoPlace,
    /// A file cannot be read or written.
    #[error("cannot {doing} {path}: {source}", path = path.display())]
    #[diagnostic(help("look whether there is room, and whether it may be read and written"))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A database cannot be copied or opened.
    #[error("{path} cannot be used: {source}", path = path.display())]
    #[diagnostic(help(
        "is another mapek running on this state directory? `mapek journal verify` looks at a journal"
    ))]
    Store {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl BackupError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    fn store<E>(path: &Path) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = path.to_owned();
        move |source| Self::Store { path, source: source.into() }
    }
}

/// Makes what was renamed or created in a directory outlast a crash of the machine.
fn settle(directory: &Path) -> Result<(), BackupError> {
    let flushed = fs::File::open(directory).and_then(|it| it.sync_all());
    flushed.map_err(BackupError::io("flush", directory))
}
