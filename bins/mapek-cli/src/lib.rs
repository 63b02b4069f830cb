//! The parts of the `mapek` binary, as a library so that tests start what the binary starts.
//!
//! It composes, parses and prints; it decides nothing. [`load`] reads a configuration, [`App::build`] puts together
//! what it asks for, [`App::run`] runs it until it is told to stop.
mod bounded;
mod certificates;
mod cli;
mod command;
mod config;
mod counted;
mod demo;
mod logging;
mod mischief;
mod people;
mod telemetry;
mod yaml;

mod app;
mod compose;

pub use app::App;
pub use certificates::Certificates;
pub use command::main;
pub use compose::{BuildError, Charter, Outside, System, builder, charter};
pub use config::{Config, ConfigError, Loaded, load};
