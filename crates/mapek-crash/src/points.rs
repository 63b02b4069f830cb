//! The named points, and what happens when one is reached.
//!
//! A process under test tells each point that it reaches on its standard output. At the one where it is to die it
//! says so and stops: the thread that reached it goes no further, and the parent kills the process. Nothing below a
//! seam knows of any of this.

use std::{
    collections::BTreeMap,
    fmt,
    io::Write as _,
    str::FromStr,
    sync::{Mutex, OnceLock, PoisonError},
};

use serde::{Deserialize, Serialize};

/// What a journal record is about, as far as points tell it apart.
const RECORDS: [&str; 30] = [
    "started",
    "rehearsed",
    "intended-do",
    "intended-undo",
    "applied-do",
    "applied-undo",
    "refused-do",
    "refused-undo",
    "unclear-do",
    "unclear-undo",
    "skipped",
    "verification-began",
    "looked",
    "judged",
    "held",
    "undo-began",
    "ended-completed",
    "ended-undone",
    "ended-failed-clean",
    "ended-needs-operator",
    "closed",
    "proposed",
    "approval",
    "paused",
    "resumed",
    "rearmed",
    "watched",
    "held-back",
    "moved",
    "decided",
];

/// What else is between a point before and a point after.
const AROUND: [&str; 32] = [
    "journal.cycle",
    "journal.checkpoint",
    "journal.epoch",
    "journal.value",
    "charter.health",
    "charter.policies",
    "charter.policy",
    "charter.versions",
    "charter.violations",
    "charter.committee",
    "charter.validate",
    "charter.apply",
    "charter.rollback",
    "charter.scale",
    "charter.restart",
    "wire.apply",
    "wire.rollback",
    "wire.scale",
    "wire.restart",
    "effector.capture",
    "effector.rehearse",
    "effector.apply",
    "effector.undo",
    "effector.read-back",
    "inbox.store",
    "inbox.pending",
    "inbox.acknowledge",
    "webhook.accept",
    "knowledge.record",
    "knowledge.cursor",
    "checkpoint.save",
    "cycle",
];

/// What has neither a before nor an after.
const ALONE: [&str; 3] = ["process.started", "process.recovered", "checkpoint.load"];

/// The files with a writer of their own.
const FILES: [&str; 3] = ["journal", "inbox", "knowledge"];

/// All points, in order of name.
pub(crate) fn all() -> Vec<String> {
    let around = RECORDS.iter().map(|it| format!("journal.{it}"));
    let around = around.chain(AROUND.iter().map(ToString::to_string));
    let files = FILES.iter().flat_map(|file| {
        mapek_store::failpoints::POINTS.iter().map(move |point| format!("file.{file}.{point}"))
    });
    let checkpoint = mapek_loop::FileCheckpoint::STEPS.iter().map(|step| checkpoint_step(step));
    let mut all: Vec<_> = around
        .flat_map(|it| [format!("{it}.before"), format!("{it}.after")])
        .chain(ALONE.iter().map(ToString::to_string))
        .chain(files)
        .chain(checkpoint)
        .collect();
    all.sort();
    all
}

/// The point behind a step of saving a checkpoint to its file.
pub(crate) fn checkpoint_step(step: &str) -> String {
    format!("file.checkpoint.{step}")
}

/// Where a process is to die: at a point, the n-th time that it comes by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) point: String,
    /// From 1.
    pub(crate) nth: u32,
}

impl Stop {
    pub(crate) fn at(point: impl Into<String>, nth: u32) -> Self {
        Self { point: point.into(), nth }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.point, self.nth)
    }
}

impl FromStr for Stop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (point, nth) = text.rsplit_once(':').unwrap_or((text, "1"));
        let nth = nth.parse().map_err(|_| format!("`{text}` is not POINT[:COUNT]"))?;
        if !all().iter().any(|known| known == point) {
            return Err(format!("there is no point `{point}`"));
        }
        Ok(Self::at(point, nth))
    }
}

/// Counts how often points are reached, and tells when it is the one.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    stop: Option<Stop>,
    seen: BTreeMap<String, u32>,
}

impl Counter {
    pub(crate) fn until(stop: Option<Stop>) -> Self {
        Self { stop, seen: BTreeMap::new() }
    }

    /// Whether this is where it ends.
    pub(crate) fn reach(&mut self, point: &str) -> bool {
        let count = match self.seen.get_mut(point) {
            Some(count) => count,
            None => self.seen.entry(point.to_owned()).or_default(),
        };
        *count += 1;
        self.stop.as_ref().is_some_and(|stop| stop.point == point && stop.nth == *count)
    }
}

static HERE: OnceLock<Mutex<Counter>> = OnceLock::new();

/// From here on this process tells its points, and stops at one of them.
pub(crate) fn arm(stop: Option<Stop>) {
    HERE.get_or_init(|| Mutex::new(Counter::until(stop)));
    mapek_store::failpoints::watch(|file, point| {
        let stem = file.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        reach(&format!("file.{stem}.{point}"));
    });
}

/// A point is reached. Returns unless it is the one at which this process dies.
pub(crate) fn reach(point: &str) {
    let Some(here) = HERE.get() else { return };
    debug_assert!(all().iter().any(|known| known == point), "{point} is not in the list");
    let dies = here.lock().unwrap_or_else(PoisonError::into_inner).reach(point);
    tell(&format!("point {point}"));
    if dies {
        die();
    }
}

/// Says that it is to be killed here, and goes no further.
pub(crate) fn die() -> ! {
    tell("stop");
    loop {
        std::thread::park();
    }
}

/// Reaches the point before a piece of work, and the one behind. What was refused is told.
pub(crate) async fn around<T, E>(
    what: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    reach(&format!("{what}.before"));
    let done = work.await;
    answered(what, &done);
    done
}

/// A piece of work is over.
pub(crate) fn answered<T, E>(what: &str, done: &Result<T, E>) {
    if done.is_err() {
        tell(&format!("refused {what}"));
    }
    reach(&format!("{what}.after"));
}

/// What was refused is told; there is no point around it.
pub(crate) fn telling<T, E>(what: &str, done: Result<T, E>) -> Result<T, E> {
    if done.is_err() {
        tell(&format!("refused {what}"));
    }
    done
}

/// A line for the parent. It is written at once and whole: a process that dies must not take it along.
pub(crate) fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: then the parent is gone, and this process is nobody's.
    if out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_point_has_one_name_and_there_are_enough() {
        let all = all();
        let mut distinct = all.clone();
        distinct.dedup();
        assert_eq!(all, distinct);
        assert!(all.len() >= 60, "{}", all.len());
    }

    #[test]
    fn a_stop_is_written_as_it_is_read() {
        let stop: Stop = "charter.scale.after:2".parse().unwrap();
        assert_eq!(stop, Stop::at("charter.scale.after", 2));
        assert_eq!(stop.to_string().parse::<Stop>(), Ok(stop));
        assert_eq!("cycle.before".parse::<Stop>(), Ok(Stop::at("cycle.before", 1)));
        assert!("nowhere:1".parse::<Stop>().unwrap_err().contains("nowhere"));
        assert!("cycle.before:x".parse::<Stop>().is_err());
    }

    #[test]
    fn it_ends_at_the_count_and_not_before() {
        let mut counter = Counter::until(Some(Stop::at("cycle.before", 2)));
        let reached = ["cycle.before", "cycle.after", "cycle.before", "cycle.before"];
        assert_eq!(reached.map(|point| counter.reach(point)), [false, false, true, false]);
    }
}
