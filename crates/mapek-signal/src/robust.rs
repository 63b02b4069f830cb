//! Statistics that a few wild values cannot move far.

/// What the median absolute deviation is multiplied with to estimate the standard deviation of normal data: 1/Φ⁻¹(¾).
/// Rousseeuw and Croux, "Alternatives to the Median Absolute Deviation", 1993.
pub const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// The `q`-quantile (0 to 1) of the finite values: linear between neighbours, as Hyndman and Fan's definition 7 (1996).
/// `None` if there is no finite value or `q` is outside 0..=1. O(n).
///
/// ```
/// assert_eq!(mapek_signal::quantile(&[4.0, 1.0, f64::NAN, 3.0, 2.0], 0.5), Some(2.5));
/// ```
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    quantile_of_finite(&mut finite, q)
}

/// As [`quantile`], of values that are all finite, and may be reordered.
pub(crate) fn quantile_of_finite(values: &mut [f64], q: f64) -> Option<f64> {
    if values.is_empty() || !(0.0..=1.0).contains(&q) {
        return None;
    }
    let place = q * (values.len() - 1) as f64;
    let below = place.floor() as usize;
    let share = place - place.floor();
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    // Not `low + share * (high - low)`: the difference of two huge values overflows.
    Some(low * (1.0 - share) + high * share)
}

/// The median of the finite values; `None` if there is none. O(n).
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The median absolute deviation from the median, of the finite values, times [`MAD_TO_SIGMA`]: an estimate of the standard
/// deviation that breaks down only if half of the values are wild. `None` if there is no finite value. O(n).
#[must_use]
pub fn mad(values: &[f64]) -> Option<f64> {
    let center = median(values)?;
    let mut off: Vec<f64> = values
        .iter()
        .filter(|value| value.is_finite())
        .map(|value| (value - center).abs())
        .filter(|value| value.is_finite())
        .collect();
    Some(quantile_of_finite(&mut off, 0.5)? * MAD_TO_SIGMA)
}

/// How many robust standard deviations `value` lies off the median of `values` (Iglewicz and Hoaglin, "How to Detect and
/// Handle Outliers", 1993). `None` if it cannot be told: no finite value, or all of them (nearly) equal.
///
/// ```
/// let usual = [1.0, 1.1, 0.9, 1.05, 0.95];
/// assert!(mapek_signal::robust_z(5.0, &usual).is_some_and(|z| z > 10.0));
/// assert_eq!(mapek_signal::robust_z(5.0, &[1.0, 1.0, 1.0]), None);
/// ```
#[must_use]
pub fn robust_z(value: f64, values: &[f64]) -> Option<f64> {
    let z = (value - median(values)?) / mad(values)?;
    z.is_finite().then_some(z)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    #[test]
    fn textbook_values() {
        let values = [1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0];
        assert_eq!(median(&values), Some(2.0));
        assert_eq!(mad(&values), Some(MAD_TO_SIGMA));
        assert_eq!(quantile(&values, 1.0), Some(9.0));
        assert_eq!(median(&[f64::NAN, f64::INFINITY]), None);
        assert_eq!(quantile(&values, 1.1), None);
        assert_eq!(quantile(&values, f64::NAN), None);
    }

    #[test]
    fn half_of_the_values_may_lie() {
        let mut values = vec![10.0; 6];
        values.extend([1e300; 5]);
        assert_eq!(median(&values), Some(10.0));
        assert_eq!(mad(&values), Some(0.0));
    }

    proptest! {
        #[test]
        fn a_quantile_lies_within_and_grows_with_q(
            values in vec(-1e12..1e12_f64, 1..60), a in 0.0..=1.0_f64, b in 0.0..=1.0_f64,
        ) {
            let (low, high) = (a.min(b), a.max(b));
            let (x, y) = (quantile(&values, low).unwrap(), quantile(&values, high).unwrap());
            let (min, max) = (quantile(&values, 0.0).unwrap(), quantile(&values, 1.0).unwrap());
            prop_assert!(min <= x + 1e-3 && x <= y + 1e-3 && y <= max + 1e-3);
        }

        #[test]
        fn a_robust_score_knows_no_units(
            values in vec(-1e3..1e3_f64, 5..40), value in -1e3..1e3_f64,
            scale in 0.1..10.0_f64, shift in -1e3..1e3_f64,
        ) {
            let moved: Vec<f64> = values.iter().map(|it| it * scale + shift).collect();
            if let (Some(a), Some(b)) = (robust_z(value, &values), robust_z(value * scale + shift, &moved)) {
                prop_assert!((a - b).abs() <= 1e-6 * a.abs().max(1.0), "{a} {b}");
            }
        }
    }
}
