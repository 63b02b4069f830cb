//! A scenario: what the managed system is like, what goes wrong with it, and what would be right.

mod change;
mod random;
#[cfg(feature = "schemars")]
mod schema;

use charter_sim::{ApiFault, Arrivals, FaultKind, InProcess, PlantConfig};
use mapek_model::{Action, ActionKind, CauseKind, Duration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Objective, SensorFault};

pub use change::{Change, PlannedChange};
#[cfg(feature = "schemars")]
pub use schema::scenario_schema;

/// One scenario, as it is written in a file.
///
/// Times in it are counted from the end of the warm-up, in which all is well and nothing is scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
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
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub warm_up: Duration,
    /// How long it is scored.
    #[serde(default = "three_quarters_of_an_hour", with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub horizon: Duration,
    /// The managed system.
    #[serde(default)]
    pub plant: PlantConfig,
    /// What goes wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<PlannedFault>,
    /// What others do to it, rightly.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<PlannedChange>,
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
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct PlannedFault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// When.
    #[serde(default, with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub at: Duration,
    /// How long it takes to full strength.
    #[serde(default, with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub ramp: Duration,
    /// How long it lasts, its ramp included; until it is treated if absent.
    #[serde(
        default,
        with = "mapek_model::duration::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<mapek_model::duration::Schema>"))]
    pub duration: Option<Duration>,
    /// Strength: above 0, at most 1.
    #[serde(default = "full")]
    #[cfg_attr(feature = "schemars", schemars(range(min = 0.0, max = 1.0)))]
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
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Again {
    /// From one beginning to the next.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub every: Duration,
    /// How many more times.
    pub times: u32,
}

/// A fault of the managed system's API, at its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct PlannedApiFault {
    /// When.
    #[serde(default, with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
    pub at: Duration,
    /// What happens to the calls from then on.
    pub fault: ApiFault,
}

/// What would be right.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Operator {
    /// How long it takes until they have looked.
    #[serde(with = "mapek_model::duration")]
    #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
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
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
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

/// Shortest warm-up: the loop learns what is usual from an hour at best, and from nothing in no time.
const WARM_UP_MIN: Duration = Duration::from_secs(300);
/// Longest warm-up and longest horizon: a day. A run of it takes seconds, and twenty of them are enough for anyone's patience.
const SPAN_MAX: Duration = Duration::from_secs(86_400);
/// Most faults of one kind of list; the plant holds a thousand.
const FAULTS_MAX: usize = 100;

/// Something in a scenario that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The field: `faults[0].at`.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

