//! Where logs go and how they look.

use std::{fmt, io::IsTerminal as _, path::Path, sync::Arc};

use logroller::{LogRollerBuilder, Rotation, RotationSize};
use tracing::{Metadata, field::Field};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    field::MakeExt as _,
    filter::{FilterExt as _, filter_fn},
    fmt::{
        FormatFields, MakeWriter,
        format::{Writer, debug_fn},
    },
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
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

    /// One that does this.
    pub(crate) fn new(
        set: impl Fn(LogLevel) -> Result<(), reload::Error> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(set))
    }

    /// One that does what both do.
    fn and(self, other: Self) -> Self {
        Self::new(move |level| (self.0)(level).and((other.0)(level)))
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

/// One part of what becomes of events and spans.
pub(crate) type OneLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// What else than the log is told of events and spans.
#[derive(Default)]
pub(crate) struct Others {
    pub(crate) layers: Vec<OneLayer>,
    /// Changes how much of the log they are told.
    pub(crate) level: Option<LevelSwitch>,
}

/// Sends what the process logs to where the configuration says, and to `others`, from now until the guard is dropped.
///
/// # Errors
///
/// [`LogError`] if the log file cannot be opened.
pub(crate) fn start(config: &Config, others: Others) -> Result<LogGuard, LogError> {
    let Others { mut layers, level: switch } = others;
    let mut switch = switch.unwrap_or_else(LevelSwitch::none);
    let mut kept = None;
    if config.orchestrator.enable_logging {
        let (format, level) = (config.logging.format, config.log_level());
        let (layer, own) = match &config.logging.file {
            None => layer(format, level, std::io::stderr, std::io::stderr().is_terminal()),
            Some(path) => {
                let roller = roller(path, config.logging.max_bytes, config.logging.backup_count)?;
                let (writer, guard) = tracing_appender::non_blocking(roller);
                kept = Some(guard);
                layer(format, level, writer, false)
            }
        };
        layers.push(layer);
        switch = switch.and(own);
    }
    // A second start in one process (a test) keeps the first subscriber: there is only one log.
    if !layers.is_empty()
        && let Err(error) = tracing_subscriber::registry().with(layers).try_init()
    {
        tracing::debug!(%error, "the log was started before");
    }
    Ok(LogGuard { _writer: kept, level: switch })
}

fn layer<W>(format: LogFormat, level: LogLevel, writer: W, colour: bool) -> (OneLayer, LevelSwitch)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(EnvFilter::new(level.as_str()));
    let switch = LevelSwitch::new(move |level| handle.reload(EnvFilter::new(level.as_str())));
    let filter = filter.and(filter_fn(is_news));
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(colour && std::env::var_os("NO_COLOR").is_none())
        .with_writer(writer);
    let layer = match format {
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
        LogFormat::Text => layer.fmt_fields(in_one_line()).with_filter(filter).boxed(),
    };
    (layer, switch)
}

/// That a batch of traces or of the log was not taken is told once, by who sends it, and not by the SDK for each.
fn is_news(of: &Metadata<'_>) -> bool {
    !of.name().ends_with("Processor.ExportError")
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
