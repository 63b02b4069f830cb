//! Laws and behaviour of the executor.

mod behaviour;
mod deciding;
mod edges;
mod effects;
mod forged;
mod keys;
mod laws;
mod looks;
mod others;
mod people;
mod rehearsal;
mod retention;
mod setback;
mod spans;
mod verdicts;
mod verify;
mod world;
