//! Functions of the samples in a window.
//!
//! Formulas as in Prometheus 2.42; `rate` and its kin extrapolate to the edges of the window, but by no more than half the
//! usual distance of samples where the series begins or ends inside it, and never below zero.

use super::{Matrix, seconds, stats};

/// One series' samples, and the window that they are of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) points: &'a [(i64, f64)],
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    /// The time of evaluation.
    pub(super) at_ms: i64,
}

impl<'a> Window<'a> {
    pub(super) fn new(matrix: &Matrix, points: &'a [(i64, f64)], at_ms: i64) -> Self {
        Self { points, from_ms: matrix.from_ms, to_ms: matrix.to_ms, at_ms }
    }

    fn values(self) -> impl Iterator<Item = f64> + 'a {
        self.points.iter().map(|&(_, value)| value)
    }

    fn pairs(self) -> impl Iterator<Item = (f64, f64)> + 'a {
        self.points.windows(2).map(|pair| (pair[0].1, pair[1].1))
    }

    fn count(self, wanted: impl Fn(f64, f64) -> bool) -> f64 {
        self.pairs().filter(|&(before, after)| wanted(before, after)).count() as f64
    }
}

/// A function of a window alone; none where there are too few samples.
pub(super) type WindowFunction = fn(Window<'_>) -> Option<f64>;

/// The function of that name, if it takes nothing but a window.
pub(super) fn function(name: &str) -> Option<WindowFunction> {
    Some(match name {
        "rate" => |it| extrapolated(it, true).map(|increase| increase / length_s(it)),
        "increase" => |it| extrapolated(it, true),
        "delta" => |it| extrapolated(it, false),
        "irate" => |it| last_step(it, true),
        "idelta" => |it| last_step(it, false),
        "deriv" => |it| {
            let first = it.points.first()?.0;
            (it.points.len() > 1).then(|| regression(it, first).0)
        },
        "changes" => |it| Some(it.count(|a, b| !(stats::same(a, b) || a.is_nan() && b.is_nan()))),
        "resets" => |it| Some(it.count(|a, b| b < a)),
        "avg_over_time" => |it| Some(stats::mean(it.values())),
        "min_over_time" => |it| extreme(it, |best, value| value < best),
        "max_over_time" => |it| extreme(it, |best, value| value > best),
        "sum_over_time" => |it| {
            let mut sum = stats::Sum::default();
            it.values().for_each(|value| sum.add(value));
            Some(sum.total())
        },
        "count_over_time" => |it| Some(it.points.len() as f64),
        "last_over_time" => |it| it.values().last(),
        "present_over_time" => |_| Some(1.0),
        "stdvar_over_time" => |it| Some(stats::variance(it.values())),
        "stddev_over_time" => |it| Some(stats::variance(it.values()).sqrt()),
        _ => return None,
    })
}

fn length_s(window: Window<'_>) -> f64 {
    seconds(window.to_ms - window.from_ms)
}

/// How much the series changes over the whole window; a counter's resets are made up for.
fn extrapolated(window: Window<'_>, counter: bool) -> Option<f64> {
    let (&(first_ms, first), &(last_ms, last)) = (window.points.first()?, window.points.last()?);
    if window.points.len() < 2 {
        return None;
    }
    let resets: f64 = window.pairs().filter(|(a, b)| b < a).map(|(before, _)| before).sum();
    let change = last - first + if counter { resets } else { 0.0 };

    let sampled = seconds(last_ms - first_ms);
    let usual = sampled / (window.points.len() - 1) as f64;
    let mut to_start = seconds(first_ms - window.from_ms);
    let to_end = seconds(window.to_ms - last_ms);
    if counter && change > 0.0 && first >= 0.0 {
        // Where a counter would have been zero it began.
        to_start = to_start.min(sampled * (first / change));
    }
    let reach = |distance: f64| if distance < usual * 1.1 { distance } else { usual / 2.0 };
    Some(change * ((sampled + reach(to_start) + reach(to_end)) / sampled))
}

/// From the last sample but one to the last: per second, or the plain difference.
fn last_step(window: Window<'_>, rate: bool) -> Option<f64> {
    let [.., (before_ms, before), (last_ms, last)] = *window.points else { return None };
    let change = if rate && last < before { last } else { last - before };
    Some(if rate { change / seconds(last_ms - before_ms) } else { change })
}

fn extreme(window: Window<'_>, better: impl Fn(f64, f64) -> bool) -> Option<f64> {
    window.values().reduce(
        |best, value| {
            if better(best, value) || best.is_nan() { value } else { best }
        },
    )
}

/// Slope per second, and the value at `at_ms`, of the line with the least squares.
fn regression(window: Window<'_>, at_ms: i64) -> (f64, f64) {
    let first = window.points[0].1;
    if window.values().all(|value| stats::same(value, first)) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let n = window.points.len() as f64;
    let [mut x, mut y, mut xy, mut xx] = [stats::Sum::default(); 4];
    for &(point_ms, value) in window.points {
        let time = seconds(point_ms - at_ms);
        x.add(time);
        y.add(value);
        xy.add(time * value);
        xx.add(time * time);
    }
    let (x, y, xy, xx) = (x.total(), y.total(), xy.total(), xx.total());
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}

/// Where the line with the least squares will be in `ahead_s` seconds.
pub(super) fn predict_linear(window: Window<'_>, ahead_s: f64) -> Option<f64> {
    if window.points.len() < 2 {
        return None;
    }
    let (slope, now) = regression(window, window.at_ms);
    Some(slope * ahead_s + now)
}

pub(super) fn quantile(window: Window<'_>, q: f64) -> Option<f64> {
    Some(stats::quantile(q, window.values().collect()))
}

/// Double exponential smoothing (Holt, 1957), with factors between 0 and 1 for level and trend.
pub(super) fn holt_winters(window: Window<'_>, level: f64, trend: f64) -> Option<f64> {
    let [(_, first), (_, second), ..] = *window.points else { return None };
    let (mut before, mut now, mut slope) = (0.0, first, second - first);
    for (i, value) in window.values().enumerate().skip(1) {
        if i > 1 {
            slope = trend * (now - before) + (1.0 - trend) * slope;
        }
        (before, now) = (now, level * value + (1.0 - level) * (now + slope));
    }
    Some(now)
}
