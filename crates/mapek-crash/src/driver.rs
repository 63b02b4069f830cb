//! Lets a process live, kills it, lets it live again, and looks at what is left.

mod alerts;
mod follow;
mod pool;
mod reference;

use std::{
    collections::BTreeMap,
    fmt,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use mapek_model::ContentHash;

use crate::{
    BoxError,
    campaign::mix,
    check::{self, Verdict},
    life::Life,
    points::Stop,
    scenario::Scenario,
    trouble::{Kind, Place, Trouble, flushed},
};
use alerts::Sender;
pub(crate) use alerts::{name, starts_at};
use follow::Followed;
pub(crate) use pool::{run_all, runtime};
use reference::Reference;

/// Lives of one case after which it is given up: each kill needs one, and the last ends by itself.
const LIVES_MAX: usize = 8;

/// A story, and where it is cut off: in the first life, in the one after, and so on.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) scenario: &'static str,
    pub(crate) stops: Vec<Stop>,
    /// What its disk does.
    pub(crate) disk: CaseDisk,
}

impl Case {
    /// A story that is cut off there, on a disk that works.
    pub(crate) const fn of(scenario: &'static str, stops: Vec<Stop>) -> Self {
        Self { scenario, stops, disk: CaseDisk::Plain }
    }
}

/// As it is asked for on the command line.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--scenario {}", self.scenario)?;
        self.stops.iter().try_for_each(|stop| write!(f, " --stop {stop}"))?;
        match &self.disk {
            CaseDisk::Plain | CaseDisk::Troubled(None) => Ok(()),
            CaseDisk::PowerCuts => f.write_str(" --power-cuts"),
            CaseDisk::Troubled(Some(trouble)) => write!(f, " --trouble {trouble}"),
        }
    }
}

/// What the disk of a case does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CaseDisk {
    /// It is the system's.
    Plain,
    /// The machine goes down with each process that is killed.
    PowerCuts,
    /// There is trouble in the first life, if any is named.
    Troubled(Option<Trouble>),
}

/// What came of a case.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Where it was killed.
    pub(crate) kills: Vec<Stop>,
    /// The points of each life, in order.
    pub(crate) traces: Vec<Vec<String>>,
    pub(crate) verdict: Verdict,
    /// What was done where on the disk, and how often, in the last life.
    pub(crate) places: BTreeMap<Place, u32>,
    /// Whether it came to the trouble.
    pub(crate) struck: bool,
    /// Writes that were refused and told.
    pub(crate) told: usize,
    /// Refusals that nobody was told of.
    pub(crate) silent: Vec<String>,
    /// What was done although the journal could not be written.
    pub(crate) acted: Vec<String>,
}

/// How one life ended.
#[derive(Debug, PartialEq)]
enum End {
    Killed,
    Done,
    /// It said why, and ended.
    GaveUp(String),
    /// It panicked, hung or was killed by somebody else.
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
    let mut trouble = match &case.disk {
        CaseDisk::Troubled(trouble) => trouble.clone(),
        _ => None,
    };
    let mut heard = Heard::default();
    for _ in 0..LIVES_MAX {
        let stop = stops.next();
        let life = Life {
            scenario: case.scenario.to_owned(),
            directory: directory.path().to_owned(),
            charter: reference.url(),
            stop: stop.cloned(),
            disk: case.disk != CaseDisk::Plain,
            trouble: trouble.take(),
        };
        reference.expect(stop.cloned());
        let mut followed = Followed::of(life.trouble.clone());
        let end = live(&life, &victim, sender.as_ref(), &mut heard, &mut followed)?;
        followed.end(matches!(end, End::GaveUp(_)));
        let mut trace = std::mem::take(&mut heard.trace);
        trace.extend(reference.trace());
        outcome.traces.push(trace);
        let struck = followed.struck;
        let may_give_up = followed.may_give_up();
        outcome.follow(followed);
        if struck && !matches!(end, End::Killed | End::Failed(_)) {
            // Every other time the machine goes down behind it, too: what a flush has failed to flush is gone then.
            let goes_down = chance(&life, outcome.traces.len()).is_multiple_of(2);
            if goes_down {
                cut(&life, outcome.traces.len())?;
            }
            match &end {
                End::GaveUp(why) if !may_give_up => {
                    outcome.verdict.wrong.push(format!("it gave up: {why}"));
                    keep(directory, &mut outcome);
                    return Ok(outcome);
                }
                // Somebody starts it again, on a disk that works.
                End::GaveUp(_) => continue,
                _ if goes_down => continue,
                _ => {}
            }
        }
        match end {
            End::Killed => {
                outcome.kills.extend(stop.cloned());
                let cuts = life.trouble.as_ref().is_some_and(|it| it.kind == Kind::PowerCut);
                if cuts || case.disk == CaseDisk::PowerCuts {
                    outcome.struck |= cuts;
                    cut(&life, outcome.traces.len())?;
                }
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
            End::GaveUp(why) | End::Failed(why) => {
                outcome.verdict.wrong.push(why);
                keep(directory, &mut outcome);
                return Ok(outcome);
            }
        }
    }
    outcome.verdict.wrong.push(format!("it has not ended after {LIVES_MAX} lives"));
    Ok(outcome)
}

/// The machine goes down. What of the writes that were not flushed is on the disk is chance, and the same each time.
fn cut(life: &Life, lives: usize) -> Result<(), BoxError> {
    let seed = chance(life, lives);
    mapek_disk::cut_the_power(&life.directory, &flushed(&life.directory), seed)?;
    Ok(())
}

/// A number that belongs to a life.
fn chance(life: &Life, lives: usize) -> u64 {
    mix(1, &format!("{}/{lives}/{:?}/{:?}", life.scenario, life.stop, life.trouble))
}

impl Outcome {
    fn follow(&mut self, followed: Followed) {
        self.places = followed.places;
        self.struck |= followed.struck;
        self.told += followed.told;
        self.silent.extend(followed.silent);
        self.acted.extend(followed.acted);
    }
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
    followed: &mut Followed,
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
    let done = listen(out, victim, sender, heard, followed)?;
    let Some(mut child) = lock(victim).take() else { return Err("the child is gone".into()) };
    let status = child.wait()?;
    if done && status.success() {
        return Ok(End::Done);
    }
    if std::os::unix::process::ExitStatusExt::signal(&status) == Some(9) {
        return Ok(End::Killed);
    }
    let errors = std::fs::read_to_string(life.directory.join("stderr")).unwrap_or_default();
    let why = format!("it ended with {status}: {}", errors.trim());
    // What `main` answers for an error. A panic has another code, and a signal none.
    Ok(if status.code() == Some(1) { End::GaveUp(why) } else { End::Failed(why) })
}

/// Follows a process until its output ends, and kills it where it stops. Answers whether it said that it was done.
fn listen(
    out: ChildStdout,
    victim: &Victim,
    sender: Option<&Sender>,
    heard: &mut Heard,
    followed: &mut Followed,
) -> Result<bool, BoxError> {
    let mut done = false;
    for line in BufReader::new(out).lines() {
        let line = line?;
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        followed.line(word, rest);
        match word {
            "point" => heard.trace.push(rest.to_owned()),
            "stop" => kill(victim),
            "record" => {
                let (sequence, hash) = rest.split_once(' ').ok_or("a record without a hash")?;
                heard.records.push((sequence.parse()?, hash.parse()?));
            }
            // On a disk in trouble a cycle has to have faults.
            "fault" if followed.excuses_faults() => {}
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
