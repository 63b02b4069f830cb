//! Laws and behaviour of the executor.

mod behaviour;
mod laws;
mod people;
mod retention;
mod setback;
mod verdicts;
mod verify;
mod world;
