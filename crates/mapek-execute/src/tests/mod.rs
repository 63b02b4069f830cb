//! Laws and behaviour of the executor.

mod behaviour;
mod laws;
mod others;
mod people;
mod retention;
mod verdicts;
mod world;
