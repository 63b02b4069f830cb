//! What can be asked for.

use crate::bench::{Options, RATIO_MAX};
use crate::error::Error;

pub(crate) const HELP: &str = "\
Chores of the workspace. Call them as `cargo xtask CHORE`.

  ci [--keep-going]   all that CI checks, with the time of each step; stops at the first failure unless told to go on
  setup               install what the tests need and the machine lacks: Prometheus, Alertmanager, nextest, cargo-deny, helm
  manifests           write what is made in deploy: the chart's copies and schema, and the plain manifests that it renders
  static [--debug]    build both programs for an image that holds nothing else, and run them in an empty root, as root.
                      --debug builds them quicker
  coverage            line coverage by the tests, in target/reports; fails below 85 %
  simulate [--save]   run the shipped scenarios under one seed; compare with docs/figures.json, or make these the figures
  dst [--seeds N] [--from S] [--bug NAME] [--trace]
                      simulate loop, journal, clock and a faulty world under N seeds (1000) from S (0) on, each another story;
                      fails if anything happens that must not. --trace tells the story, --bug puts a defect in
  properties [--cases N]
                      try the laws of rails and executor with N cases each (1 000 000), in the release profile
  crash [--quick]     kill the loop at every named point once, and look at what is left of it
  crash --kills N     the same at every pair of points, until there were N kills; with --power-cuts the machine goes down each time, and
                      what was not flushed is gone; see also docs/reliability.md
  disk [--quick]      have the disk fail, fill up or lose its power at each operation on each file once, and look at what is left of it
  disk --troubles N   the same in every story, until there was trouble N times
  intake [--long]     how many alerts a second the webhook takes in, durable, and with how much memory; 10 minutes each if long
  load --host URL [--webhook ADDRESS] [--seconds N] [--clients N] [--streams N] [--rate N] [--alerts N] [--pid N]
                      how long a running loop takes to answer, and how much of it: API, metrics, event streams, webhook;
                      MAPEK_TOKEN is sent; --pid tells the memory of that process. Only against a loop that is there for it:
                      what comes by the webhook stays in its inbox. --fill DIR [--executions N] [--cycles N] writes the journal
                      of a long life into DIR beforehand
  recovery            how long a start takes with a journal of 100 000 records
  fuzz [--seconds N] [--target NAME] [--seed S]
                      mutate what comes from outside (webhook, config, matcher, charter, prometheus) for N seconds (60) each, and
                      see that whoever reads it neither panics nor breaks a law of its own
  streams             ten thousand event streams whose readers never read: what each takes in memory
  mutants [FILE...]   change rails, access, journal and store (or these files) in small ways, and see that a test notices;
                      takes hours, and fails if a mutant survives
  bench [--compare [--max-ratio N]] [--save]
                      run the benchmarks; compare with docs/benchmarks.json (a benchmark fails above N = 1.5 times
                      the reference), or make these results the reference
  reproduce           build the program that is shipped twice, in two places: the bytes are the same, in target/reports
  artifacts [--keep-going]
                      what is shipped: each crate builds from its package, the public API is that of the newest release or a
                      newer version's, what the binary is made of (CycloneDX, in target/reports), the same bytes from two builds
  release-check [--keep-going]
                      what takes too long for CI: coverage, each feature alone, benchmarks against the reference, more seeds of
                      the simulation, crashes, power cuts, the disk, intake, recovery, streams, fuzzing, mutants, unused dependencies, programs
                      without anything else, artifacts
  help                this text";

