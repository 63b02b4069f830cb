//! What a seed means: how the world is set, and what is to happen in it.
//!
//! Not every seed has every fault (what happens all the time hides what follows from a single fault): each draws for
//! each kind whether it is there at all, and how often.

use mapek_execute::{ExecutionMode, Profile};
use mapek_model::Risk;

use crate::{
    plant::{Fault, Menu, Slot},
    random::Stream,
};

/// One minute in milliseconds.
pub(crate) const MINUTE: i64 = 60_000;
/// How often metrics are measured.
pub(crate) const SCRAPE: i64 = 15_000;

/// What lasts for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weather {
    /// Every query fails.
    MetricsDown,
    /// Every query takes longer than a cycle waits.
    MetricsSlow,
    /// Nothing new is measured.
    MetricsFrozen,
    /// Every answer has a warning.
    MetricsPartial,
    /// One metric has no value that is a number.
    MetricsOdd,
    /// One metric is not there.
    MetricsMissing,
    /// A scrape target does not answer.
    TargetDown,
    /// The managed system cannot be read.
    ElementDown,
    /// The list of alerts cannot be read.
    FeedDown,
    /// Every write to the journal fails.
    DiskDead,
    /// There is no room for another record.
    DiskFull,
    /// Most calls that change something go wrong.
    NetBad,
    /// What was done cannot be told by looking.
    Blind,
}

impl Weather {
    const ALL: [Self; 13] = [
        Self::MetricsDown,
        Self::MetricsSlow,
        Self::MetricsFrozen,
        Self::MetricsPartial,
        Self::MetricsOdd,
        Self::MetricsMissing,
        Self::TargetDown,
        Self::ElementDown,
        Self::FeedDown,
        Self::DiskDead,
        Self::DiskFull,
        Self::NetBad,
        Self::Blind,
    ];
}

/// Something that happens at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The managed system breaks.
    Breaks(Fault),
    /// It heals by itself.
    Heals(Fault),
    /// Something begins, or ends.
    Weather(Weather, bool),
    /// The wall clock is set forward, or back, by so many milliseconds.
    Jump(i64),
    /// Somebody else changes something.
    Meddles(Slot),
    /// Somebody else sets it back to this.
    SetsBack(Slot, i64),
    /// A person does something.
    Person,
    /// A person rolls back the newest execution.
    RollsBack,
    /// Of the newest two that did the same a person rolls back the older one, or the newer.
    Regrets(bool),
    /// A person re-arms all kinds.
    Rearms,
    /// A person lets it go on.
    Resumes,
    /// The pause file is put there, or taken away.
    PauseFile(bool),
    /// The newest process dies.
    Crash,
    /// This one dies.
    Kill(u32),
    /// Another process starts; the one before lives on for so long.
    Overlap(i64),
    /// A process starts.
    Start,
    /// A call arrives.
    Arrival(u64),
    /// Metrics are measured.
    Scrape,
    /// From here on nothing goes wrong any more, the clock is right, and a person looks after what is left.
    Calm,
    /// In the calm a person closes what waits for one.
    TidyUp,
}

/// How often something goes wrong, each time that it could.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    pub(crate) refuse: f64,
    pub(crate) drop: f64,
    pub(crate) lose: f64,
    pub(crate) late: f64,
    pub(crate) slow: f64,
    pub(crate) double: f64,
    pub(crate) disk_write: f64,
    pub(crate) disk_read: f64,
    pub(crate) disk_crash: f64,
    pub(crate) call_crash: f64,
    pub(crate) call_overlap: f64,
    pub(crate) query: f64,
    pub(crate) element: f64,
    pub(crate) memory: f64,
    pub(crate) person: f64,
    /// Faults that strike right behind a call.
    pub(crate) moment: f64,
    /// Somebody sets the same as a call that is on its way.
    pub(crate) same: f64,
    /// What a person does becomes durable, and that is not answered.
    pub(crate) person_write: f64,
    /// A person pauses while a step is about to be sent.
    pub(crate) pause: f64,
    /// The managed system goes away between two reads of one cycle.
    pub(crate) flicker: f64,
}

/// Who else works on the managed system.
#[derive(Debug, Clone, Default)]
pub(crate) struct Others {
    /// How often somebody changes what a step is about to, after it was read.
    pub(crate) after_capture: f64,
    /// How often somebody changes what a step has set.
    pub(crate) after_effect: f64,
    /// What somebody sets back each time that we set it.
    pub(crate) rival: Option<Slot>,
    /// When somebody changes something, whatever we do.
    events: Vec<(i64, Event)>,
}

