//! Serves the Charter reference server.

mod args;
mod health;
mod server;
mod tls;

use std::process::ExitCode;

use args::Command;
use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let filter = EnvFilter::try_from_env("LOG_LEVEL").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let (done, failure) = match &args.command {
        None => (server::run(&args), "charter-simd stopped"),
        Some(Command::Health(args)) => (health::ask(args), "the server is not well"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain(&*error), "{failure}");
            ExitCode::FAILURE
        }
    }
}

/// An error and its sources, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |source| source.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}
