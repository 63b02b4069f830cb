//! The plant as a whole: what it is made of, what can be done to it, what can be seen of it.

use std::collections::BTreeMap;

use charter_client::{EnforcementRule, PolicyConfig, PolicyId, PolicyKind, RuleEffect};
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::admission::Bucket;
use super::arrivals::Noise;
use super::breach::{Breach, Watch};
use super::bursts::Bursts;
use super::clients::Retries;
use super::committee::Committee;
use super::config::{InvalidConfig, PlantConfig};
use super::counters::{Counters, Totals};
use super::exposition;
use super::fault::{Disturbance, FAULTS_MAX, Fault, FaultKind, Injected, InvalidFault, Phase};
use super::fleet::{Fleet, FleetRefusal, NodeReport};
use super::policies::{Held, Policies, PolicyRefusal, TakenBack};
use super::policy_effect::{Effects, NOMINAL_COST};
use super::replica::Departure;
use crate::stats::{DECISION_BOUNDS, Histogram};

/// A Charter, as a state machine: the same seed and the same calls at the same times give the same bytes of metrics.
///
/// ```
/// use charter_sim::{Fault, FaultKind, Plant, PlantConfig};
/// use jiff::{SignedDuration, Timestamp};
///
/// let start: Timestamp = "2026-01-01T00:00:00Z".parse()?;
/// let mut plant = Plant::try_new(PlantConfig::default(), 42, start)?;
/// plant.advance(start + SignedDuration::from_mins(1));
/// assert!(plant.state().validation_p99_s < 0.5);
///
/// plant.inject(Fault::new(FaultKind::Overload))?;
/// plant.advance(start + SignedDuration::from_mins(2));
/// assert!(plant.state().validation_p99_s > 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Plant {
    pub(crate) config: PlantConfig,
    pub(crate) start: Timestamp,
    pub(crate) steps: u64,
    pub(crate) dice: Dice,
    pub(crate) noise: Noise,
    pub(crate) bursts: Bursts,
    pub(crate) fleet: Fleet,
    pub(crate) retries: Retries,
    pub(crate) policies: Policies,
    pub(crate) effects: Effects,
    /// The throttle in effect, and the node that it is for.
    pub(crate) throttle: Option<(Option<u32>, Bucket)>,
    pub(crate) faults: Vec<Injected>,
    next_fault: u64,
    pub(crate) disturbance: Disturbance,
    pub(crate) counters: Counters,
    pub(crate) committee: Committee,
    pub(crate) watch: Watch,
    pub(crate) loads: Histogram,
    /// When policies were last loaded; before the start if negative.
    pub(crate) loaded_at: f64,
    /// Since when an override has been active without a break.
    pub(crate) overridden_since: Option<f64>,
    /// Scratch space of a step, kept for its allocation.
    pub(crate) departures: Vec<Departure>,
}

/// Random numbers, a stream for each purpose: what one purpose draws does not shift the others, so that two runs that
/// differ in an action still meet the same requests.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    pub(crate) arrivals: ChaCha8Rng,
    pub(crate) work: ChaCha8Rng,
    pub(crate) routing: ChaCha8Rng,
    pub(crate) retries: ChaCha8Rng,
    pub(crate) committee: ChaCha8Rng,
    pub(crate) bursts: ChaCha8Rng,
}

impl Dice {
    fn new(seed: u64) -> Self {
        let stream = |number| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number);
            rng
        };
        Self {
            arrivals: stream(1),
            work: stream(2),
            routing: stream(3),
            retries: stream(4),
            committee: stream(5),
            bursts: stream(6),
        }
    }
}

/// What can be seen of a plant at one moment, without going through metrics.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlantState {
    /// The moment.
    pub now: Timestamp,
    /// Replicas wanted.
    pub target_replicas: u32,
    /// Replicas that exist, those apart that are still warming up.
    pub replicas: u32,
    /// Replicas that serve.
    pub healthy: u32,
    /// p99 of validation over the window, in seconds.
    pub validation_p99_s: f64,
    /// Share of requests that fail.
    pub failure_rate: f64,
    /// Requests served per second.
    pub throughput: f64,
    /// Requests that arrive per second, retries included.
    pub arrival_rate: f64,
    /// Requests sent to healthy nodes over what they can serve: 1 is all that they can do.
    pub load: f64,
    /// Violations of policies per second.
    pub violation_rate: f64,
    /// Where the requests are.
    pub totals: Totals,
    /// True causes at work: those of faults that have begun, have not ended, and are not yet treated.
    pub causes: Vec<&'static str>,
    /// Breaches that are open.
    pub breaches: Vec<Breach>,
}

