//! Scales that people can read: round numbers, in a unit of a handy size.

/// How a value is laid along an axis.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    /// What the axis is marked with, lowest first.
    pub(super) ticks: Vec<f64>,
    unit: Handy,
}

/// A unit, made larger or smaller so that numbers are short.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Handy {
    name: &'static str,
    /// How many of the original unit it is.
    size: f64,
}

/// Ticks that an axis has about room for.
const TICKS: f64 = 4.0;

/// Round numbers, as parts of ten.
const ROUND: [f64; 5] = [1.0, 2.0, 2.5, 5.0, 10.0];

impl Scale {
    /// For values from `low` to `high`, and `also` if that does not make them a line at the bottom.
    pub(super) fn new((low, high): (f64, f64), also: Option<f64>, unit: Option<&str>) -> Self {
        const FAR: f64 = 4.0;
        // Halves, so that the difference of any two is finite.
        let tame = |value: f64| value.clamp(f64::MIN / 4.0, f64::MAX / 4.0);
        let (mut low, mut high) = (tame(low.min(high)), tame(low.max(high)));
        if let Some(also) = also.map(tame) {
            let reach = (high - low).max(high.abs()).max(low.abs());
            if also <= high + FAR * reach && also >= low - FAR * reach {
                (low, high) = (low.min(also), high.max(also));
            }
        }
        // What is counted from nothing is shown from nothing, unless that would hide how it moves.
        if low > 0.0 && low < 0.6 * high {
            low = 0.0;
        } else if high < 0.0 && high > 0.6 * low {
            high = 0.0;
        }
        if high - low <= f64::EPSILON * high.abs().max(low.abs()) || high <= low {
            let room = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            (low, high) = if low == 0.0 { (0.0, 1.0) } else { (low - room, high + room) };
        }
        let handy = handy(unit, low.abs().max(high.abs()));
        let step = round_up((high - low) / handy.size / TICKS) * handy.size;
        let first = (low / step).floor();
        let last = (high / step).ceil();
        let mut ticks: Vec<f64> = Vec::new();
        let mut next = first;
        while next <= last && ticks.len() < 12 {
            ticks.push(next * step);
            next += 1.0;
        }
        let low = ticks.first().copied().unwrap_or(low).min(low);
        let high = ticks.last().copied().unwrap_or(high).max(high);
        Self { low, high, ticks, unit: handy }
    }

