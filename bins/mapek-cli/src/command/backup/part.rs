//! The files of a loop.

use std::path::{Path, PathBuf};

use crate::config::{Config, Database};

/// A file that a loop cannot do without. Who was told what (`notify`) is none: people are told once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Inbox,
    Checkpoint,
    Journal,
    Knowledge,
}

impl Part {
    /// In the order in which they are copied beside a running loop. An alert is taken out of the inbox only when the checkpoint knows it, and an outcome
    /// gets into knowledge only after the journal has it: in this order what moves meanwhile is there twice at worst, which the loop sees, and
    /// never missing.
    pub(super) const ALL: [Self; 4] =
        [Self::Inbox, Self::Checkpoint, Self::Journal, Self::Knowledge];

    /// Its name in a backup.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox.db",
            Self::Checkpoint => "loop.json",
            Self::Journal => "journal.db",
            Self::Knowledge => "knowledge.db",
        }
    }

    /// Where a loop with this configuration has it, if it has it in a file.
    pub(super) fn place(self, config: &Config) -> Option<PathBuf> {
        match self {
            Self::Knowledge => (config.knowledge.database == Database::Sqlite)
                .then(|| config.knowledge.sqlite_path.clone()),
            other => Some(config.execute.state_dir.join(other.name())),
        }
    }

    /// Whether it is a database, which has to be copied by SQLite while somebody writes it.
    pub(super) fn is_database(self) -> bool {
        Path::new(self.name()).extension().is_some_and(|it| it == "db")
    }
}
