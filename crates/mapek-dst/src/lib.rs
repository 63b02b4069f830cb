//! Deterministic simulation of loop, journal, clock and a faulty world under one seed.
//!
//! [`run`] takes a seed and tells a story: the real loop (monitor, analyzer, planner, rails, executor, journal, knowledge) on a
//! clock that jumps, on a disk that fails at every write, before a managed system whose calls are refused, lost, late, doubled or
//! never answered, with metrics that are stale, partial or gone, and with people who pause, approve and roll back at the worst
//! moment. Processes die anywhere and are started anew; an old one may live on beside its successor. Invariants are looked at
//! with every call that leaves, every effect, every durable record and every report.
//!
//! The same seed gives the same bytes. Nothing here is published, and nothing of the loop is rebuilt: what is simulated is around it.
//!
//! ```
//! let scratch = tempfile::tempdir()?;
//! let one = mapek_dst::run(7, None, scratch.path());
//! assert!(one.violations.is_empty(), "{:?}", one.violations);
//! assert_eq!(one, mapek_dst::run(7, None, scratch.path()));
//! # Ok::<(), std::io::Error>(())
//! ```
mod bug;
mod check;
mod disk;
mod people;
mod plant;
mod process;
mod random;
mod run;
mod script;
mod seam;
mod world;

pub use bug::Bug;
pub use check::Violation;
pub use run::{Counts, Outcome, run};