/// A chore with its options.
#[derive(Debug, PartialEq)]
pub(crate) enum Chore {
    Help,
    Setup,
    Manifests,
    Static { debug: bool },
    Ci { keep_going: bool },
    Coverage,
    Bench(Options),
    Simulate { save: bool },
    Dst { options: Vec<String> },
    Properties { cases: u64 },
    Crash { arguments: Vec<String> },
    Disk { arguments: Vec<String> },
    Intake { arguments: Vec<String> },
    Load { arguments: Vec<String> },
    Recovery { arguments: Vec<String> },
    Fuzz { arguments: Vec<String> },
    Streams,
    Mutants { files: Vec<String> },
    Reproduce,
    Artifacts { keep_going: bool },
    ReleaseCheck { keep_going: bool },
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(args: &[String]) -> Result<Chore, Error> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let Some((chore, options)) = args.split_first() else { return Ok(Chore::Help) };
    match (*chore, options) {
        ("help" | "--help" | "-h", _) => Ok(Chore::Help),
        ("setup", []) => Ok(Chore::Setup),
        ("manifests", []) => Ok(Chore::Manifests),
        ("static", []) => Ok(Chore::Static { debug: false }),
        ("static", ["--debug"]) => Ok(Chore::Static { debug: true }),
        ("streams", []) => Ok(Chore::Streams),
        ("reproduce", []) => Ok(Chore::Reproduce),
        ("mutants", files) => mutants(files),
        ("ci", options) => Ok(Chore::Ci { keep_going: keep_going(options)? }),
        ("coverage", []) => Ok(Chore::Coverage),
        ("simulate", []) => Ok(Chore::Simulate { save: false }),
        ("simulate", ["--save"]) => Ok(Chore::Simulate { save: true }),
        ("dst", options) => dst(options),
        ("properties", []) => Ok(Chore::Properties { cases: CASES }),
        ("properties", ["--cases", number]) => cases(number),
        ("properties", ["--cases"]) => cases(""),
        // What these understand they say themselves.
        ("crash", options) => Ok(Chore::Crash { arguments: owned(options) }),
        ("disk", options) => Ok(Chore::Disk { arguments: owned(options) }),
        ("intake", options) => Ok(Chore::Intake { arguments: owned(options) }),
        ("load", options) => Ok(Chore::Load { arguments: owned(options) }),
        ("recovery", options) => Ok(Chore::Recovery { arguments: owned(options) }),
        ("fuzz", options) => Ok(Chore::Fuzz { arguments: owned(options) }),
        ("bench", options) => bench(options).map(Chore::Bench),
        ("artifacts", options) => Ok(Chore::Artifacts { keep_going: keep_going(options)? }),
        ("release-check", options) => Ok(Chore::ReleaseCheck { keep_going: keep_going(options)? }),
        (
            "setup" | "manifests" | "static" | "coverage" | "simulate" | "properties" | "streams"
            | "reproduce",
            [option, ..],
        ) => Err(unknown(option)),
        (other, _) => Err(Error::other(format!("no chore is called `{other}`\n\n{HELP}"))),
    }
}

fn mutants(files: &[&str]) -> Result<Chore, Error> {
    match files.iter().find(|file| file.starts_with('-')) {
        Some(option) => Err(unknown(option)),
        None => Ok(Chore::Mutants { files: owned(files) }),
    }
}

/// How many cases of each law are tried, unless somebody says otherwise.
const CASES: u64 = 1_000_000;

fn cases(number: &str) -> Result<Chore, Error> {
    let cases = number.parse().ok().filter(|cases| *cases > 0);
    let cases = cases.ok_or_else(|| Error::other("--cases wants a number above 0"))?;
    Ok(Chore::Properties { cases })
}

fn owned(options: &[&str]) -> Vec<String> {
    options.iter().map(ToString::to_string).collect()
}

fn keep_going(options: &[&str]) -> Result<bool, Error> {
    match options {
        [] => Ok(false),
        ["--keep-going"] => Ok(true),
        ["--keep-going", option, ..] | [option, ..] => Err(unknown(option)),
    }
}

/// The program reads them itself; what is no option of its own is told before it is built.
fn dst(options: &[&str]) -> Result<Chore, Error> {
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "--trace" => {}
            "--seeds" | "--from" => {
                let number = rest.next().and_then(|text| text.parse::<u64>().ok());
                number.ok_or_else(|| Error::other(format!("{option} wants a number")))?;
            }
            "--bug" => drop(rest.next().ok_or_else(|| Error::other("--bug wants a name"))?),
            other => return Err(unknown(other)),
        }
    }
    Ok(Chore::Dst { options: options.iter().map(ToString::to_string).collect() })
}

