//! What a clue looks at.

use std::collections::BTreeMap;

use mapek_model::{Duration, FindingKind, Severity};
use serde::{Deserialize, Serialize};

use super::pattern::{self, Pattern};

/// What is to be so. A condition is so to some degree, from 0 to 1; or it cannot be seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Condition {
    /// An episode of one of these expectations is open. How many makes no difference. Can always be seen.
    Episode(Vec<Pattern>),
    /// An episode at least so severe is open, among those that the cause can explain. Can always be seen.
    Severity(Severity),
    /// A watched value is so. Cannot be seen where it is not watched.
    Watch(WatchTest),
    /// A detector found this: to the degree of its confidence, the most confident alone. Can always be seen.
    Finding(FindingKind),
    /// A resource is so. Cannot be seen where the managed system shows no resource of the kind.
    Resource(ResourceTest),
    /// At least this share of the explained episodes that are on components are on one. Cannot be seen where none is on any.
    Concentrated(f64),
    /// One explained breach has ended and come back at least so often within the history. Can always be seen.
    Recurring(usize),
    /// An explained episode began at least so long ago and is still open. Can always be seen.
    Lasting(
        #[serde(with = "mapek_model::duration")]
        #[cfg_attr(feature = "schemars", schemars(with = "mapek_model::duration::Schema"))]
        Duration,
    ),
    /// All are so. Cannot be seen if any of them cannot.
    All(Vec<Condition>),
    /// Any is so. Cannot be seen if none of them can.
    Any(Vec<Condition>),
    /// It is not so.
    Not(Box<Condition>),
}

/// How a watched value is to be. Of a value with several series, the one that is most so counts, and says where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct WatchTest {
    /// The watched value.
    pub name: String,
    /// Its shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Shape>,
    /// Its newest value is above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Its newest value is below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Its newest value is at least so many times the median of the oldest quarter of its samples, of which there must be
    /// eight. Deviations say how unusual a value is; this says how much there is of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<f64>,
    /// Its newest value is at least so many times the median of the ten samples before, by two robust deviations of how far it
    /// usually lies off those (not yet so) to four (quite so). What drifts through the day is as usual all along, and has leapt
    /// all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaps: Option<f64>,
}

impl WatchTest {
    /// Whether a newest value of `value` is within its limits.
    pub(crate) fn allows(&self, value: f64) -> bool {
        self.above.is_none_or(|limit| value > limit) && self.below.is_none_or(|limit| value < limit)
    }
}

/// The shape of a watched value, against what is usual for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Shape {
    /// Above what is usual, by two robust deviations (not yet so) to four (quite so); or rising, which is half of it.
    High,
    /// Below what is usual, likewise.
    Low,
    /// Neither.
    Normal,
    /// On its way up.
    Rising,
    /// On its way down.
    Falling,
    /// Neither.
    Steady,
}

/// How a resource is to be: all that is given at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct ResourceTest {
    /// Its kind.
    pub kind: String,
    /// Its status is one of these; any, if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<String>,
    /// It changed so recently.
    #[serde(
        default,
        with = "mapek_model::duration::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<mapek_model::duration::Schema>"))]
    pub changed_within: Option<Duration>,
    /// One of its counts is less than another: `["healthy_nodes", "replicas"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less: Option<[String; 2]>,
    /// These attributes are above these numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub above: BTreeMap<String, f64>,
    /// These attributes, where it has them, are one of these texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub text: BTreeMap<String, Vec<String>>,
}

/// Deepest nesting of conditions; deeper ones are read by nobody.
const DEPTH_MAX: usize = 8;

impl Condition {
    pub(super) fn expand(
        &mut self,
        families: &BTreeMap<String, Vec<Pattern>>,
    ) -> Result<(), String> {
        match self {
            Self::Episode(patterns) => pattern::expand(patterns, families),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter_mut().try_for_each(|part| part.expand(families))
            }
            Self::Not(part) => part.expand(families),
            _ => Ok(()),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.check_below(DEPTH_MAX)
    }

    fn check_below(&self, depth: usize) -> Result<(), String> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(format!("conditions must not nest deeper than {DEPTH_MAX}"));
        };
        match self {
            Self::Episode(patterns) if patterns.is_empty() => {
                Err("an episode must be of some expectation".to_owned())
            }
            Self::Watch(WatchTest {
                is: None,
                above: None,
                below: None,
                times: None,
                leaps: None,
                ..
            }) => Err("a watch must ask for is, above, below, times or leaps".to_owned()),
            Self::Concentrated(share) if !(0.0..=1.0).contains(share) => {
                Err(format!("a share must be in 0..=1, is {share}"))
            }
            Self::All(parts) | Self::Any(parts) if parts.is_empty() => {
                Err("all and any must have parts".to_owned())
            }
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().try_for_each(|part| part.check_below(depth))
            }
            Self::Not(part) => part.check_below(depth),
            _ => Ok(()),
        }
    }
}
