//! Lets a process live, kills it, lets it live again, and looks at what is left.

mod alerts;
mod reference;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use mapek_model::ContentHash;

use crate::{
    BoxError,
    check::{self, Verdict},
    life::Life,
    points::Stop,
    scenario::Scenario,
};
use alerts::Sender;
pub(crate) use alerts::{name, starts_at};
use reference::Reference;

/// Lives of one case after which it is given up: each kill needs one, and the last ends by itself.
const LIVES_MAX: usize = 8;

/// A story, and where it is cut off: in the first life, in the one after, and so on.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) scenario: &'static str,
    pub(crate) stops: Vec<Stop>,
}

/// What came of a case.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Where it was killed.
    pub(crate) kills: Vec<Stop>,
    /// The points of each life, in order.
    pub(crate) traces: Vec<Vec<String>>,
    pub(crate) verdict: Verdict,
}

/// How one life ended.
#[derive(Debug, PartialEq)]
enum End {
    Killed,
    Done,
    Failed(String),
}

/// What a parent hears of a life.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    trace: Vec<String>,
    /// Records that the journal has answered for.
    pub(crate) records: Vec<(u64, ContentHash)>,
    /// What the process itself says is lost or wrong.
    pub(crate) complaints: Vec<String>,
}

/// A process that others may kill.
type Victim = Arc<Mutex<Option<Child>>>;

/// Runs a case in a directory of its own below `state`.
pub(crate) fn run(
    case: &Case,
    state: &Path,
    runtime: &tokio::runtime::Handle,
) -> Result<Outcome, BoxError> {
    let scenario = Scenario::named(case.scenario)?;
    let directory = tempfile::Builder::new().prefix("mapek-crash-").tempdir_in(state)?;
    let victim = Victim::default();
    let reference = Reference::start(&scenario, &victim, runtime)?;
    let baseline = reference.charter().ledger().len();
    let sender = scenario.webhooks.then(Sender::start);
    let mut outcome = Outcome::default();
    let mut stops = case.stops.iter();
    let mut heard = Heard::default();
    for _ in 0..LIVES_MAX {
        let stop = stops.next();
        let life = Life {
            scenario: case.scenario.to_owned(),
            directory: directory.path().to_owned(),
            charter: reference.url(),
            stop: stop.cloned(),
        };
        reference.expect(stop.cloned());
        let end = live(&life, &victim, sender.as_ref(), &mut heard)?;
        let mut trace = std::mem::take(&mut heard.trace);
        trace.extend(reference.trace());
        outcome.traces.push(trace);
        match end {
            End::Killed => {
                outcome.kills.extend(stop.cloned());
                reference.pass(scenario.away_s);
            }
            // It ended by itself before it came to where it was to die; that is the end of the case.
            End::Done => {
                let acknowledged = sender.map(Sender::stop).unwrap_or_default();
                outcome.verdict = check::look(&check::Scene {
                    scenario: &scenario,
                    directory: directory.path(),
                    ledger: reference.charter().ledger().split_off(baseline),
                    heard: &heard,
                    acknowledged: &acknowledged,
                })?;
                return Ok(outcome);
            }
            End::Failed(why) => {
                outcome.verdict.wrong.push(why);
                keep(directory, &mut outcome);
                return Ok(outcome);
            }
        }
    }
    outcome.verdict.wrong.push(format!("it has not ended after {LIVES_MAX} lives"));
    Ok(outcome)
}

/// What went wrong is left for people to look at.
fn keep(directory: tempfile::TempDir, outcome: &mut Outcome) {
    let kept = directory.keep();
    outcome.verdict.wrong.push(format!("its files are in {}", kept.display()));
}

fn live(
    life: &Life,
    victim: &Victim,
    sender: Option<&Sender>,
    heard: &mut Heard,
) -> Result<End, BoxError> {
    let errors = std::fs::File::create(life.directory.join("stderr"))?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["life", &serde_json::to_string(life)?])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()?;
    let out = child.stdout.take().ok_or("the child has no output")?;
    *lock(victim) = Some(child);
    let done = listen(out, victim, sender, heard)?;
    let Some(mut child) = lock(victim).take() else { return Err("the child is gone".into()) };
    let status = child.wait()?;
    if done && status.success() {
        return Ok(End::Done);
    }
    if std::os::unix::process::ExitStatusExt::signal(&status) == Some(9) {
        return Ok(End::Killed);
    }
    let errors = std::fs::read_to_string(life.directory.join("stderr")).unwrap_or_default();
    Ok(End::Failed(format!("it ended with {status}: {}", errors.trim())))
}

/// Follows a process until its output ends, and kills it where it stops. Answers whether it said that it was done.
fn listen(
    out: ChildStdout,
    victim: &Victim,
    sender: Option<&Sender>,
    heard: &mut Heard,
) -> Result<bool, BoxError> {
    let mut done = false;
    for line in BufReader::new(out).lines() {
        let line = line?;
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "point" => heard.trace.push(rest.to_owned()),
            "stop" => kill(victim),
            "record" => {
                let (sequence, hash) = rest.split_once(' ').ok_or("a record without a hash")?;
                heard.records.push((sequence.parse()?, hash.parse()?));
            }
            "lost" | "fault" => heard.complaints.push(rest.to_owned()),
            "webhook" => sender.into_iter().for_each(|it| it.is_at(rest)),
            "listening" => sender.into_iter().for_each(Sender::send),
            "done" => done = true,
            // The last line of a process that was killed while it wrote.
            _ => {}
        }
    }
    Ok(done)
}

/// `Child::kill` is SIGKILL: nothing of the process runs any more.
fn kill(victim: &Victim) {
    if let Some(child) = lock(victim).as_mut() {
        // Who is dead already cannot be killed.
        child.kill().ok();
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
