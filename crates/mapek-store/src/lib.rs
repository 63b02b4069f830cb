//! Durable files: a log that is appended to and pruned, and SQLite files with one writer.
//!
//! [`Store`] is the seam below the journal: numbered records, appended atomically under an epoch, and blobs named by
//! their content. It knows nothing of what the records say; sequence, epoch and chain logic sits above it, so the same
//! logic runs on [`SqliteStore`] in production and on [`MemoryStore`], which can be told to fail, in simulation.
//!
//! ```
//! use mapek_model::Sequence;
//! use mapek_store::{MemoryStore, Store};
//!
//! let store = MemoryStore::new();
//! let epoch = store.raise_epoch()?;
//! let head = store.append(epoch, Sequence::new(0), &[b"first".to_vec()])?;
//! assert_eq!(head, Sequence::new(1));
//!
//! // A leader that was replaced is refused.
//! store.raise_epoch()?;
//! assert!(store.append(epoch, head, &[b"second".to_vec()]).is_err());
//! # Ok::<(), mapek_store::Error>(())
//! ```
//!
//! `Database` (feature `sqlite`) is the piece below it, for whoever keeps tables of their own: it opens a file under an
//! exclusive lock, migrates it, and runs closures on one writer thread, where concurrent ones share a commit.
//!
//! # Feature flags
//!
//! - **`sqlite`** (default): files in SQLite. Without it there is only the store in memory.
//! - **`failpoints`**: named points inside a write at which a test may stop the process. For tests only.
mod error;
mod memory;
mod store;

#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(all(feature = "failpoints", feature = "sqlite"))]
pub mod failpoints;

pub use error::{BoxError, Error};
pub use memory::{Fault, MemoryStore};
pub use store::{Pruned, Pruning, Store, Stored};

/// The SQLite bindings that closures of a `Database` are written in. A foreign crate in our API, on purpose: whoever
/// keeps tables of their own has to speak SQL, and must do so through the one SQLite that can be linked.
#[cfg(feature = "sqlite")]
pub use rusqlite;
#[cfg(feature = "sqlite")]
pub use sqlite::{Database, Schema, SqliteReader, SqliteStore, WorkError, copy};
