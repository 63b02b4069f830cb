//! The way to stop everything.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use mapek_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Context, Rail, Refusal};

/// Why the loop is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Paused {
    /// A person said so, and the journal remembers it.
    Latch {
        /// Who.
        who: String,
        /// Why.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// The file is there, or cannot be looked for.
    File {
        /// Which.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
}

impl std::fmt::Display for Paused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Latch { who, reason, at } => write!(f, "paused by {who} at {at}: {reason}"),
            // Where it is depends on the machine; a decision must not.
            Self::File { path, reason } => {
                write!(f, "paused by the file {}: {reason}", name_of(path).display())
            }
        }
    }
}

impl Paused {
    /// The same, as it is journaled: of a file only its name, for the same run on another machine is the same run.
    pub(crate) fn placeless(self) -> Self {
        match self {
            Self::File { path, reason } => Self::File { path: name_of(&path).to_owned(), reason },
            latch @ Self::Latch { .. } => latch,
        }
    }
}

fn name_of(path: &Path) -> &Path {
    path.file_name().map_or(path, Path::new)
}

/// The file that pauses the loop by being there, so that a shell is enough to stop it.
///
/// ```
/// use mapek_execute::PauseFile;
///
/// let directory = tempfile::tempdir()?;
/// let file = PauseFile::in_directory(directory.path());
/// assert!(file.read().is_none());
/// std::fs::write(file.path(), "3 a.m.")?;
/// assert!(file.read().is_some());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PauseFile {
    path: PathBuf,
}

impl PauseFile {
    /// Its name.
    pub const NAME: &str = "PAUSE";

    /// The file in this directory.
    #[must_use]
    pub fn in_directory(directory: impl AsRef<Path>) -> Self {
        Self { path: directory.as_ref().join(Self::NAME) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it pauses the loop: if it is there, or if that cannot be known. Looks each time; keeps nothing.
    #[must_use]
    pub fn read(&self) -> Option<Paused> {
        let paused = |reason: String| Some(Paused::File { path: self.path.clone(), reason });
        // A link that leads nowhere is there, too.
        match fs::symlink_metadata(&self.path) {
            Ok(_) => paused("the file is there".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Not found is an answer only of a directory that can be read.
                match self.path.parent().map(fs::read_dir) {
                    Some(Err(error)) => paused(format!("its directory cannot be read: {error}")),
                    _ => None,
                }
            }
            Err(error) => paused(format!("it cannot be looked for: {error}")),
        }
    }
}

#[derive(Debug)]
pub(super) struct Pause;

impl Rail for Pause {
    fn check(&self, context: &Context<'_>) -> Result<(), Refusal> {
        context.paused.map_or(Ok(()), |paused| {
            let unless = match paused {
                Paused::Latch { .. } => "a person resumes the loop".to_owned(),
                Paused::File { path, .. } => {
                    format!("{} is removed from execute.state_dir", name_of(path).display())
                }
            };
            Err(Refusal::new("pause", paused.to_string()).unless(unless))
        })
    }
}