    /// Where a value is: 0 at the bottom, 1 at the top, and never beyond.
    pub(super) fn share(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Whether a value has a place on it.
    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// A value with its unit, as short as it may be: `250 ms`.
    pub(super) fn text(&self, value: f64) -> String {
        self.unit.text(value)
    }
}

/// A value by itself with its unit, as short as it may be.
pub(in crate::console) fn measured(value: f64, unit: Option<&str>) -> String {
    // Nothing is nothing in any unit.
    handy(unit, if value == 0.0 { 1.0 } else { value.abs() }).text(value)
}

/// The size of a unit in which the greatest value is a number that people like.
fn handy(unit: Option<&str>, greatest: f64) -> Handy {
    const K: f64 = 1024.0;
    let pick = |sizes: &[Handy]| {
        let fits = sizes.iter().rev().find(|it| greatest >= it.size);
        fits.or(sizes.first()).copied().unwrap_or(Handy { name: "", size: 1.0 })
    };
    let of = |name, size| Handy { name, size };
    match unit {
        Some("s") => pick(&[
            of("µs", 1e-6),
            of("ms", 1e-3),
            of("s", 1.0),
            of("min", 120.0),
            of("h", 7200.0),
            of("d", 172_800.0),
        ])
        .rounded(&[("min", 60.0), ("h", 3600.0), ("d", 86_400.0)]),
        Some("ms") => pick(&[of("ms", 1.0), of("s", 1e3)]),
        Some("B") => pick(&[
            of("B", 1.0),
            of("KiB", K),
            of("MiB", K * K),
            of("GiB", K * K * K),
            of("TiB", K * K * K * K),
        ]),
        Some("share") => of("%", 0.01),
        Some("1/s") => pick(&[of("/s", 1.0), of("k/s", 1e4), of("M/s", 1e7)])
            .rounded(&[("k/s", 1e3), ("M/s", 1e6)]),
        Some("%") => of("%", 1.0),
        Some("°C") => of("°C", 1.0),
        _ => pick(&[of("", 1.0), of("k", 1e4), of("M", 1e7), of("G", 1e10), of("T", 1e13)])
            .rounded(&[("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)]),
    }
}

impl Handy {
    fn text(&self, value: f64) -> String {
        // A smaller unit makes more of it than there are numbers.
        let number = short((value / self.size).clamp(f64::MIN, f64::MAX));
        if self.name.is_empty() { number } else { format!("{number} {}", self.name) }
    }

    /// A unit is taken from twice, or ten times, its size on; what counts is its size.
    fn rounded(self, sizes: &[(&'static str, f64)]) -> Self {
        let size = sizes.iter().find(|(name, _)| *name == self.name).map(|(_, size)| *size);
        Self { size: size.unwrap_or(self.size), ..self }
    }
}

/// The least round number that is not below `value`.
fn round_up(value: f64) -> f64 {
    if !(value.is_finite() && value > f64::MIN_POSITIVE) {
        return 1.0;
    }
    let ten = 10_f64.powf(value.log10().floor());
    let round = ROUND.iter().map(|it| it * ten).find(|it| *it >= value * (1.0 - 1e-9));
    round.unwrap_or(10.0 * ten)
}

/// A number with four digits that say something, at most.
fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e7).contains(&size) {
        return format!("{value:.1e}");
    }
    let digits = if size >= 1000.0 {
        0
    } else if size >= 100.0 {
        1
    } else if size >= 1.0 {
        2
    } else {
        4
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    };
    if text == "-0" { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_by_itself_has_the_unit_that_fits_it() {
        let all = [(0.25, "s"), (198_666_667.0, "B"), (0.5, "share"), (71.69, "1/s"), (0.0, "s")];
        let texts = all.map(|(value, unit)| measured(value, Some(unit)));
        assert_eq!(texts, ["250 ms", "189.5 MiB", "50 %", "71.69 /s", "0 s"]);
        assert_eq!(measured(12.0, None), "12");
    }

    fn ticks(low: f64, high: f64, also: Option<f64>, unit: &str) -> Vec<String> {
        let scale = Scale::new((low, high), also, Some(unit));
        scale.ticks.iter().map(|it| scale.text(*it)).collect()
    }

    #[test]
    fn axes_are_marked_with_round_numbers_in_handy_units() {
        assert_eq!(ticks(0.02, 0.9, Some(1.0), "s"), ["0 s", "0.25 s", "0.5 s", "0.75 s", "1 s"]);
        assert_eq!(ticks(0.0, 0.5, None, "share"), ["0 %", "20 %", "40 %", "60 %"]);
        assert_eq!(ticks(900.0, 950.0, None, "1/s"), ["900 /s", "920 /s", "940 /s", "960 /s"]);
        assert_eq!(ticks(0.0, 86_400.0, None, "s"), ["0 h", "10 h", "20 h", "30 h"]);
        assert_eq!(ticks(3.0, 3.0, None, ""), ["2.6", "2.8", "3", "3.2", "3.4"]);
        assert_eq!(ticks(0.0, 0.0, None, "s").first().unwrap(), "0 s");
    }

    #[test]
    fn what_no_unit_has_a_number_for_is_a_number_all_the_same() {
        let scale = Scale::new((1e-193, 1e-193), Some(2.7e302), Some("s"));
        assert!(!scale.text(2.7e302).contains("inf"), "{}", scale.text(2.7e302));
    }

    #[test]
    fn a_threshold_that_is_far_away_does_not_flatten_the_line() {
        let scale = Scale::new((0.01, 0.02), Some(1.0), Some("s"));
        assert!(!scale.holds(1.0) && scale.high < 0.1, "{scale:?}");
        assert!(Scale::new((0.1, 0.4), Some(1.0), Some("s")).holds(1.0));
    }

    proptest! {
        #[test]
        fn whatever_is_measured_has_a_finite_place(
            a in prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL,
            b in prop::num::f64::NORMAL | prop::num::f64::ZERO,
            also in prop::option::of(prop::num::f64::NORMAL),
            unit in prop::sample::select(vec!["s", "ms", "B", "share", "1/s", "%", ""]),
        ) {
            let scale = Scale::new((a, b), also, Some(unit));
            prop_assert!(scale.low.is_finite() && scale.high.is_finite() && scale.low < scale.high);
            prop_assert!((1..=12).contains(&scale.ticks.len()), "{:?}", scale);
            prop_assert!(scale.ticks.is_sorted());
            for value in [a, b] {
                prop_assert!((0.0..=1.0).contains(&scale.share(value)));
                prop_assert!(!scale.text(value).contains("NaN"));
            }
        }
    }
}
