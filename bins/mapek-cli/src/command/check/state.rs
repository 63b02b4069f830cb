//! Whether what `mapek run` keeps can be written.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use super::report::Report;
use crate::{command::output::OutputError, config::Config};

pub(super) fn check(config: &Config, report: &mut Report) -> Result<(), OutputError> {
    let directory = &config.execute.state_dir;
    match writable(directory) {
        Ok(()) => report.ok("state", format_args!("{} can be written", directory.display())),
        Err((place, error)) => {
            let what = format!("{}: {}: {error}", directory.display(), place.display());
            let remedy = "set execute.state_dir to a directory that can be written";
            report.fail("state", what, remedy)
        }
    }
}

/// Creates a file in `directory`, or in the nearest directory above it that is there, and removes it again. The error comes with
/// what could not be written.
fn writable(directory: &Path) -> Result<(), (PathBuf, io::Error)> {
    let there = directory.ancestors().find(|it| it.exists()).unwrap_or(Path::new("."));
    // What is above a relative path without a parent is the present directory.
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let file = there.join(format!(".mapek-check-{}", std::process::id()));
    let failed = |error| (file.clone(), error);
    OpenOptions::new().write(true).create_new(true).open(&file).map_err(failed)?;
    fs::remove_file(&file).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_or_can_be_made_is_written_and_left_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        for path in ["", "data", "a/b/c"] {
            writable(&directory.path().join(path)).unwrap();
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_directory_cannot_be_written_into() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "x").unwrap();
        for path in [file.clone(), file.join("data")] {
            let (place, _) = writable(&path).unwrap_err();
            assert!(place.starts_with(&file), "{}", place.display());
        }
    }
}
