//! `mapek backtest`.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    ops::ControlFlow,
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use mapek::{
    CycleReport, ManualClock,
    model::{ContentHash, Duration, Span, Timestamp, earlier},
    monitor::{PrometheusConfig, PrometheusSource},
};
use mapek_eval::past::{self, Past, Summary};
use serde::Serialize;

use super::{
    Done, configuration,
    output::{Out, OutputError},
};
use crate::{
    cli::BacktestArgs,
    compose::{self, BuildError},
    telling::lines,
};

/// Runs the loop of the configuration through a span of the past, cycle by cycle.
pub(super) async fn backtest(args: &BacktestArgs) -> Done {
    let config = configuration(&args.config)?.config;
    let now = compose::system_clock().now();
    let (from, to) = (args.from.at(now), args.to.map_or(now, |to| to.at(now)));
    let span = Span::try_new(from, to).map_err(BuildError::of("the span from --from to --to"))?;
    let url = args.prometheus.clone().unwrap_or_else(|| config.monitor.prometheus_url.clone());
    let client = compose::http_client(config.monitor.read_deadline)?;
    let metrics = PrometheusSource::try_new(client, PrometheusConfig::at(url))
        .map_err(BuildError::of("the Prometheus client"))?;
    let past = Past {
        span,
        warm_up: args.warm_up,
        step: args.step.unwrap_or(config.orchestrator.loop_interval),
        metrics: Arc::new(metrics),
        clock: ManualClock::at(earlier(from, args.warm_up)),
    };
    let cycle = compose::in_the_past(&config, &past)?;
    let mut told = Told::new(args.cycles.as_deref())?;
    let looked = past::backtest(&past, cycle, |report| match told.cycle(report) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            told.failed = Some(error);
            ControlFlow::Break(())
        }
    });
    looked.await.map_err(BuildError::of("the backtest"))?;
    let summary = told.into_summary()?;
    let mut out = Out::stdout();
    for line in closing(&summary) {
        out.line(line)?;
    }
    if let Some(path) = &args.json {
        let result = Backtest {
            version: env!("CARGO_PKG_VERSION"),
            config_hash: compose::hash(&config)?,
            from,
            to,
            step: past.step,
            summary: &summary,
        };
        let text = serde_json::to_string_pretty(&result).map_err(BuildError::of("the summary"))?;
        std::fs::write(path, text + "\n").map_err(|error| unwritable(path, error))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The file of `--json`.
#[derive(Serialize)]
struct Backtest<'a> {
    version: &'static str,
    config_hash: ContentHash,
    from: Timestamp,
    to: Timestamp,
    #[serde(with = "mapek::model::duration")]
    step: Duration,
    #[serde(flatten)]
    summary: &'a Summary,
}

fn unwritable(path: &Path, error: std::io::Error) -> BuildError {
    BuildError::new(format!("the file {}", path.display()), error)
}

/// What has been told so far.
struct Told {
    out: Out,
    cycles: Option<BufWriter<File>>,
    summary: Summary,
    failed: Option<OutputError>,
}

impl Told {
    fn new(cycles: Option<&Path>) -> Result<Self, BuildError> {
        let open = |path: &Path| File::create(path).map_err(|error| unwritable(path, error));
        let cycles = cycles.map(open).transpose()?.map(BufWriter::new);
        Ok(Self { out: Out::stdout(), cycles, summary: Summary::default(), failed: None })
    }

    /// A cycle in which there was something to see, in as many lines as it takes.
    fn cycle(&mut self, report: &CycleReport) -> Result<(), OutputError> {
        self.summary.add(report);
        if let Some(cycles) = &mut self.cycles {
            serde_json::to_writer(&mut *cycles, report).map_err(std::io::Error::from)?;
            cycles.write_all(b"\n")?;
        }
        let at = report.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        for (i, (_, line)) in lines(report).iter().enumerate() {
            let head = if i == 0 { at.as_str() } else { "" };
            self.out.line(format_args!("{head:20}  {line}"))?;
        }
        Ok(())
    }

    fn into_summary(mut self) -> Result<Summary, OutputError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.cycles.as_mut().map_or(Ok(()), |cycles| cycles.flush())?;
        Ok(self.summary)
    }
}

/// What it came to, for people.
fn closing(summary: &Summary) -> Vec<String> {
    let mut lines = vec![format!(
        "\n{} cycles, {} of them in doubt; a person would have been told in {}.",
        summary.cycles, summary.cycles_in_doubt, summary.escalations
    )];
    let heading = |lines: &mut Vec<String>, text: &str| lines.push(format!("\n{text}"));
    heading(
        &mut lines,
        if summary.episodes.is_empty() { "Nothing was wrong." } else { "What was wrong" },
    );
    lines.extend(summary.episodes.iter().map(|(what, count)| format!("  {what}: {count}")));
    if !summary.causes.is_empty() {
        heading(&mut lines, "Why, as it would have thought");
    }
    lines.extend(summary.causes.iter().map(|it| {
        let percent = it.confidence.get() * 100.0;
        format!("  {}: {} cycles from {}, up to {percent:.0} %", it.cause, it.cycles, it.first)
    }));
    if summary.plans.is_empty() {
        heading(&mut lines, "It would have proposed nothing.");
        return lines;
    }
    heading(&mut lines, "What it would have proposed");
    for plan in &summary.plans {
        let cycles = duration_of(plan.cycles);
        lines.push(format!(
            "  {} (score {}, {cycles} from {})",
            plan.summary, plan.score, plan.first
        ));
        let decisions = plan.decisions.iter().map(|(why, count)| format!("    {count} x {why}"));
        lines.extend(decisions);
        lines.push("    what would have come of it is not known: nobody did it".to_owned());
    }
    lines
}

fn duration_of(cycles: u64) -> String {
    if cycles == 1 { "one cycle".to_owned() } else { format!("{cycles} cycles") }
}
