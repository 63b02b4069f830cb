//! The calibration curve, and how much it rests on.

use super::{
    palette::{GRID, INK, LIMIT, MUTED, STEERED},
    plot::{Anchor, Axis, Canvas, Drawing, px, svg},
};
use crate::statistics::CalibrationPoint;

const WIDE: i32 = 420;
const HIGH: i32 = 470;

/// Stated confidence against the share that was right, with what is chance; below, how often each was stated.
pub(super) fn calibration(points: &[CalibrationPoint]) -> String {
    let x = Axis { values: (0.0, 1.0), pixels: (px(46), px(WIDE - 10)) };
    let y = Axis { values: (0.0, 1.0), pixels: (px(370), px(10)) };
    let title = "Calibration: share of the diagnoses that was right, by stated confidence";
    svg("square", (WIDE, HIGH), title, |canvas| {
        grid(canvas, x, y)?;
        for point in points {
            interval(canvas, x, y, point)?;
        }
        let at = |it: &CalibrationPoint| (x.at(it.stated), y.at(it.right));
        canvas.line(points.iter().map(at).collect(), STEERED, 3)?;
        for point in points {
            canvas.dot(at(point), px(4), plotters::style::Color::filled(&STEERED))?;
        }
        masses(canvas, x, points)
    })
}

fn grid(canvas: &Canvas<'_>, x: Axis, y: Axis) -> Drawing {
    for percent in [0, 20, 40, 60, 80, 100] {
        let value = f64::from(percent) / 100.0;
        canvas.line(vec![(x.at(value), y.at(0.0)), (x.at(value), y.at(1.0))], GRID, 2)?;
        canvas.line(vec![(x.at(0.0), y.at(value)), (x.at(1.0), y.at(value))], GRID, 2)?;
        let below = (x.at(value), y.at(0.0) + px(11));
        let last = if percent == 100 { Anchor::Right } else { Anchor::Middle };
        canvas.text(&format!("{percent} %"), below, last, MUTED)?;
        if percent > 0 {
            let beside = (x.at(0.0) - px(6), y.at(value));
            canvas.text(&percent.to_string(), beside, Anchor::Right, MUTED)?;
        }
    }
    canvas.line(vec![(x.at(0.0), y.at(0.0)), (x.at(1.0), y.at(1.0))], LIMIT, 3)?;
    canvas.text("% right", (x.at(0.0) + px(6), y.at(1.0) + px(10)), Anchor::Left, INK)?;
    canvas.text("stated confidence", (x.at(1.0) - px(6), y.at(0.0) - px(10)), Anchor::Right, INK)
}

fn interval(canvas: &Canvas<'_>, x: Axis, y: Axis, point: &CalibrationPoint) -> Drawing {
    let (x, half) = (x.at(point.stated), px(3));
    let (low, high) = (y.at(point.right_interval.low), y.at(point.right_interval.high));
    canvas.line(vec![(x, low), (x, high)], STEERED, 2)?;
    for end in [low, high] {
        canvas.line(vec![(x - half, end), (x + half, end)], STEERED, 2)?;
    }
    Ok(())
}

/// A bar for each point, as high as its mass, with how many statements it holds.
fn masses(canvas: &Canvas<'_>, x: Axis, points: &[CalibrationPoint]) -> Drawing {
    let (top, bottom) = (px(414), px(HIGH - 18));
    let most = points.iter().map(|it| it.mass).fold(0.0, f64::max);
    let height = Axis { values: (0.0, most.max(f64::MIN_POSITIVE)), pixels: (bottom, top) };
    canvas.text(
        "how often stated, and in how many cycles",
        (x.at(0.0), px(401)),
        Anchor::Left,
        INK,
    )?;
    canvas.line(vec![(x.at(0.0), bottom), (x.at(1.0), bottom)], GRID, 2)?;
    let mut free = 0;
    for point in points {
        let middle = x.at(point.stated);
        let top = height.at(point.mass);
        canvas.rectangle((middle - px(5), top), (middle + px(5), bottom), STEERED, 0.6)?;
        let words = short(point.count);
        let half = super::plot::width_of(&words) / 2;
        // Counts that would run into each other are left out.
        if middle - half >= free {
            canvas.text(&words, (middle, bottom + px(9)), Anchor::Middle, MUTED)?;
            free = middle + half + px(2);
        }
    }
    Ok(())
}

/// `950`, `7.2k`.
fn short(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..10_000 => format!("{:.1}k", count as f64 / 1e3),
        10_000..1_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", count / 1_000_000),
    }
}
