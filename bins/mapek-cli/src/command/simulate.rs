//! `mapek simulate`.

mod field;
mod scenarios;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
    num::NonZeroUsize,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
};

use indicatif::{ProgressBar, ProgressStyle};
use mapek::Clock as _;
use mapek_eval::{
    Finished, Scenario, Score, Suite, Trace,
    report::{self, Drawn, Evaluation, Goal, Meta},
    statistics::nearest_to_median,
};

use super::{Done, configuration, note, output::Out};
use crate::{
    cli::{Baseline, SimulateArgs},
    compose::{self, BuildError},
};
use field::Field;
pub(super) use scenarios::ScenarioError;

/// Columns of the table where it is not known how wide a terminal is.
const COLUMNS: usize = 120;

/// Runs the loop of the configuration through scenarios, and prints what it is worth.
///
/// The loop is judged in the profile `auto`: what may be done without asking is a matter of trust, what is done is a matter of worth.
pub(super) fn simulate(args: &SimulateArgs) -> Done {
    if args.schema {
        return schema();
    }
    if let (Some(directory), Some(many)) = (&args.random_into, args.random) {
        return write_drawn(directory, &at_random(args, many));
    }
    let config = configuration(&args.config)?.config;
    let scenarios = match args.random {
        Some(many) => at_random(args, many).into_iter().map(Arc::new).collect(),
        None => scenarios::load(&args.scenarios)?,
    };
    let field = Field::new(&config, args, &scenarios);
    let suite = Suite {
        scenarios: scenarios.clone(),
        seeds: (args.first_seed..args.first_seed.saturating_add(args.seeds)).collect(),
        entrants: field.entrants.clone(),
        examined: vec![Field::JUDGED],
        threads: args.threads.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN),
    };
    let clock = compose::system_clock();
    let begun = clock.stopwatch();
    let gathered = Gathered::new(suite.runs(), args.cycles.as_deref())?;
    suite.run(|finished| gathered.take(finished)).map_err(BuildError::of("the simulation"))?;
    let took = clock.stopwatch().saturating_sub(begun).as_secs_f64() * suite.threads.get() as f64;
    let gathered = gathered.into_inner()?;
    let speed = (took > 0.0).then(|| gathered.virtual_s / took);
    let meta = Meta {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        entrant: Field::NAME.to_owned(),
        profile: "auto".to_owned(),
        config_hash: compose::hash(&field.config)?.to_string(),
        seeds: suite.seeds.clone(),
    };
    let evaluation = mapek_eval::evaluate(meta, &field.merge_oracles(gathered.scores));
    let mut out = Out::stdout();
    out.line(report::table(&evaluation, COLUMNS))?;
    out.line(Goal::speed(speed))?;
    if let Some(path) = &args.json {
        write(path, &report::json(&evaluation, speed))?;
    }
    if let Some(path) = &args.html {
        let drawn = drawn(&scenarios, &evaluation, gathered.traces);
        write(path, &report::html(&evaluation, &drawn))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what scenario files may hold.
fn schema() -> Done {
    let schema = mapek_eval::scenario_schema();
    let text = serde_json::to_string_pretty(&schema).expect("all keys are strings");
    Out::stdout().line(text)?;
    Ok(ExitCode::SUCCESS)
}

fn at_random(args: &SimulateArgs, many: u16) -> Vec<Scenario> {
    Scenario::at_random(args.random_seed).take(many.into()).collect()
}

/// Writes scenarios that were drawn as files, to be read, changed, and run.
fn write_drawn(directory: &Path, drawn: &[Scenario]) -> Done {
    let failed = |error| BuildError::new(format!("the directory {}", directory.display()), error);
    std::fs::create_dir_all(directory).map_err(failed)?;
    if std::fs::read_dir(directory).map_err(failed)?.next().is_some() {
        let error = std::io::Error::other("it is not empty, and nothing in it is overwritten");
        return Err(failed(error).into());
    }
    for scenario in drawn {
        let path = directory.join(format!("{}.yaml", scenario.name));
        let text = serde_saphyr::to_string(scenario)
            .map_err(|error| BuildError::new(format!("the file {}", path.display()), error))?;
        write(&path, &text)?;
    }
    let many =
        if drawn.len() == 1 { "1 scenario is" } else { &format!("{} scenarios are", drawn.len()) };
    Out::stdout().line(format_args!("{many} in {}", directory.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> Result<(), BuildError> {
    std::fs::write(path, text).map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: std::io::Error) -> BuildError {
    BuildError::new(format!("the file {}", path.display()), error)
}

/// Everything that runs leave behind, gathered as they end.
struct Gathered {
    progress: Progress,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    scores: Vec<Score>,
    /// By scenario, entrant and seed.
    traces: BTreeMap<(String, String, u64), Trace>,
    virtual_s: f64,
    cycles: Option<BufWriter<File>>,
    failed: Option<std::io::Error>,
}

impl Gathered {
    fn new(runs: usize, cycles: Option<&Path>) -> Result<Self, BuildError> {
        let open = |path: &Path| File::create(path).map_err(|error| unwritable(path, error));
        let cycles = cycles.map(open).transpose()?.map(BufWriter::new);
        let progress = Progress::of(runs);
        Ok(Self { progress, inner: Mutex::new(Inner { cycles, ..Inner::default() }) })
    }

    fn take(&self, finished: Finished) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let trace = finished.played.trace;
        if let Some(cycles) = &mut inner.cycles {
            let lines = finished.played.reports.iter().map(|report| {
                let (scenario, seed) = (&trace.scenario, trace.seed);
                format!(r#"{{"scenario":"{scenario}","seed":{seed},"cycle":{report}}}"#)
            });
            let written = lines.map(|line| writeln!(cycles, "{line}")).find(Result::is_err);
            inner.failed = inner.failed.take().or(written.and_then(Result::err));
        }
        inner.virtual_s += finished.virtual_time.as_secs_f64();
        let key = (trace.scenario.clone(), trace.entrant.clone(), trace.seed);
        inner.traces.insert(key, trace);
        inner.scores.push(finished.score);
        self.progress.tell(inner.scores.len());
    }

    fn into_inner(self) -> Result<Inner, BuildError> {
        let mut inner = self.inner.into_inner().unwrap_or_else(PoisonError::into_inner);
        let flushed = inner.cycles.as_mut().map_or(Ok(()), |cycles| cycles.flush());
        let failed = inner.failed.take().or(flushed.err());
        self.progress.bar.finish_and_clear();
        failed.map_or(Ok(inner), |error| Err(BuildError::new("the file of cycles", error)))
    }
}

/// Tells how far it is: by a bar on a terminal, by a line now and then elsewhere.
struct Progress {
    bar: ProgressBar,
    runs: usize,
}

impl Progress {
    fn of(runs: usize) -> Self {
        let bar = ProgressBar::new(runs as u64);
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len} runs, {eta} to go");
        Self { bar: style.map_or(bar.clone(), |style| bar.with_style(style)), runs }
    }

    fn tell(&self, done: usize) {
        self.bar.set_position(done as u64);
        let tenth = |done: usize| done * 10 / self.runs.max(1);
        if self.bar.is_hidden() && self.runs >= 20 && tenth(done) > tenth(done - 1) {
            note(format_args!("{done} of {} runs", self.runs));
        }
    }
}

/// For each scenario the run whose loss is nearest to the median, with those beside it under the same seed.
fn drawn(
    scenarios: &[Arc<Scenario>],
    evaluation: &Evaluation,
    mut traces: BTreeMap<(String, String, u64), Trace>,
) -> Vec<Drawn> {
    let seeds = &evaluation.meta.seeds;
    let mut drawn = Vec::new();
    for scenario in scenarios {
        let key = |who: &str, seed: u64| (scenario.name.clone(), who.to_owned(), seed);
        let lost = |trace: &Trace| trace.moments.iter().map(|it| it.loss).sum::<f64>();
        let judged = seeds.iter().filter_map(|seed| traces.get(&key(Field::NAME, *seed)));
        let losses: Vec<f64> = judged.map(lost).collect();
        let Some(seed) = nearest_to_median(&losses).map(|place| seeds[place]) else { continue };
        let oracle = (0..Field::oracles_of(scenario))
            .filter_map(|remedy| traces.remove(&key(&format!("oracle-{remedy}"), seed)))
            .min_by(|a, b| lost(a).total_cmp(&lost(b)));
        if let Some(steered) = traces.remove(&key(Field::NAME, seed)) {
            let nothing = traces.remove(&key("nothing", seed));
            drawn.push(Drawn { scenario: Arc::clone(scenario), steered, nothing, oracle });
        }
    }
    drawn
}

impl SimulateArgs {
    /// Whether the loop is to be held against `who`: all are that are named, or the usual three.
    fn has(&self, who: Baseline) -> bool {
        const USUAL: [Baseline; 3] = [Baseline::Nothing, Baseline::StaticRules, Baseline::Oracle];
        if self.baseline.is_empty() { USUAL.contains(&who) } else { self.baseline.contains(&who) }
    }
}
