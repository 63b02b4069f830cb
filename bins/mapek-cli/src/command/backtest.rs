//! `mapek backtest`.

mod journal;
mod moment;

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    ops::ControlFlow,
    path::Path,
    process::ExitCode,
};

use mapek::model::{Duration, Span, Timestamp, duration, since};
use mapek_eval::backtest::{BacktestConfig, BacktestError, Past, Replayed, Summary, backtest};
use serde::Serialize;

use super::{
    Done, configuration, note,
    output::{Out, plain},
};
use crate::{
    cli::BacktestArgs,
    compose::{self, BuildError},
    config::{Config, RailsProfile},
};
pub(crate) use moment::Moment;

/// The span cannot be looked at.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum SpanError {
    /// It ends before it begins.
    #[error("--from ({from}) is not before --to ({to})")]
    #[diagnostic(help("exchange them, or look at more than a moment"))]
    Backward {
        /// Where it would begin.
        from: Timestamp,
        /// Where it would end.
        to: Timestamp,
    },
    /// It is not over.
    #[error("--to ({to}) lies in the future: it is {now}")]
    #[diagnostic(help("--to now ends at this moment"))]
    Future {
        /// Where it would end.
        to: Timestamp,
        /// The time.
        now: Timestamp,
    },
    /// It is too long.
    #[error(transparent)]
    #[diagnostic(help("take a larger --step, or a shorter span"))]
    TooLong(BacktestError),
}

/// Past data cannot be looked at.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("the past cannot be looked at")]
struct Failed {
    #[source]
    source: BacktestError,
    #[help]
    help: Option<&'static str>,
}

