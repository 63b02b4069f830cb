//! A managed system, as small as it can be: a few numbers that actions change, and what is measured of them.

use std::collections::{BTreeMap, BTreeSet};

use mapek_execute::{Presence, Repeat};
use mapek_model::{Action, ActionKind, Duration, Precondition, Step, Way};
use serde_json::{Value, json};

use crate::random::Stream;

/// What an action changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    Replicas,
    Limit,
    Parallelism,
    Policy,
    Balance,
    Override,
    Restarts,
}

const SLOTS: usize = 7;

impl Slot {
    /// The kind and the id that the managed system lists it with, if it does.
    pub(crate) const fn resource(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Replicas => Some(("pool", "workers")),
            Self::Policy => Some(("policy", "p")),
            _ => None,
        }
    }
}

/// How the system breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// There is more to do than it can.
    Overload,
    /// It needs a restart.
    Sick,
    /// Somebody put a bad policy into force.
    BadPolicy,
    /// Somebody changed the configuration.
    Drift,
}

impl Fault {
    pub(crate) const ALL: [Self; 4] = [Self::Overload, Self::Sick, Self::BadPolicy, Self::Drift];
}

/// The numbers, and what is wrong.
#[derive(Debug, Clone)]
pub(crate) struct Plant {
    slots: [i64; SLOTS],
    /// How often each was written.
    writes: [u64; SLOTS],
    /// Whether somebody else wrote it last.
    theirs: [bool; SLOTS],
    faults: BTreeMap<Fault, i64>,
    /// Whether more than so many replicas do harm.
    crowded_from: i64,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measures {
    pub(crate) latency: f64,
    pub(crate) failures: f64,
    pub(crate) throughput: f64,
}

impl Measures {
    pub(crate) const fn of(&self, metric: &str) -> Option<f64> {
        match metric.as_bytes() {
            b"latency_seconds" => Some(self.latency),
            b"failure_rate" => Some(self.failures),
            b"throughput_ops" => Some(self.throughput),
            _ => None,
        }
    }
}

impl Plant {
    pub(crate) fn new(draw: &mut Stream) -> Self {
        let crowded_from = if draw.chance(0.3) { 5 } else { 1_000 };
        Self {
            slots: [3, 0, 4, 10, 0, 0, 0],
            writes: [0; SLOTS],
            theirs: [false; SLOTS],
            faults: BTreeMap::new(),
            crowded_from,
        }
    }

    pub(crate) const fn get(&self, slot: Slot) -> i64 {
        self.slots[slot as usize]
    }

    const fn set(&mut self, slot: Slot, value: i64) {
        self.slots[slot as usize] = value;
        self.writes[slot as usize] += 1;
        self.theirs[slot as usize] = false;
    }

    /// Somebody else sets something; answers what it was.
    pub(crate) const fn meddle(&mut self, slot: Slot, value: i64) -> i64 {
        let before = self.get(slot);
        self.set(slot, value);
        self.theirs[slot as usize] = true;
        before
    }

    /// How often it was written: grows with each change.
    pub(crate) const fn generation(&self, slot: Slot) -> u64 {
        self.writes[slot as usize]
    }

    /// Whether somebody else wrote it last.
    pub(crate) const fn is_theirs(&self, slot: Slot) -> bool {
        self.theirs[slot as usize]
    }

    /// Breaks; answers what somebody changed by it.
    pub(crate) fn breaks(&mut self, fault: Fault) -> Option<Slot> {
        let (level, touched) = match fault {
            Fault::Overload => (self.get(Slot::Replicas) + 2, None),
            Fault::Sick => (self.get(Slot::Restarts) + 1, None),
            Fault::BadPolicy => {
                self.meddle(Slot::Policy, self.get(Slot::Policy) + 1);
                (self.get(Slot::Policy), Some(Slot::Policy))
            }
            Fault::Drift => {
                self.meddle(Slot::Parallelism, 1);
                (4, Some(Slot::Parallelism))
            }
        };
        self.faults.insert(fault, level);
        touched
    }

    pub(crate) fn heals(&mut self, fault: Fault) {
        self.faults.remove(&fault);
    }

    fn there(&self, fault: Fault) -> bool {
        let Some(level) = self.faults.get(&fault) else { return false };
        match fault {
            Fault::Overload => self.get(Slot::Replicas) < *level && self.get(Slot::Limit) == 0,
            Fault::Sick => self.get(Slot::Restarts) < *level,
            Fault::BadPolicy => self.get(Slot::Policy) == *level && self.get(Slot::Override) == 0,
            Fault::Drift => self.get(Slot::Parallelism) < *level,
        }
    }

    pub(crate) fn is_sick(&self) -> bool {
        self.there(Fault::Sick)
    }

    pub(crate) fn measures(&self) -> Measures {
        let [overload, sick, policy, drift] = Fault::ALL.map(|fault| self.there(fault));
        let slow = overload || sick || policy;
        let failing = sick || policy || self.get(Slot::Replicas) >= self.crowded_from;
        let few = overload || drift || self.get(Slot::Limit) > 0;
        Measures {
            latency: if slow { 2.0 } else { 0.2 },
            failures: if failing { 0.5 } else { 0.01 },
            throughput: if few { 20.0 } else { 100.0 },
        }
    }

    /// What it says of itself.
    pub(crate) fn inventory(&self) -> BTreeMap<String, Value> {
        let named = [("replicas", Slot::Replicas), ("parallelism", Slot::Parallelism)];
        named.into_iter().map(|(name, slot)| (name.to_owned(), json!(self.get(slot)))).collect()
    }

