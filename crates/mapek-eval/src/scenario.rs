//! A scenario: what the managed system is like, what goes wrong with it, and what would be right.

use std::path::PathBuf;

use charter_sim::{ApiFault, FaultKind, PlantConfig};
use mapek_model::{Action, ActionKind, CauseKind, Duration};
use serde::{Deserialize, Serialize};

use crate::{Objective, SensorFault};

/// One scenario, as it is written in a file.
///
/// Times in it are counted from the end of the warm-up, in which all is well and nothing is scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name: kebab-case, the name of its file.
    pub name: String,
    /// What happens, in one or two sentences.
    pub description: String,
    /// What would be right.
    #[serde(default)]
    pub kind: ScenarioKind,
    /// How long the loop may learn what is usual.
    #[serde(default = "a_quarter_of_an_hour", with = "mapek_model::duration")]
    pub warm_up: Duration,
    /// How long it is scored.
    #[serde(default = "three_quarters_of_an_hour", with = "mapek_model::duration")]
    pub horizon: Duration,
    /// The managed system.
    #[serde(default)]
    pub plant: PlantConfig,
    /// A file of seconds and requests per second that replaces `plant.arrivals`, relative to the scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrivals_file: Option<PathBuf>,
    /// What goes wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<PlannedFault>,
    /// What goes wrong with its API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_faults: Vec<PlannedApiFault>,
    /// What goes wrong with the eyes of the loop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensor_faults: Vec<SensorFault>,
    /// What would be right.
    #[serde(default)]
    pub right: Right,
    /// What counts as healthy.
    #[serde(default)]
    pub objective: Objective,
    /// The person who is asked.
    #[serde(default)]
    pub operator: Operator,
}

const fn a_quarter_of_an_hour() -> Duration {
    Duration::from_secs(900)
}

const fn three_quarters_of_an_hour() -> Duration {
    Duration::from_secs(2_700)
}

/// What would be right in a scenario.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioKind {
    /// Something is wrong that can be healed.
    #[default]
    Fault,
    /// Nothing is wrong with the system, or it heals by itself: any action is one too many.
    Control,
    /// Something is wrong that no action heals: people must be told.
    Escalate,
}

/// A fault of the managed system, at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// When.
    #[serde(default, with = "mapek_model::duration")]
    pub at: Duration,
    /// How long it takes to full strength.
    #[serde(default, with = "mapek_model::duration")]
    pub ramp: Duration,
    /// How long it lasts, its ramp included; until it is treated if absent.
    #[serde(
        default,
        with = "mapek_model::duration::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub duration: Option<Duration>,
    /// Strength: above 0, at most 1.
    #[serde(default = "full")]
    pub intensity: f64,
    /// The node that it hits; if absent, as many as the kind says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How often it comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
}

fn full() -> f64 {
    1.0
}

/// A fault that comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Again {
    /// From one beginning to the next.
    #[serde(with = "mapek_model::duration")]
    pub every: Duration,
    /// How many more times.
    pub times: u32,
}

/// A fault of the managed system's API, at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedApiFault {
    /// When.
    #[serde(default, with = "mapek_model::duration")]
    pub at: Duration,
    /// What happens to the calls from then on.
    pub fault: ApiFault,
}

/// What would be right.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Right {
    /// True causes besides those of the faults.
    pub causes: Vec<CauseKind>,
    /// Kinds of action that a person who knows the fault would accept.
    pub acceptable: Vec<ActionKind>,
    /// What such a person would do, one after the other, at once. Of several ways, the oracle takes the one that loses least.
    pub remedies: Vec<Vec<Action>>,
}

/// The person who is asked for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Operator {
    /// How long it takes until they have looked.
    #[serde(with = "mapek_model::duration")]
    pub after: Duration,
    /// What they approve; the rest they reject.
    pub approves: Approves,
}

impl Default for Operator {
    fn default() -> Self {
        Self { after: Duration::from_secs(300), approves: Approves::Acceptable }
    }
}

/// What an operator approves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approves {
    /// Plans of acceptable kinds alone.
    #[default]
    Acceptable,
    /// Whatever is asked.
    Always,
    /// Nothing: nobody is there.
    Never,
}

impl Scenario {
    /// Whether a person who knows the fault would accept actions of `kind`.
    #[must_use]
    pub fn accepts(&self, kind: &ActionKind) -> bool {
        self.right.acceptable.contains(kind)
    }

    /// When the first fault begins; the end of the warm-up if there is none.
    #[must_use]
    pub fn first_fault(&self) -> Duration {
        self.faults.iter().map(|fault| fault.at).min().unwrap_or_default()
    }

    /// The true causes at `at` after the warm-up: of what has begun, and has not ended more than `grace` ago.
    #[must_use]
    pub fn causes_at(&self, at: Duration, grace: Duration) -> Vec<CauseKind> {
        let of_fault = self.faults.iter().filter(|fault| fault.is_on(at, grace));
        let of_fault = of_fault.filter_map(|fault| CauseKind::try_new(fault.kind.cause()).ok());
        let mut causes: Vec<_> = of_fault.chain(self.right.causes.iter().cloned()).collect();
        causes.sort_unstable();
        causes.dedup();
        causes
    }
}

impl PlannedFault {
    /// When it begins, each time.
    pub fn starts(&self) -> impl Iterator<Item = Duration> {
        let again = self.again.unwrap_or(Again { every: Duration::ZERO, times: 0 });
        (0..=again.times).map(move |n| self.at + again.every * n)
    }

    fn is_on(&self, at: Duration, grace: Duration) -> bool {
        self.starts().any(|start| {
            at >= start && self.duration.is_none_or(|lasts| at <= start + lasts + grace)
        })
    }
}
