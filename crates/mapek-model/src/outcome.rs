//! What happened, measured; and what was learned from it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    ActionKind, Cause, CauseKind, Confidence, Duration, ExecutionId, Fingerprint, MetricName,
    PlanHash, PlanId, PlanSignature, TargetId, Timestamp, Utility, Verdict,
};

/// What was measured at one moment: on one side of an action.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Measured {
    /// How many of the episodes that the plan explains were open.
    pub explained_open: u32,
    /// How many other episodes were open on the target.
    pub other_open: u32,
    /// The watched values, all of them finite: JSON has no others, and what is journaled must be readable.
    pub values: BTreeMap<MetricName, f64>,
    /// How fast those of them change that go somewhere, in units a second.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slopes: BTreeMap<MetricName, f64>,
    /// The courses of the explained episodes that have a value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub courses: BTreeMap<Fingerprint, Course>,
    /// The watched values whose getting worse counts against the execution: those of guards that can be asked, and are not about what the
    /// plan treats or is expected to bring about. Journals of before do not tell.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub guarded: BTreeSet<String>,
}

/// How far an episode was beyond its threshold, and where that was going. All numbers are finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Course {
    /// Its newest value, in the metric's unit.
    pub value: f64,
    /// What it must not cross.
    pub threshold: f64,
    /// How fast the value changes, in units a second; 0 if it goes nowhere, or nobody knows.
    #[serde(default)]
    pub slope: f64,
}

impl Course {
    /// How long a trend is believed to go on: as long as it is usually measured over. Nothing grows for ever.
    pub const BELIEVED: Duration = Duration::from_secs(300);

    /// How far beyond the threshold it would be after `elapsed` if it went on like this; 0 once it is back.
    ///
    /// ```
    /// use mapek_model::{Course, Duration};
    ///
    /// let falling = Course { value: 3.0, threshold: 1.0, slope: -0.01 };
    /// assert_eq!(falling.beyond_after(Duration::ZERO), 2.0);
    /// assert_eq!(falling.beyond_after(Duration::from_secs(100)), 1.0);
    /// assert_eq!(falling.beyond_after(Duration::from_secs(250)), 0.0);
    /// // Of what lies below its threshold, falling is worse.
    /// let below = Course { value: 80.0, threshold: 100.0, slope: -0.1 };
    /// assert_eq!(below.beyond_after(Duration::from_secs(100)), 30.0);
    /// assert_eq!(below.beyond_after(Duration::MAX), 50.0, "it is believed for five minutes");
    /// ```
    #[must_use]
    pub fn beyond_after(self, elapsed: Duration) -> f64 {
        let led_to = extrapolate(self.value, self.slope, elapsed);
        let above = self.value >= self.threshold;
        let beyond = if above { led_to - self.threshold } else { self.threshold - led_to };
        beyond.max(0.0)
    }
}

/// What a value would be after `elapsed` if it went on at this `slope`, for as long as trends are [believed](Course::BELIEVED).
fn extrapolate(value: f64, slope: f64, elapsed: Duration) -> f64 {
    value + slope * elapsed.min(Course::BELIEVED).as_secs_f64()
}

impl Measured {
    /// What a watched value would be after `elapsed` if it went on as it did; `None` if it was not measured.
    #[must_use]
    pub fn led_to(&self, value: &str, elapsed: Duration) -> Option<f64> {
        let (name, value) = self.values.iter().find(|(name, _)| name.as_str() == value)?;
        Some(extrapolate(*value, self.slopes.get(name).copied().unwrap_or(0.0), elapsed))
    }
}

/// What a plan achieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Outcome {
    /// The execution; outcomes are stored once for each.
    pub execution: ExecutionId,
    /// The plan that ran.
    pub plan: PlanId,
    /// What it did.
    pub plan_hash: PlanHash,
    /// The managed system.
    pub target: TargetId,
    /// The cause that it treated.
    pub cause: Cause,
    /// The kinds of its actions.
    pub signature: PlanSignature,
    /// What it achieved.
    pub verdict: Verdict,
    /// Why that is the verdict, in words.
    pub reason: String,
    /// How likely it was said to be to succeed.
    pub predicted: Confidence,
    /// With what probability it was chosen among the admissible plans; 1 if the choice was not random.
    pub chosen_with: Confidence,
    /// Before the first step.
    pub before: Measured,
    /// After the time to effect.
    pub after: Measured,
    /// How long after the last step the last explained episode closed; absent unless it succeeded.
    #[serde(default, with = "crate::duration::option")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<crate::duration::Schema>"))]
    pub time_to_effect: Option<Duration>,
    /// When the first step was sent.
    pub started: Timestamp,
    /// When it was judged.
    pub judged: Timestamp,
}

