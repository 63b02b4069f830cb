//! Where logs go and how they look.

use std::{io::IsTerminal as _, path::Path};

use logroller::{LogRollerBuilder, Rotation, RotationSize};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::config::{Config, LogFormat};

/// Keeps the log writer alive; dropping it writes what is still queued.
#[derive(Debug)]
#[must_use = "logs are lost once this is dropped"]
pub(crate) struct LogGuard {
    _writer: Option<WorkerGuard>,
}

/// The log cannot be opened.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot write the log {path}: {why}")]
#[diagnostic(help(
    "set logging.file to a path that can be written, or leave it out to log to standard error"
))]
pub(crate) struct LogError {
    path: String,
    why: String,
}

/// Sends what the process logs to where the configuration says, from now until the guard is dropped.
///
/// # Errors
///
/// [`LogError`] if the log file cannot be opened.
pub(crate) fn start(config: &Config) -> Result<LogGuard, LogError> {
    if !config.orchestrator.enable_logging {
        return Ok(LogGuard { _writer: None });
    }
    let level = config.orchestrator.log_level.unwrap_or(config.logging.level).as_str();
    match &config.logging.file {
        None => {
            install(config.logging.format, level, std::io::stderr, std::io::stderr().is_terminal());
            Ok(LogGuard { _writer: None })
        }
        Some(path) => {
            let roller = roller(path, config.logging.max_bytes, config.logging.backup_count)?;
            let (writer, guard) = tracing_appender::non_blocking(roller);
            install(config.logging.format, level, writer, false);
            Ok(LogGuard { _writer: Some(guard) })
        }
    }
}

fn install<W>(format: LogFormat, level: &str, writer: W, colour: bool)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_ansi(colour && std::env::var_os("NO_COLOR").is_none())
        .with_writer(writer);
    // A second start in one process (a test) keeps the first subscriber: there is only one log.
    let installed = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.try_init(),
    };
    if let Err(error) = installed {
        tracing::debug!(%error, "the log was started before");
    }
}

fn roller(path: &Path, max_bytes: u64, backups: u32) -> Result<logroller::LogRoller, LogError> {
    let fail = |why: String| LogError { path: path.display().to_string(), why };
    let name = path.file_name().ok_or_else(|| fail("it names no file".to_owned()))?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    LogRollerBuilder::new(directory.unwrap_or(Path::new(".")), Path::new(name))
        .rotation(Rotation::SizeBased(RotationSize::Bytes(max_bytes)))
        .max_keep_files(u64::from(backups))
        .file_mode(0o640)
        .build()
        .map_err(|error| fail(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_log_rotates_by_size_and_keeps_so_many() {
        let directory = tempfile::tempdir().unwrap();
        let mut roller = roller(&directory.path().join("mapek.log"), 1024, 2).unwrap();
        for _ in 0..100 {
            roller.write_all(&[b'x'; 99]).unwrap();
            roller.write_all(b"\n").unwrap();
        }
        roller.flush().unwrap();
        drop(roller);
        let sizes: Vec<_> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .collect();
        assert!((2..=3).contains(&sizes.len()), "{sizes:?}");
        assert!(sizes.iter().all(|size| *size <= 1024), "{sizes:?}");
    }

    #[test]
    fn a_path_that_is_no_file_is_an_error_that_says_so() {
        let error = roller(Path::new("/"), 1024, 2).unwrap_err();
        assert!(error.to_string().contains("names no file"), "{error}");
    }
}
