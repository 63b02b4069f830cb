//! What processes and the driver share: time, the managed system, the disk, who lives, and what was seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use mapek_execute::{Control, EffectError};
use mapek_knowledge::MemoryKnowledge;
use mapek_loop::MemoryCheckpoint;
use mapek_model::{Action, Epoch, Resource, Timestamp, Way};
use mapek_monitor::MemoryInbox;
use serde_json::Value;

use crate::{
    bug::Bug,
    check::Checker,
    disk::Disk,
    plant::{Measures, Plant},
    random::{Stream, Streams},
    script::{Event, Script, Weather},
};

/// When the story begins: 2026-01-01T00:00:00Z.
const BEGIN_MS: i64 = 1_767_225_600_000;

/// A process by its number, from 1.
pub(crate) type ProcessId = u32;

/// The world. Clones of the `Arc` around it are how everybody reaches it; the lock is never held while the loop is
/// called.
#[derive(Debug)]
pub(crate) struct World {
    inner: Mutex<Inner>,
    /// What lasts beside the journal.
    pub(crate) checkpoint: MemoryCheckpoint,
    pub(crate) knowledge: MemoryKnowledge,
    pub(crate) inbox: MemoryInbox,
    pub(crate) state_dir: PathBuf,
}

/// All that is under the lock.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) script: Script,
    pub(crate) bug: Option<Bug>,
    /// Milliseconds since the beginning, as they pass.
    pub(crate) now: i64,
    /// How far the wall clock is off.
    pub(crate) skew: i64,
    pub(crate) streams: Streams,
    pub(crate) queue: BTreeMap<(i64, u64), Event>,
    queued: u64,
    sleepers: Vec<Sleeper>,
    pub(crate) weather: BTreeMap<Weather, u32>,
    pub(crate) calm: bool,
    pub(crate) plant: Plant,
    /// What was measured: when, and what.
    pub(crate) measured: Vec<(i64, Measures)>,
    pub(crate) calls: BTreeMap<u64, Call>,
    /// Keys that the managed system has seen, since when, and what it answered.
    pub(crate) keys: BTreeMap<String, (i64, Value)>,
    /// Until when nothing could be told by looking.
    pub(crate) blind_until: i64,
    /// The highest epoch that the managed system has seen.
    pub(crate) highest: Epoch,
    pub(crate) disk: Disk,
    pub(crate) processes: BTreeMap<ProcessId, Life>,
    pub(crate) newest: ProcessId,
    pub(crate) check: Checker,
    pub(crate) trace: Vec<u8>,
    pub(crate) firing: BTreeMap<&'static str, i64>,
}

/// What is known of a process from outside.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) dead: bool,
    pub(crate) control: Option<Control>,
    /// What is doubtful about what this cycle was told.
    pub(crate) doubts: BTreeSet<String>,
    /// Whether it was told of a breach.
    pub(crate) breach: bool,
    /// When this cycle began.
    pub(crate) began: i64,
    /// The same by the wall clock.
    pub(crate) began_wall: i64,
    /// How often this cycle has asked the managed system about a step.
    pub(crate) reads: u32,
    /// What it read of the managed system last.
    pub(crate) inventory: Vec<Resource>,
    /// Writes that failed in this cycle.
    pub(crate) write_errors: u32,
    /// Whether a person is at work, so that an error is theirs.
    pub(crate) person: bool,
}

/// A call that changes something, under way or answered.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) way: Way,
    pub(crate) action: Action,
    pub(crate) captured: i64,
    pub(crate) key: String,
    pub(crate) epoch: Epoch,
    pub(crate) sent: i64,
    /// Whether the wall clock jumped while it was on its way.
    pub(crate) jumped: bool,
    pub(crate) answer: Option<Result<Value, EffectError>>,
}

