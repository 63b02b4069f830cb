//! Whether a stated confidence can be taken at its word: Brier score, calibration error, calibration curve.

use serde::{Deserialize, Serialize};

use super::{
    bins::{Sums, bins, counts, scenarios},
    quantile,
    random::SplitMix64,
};
use crate::Stated;

/// The Brier score: the mean squared distance of a confidence from what came of it, weighted. 0 is best, 1 is worst, and 0.25 is what
/// "fifty-fifty" always gets. Nothing without anything stated.
///
/// Source: G. W. Brier, *Verification of Forecasts Expressed in Terms of Probability*, Monthly Weather Review 78 (1950), for events
/// that happen or not.
#[must_use]
pub fn brier<'a>(stated: impl IntoIterator<Item = &'a Stated>) -> Option<f64> {
    let (mut weight, mut sum) = (0.0, 0.0);
    for it in stated.into_iter().filter(|it| counts(it)) {
        weight += it.weight;
        sum += it.weight * (it.confidence - f64::from(u8::from(it.right))).powi(2);
    }
    (weight > 0.0).then(|| sum / weight)
}

/// How the calibration is worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalibrationConfig {
    /// Bins of equal mass, at most; at least 1.
    pub bins: usize,
    /// How often the scenarios are drawn again.
    pub resamples: usize,
    /// What the draws come from.
    pub seed: u64,
}

impl Default for CalibrationConfig {
    /// Ten bins, as is usual; a thousand draws, with which the ends of a 95 % interval rest on 25 each.
    fn default() -> Self {
        Self { bins: 10, resamples: 1_000, seed: 0 }
    }
}

/// How far stated confidences are from what came of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The calibration error, 0 to 1: the root of `squared`, and 0 where that is negative.
    pub error: f64,
    /// The debiased mean square of (confidence less share that was right). Without bias; so below 0 as often as not if the confidences
    /// are perfect.
    pub squared: f64,
    /// Where the error would lie in 95 of 100 suites of such scenarios.
    pub interval: Interval,
    /// The calibration curve, by rising confidence.
    pub points: Vec<CalibrationPoint>,
}

/// A range, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// A point of the calibration curve: a bin of stated confidences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct CalibrationPoint {
    /// The mean of the confidences that were stated: 0 to 1.
    pub stated: f64,
    /// The share of them that was right: 0 to 1.
    pub right: f64,
    /// Where that share would lie in 95 of 100 suites of such scenarios.
    pub right_interval: Interval,
    /// The part of all that was stated: 0 to 1, where all of one run count as one.
    pub mass: f64,
    /// How many confidences.
    pub count: u64,
    /// From how many scenarios.
    pub scenarios: u32,
}

/// The calibration of what was stated, one list for each scenario. Nothing if fewer than two scenarios stated anything: then nobody
/// can tell an error from chance.
///
/// Confidences are sorted into bins of equal mass, and for each bin the mean confidence is compared with the share that was right. The
/// plain estimate is too high even for perfect confidences, as in a finite bin the two differ by chance (Bröcker, *Estimating
/// reliability and resolution of probability forecasts*, Climate Dynamics 39 (2012); Ferro and Fricker, *A bias-corrected
/// decomposition of the Brier score*, QJRMS 138 (2012)). What chance adds to the square of the difference is its variance; this is
/// estimated and subtracted, as Kumar, Liang and Ma do (*Verified Uncertainty Calibration*, NeurIPS 2019, §5), which leaves no bias.
/// Their variance takes every statement as independent; ours is that of a ratio of sums over scenarios (linearised, with the factor
/// n / (n - 1)), which comes to theirs where a scenario states but one thing.
///
/// The error is a root of a mean square, so it is never less than the mean absolute one that is also called ECE. The alternative, the
/// absolute error less its mean under perfect confidences, was left: it flatters whoever is *not* calibrated by just that mean, which
/// with forty scenarios is more than the goal.
///
/// The intervals are bootstrapped by drawing whole scenarios (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993; §10 for
/// the shift by its bias: a square is greater in every resample). Bins stay as they are.
#[must_use]
pub fn calibration(by_scenario: &[Vec<Stated>], config: CalibrationConfig) -> Option<Calibration> {
    let mut bins = bins(by_scenario, config.bins);
    let told: Vec<_> =
        (0..by_scenario.len()).filter(|&it| bins.iter().any(|bin| bin[it].count > 0)).collect();
    if told.len() < 2 {
        return None;
    }
    // Scenarios in which nothing was stated are no part of the population.
    bins.iter_mut().for_each(|bin| *bin = told.iter().map(|&it| bin[it]).collect());
    let once = vec![1; told.len()];
    let squared = squared_error(&bins, &once);
    let draws = resample(&bins, config);
    let mass: f64 = bins.iter().map(|bin| Sums::total(bin, &once).weight).sum();
    let points = bins.iter().zip(&draws.right);
    Some(Calibration {
        error: root(squared),
        squared,
        interval: interval(&draws.squared, squared),
        points: points
            .map(|(bin, right)| point(bin, &Sums::total(bin, &once), mass, right))
            .collect(),
    })
}