impl Scenario {
    /// What makes no sense in it, in the order of the file; empty if all does.
    ///
    /// A trace of arrivals whose file [has not been read](Arrivals::unread) is not judged: ask again when it has.
    #[must_use]
    pub fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let mut flaw = |field: String, reason: String| flaws.push(Flaw { field, reason });
        let span = |duration| mapek_model::duration::format(duration);
        let is_name = |name: &str| {
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            (1..=63).contains(&name.len()) && name.chars().all(good)
        };
        if !is_name(&self.name) {
            flaw("name".into(), "must be 1 to 63 of a-z, 0-9 and -".into());
        }
        if !(WARM_UP_MIN..=SPAN_MAX).contains(&self.warm_up) {
            let limits = format!("must be within {} and {}", span(WARM_UP_MIN), span(SPAN_MAX));
            flaw("warm_up".into(), limits);
        }
        let held = self.objective.held;
        if !(held..=SPAN_MAX).contains(&self.horizon) {
            let limits =
                format!("must be within objective.held ({}) and {}", span(held), span(SPAN_MAX));
            flaw("horizon".into(), limits);
        }
        let plant = self.plant_without_unread_trace();
        if let Err(error) = InProcess::try_new(plant.clone(), 0, Timestamp::UNIX_EPOCH) {
            flaw(format!("plant.{}", error.field()), error.to_string());
        }
        if let Some(reason) = self.uncovered() {
            flaw("plant.arrivals".into(), reason);
        }
        for (list, count) in [
            ("faults", self.faults.len()),
            ("changes", self.changes.len()),
            ("api_faults", self.api_faults.len()),
            ("sensor_faults", self.sensor_faults.len()),
        ] {
            if count > FAULTS_MAX {
                flaw(list.into(), format!("must be at most {FAULTS_MAX}, are {count}"));
            }
        }
        for (i, fault) in self.faults.iter().enumerate() {
            // No number is above 0 and at most 1 if it is none.
            if !(fault.intensity > 0.0 && fault.intensity <= 1.0) {
                flaw(format!("faults[{i}].intensity"), "must be above 0 and at most 1".into());
            }
            if fault.starts().last().is_some_and(|last| last + held > self.horizon) {
                let most = self.horizon.saturating_sub(held);
                let why = format!(
                    "begins too late to be healed: {} at most, so that the objective can be held until the horizon",
                    span(most)
                );
                flaw(format!("faults[{i}].at"), why);
            }
            if fault.duration.is_some_and(|lasts| lasts < fault.ramp) {
                flaw(
                    format!("faults[{i}].duration"),
                    "must be no shorter than the ramp, which is part of it".into(),
                );
            }
            let nodes = self.plant.replicas;
            let exists = |node: &str| {
                let number = node.strip_prefix("validator-").and_then(|it| it.parse::<u32>().ok());
                number.is_some_and(|number| number < nodes)
            };
            if fault.node.as_deref().is_some_and(|node| !exists(node)) {
                flaw(
                    format!("faults[{i}].node"),
                    format!("is none of validator-0 to validator-{}", nodes.saturating_sub(1)),
                );
            }
        }
        for (i, change) in self.changes.iter().take(FAULTS_MAX).enumerate() {
            if change.at >= self.horizon {
                flaw(format!("changes[{i}].at"), "must be before the horizon".into());
            }
            if let Some((field, reason)) = change.flaw(&plant) {
                flaw(format!("changes[{i}].{field}"), reason);
            }
        }
        let mut before = Duration::ZERO;
        for (i, planned) in self.api_faults.iter().enumerate() {
            if let Err((field, reason)) = planned.fault.check() {
                flaw(format!("api_faults[{i}].fault.{field}"), reason);
            }
            if planned.at >= self.horizon || planned.at < before {
                flaw(
                    format!("api_faults[{i}].at"),
                    "must be before the horizon, and not before the one above".into(),
                );
            }
            before = before.max(planned.at);
        }
        for (i, fault) in self.sensor_faults.iter().enumerate() {
            if fault.at >= self.horizon {
                flaw(format!("sensor_faults[{i}].at"), "must be before the horizon".into());
            }
            if let Some((field, reason)) = fault.flaw() {
                flaw(format!("sensor_faults[{i}].{field}"), reason);
            }
        }
        let right = &self.right;
        match self.kind {
            ScenarioKind::Fault if right.remedies.is_empty() => {
                flaw(
                    "right.remedies".into(),
                    "a fault that can be healed needs a remedy; or is it kind: escalate?".into(),
                );
            }
            ScenarioKind::Control | ScenarioKind::Escalate if !right.remedies.is_empty() => {
                flaw(
                    "right.remedies".into(),
                    "what no action heals has no remedy; or is it kind: fault?".into(),
                );
            }
            _ => {}
        }
        for (i, action) in right.remedies.iter().flatten().enumerate() {
            if !self.accepts(&action.kind()) {
                flaw(
                    "right.acceptable".into(),
                    format!(
                        "step {i} of the remedies is {}, which is not among them",
                        action.kind()
                    ),
                );
            }
        }
        let shares = [
            ("failure_rate", self.objective.failure_rate),
            ("shed_share", self.objective.shed_share),
        ];
        for (field, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                flaw(format!("objective.{field}"), "must be a share, 0 to 1".into());
            }
        }
        flaws
    }
}

impl Scenario {
    /// Why a trace of arrivals does not last as long as the scenario, if it does not, and what to do.
    #[must_use]
    pub fn uncovered(&self) -> Option<String> {
        let Arrivals::Trace { rows: Some(trace), starts_at_s, .. } = &self.plant.arrivals else {
            return None;
        };
        let (end_s, lasts) = (trace.end_s() + starts_at_s, self.warm_up + self.horizon);
        (end_s < lasts.as_secs_f64()).then(|| {
            format!(
                "the trace ends {end_s} s after the beginning of the warm-up, and the scenario {} s after it: \
                 write rows up to there, or a shorter horizon",
                lasts.as_secs_f64()
            )
        })
    }

