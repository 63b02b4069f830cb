//! What a plan is worth, and what it costs.
//!
//! `score = target · P(cause) · (U(plan) − U(nothing)) − cost`: without experience U(plan) is 1 and U(nothing) is 0, and the
//! score is benefit minus cost. Benefit taken from P(cause) alone would say nothing about whether the action works, and
//! constant costs alone would make the cheapest plan win for ever, whatever happened.
//!
//! # Backing off
//!
//! A plan's own outcomes count most. Where there are few, outcomes of *other* plans with the same kinds of actions against
//! the same cause say something too. They make the prior, which is worth two observations:
//!
//! - prior utility `m`: for each kind of the plan, [`Tally::optimistic_utility`] of the other plans with that kind, `(2 +
//!   Σu) / (2 + n)`; the mean of these,
//! - utility of the plan: `(2·m + Σu) / (2 + n)` over its own outcomes.
//!
//! Where no other plan shared a kind, `m` is 1 and this is `(2 + Σu) / (2 + n)`, the formula of [`Tally`]. Own outcomes are
//! taken out of the kinds' tallies, or they would count twice; and every degradation, own or other, can only lower the
//! result. The probability of success is backed off in the same way, from the neutral prior ½ instead of the optimistic
//! one: `(2·q + s) / (2 + n)`.

use mapek_model::{
    ActionKind, CauseKind, Confidence, Cost, Experience, PlanSignature, Score, Tally, Utility,
};

use crate::Config;

/// A prior is worth this many observations.
const PRIOR: f64 = 2.0;

/// What a plan of several actions costs: its dearest action, and a tenth of the others.
///
/// Side effects of actions overlap; and the plain sum of a throttle, an override and more workers (1.15) would let no plan
/// against a cascade ever beat doing nothing.
///
/// ```
/// use mapek_model::ActionKind::{ActivateEmergencyOverride, ScaleUp, ThrottleRequests};
/// use mapek_plan::{Config, plan_cost};
///
/// let cost = plan_cost(&Config::default(), &[ThrottleRequests, ActivateEmergencyOverride, ScaleUp]);
/// assert_eq!(cost.get(), 0.6 + 0.1 * (0.4 + 0.15));
/// ```
#[must_use]
pub fn plan_cost(config: &Config, kinds: &[ActionKind]) -> Cost {
    let mut costs: Vec<f64> = kinds.iter().map(|kind| config.cost_of(kind).get()).collect();
    // Largest first, so that the sum does not depend on the order of steps, not even in its last digit.
    costs.sort_by(|a, b| b.total_cmp(a));
    let dearest = costs.first().copied().unwrap_or(0.0);
    Cost::saturating(dearest + 0.1 * costs.iter().skip(1).sum::<f64>())
}

/// What experience says of a plan: the optimistic utility that decisions are made with, and the sober probability that
/// people are shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospect {
    /// Expected utility under an optimistic prior.
    pub utility: Utility,
    /// Posterior probability of success under a neutral prior.
    pub success: Confidence,
}

impl Prospect {
    /// What experience says of plans of this signature against this cause.
    ///
    /// ```
    /// use mapek_model::{ActionKind, CauseKind, Experience, PlanSignature};
    /// use mapek_plan::Prospect;
    ///
    /// let untried = PlanSignature::new([ActionKind::ScaleUp]);
    /// let prospect = Prospect::of(&Experience::default(), &CauseKind::try_new("overload")?, &untried);
    /// assert_eq!(prospect.utility.get(), 1.0); // try it
    /// assert_eq!(prospect.success.get(), 0.5); // but nobody knows
    /// # Ok::<(), mapek_model::InvalidName>(())
    /// ```
    #[must_use]
    pub fn of(experience: &Experience, cause: &CauseKind, signature: &PlanSignature) -> Self {
        let nothing = Tally::default();
        let own = experience.plan(cause, signature).unwrap_or(&nothing);
        let mut kinds = signature.kinds().to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        let others: Vec<_> = kinds
            .iter()
            .map(|kind| {
                experience.kind(cause, kind).map_or_else(Tally::default, |all| less(all, own))
            })
            .collect();
        let n = f64::from(own.judged());
        let utility = mean(others.iter().map(|tally| tally.optimistic_utility().get()), 1.0);
        let success = mean(others.iter().map(|tally| tally.success_probability().get()), 0.5);
        Self {
            utility: Utility::saturating((PRIOR * utility + own.utility_sum()) / (PRIOR + n)),
            success: Confidence::saturating(
                (PRIOR * success + f64::from(own.success)) / (PRIOR + n),
            ),
        }
    }
}

