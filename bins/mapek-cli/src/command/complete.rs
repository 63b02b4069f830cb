//! `mapek completions` and `mapek man`.

use std::{path::Path, process::ExitCode};

use clap::CommandFactory as _;
use clap_complete::Shell;
use miette::miette;

use super::{Done, output::Out};
use crate::cli::Cli;

pub(super) fn shell(shell: Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mapek", &mut script);
    Out::stdout().text(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// That of `mapek` to standard output, or one for each command into `directory`.
pub(super) fn manual(directory: Option<&Path>) -> Done {
    let command = Cli::command();
    let Some(directory) = directory else {
        let mut page = Vec::new();
        let written = clap_mangen::Man::new(command).render(&mut page);
        written.map_err(|error| miette!("the page cannot be made: {error}"))?;
        Out::stdout().text(&String::from_utf8_lossy(&page))?;
        return Ok(ExitCode::SUCCESS);
    };
    let failed = |error: std::io::Error| {
        miette!(
            help = "name a directory that can be written",
            "pages cannot be written into {}: {error}",
            directory.display()
        )
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(command, directory).map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}