    fn plant_without_unread_trace(&self) -> PlantConfig {
        let mut plant = self.plant.clone();
        if plant.arrivals.unread().is_some() {
            plant.arrivals = PlantConfig::default().arrivals;
        }
        plant
    }
}

impl garde::Validate for Scenario {
    type Context = ();

    fn validate_into(
        &self,
        (): &Self::Context,
        parent: &mut dyn FnMut() -> garde::Path,
        report: &mut garde::Report,
    ) {
        for flaw in self.flaws() {
            let path = flaw.field.split(['.', '[']).fold(parent(), |path, part| {
                match part.strip_suffix(']').and_then(|index| index.parse::<usize>().ok()) {
                    Some(index) => path.join(index),
                    None => path.join(part),
                }
            });
            report.append(path, garde::Error::new(flaw.reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Scenario {
        let json = serde_json::json!({
            "name": "overload",
            "description": "More requests.",
            "faults": [{"kind": "overload", "at": "2m", "intensity": 0.6}],
            "right": {
                "acceptable": ["scale_up"],
                "remedies": [[{"kind": "scale_up", "replicas": 12}]],
            },
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_place() {
        assert_eq!(scenario().flaws(), []);
        let flaw = |change: fn(&mut Scenario)| {
            let mut scenario = scenario();
            change(&mut scenario);
            scenario.flaws().into_iter().map(|it| it.field).collect::<Vec<_>>()
        };
        assert_eq!(flaw(|it| it.name = "Over load".into()), ["name"]);
        assert_eq!(flaw(|it| it.warm_up = Duration::ZERO), ["warm_up"]);
        assert_eq!(flaw(|it| it.faults[0].at = it.horizon), ["faults[0].at"]);
        assert_eq!(flaw(|it| it.faults[0].intensity = f64::NAN), ["faults[0].intensity"]);
        assert_eq!(flaw(|it| it.faults[0].node = Some("validator-6".into())), ["faults[0].node"]);
        assert_eq!(flaw(|it| it.plant.service_rate = -1.0), ["plant.service_rate"]);
        let change = r#"[{"does": {"kind": "scale", "replicas": 9}, "at": "50m"}]"#;
        let mut late = scenario();
        late.changes = serde_json::from_str(change).unwrap();
        assert_eq!(late.flaws()[0].field, "changes[0].at");
        assert_eq!(flaw(|it| it.right.remedies.clear()), ["right.remedies"]);
        assert_eq!(flaw(|it| it.kind = ScenarioKind::Control), ["right.remedies"]);
        assert_eq!(flaw(|it| it.right.acceptable.clear()), ["right.acceptable"]);
        assert_eq!(flaw(|it| it.objective.shed_share = 1.5), ["objective.shed_share"]);
    }

    #[test]
    fn a_trace_is_judged_once_it_has_been_read_and_lasts_as_long_as_the_scenario() {
        let mut scenario = scenario();
        scenario.plant.arrivals =
            serde_json::from_str(r#"{"shape": "trace", "file": "a.csv"}"#).unwrap();
        assert_eq!(scenario.flaws(), []);
        scenario.plant.arrivals.fill("0,500\n1800,510\n", "a.csv").unwrap();
        assert_eq!(scenario.flaws(), [], "each row holds for half an hour, which makes an hour");
        scenario.horizon += Duration::from_secs(1);
        let flaws = scenario.flaws();
        assert_eq!(flaws[0].field, "plant.arrivals");
        assert!(flaws[0].reason.contains("ends 3600 s after"), "{}", flaws[0].reason);
    }

    #[test]
    fn a_fault_that_comes_again_begins_so_often() {
        let mut scenario = scenario();
        scenario.faults[0].again = Some(Again { every: Duration::from_secs(600), times: 2 });
        let starts: Vec<_> = scenario.faults[0].starts().map(|it| it.as_secs()).collect();
        assert_eq!(starts, [120, 720, 1_320]);
        scenario.faults[0].duration = Some(Duration::from_secs(60));
        let at = |seconds| {
            let grace = Duration::from_secs(30);
            scenario.causes_at(Duration::from_secs(seconds), grace).len()
        };
        assert_eq!([119, 120, 210, 211, 720].map(at), [0, 1, 1, 0, 1]);
    }
}
