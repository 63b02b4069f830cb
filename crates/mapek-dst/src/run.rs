//! One run: time passes, processes live and die, and everything is looked at.

mod report;

use std::{path::Path, sync::Arc};

use mapek_execute::Executor;
use mapek_loop::CycleReport;
use mapek_model::ContentHash;
use mapek_monitor::{AlertBatch, AlertInbox as _, AlertStatus};

use crate::{
    bug::Bug,
    check::Violation,
    disk::Handle,
    people,
    process::{Process, execute_config},
    script::{Event, MINUTE},
    seam::{METRICS, alert},
    world::{Inner, ProcessId, World},
};

/// Longer than an execution may take in the calm: with its lease of five minutes, and seven in which nothing can be
/// read.
const LONG: i64 = 15 * MINUTE;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it was run under.
    pub seed: u64,
    /// What must not be and was, in order.
    pub violations: Vec<Violation>,
    /// The whole story as bytes: the same for the same seed.
    pub trace: Vec<u8>,
    /// How much happened.
    pub counts: Counts,
}

/// How much happened in a run, so that a harness in which nothing happens is seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cycles that completed.
    pub cycles: u64,
    /// Calls that left to change something.
    pub calls: u64,
    /// Those that changed something.
    pub effects: u64,
    /// Plans that began.
    pub plans: u64,
    /// Records that became durable.
    pub records: u64,
    /// Processes that died, were killed or replaced.
    pub deaths: u64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            cycles: self.cycles + other.cycles,
            calls: self.calls + other.calls,
            effects: self.effects + other.effects,
            plans: self.plans + other.plans,
            records: self.records + other.records,
            deaths: self.deaths + other.deaths,
        }
    }
}

/// Runs one seed, with a defect or without. `scratch` is a directory for the pause file; it must be there and is left
/// as it was.
#[must_use]
pub fn run(seed: u64, bug: Option<Bug>, scratch: &Path) -> Outcome {
    let mut run = Run {
        world: World::new(seed, bug, scratch.to_owned()),
        processes: Vec::new(),
        counts: Counts::default(),
    };
    run.pause_file(false);
    run.go();
    run.conclude();
    run.pause_file(false);
    let mut inner = run.world.lock();
    // Who is left reaches the world, and the world them: neither would ever go.
    let left = std::mem::take(&mut inner.processes);
    let outcome = Outcome {
        seed,
        violations: inner.check.violations.clone(),
        trace: inner.trace.clone(),
        counts: Counts {
            calls: inner.check.sent,
            effects: inner
                .check
                .effects
                .iter()
                .filter(|it| it.is_ours() && it.before != it.after)
                .count() as u64,
            plans: inner.check.book.order.len() as u64,
            records: inner.check.book.records,
            ..run.counts
        },
    };
    drop(inner);
    drop(left);
    outcome
}

struct Run {
    world: Arc<World>,
    /// Those that live, the newest last.
    processes: Vec<Process>,
    counts: Counts,
}

impl Run {
    fn go(&mut self) {
        loop {
            self.go_on();
            let Some(next) = self.next_moment() else { return };
            {
                let mut inner = self.world.lock();
                if next > inner.script.end_at {
                    return;
                }
                inner.now = next;
            }
            self.happen();
            let wakers = self.world.lock().wakers(false);
            wakers.into_iter().for_each(std::task::Waker::wake);
            self.begin_cycles();
        }
    }

    /// When something is next.
    fn next_moment(&self) -> Option<i64> {
        let inner = self.world.lock();
        let queued = inner.queue.keys().next().map(|(at, _)| *at);
        let due = self.processes.iter().filter(|it| !it.runs()).map(|it| it.due.0).min();
        [queued, due, inner.next_sleeper()].into_iter().flatten().min().map(|at| at.max(inner.now))
    }

    /// Lets everybody go on who can.
    fn go_on(&mut self) {
        for place in 0..self.processes.len() {
            let Some(report) = self.processes[place].go_on() else { continue };
            self.completed(place, &report);
        }
        self.bury();
    }

    /// Takes away who has died.
    fn bury(&mut self) {
        let mut dead = Vec::new();
        {
            let inner = self.world.lock();
            self.processes.retain(|process| {
                let lives = !inner.is_dead(process.id);
                if !lives {
                    dead.push(process.id);
                }
                lives
            });
        }
        for id in dead {
            self.counts.deaths += 1;
            let mut inner = self.world.lock();
            inner.tell(format_args!("p{id} dies"));
            inner.life(id).control = None;
            if id == inner.newest {
                inner.disk.crash();
                let wait = inner.streams.people.between(500, 40_000);
                inner.after(wait, Event::Start);
            }
        }
    }

