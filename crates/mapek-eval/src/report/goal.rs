//! The goals of the loop, and how far it is from them.

use std::fmt;

use super::{
    Totals,
    words::{NONE, plain, ratio, rounded, share},
};

/// A goal: what was reached, and what should have been.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// What it is about.
    pub name: &'static str,
    /// What was reached, if that can be told.
    pub value: Option<f64>,
    /// What should be.
    pub bound: Bound,
    /// What kind of number it is.
    pub unit: Unit,
}

/// What should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Below(f64),
}

/// What kind of number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share, 0 to 1; shown in percent.
    Share,
    /// A multiple.
    Ratio,
    /// A count.
    Count,
    /// A number.
    Plain,
}

/// Whether a goal is met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not, by so much.
    Missed {
        /// The distance to what should be, in the goal's unit.
        by: f64,
    },
    /// It cannot be told.
    Unknown,
}

/// The goals for the shipped suite with twenty seeds, in profile `auto`. [`Goal::speed`] is apart: it depends on the machine.
#[must_use]
pub fn goals(totals: &Totals) -> Vec<Goal> {
    use Bound::{AtLeast, AtMost, Below};
    use Unit::{Count, Plain, Ratio, Share};
    let goal = |name, value, bound, unit| Goal { name, value, bound, unit };
    let of = &totals.figures;
    vec![
        goal("mitigated", of.mitigated_share, AtLeast(0.95), Share),
        goal("cause right at first guess", of.cause_at_1, AtLeast(0.9), Share),
        goal("harmful actions left", of.harmful_actions.map(|it| it as f64), AtMost(0.0), Count),
        goal("actions in controls", Some(of.actions_in_controls as f64), AtMost(0.0), Count),
        goal("lost, against the oracle", of.loss_vs_oracle_median, AtMost(1.5), Ratio),
        goal("lost, against static rules", of.loss_vs_static_rules_median, Below(1.0 / 3.0), Ratio),
        goal("calibration error", totals.calibration_error, AtMost(0.05), Plain),
    ]
}

impl Goal {
    /// How fast an evaluation runs: virtual time per time of one core, with up to a hundred series.
    #[must_use]
    pub const fn speed(realtime_factor: Option<f64>) -> Self {
        let bound = Bound::AtLeast(10_000.0);
        Self { name: "times real time", value: realtime_factor, bound, unit: Unit::Count }
    }

    /// Whether it is met. What cannot be told is not met.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let Some(value) = self.value.filter(|it| !it.is_nan()) else { return Verdict::Unknown };
        let (met, limit) = match self.bound {
            Bound::AtLeast(limit) => (value >= limit, limit),
            Bound::AtMost(limit) => (value <= limit, limit),
            Bound::Below(limit) => (value < limit, limit),
        };
        if met { Verdict::Met } else { Verdict::Missed { by: (value - limit).abs() } }
    }

    /// What was reached, in words.
    #[must_use]
    pub fn reached(&self) -> String {
        self.value
            .filter(|it| !it.is_nan())
            .map_or_else(|| NONE.to_owned(), |it| self.unit.words(it))
    }

    /// What should be, in words.
    #[must_use]
    pub fn wanted(&self) -> String {
        match self.bound {
            Bound::AtLeast(limit) => format!("≥ {}", self.unit.words(limit)),
            Bound::AtMost(limit) => format!("≤ {}", self.unit.words(limit)),
            Bound::Below(limit) => format!("< {}", self.unit.words(limit)),
        }
    }
}

impl Unit {
    fn words(self, value: f64) -> String {
        match self {
            Self::Share => share(value),
            Self::Ratio => ratio(value),
            Self::Count => rounded(value, 0),
            Self::Plain => plain(value),
        }
    }

    /// A distance between two of them.
    fn distance(self, by: f64) -> String {
        match self {
            Self::Share => format!("{:.1} points", by * 100.0),
            _ => self.words(by),
        }
    }
}

impl Verdict {
    /// In words, for a goal of that unit.
    pub(super) fn words(self, unit: Unit) -> String {
        match self {
            Self::Met => "met".to_owned(),
            Self::Missed { by } => format!("missed by {}", unit.distance(by)),
            Self::Unknown => "no data".to_owned(),
        }
    }
}

impl fmt::Display for Goal {
    /// One line: `mitigated  90.0 %  (≥ 95.0 %)  missed by 5.0 points`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict().words(self.unit);
        write!(f, "{:<27} {:>8}  ({:<9}  {verdict}", self.name, self.reached(), self.wanted() + ")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(value: f64, bound: Bound, unit: Unit) -> Goal {
        Goal { name: "it", value: Some(value), bound, unit }
    }

    #[test]
    fn a_bound_is_where_it_says() {
        assert_eq!(goal(0.95, Bound::AtLeast(0.95), Unit::Share).verdict(), Verdict::Met);
        assert_eq!(goal(0.0, Bound::AtMost(0.0), Unit::Count).verdict(), Verdict::Met);
        let third = goal(0.5, Bound::Below(0.5), Unit::Ratio).verdict();
        assert!(matches!(third, Verdict::Missed { by } if by < 1e-12));
    }

    #[test]
    fn what_cannot_be_told_is_not_met() {
        assert_eq!(goal(f64::NAN, Bound::AtMost(1.0), Unit::Plain).verdict(), Verdict::Unknown);
        assert_eq!(Goal::speed(None).verdict(), Verdict::Unknown);
        let worst = goal(f64::INFINITY, Bound::AtMost(1.5), Unit::Ratio);
        assert_eq!(worst.verdict().words(worst.unit), "missed by ∞");
    }

    #[test]
    fn a_miss_is_told_in_its_unit() {
        let of = |value, bound, unit: Unit| goal(value, bound, unit).verdict().words(unit);
        assert_eq!(of(0.9, Bound::AtLeast(0.95), Unit::Share), "missed by 5.0 points");
        assert_eq!(of(1.7, Bound::AtMost(1.5), Unit::Ratio), "missed by 0.20 ×");
        assert_eq!(of(3.0, Bound::AtMost(0.0), Unit::Count), "missed by 3");
        assert_eq!(of(0.072, Bound::AtMost(0.05), Unit::Plain), "missed by 0.022");
    }
}
