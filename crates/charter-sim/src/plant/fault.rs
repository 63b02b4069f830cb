//! What can be done to the plant, each with the true cause that a loop should find.

use std::fmt;

use charter_client::Seconds;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A fault as it is injected.
///
/// ```
/// use charter_sim::{Fault, FaultKind};
///
/// let fault: Fault = serde_json::from_str(r#"{"kind": "leak", "node": "validator-1", "ramp": 30}"#)?;
/// assert_eq!(fault.kind.cause(), "leak");
/// assert!(fault.check().is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// When it begins; at once if absent or past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How long it takes to full strength, linearly.
    #[serde(default = "no_time")]
    pub ramp: Seconds,
    /// How long it lasts, its ramp included; for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Seconds>,
    /// Strength: above 0, at most 1.
    #[serde(default = "full")]
    pub intensity: f64,
    /// The node that it hits; if absent, all of them, or as many as the kind says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

fn no_time() -> Seconds {
    Seconds::ZERO
}

fn full() -> f64 {
    1.0
}

impl Fault {
    /// A fault at full strength, at once and for ever.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, at: None, ramp: Seconds::ZERO, duration: None, intensity: 1.0, node: None }
    }

    /// The same on one node.
    #[must_use]
    pub fn on_node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// The same for so long.
    #[must_use]
    pub fn lasting(mut self, duration: Seconds) -> Self {
        self.duration = Some(duration);
        self
    }

    /// The same, at so much of its strength.
    #[must_use]
    pub fn at_intensity(mut self, intensity: f64) -> Self {
        self.intensity = intensity;
        self
    }

    /// The same, growing for so long.
    #[must_use]
    pub fn with_ramp(mut self, ramp: Seconds) -> Self {
        self.ramp = ramp;
        self
    }

    /// Whether the fault makes sense, apart from the node's existence.
    ///
    /// # Errors
    ///
    /// [`InvalidFault`] if the intensity is out of range.
    pub fn check(&self) -> Result<(), InvalidFault> {
        if self.intensity > 0.0 && self.intensity <= 1.0 {
            return Ok(());
        }
        Err(InvalidFault::Intensity { value: self.intensity })
    }
}

/// Why a fault is not injected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFault {
    /// The intensity is out of range.
    #[error("must be above 0 and at most 1")]
    Intensity {
        /// What was given.
        value: f64,
    },
    /// There is no such node.
    #[error("no node `{node}`")]
    NoSuchNode {
        /// What was given.
        node: String,
    },
    /// There are as many faults as the plant will hold.
    #[error("there are {max} faults already")]
    TooMany {
        /// How many that is.
        max: usize,
    },
}

/// What goes wrong. The words are those of the catalogue of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum FaultKind {
    /// More requests than planned for: 2.2 times as many at full strength.
    Overload,
    /// Replicas validate more slowly, all or one: 35 % of their rate at full strength.
    ValidationLatency,
    /// A surge of eight seconds, and clients that try whatever fails up to twelve times.
    RetryCascade,
    /// A process that gets slower the longer it runs: down to 10 % at the end of the ramp. A restarted process leaks at
    /// a twentieth of that pace.
    Leak,
    /// A node dies, or half of them; a restart, or the fault's end, brings it back.
    NodeDown,
    /// A defective version of an enforcement policy takes effect: five times the work, and false violations.
    PolicyMisconfiguration,
    /// A node draws half of all requests; a rebalance spreads them again.
    HotSpot,
    /// Batch size, parallelism and timeout are no longer what they should be, until a configuration is applied.
    ConfigurationDrift,
    /// Reads of forbidden metrics, thirty a second, with a fifth more load.
    Attack,
    /// Policies were not loaded for more than a day, and are not reloaded; applying one loads them.
    StalePolicy,
    /// Fewer requests than planned for: a quarter of them at full strength.
    IdleCapacity,
}

impl FaultKind {
    /// All kinds, in order of name.
    pub const ALL: [Self; 11] = [
        Self::Attack,
        Self::ConfigurationDrift,
        Self::HotSpot,
        Self::IdleCapacity,
        Self::Leak,
        Self::NodeDown,
        Self::Overload,
        Self::PolicyMisconfiguration,
        Self::RetryCascade,
        Self::StalePolicy,
        Self::ValidationLatency,
    ];

