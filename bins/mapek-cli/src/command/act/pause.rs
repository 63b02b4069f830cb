//! `mapek pause`.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use mapek::execute::PauseFile;
use miette::miette;
use serde_json::json;

use super::told;
use crate::{
    cli::{PauseArgs, ReasonArgs},
    command::{
        Done,
        api::{Api, Refusal},
        configuration, note,
        output::{Out, plain},
        words::word,
    },
};

/// Pauses by the API, and by the file if nobody answers there.
pub(in crate::command) async fn pause(args: &PauseArgs) -> Done {
    let ReasonArgs { reason, api: to } = &args.how;
    let loaded = configuration(&to.config)?;
    let directory = &loaded.config.execute.state_dir;
    if args.file {
        return write_file(directory, reason);
    }
    let api = match &to.url {
        Some(_) => Api::of(to)?,
        None => Api::of_config(to, &loaded.config)?,
    };
    match api.try_post("/api/v1/pause", &json!({"reason": reason})).await {
        Ok(answer) => told(to, &answer, |answer| word(&answer["paused"])),
        // Elsewhere the file would stop nobody, or somebody else.
        Err(Refusal::Down(why)) if to.url.is_none() => {
            note(format_args!("the loop at {} cannot be asked: {why}", api.base()));
            write_file(directory, reason)
        }
        Err(refusal) => Err(refusal.at(api.base()).into()),
    }
}

fn write_file(directory: &Path, reason: &str) -> Done {
    let path = latch(directory, reason)?;
    let path = path.display();
    Out::stdout().line(format_args!("paused by {path}: remove it, and then resume"))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the file PAUSE into the directory of a loop, which is made if it is not there; answers where it is.
pub(in crate::command) fn latch(directory: &Path, reason: &str) -> miette::Result<PathBuf> {
    let file = PauseFile::in_directory(directory);
    let failed = |error: io::Error| {
        miette!(
            help = "write the file by other means, or stop the process",
            "{} cannot be written: {error}",
            file.path().display()
        )
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    // What is there already pauses as well, and says why it was written.
    let mut options = std::fs::OpenOptions::new();
    let mut written = options.create(true).append(true).open(file.path()).map_err(failed)?;
    writeln!(written, "{}", plain(reason)).and_then(|()| written.sync_all()).map_err(failed)?;
    Ok(file.path().to_owned())
}