#[derive(Debug)]
struct Sleeper {
    process: ProcessId,
    until: i64,
    waker: Waker,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>, state_dir: PathBuf) -> Arc<Self> {
        let script = Script::of(seed);
        let mut queue = BTreeMap::new();
        for (place, (at, event)) in (0..).zip(&script.events) {
            queue.insert((*at, place), event.clone());
        }
        let plant = Plant::new(&mut Stream::new(seed, "plant"));
        let check = Checker::new(&script);
        let inner = Inner {
            bug,
            now: 0,
            skew: 0,
            streams: Streams::new(seed),
            queued: queue.len() as u64,
            queue,
            sleepers: Vec::new(),
            weather: BTreeMap::new(),
            calm: false,
            plant,
            measured: Vec::new(),
            calls: BTreeMap::new(),
            keys: BTreeMap::new(),
            blind_until: i64::MIN,
            highest: Epoch::default(),
            disk: Disk::new(bug == Some(Bug::AckBeforeDurable)),
            processes: BTreeMap::new(),
            newest: 0,
            check,
            trace: Vec::new(),
            firing: BTreeMap::new(),
            script,
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
            checkpoint: MemoryCheckpoint::default(),
            knowledge: MemoryKnowledge::new(mapek_knowledge::Limits::DEFAULT),
            inbox: MemoryInbox::new(10_000),
            state_dir,
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so many milliseconds of the world's time; for ever, if the process dies meanwhile.
    pub(crate) fn sleep(self: &Arc<Self>, process: ProcessId, millis: i64) -> Sleep {
        let until = self.lock().now + millis;
        Sleep { world: Arc::clone(self), process, until, wall: None }
    }

    /// Waits until the wall clock shows `wall`, or as long as there was left at the call.
    pub(crate) fn sleep_until(self: &Arc<Self>, process: ProcessId, wall: i64) -> Sleep {
        let inner = self.lock();
        let until = inner.now + (wall - inner.wall()).max(0);
        drop(inner);
        Sleep { world: Arc::clone(self), process, until, wall: Some(wall) }
    }
}

impl Inner {
    /// What the wall clock shows, in milliseconds.
    pub(crate) const fn wall(&self) -> i64 {
        BEGIN_MS + self.now + self.skew
    }

    /// What the clock of the metric source shows at a moment: it is always right.
    pub(crate) const fn right(at: i64) -> i64 {
        BEGIN_MS + at
    }

    pub(crate) fn timestamp(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub(crate) fn has(&self, weather: Weather) -> bool {
        self.weather.get(&weather).is_some_and(|count| *count > 0)
    }

    pub(crate) fn is_dead(&self, process: ProcessId) -> bool {
        self.processes.get(&process).is_none_or(|life| life.dead)
    }

    pub(crate) fn life(&mut self, process: ProcessId) -> &mut Life {
        self.processes.entry(process).or_default()
    }

    /// Something is to happen in so many milliseconds.
    pub(crate) fn after(&mut self, millis: i64, event: Event) {
        self.queued += 1;
        self.queue.insert((self.now + millis.max(0), self.queued), event);
    }

    /// The process does nothing more from this moment on.
    pub(crate) fn kill(&mut self, process: ProcessId) {
        self.life(process).dead = true;
        self.sleepers.retain(|sleeper| sleeper.process != process);
    }

    /// When somebody wakes up.
    pub(crate) fn next_sleeper(&self) -> Option<i64> {
        self.sleepers.iter().map(|sleeper| sleeper.until).min()
    }

    /// Those who are to look whether their time has come.
    pub(crate) fn wakers(&mut self, all: bool) -> Vec<Waker> {
        let now = self.now;
        let (due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.sleepers).into_iter().partition(|it| all || it.until <= now);
        self.sleepers = rest;
        due.into_iter().map(|sleeper| sleeper.waker).collect()
    }

    /// Writes a line of the story.
    pub(crate) fn tell(&mut self, line: std::fmt::Arguments<'_>) {
        let mut text = String::with_capacity(96);
        let (seconds, millis) = (self.now / 1000, self.now % 1000);
        let minutes = seconds / 60;
        let written = writeln!(text, "{minutes:02}:{:02}.{millis:03} {line}", seconds % 60);
        debug_assert!(written.is_ok(), "writing to a string does not fail");
        self.trace.extend_from_slice(text.as_bytes());
    }
}

/// A wait.
#[derive(Debug)]
pub(crate) struct Sleep {
    world: Arc<World>,
    process: ProcessId,
    until: i64,
    wall: Option<i64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.world.lock();
        if inner.is_dead(self.process) {
            return Poll::Pending;
        }
        if inner.now >= self.until || self.wall.is_some_and(|wall| inner.wall() >= wall) {
            return Poll::Ready(());
        }
        let waker = context.waker().clone();
        let (process, until) = (self.process, self.until);
        inner.sleepers.push(Sleeper { process, until, waker });
        Poll::Pending
    }
}
