//! The panels of a timeline, one below the other.

mod bars;
mod curves;
mod marks;

use super::{
    super::{
        Drawn,
        palette::MUTED,
        plot::{Anchor, Axis, Canvas, Drawing, px},
    },
    events,
    spans::{self, Row},
};
use crate::Trace;
use curves::Curves;
use marks::Placed;

/// A panel: its caption, and what is in it.
pub(super) struct Panel {
    caption: String,
    inside: Inside,
}

enum Inside {
    Bars(Vec<Row>),
    Curves(Curves),
    Marks(Vec<Placed>),
}

const CAPTION: i32 = 18;
const LANE: i32 = 17;
/// Most rows of bars, and lanes of marks: more would be a picture of nothing else. The list below the picture has all.
const LANES_MAX: usize = 8;

pub(super) fn panels(drawn: &Drawn, faults: &[Row], x: Axis) -> Vec<Panel> {
    let end = x.values.1;
    let scenario = &drawn.scenario;
    let objective = &scenario.objective;
    let over_time = |caption: &str, inside| Panel {
        caption: caption.to_owned(),
        inside: Inside::Curves(inside),
    };
    let all = [
        lasting("what goes wrong", faults.to_vec()),
        Some(over_time("objective lost", curves::loss(drawn))),
        Some(over_time("p99 of validation", curves::p99(drawn, objective.validation_p99_s))),
        Some(over_time("requests that fail", curves::failing(drawn, objective.failure_rate))),
        lasting("violations seen", spans::seen(&drawn.steered, end)),
        lasting("first guess at the cause", spans::guesses(scenario, &drawn.steered, end)),
        Some(happened(&drawn.steered, x)),
    ];
    all.into_iter().flatten().collect()
}

/// Nothing where there are none.
fn lasting(caption: &str, mut rows: Vec<Row>) -> Option<Panel> {
    let more = rows.len().saturating_sub(LANES_MAX);
    rows.truncate(LANES_MAX);
    let caption =
        if more > 0 { format!("{caption} (and {more} more)") } else { caption.to_owned() };
    (!rows.is_empty()).then_some(Panel { caption, inside: Inside::Bars(rows) })
}

/// There even if nothing was done: that is what one wants to see.
fn happened(trace: &Trace, x: Axis) -> Panel {
    let placed = marks::placed(events(trace), x);
    let caption = if placed.is_empty() { "actions: none" } else { "actions" };
    Panel { caption: caption.to_owned(), inside: Inside::Marks(placed) }
}

impl Panel {
    /// In pixels of the page.
    pub(super) fn height(&self) -> i32 {
        let lanes = |count: usize| i32::try_from(count).unwrap_or(0) * LANE;
        let inside = match &self.inside {
            Inside::Bars(rows) => lanes(rows.len()),
            Inside::Curves(curves) => curves.high,
            Inside::Marks(placed) => lanes(placed.iter().map(|it| it.lane + 1).max().unwrap_or(0)),
        };
        CAPTION + inside + 6
    }

    pub(super) fn draw(&self, canvas: &Canvas<'_>, x: Axis, top: i32) -> Drawing {
        let inside = top + CAPTION;
        match &self.inside {
            Inside::Bars(rows) => {
                for (row, middle) in rows.iter().zip(lane_middles(inside)) {
                    bars::draw(canvas, x, middle, row)?;
                }
            }
            Inside::Curves(curves) => curves.draw(canvas, x, inside)?,
            Inside::Marks(placed) => {
                let middles: Vec<_> = lane_middles(inside).take(LANES_MAX).collect();
                for it in placed {
                    it.draw(canvas, x, middles[it.lane])?;
                }
            }
        }
        canvas.text(&self.caption, (x.pixels.0 + px(4), px(top + 10)), Anchor::Left, MUTED)
    }
}

/// The middles of lanes, in half pixels.
fn lane_middles(top: i32) -> impl Iterator<Item = i32> {
    (0..).map(move |lane| px(top + lane * LANE + LANE / 2))
}