/// The outcomes in `all` that are not in `own`.
fn less(all: &Tally, own: &Tally) -> Tally {
    Tally {
        success: all.success.saturating_sub(own.success),
        partial: all.partial.saturating_sub(own.partial),
        ineffective: all.ineffective.saturating_sub(own.ineffective),
        degradation: all.degradation.saturating_sub(own.degradation),
        unknown: 0,
        time_to_effect: None,
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>, of_none: f64) -> f64 {
    let n = u32::try_from(values.len()).unwrap_or(u32::MAX);
    if n == 0 { of_none } else { values.sum::<f64>() / f64::from(n) }
}

/// The score of a plan, with what it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) benefit: Utility,
    pub(crate) cost: Cost,
    pub(crate) score: Score,
    /// Utility over doing nothing, before target and confidence.
    gain: f64,
    target: f64,
    confidence: f64,
}

impl Scored {
    pub(crate) fn new(
        config: &Config,
        confidence: Confidence,
        prospect: Prospect,
        nothing: Utility,
        cost: Cost,
    ) -> Self {
        let (target, confidence) = (config.benefit_target.get(), confidence.get());
        let gain = prospect.utility.get() - nothing.get();
        let benefit = Utility::saturating(target * confidence * gain);
        let score = Score::saturating(benefit.get() - cost.get());
        Self { benefit, cost, score, gain, target, confidence }
    }

    /// The confidence at which the score would be 0.
    pub(crate) fn confidence_needed(&self) -> Option<Confidence> {
        (self.gain > 0.0 && self.target > 0.0)
            .then(|| self.cost.get() / (self.target * self.gain))
            .and_then(|needed| Confidence::try_new(needed).ok())
    }