impl Others {
    /// What others can set.
    const SLOTS: [Slot; 6] = [
        Slot::Replicas,
        Slot::Limit,
        Slot::Parallelism,
        Slot::Policy,
        Slot::Balance,
        Slot::Override,
    ];

    fn draw(seed: u64, calm_at: i64) -> Self {
        let draw = &mut Stream::new(seed, "others at work");
        if !draw.chance(0.4) {
            return Self::default();
        }
        let mut rate = |share| if draw.chance(0.5) { share } else { 0.0 };
        let (after_capture, after_effect) = (rate(0.3), rate(0.4));
        let rival = draw.chance(0.3).then(|| *draw.pick(&Self::SLOTS));
        let number = draw.between(0, 6);
        let events = (0..number)
            .map(|_| (draw.between(0, calm_at), Event::Meddles(*draw.pick(&Self::SLOTS))))
            .collect();
        Self { after_capture, after_effect, rival, events }
    }
}

/// What a seed means.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) seed: u64,
    pub(crate) profile: Profile,
    pub(crate) mode: ExecutionMode,
    pub(crate) rollback: bool,
    pub(crate) menu: Menu,
    pub(crate) fences: bool,
    pub(crate) keyed_configuration: bool,
    /// Whether nothing shows that there was a restart.
    pub(crate) blind_restarts: bool,
    pub(crate) has_feed: bool,
    pub(crate) has_inbox: bool,
    pub(crate) retention: u64,
    pub(crate) dwell: u32,
    pub(crate) plans_per_hour: u32,
    pub(crate) actions_per_hour: u32,
    pub(crate) cooldown_s: u64,
    pub(crate) two_sources_from: Risk,
    pub(crate) learns: bool,
    pub(crate) rates: Rates,
    pub(crate) others: Others,
    /// How long the managed system remembers keys, in milliseconds.
    pub(crate) keys_kept: i64,
    /// How long a plan lives.
    pub(crate) expiry_s: u64,
    pub(crate) events: Vec<(i64, Event)>,
    pub(crate) calm_at: i64,
    pub(crate) end_at: i64,
}

impl Script {
    pub(crate) fn of(seed: u64) -> Self {
        let mut draw = Stream::new(seed, "script");
        let calm_at = draw.between(15, 50) * MINUTE;
        let profile = match draw.between(0, 19) {
            0 => Profile::Observe,
            1..=4 => Profile::Shipped,
            _ => Profile::Auto,
        };
        let mode =
            if draw.chance(0.1) { ExecutionMode::BestEffort } else { ExecutionMode::Transactional };
        let mut script = Self {
            seed,
            profile,
            mode,
            rollback: !draw.chance(0.08),
            menu: Menu::draw(&mut draw),
            fences: draw.chance(0.6),
            keyed_configuration: draw.chance(0.5),
            has_feed: draw.chance(0.5),
            has_inbox: draw.chance(0.5),
            retention: *draw.pick(&[40, 120, 20_000]),
            dwell: *draw.pick(&[0, 1, 2]),
            blind_restarts: draw.chance(0.3),
            plans_per_hour: *draw.pick(&[2, 6, 60]),
            actions_per_hour: *draw.pick(&[1, 4, 60]),
            cooldown_s: *draw.pick(&[0, 30, 120]),
            two_sources_from: *draw.pick(&[Risk::Medium, Risk::High, Risk::High]),
            learns: draw.chance(0.5),
            rates: aimed(rates(&mut draw), &mut Stream::new(seed, "aims")),
            others: Others::draw(seed, calm_at),
            keys_kept: *Stream::new(seed, "keys").pick(&[45_000, 150_000, 86_400_000]),
            expiry_s: *Stream::new(seed, "expiry").pick(&[45, 120, 600]),
            events: Vec::new(),
            calm_at,
            end_at: calm_at + 25 * MINUTE,
        };
        script.events = script.happenings();
        script
    }

