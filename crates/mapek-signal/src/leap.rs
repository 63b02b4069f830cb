//! Whether a value has just left where it was.

use crate::{mad, median};

/// How many values tell where a series just was: at the usual step of 30 s five minutes, in which no load changes by itself as a day
/// changes it. With the median of so many, four that already belong to what comes move it hardly.
pub const LEAP_BEFORE: usize = 10;

/// The least spread that is believed in, as a share of where the value was: that of a [`Baseline`](crate::BaselineConfig::SPREAD_MIN).
const SPREAD_MIN: f64 = 0.01;

/// The newest value of a series against where it just was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leap {
    /// Where it was: the median of the [`LEAP_BEFORE`] values before the newest.
    pub from: f64,
    /// How much further off that the newest lies than values of this series usually do, in robust standard deviations of these
    /// distances; at most [`Baseline::SCORE_MAX`](crate::Baseline::SCORE_MAX) either way.
    pub z: f64,
}

/// How far the newest of `values`, the oldest first, lies off those just before it: Hampel's identifier ("The influence curve and its
/// role in robust estimation", 1974) on a sliding window, its scale taken from the whole series.
///
/// A [`Baseline`](crate::Baseline) holds a value against all that was of late, so whatever drifts by itself, as load does through a day,
/// lies off its middle and widens its spread: a jump back to where it was in the morning looks usual. This one sees the jump, and
/// not the drift.
///
/// `None` with fewer than twice [`LEAP_BEFORE`] finite values before the newest: then nobody knows how it moves by itself. O(n).
///
/// ```
/// use mapek_signal::leap;
///
/// let falling = |i: u32| 500.0 - 2.0 * f64::from(i) + f64::from(i * 7 % 5);
/// let mut load: Vec<f64> = (0..40).map(falling).collect();
/// assert!(leap(&load).is_some_and(|it| it.z < 2.0));
/// load.push(490.0); // nothing special half an hour ago
/// assert!(leap(&load).is_some_and(|it| it.z > 4.0 && 490.0 > 1.1 * it.from));
/// ```
#[must_use]
pub fn leap(values: &[f64]) -> Option<Leap> {
    let finite: Vec<f64> = values.iter().copied().filter(|it| it.is_finite()).collect();
    let (newest, earlier) = finite.split_last()?;
    if earlier.len() < 2 * LEAP_BEFORE {
        return None;
    }
    let off = |window: &[f64]| Some(window.last()? - median(&window[..LEAP_BEFORE])?);
    let usual: Vec<f64> = earlier.windows(LEAP_BEFORE + 1).filter_map(off).collect();
    let from = median(&earlier[earlier.len() - LEAP_BEFORE..])?;
    let spread = mad(&usual)?.max(from.abs() * SPREAD_MIN).max(f64::MIN_POSITIVE);
    let most = crate::Baseline::SCORE_MAX;
    let z = ((newest - from - median(&usual)?) / spread).clamp(-most, most);
    (!z.is_nan()).then_some(Leap { from, z })
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// A day that falls, and wavers.
    fn day(n: u32) -> Vec<f64> {
        (0..n).map(|i| 500.0 - 2.0 * f64::from(i) + f64::from(i * 7919 % 11)).collect()
    }

    #[test]
    fn a_jump_is_seen_where_what_is_usual_has_drifted() {
        let mut values = day(40);
        let calm = leap(&values).unwrap();
        assert!(calm.z.abs() < 2.0, "{calm:?}");
        // As much as there was in the middle of the series.
        values.push(470.0);
        let jumped = leap(&values).unwrap();
        assert!(jumped.z > 4.0 && (jumped.from - 440.0).abs() < 12.0, "{jumped:?}");
        let mut baseline = crate::Baseline::new(crate::BaselineConfig::default());
        day(40).into_iter().for_each(|it| baseline.learn(it));
        assert!(baseline.score(470.0).unwrap() < 1.0, "a baseline does not see it");
    }

    #[test]
    fn what_jumps_all_the_time_has_not_leapt() {
        let bursts = (0..43_u32).map(|i| if i % 4 < 2 { 500.0 } else { 600.0 });
        let bursts: Vec<f64> = bursts.collect();
        assert!(leap(&bursts).unwrap().z < 2.0);
    }

    #[test]
    fn nobody_knows_of_a_series_that_has_just_begun() {
        assert_eq!(leap(&day(20)), None);
        assert!(leap(&day(21)).is_some());
        let mut gaps = day(21);
        gaps[3] = f64::NAN;
        assert_eq!(leap(&gaps), None);
    }

    #[test]
    fn the_first_moments_of_what_comes_do_not_hide_it() {
        let mut values = day(40);
        values.extend([600.0; 4]);
        assert!(leap(&values).unwrap().z > 4.0);
    }

    proptest! {
        #[test]
        fn the_higher_the_newest_the_further_it_leaps(
            values in vec(-1e3..1e3_f64, 20..60), a in -1e4..1e4_f64, b in -1e4..1e4_f64,
        ) {
            let z = |newest| {
                let mut values = values.clone();
                values.push(newest);
                leap(&values).unwrap().z
            };
            prop_assert!(z(a.min(b)) <= z(a.max(b)));
        }
    }
}