/// Drives the loop of the configuration through what Prometheus has recorded, and prints what it would have seen and proposed. Nothing
/// is sent to the managed system, to Alertmanager or to anybody.
pub(super) async fn run(args: &BacktestArgs) -> Done {
    let mut config = configuration(&args.config)?.config;
    if let Some(path) = &args.journal {
        return journal::run(args, &config, path);
    }
    let span = span(args, compose::system_clock().now())?;
    config.orchestrator.loop_interval = args.step.unwrap_or(config.orchestrator.loop_interval);
    // Where the record lies says nothing of how it is looked at.
    let config_hash = compose::hash(&config)?.to_string();
    if let Some(url) = &args.prometheus {
        config.monitor.prometheus_url.clone_from(url);
    }
    let past = open(&config, span).await?;
    if past.is_partial() {
        let record = past.record();
        note(format_args!("only from {} to {} anything is recorded", record.from(), record.to()));
    }
    let (mut cycle, rails) = compose::replaying(&config, &past)?;
    let mut telling = Telling::new(span, args.cycles.as_deref())?;
    let summary = backtest(&past, &mut cycle, &rails, |replayed| telling.take(replayed)).await;
    telling.close()?;
    let summary = summary.map_err(failed)?;
    telling.conclude(&summary)?;
    if let Some(path) = &args.json {
        let step = Some(config.orchestrator.loop_interval);
        write(path, &Written::new(&config, config_hash, step, &summary))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn span(args: &BacktestArgs, now: Timestamp) -> Result<Span, SpanError> {
    let at = |moment: Option<Moment>, else_at| moment.map_or(else_at, |it| it.at(now));
    let (from, to) = (at(args.from, Timestamp::MIN), at(args.to, now));
    match Span::try_new(from, to) {
        _ if to > now => Err(SpanError::Future { to, now }),
        Ok(span) if from < to => Ok(span),
        _ => Err(SpanError::Backward { from, to }),
    }
}

async fn open(config: &Config, span: Span) -> miette::Result<Past> {
    let settings = BacktestConfig {
        span,
        step: config.orchestrator.loop_interval,
        scrape_interval: config.monitor.scrape_interval,
        present: compose::present(config)?,
        alerts: config.alertmanager.enabled,
    };
    let past = Past::open(compose::recorded(config)?, &settings).await;
    past.map_err(|error| match error {
        BacktestError::TooLong { .. } => miette::Report::new(SpanError::TooLong(error)),
        other => failed(other),
    })
}

fn failed(source: BacktestError) -> miette::Report {
    let help = match source {
        BacktestError::NoRecord { .. } => Some(
            "choose a span within the record; how long Prometheus keeps it is its --storage.tsdb.retention.time",
        ),
        BacktestError::Unreadable { .. } => {
            Some("is --prometheus, or monitor.prometheus_url, right?")
        }
        _ => None,
    };
    Failed { source, help }.into()
}

/// Prints lines, and writes cycles down.
struct Telling {
    out: Out,
    span: Span,
    cycles: Option<BufWriter<File>>,
    lines: u64,
    tenths: u128,
    failed: Option<miette::Report>,
}

impl Telling {
    fn new(span: Span, cycles: Option<&Path>) -> Result<Self, BuildError> {
        let open = |path: &Path| File::create(path).map_err(|error| unwritable(path, error));
        let cycles = cycles.map(open).transpose()?.map(BufWriter::new);
        Ok(Self { out: Out::stdout(), span, cycles, lines: 0, tenths: 0, failed: None })
    }

    fn take(&mut self, replayed: &Replayed) -> ControlFlow<()> {
        self.progress(replayed.cycle.at);
        match self.tell(replayed) {
            Ok(()) => ControlFlow::Continue(()),
            Err(report) => {
                self.failed = Some(report);
                ControlFlow::Break(())
            }
        }
    }

    fn tell(&mut self, replayed: &Replayed) -> miette::Result<()> {
        if let Some(cycles) = &mut self.cycles {
            let line =
                serde_json::to_string(replayed).map_err(BuildError::of("a cycle as JSON"))?;
            writeln!(cycles, "{line}").map_err(BuildError::of("the file of cycles"))?;
        }
        if replayed.has_seen_something() {
            self.lines += 1;
            self.out.line(plain(&replayed.to_string()))?;
        }
        Ok(())
    }

    /// Says now and then how far it is, where it takes its time.
    fn progress(&mut self, at: Timestamp) {
        const LONG: Duration = Duration::from_secs(6 * 3_600);
        let length = self.span.length();
        let tenths = since(at, self.span.from()).as_millis() * 10 / length.as_millis().max(1);
        if length >= LONG && tenths > self.tenths {
            self.tenths = tenths;
            note(format_args!("{} % of {}", tenths * 10, duration::format(length)));
        }
    }

    fn conclude(&mut self, summary: &Summary) -> miette::Result<()> {
        let space = if self.lines > 0 { "\n" } else { "" };
        Ok(self.out.line(format_args!("{space}{summary}"))?)
    }

    /// Ends the file, and answers what went wrong.
    fn close(&mut self) -> miette::Result<()> {
        if let Some(report) = self.failed.take() {
            return Err(report);
        }
        let flushed = self.cycles.as_mut().map_or(Ok(()), BufWriter::flush);
        Ok(flushed.map_err(BuildError::of("the file of cycles"))?)
    }
}

/// What is written as JSON.
#[derive(Serialize)]
struct Written<'a> {
    /// The version of the loop.
    version: &'static str,
    /// The hash of its configuration.
    config_hash: String,
    /// The profile that the rails were asked for.
    profile: &'static str,
    /// From cycle to cycle; those of a journal were when they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(flatten)]
    summary: &'a Summary,
}

impl<'a> Written<'a> {
    fn new(
        config: &Config,
        config_hash: String,
        step: Option<Duration>,
        summary: &'a Summary,
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            config_hash,
            profile: match config.execute.rails.profile {
                RailsProfile::Observe => "observe",
                RailsProfile::Shipped => "shipped",
                RailsProfile::Auto => "auto",
            },
            step: step.map(duration::format),
            summary,
        }
    }
}

fn write(path: &Path, written: &Written<'_>) -> Result<(), BuildError> {
    let text = serde_json::to_string_pretty(written).map_err(BuildError::of("the summary"))?;
    std::fs::write(path, text + "\n").map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: std::io::Error) -> BuildError {
    BuildError::new(format!("the file {}", path.display()), error)
}
