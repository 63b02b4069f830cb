//! Known values, simulated populations whose truth is known, and laws.

use proptest::{collection::vec, prelude::*};

use super::{random::SplitMix64, *};
use crate::Stated;

fn stated(confidence: f64, right: bool) -> Stated {
    Stated { confidence, right, weight: 1.0 }
}

fn even(random: &mut SplitMix64) -> f64 {
    (random.next() >> 11) as f64 / (1_u64 << 53) as f64
}

/// `scenarios` with `looks` each; the confidence exceeds the truth by `excess`. If `shared`, all looks of a scenario come out alike.
fn population(
    random: &mut SplitMix64,
    scenarios: usize,
    looks: usize,
    excess: f64,
    shared: bool,
) -> Vec<Vec<Stated>> {
    let scenario = |random: &mut SplitMix64| {
        let (mut confidence, mut chance) = (even(random), even(random));
        let look = |_| {
            if !shared {
                (confidence, chance) = (even(random), even(random));
            }
            let confidence = 0.2 + 0.8 * confidence;
            Stated {
                weight: 1.0 / looks as f64,
                ..stated(confidence, chance < confidence - excess)
            }
        };
        (0..looks).map(look).collect()
    };
    (0..scenarios).map(|_| scenario(random)).collect()
}

/// The mean of the debiased square over many populations, and the share of them whose interval holds the truth.
fn trials(scenarios: usize, looks: usize, excess: f64, shared: bool) -> (f64, f64) {
    const TRIALS: usize = 250;
    let mut random = SplitMix64::new(7);
    let config = CalibrationConfig { resamples: 100, ..CalibrationConfig::default() };
    let (mut sum, mut held) = (0.0, 0.0);
    for _ in 0..TRIALS {
        let population = population(&mut random, scenarios, looks, excess, shared);
        let calibration = calibration(&population, config).unwrap();
        sum += calibration.squared;
        let Interval { low, high } = calibration.interval;
        if low <= excess && excess <= high {
            held += 1.0;
        }
    }
    (sum / TRIALS as f64, held / TRIALS as f64)
}

#[test]
fn perfect_confidences_have_no_error_on_the_mean() {
    // Without the correction, ten bins of 10 and of 20 would show about 0.13² and 0.1².
    for (scenarios, looks, shared) in [(100, 1, false), (200, 1, false), (40, 5, false)] {
        let (mean, held) = trials(scenarios, looks, 0.0, shared);
        assert!(mean.abs() < 0.0012, "{scenarios} × {looks}: {mean}");
        assert!(held > 0.9, "{scenarios} × {looks}: {held}");
    }
}

#[test]
fn looks_that_come_out_alike_are_not_taken_for_many() {
    // Taken for independent, a hundred times twenty looks would leave nearly all of the 0.13² that chance adds.
    let (mean, held) = trials(100, 20, 0.0, true);
    assert!(mean.abs() < 0.0012, "{mean}");
    assert!(held > 0.9, "{held}");
}

#[test]
fn wrong_confidences_have_their_true_error_on_the_mean() {
    for (scenarios, looks, excess, shared) in
        [(100, 1, 0.15, false), (40, 5, 0.1, false), (100, 20, 0.15, true)]
    {
        let (mean, held) = trials(scenarios, looks, excess, shared);
        assert!((mean.sqrt() - excess).abs() < 0.01, "{scenarios} × {looks}: {}", mean.sqrt());
        assert!(held > 0.88, "{scenarios} × {looks}: {held}");
    }
}

#[test]
fn the_closed_form_of_one_bin() {
    // Ten scenarios say 0.9; nine are right: the difference is 0, its variance 0.9 · 0.1 / 9.
    let all: Vec<_> = (0..10).map(|n| vec![stated(0.9, n > 0)]).collect();
    let of = calibration(&all, CalibrationConfig::default()).unwrap();
    assert!((of.squared + 0.01).abs() < 1e-12, "{}", of.squared);
    assert_eq!((of.error, of.points.len()), (0.0, 1));
    let point = of.points[0];
    assert!((point.stated - 0.9).abs() < 1e-12 && (point.right - 0.9).abs() < 1e-12, "{point:?}");
    assert_eq!((point.count, point.scenarios), (10, 10));
    // All wrong: no chance in it.
    let all: Vec<_> = (0..10).map(|_| vec![stated(0.9, false)]).collect();
    let of = calibration(&all, CalibrationConfig::default()).unwrap();
    assert!((of.error - 0.9).abs() < 1e-12, "{of:?}");
    assert!((of.interval.low - 0.9).abs() < 1e-12 && (of.interval.high - 0.9).abs() < 1e-12);
}

#[test]
fn one_scenario_tells_nothing() {
    let alone = [vec![stated(0.5, true); 100], Vec::new()];
    assert_eq!(calibration(&alone, CalibrationConfig::default()), None);
    assert_eq!(calibration(&[], CalibrationConfig::default()), None);
}

#[test]
fn brier_has_its_known_values() {
    assert_eq!(brier(&[stated(1.0, true), stated(0.0, false)]), Some(0.0));
    assert_eq!(brier(&[stated(0.5, true), stated(0.5, false)]), Some(0.25));
    let heavy = Stated { weight: 3.0, ..stated(1.0, false) };
    assert_eq!(brier(&[stated(1.0, true), heavy]), Some(0.75));
    assert_eq!(brier(&[]), None);
}

fn any_stated() -> impl Strategy<Value = Stated> {
    (0.0..=1.0, any::<bool>(), 0.01..10.0).prop_map(|(confidence, right, weight)| Stated {
        confidence,
        right,
        weight,
    })
}

proptest! {
    #[test]
    fn all_is_within_its_range(all in vec(vec(any_stated(), 0..8), 0..12), seed: u64) {
        let config = CalibrationConfig { resamples: 50, seed, ..CalibrationConfig::default() };
        if let Some(brier) = brier(all.iter().flatten()) {
            prop_assert!((0.0..=1.0).contains(&brier));
        }
        let Some(of) = calibration(&all, config) else { return Ok(()) };
        prop_assert!((0.0..=1.0).contains(&of.error));
        prop_assert!(of.interval.low <= of.error && of.error <= of.interval.high);
        prop_assert!(of.points.is_sorted_by(|a, b| a.stated < b.stated));
        let mass: f64 = of.points.iter().map(|it| it.mass).sum();
        prop_assert!((mass - 1.0).abs() < 1e-9);
        let count: u64 = of.points.iter().map(|it| it.count).sum();
        prop_assert_eq!(count as usize, all.iter().flatten().count());
        prop_assert_eq!(calibration(&all, config), Some(of), "the same seed gives the same bytes");
    }

    #[test]
    fn neither_order_nor_unit_of_weight_matters(mut all in vec(vec(any_stated(), 1..8), 2..12)) {
        let config = CalibrationConfig { resamples: 1, ..CalibrationConfig::default() };
        let of = calibration(&all, config).unwrap();
        all.reverse();
        all.iter_mut().for_each(|it| it.reverse());
        all.iter_mut().flatten().for_each(|it| it.weight *= 4.0);
        let again = calibration(&all, config).unwrap();
        prop_assert!((of.squared - again.squared).abs() < 1e-9);
        prop_assert_eq!(of.points.len(), again.points.len());
    }
}
