//! Measures how long a start takes with a long journal, after the process that wrote it was killed.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use mapek_execute::{Body, Config, CycleInputs, Entry, Executor, Journal, Rails};
use mapek_model::{
    Action, Captured, Cause, Confidence, ContentHash, Cost, CycleNumber, DiagnosisId, Ending,
    EpisodeKey, ExecutionEvent, ExecutionId, ExecutionRecord, Expectation, Fingerprint,
    IdempotencyKey, Measured, Plan, PlanId, Priority, Risk, Score, Step, StepIndex, TargetId,
    Timestamp, Utility, Verdict, Way, later,
};
use mapek_store::{MemoryStore, SqliteStore, Store};
use serde_json::json;

use crate::{
    BoxError,
    measure::{memory, now, quantile},
    points::tell,
    scenario::START,
};

/// How long it may take.
const GOAL: Duration = Duration::from_secs(2);
/// How often it is measured; each time in a process of its own, on what a killed process left.
const TIMES: usize = 5;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) records: u64,
    pub(crate) state: PathBuf,
}

/// Measures; answers whether the goal is met.
pub(crate) fn run(options: &Options, say: impl Fn(&str)) -> Result<bool, BoxError> {
    let directory =
        tempfile::Builder::new().prefix("mapek-recovery-").tempdir_in(&options.state)?;
    let path = directory.path().join("journal.db");
    one(&["fill", &path.display().to_string(), &options.records.to_string()])?;
    let mut took = Vec::new();
    let mut most = 0;
    for _ in 0..TIMES {
        let answer = one(&["recover", &path.display().to_string()])?;
        let words: Vec<u64> =
            answer.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [micros, memory, records] = words[..] else { return Err(answer.into()) };
        if records != options.records {
            return Err(format!("{records} records were recovered, not {}", options.records).into());
        }
        took.push(Duration::from_micros(micros));
        most = most.max(memory);
    }
    took.sort();
    let (median, worst) = (quantile(&took, 0.5), quantile(&took, 1.0));
    let good = worst <= GOAL;
    let size = std::fs::metadata(&path)?.len();
    say(&format!(
        "records={} file={}MiB median={:.2}s worst={:.2}s memory={}MiB{}",
        options.records,
        size >> 20,
        median.as_secs_f64(),
        worst.as_secs_f64(),
        most >> 20,
        if good { "" } else { "  MISSED" }
    ));
    Ok(good)
}

/// Runs a process of ours until it says a word, and kills it then: it does not close what it has open.
fn one(args: &[&str]) -> Result<String, BoxError> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let out = child.stdout.take().ok_or("the child has no output")?;
    let mut answer = String::new();
    BufReader::new(out).read_line(&mut answer)?;
    child.kill()?;
    child.wait()?;
    if answer.is_empty() { Err(format!("{args:?} says nothing").into()) } else { Ok(answer) }
}

/// Writes a journal of so many records, and waits to be killed.
pub(crate) fn fill(path: &Path, records: u64) -> Result<(), BoxError> {
    // The journal writes one record a commit, which is not what is measured: it is made in memory and copied.
    let memory = MemoryStore::new();
    let mut journal = Journal::open(Arc::new(memory.clone()), |_| ())?;
    let past = Past { start: START.parse()?, cycles: 3 };
    for entry in (1..).flat_map(|n| past.life(n)).take(usize::try_from(records)?) {
        journal.append(entry)?;
    }
    save(&memory, path)?;
    tell("filled");
    loop {
        std::thread::park();
    }
}