    /// The utility over doing nothing at which the score would be 0.
    pub(crate) fn utility_needed(&self) -> Option<Utility> {
        (self.confidence > 0.0 && self.target > 0.0)
            .then(|| self.cost.get() / (self.target * self.confidence))
            .and_then(|needed| Utility::try_new(needed).ok())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mapek_model::{Verdict, proptest1};
    use proptest::prelude::*;

    use super::*;
    use crate::Reason;

    fn overload() -> CauseKind {
        CauseKind::try_new("overload").unwrap()
    }

    fn learned(outcomes: &[(PlanSignature, Verdict)]) -> Experience {
        let mut experience = Experience::default();
        for (signature, verdict) in outcomes {
            let plans = experience.plans.entry(overload()).or_default();
            plans.entry(signature.clone()).or_default().count(*verdict);
            let mut kinds = signature.kinds().to_vec();
            kinds.sort_unstable();
            kinds.dedup();
            for kind in kinds {
                let kinds = experience.kinds.entry(overload()).or_default();
                kinds.entry(kind).or_default().count(*verdict);
            }
        }
        experience
    }

    fn signature(text: &str) -> PlanSignature {
        text.parse().unwrap()
    }

    fn utility(experience: &Experience, plan: &str) -> f64 {
        Prospect::of(experience, &overload(), &signature(plan)).utility.get()
    }

    #[test]
    fn own_outcomes_alone_give_the_formula_of_the_tally() {
        let outcomes = [Verdict::Success, Verdict::Degradation, Verdict::Partial, Verdict::Unknown]
            .map(|verdict| (signature("scale_up"), verdict));
        let experience = learned(&outcomes);
        let tally = experience.plan(&overload(), &signature("scale_up")).unwrap().clone();
        let prospect = Prospect::of(&experience, &overload(), &signature("scale_up"));
        assert_eq!(prospect.utility, tally.optimistic_utility());
        assert_eq!(prospect.success, tally.success_probability());
    }

    #[test]
    fn what_other_plans_did_makes_the_prior() {
        let twice = vec![(signature("scale_up"), Verdict::Ineffective); 2];
        let experience = learned(&twice);
        // scale_up elsewhere: (2 + 0) / (2 + 2) = ½; rebalance_load: 1.
        assert!((utility(&experience, "rebalance_load+scale_up") - 0.75).abs() < 1e-12);
        assert!((utility(&experience, "rebalance_load") - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_seed_formula_without_experience() {
        let config = Config::default();
        let signature = signature("scale_up");
        let prospect = Prospect::of(&Experience::default(), &overload(), &signature);
        let cost = plan_cost(&config, signature.kinds());
        let sure = Confidence::saturating(0.8);
        let scored = Scored::new(&config, sure, prospect, Utility::saturating(0.0), cost);
        assert!((scored.score.get() - (0.95 * 0.8 - 0.15)).abs() < 1e-12);
    }

    #[test]
    fn what_would_have_flipped_it_does() {
        let config = Config::default();
        let cost = Cost::saturating(0.5);
        let score = |confidence: f64, utility: f64| {
            let prospect = Prospect {
                utility: Utility::saturating(utility),
                success: Confidence::saturating(0.5),
            };
            let nothing = Utility::saturating(0.1);
            Scored::new(&config, Confidence::saturating(confidence), prospect, nothing, cost)
        };
        let bad = score(0.6, 0.7);
        assert!(bad.score.get() < 0.0);
        let needed = bad.confidence_needed().unwrap().get();
        assert!(score(needed + 1e-9, 0.7).score.get() > 0.0);
        let needed = bad.utility_needed().unwrap().get();
        assert!(score(0.6, needed + 0.1 + 1e-9).score.get() > 0.0);
        assert_eq!(score(0.6, 0.1).confidence_needed(), None, "no gain, no confidence will do");
    }

    #[test]
    fn what_is_said_to_flip_it_does() {
        let config = Config::default();
        let number = |texts: &[String], words: &str| -> f64 {
            let text = texts.iter().find_map(|text| text.strip_prefix(words));
            let text = text.unwrap_or_else(|| panic!("{words} is not in {texts:?}"));
            text.split(' ').next().unwrap().parse().unwrap()
        };
        for (confidence, utility, cost) in
            [(0.6, 0.7, 0.5), (0.61, 0.3333, 0.201), (0.9, 0.25, 0.24)]
        {
            let score = |confidence: f64, utility: f64, cost: f64| {
                let success = Confidence::saturating(0.5);
                let prospect = Prospect { utility: Utility::saturating(utility), success };
                let nothing = Utility::saturating(0.0);
                let (sure, cost) = (Confidence::saturating(confidence), Cost::saturating(cost));
                Scored::new(&config, sure, prospect, nothing, cost)
            };
            let bad = score(confidence, utility, cost);
            assert!(bad.score.get() <= 0.0);
            let changes = Reason::DoesNotPay {
                benefit: bad.benefit,
                cost: bad.cost,
                score: bad.score,
                needed: bad.confidence_needed(),
                needed_utility: bad.utility_needed(),
            }
            .changes();
            if bad.confidence_needed().is_some() {
                let needed = number(&changes, "confidence is above ");
                assert!(score(needed + 1e-6, utility, cost).score.get() > 0.0, "{changes:?}");
            }
            let needed = number(&changes, "its utility over doing nothing is above ");
            assert!(score(confidence, needed + 1e-6, cost).score.get() > 0.0, "{changes:?}");
            let less = number(&changes, "it costs less than ");
            assert!(score(confidence, utility, less - 1e-6).score.get() > 0.0, "{changes:?}");
        }
    }

    fn plans() -> impl Strategy<Value = PlanSignature> {
        proptest1::plan().prop_map(|plan| plan.signature())
    }

    proptest! {
        #[test]
        fn a_degradation_never_raises_a_utility(
            history in proptest::collection::vec((plans(), proptest1::verdict()), 0..30),
            worse in plans(),
            plan in plans(),
        ) {
            let before = Prospect::of(&learned(&history), &overload(), &plan);
            let mut history = history;
            history.push((worse, Verdict::Degradation));
            let after = Prospect::of(&learned(&history), &overload(), &plan);
            prop_assert!(after.utility.get() <= before.utility.get() + 1e-12);
            prop_assert!(after.success.get() <= before.success.get() + 1e-12);
        }

        #[test]
        fn a_success_never_lowers_a_utility(
            history in proptest::collection::vec((plans(), proptest1::verdict()), 0..30),
            better in plans(),
            plan in plans(),
        ) {
            let before = Prospect::of(&learned(&history), &overload(), &plan);
            let mut history = history;
            history.push((better, Verdict::Success));
            let after = Prospect::of(&learned(&history), &overload(), &plan);
            prop_assert!(after.utility.get() >= before.utility.get() - 1e-12);
        }

        #[test]
        fn a_cost_is_the_dearest_and_a_tenth_of_the_others(plan in proptest1::plan()) {
            let config = Config { cost_model: BTreeMap::new(), ..Config::default() };
            let kinds = plan.signature().kinds().to_vec();
            let costs: Vec<f64> = kinds.iter().map(|kind| kind.default_cost().get()).collect();
            let dearest = costs.iter().copied().fold(0.0, f64::max);
            let expected = dearest + 0.1 * (costs.iter().sum::<f64>() - dearest);
            prop_assert!((plan_cost(&config, &kinds).get() - expected).abs() < 1e-9);
            let mut reversed = kinds.clone();
            reversed.reverse();
            prop_assert_eq!(plan_cost(&config, &reversed), plan_cost(&config, &kinds));
        }
    }
}
