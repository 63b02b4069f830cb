//! Measures how many alerts a second are taken in: durable before they are answered, and none lost of those that were.
//!
//! The receiver is a process of its own, with what `mapek run` has between the network and the inbox. Beside it somebody takes alerts
//! out of the inbox at the pace of the loop: as many as one cycle reads, once a second. In the end it is killed, and what was
//! acknowledged has to be with one of the two.

mod load;
mod receiver;

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use mapek_monitor::{AlertInbox as _, SqliteInbox};

use crate::{
    BoxError,
    measure::{disk, memory, quantile},
};
pub(crate) use load::{Load, Sent};
pub(crate) use receiver::receive;

/// What has to be taken in, each second.
const ALERTS_PER_SECOND: u32 = 5_000;
/// How long 99 in 100 requests may wait for their answer.
const P99_MAX: Duration = Duration::from_millis(500);
/// What the receiver may hold of memory.
const MEMORY_MAX: u64 = 256 << 20;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How long each load lasts.
    pub(crate) seconds: u32,
    /// Where the inbox is.
    pub(crate) state: PathBuf,
    /// Only the load with so many alerts a request.
    pub(crate) batch: Option<u32>,
}

/// Runs each load on a receiver of its own; answers whether all goals are met.
pub(crate) fn run(plan: &Plan, tell: impl Fn(&str)) -> Result<bool, BoxError> {
    let (half, most) = disk(&plan.state)?;
    tell(&format!(
        "the disk takes a block in {:.2} ms (p50), {:.2} ms (p99): {}",
        ms(half),
        ms(most),
        plan.state.display()
    ));
    let rate = ALERTS_PER_SECOND;
    let load = |name, batch, connections, rate| Load {
        name,
        batch,
        connections,
        rate,
        seconds: plan.seconds,
    };
    let loads = [
        load("goal", 1, 64, Some(rate)),
        load("goal", 10, 64, Some(rate)),
        load("goal", 100, 64, Some(rate)),
        load("most", 1, 64, None),
        load("most", 10, 64, None),
        load("most", 100, 64, None),
        load("ten times", 100, 64, Some(10 * rate)),
    ];
    let mut good = true;
    for load in loads.iter().filter(|load| plan.batch.is_none_or(|batch| batch == load.batch)) {
        let taken = take_in(load, &plan.state)?;
        let met = taken.meets(load);
        tell(&format!("{}{}", taken.line(load), if met { "" } else { "  MISSED" }));
        good &= met;
    }
    Ok(good)
}

/// What came of a load.
#[derive(Debug)]
struct Taken {
    sent: Sent,
    took: Duration,
    memory: u64,
    lost: usize,
    twice: usize,
}

impl Taken {
    fn per_second(&self) -> f64 {
        self.sent.acknowledged.len() as f64 / self.took.as_secs_f64()
    }

    fn p99(&self) -> Duration {
        Duration::from_micros(quantile(&self.sent.waits_us, 0.99).into())
    }

    fn meets(&self, load: &Load) -> bool {
        let safe = self.lost == 0 && self.twice == 0 && self.sent.failed == 0;
        let slim = self.memory <= MEMORY_MAX;
        let wanted = f64::from(ALERTS_PER_SECOND) * 0.99;
        safe && slim
            && match load.rate {
                Some(ALERTS_PER_SECOND) => {
                    self.sent.refused == 0 && self.per_second() >= wanted && self.p99() <= P99_MAX
                }
                // Beyond what it can take it says so; what it takes it keeps.
                Some(_) => self.sent.refused > 0,
                None => self.per_second() >= wanted,
            }
    }

    fn line(&self, load: &Load) -> String {
        let at = |share| ms(Duration::from_micros(quantile(&self.sent.waits_us, share).into()));
        let offered = load.rate.map_or("all".to_owned(), |rate| format!("{rate}/s"));
        format!(
            "{:<9} alerts/request={:<3} connections={} offered={offered} acknowledged={:.0}/s p50={:.1}ms p99={:.1}ms \
             max={:.0}ms refused(503)={} failed={} memory={:.0}MiB lost={} twice={}",
            load.name,
            load.batch,
            load.connections,
            self.per_second(),
            at(0.5),
            at(0.99),
            at(1.0),
            self.sent.refused,
            self.sent.failed,
            self.memory as f64 / f64::from(1 << 20),
            self.lost,
            self.twice,
        )
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn take_in(load: &Load, state: &Path) -> Result<Taken, BoxError> {
    let directory = tempfile::Builder::new().prefix("mapek-intake-").tempdir_in(state)?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["receive", &directory.path().display().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let result = load_and_kill(load, &mut child);
    child.kill()?;
    child.wait()?;
    let (sent, took, memory) = result?;
    let (taken, twice) = taken(directory.path())?;
    let lost = sent.acknowledged.iter().filter(|number| !taken.contains(number)).count();
    Ok(Taken { sent, took, memory, lost, twice })
}

/// Loads the receiver, and kills it while it is still at work.
fn load_and_kill(load: &Load, child: &mut Child) -> Result<(Sent, Duration, u64), BoxError> {
    let out = child.stdout.take().ok_or("the receiver has no output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    let address = line.trim().strip_prefix("listening ").ok_or("the receiver does not listen")?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (sent, took) = runtime.block_on(load.run(address.parse()?))?;
    let (memory, _) = memory(child.id())?;
    child.kill()?;
    Ok((sent, took, memory))
}

/// The alerts that were taken out of the inbox or wait in it, and how many are there twice.
fn taken(directory: &Path) -> Result<(BTreeSet<u64>, usize), BoxError> {
    let bytes = std::fs::read(directory.join("taken"))?;
    let numbers =
        bytes.chunks_exact(8).map(|it| u64::from_le_bytes(it.try_into().unwrap_or_default()));
    let numbers: Vec<u64> = numbers.collect();
    let mut taken: BTreeSet<u64> = numbers.iter().copied().collect();
    let twice = numbers.len() - taken.len();
    let inbox = SqliteInbox::open(directory.join("inbox.db"), SqliteInbox::CAPACITY)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for waiting in runtime.block_on(inbox.pending(usize::MAX >> 1))? {
        // Taken, and killed before the inbox was told so: it is there again, and the loop knows it by its position.
        taken.insert(u64::from_str_radix(&waiting.alert.fingerprint, 16)?);
    }
    Ok((taken, twice))
}