/// Writes a journal of so many executions and cycles, the last of them now.
pub(crate) fn store(
    path: &Path,
    executions: u64,
    cycles: u64,
    now: Timestamp,
) -> Result<u64, BoxError> {
    let cycles = cycles / executions.max(1);
    let last = Past { start: Timestamp::UNIX_EPOCH, cycles }.seconds(executions + 1);
    let past = Past { start: now.checked_sub(Duration::from_secs(last))?, cycles };
    let memory = MemoryStore::new();
    let mut journal = Journal::open(Arc::new(memory.clone()), |_| ())?;
    for entry in (1..=executions).flat_map(|n| past.life(n)) {
        journal.append(entry)?;
    }
    save(&memory, path)?;
    Ok(memory.head()?.get())
}

fn save(memory: &MemoryStore, path: &Path) -> Result<(), BoxError> {
    let file = SqliteStore::open(path)?;
    for value in VALUES {
        file.put_blob(value)?;
    }
    let epoch = file.raise_epoch()?;
    let mut head = file.head()?;
    loop {
        let page = memory.read(head, 1024)?;
        if page.is_empty() {
            break;
        }
        let records: Vec<_> = page.into_iter().map(|stored| stored.bytes).collect();
        head = file.append(epoch, head, &records)?;
    }
    Ok(())
}

/// Opens a journal as a start does, says how long that took, and waits to be killed.
pub(crate) fn recover(path: &Path) -> Result<(), BoxError> {
    let begun = now();
    let store = Arc::new(SqliteStore::open(path)?);
    let config = Config { state_dir: None, ..Config::default() };
    let rails = Rails::new(&config.rails);
    let (executor, recovery) = Executor::open(config, rails, store, BTreeMap::new())?;
    let took = begun.elapsed();
    if !recovery.bad.is_empty() || !recovery.damaged.is_empty() {
        return Err("the journal is damaged".into());
    }
    let (most, _) = memory(std::process::id())?;
    tell(&format!("{} {most} {}", took.as_micros(), executor.control().head().get()));
    loop {
        std::thread::park();
    }
}

/// What cycles name: the configuration, what was seen, and what was known.
const VALUES: [&[u8]; 3] = [b"configuration", b"observation", b"experience"];

/// Between two cycles.
const INTERVAL: u64 = 5;

/// What is written of times past: executions one after the other, each with so many cycles.
#[derive(Clone, Copy)]
struct Past {
    start: Timestamp,
    cycles: u64,
}

impl Past {
    /// How long after the start the life of an execution begins.
    const fn seconds(self, n: u64) -> u64 {
        n * self.cycles * INTERVAL
    }

    fn at(self, n: u64) -> Timestamp {
        later(self.start, Duration::from_secs(self.seconds(n)))
    }

    fn entry(self, n: u64, body: Body) -> Entry {
        let cycle = CycleNumber::new(n * self.cycles);
        Entry { target: Some(TargetId::default()), at: self.at(n), cycle, body }
    }

    fn cycle(self, n: u64, i: u64) -> Entry {
        let number = n * self.cycles + i;
        let [config, observation, experience] = VALUES.map(ContentHash::of);
        let number = CycleNumber::new(number);
        let inputs = CycleInputs::new(number, config, 7, observation, experience);
        let at = later(self.at(n), Duration::from_secs(i * INTERVAL));
        Entry { target: Some(TargetId::default()), at, cycle: number, body: Body::Cycle(inputs) }
    }
}

/// How an execution of some steps begins.
#[cfg(test)]
pub(crate) fn started(steps: Vec<Step>) -> ExecutionEvent {
    let past = Past { start: START.parse().expect("it is a time"), cycles: 3 };
    let plan = Box::new(Plan { steps, ..past.plan(1) });
    let before = Measured { explained_open: 1, ..Measured::default() };
    ExecutionEvent::Started { plan, chosen_with: Confidence::MAX, before }
}

