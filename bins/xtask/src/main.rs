//! Chores of the workspace: `cargo xtask help` lists them.
//!
//! Everything here shells out to tools that a developer could call by hand, and says how when one fails. There is no
//! argument parser and no async runtime, because this is compiled before anything else can happen.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the terminal")]

mod artifacts;
mod bench;
mod ci;
mod cli;
mod coverage;
mod criterion;
mod dst;
mod error;
mod examples;
mod features;
mod image;
mod manifests;
mod mutants;
mod properties;
mod release;
mod reliability;
mod reproducible;
mod setup;
mod shell;
mod simulate;
mod steps;
mod workspace;

use std::process::ExitCode;

use cli::Chore;
use error::Error;
use workspace::Workspace;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match cli::parse(&args).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<(), Error> {
    let workspace = Workspace::find()?;
    match chore {
        Chore::Help => println!("{}", cli::HELP),
        Chore::Setup => setup::for_ci(&workspace)?,
        Chore::Manifests => manifests::run(&workspace)?,
        Chore::Static { debug } => image::run(&workspace, debug)?,
        Chore::Ci { keep_going } => ci::run(&workspace, keep_going)?,
        Chore::Coverage => coverage::run(&workspace)?,
        Chore::Simulate { save } => simulate::run(&workspace, save)?,
        Chore::Dst { options } => dst::run(&workspace, &options)?,
        Chore::Properties { cases } => properties::run(&workspace, cases)?,
        Chore::Crash { arguments } => reliability::campaign(&workspace, "crash", &arguments)?,
        Chore::Disk { arguments } => reliability::campaign(&workspace, "disk", &arguments)?,
        Chore::Intake { arguments } => reliability::measure(&workspace, "intake", &arguments)?,
        Chore::Load { arguments } => reliability::measure(&workspace, "load", &arguments)?,
        Chore::Recovery { arguments } => reliability::measure(&workspace, "recovery", &arguments)?,
        Chore::Fuzz { arguments } => reliability::fuzz(&workspace, &arguments)?,
        Chore::Streams => reliability::streams(&workspace)?,
        Chore::Mutants { files } => mutants::run(&workspace, &files)?,
        Chore::Bench(options) => bench::run(&workspace, &options)?,
        Chore::Reproduce => reproducible::run(&workspace)?,
        Chore::Artifacts { keep_going } => artifacts::run(&workspace, keep_going)?,
        Chore::ReleaseCheck { keep_going } => release::run(&workspace, keep_going)?,
    }
    Ok(())
}
