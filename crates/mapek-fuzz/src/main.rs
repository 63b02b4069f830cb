//! `mapek-fuzz --seconds N [--target NAME] [--seed S]`: `cargo xtask fuzz` calls it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the terminal")]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use mapek_fuzz::{Bench, Target, run};

struct Options {
    seconds: u64,
    targets: Vec<Target>,
    seed: u64,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).and_then(|options| fuzz(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mapek-fuzz: {error}");
            ExitCode::from(2)
        }
    }
}

fn parse(args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { seconds: 60, targets: Target::ALL.to_vec(), seed: 0 };
    let mut args = args;
    while let Some(option) = args.next() {
        let value = args.next().ok_or_else(|| format!("{option} wants a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{option} wants a number"));
        match option.as_str() {
            "--seconds" => options.seconds = number()?,
            "--seed" => options.seed = number()?,
            "--target" => options.targets = vec![value.parse()?],
            other => return Err(format!("unknown option `{other}`")),
        }
    }
    Ok(options)
}

/// Whether nothing was found.
fn fuzz(options: &Options) -> Result<bool, String> {
    // What panics is told once, as something that was found.
    std::panic::set_hook(Box::new(|_| ()));
    let bench = Bench::new().map_err(|error| error.to_string())?;
    let mut found = 0;
    for target in &options.targets {
        let ends = now() + Duration::from_secs(options.seconds);
        let tally = run(&bench, *target, options.seed, |_| now() < ends);
        let tally = tally.map_err(|error| format!("{target}: {error}"))?;
        for it in &tally.found {
            println!("{target}: {} ({})", it.what, it.path.display());
        }
        println!(
            "target={target} tried={} shapes={} found={}",
            tally.tried,
            tally.shapes,
            tally.found.len()
        );
        found += tally.found.len();
    }
    Ok(found == 0)
}

#[expect(clippy::disallowed_methods, reason = "it is as long as a person waits for it")]
fn now() -> Instant {
    Instant::now()
}