    /// Does the action, or puts back what was captured.
    pub(crate) fn change(
        &mut self,
        action: &Action,
        way: Way,
        captured: i64,
    ) -> Option<(i64, i64)> {
        let slot = slot(action)?;
        let before = self.get(slot);
        let after = match (way, slot) {
            (Way::Undo, _) => captured,
            (Way::Do, Slot::Policy) => before - 1,
            (Way::Do, Slot::Restarts) => before + 1,
            (Way::Do, _) => wanted(action)?,
        };
        self.set(slot, after);
        Some((before, after))
    }

    /// Whether the effect is there, as far as it can be told by looking.
    pub(crate) fn presence(&self, action: &Action, way: Way, captured: i64) -> Presence {
        let Some(slot) = slot(action) else {
            return Presence::Unknown { reason: "there is nothing to look at".to_owned() };
        };
        let now = self.get(slot);
        let applied = match (way, slot) {
            (Way::Undo, _) => now == captured,
            (Way::Do, Slot::Policy) => now == captured - 1,
            (Way::Do, Slot::Restarts) => now > captured,
            (Way::Do, _) => Some(now) == wanted(action),
        };
        if applied {
            Presence::Applied { receipt: json!({ "read": now }) }
        } else {
            Presence::NotApplied
        }
    }
}

/// What an action changes; none if the system does not know it.
pub(crate) const fn slot(action: &Action) -> Option<Slot> {
    match action {
        Action::ScaleUp { .. } | Action::ScaleDown { .. } => Some(Slot::Replicas),
        Action::ThrottleRequests { .. } => Some(Slot::Limit),
        Action::UpdateConfiguration { .. } => Some(Slot::Parallelism),
        Action::RollbackPolicy { .. } => Some(Slot::Policy),
        Action::RebalanceLoad { .. } => Some(Slot::Balance),
        Action::ActivateEmergencyOverride { .. } => Some(Slot::Override),
        Action::RestartService { .. } => Some(Slot::Restarts),
        _ => None,
    }
}

fn wanted(action: &Action) -> Option<i64> {
    match action {
        Action::ScaleUp { replicas } | Action::ScaleDown { replicas } => Some((*replicas).into()),
        Action::UpdateConfiguration { parallelism, .. } => parallelism.map(i64::from),
        Action::ThrottleRequests { .. } => Some(100),
        Action::RebalanceLoad { .. } | Action::ActivateEmergencyOverride { .. } => Some(1),
        _ => None,
    }
}

/// What happens if an action is sent twice.
pub(crate) const fn repeat(kind: &ActionKind, keyed_configuration: bool) -> Option<Repeat> {
    match kind {
        ActionKind::RestartService => Some(Repeat::NonRepeatable),
        ActionKind::RollbackPolicy => Some(Repeat::Keyed),
        ActionKind::UpdateConfiguration if keyed_configuration => Some(Repeat::Keyed),
        ActionKind::ScaleUp
        | ActionKind::ScaleDown
        | ActionKind::ThrottleRequests
        | ActionKind::UpdateConfiguration
        | ActionKind::RebalanceLoad
        | ActionKind::ActivateEmergencyOverride => Some(Repeat::AbsoluteSet),
        _ => None,
    }
}

/// The plans that may be proposed: lists of steps, which are made anew for the state at hand.
#[derive(Debug, Clone)]
pub(crate) struct Menu {
    plans: Vec<Vec<Dish>>,
    pub(crate) time_to_effect: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Dish {
    kind: u8,
    wait_s: u64,
    cautious: bool,
}

impl Menu {
    pub(crate) fn draw(draw: &mut Stream) -> Self {
        let mut plans = Vec::new();
        for _ in 0..draw.between(1, 4) {
            let steps = *draw.pick(&[1, 1, 2, 3, 4]);
            let mut plan: Vec<Dish> = (0..steps)
                .map(|_| Dish {
                    kind: u8::try_from(draw.between(0, 6)).unwrap_or(0),
                    wait_s: *draw.pick(&[0, 0, 10, 25]),
                    cautious: draw.chance(0.2),
                })
                .collect();
            // What cannot be undone comes last, and nothing comes twice.
            let mut seen = BTreeSet::new();
            plan.retain(|dish| seen.insert(dish.kind));
            plan.sort_by_key(|dish| dish.kind == 6);
            plans.push(plan);
        }
        let time_to_effect = Duration::from_secs(*draw.pick(&[0, 30, 60]));
        Self { plans, time_to_effect }
    }

    /// The plans for a system with so many replicas.
    pub(crate) fn plans(&self, replicas: u64) -> impl Iterator<Item = Vec<Step>> {
        self.plans.iter().map(move |plan| plan.iter().map(|dish| dish.step(replicas)).collect())
    }
}

impl Dish {
    fn step(self, replicas: u64) -> Step {
        let action = match self.kind {
            0 => {
                let replicas = u32::try_from(replicas.saturating_add(2)).unwrap_or(u32::MAX);
                Action::ScaleUp { replicas }
            }
            1 => Action::ThrottleRequests { rate_limit: 100.0, node: None },
            2 => Action::UpdateConfiguration {
                batch_size: None,
                timeout: None,
                parallelism: Some(8),
            },
            3 => Action::RollbackPolicy { policy: "p".to_owned(), from_version: "v".to_owned() },
            4 => Action::RebalanceLoad { strategy: "least_loaded".to_owned() },
            5 => Action::ActivateEmergencyOverride { duration: Duration::from_secs(240) },
            _ => Action::RestartService {
                graceful: true,
                timeout: Duration::from_secs(30),
                node: None,
            },
        };
        let mut step = Step::of(action);
        step.wait = Duration::from_secs(self.wait_s);
        if self.cautious {
            step.preconditions.push(Precondition::CausePresent);
        }
        step
    }
}
