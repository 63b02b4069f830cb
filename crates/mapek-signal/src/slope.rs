//! Where a series is going.

use crate::robust::quantile_of_finite;

/// Most points that a slope is made of. The method looks at all pairs; beyond this number more of them add time, not
/// knowledge, so a longer series is thinned evenly, its ends kept.
pub const POINTS_MAX: usize = 128;

/// From this |z| on a trend is hardly chance: the 97.5 % quantile of the normal distribution.
pub const Z_TREND: f64 = 1.959_963_984_540_054;

/// A robust line through points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// How much y grows per unit of x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
    /// How surely it goes anywhere at all: the z value of the Mann–Kendall test. Compare with [`Z_TREND`].
    pub z: f64,
}

/// The Theil–Sen line through the finite points: the median of the slopes of all pairs (Sen, 1968); up to 29 % of the points
/// may lie. With it the Mann–Kendall test for a trend, corrected for ties and continuity (Kendall, 1975).
///
/// `None` with fewer than three points, or if they all have one x. Points need no order.
///
/// ```
/// let points: Vec<_> = (0..20).map(|i| (f64::from(i), 3.0 + 0.5 * f64::from(i))).collect();
/// let line = mapek_signal::theil_sen(&points).expect("there are twenty points");
/// assert!((line.slope - 0.5).abs() < 1e-12 && line.z > mapek_signal::Z_TREND);
/// ```
#[must_use]
pub fn theil_sen(points: &[(f64, f64)]) -> Option<Line> {
    let points = thin(points);
    if points.len() < 3 {
        return None;
    }
    let (slope, concordance) = if goes_nowhere(&points) {
        (0.0, 0)
    } else {
        let (mut slopes, concordance) = pairs(&points);
        (quantile_of_finite(&mut slopes, 0.5)?, concordance)
    };
    let mut rests: Vec<f64> =
        points.iter().map(|(x, y)| y - slope * x).filter(|rest| rest.is_finite()).collect();
    let intercept = quantile_of_finite(&mut rests, 0.5)?;
    Some(Line { slope, intercept, z: mann_kendall(&points, concordance) })
}

/// The finite points in order of x, at most [`POINTS_MAX`].
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut finite: Vec<_> =
        points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    finite.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    if finite.len() <= POINTS_MAX {
        return finite;
    }
    let last = finite.len() - 1;
    (0..POINTS_MAX).map(|i| finite[i * last / (POINTS_MAX - 1)]).collect()
}

/// Whether all points, in order of x, have one y and not all one x, as those of most series most of the time: no pair says anything else.
fn goes_nowhere(points: &[(f64, f64)]) -> bool {
    let is_level = |pair: &[(f64, f64)]| pair[0].1.total_cmp(&pair[1].1).is_eq();
    points.first().zip(points.last()).is_some_and(|(first, last)| first.0 < last.0)
        && points.windows(2).all(is_level)
}

/// The slopes of all pairs, and how many more pairs rise than fall.
fn pairs(points: &[(f64, f64)]) -> (Vec<f64>, i64) {
    let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    let mut concordance = 0;
    for (i, (x0, y0)) in points.iter().enumerate() {
        for (x1, y1) in &points[i + 1..] {
            let slope = (y1 - y0) / (x1 - x0);
            if x1 > x0 && slope.is_finite() {
                slopes.push(slope);
                concordance += i64::from(y1 > y0) - i64::from(y1 < y0);
            }
        }
    }
    (slopes, concordance)
}

fn mann_kendall(points: &[(f64, f64)], concordance: i64) -> f64 {
    let weight = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut ys: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
    ys.sort_by(f64::total_cmp);
    let ties: f64 =
        ys.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(|tie| weight(tie.len() as f64)).sum();
    let deviation = ((weight(points.len() as f64) - ties) / 18.0).sqrt();
    let distance = (concordance.abs() - 1).max(0) as f64;
    if deviation > 0.0 { distance / deviation * concordance.signum() as f64 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn line(ys: &[f64]) -> Option<Line> {
        let points: Vec<_> = ys.iter().enumerate().map(|(i, y)| (i as f64, *y)).collect();
        theil_sen(&points)
    }

    #[test]
    fn wild_values_do_not_turn_the_line() {
        let mut ys: Vec<f64> = (0..30).map(f64::from).collect();
        for i in [3, 11, 17, 25] {
            ys[i] = -1e6;
        }
        ys[7] = f64::NAN;
        let line = line(&ys).unwrap();
        assert!((line.slope - 1.0).abs() < 0.1, "{line:?}");
        assert!(line.z > Z_TREND);
    }

    #[test]
    fn noise_and_constants_go_nowhere() {
        let noise: Vec<f64> = (0..40_u32).map(|i| f64::from(i * 7919 % 13)).collect();
        assert!(line(&noise).unwrap().z.abs() < Z_TREND);
        let flat = line(&[2.0; 40]).unwrap();
        assert!(flat.slope.abs() < 1e-12 && flat.z.abs() < 1e-12);
        assert_eq!(line(&[1.0, 2.0]), None);
        assert_eq!(theil_sen(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }

    #[test]
    fn a_long_series_costs_no_more_than_a_short_one() {
        let ys: Vec<f64> = (0..200_000).map(|i| f64::from(i) * 2.0).collect();
        assert!((line(&ys).unwrap().slope - 2.0).abs() < 1e-9);
        assert_eq!(thin(&[(0.0, 0.0); POINTS_MAX * 3]).len(), POINTS_MAX);
    }

    proptest! {
        #[test]
        fn what_goes_nowhere_is_what_all_pairs_say(y in proptest::num::f64::NORMAL, n in 3..60_u32) {
            let points: Vec<_> = (0..n).map(|x| (f64::from(x), y)).collect();
            let (mut slopes, concordance) = pairs(&points);
            prop_assert!(goes_nowhere(&points));
            prop_assert_eq!((quantile_of_finite(&mut slopes, 0.5), concordance), (Some(0.0), 0));
            prop_assert!(!goes_nowhere(&[(1.0, y), (1.0, y), (1.0, y)]));
            prop_assert!(!goes_nowhere(&[(1.0, y), (2.0, y), (3.0, y / 2.0)]));
        }

        #[test]
        fn backwards_it_falls_as_it_rose(ys in vec(-1e3..1e3_f64, 3..50)) {
            let mirrored: Vec<f64> = ys.iter().map(|y| -y).collect();
            let (up, down) = (line(&ys).unwrap(), line(&mirrored).unwrap());
            prop_assert!((up.slope + down.slope).abs() < 1e-9);
            prop_assert!((up.z + down.z).abs() < 1e-9);
        }
    }
}
