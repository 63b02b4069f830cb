//! What survives a restart besides the journal: episodes, baselines, standing causes.
//!
//! Losing it costs time, not correctness: the next cycle sees what is open, with a later onset, and learns afresh what is
//! usual. So it is one small file that is replaced as a whole, and no log. Alerts are acknowledged to the inbox only
//! after it is safe.

use std::{
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use mapek_analyze::AnalyzerState;
use mapek_model::CycleNumber;
use mapek_monitor::MonitorState;
use serde::{Deserialize, Serialize};

use crate::idle::IdleWatch;

/// What is saved at the end of a cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// After which cycle.
    pub cycle: CycleNumber,
    /// What Monitor knows.
    pub monitor: MonitorState,
    /// What Analyze knows.
    pub analyzer: AnalyzerState,
    /// Causes that nothing is done against.
    pub idle: IdleWatch,
}

/// A checkpoint cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file system said no.
    #[error("{doing} {path} failed", path = path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What is there is no checkpoint of this version.
    #[error("{path} holds no checkpoint of this version", path = path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Where the newest checkpoint is kept.
///
/// *Atomicity.* After a crash it holds the last one whose `save` returned, or the one that was being saved; never half.
pub trait Checkpoint: fmt::Debug + Send + Sync {
    /// Replaces what was saved before.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`]; what was saved before is still there.
    fn save(&self, saved: &Saved) -> Result<(), CheckpointError>;

    /// What was saved last.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] if there is something that cannot be read.
    fn load(&self) -> Result<Option<Saved>, CheckpointError>;
}

const _: Option<&dyn Checkpoint> = None; // stays usable as a trait object

/// A checkpoint in memory: for a loop that may forget, and for tests.
#[derive(Debug, Default)]
pub struct MemoryCheckpoint(Mutex<Option<Saved>>);

impl Checkpoint for MemoryCheckpoint {
    fn save(&self, saved: &Saved) -> Result<(), CheckpointError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(saved.clone());
        Ok(())
    }

    fn load(&self) -> Result<Option<Saved>, CheckpointError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// A checkpoint in a file, which is written beside itself, flushed and renamed.
#[derive(Debug, Clone)]
pub struct FileCheckpoint {
    path: PathBuf,
    told: fn(&'static str),
}

impl FileCheckpoint {
    /// In the file `loop.json` of a directory, which is made if it is not there.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join("loop.json"), told: |_| () }
    }

    /// The steps of [`save`](Checkpoint::save), each told when it is done.
    pub const STEPS: [&'static str; 5] = ["created", "written", "flushed", "renamed", "settled"];

    /// Tells of each of its [`STEPS`](Self::STEPS): for a harness that stops the process there.
    #[must_use]
    pub const fn telling(mut self, told: fn(&'static str)) -> Self {
        self.told = told;
        self
    }

    fn io(&self, doing: &'static str) -> impl FnOnce(io::Error) -> CheckpointError {
        let path = self.path.clone();
        move |source| CheckpointError::Io { doing, path, source }
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let beside = self.path.with_extension("json.new");
        let [created, written, flushed, renamed, settled] = Self::STEPS;
        let mut file = fs::File::create(&beside)?;
        (self.told)(created);
        file.write_all(bytes)?;
        (self.told)(written);
        file.sync_all()?;
        (self.told)(flushed);
        fs::rename(&beside, &self.path)?;
        (self.told)(renamed);
        // The rename itself lasts only once the directory is flushed.
        fs::File::open(directory)?.sync_all()?;
        (self.told)(settled);
        Ok(())
    }
}

impl Checkpoint for FileCheckpoint {
    fn save(&self, saved: &Saved) -> Result<(), CheckpointError> {
        let bytes = serde_json::to_vec(saved)
            .map_err(|source| CheckpointError::Format { path: self.path.clone(), source })?;
        self.replace(&bytes).map_err(self.io("writing"))
    }

    fn load(&self) -> Result<Option<Saved>, CheckpointError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io("reading")(error)),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| CheckpointError::Format { path: self.path.clone(), source })
    }
}
