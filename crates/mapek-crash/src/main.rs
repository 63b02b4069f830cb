//! Kills the loop at every named point, has its disk fail at every operation, and measures what it takes in and how
//! fast it comes back.
//!
//! `cargo xtask crash`, `cargo xtask disk`, `cargo xtask intake` and `cargo xtask recovery` call this;
//! `docs/reliability.md` says what comes of it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the terminal")]

mod campaign;
mod check;
mod disk;
mod driver;
mod intake;
mod life;
mod load;
mod measure;
mod points;
mod recovery;
mod scenario;
mod seams;
mod trouble;

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode, time::Duration};

use campaign::Plan;
use mapek_loop::{Clock as _, SystemClock};

/// Any error.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

const HELP: &str = "\
mapek-crash crash [--quick | --kills N] [--power-cuts] [--workers N] [--state DIR] [--seed N]
                  [--scenario NAME] [--stop POINT[:COUNT]]... [--list]
mapek-crash disk [--quick | --troubles N] [--workers N] [--state DIR] [--seed N]
                 [--scenario NAME] [--trouble FILE.WHAT:COUNT:KIND]
mapek-crash intake [--seconds N | --long] [--batch N] [--state DIR]
mapek-crash recovery [--records N] [--state DIR]
mapek-crash load --host URL [--webhook ADDRESS] [--seconds N] [--clients N] [--streams N] [--rate N]
                 [--alerts N] [--pid N]
mapek-crash load --fill DIR [--executions N] [--cycles N]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mapek-crash: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<ExitCode, BoxError> {
    if args.first().is_some_and(|command| CHILDREN.contains(&command.as_str())) {
        die_with_the_parent();
    }
    match args {
        [command, life] if command == "life" => {
            die_of_old_age();
            life::live(&serde_json::from_str(life)?)?;
            Ok(ExitCode::SUCCESS)
        }
        [command, directory] if command == "receive" => {
            intake::receive(directory.as_ref())?;
            Ok(ExitCode::SUCCESS)
        }
        [command, path, records] if command == "fill" => {
            recovery::fill(path.as_ref(), records.parse()?)?;
            Ok(ExitCode::SUCCESS)
        }
        [command, path] if command == "recover" => {
            recovery::recover(path.as_ref())?;
            Ok(ExitCode::SUCCESS)
        }
        [command, options @ ..] if command == "crash" => crash(options),
        [command, options @ ..] if command == "disk" => disk(options),
        [command, options @ ..] if command == "intake" => intake(options),
        [command, options @ ..] if command == "recovery" => recovery(options),
        [command, options @ ..] if command == "load" => load(options),
        _ => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Processes that only a parent starts.
const CHILDREN: [&str; 4] = ["life", "receive", "fill", "recover"];

/// A parent holds the other end of our input for as long as it lives. Nobody is left behind by one that was killed
/// itself.
fn die_with_the_parent() {
    std::thread::spawn(|| {
        let ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(if ended.is_ok() { 5 } else { 6 });
    });
}

/// A process that hangs is found out, and does not hang its parent.
fn die_of_old_age() {
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(60));
        eprintln!("it hangs");
        std::process::exit(4);
    });
}

fn crash(options: &[String]) -> Result<ExitCode, BoxError> {
    let plan = match plan(options)? {
        Some(plan) => plan,
        None => {
            points::all().iter().for_each(|point| println!("{point}"));
            return Ok(ExitCode::SUCCESS);
        }
    };
    let report = campaign::all(&plan, |report| show(&report.line()))?;
    let whole = plan.scenario.is_none() && plan.stops.is_empty();
    let missed = if whole { report.missed() } else { Vec::new() };
    conclude(&report.findings, &missed, &[report.details(), report.line()]);
    Ok(code(report.is_good(&plan)))
}

fn disk(options: &[String]) -> Result<ExitCode, BoxError> {
    let mut plan = disk::Plan {
        troubles: None,
        workers: workers(),
        state: memory(),
        seed: 1,
        scenario: None,
        trouble: None,
    };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut value = || options.next().ok_or_else(|| format!("{option} wants a value"));
        match option.as_str() {
            "--quick" => plan.troubles = None,
            "--troubles" => plan.troubles = Some(value()?.parse()?),
            "--workers" => plan.workers = value()?.parse::<usize>()?.clamp(1, 64),
            "--state" => plan.state = value()?.into(),
            "--seed" => plan.seed = value()?.parse()?,
            "--scenario" => plan.scenario = Some(value()?.clone()),
            "--trouble" => plan.trouble = Some(value()?.parse()?),
            other => return Err(format!("unknown option `{other}`\n{HELP}").into()),
        }
    }
    let report = disk::all(&plan, |report| show(&report.line()))?;
    conclude(&report.findings, &report.missed(), &[report.details(), report.line()]);
    Ok(code(report.is_good(&plan)))
}

