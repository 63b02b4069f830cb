//! Quantiles of a sample.

/// The quantile `q` (0 to 1) of `values`, linear between its neighbours: type 7 of Hyndman and Fan, *Sample Quantiles in Statistical
/// Packages*, The American Statistician 50 (1996). Nothing for no values, or if one of them is not a number.
///
/// Infinite values are values: the median of 1, 2 and infinity is 2.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    if values.iter().any(|it| it.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = q.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    let part = place.fract();
    // Between equals, infinite ones too, there is nothing to weigh.
    if part <= 0.0 || below.total_cmp(&above).is_eq() {
        return Some(below);
    }
    Some((below * (1.0 - part) + above * part).clamp(below, above))
}

/// The value in the middle of `values`; between the two in the middle of an even number.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The place of the value that is nearest to the median: the run that stands for the others. The first of several.
#[must_use]
pub fn nearest_to_median(values: &[f64]) -> Option<usize> {
    let middle = median(values)?;
    let away =
        |value: f64| if value.total_cmp(&middle).is_eq() { 0.0 } else { (value - middle).abs() };
    let all = values.iter().enumerate();
    all.min_by(|a, b| away(*a.1).total_cmp(&away(*b.1))).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn known_values() {
        // Of R: quantile(c(1, 2, 3, 4, 10), c(0.1, 0.25, 0.9)).
        let values = [10.0, 3.0, 1.0, 4.0, 2.0];
        for (q, expected) in [(0.0, 1.0), (0.1, 1.4), (0.25, 2.0), (0.9, 7.6), (1.0, 10.0)] {
            let got = quantile(&values, q).unwrap();
            assert!((got - expected).abs() < 1e-12, "{q}: {got}");
        }
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
    }

    #[test]
    fn what_is_no_number_has_no_quantile_and_infinity_has_one() {
        assert_eq!(median(&[1.0, f64::NAN]), None);
        let all = [f64::INFINITY, 1.0, f64::INFINITY, f64::INFINITY];
        assert_eq!(median(&all), Some(f64::INFINITY));
        assert_eq!(quantile(&all, 0.1), Some(f64::INFINITY), "nothing finite lies between");
        assert_eq!(median(&[1.0, 2.0, f64::INFINITY]), Some(2.0));
    }

    #[test]
    fn the_nearest_stands_for_the_others() {
        assert_eq!(nearest_to_median(&[9.0, 1.0, 5.0, 4.0, 100.0]), Some(2));
        assert_eq!(nearest_to_median(&[1.0, 2.0]), Some(0), "the first of several");
        assert_eq!(nearest_to_median(&[1.0, f64::INFINITY, f64::INFINITY]), Some(1));
        assert_eq!(nearest_to_median(&[]), None);
    }

    proptest! {
        #[test]
        fn lies_within_and_rises(mut values in vec(-1e9..1e9, 1..50), a in 0.0..1.0, b in 0.0..1.0) {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            let (at_low, at_high) = (quantile(&values, low).unwrap(), quantile(&values, high).unwrap());
            prop_assert!(at_low <= at_high);
            values.reverse();
            prop_assert_eq!(quantile(&values, low), Some(at_low), "order does not matter");
            values.sort_unstable_by(f64::total_cmp);
            prop_assert!(values[0] <= at_low && at_high <= values[values.len() - 1]);
        }
    }
}