    fn happenings(&self) -> Vec<(i64, Event)> {
        let mut draw = Stream::new(self.seed, "happenings");
        let mut events = vec![(0, Event::Start), (self.calm_at, Event::Calm)];
        let rounds = self.end_at / SCRAPE;
        events.extend((0..rounds).map(|round| (round * SCRAPE, Event::Scrape)));
        for minute in 1..6 {
            events.push((self.calm_at + 4 * minute * MINUTE, Event::TidyUp));
        }
        let until = self.calm_at;
        for _ in 0..draw.between(3, 9) {
            let fault = *draw.pick(&Fault::ALL);
            let at = draw.between(MINUTE / 2, until);
            events.push((at, Event::Breaks(fault)));
            if draw.chance(0.5) {
                events.push((at + draw.between(1, 15) * MINUTE, Event::Heals(fault)));
            }
        }
        for weather in Weather::ALL {
            if !draw.chance(0.15) {
                continue;
            }
            for _ in 0..draw.between(1, 3) {
                let at = draw.between(0, until);
                let end = (at + draw.between(5_000, 6 * MINUTE)).min(until);
                events.push((at, Event::Weather(weather, true)));
                events.push((end, Event::Weather(weather, false)));
            }
        }
        let few = |draw: &mut Stream, share: f64, most: i64| {
            if draw.chance(share) { draw.between(1, most) } else { 0 }
        };
        for _ in 0..few(&mut draw, 0.3, 3) {
            let by = *draw.pick(&[-3_600_000, -60_000, -5_000, 5_000, 90_000, 3_600_000]);
            let at = draw.between(0, until);
            events.push((at, Event::Jump(by)));
            if draw.chance(0.5) {
                events.push((at + draw.between(1_000, 5 * MINUTE), Event::Jump(-by)));
            }
        }
        for _ in 0..few(&mut draw, 0.6, 12) {
            events.push((draw.between(0, until), Event::Person));
        }
        for _ in 0..few(&mut draw, 0.25, 2) {
            let at = draw.between(0, until);
            events.push((at, Event::PauseFile(true)));
            events.push((at + draw.between(1_000, 6 * MINUTE), Event::PauseFile(false)));
        }
        for _ in 0..few(&mut draw, 0.5, 5) {
            events.push((draw.between(0, until), Event::Crash));
        }
        for _ in 0..few(&mut draw, 0.3, 3) {
            events.push((draw.between(0, until), Event::Overlap(draw.between(1_000, 3 * MINUTE))));
        }
        events.extend(self.others.events.iter().cloned());
        events.extend(self.regrets());
        events.sort_by_key(|(at, _)| *at);
        events
    }
}

impl Script {
    /// What people think better of: they take back what was done before the newest, and then the newest; or they trust
    /// all kinds again.
    fn regrets(&self) -> Vec<(i64, Event)> {
        let mut draw = Stream::new(self.seed, "regrets");
        let (regrets, trusts) = (draw.chance(0.4), draw.chance(0.5));
        let mut events = Vec::new();
        for _ in 0..draw.between(2, 7) {
            let at = draw.between(5 * MINUTE, self.calm_at);
            let then = at + draw.between(10_000, 4 * MINUTE);
            if regrets {
                events.extend([(at, Event::Regrets(true)), (then, Event::Regrets(false))]);
            }
            if trusts {
                events.push((draw.between(MINUTE / 2, self.calm_at), Event::Rearms));
            }
        }
        events
    }
}

fn rates(draw: &mut Stream) -> Rates {
    // Most seeds have a few kinds of faults, and few have most.
    let density = *draw.pick(&[0.15, 0.4, 0.8]);
    let mut rate = |most: f64| {
        let there = draw.chance(density);
        #[expect(clippy::cast_precision_loss, reason = "a number up to a thousand is exact")]
        let share = draw.between(50, 1000) as f64 / 1000.0;
        if there { most * share } else { 0.0 }
    };
    Rates {
        refuse: rate(0.3),
        drop: rate(0.3),
        lose: rate(0.3),
        late: rate(0.6),
        slow: rate(0.5),
        double: rate(0.3),
        disk_write: rate(0.1),
        disk_read: rate(0.05),
        disk_crash: rate(0.03),
        call_crash: rate(0.2),
        call_overlap: rate(0.1),
        query: rate(0.02),
        element: rate(0.2),
        memory: rate(0.1),
        person: rate(0.2),
        ..Rates::default()
    }
}

/// Adds what is aimed at the moments in which most can go wrong: each alone is rare enough to need it.
fn aimed(rates: Rates, draw: &mut Stream) -> Rates {
    let mut rate = |share: f64, most: f64| {
        let (there, half) = (draw.chance(share), draw.chance(0.5));
        if there { if half { most / 2.0 } else { most } } else { 0.0 }
    };
    Rates {
        moment: rate(0.5, 0.8),
        same: rate(0.5, 0.9),
        person_write: rate(0.4, 0.8),
        pause: rate(0.25, 0.2),
        flicker: rate(0.3, 0.3),
        ..rates
    }
}