/// How far it is, for whoever looks.
fn show(line: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r{line}");
    }
}

/// What was found, what was not tried, and the last lines.
fn conclude(findings: &[String], missed: &[String], last: &[String]) {
    if std::io::stderr().is_terminal() {
        eprintln!();
    }
    for finding in findings.iter().take(20) {
        println!("{finding}");
    }
    if findings.len() > 20 {
        println!("… and {} more", findings.len() - 20);
    }
    if !missed.is_empty() {
        println!("never reached: {}", missed.join(", "));
    }
    last.iter().for_each(|line| println!("{line}"));
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// What a kill does to a process it does on any file system; one in memory does it faster.
fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// What is asked for; nothing if only the list of points is.
fn plan(options: &[String]) -> Result<Option<Plan>, BoxError> {
    let mut plan = Plan {
        kills: None,
        workers: workers(),
        power: false,
        state: memory(),
        seed: 1,
        scenario: None,
        stops: Vec::new(),
    };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut value = || options.next().ok_or_else(|| format!("{option} wants a value"));
        match option.as_str() {
            "--quick" => plan.kills = None,
            "--kills" => plan.kills = Some(value()?.parse()?),
            "--power-cuts" => plan.power = true,
            "--workers" => plan.workers = value()?.parse::<usize>()?.clamp(1, 64),
            "--state" => plan.state = value()?.into(),
            "--seed" => plan.seed = value()?.parse()?,
            "--scenario" => plan.scenario = Some(value()?.clone()),
            "--stop" => plan.stops.push(value()?.parse()?),
            "--list" => return Ok(None),
            other => return Err(format!("unknown option `{other}`\n{HELP}").into()),
        }
    }
    Ok(Some(plan))
}

fn intake(options: &[String]) -> Result<ExitCode, BoxError> {
    let mut plan = intake::Plan { seconds: 20, state: std::env::temp_dir(), batch: None };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut value = || options.next().ok_or_else(|| format!("{option} wants a value"));
        match option.as_str() {
            "--seconds" => plan.seconds = value()?.parse()?,
            "--long" => plan.seconds = 600,
            "--batch" => plan.batch = Some(value()?.parse()?),
            "--state" => plan.state = value()?.into(),
            other => return Err(format!("unknown option `{other}`\n{HELP}").into()),
        }
    }
    Ok(code(intake::run(&plan, |line| println!("{line}"))?))
}

fn recovery(options: &[String]) -> Result<ExitCode, BoxError> {
    let mut asked = recovery::Options { records: 100_000, state: std::env::temp_dir() };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut value = || options.next().ok_or_else(|| format!("{option} wants a value"));
        match option.as_str() {
            "--records" => asked.records = value()?.parse()?,
            "--state" => asked.state = value()?.into(),
            other => return Err(format!("unknown option `{other}`\n{HELP}").into()),
        }
    }
    Ok(code(recovery::run(&asked, |line| println!("{line}"))?))
}

fn load(options: &[String]) -> Result<ExitCode, BoxError> {
    let mut asked = load::Options::default();
    let (mut executions, mut cycles) = (10_000, 100_000);
    let mut fill = None;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut value = || options.next().ok_or_else(|| format!("{option} wants a value"));
        match option.as_str() {
            "--host" => asked.host = Some(value()?.clone()),
            "--webhook" => asked.webhook = Some(value()?.parse()?),
            "--seconds" => asked.seconds = value()?.parse::<u32>()?.max(1),
            "--clients" => asked.clients = value()?.parse::<u32>()?.clamp(1, 1000),
            "--streams" => asked.streams = value()?.parse::<u32>()?.min(20_000),
            "--rate" => asked.rate = Some(value()?.parse::<u32>()?.max(1)),
            "--alerts" => asked.alerts = value()?.parse::<u32>()?.max(1),
            "--pid" => asked.pid = Some(value()?.parse()?),
            "--fill" => fill = Some(PathBuf::from(value()?)),
            "--executions" => executions = value()?.parse::<u64>()?.max(1),
            "--cycles" => cycles = value()?.parse()?,
            other => return Err(format!("unknown option `{other}`\n{HELP}").into()),
        }
    }
    if let Some(directory) = fill {
        std::fs::create_dir_all(&directory)?;
        let path = directory.join("journal.db");
        let now = SystemClock::new().now();
        let records = recovery::store(&path, executions, cycles, now)?;
        println!("{}: {executions} executions, {cycles} cycles, {records} records", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(code(runtime.block_on(load::run(&asked, |line| println!("{line}")))?))
}

fn code(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
