//! Laws and behaviour of the executor.

mod behaviour;
mod laws;
mod people;
mod retention;
mod verdicts;
mod world;