    fn begin_cycles(&mut self) {
        for process in &mut self.processes {
            let (now, wall) = {
                let inner = self.world.lock();
                (inner.now, inner.wall())
            };
            if !process.runs() && (process.due.0 <= now || process.due.1 <= wall) {
                process.begin(&self.world);
            }
        }
    }

    /// What is due happens.
    fn happen(&mut self) {
        loop {
            let event = {
                let mut inner = self.world.lock();
                let now = inner.now;
                let next = inner.queue.first_entry().filter(|it| it.key().0 <= now);
                let Some(entry) = next else { return };
                entry.remove()
            };
            self.one(event);
        }
    }

    fn one(&mut self, event: Event) {
        if !matches!(event, Event::Scrape | Event::Arrival(_)) {
            self.world.lock().tell(format_args!("* {event:?}"));
        }
        match event {
            Event::Breaks(fault) => {
                let mut inner = self.world.lock();
                if let Some(slot) = inner.plant.breaks(fault) {
                    let now = inner.plant.get(slot);
                    inner.foreign(slot, now);
                }
            }
            Event::Meddles(slot) => self.world.lock().meddles(slot),
            Event::SetsBack(slot, value) => self.world.lock().meddle(slot, value),
            Event::Heals(fault) => self.world.lock().plant.heals(fault),
            Event::Weather(weather, begins) => {
                let mut inner = self.world.lock();
                if weather == crate::script::Weather::Blind {
                    inner.blind_until = inner.now;
                }
                let count = inner.weather.entry(weather).or_default();
                *count = if begins { *count + 1 } else { count.saturating_sub(1) };
            }
            Event::Jump(by) => self.jump(by),
            Event::Person => self.person(people::act),
            Event::RollsBack => self.person(people::roll_back),
            Event::Regrets(older) => self.person(|world, id| people::regret(world, id, older)),
            Event::Resumes => self.person(people::resume),
            Event::Rearms => self.person(people::rearm),
            Event::PauseFile(there) => self.pause_file(there),
            Event::Crash => {
                let mut inner = self.world.lock();
                let newest = inner.newest;
                inner.kill(newest);
            }
            Event::Kill(id) => self.world.lock().kill(id),
            Event::Overlap(stays) => {
                let mut inner = self.world.lock();
                let old = inner.newest;
                if !inner.calm && !inner.is_dead(old) {
                    inner.split(old);
                    inner.after(stays, Event::Kill(old));
                    drop(inner);
                    self.start();
                }
            }
            Event::Start => self.start(),
            Event::Arrival(id) => self.world.lock().arrive(id),
            Event::Scrape => self.scrape(),
            Event::Calm => self.calm(),
            Event::TidyUp => self.person(people::tidy_up),
        }
        self.bury();
    }

    /// A person does something by way of the newest process, which hears of it.
    fn person(&mut self, does: impl FnOnce(&Arc<World>, ProcessId)) {
        let newest = self.world.lock().newest;
        does(&self.world, newest);
        self.wake_newest();
    }

    fn start(&mut self) {
        let id = {
            let mut inner = self.world.lock();
            inner.newest += 1;
            let id = inner.newest;
            inner.life(id);
            id
        };
        match Process::start(&self.world, id) {
            Ok(process) => self.processes.push(process),
            Err(why) => {
                let mut inner = self.world.lock();
                inner.tell(format_args!("p{id} cannot start: {why}"));
                inner.kill(id);
                inner.disk.crash();
                inner.after(5_000, Event::Start);
            }
        }
    }

    fn jump(&mut self, by: i64) {
        let wakers = {
            let mut inner = self.world.lock();
            inner.skew += by;
            for call in inner.calls.values_mut() {
                // Nobody can know how long something takes on which the clock jumps.
                call.jumped |= call.answer.is_none();
            }
            inner.wakers(true)
        };
        wakers.into_iter().for_each(std::task::Waker::wake);
    }

    fn wake_newest(&mut self) {
        let (now, wall, newest) = {
            let inner = self.world.lock();
            (inner.now, inner.wall(), inner.newest)
        };
        for process in self.processes.iter_mut().filter(|it| it.id == newest && !it.runs()) {
            process.due = (process.due.0.min(now + 200), process.due.1.min(wall + 200));
        }
    }

    fn pause_file(&mut self, there: bool) {
        let path = mapek_execute::PauseFile::in_directory(&self.world.state_dir);
        let done = if there {
            std::fs::write(path.path(), "stop")
        } else {
            std::fs::remove_file(path.path())
        };
        let there = there && done.is_ok();
        self.world.lock().check.pause_file = there;
    }