/// How outcomes of one sort are spread.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Tally {
    /// How many succeeded.
    pub success: u32,
    /// How many helped in part.
    pub partial: u32,
    /// How many did nothing.
    pub ineffective: u32,
    /// How many made things worse.
    pub degradation: u32,
    /// How many could not be judged; they count for nothing else.
    pub unknown: u32,
    /// Median time to effect of the successes; absent without one.
    #[serde(default, with = "crate::duration::option")]
    #[cfg_attr(feature = "schemars", schemars(with = "Option<crate::duration::Schema>"))]
    pub time_to_effect: Option<Duration>,
}

impl Tally {
    /// Counts one more outcome.
    pub fn count(&mut self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Success => &mut self.success,
            Verdict::Partial => &mut self.partial,
            Verdict::Ineffective => &mut self.ineffective,
            Verdict::Degradation => &mut self.degradation,
            Verdict::Unknown => &mut self.unknown,
        };
        *counter = counter.saturating_add(1);
    }

    /// How many were judged.
    #[must_use]
    pub fn judged(&self) -> u32 {
        self.success
            .saturating_add(self.partial)
            .saturating_add(self.ineffective)
            .saturating_add(self.degradation)
    }

    /// The sum of their utilities.
    #[must_use]
    pub fn utility_sum(&self) -> f64 {
        f64::from(self.success) + 0.5 * f64::from(self.partial) - f64::from(self.degradation)
    }

    /// Utility with an optimistic prior worth two observations: `(2 + Σu) / (2 + n)`. 1 without experience.
    #[must_use]
    pub fn optimistic_utility(&self) -> Utility {
        Utility::saturating((2.0 + self.utility_sum()) / (2.0 + f64::from(self.judged())))
    }

    /// Posterior mean of the probability of success under a uniform prior: `(1 + s) / (2 + n)`, the rule of succession.
    #[must_use]
    pub fn success_probability(&self) -> Confidence {
        Confidence::saturating((1.0 + f64::from(self.success)) / (2.0 + f64::from(self.judged())))
    }
}

/// What Knowledge hands to Plan: how plans against causes did so far.
///
/// Looked up by signature first, then backed off to the kinds of single actions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Experience {
    /// By cause and signature of the whole plan.
    pub plans: BTreeMap<CauseKind, BTreeMap<PlanSignature, Tally>>,
    /// By cause and kind of action: outcomes of all plans with such an action.
    pub kinds: BTreeMap<CauseKind, BTreeMap<ActionKind, Tally>>,
    /// By cause: what became of it where nothing was done. `success` means that it healed by itself.
    pub nothing: BTreeMap<CauseKind, Tally>,
}

impl Experience {
    /// How plans of this signature did against this cause.
    #[must_use]
    pub fn plan(&self, cause: &CauseKind, signature: &PlanSignature) -> Option<&Tally> {
        self.plans.get(cause)?.get(signature)
    }

    /// How actions of this kind did against this cause.
    #[must_use]
    pub fn kind(&self, cause: &CauseKind, kind: &ActionKind) -> Option<&Tally> {
        self.kinds.get(cause)?.get(kind)
    }

    /// Expected utility of doing nothing against this cause: 0 until experience says that it heals by itself, then
    /// `Σu / (2 + n)`.
    #[must_use]
    pub fn utility_of_nothing(&self, cause: &CauseKind) -> Utility {
        Utility::saturating(
            self.nothing
                .get(cause)
                .map_or(0.0, |tally| tally.utility_sum() / (2.0 + f64::from(tally.judged()))),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_experience_optimism_is_the_seed_formula() {
        let tally = Tally::default();
        assert_eq!(tally.optimistic_utility(), Utility::MAX);
        assert_eq!(tally.success_probability(), Confidence::saturating(0.5));
        let nothing = Experience::default();
        let cause = CauseKind::try_new("overload").unwrap();
        assert_eq!(nothing.utility_of_nothing(&cause), Utility::saturating(0.0));
    }

    #[test]
    fn unknown_outcomes_update_nothing() {
        let mut tally = Tally::default();
        tally.count(Verdict::Unknown);
        assert_eq!(tally.judged(), 0);
        assert_eq!(tally.optimistic_utility(), Utility::MAX);
    }

    #[test]
    fn two_degradations_cancel_the_optimism() {
        let mut tally = Tally::default();
        tally.count(Verdict::Degradation);
        tally.count(Verdict::Degradation);
        assert_eq!(tally.optimistic_utility(), Utility::saturating(0.0));
    }
}
