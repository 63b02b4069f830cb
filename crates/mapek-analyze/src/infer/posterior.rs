//! Causes compete for each breached expectation.
//!
//! Each clue adds log-odds, as if clues were independent given the cause: naive Bayes, or Good's weight of evidence
//! (Good 1950, *Probability and the Weighing of Evidence*, ch. 6). A clue counts once however many episodes show it. The
//! causes that can explain an expectation, and *unknown*, then share its probability. So causes that explain disjoint
//! episodes do not take from each other, and those that explain the same ones do. Noisy-or networks, which would let
//! several causes explain one episode together, were left aside: their weights are harder to read, and a cause that is
//! treated first shows what the other one leaves.

use mapek_model::{Component, Level};

use super::evidence::{Evidence, Scope};
use crate::{Catalogue, Signature};

/// One cause, weighed.
#[derive(Debug)]
pub(crate) struct Candidate<'c> {
    pub(crate) signature: &'c Signature,
    /// Where it is, if a clue says so.
    pub(crate) place: Option<Component>,
    /// What was added to its log-odds, and why, strongest first.
    pub(crate) reasons: Vec<(f64, String)>,
    /// Its share of each expectation, in the order of the evidence; 0 where it explains nothing.
    pub(crate) shares: Vec<f64>,
    log_odds: f64,
    scope: Scope,
}

impl Candidate<'_> {
    /// The probability that it is at work: at least that it is behind the expectation that needs it most.
    pub(crate) fn probability(&self) -> f64 {
        self.shares.iter().copied().fold(0.0, f64::max)
    }

    /// Whether it takes part in explaining expectation `i`: by at least a quarter, or as much as it explains anything.
    pub(crate) fn takes_part_in(&self, i: usize) -> bool {
        self.shares[i] > 0.0 && (self.shares[i] >= 0.25 || self.shares[i] >= self.probability())
    }
}

/// All causes that explain anything, and what is left to *unknown*.
#[derive(Debug)]
pub(crate) struct Posterior<'c> {
    /// By kind.
    pub(crate) candidates: Vec<Candidate<'c>>,
    /// For each expectation: whether a cause is more likely than *unknown*.
    pub(crate) explained: Vec<bool>,
}

impl<'c> Posterior<'c> {
    pub(crate) fn of(catalogue: &'c Catalogue, evidence: &Evidence<'_>) -> Self {
        let mut candidates: Vec<_> =
            catalogue.causes().iter().filter_map(|it| weigh(it, evidence)).collect();
        let doubt = doubt(evidence.quality());
        let explained = evidence.expectations().iter().enumerate().map(|(i, breached)| {
            let rumour = if breached.confirmed { 0.0 } else { UNCONFIRMED };
            share(&mut candidates, i, doubt + rumour)
        });
        let explained = explained.collect();
        Self { candidates, explained }
    }
}

/// Log-odds that *unknown* gains where the evidence itself is doubtful.
fn doubt(level: Level) -> f64 {
    match level {
        Level::Fresh => 0.0,
        Level::Partial => 0.5,
        Level::Stale => 1.5,
        Level::Unknown => 2.5,
    }
}

/// Log-odds that *unknown* gains for a breach that nobody bears out: an alert whose expression is false, or cannot be asked, is over
/// or nobody's more often than not.
const UNCONFIRMED: f64 = 4.0;

/// A clue that says less than this is no reason.
const REASON_MIN: f64 = 0.05;

fn weigh<'c>(signature: &'c Signature, evidence: &Evidence<'_>) -> Option<Candidate<'c>> {
    let scope = evidence.scope(&signature.explains);
    if !scope.contains(&true) {
        return None;
    }
    let mut reasons = Vec::new();
    let (mut log_odds, mut place, mut certainty) = (signature.prior, None, 0.0);
    for clue in &signature.clues {
        let Some(sight) = evidence.see(&clue.when, &scope) else { continue };
        let weight = sight.degree * clue.then + (1.0 - sight.degree) * clue.otherwise;
        log_odds += weight;
        if weight.abs() >= REASON_MIN {
            let not = if sight.degree < 0.5 { "not so: " } else { "" };
            reasons.push((weight, format!("{not}{} ({weight:+.1})", clue.words)));
        }
        // The first of the clearest clues says where.
        if clue.locates && sight.place.is_some() && sight.degree > certainty {
            (place, certainty) = (sight.place, sight.degree);
        }
    }
    reasons.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()).then_with(|| a.1.cmp(&b.1)));
    let shares = vec![0.0; scope.len()];
    Some(Candidate { signature, place, reasons, shares, log_odds, scope })
}

/// Shares expectation `i` among those who can explain it, and answers whether any of them is more likely than *unknown*.
fn share(candidates: &mut [Candidate<'_>], i: usize, unknown: f64) -> bool {
    let rivals = || candidates.iter().filter(|it| it.scope[i]).map(|it| it.log_odds);
    // Taking the greatest out keeps the exponentials finite, and no one is divided by zero.
    let greatest = rivals().fold(unknown, f64::max);
    let sum: f64 = rivals().chain([unknown]).map(|it| (it - greatest).exp()).sum();
    let nobody = (unknown - greatest).exp() / sum;
    let mut best = 0.0_f64;
    for candidate in candidates.iter_mut().filter(|it| it.scope[i]) {
        candidate.shares[i] = (candidate.log_odds - greatest).exp() / sum;
        best = best.max(candidate.shares[i]);
    }
    best > nobody
}
