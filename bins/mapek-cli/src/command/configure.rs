//! `mapek config`.

use std::{fs::OpenOptions, io::Write as _, path::Path, process::ExitCode};

use super::{Done, UsageError, configuration, note, output::Out};
use crate::{
    cli::ConfigCommand,
    config::{COMMENTED, effective_json, effective_yaml, schema},
};

pub(super) fn configure(command: &ConfigCommand) -> Done {
    let mut out = Out::stdout();
    match command {
        ConfigCommand::Init { file: None } => out.text(COMMENTED)?,
        ConfigCommand::Init { file: Some(path) } => {
            write(path)?;
            note(format_args!("{} is written; `mapek check --config` it", path.display()));
        }
        ConfigCommand::Schema => out.text(&schema())?,
        ConfigCommand::Show { config, json } => {
            let loaded = configuration(config)?;
            if *json {
                out.json(&effective_json(&loaded.config))?;
            } else {
                out.text(&effective_yaml(&loaded.config))?;
            }
            loaded.notices.iter().for_each(|notice| note(format_args!("note: {notice}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Never over a file that is there: it may be the only one of its kind.
fn write(path: &Path) -> Result<(), UsageError> {
    let failed = |error: std::io::Error| {
        let what = format!("{} cannot be written: {error}", path.display());
        UsageError::new(what, "name a file that is not there yet, in a directory that is")
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(COMMENTED.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