impl Plant {
    /// A healthy plant at time `start`.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with the first field that is out of range.
    pub fn try_new(
        config: PlantConfig,
        seed: u64,
        start: Timestamp,
    ) -> Result<Self, InvalidConfig> {
        config.check()?;
        let mut policies = Policies::new(config.approval_s, config.propagation_s);
        for (id, name, kind) in first_policies() {
            policies.force(&id, name, kind, "installation", -config.installed_ago_s);
        }
        let effects = policies.effects(config.tuning);
        Ok(Self {
            start,
            steps: 0,
            dice: Dice::new(seed),
            noise: Noise::default(),
            bursts: Bursts::default(),
            fleet: Fleet::new(&config),
            retries: Retries::new(&config.clients, config.step_s()),
            policies,
            effects,
            throttle: None,
            faults: Vec::new(),
            next_fault: 1,
            disturbance: Disturbance::default(),
            counters: Counters::new(&config),
            committee: Committee::new(config.latency_window_s),
            watch: Watch::default(),
            loads: Histogram::new(DECISION_BOUNDS),
            loaded_at: 0.0,
            overridden_since: None,
            departures: Vec::new(),
            config,
        })
    }

    /// The plant's time: that of its last whole step.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at(self.now_s())
    }

    /// Lets time pass, in whole steps, as far as they fit before `to`. A time in the past changes nothing.
    pub fn advance(&mut self, to: Timestamp) {
        let step = i128::from(self.config.step_ms) * 1_000_000;
        let elapsed = to.as_nanosecond() - self.start.as_nanosecond();
        while (i128::from(self.steps) + 1) * step <= elapsed {
            self.step();
        }
    }

    /// Injects a fault; answers its id.
    ///
    /// # Errors
    ///
    /// [`InvalidFault`] if it makes no sense, names a node that does not exist, or one too many is there.
    pub fn inject(&mut self, fault: Fault) -> Result<String, InvalidFault> {
        fault.check()?;
        if self.faults.len() >= FAULTS_MAX {
            return Err(InvalidFault::TooMany { max: FAULTS_MAX });
        }
        let node = self.node_of(&fault)?;
        let id = format!("fault-{}", self.next_fault);
        self.next_fault += 1;
        let now = self.now_s();
        let start = fault.at.map_or(now, |at| seconds_between(self.start, at)).max(now);
        self.faults.push(Injected {
            id: id.clone(),
            fault,
            start,
            phase: Phase::Waiting,
            node,
            victims: Vec::new(),
            defective: None,
        });
        Ok(id)
    }

    /// Ends a fault and forgets it; false if there is no such fault.
    pub fn clear(&mut self, id: &str) -> bool {
        let Some(index) = self.faults.iter().position(|f| f.id == id) else { return false };
        self.end_fault(index);
        self.faults.remove(index);
        true
    }

    /// The faults in the order of their injection, ended ones included, each with its id and whether it is at work.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &Fault, bool)> {
        self.faults.iter().map(|f| (f.id.as_str(), &f.fault, f.phase == Phase::Live))
    }

    /// What can be seen at this moment.
    #[must_use]
    pub fn state(&self) -> PlantState {
        let live = self.faults.iter().filter(|f| f.phase == Phase::Live);
        PlantState {
            now: self.now(),
            target_replicas: self.fleet.target,
            replicas: self.fleet.members(),
            healthy: self.fleet.healthy(),
            validation_p99_s: self.counters.validation_quantile(0.99),
            failure_rate: self.counters.failure_rate(),
            throughput: self.counters.throughput(),
            arrival_rate: self.counters.arrival_rate(),
            load: self.fleet.load(),
            violation_rate: self.committee.violation_rate(),
            totals: self.totals(),
            causes: live.map(|f| f.fault.kind.cause()).collect(),
            breaches: self.watch.open().cloned().collect(),
        }
    }

    /// Where the requests are.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let c = &self.counters;
        Totals {
            arrivals: c.arrivals,
            served: c.served,
            shed: c.shed,
            failed: c.failed,
            queued: self.fleet.queued(),
            retries_waiting: self.retries.waiting(),
        }
    }

    /// All metrics in the Prometheus text exposition format, version 0.0.4.
    #[must_use]
    pub fn metrics(&self) -> String {
        exposition::render(self)
    }

    pub(crate) fn now_s(&self) -> f64 {
        self.steps as f64 * f64::from(self.config.step_ms) / 1_000.0
    }

    /// The moment that lies `t` seconds after the start, to the millisecond.
    pub(crate) fn at(&self, t: f64) -> Timestamp {
        let after = SignedDuration::from_millis((t * 1_000.0).round() as i64);
        self.start.checked_add(after).unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn scale(&mut self, replicas: u32) -> Result<bool, FleetRefusal> {
        self.fleet.scale(replicas, self.now_s())
    }

    pub(crate) fn restart(
        &mut self,
        node: Option<&str>,
        graceful: bool,
        timeout_s: f64,
    ) -> Result<Vec<String>, FleetRefusal> {
        let now = self.now_s();
        let nodes = self.fleet.restart(node, graceful, timeout_s, now, &mut self.departures)?;
        self.settle(now);
        Ok(nodes)
    }

    pub(crate) fn apply(
        &mut self,
        id: Option<PolicyId>,
        name: &str,
        policy: (PolicyConfig, PolicyKind),
        source: &str,
    ) -> Result<(PolicyId, u64), PolicyRefusal> {
        self.policies.apply(id, name, policy, source, self.now_s())
    }

    pub(crate) fn roll_back(&mut self, id: &PolicyId) -> Result<TakenBack, PolicyRefusal> {
        self.policies.roll_back(id, self.now_s())
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeReport> {
        self.fleet.nodes()
    }

    pub(crate) fn held(&self) -> impl Iterator<Item = (&PolicyId, &Held)> {
        self.policies.iter()
    }

    pub(crate) fn listed_breaches(&self) -> Vec<&Breach> {
        self.watch.listed()
    }

    /// The node that a fault hits: the one named, or the first one for kinds that hit exactly one.
    fn node_of(&self, fault: &Fault) -> Result<Option<u32>, InvalidFault> {
        match (&fault.node, fault.kind) {
            (Some(name), _) => {
                let found = self.fleet.find(name);
                found.map(Some).map_err(|_| InvalidFault::NoSuchNode { node: name.clone() })
            }
            (None, FaultKind::HotSpot) => Ok(self.fleet.replicas.first().map(|r| r.number)),
            (None, _) => Ok(None),
        }
    }
}

/// Seconds from one moment to another; negative if it lies before.
fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_nanosecond() - from.as_nanosecond()) as f64 / 1e9
}

