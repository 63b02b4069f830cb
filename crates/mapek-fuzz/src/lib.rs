//! Mutates what comes from outside, and sees that whoever reads it answers or refuses it, and neither panics nor breaks its own laws.
//!
//! This is no coverage-guided engine. Inputs are mutated as bytes, as lines and as JSON, from a corpus of recorded ones; an input is kept for
//! further mutation if what came of it was never seen before, told by the shape of the answer or by the words of the refusal.
//!
//! What was found is kept in `found/`, and tried again with the whole corpus by `tests/corpus.rs`.
mod corpus;
mod mutate;
mod run;
mod shape;
mod target;

pub use corpus::{Input, inputs};
pub use run::{Found, Tally, run};
pub use target::{Bench, Target};