fn root(squared: f64) -> f64 {
    squared.max(0.0).sqrt()
}

/// The mean over bins of the squared difference, less what chance adds to it. Each scenario counts as often as `times` says.
fn squared_error(bins: &[Vec<Sums>], times: &[u32]) -> f64 {
    let (mut weight, mut sum) = (0.0, 0.0);
    for bin in bins {
        let total = Sums::total(bin, times);
        if total.weight > 0.0 {
            let mean = total.excess() / total.weight;
            sum += total.weight * (mean.powi(2) - variance(bin, times, &total));
            weight += total.weight;
        }
    }
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// The variance of the mean excess in a bin, scenarios being drawn at random. 0 if there is only one.
fn variance(bin: &[Sums], times: &[u32], total: &Sums) -> f64 {
    let mean = total.excess() / total.weight;
    let (mut n, mut residuals) = (0.0, 0.0);
    for (it, &times) in bin.iter().zip(times).filter(|(it, _)| it.count > 0) {
        n += f64::from(times);
        residuals += f64::from(times) * (it.excess() - mean * it.weight).powi(2);
    }
    if n < 2.0 { 0.0 } else { n / (n - 1.0) * residuals / total.weight.powi(2) }
}

struct Draws {
    squared: Vec<f64>,
    /// By bin.
    right: Vec<Vec<f64>>,
}

fn resample(bins: &[Vec<Sums>], config: CalibrationConfig) -> Draws {
    let mut random = SplitMix64::new(config.seed);
    let count = bins[0].len();
    let mut draws = Draws { squared: Vec::new(), right: vec![Vec::new(); bins.len()] };
    for _ in 0..config.resamples {
        let mut times = vec![0; count];
        (0..count).for_each(|_| times[random.below(count)] += 1);
        draws.squared.push(squared_error(bins, &times));
        for (bin, right) in bins.iter().zip(&mut draws.right) {
            let total = Sums::total(bin, &times);
            if total.weight > 0.0 {
                right.push(total.right / total.weight);
            }
        }
    }
    draws
}

/// The middle 95 % of `draws`, moved to where `estimate` is, in roots.
fn interval(draws: &[f64], estimate: f64) -> Interval {
    let bias = draws.iter().sum::<f64>() / draws.len().max(1) as f64 - estimate;
    let end = |q| quantile(draws, q).map_or(estimate, |it| it - bias);
    Interval { low: root(end(0.025).min(estimate)), high: root(end(0.975).max(estimate)) }
}

fn point(bin: &[Sums], total: &Sums, mass: f64, draws: &[f64]) -> CalibrationPoint {
    let right = total.right / total.weight;
    let end = |q| quantile(draws, q).unwrap_or(right);
    CalibrationPoint {
        stated: total.stated / total.weight,
        right,
        right_interval: Interval { low: end(0.025).min(right), high: end(0.975).max(right) },
        mass: total.weight / mass,
        count: total.count,
        scenarios: u32::try_from(scenarios(bin)).unwrap_or(u32::MAX),
    }
}