    /// The true cause, in the words of the catalogue of causes.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Overload => "overload",
            Self::ValidationLatency => "validation-latency",
            Self::RetryCascade => "retry-cascade",
            Self::Leak => "leak",
            Self::NodeDown => "node-down",
            Self::PolicyMisconfiguration => "policy-misconfiguration",
            Self::HotSpot => "hot-spot",
            Self::ConfigurationDrift => "configuration-drift",
            Self::Attack => "attack",
            Self::StalePolicy => "stale-policy",
            Self::IdleCapacity => "idle-capacity",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause())
    }
}

/// Most faults held at once, past ones included until they are cleared.
pub(crate) const FAULTS_MAX: usize = 1_000;

/// A surge triggers a retry cascade; it lasts this long.
const TRIGGER_S: f64 = 8.0;

/// A fault with its life.
#[derive(Debug, Clone)]
pub(crate) struct Injected {
    pub(crate) id: String,
    pub(crate) fault: Fault,
    pub(crate) start: f64,
    pub(crate) phase: Phase,
    /// The number of the node that it hits.
    pub(crate) node: Option<u32>,
    /// Nodes that it took down.
    pub(crate) victims: Vec<u32>,
    /// The version that it put in effect.
    pub(crate) defective: Option<(charter_client::PolicyId, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Live,
    /// Live, but a remedy has taken its effect away.
    Treated,
    Over,
}

impl Injected {
    /// Strength at `now`, ramp included.
    pub(crate) fn strength(&self, now: f64) -> f64 {
        if self.phase != Phase::Live {
            return 0.0;
        }
        self.fault.intensity * ramped(now - self.start, self.fault.ramp.as_f64())
    }

    pub(crate) fn ends_at(&self) -> f64 {
        self.fault.duration.map_or(f64::INFINITY, |d| self.start + d.as_f64())
    }
}

fn ramped(elapsed: f64, ramp: f64) -> f64 {
    if ramp > 0.0 { (elapsed / ramp).clamp(0.0, 1.0) } else { 1.0 }
}

/// What all live faults do together at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disturbance {
    /// What arrives besides the ordinary load, relative to it.
    pub(crate) extra_load: f64,
    /// The share of the load that stays away.
    pub(crate) missing_load: f64,
    /// Strength of a retry cascade.
    pub(crate) storm: f64,
    /// Strength of an attack.
    pub(crate) attack: f64,
    /// Strength of a drift of configuration.
    pub(crate) drift: f64,
    /// Whether reloads fail.
    pub(crate) stale: bool,
    /// The hot node, and its share of requests.
    pub(crate) skew: Option<(u32, f64)>,
    /// Factors on service rates, each for all nodes or one.
    slow: Vec<(Option<u32>, f64)>,
    leaks: Vec<Leak>,
}

#[derive(Debug, Clone, Copy)]
struct Leak {
    node: Option<u32>,
    start: f64,
    ramp: f64,
    intensity: f64,
}

/// Memory that a process needs.
const MEMORY_BYTES: f64 = 180e6;
/// Most memory that a process has not yet given back.
const GARBAGE_BYTES: f64 = 24e6;
/// Memory that is lost when a leak has slowed its process down as far as it does.
const LEAKED_BYTES: f64 = 1.6e9;

/// How much more slowly a process leaks that was started after the fault.
const REGROWTH: f64 = 20.0;

