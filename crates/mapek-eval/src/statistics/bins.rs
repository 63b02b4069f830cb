//! Confidences in bins of equal mass, summed up by scenario: all that the calibration error and its resampling need.

use crate::Stated;

/// What one scenario has in one bin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) weight: f64,
    /// Confidences, weighted.
    pub(super) stated: f64,
    /// Those that were right, weighted.
    pub(super) right: f64,
    pub(super) count: u64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.weight += other.weight;
        self.stated += other.stated;
        self.right += other.right;
        self.count += other.count;
    }

    /// By how much confidence exceeds what came of it, weighted.
    pub(super) fn excess(&self) -> f64 {
        self.stated - self.right
    }

    /// Of a bin, where each scenario counts as often as `times` says.
    pub(super) fn total(bin: &[Self], times: &[u32]) -> Self {
        let mut total = Self::default();
        for (it, &times) in bin.iter().zip(times) {
            let many = f64::from(times);
            total.add(&Self {
                weight: many * it.weight,
                stated: many * it.stated,
                right: many * it.right,
                count: u64::from(times) * it.count,
            });
        }
        total
    }
}

/// Fewest scenarios in a bin: from fewer, nobody can tell how much it owes to chance.
const SCENARIOS_MIN: usize = 5;

/// For each bin, by rising confidence, what each scenario has in it. Equal confidences share a bin; a bin of too few scenarios is
/// joined with the next.
pub(super) fn bins(by_scenario: &[Vec<Stated>], count: usize) -> Vec<Vec<Sums>> {
    let tops = tops(by_scenario, count.max(1));
    let mut bins = vec![vec![Sums::default(); by_scenario.len()]; tops.len()];
    for (place, stated) in by_scenario.iter().enumerate() {
        for it in stated.iter().filter(|it| counts(it)) {
            let bin = tops.partition_point(|&top| top < it.confidence);
            bins[bin][place].add(&Sums {
                weight: it.weight,
                stated: it.weight * it.confidence,
                right: if it.right { it.weight } else { 0.0 },
                count: 1,
            });
        }
    }
    joined(bins)
}

/// Whether it can be counted at all.
pub(super) fn counts(stated: &Stated) -> bool {
    stated.confidence.is_finite() && stated.weight.is_finite() && stated.weight > 0.0
}

/// The highest confidence of each bin.
fn tops(by_scenario: &[Vec<Stated>], count: usize) -> Vec<f64> {
    let mut all: Vec<_> = by_scenario.iter().flatten().filter(|it| counts(it)).collect();
    all.sort_unstable_by(|a, b| a.confidence.total_cmp(&b.confidence));
    let total: f64 = all.iter().map(|it| it.weight).sum();
    let (mut tops, mut bin_before, mut before) = (Vec::<f64>::new(), usize::MAX, 0.0);
    for equal in all.chunk_by(|a, b| a.confidence.total_cmp(&b.confidence).is_eq()) {
        let weight: f64 = equal.iter().map(|it| it.weight).sum();
        // Equal ones go where their middle is: their order must not matter.
        let middle = (before + weight / 2.0) / total;
        let bin = ((middle * count as f64) as usize).min(count - 1);
        before += weight;
        match tops.last_mut() {
            Some(top) if bin == bin_before => *top = equal[0].confidence,
            _ => tops.push(equal[0].confidence),
        }
        bin_before = bin;
    }
    tops
}

fn joined(bins: Vec<Vec<Sums>>) -> Vec<Vec<Sums>> {
    let mut out: Vec<Vec<Sums>> = Vec::with_capacity(bins.len());
    for bin in bins {
        match out.last_mut() {
            Some(last) if scenarios(last) < SCENARIOS_MIN => join(last, &bin),
            _ => out.push(bin),
        }
    }
    if out.len() > 1
        && let Some(last) = out.pop_if(|last| scenarios(last) < SCENARIOS_MIN)
    {
        join(out.last_mut().expect("there were two"), &last);
    }
    out
}

fn join(into: &mut [Sums], other: &[Sums]) {
    into.iter_mut().zip(other).for_each(|(into, other)| into.add(other));
}

/// How many scenarios have anything in the bin.
pub(super) fn scenarios(bin: &[Sums]) -> usize {
    bin.iter().filter(|it| it.count > 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(confidence: f64) -> Stated {
        Stated { confidence, right: true, weight: 1.0 }
    }

    #[test]
    fn bins_have_equal_mass_and_keep_equals_together() {
        let spread: Vec<_> = (0..100).map(|n| vec![stated(f64::from(n) / 100.0)]).collect();
        let sizes: Vec<_> =
            bins(&spread, 10).iter().map(|it| Sums::total(it, &[1; 100]).count).collect();
        assert_eq!(sizes, [10; 10]);
        let same: Vec<_> = (0..100).map(|_| vec![stated(0.7)]).collect();
        assert_eq!(bins(&same, 10).len(), 1);
    }

    #[test]
    fn weight_is_mass() {
        let mut heavy: Vec<_> = (0..10).map(|n| vec![stated(f64::from(n) / 10.0)]).collect();
        heavy[0][0].weight = 9.0;
        let weights: Vec<_> =
            bins(&heavy, 2).iter().map(|it| Sums::total(it, &[1; 100]).weight).collect();
        assert_eq!(weights, [18.0], "the heavy one has half of the mass, and stands alone: joined");
    }

    #[test]
    fn a_bin_of_few_scenarios_is_joined() {
        let few: Vec<_> = (0..4).map(|n| vec![stated(0.1), stated(f64::from(n) / 4.0)]).collect();
        assert_eq!(bins(&few, 10).len(), 1);
        let none = bins(&[vec![], vec![]], 10);
        assert!(none.is_empty());
    }
}
