//! `mapek pause` and `mapek resume`.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use mapek::execute::PauseFile;
use miette::miette;
use reqwest::StatusCode;
use serde_json::json;

use super::told;
use crate::{
    bounded,
    cli::{PauseArgs, ReasonArgs},
    command::{
        Done,
        api::{Api, ApiError, Refusal},
        configuration, note,
        output::{Out, plain},
        words::word,
    },
};

/// What each line begins with that this program writes into the file PAUSE. One with any other line, or with none, is a person's.
const OURS: &str = "written by mapek: ";

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

/// Lets the loop go on. What stops it beside it, as a file that this program wrote, is taken away first; what a person made is theirs.
pub(in crate::command) async fn resume(args: &ReasonArgs) -> Done {
    let ReasonArgs { reason, api: to } = args;
    let (api, file) = match &to.url {
        // Elsewhere is another file, or none.
        Some(_) => (Api::of(to)?, None),
        None => {
            let config = configuration(&to.config)?.config;
            let file = PauseFile::in_directory(&config.execute.state_dir);
            (Api::of_config(to, &config)?, Some(file))
        }
    };
    let ask = async || api.try_post("/api/v1/resume", &json!({"reason": reason})).await;
    let mut answer = ask().await;
    // Whoever may not resume it is told that, and nothing is taken away.
    let stays = matches!(&answer, Err(Refusal::Down(_) | Refusal::Said(StatusCode::CONFLICT, _)));
    if let Some(file) = file.filter(|_| stays)
        && is_ours(&file)
    {
        let path = file.path().display();
        std::fs::remove_file(file.path())
            .map_err(|error| miette!("{path} cannot be taken away: {error}"))?;
        note(format_args!("{path} is taken away: `mapek pause` or `mapek restore` had written it"));
        answer = ask().await;
    }
    match answer {
        Ok(answer) => told(to, &answer, |_| "resumed".to_owned()),
        Err(Refusal::Said(StatusCode::CONFLICT, why)) => Err(ApiError::Refused {
            base: api.base().to_owned(),
            why,
            next: Some(
                "ask who made that file, and remove it; one that `mapek pause` wrote is taken away by `mapek resume` beside \
                 it, without --url",
            ),
        }
        .into()),
        Err(refusal) => Err(refusal.at(api.base()).into()),
    }
}

/// Whether this program, and nobody else, wrote it. What cannot be read is somebody else's.
fn is_ours(file: &PauseFile) -> bool {
    let is_file = std::fs::symlink_metadata(file.path()).is_ok_and(|it| it.is_file());
    let text = if is_file { bounded::read(file.path()).unwrap_or_default() } else { String::new() };
    !text.is_empty() && text.lines().all(|line| line.starts_with(OURS))
}

fn write_file(directory: &Path, reason: &str) -> Done {
    let path = latch(directory, reason)?;
    let path = path.display();
    Out::stdout().line(format_args!("paused by {path}: `mapek resume` takes it away"))?;
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
    let line = format!("{OURS}{}\n", plain(reason));
    written.write_all(line.as_bytes()).and_then(|()| written.sync_all()).map_err(failed)?;
    Ok(file.path().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_else_wrote_is_theirs() {
        let directory = tempfile::tempdir().unwrap();
        let file = PauseFile::in_directory(directory.path());
        let path = latch(directory.path(), "it hangs\n3 a.m.").unwrap();
        latch(directory.path(), "still").unwrap();
        assert!(is_ours(&file), "{:?}", std::fs::read_to_string(&path));
        for theirs in
            ["", "\n", "3 a.m.", "written by mapek: x\n3 a.m.\n", "3 a.m.\nwritten by mapek: x\n"]
        {
            std::fs::write(&path, theirs).unwrap();
            assert!(!is_ours(&file), "{theirs:?}");
        }
        // A line that nobody ended is one with ours behind it.
        std::fs::write(&path, "3 a.m.").unwrap();
        latch(directory.path(), "it hangs").unwrap();
        assert!(!is_ours(&file));
        std::fs::write(&path, [0xff]).unwrap();
        assert!(!is_ours(&file));
        std::fs::remove_file(&path).unwrap();
        assert!(!is_ours(&file), "there is none");
        #[cfg(unix)]
        {
            let elsewhere = directory.path().join("elsewhere");
            std::fs::write(&elsewhere, "written by mapek: x\n").unwrap();
            std::os::unix::fs::symlink(elsewhere, &path).unwrap();
            assert!(!is_ours(&file), "a link is no file that it writes");
        }
    }
}
