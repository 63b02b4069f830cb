//! Where logs go and how they look.

use std::{fmt, io::IsTerminal as _, path::Path, sync::Arc};

use logroller::{LogRollerBuilder, Rotation, RotationSize};
use tracing::field::Field;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt as _,
    fmt::{
        FormatFields, MakeWriter,
        format::{Writer, debug_fn},
    },
    reload,
};

use crate::command::output::plain;
use crate::config::{Config, LogFormat, LogLevel};

/// Keeps the log writer alive; dropping it writes what is still queued.
#[derive(Debug)]
#[must_use = "logs are lost once this is dropped"]
pub(crate) struct LogGuard {
    _writer: Option<WorkerGuard>,
    level: LevelSwitch,
}

impl LogGuard {
    /// Changes how much is logged from now on.
    pub(crate) fn level(&self) -> LevelSwitch {
        self.level.clone()
    }
}

/// Changes how much is logged, while it is logged.
#[derive(Clone)]
pub(crate) struct LevelSwitch(Arc<dyn Fn(LogLevel) -> Result<(), reload::Error> + Send + Sync>);

impl fmt::Debug for LevelSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LevelSwitch")
    }
}

impl LevelSwitch {
    /// Where nothing is logged, nothing changes.
    fn none() -> Self {
        Self(Arc::new(|_| Ok(())))
    }

    fn of<S: 'static>(handle: reload::Handle<EnvFilter, S>) -> Self {
        Self(Arc::new(move |level| handle.reload(EnvFilter::new(level.as_str()))))
    }

    /// Logs as much as `level` says from now on.
    pub(crate) fn set(&self, level: LogLevel) {
        if let Err(error) = (self.0)(level) {
            tracing::error!(%error, "the log level cannot be changed");
        }
    }
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
        return Ok(LogGuard { _writer: None, level: LevelSwitch::none() });
    }
    let (format, level) = (config.logging.format, config.log_level());
    match &config.logging.file {
        None => {
            let colour = std::io::stderr().is_terminal();
            let level = install(format, level, std::io::stderr, colour);
            Ok(LogGuard { _writer: None, level })
        }
        Some(path) => {
            let roller = roller(path, config.logging.max_bytes, config.logging.backup_count)?;
            let (writer, guard) = tracing_appender::non_blocking(roller);
            let level = install(format, level, writer, false);
            Ok(LogGuard { _writer: Some(guard), level })
        }
    }
}

fn install<W>(format: LogFormat, level: LogLevel, writer: W, colour: bool) -> LevelSwitch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(level.as_str()))
        .with_ansi(colour && std::env::var_os("NO_COLOR").is_none())
        .with_writer(writer);
    // A second start in one process (a test) keeps the first subscriber: there is only one log.
    let (switch, installed) = match format {
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            (LevelSwitch::of(builder.reload_handle()), builder.try_init())
        }
        LogFormat::Text => {
            let builder = builder.fmt_fields(in_one_line()).with_filter_reloading();
            (LevelSwitch::of(builder.reload_handle()), builder.try_init())
        }
    };
    if let Err(error) = installed {
        tracing::debug!(%error, "the log was started before");
    }
    switch
}

/// Fields as text that stays in its line, whatever is in it: names and reasons come from elsewhere, and a line break in one must not make
/// another line of the log. JSON does so by itself.
fn in_one_line() -> impl for<'a> FormatFields<'a> + Send + Sync + 'static {
    let field = |writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug| {
        let text = plain(&format!("{value:?}"));
        match field.name() {
            "message" => writer.write_str(&text),
            name => write!(writer, "{name}={text}"),
        }
    };
    debug_fn(field).delimited(" ")
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

    #[tokio::test]
    async fn a_log_rotates_by_size_and_keeps_so_many() {
        let directory = tempfile::tempdir().unwrap();
        let mut roller = roller(&directory.path().join("mapek.log"), 1024, 2).unwrap();
        for _ in 0..100 {
            roller.write_all(&[b'x'; 99]).unwrap();
            roller.write_all(b"\n").unwrap();
        }
        roller.flush().unwrap();
        let sizes = || -> Vec<u64> {
            let entries = std::fs::read_dir(directory.path()).unwrap();
            // A file may be renamed while the directory is read.
            entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len())).collect()
        };
        // Old files are tidied away by a thread of the roller's own.
        let minute = std::time::Duration::from_secs(60);
        mapek_testkit::wait_until(minute, "three files", async || sizes().len() <= 3)
            .await
            .unwrap();
        assert!(sizes().len() >= 2, "{:?}", sizes());
        assert!(sizes().iter().all(|size| *size <= 1024), "{:?}", sizes());
    }

    /// What is written, to be read.
    #[derive(Clone, Default)]
    struct Kept(Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nothing_that_is_logged_makes_another_line() {
        let hostile = "x\n2026-01-01T00:00:00Z  INFO all is well\r\u{1b}[2J\u{9b}2J\u{0}";
        let log = |json: bool| {
            let kept = Kept::default();
            let writer = kept.clone();
            let builder = tracing_subscriber::fmt().with_writer(move || writer.clone());
            let builder = builder.with_ansi(false);
            let tell = || {
                let span = tracing::info_span!("cycle", label = %hostile);
                let _in_it = span.enter();
                tracing::warn!(why = %hostile, said = hostile, debug = ?hostile, "{hostile}");
            };
            if json {
                let subscriber = builder.json().flatten_event(true).finish();
                tracing::subscriber::with_default(subscriber, tell);
            } else {
                let subscriber = builder.fmt_fields(in_one_line()).finish();
                tracing::subscriber::with_default(subscriber, tell);
            }
            let bytes = kept.0.lock().unwrap().clone();
            String::from_utf8(bytes).unwrap()
        };
        for (text, json) in [(log(false), false), (log(true), true)] {
            assert_eq!(text.lines().count(), 1, "{text:?}");
            let inner = text.trim_end_matches('\n');
            assert!(inner.contains("all is well"), "{text:?}");
            // JSON escapes those of ASCII, which are what begins a line or a sequence for a terminal.
            let bad = |c: char| if json { c.is_ascii_control() } else { c.is_control() };
            assert!(!inner.chars().any(bad), "{text:?}");
        }
    }

    #[test]
    fn a_path_that_is_no_file_is_an_error_that_says_so() {
        let error = roller(Path::new("/"), 1024, 2).err().unwrap();
        assert!(error.to_string().contains("names no file"), "{error}");
    }
}