impl Past {
    /// A plan of two steps against a cause that explains eight episodes.
    fn plan(self, n: u64) -> Plan {
        let key = |i: u32| EpisodeKey {
            target: TargetId::default(),
            fingerprint: Fingerprint::of(&i.to_be_bytes()),
            onset: self.at(n),
        };
        let expectation = Expectation::normalise("high validation latency");
        let actions = [
            Action::UpdateConfiguration {
                batch_size: Some(64),
                timeout: None,
                parallelism: Some(4),
            },
            Action::ScaleUp { replicas: 5 },
        ];
        Plan {
            id: PlanId::from_uuid(uuid::Uuid::from_u128(n.into())),
            target: TargetId::default(),
            diagnosis: DiagnosisId::from_uuid(uuid::Uuid::from_u128(n.into())),
            cause: Cause {
                kind: "validation-latency".parse().expect("it is a name"),
                component: None,
                metric: None,
            },
            confidence: Confidence::saturating(0.9),
            explains: (0..8).map(key).collect(),
            steps: actions.map(Step::of).to_vec(),
            benefit: Utility::saturating(0.9),
            cost: Cost::saturating(0.2),
            score: Score::saturating(0.7),
            success: Confidence::saturating(0.5),
            risk_if_wrong: Risk::Low,
            priority: Priority::High,
            time_to_effect: Duration::from_secs(60),
            verification: None,
            symptoms: Vec::new(),
            created: self.at(n),
            expires: later(self.at(n), Duration::from_secs(3600)),
            rationale: format!("{expectation}: 2.4 s at the 99th percentile, the threshold is 1 s"),
        }
    }

    /// The life of one execution, as its log has it, and its cycles.
    fn life(self, n: u64) -> Vec<Entry> {
        let execution = ExecutionId::from_uuid(uuid::Uuid::from_u128(n.into()));
        let value = |i: u32| {
            let name = format!("watched_value_{i}").parse().expect("it is a name");
            (name, f64::from(i) / 7.0)
        };
        let measured = || Measured {
            explained_open: 8,
            other_open: 1,
            values: (0..12).map(value).collect(),
            ..Measured::default()
        };
        let mut events = vec![ExecutionEvent::Started {
            plan: Box::new(self.plan(n)),
            chosen_with: Confidence::MAX,
            before: measured(),
        }];
        for step in [StepIndex(0), StepIndex(1)] {
            let captured =
                Some(Captured { at: self.at(n), state: json!({"replicas": 3, "etag": "7"}) });
            let key = IdempotencyKey::of(execution, step, Way::Do);
            events.push(ExecutionEvent::Intended { step, way: Way::Do, attempt: 1, key, captured });
            let receipt = json!({"replicas": 5, "status": "normal"});
            events.push(ExecutionEvent::Applied { step, way: Way::Do, receipt });
        }
        events.push(ExecutionEvent::VerificationBegan);
        events.push(ExecutionEvent::Judged {
            verdict: Verdict::Success,
            reason: "0 of 8 episodes are still open".to_owned(),
            after: measured(),
            time_to_effect: Some(Duration::from_secs(41)),
        });
        let reason = "its effect was: success".to_owned();
        events.push(ExecutionEvent::Ended { ending: Ending::Completed, reason });
        let record = |event| ExecutionRecord { execution, at: self.at(n), event };
        let log = events
            .into_iter()
            .map(|event| self.entry(n, Body::Execution { record: record(event) }));
        log.chain((0..self.cycles).map(|i| self.cycle(n, i))).collect()
    }
}

#[cfg(test)]
mod tests {
    use mapek_execute::verify;
    use mapek_store::SqliteReader;

    use super::*;

    #[test]
    fn a_long_life_is_a_sound_journal_that_ends_now() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let records = store(&path, 3, 30, now).unwrap();
        let verified = verify(&SqliteReader::open(&path).unwrap()).unwrap();
        assert!(verified.is_sound(), "{:?}", verified.damage);
        assert_eq!((verified.records, verified.executions), (records, 3));
        assert_eq!(records, 3 * (8 + 10));
        let past = Past { start: START.parse().unwrap(), cycles: 10 };
        assert_eq!(past.seconds(1), 50);
    }
}
