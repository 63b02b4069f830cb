//! One run of a scenario over time: what went wrong, what was lost, what was seen, guessed and done, beside doing nothing and the oracle.

mod events;
mod panel;
mod spans;

use super::{
    Drawn,
    palette::{FAULT, GRID, MUTED, SENSE},
    plot::{Anchor, Axis, Canvas, Drawing, px, svg},
};
use panel::Panel;
use spans::Bar;

pub(super) use events::{Event, EventKind, events};

/// The picture, wide and narrow.
pub(super) fn timeline(drawn: &Drawn) -> String {
    picture("wide", 1000, drawn) + &picture("narrow", 370, drawn)
}

const LEFT: i32 = 50;
const RIGHT: i32 = 12;
const BOTTOM: i32 = 22;

fn picture(class: &str, width: i32, drawn: &Drawn) -> String {
    let x = Axis { values: stretch(drawn), pixels: (px(LEFT), px(width - RIGHT)) };
    let faults = spans::faults(&drawn.scenario);
    let panels = panel::panels(drawn, &faults, x);
    let high = panels.iter().map(Panel::height).sum::<i32>();
    let title = format!("Timeline of {}, seed {}", drawn.scenario.name, drawn.steered.seed);
    svg(class, (width, high + BOTTOM), &title, |canvas| {
        background(canvas, x, high, &faults)?;
        let mut top = 0;
        for panel in &panels {
            panel.draw(canvas, x, top)?;
            top += panel.height();
        }
        Ok(())
    })
}

/// From shortly before the end of the warm-up to the horizon, in minutes.
fn stretch(drawn: &Drawn) -> (f64, f64) {
    let minutes = |it: mapek_model::Duration| it.as_secs_f64() / 60.0;
    let horizon = minutes(drawn.scenario.horizon);
    let before = (horizon / 20.0).min(minutes(drawn.scenario.warm_up));
    (-before, horizon.max(1.0 / 60.0))
}

/// The faults' times and the grid of time, behind all panels.
fn background(canvas: &Canvas<'_>, x: Axis, high: i32, faults: &[spans::Row]) -> Drawing {
    for Bar { from, to, color } in faults.iter().flat_map(|row| row.bars.iter().copied()) {
        let opacity = if color == FAULT { 0.08 } else { 0.07 };
        debug_assert!([FAULT, SENSE].contains(&color), "faults have two colours");
        canvas.rectangle((x.at(from), 0), (x.at(to), px(high)), color, opacity)?;
    }
    for minute in ticks(x) {
        let at = x.at(minute);
        canvas.line(vec![(at, 0), (at, px(high))], GRID, 2)?;
        let words = if minute > 0.0 { label(minute) } else { "0".to_owned() };
        let near_end = at + px(16) > x.pixels.1;
        let anchor = if near_end { Anchor::Right } else { Anchor::Middle };
        canvas.text(&words, (at, px(high + 12)), anchor, MUTED)?;
    }
    Ok(())
}

/// Minutes that carry a label.
fn ticks(x: Axis) -> impl Iterator<Item = f64> {
    const STEPS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 240.0, 720.0, 1_440.0];
    let room = f64::from(x.pixels.1 - x.pixels.0) / f64::from(px(62));
    let least = x.values.1 / room;
    // Beyond a month of simulated time, labels may run into each other.
    let step = STEPS.into_iter().find(|it| *it >= least).unwrap_or(10_080.0);
    let count = (x.values.1 / step + 1e-9).floor() as u32;
    (0..=count).map(move |n| f64::from(n) * step)
}

/// `45 min`, `2 h`, `2 h 30`.
fn label(minutes: f64) -> String {
    let (hours, rest) = ((minutes / 60.0).floor(), (minutes % 60.0).round());
    match (hours as u32, rest as u32) {
        (0, rest) => format!("{rest} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, rest) => format!("{hours} h {rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_read_well() {
        assert_eq!([5.0, 60.0, 150.0].map(label), ["5 min", "1 h", "2 h 30"]);
        let axis = |to, wide| Axis { values: (-2.0, to), pixels: (0, px(wide)) };
        assert_eq!(ticks(axis(45.0, 878)).last(), Some(45.0));
        assert!(ticks(axis(45.0, 298)).count() <= 5);
        assert!(ticks(axis(100_000.0, 878)).count() < 15);
    }
}
