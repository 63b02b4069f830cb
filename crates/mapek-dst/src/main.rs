//! Runs seeds on all cores and says what came of them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to the terminal")]

use std::{
    io::Write as _,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use mapek_dst::{Bug, Counts, Outcome, run};

const HELP: &str = "\
mapek-dst [--seeds N] [--from S] [--bug NAME] [--trace]

Runs N seeds (1000) from S (0) on. --trace writes the story of each to standard output, --bug puts a defect in.
Exit code 1 if anything was violated.";

/// Most seeds whose violations are shown.
const SHOWN_MAX: usize = 10;

#[derive(Debug)]
struct Args {
    seeds: u64,
    from: u64,
    bug: Option<Bug>,
    trace: bool,
}

fn args() -> Result<Args, String> {
    let mut parsed = Args { seeds: 1000, from: 0, bug: None, trace: false };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value\n\n{HELP}"));
        let number = |text: String| text.parse().map_err(|_| format!("`{text}` is no number"));
        match arg.as_str() {
            "--seeds" => parsed.seeds = number(value()?)?,
            "--from" => parsed.from = number(value()?)?,
            "--bug" => parsed.bug = Some(value()?.parse()?),
            "--trace" => parsed.trace = true,
            _ => return Err(format!("unknown option `{arg}`\n\n{HELP}")),
        }
    }
    Ok(parsed)
}

fn main() -> ExitCode {
    match args() {
        Ok(args) => all(&args),
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how long the runs take is no part of them")]
fn now() -> Instant {
    Instant::now()
}

#[derive(Debug, Default)]
struct Sum {
    counts: Counts,
    failed: u64,
    violations: u64,
}

fn all(args: &Args) -> ExitCode {
    let begun = now();
    let next = AtomicU64::new(args.from);
    let end = args.from.saturating_add(args.seeds);
    let sum = Mutex::new(Sum::default());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..if args.trace { 1 } else { workers } {
            scope.spawn(|| {
                let scratch = tempfile::tempdir().expect("there is room for a directory");
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let outcome = run(seed, args.bug, scratch.path());
                    take(&sum, &outcome, args);
                }
            });
        }
    });
    let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    let seconds = begun.elapsed().as_secs_f64();
    let Counts { cycles, calls, effects, plans, records, deaths } = sum.counts;
    println!(
        "cycles={cycles} plans={plans} calls={calls} effects={effects} records={records} deaths={deaths} seconds={seconds:.1}"
    );
    #[expect(clippy::cast_precision_loss, reason = "nobody runs 2^52 seeds")]
    let pace = args.seeds as f64 / seconds.max(0.001);
    println!("seeds={} violations={} seeds_per_second={pace:.1}", args.seeds, sum.violations);
    if sum.violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn take(sum: &Mutex<Sum>, outcome: &Outcome, args: &Args) {
    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
    sum.counts = sum.counts.and(outcome.counts);
    if args.trace {
        // Who closes the pipe has seen enough.
        drop(std::io::stdout().write_all(&outcome.trace));
    }
    if outcome.violations.is_empty() {
        return;
    }
    sum.violations += outcome.violations.len() as u64;
    sum.failed += 1;
    if sum.failed as usize > SHOWN_MAX {
        return;
    }
    let bug = args.bug.map_or_else(String::new, |bug| format!(" --bug {bug}"));
    println!(
        "seed {} fails; replay it: cargo xtask dst --seeds 1 --from {0}{bug} --trace",
        outcome.seed
    );
    for violation in &outcome.violations {
        println!("  {:>9} ms {}: {}", violation.at, violation.invariant, violation.message);
    }
}
