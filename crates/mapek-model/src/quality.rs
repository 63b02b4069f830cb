//! How far evidence can be trusted.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::Series;

/// How good evidence is; the order is from best to worst, so the worst of several is their maximum.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum Level {
    /// Recent and whole.
    #[default]
    Fresh,
    /// Recent, but a part is missing or doubtful.
    Partial,
    /// Older than two scrape intervals.
    Stale,
    /// Nothing is known. Never healthy, and permits no action.
    Unknown,
}

impl Level {
    /// The word that JSON and metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Partial => "partial",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What kind of reason there is to doubt evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum DoubtKind {
    /// The source answered with warnings: its data may be partial.
    Warning,
    /// A value is NaN or infinite.
    NonFinite,
    /// The newest sample is older than two scrape intervals.
    StaleSample,
    /// A series that was expected is not there.
    MissingSeries,
    /// A scrape target is down (`up == 0`).
    TargetDown,
    /// A counter was reset in the window, and not by an action of ours.
    Reset,
    /// The source did not answer in time, could not be reached, or answered outside its protocol.
    Unreachable,
    /// An alert came by webhook alone and nothing else confirms it.
    Unconfirmed,
    /// Alerts or series were cut off by a limit: absence proves nothing.
    Truncated,
}

impl DoubtKind {
    /// The level that evidence sinks to by this doubt.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::Warning
            | Self::NonFinite
            | Self::TargetDown
            | Self::Reset
            | Self::Unconfirmed
            | Self::Truncated => Level::Partial,
            Self::StaleSample => Level::Stale,
            Self::MissingSeries | Self::Unreachable => Level::Unknown,
        }
    }
}

/// One reason to doubt evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Doubt {
    /// What kind of reason.
    pub kind: DoubtKind,
    /// What it is about: a query, a series, a scrape target.
    pub subject: String,
    /// What was seen, in words.
    pub detail: String,
}

/// How far evidence can be trusted, and why not further.
///
/// ```
/// use mapek_model::{DoubtKind, Level, Quality};
///
/// let quality = Quality::fresh()
///     .with(DoubtKind::Warning, "up", "partial response")
///     .with(DoubtKind::StaleSample, "up", "newest sample is 95 s old");
/// assert_eq!(quality.level(), Level::Stale); // the worst wins
/// assert!(!quality.permits_action());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Doubt>", into = "Vec<Doubt>")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema), schemars(with = "Vec<Doubt>"))]
pub struct Quality {
    doubts: BTreeSet<Doubt>,
}

impl Quality {
    /// Most doubts that are kept; more say nothing new, and a source with a million bad series must not fill memory.
    /// The worst are kept.
    pub const DOUBTS_MAX: usize = 100;

    /// Without a doubt.
    #[must_use]
    pub fn fresh() -> Self {
        Self::default()
    }

    /// Nothing is known, because of `detail`.
    #[must_use]
    pub fn unreachable(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::fresh().with(DoubtKind::Unreachable, subject, detail)
    }

    /// The same with one more doubt.
    #[must_use]
    pub fn with(
        mut self,
        kind: DoubtKind,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        self.doubt(Doubt { kind, subject: subject.into(), detail: detail.into() });
        self
    }

    /// Adds a doubt.
    pub fn doubt(&mut self, doubt: Doubt) {
        self.doubts.insert(doubt);
        if self.doubts.len() > Self::DOUBTS_MAX {
            let mildest = self.doubts.iter().min_by_key(|doubt| doubt.kind.level()).cloned();
            if let Some(mildest) = mildest {
                self.doubts.remove(&mildest);
            }
        }
    }

    /// Takes over the doubts of `other`: the worst wins.
    pub fn merge(&mut self, other: Self) {
        other.doubts.into_iter().for_each(|doubt| self.doubt(doubt));
    }

    /// How good the evidence is: as good as its worst doubt leaves it.
    #[must_use]
    pub fn level(&self) -> Level {
        self.doubts.iter().map(|doubt| doubt.kind.level()).max().unwrap_or_default()
    }

    /// The reasons, sorted.
    pub fn doubts(&self) -> impl ExactSizeIterator<Item = &Doubt> {
        self.doubts.iter()
    }

    /// Whether an action may be based on it: only on fresh evidence.
    #[must_use]
    pub fn permits_action(&self) -> bool {
        self.level() == Level::Fresh
    }
}

impl From<Vec<Doubt>> for Quality {
    fn from(doubts: Vec<Doubt>) -> Self {
        let mut quality = Self::fresh();
        doubts.into_iter().for_each(|doubt| quality.doubt(doubt));
        quality
    }
}

impl From<Quality> for Vec<Doubt> {
    fn from(quality: Quality) -> Self {
        quality.doubts.into_iter().collect()
    }
}

/// What a metric source answers: series, sorted by labels, and how far they can be trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Answer {
    /// The series. None at all can be a true answer (nothing is above the threshold) or a missing one: see `quality`.
    pub series: Vec<Series>,
    /// How far they can be trusted.
    pub quality: Quality,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_doubt_wins_and_survives_the_limit() {
        let mut quality = Quality::fresh().with(DoubtKind::MissingSeries, "zzz", "gone");
        for i in 0..Quality::DOUBTS_MAX * 2 {
            quality = quality.with(DoubtKind::Warning, format!("{i:04}"), "partial");
        }
        assert_eq!(quality.doubts().len(), Quality::DOUBTS_MAX);
        assert_eq!(quality.level(), Level::Unknown);
    }

    #[test]
    fn merging_is_as_bad_as_the_worse() {
        let mut quality = Quality::fresh();
        quality.merge(Quality::fresh().with(DoubtKind::Reset, "x", "reset"));
        assert_eq!(quality.level(), Level::Partial);
        quality.merge(Quality::unreachable("prometheus", "timeout"));
        assert_eq!(quality.level(), Level::Unknown);
    }
}
