//! Laws and behaviour of the executor.

mod behaviour;
mod laws;
mod people;
mod verdicts;
mod world;
