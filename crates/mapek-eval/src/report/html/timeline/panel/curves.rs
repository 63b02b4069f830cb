//! Curves over time, of whoever is judged before doing nothing and the oracle.

use plotters::style::RGBColor;

use super::super::super::{
    super::words::rounded,
    Drawn,
    palette::{GRID, LIMIT, MUTED, NOTHING, ORACLE, STEERED},
    plot::{Anchor, Axis, Canvas, Drawing, Point, px},
    simplify::simplified,
};
use crate::{Moment, Trace};

pub(super) struct Curves {
    /// The last above the others, and filled if `filled`.
    lines: Vec<Line>,
    filled: bool,
    values: (f64, f64),
    ticks: Vec<(f64, String)>,
    limit: Option<f64>,
    /// In pixels of the page.
    pub(super) high: i32,
}

struct Line {
    /// Minutes and values.
    points: Vec<(f64, f64)>,
    color: RGBColor,
    width: u32,
}

/// What is lost, all panels alike.
pub(super) fn loss(drawn: &Drawn) -> Curves {
    let ticks = [0.0, 0.5, 1.0].map(|it| (it, format!("{} %", it * 100.0)));
    Curves {
        filled: true,
        values: (0.0, 1.0),
        ticks: ticks.into(),
        limit: None,
        high: 96,
        lines: lines(drawn, |it| it.loss),
    }
}

/// On a logarithmic axis: a queue that grows makes all else flat on any other.
pub(super) fn p99(drawn: &Drawn, limit: f64) -> Curves {
    // Below a millisecond and beyond a day, it makes no difference.
    let log = |seconds: f64| seconds.clamp(1e-3, 1e5).log10();
    let lines = lines(drawn, |it| log(it.validation_p99_s));
    let all = || lines.iter().flat_map(|it| &it.points).map(|it| it.1).filter(|it| it.is_finite());
    let limit = log(limit);
    let low = all().fold(limit - 1.0, f64::min).floor();
    let high = all().fold(limit + 0.5, f64::max);
    let decades = (low as i32..=high.floor() as i32).map(|it| (f64::from(it), power(it)));
    Curves {
        filled: false,
        values: (low, high),
        ticks: decades.collect(),
        limit: Some(limit),
        high: 72,
        lines,
    }
}

/// `10 ms`, `1 s`, `100 s`.
fn power(exponent: i32) -> String {
    if exponent < 0 {
        format!("{} ms", rounded(10_f64.powi(exponent + 3), 0))
    } else {
        format!("{} s", rounded(10_f64.powi(exponent), 0))
    }
}

/// The share of requests that fail; on an axis of at least a tenth.
pub(super) fn failing(drawn: &Drawn, limit: f64) -> Curves {
    let lines = lines(drawn, |it| it.failure_rate);
    let all = lines.iter().flat_map(|it| &it.points).map(|it| it.1).filter(|it| it.is_finite());
    let most = all.fold((limit * 1.2).max(0.1), f64::max).min(1.0);
    let step = [0.05, 0.1, 0.2, 0.5].into_iter().find(|it| most / it <= 3.0).unwrap_or(0.5);
    let ticks = (0..=3).map(|n| f64::from(n) * step).filter(|it| *it <= most);
    let ticks = ticks.map(|it| (it, format!("{} %", rounded(it * 100.0, 0)))).collect();
    Curves { filled: false, values: (0.0, most), ticks, limit: Some(limit), high: 60, lines }
}

/// Doing nothing, the oracle, and whoever is judged above them.
fn lines(drawn: &Drawn, of: impl Fn(&Moment) -> f64) -> Vec<Line> {
    let line = |trace: &Trace, color, width| {
        let points = trace.moments.iter().map(|it| (it.at_s / 60.0, of(it)));
        Line { points: points.collect(), color, width }
    };
    let nothing = drawn.nothing.as_ref().map(|it| line(it, NOTHING, 2));
    let oracle = drawn.oracle.as_ref().map(|it| line(it, ORACLE, 3));
    let steered = Some(line(&drawn.steered, STEERED, 4));
    [nothing, oracle, steered].into_iter().flatten().collect()
}

impl Curves {
    pub(super) fn draw(&self, canvas: &Canvas<'_>, x: Axis, top: i32) -> Drawing {
        let y = Axis { values: self.values, pixels: (px(top + self.high), px(top + 4)) };
        for (value, words) in &self.ticks {
            let at = y.at(*value);
            canvas.line(vec![(x.pixels.0, at), (x.pixels.1, at)], GRID, 2)?;
            canvas.text(words, (x.pixels.0 - px(6), at), Anchor::Right, MUTED)?;
        }
        if let Some(limit) = self.limit {
            let at = y.at(limit);
            canvas.line(vec![(x.pixels.0, at), (x.pixels.1, at)], LIMIT, 3)?;
        }
        for (place, line) in self.lines.iter().enumerate() {
            let filled = self.filled && place + 1 == self.lines.len();
            for stretch in stretches(&line.points, x, y) {
                if filled {
                    canvas.fill(closed(&stretch, y.pixels.0), line.color, 0.18)?;
                }
                canvas.line(stretch, line.color, line.width)?;
            }
        }
        Ok(())
    }
}

/// A curve in pixels, in pieces where there is no number.
fn stretches(line: &[(f64, f64)], x: Axis, y: Axis) -> Vec<Vec<Point>> {
    let shown = |it: &(f64, f64)| (x.values.0..=x.values.1).contains(&it.0) && !it.1.is_nan();
    let pieces = line.chunk_by(|a, b| shown(a) == shown(b)).filter(|it| shown(&it[0]));
    let pixels = |it: &(f64, f64)| (x.at(it.0), y.at(it.1));
    pieces.map(|it| simplified(&it.iter().map(pixels).collect::<Vec<_>>())).collect()
}

/// The area between a curve and the bottom.
fn closed(line: &[Point], bottom: i32) -> Vec<Point> {
    let ends = [line.last(), line.first()].into_iter().flatten();
    line.iter().copied().chain(ends.map(|it| (it.0, bottom))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_gap() {
        let axis = |to| Axis { values: (0.0, to), pixels: (0, 100) };
        let line = [
            (-1.0, 0.0),
            (0.0, 0.0),
            (1.0, 1.0),
            (2.0, f64::NAN),
            (3.0, f64::INFINITY),
            (9.0, 0.0),
        ];
        let drawn = stretches(&line, axis(4.0), axis(2.0));
        assert_eq!(
            drawn,
            [vec![(0, 0), (25, 50)], vec![(75, 100)]],
            "what is outside, or no number, is not drawn"
        );
        assert!(closed(&[], 0).is_empty());
    }

    #[test]
    fn powers_read_well() {
        assert_eq!([-3, -1, 0, 2].map(power), ["1 ms", "100 ms", "1 s", "100 s"]);
    }
}
