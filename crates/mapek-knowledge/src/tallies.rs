//! Counts of outcomes, and the experience and statistics that follow from them.
//!
//! Counts are sums, so the order of outcomes does not matter, and they are kept for ever though details are not. What is
//! counted is one number per place and verdict, and one per place and (rounded) time to effect; kinds of actions and
//! totals are derived from these when they are asked for.

use std::collections::{BTreeMap, BTreeSet};

use mapek_model::{CauseKind, Duration, Experience, PlanSignature, Tally, Verdict};

use crate::{Statistics, row::Count};

/// How outcomes of one place are spread, with their times to effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    verdicts: BTreeMap<Verdict, u64>,
    times_ms: BTreeMap<i64, u64>,
}

impl Counts {
    pub(crate) fn add(&mut self, verdict: Verdict, n: u64) {
        *self.verdicts.entry(verdict).or_default() += n;
    }

    pub(crate) fn add_time(&mut self, ms: i64, n: u64) {
        *self.times_ms.entry(ms).or_default() += n;
    }

    fn remove(&mut self, count: Count) {
        take_one(&mut self.verdicts, count.verdict);
        if let Some(ms) = count.time_to_effect_ms {
            take_one(&mut self.times_ms, ms);
        }
    }

    fn merge(&mut self, other: &Self) {
        other.verdicts.iter().for_each(|(verdict, n)| self.add(*verdict, *n));
        other.times_ms.iter().for_each(|(ms, n)| self.add_time(*ms, *n));
    }

    fn tally(&self) -> Tally {
        let of = |verdict| {
            let n = self.verdicts.get(&verdict).copied().unwrap_or(0);
            u32::try_from(n).unwrap_or(u32::MAX)
        };
        Tally {
            success: of(Verdict::Success),
            partial: of(Verdict::Partial),
            ineffective: of(Verdict::Ineffective),
            degradation: of(Verdict::Degradation),
            unknown: of(Verdict::Unknown),
            time_to_effect: self.median(),
        }
    }

    /// The middle one; of an even number the earlier of the two in the middle, which did occur.
    fn median(&self) -> Option<Duration> {
        let middle = self.times_ms.values().sum::<u64>().checked_sub(1)? / 2;
        let mut before = 0;
        let found = self.times_ms.iter().find(|(_, n)| {
            before += **n;
            before > middle
        });
        found.map(|(ms, _)| Duration::from_millis(u64::try_from(*ms).unwrap_or(0)))
    }
}

fn take_one<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    if let Some(n) = counts.get_mut(&key) {
        *n -= 1;
        if *n == 0 {
            counts.remove(&key);
        }
    } else {
        debug_assert!(false, "what is taken out was put in");
    }
}

/// All counts of one target, by cause and plan signature; the empty signature is doing nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tallies {
    by_cause: BTreeMap<CauseKind, BTreeMap<PlanSignature, Counts>>,
}

impl Tallies {
    pub(crate) fn place(&mut self, cause: CauseKind, signature: PlanSignature) -> &mut Counts {
        self.by_cause.entry(cause).or_default().entry(signature).or_default()
    }

    pub(crate) fn add(&mut self, cause: &CauseKind, signature: &PlanSignature, count: Count) {
        let counts = self.place(cause.clone(), signature.clone());
        counts.add(count.verdict, 1);
        if let Some(ms) = count.time_to_effect_ms {
            counts.add_time(ms, 1);
        }
    }

    pub(crate) fn remove(&mut self, cause: &CauseKind, signature: &PlanSignature, count: Count) {
        self.place(cause.clone(), signature.clone()).remove(count);
        if let Some(plans) = self.by_cause.get_mut(cause) {
            plans.retain(|_, counts| !counts.verdicts.is_empty());
        }
        self.by_cause.retain(|_, plans| !plans.is_empty());
    }