    fn scrape(&mut self) {
        let heard = {
            let mut inner = self.world.lock();
            let (now, measures) = (inner.now, inner.plant.measures());
            if !inner.has(crate::script::Weather::MetricsFrozen) {
                inner.measured.push((now, measures));
            }
            inner.fire(now)
        };
        let has_inbox = self.world.lock().script.has_inbox;
        for (name, since, status) in heard.into_iter().filter(|_| has_inbox) {
            let batch = AlertBatch { alerts: vec![alert(name, since, status)], truncated: 0 };
            let mut stored = Box::pin(self.world.inbox.store(&batch));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            // The inbox in memory waits for nothing; what it does not take is sent again as long as it fires.
            drop(stored.as_mut().poll(&mut context));
        }
    }

    fn calm(&mut self) {
        self.pause_file(false);
        // Who asks for a time before the first sample would never see anything again.
        let off = self.world.lock().skew;
        if off != 0 {
            self.jump(-off);
        }
        let mut inner = self.world.lock();
        inner.calm = true;
        inner.weather.clear();
        let newest = inner.newest;
        for old in self.processes.iter().map(|it| it.id).filter(|id| *id != newest) {
            inner.kill(old);
        }
    }

    /// A cycle has completed.
    fn completed(&mut self, place: usize, report: &CycleReport) {
        let (world, process) = (Arc::clone(&self.world), &mut self.processes[place]);
        let id = process.id;
        let mut inner = world.lock();
        if inner.is_dead(id) {
            return;
        }
        self.counts.cycles += 1;
        let (now, wall) = (inner.now, inner.wall());
        let next = report.next_due.as_millisecond();
        process.due = (now + (next - wall).max(1_000), next.max(wall + 1_000));
        inner.tell_report(id, report, &world);
        inner.look_at_report(id, report);
    }

    /// The end: what lives goes on being right, and what is on the disk says the same.
    fn conclude(&mut self) {
        let newest = self.processes.last();
        let cycle = newest.and_then(Process::cycle);
        let control = cycle.map(mapek_loop::Cycle::control);
        let faults = cycle.and_then(|it| it.state().last().map(|last| last.faults.clone()));
        let mut told = Vec::new();
        {
            let inner = self.world.lock();
            // Who waits until a moment waits an hour longer when the clock is set back by one, and knows nothing of it.
            let (now, wall) = (inner.now, inner.wall());
            let old = |begun: i64, updated: i64| now - begun > LONG && wall - updated > LONG;
            for entry in inner.check.book.live().filter(|it| old(it.begun, it.updated)) {
                let status = &entry.status;
                told.push(("everything-ends", format!("{} is still {status}", entry.id)));
            }
            for entry in inner.check.book.entries.values() {
                if let Some(ending) = entry.status.ending()
                    && !entry.status.needs_operator()
                    && *entry.status.phase() != mapek_model::Phase::Closed
                {
                    told.extend(inner.check.ended(entry.id, ending));
                }
            }
        }
        match (&control, faults) {
            (None, _) => told.push(("everything-ends", "nobody lives in the calm".to_owned())),
            (_, Some(faults)) if !faults.is_empty() => {
                told.push(("everything-ends", format!("faulty in the calm: {faults:?}")));
            }
            _ => {}
        }
        if let Some(control) = control {
            told.extend(self.compare(&control));
        }
        told.extend(self.learned());
        let mut inner = self.world.lock();
        let now = inner.now;
        for (invariant, message) in told {
            inner.check.violated(now, invariant, message);
        }
        let all = inner.disk.store.clone();
        let records = mapek_store::Store::read(&all, mapek_model::Sequence::default(), usize::MAX);
        let bytes: Vec<u8> = records.into_iter().flatten().flat_map(|it| it.bytes).collect();
        let hash = ContentHash::of(&bytes);
        inner.tell(format_args!("the journal is {hash}"));
        for violation in inner.check.violations.clone() {
            inner.tell(format_args!("! {}: {}", violation.invariant, violation.message));
        }
    }

