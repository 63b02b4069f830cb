//! Laws and behaviour of the executor.

mod behaviour;
mod laws;
mod looks;
mod people;
mod rehearsal;
mod retention;
mod verdicts;
mod world;