    /// What Plan reads. A kind that occurs twice in a plan counts once for each of the plan's outcomes.
    pub(crate) fn experience(&self) -> Experience {
        let mut experience = Experience::default();
        for (cause, plans) in &self.by_cause {
            let mut kinds = BTreeMap::<_, Counts>::new();
            for (signature, counts) in plans {
                if signature.kinds().is_empty() {
                    experience.nothing.insert(cause.clone(), counts.tally());
                    continue;
                }
                let tallies = experience.plans.entry(cause.clone()).or_default();
                tallies.insert(signature.clone(), counts.tally());
                for kind in signature.kinds().iter().collect::<BTreeSet<_>>() {
                    kinds.entry(kind.clone()).or_default().merge(counts);
                }
            }
            if !kinds.is_empty() {
                let tallies = kinds.into_iter().map(|(kind, counts)| (kind, counts.tally()));
                experience.kinds.insert(cause.clone(), tallies.collect());
            }
        }
        experience
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let (mut overall, mut nothing) = (Counts::default(), Counts::default());
        let (mut causes, mut actions) = (BTreeMap::new(), BTreeMap::<_, Counts>::new());
        for (cause, plans) in &self.by_cause {
            let mut of_cause = Counts::default();
            for (signature, counts) in plans {
                if signature.kinds().is_empty() {
                    nothing.merge(counts);
                    continue;
                }
                of_cause.merge(counts);
                for kind in signature.kinds().iter().collect::<BTreeSet<_>>() {
                    actions.entry(kind.clone()).or_default().merge(counts);
                }
            }
            if !of_cause.verdicts.is_empty() {
                overall.merge(&of_cause);
                causes.insert(cause.clone(), of_cause.tally());
            }
        }
        Statistics {
            overall: overall.tally(),
            nothing: nothing.tally(),
            by_cause: causes,
            by_action: actions.into_iter().map(|(kind, counts)| (kind, counts.tally())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(verdict: Verdict, seconds: Option<i64>) -> Count {
        Count { verdict, time_to_effect_ms: seconds.map(|it| it * 1_000) }
    }

    #[test]
    fn a_median_is_a_time_that_occurred() {
        let mut tallies = Tallies::default();
        let (cause, plan) = ("overload".parse().unwrap(), "scale_up".parse().unwrap());
        let median = |tallies: &Tallies| {
            let experience = tallies.experience();
            experience.plan(&cause, &plan).and_then(|it| it.time_to_effect).map(|it| it.as_secs())
        };
        assert_eq!(median(&tallies), None);
        for (seconds, expected) in [(50, 50), (10, 10), (40, 40), (45, 40), (41, 41)] {
            tallies.add(&cause, &plan, count(Verdict::Success, Some(seconds)));
            assert_eq!(median(&tallies), Some(expected));
        }
    }

    #[test]
    fn kinds_count_once_for_each_plan_that_has_them() {
        let mut tallies = Tallies::default();
        let cause = "overload".parse().unwrap();
        let twice = "scale_up+scale_up+rebalance_load".parse().unwrap();
        tallies.add(&cause, &twice, count(Verdict::Success, None));
        tallies.add(&cause, &"scale_up".parse().unwrap(), count(Verdict::Partial, None));
        let experience = tallies.experience();
        let of = |kind: &str| experience.kind(&cause, &kind.parse().unwrap()).unwrap().judged();
        assert_eq!((of("scale_up"), of("rebalance_load")), (2, 1));
        let statistics = tallies.statistics();
        assert_eq!(statistics.overall.judged(), 2);
        assert_eq!(statistics.by_action[&"scale_up".parse().unwrap()].judged(), 2);
    }

    #[test]
    fn what_is_taken_out_leaves_no_trace() {
        let mut tallies = Tallies::default();
        let (cause, plan) = ("overload".parse().unwrap(), "scale_up".parse().unwrap());
        tallies.add(&cause, &plan, count(Verdict::Success, Some(1)));
        tallies.remove(&cause, &plan, count(Verdict::Success, Some(1)));
        assert_eq!(tallies, Tallies::default());
    }
}