    /// Whoever reads the journal now knows what the one who lived it knows.
    fn compare(&self, lived: &mapek_execute::Control) -> Vec<(&'static str, String)> {
        let id = {
            let mut inner = self.world.lock();
            inner.newest += 1;
            let id = inner.newest;
            inner.life(id);
            id
        };
        let config = execute_config(&self.world);
        let rails = mapek_execute::Rails::new(&config.rails);
        let store = Arc::new(Handle { world: Arc::clone(&self.world), process: id });
        let opened = Executor::open(config, rails, store, Default::default());
        let Ok((read, _)) = opened else {
            return vec![("living-is-recovering", "the journal cannot be opened".to_owned())];
        };
        let (read, mut told) = (read.control(), Vec::new());
        if read.executions() != lived.executions() {
            let ids = |control: &mapek_execute::Control| {
                let all = control.executions().into_iter();
                all.map(|it| format!("{} {}", it.id, it.status)).collect::<Vec<_>>()
            };
            let message = format!("lived {:?}, read {:?}", ids(lived), ids(&read));
            told.push(("living-is-recovering", message));
        }
        if read.proposals().len() < lived.proposals().iter().filter(|it| waits(it)).count() {
            told.push(("living-is-recovering", "a proposal that waits was lost".to_owned()));
        }
        told
    }

    /// Knowledge has each outcome once, as the journal says it.
    fn learned(&self) -> Vec<(&'static str, String)> {
        let filter = mapek_knowledge::Filter::default();
        let known = {
            use mapek_knowledge::KnowledgeStore as _;
            let mut asked = Box::pin(self.world.knowledge.outcomes(&filter, 10_000));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            match asked.as_mut().poll(&mut context) {
                std::task::Poll::Ready(Ok(known)) => known,
                _ => Vec::new(),
            }
        };
        let inner = self.world.lock();
        let mut told = Vec::new();
        // What ended a moment ago is learned by the next cycle.
        let before = inner.now - MINUTE;
        for entry in inner.check.book.entries.values().filter(|it| it.touched < before) {
            if entry.judged.is_none() && entry.status.ending().is_none() {
                continue;
            }
            let found: Vec<_> = known.iter().filter(|it| it.execution == entry.id).collect();
            let verdict =
                entry.judged.map_or(mapek_model::Verdict::Unknown, |(verdict, _)| verdict);
            if found.len() != 1 || found[0].verdict != verdict {
                let found: Vec<_> = found.iter().map(|it| it.verdict).collect();
                let message = format!("{} was {verdict}, knowledge has {found:?}", entry.id);
                told.push(("outcomes-learned-once", message));
            }
        }
        told
    }
}

fn waits(proposal: &mapek_execute::Proposal) -> bool {
    use mapek_model::Approval;
    matches!(proposal.approval, Approval::Pending { .. } | Approval::Approved { .. })
}

impl Inner {
    /// Somebody else has changed something.
    fn foreign(&mut self, slot: crate::plant::Slot, before: i64) {
        let (after, generation) = (self.plant.get(slot), self.plant.generation(slot));
        self.check.effects.push(crate::check::Effect {
            at: self.now,
            execution: None,
            way: mapek_model::Way::Do,
            kind: mapek_model::ActionKind::Custom("somebody-else".to_owned()),
            slot,
            before,
            after,
            generation,
            jumped: false,
        });
    }

    /// Somebody else sets something.
    fn meddle(&mut self, slot: crate::plant::Slot, value: i64) {
        if self.calm {
            return;
        }
        let before = self.plant.meddle(slot, value);
        self.tell(format_args!("somebody else sets {slot:?}: {before} -> {value}"));
        self.foreign(slot, before);
    }

    /// Somebody else sets something to whatever they like.
    fn meddles(&mut self, slot: crate::plant::Slot) {
        use crate::plant::Slot;
        let now = self.plant.get(slot);
        let draw = &mut self.streams.others;
        let value = match slot {
            Slot::Replicas => draw.between(1, 6),
            Slot::Limit => *draw.pick(&[0, 50]),
            Slot::Parallelism => draw.between(2, 8),
            Slot::Policy => now + draw.between(1, 2),
            Slot::Balance | Slot::Override => draw.between(0, 1),
            Slot::Restarts => return,
        };
        self.meddle(slot, value);
    }

    /// Alerts follow what is measured; answers what is told to whoever listens.
    fn fire(&mut self, now: i64) -> Vec<(&'static str, i64, AlertStatus)> {
        let Some((_, measures)) = self.measured.last().copied() else { return Vec::new() };
        let mut heard = Vec::new();
        for (name, metric, bound, above) in METRICS {
            let value = measures.of(metric).unwrap_or_default();
            let breached = if above { value > bound } else { value < bound };
            match (breached, self.firing.get(name).copied()) {
                (true, None) => {
                    self.firing.insert(name, now);
                    heard.push((name, now, AlertStatus::Firing));
                }
                (false, Some(since)) => {
                    self.firing.remove(name);
                    heard.push((name, since, AlertStatus::Resolved));
                }
                _ => {}
            }
        }
        heard
    }
}