fn bench(options: &[&str]) -> Result<Options, Error> {
    let mut parsed = Options { compare: false, save: false, ratio_max: RATIO_MAX };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--compare" => parsed.compare = true,
            "--save" => parsed.save = true,
            "--max-ratio" => {
                let ratio = options.next().and_then(|text| text.parse().ok());
                let ratio = ratio.filter(|ratio: &f64| ratio.is_finite() && *ratio > 0.0);
                parsed.ratio_max =
                    ratio.ok_or_else(|| Error::other("--max-ratio wants a number above 0"))?;
            }
            other => return Err(unknown(other)),
        }
    }
    Ok(parsed)
}

fn unknown(option: &str) -> Error {
    Error::other(format!("unknown option `{option}`; see `cargo xtask help`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Chore, Error> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn chores_and_options_are_read() {
        assert_eq!(parsed(""), Ok(Chore::Help));
        assert_eq!(parsed("ci"), Ok(Chore::Ci { keep_going: false }));
        assert_eq!(parsed("ci --keep-going"), Ok(Chore::Ci { keep_going: true }));
        assert_eq!(
            parsed("release-check --keep-going"),
            Ok(Chore::ReleaseCheck { keep_going: true })
        );
        let plain = Options { compare: false, save: false, ratio_max: RATIO_MAX };
        assert_eq!(parsed("bench"), Ok(Chore::Bench(plain)));
        let options = ["--seeds", "9", "--from", "3"].map(str::to_owned).into();
        assert_eq!(parsed("dst --seeds 9 --from 3"), Ok(Chore::Dst { options }));
        let all = Options { compare: true, save: true, ratio_max: 3.0 };
        assert_eq!(parsed("bench --save --compare --max-ratio 3"), Ok(Chore::Bench(all)));
        let arguments = vec!["--kills".to_owned(), "10000".to_owned()];
        assert_eq!(parsed("crash --kills 10000"), Ok(Chore::Crash { arguments }));
        let arguments = owned(&["--troubles", "5000"]);
        assert_eq!(parsed("disk --troubles 5000"), Ok(Chore::Disk { arguments }));
        assert_eq!(parsed("properties"), Ok(Chore::Properties { cases: 1_000_000 }));
        assert_eq!(parsed("properties --cases 9"), Ok(Chore::Properties { cases: 9 }));
        assert_eq!(parsed("intake"), Ok(Chore::Intake { arguments: vec![] }));
        let arguments = vec!["--host".to_owned(), "http://x".to_owned()];
        assert_eq!(parsed("load --host http://x"), Ok(Chore::Load { arguments }));
        let arguments = vec!["--seconds".to_owned(), "9".to_owned()];
        assert_eq!(parsed("fuzz --seconds 9"), Ok(Chore::Fuzz { arguments }));
        assert_eq!(parsed("streams"), Ok(Chore::Streams));
        assert_eq!(parsed("reproduce"), Ok(Chore::Reproduce));
        assert_eq!(parsed("manifests"), Ok(Chore::Manifests));
        assert_eq!(parsed("static"), Ok(Chore::Static { debug: false }));
        assert_eq!(parsed("static --debug"), Ok(Chore::Static { debug: true }));
        let files = vec!["a.rs".to_owned(), "b.rs".to_owned()];
        assert_eq!(parsed("mutants a.rs b.rs"), Ok(Chore::Mutants { files }));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, named) in [
            ("deploy", "`deploy`"),
            ("ci --fast", "`--fast`"),
            ("ci --keep-going --fast", "`--fast`"),
            ("setup now", "`now`"),
            ("coverage --html", "`--html`"),
            ("bench --fast", "`--fast`"),
            ("streams --fast", "`--fast`"),
            ("reproduce --fast", "`--fast`"),
            ("manifests --check", "`--check`"),
            ("static --fast", "`--fast`"),
            ("mutants a.rs --fast", "`--fast`"),
            ("dst --fast", "`--fast`"),
            ("dst --seeds many", "--seeds wants"),
            ("dst --bug", "--bug wants"),
            ("properties --fast", "`--fast`"),
            ("properties --cases", "--cases wants"),
            ("properties --cases 0", "--cases wants"),
            ("bench --max-ratio", "--max-ratio wants"),
            ("bench --max-ratio 0", "--max-ratio wants"),
            ("bench --max-ratio NaN", "--max-ratio wants"),
        ] {
            let error = parsed(line).unwrap_err().to_string();
            assert!(error.contains(named), "{line}: {error}");
        }
    }
}