impl Disturbance {
    /// Adds up the live ones among `faults`.
    pub(crate) fn of<'a>(faults: impl Iterator<Item = &'a Injected>, now: f64) -> Self {
        let mut sum = Self::default();
        for injected in faults.filter(|f| f.phase == Phase::Live) {
            sum.add(injected, now);
        }
        sum
    }

    fn add(&mut self, injected: &Injected, now: f64) {
        let (strength, node) = (injected.strength(now), injected.node);
        match injected.fault.kind {
            FaultKind::Overload => self.extra_load += 1.2 * strength,
            FaultKind::ValidationLatency => self.slow.push((node, 1.0 - 0.65 * strength)),
            FaultKind::RetryCascade => {
                self.storm = self.storm.max(strength);
                if now < injected.start + TRIGGER_S {
                    self.extra_load += 2.0 * strength;
                }
            }
            FaultKind::Leak => self.leaks.push(Leak {
                node,
                start: injected.start,
                ramp: injected.fault.ramp.as_f64(),
                intensity: injected.fault.intensity,
            }),
            FaultKind::HotSpot => self.skew = node.map(|n| (n, 0.5 * strength)),
            FaultKind::ConfigurationDrift => self.drift = self.drift.max(strength),
            FaultKind::Attack => {
                self.attack = self.attack.max(strength);
                self.extra_load += 0.2 * strength;
            }
            FaultKind::StalePolicy => self.stale = true,
            FaultKind::IdleCapacity => self.missing_load = self.missing_load.max(0.75 * strength),
            // These happen once, when they begin.
            FaultKind::NodeDown | FaultKind::PolicyMisconfiguration => {}
        }
    }

    /// Bytes of memory that the process of a node holds that began at `booted_at`: what it needs, what it has not yet given back, and what
    /// it will never give back.
    pub(crate) fn memory_bytes(&self, number: u32, booted_at: f64, now: f64) -> f64 {
        let period = 90.0 + 7.0 * f64::from(number % 10);
        let garbage = ((now - booted_at) / period + 0.37 * f64::from(number)).fract();
        let leaks = self.leaks.iter().filter(|leak| leak.node.is_none_or(|n| n == number));
        let leaked = leaks.map(|leak| leak.level(booted_at, now)).fold(0.0, f64::max);
        MEMORY_BYTES + GARBAGE_BYTES * garbage.abs() + LEAKED_BYTES * leaked
    }

    /// Factor on the service rate of a node whose process began at `booted_at`.
    pub(crate) fn speed(&self, number: u32, booted_at: f64, now: f64) -> f64 {
        let hit = |node: Option<u32>| node.is_none_or(|n| n == number);
        let slow: f64 =
            self.slow.iter().filter(|(n, _)| hit(*n)).map(|(_, factor)| factor).product();
        let leaks = self.leaks.iter().filter(|leak| hit(leak.node));
        let leaked: f64 = leaks.map(|leak| 1.0 - 0.9 * leak.level(booted_at, now)).product();
        slow * leaked
    }
}

impl Leak {
    fn level(&self, booted_at: f64, now: f64) -> f64 {
        let (start, ramp) = if booted_at > self.start {
            (booted_at, (self.ramp * REGROWTH).max(1_800.0))
        } else {
            (self.start, self.ramp)
        };
        self.intensity * ramped(now - start, ramp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_their_causes() {
        for kind in FaultKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.cause());
        }
        assert!(FaultKind::ALL.windows(2).all(|w| w[0].cause() < w[1].cause()));
    }

    #[test]
    fn an_intensity_out_of_range_is_refused() {
        for intensity in [0.0, -1.0, 1.1, f64::NAN, f64::INFINITY] {
            assert!(
                Fault::new(FaultKind::Leak).at_intensity(intensity).check().is_err(),
                "{intensity}"
            );
        }
    }

    #[test]
    fn memory_shows_a_leak_and_a_restart_gives_it_back() {
        let leak = Leak { node: Some(1), start: 100.0, ramp: 60.0, intensity: 1.0 };
        let all = Disturbance { leaks: vec![leak], ..Disturbance::default() };
        let memory = |number, booted_at, now| all.memory_bytes(number, booted_at, now);
        assert!(memory(1, 0.0, 160.0) > 1.7e9 && memory(1, 0.0, 130.0) < 1.1e9);
        assert!(memory(0, 0.0, 160.0) < 2.1e8, "that one does not leak");
        assert!(memory(1, 170.0, 190.0) < 2.6e8, "that one was restarted");
    }

    #[test]
    fn a_restarted_process_leaks_slowly() {
        let leak = Leak { node: None, start: 100.0, ramp: 60.0, intensity: 1.0 };
        assert!((leak.level(-1e9, 160.0) - 1.0).abs() < 1e-12);
        assert!((leak.level(-1e9, 130.0) - 0.5).abs() < 1e-12);
        assert!(leak.level(200.0, 380.0) < 0.11);
    }
}