/// The policies that a plant is born with; their rules cost [`NOMINAL_COST`] together.
fn first_policies() -> Vec<(PolicyId, &'static str, PolicyKind)> {
    let rule = |name: &str, metric: &str, effect, cost: f64| EnforcementRule {
        name: name.to_owned(),
        metric: metric.to_owned(),
        effect,
        cost: cost * NOMINAL_COST,
    };
    let policy = |id: &str, name, rules| {
        let id = PolicyId::try_new(id).expect("a short plain id");
        (id, name, PolicyKind::Enforcement { rules, strictness: 0.7 })
    };
    vec![
        policy(
            "access-control",
            "Access control",
            vec![
                rule("known-subject", "*", RuleEffect::Flag, 0.2),
                rule("purpose-given", "*", RuleEffect::Flag, 0.1),
            ],
        ),
        policy(
            "forbidden-metrics",
            "Forbidden metrics",
            vec![
                rule("no-keystrokes", "keystroke_rate", RuleEffect::Forbid, 0.1),
                rule("no-location", "employee_location", RuleEffect::Forbid, 0.1),
            ],
        ),
        policy(
            "privacy-baseline",
            "Privacy baseline",
            vec![
                rule("aggregated-only", "*", RuleEffect::Flag, 0.3),
                rule("retention", "*", RuleEffect::Flag, 0.2),
            ],
        ),
    ]
}

/// The policy that a defective version is put over.
pub(crate) const MISCONFIGURED: &str = "privacy-baseline";

/// Work shares of what a defective version of [`MISCONFIGURED`] adds at full strength: five times the nominal work in all.
pub(crate) fn defective_policy(intensity: f64) -> PolicyKind {
    let mut policies: BTreeMap<_, _> =
        first_policies().into_iter().map(|(id, _, kind)| (id.to_string(), kind)).collect();
    let Some(PolicyKind::Enforcement { mut rules, .. }) = policies.remove(MISCONFIGURED) else {
        unreachable!("the policy is one of those that a plant is born with");
    };
    rules.push(EnforcementRule {
        name: "inspect-everything".to_owned(),
        metric: "*".to_owned(),
        effect: RuleEffect::Forbid,
        cost: 5.0 * NOMINAL_COST * intensity,
    });
    PolicyKind::Enforcement { rules, strictness: 0.85 + 0.15 * intensity }
}
