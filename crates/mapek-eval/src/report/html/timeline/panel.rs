//! The panels of a timeline, one below the other.

use plotters::style::{Color, RGBColor};

use super::{
    super::{
        super::words::{rounded, tame},
        Drawn,
        palette::{GRID, INK, LIMIT, MUTED, NOTHING, ORACLE, RIGHT, SEEN, SENSE, STEERED, WRONG},
        plot::{Anchor, Axis, Canvas, Drawing, Point, fitted, px, width_of},
        simplify::simplified,
    },
    Event, EventKind, events,
    spans::{self, Row},
};
use crate::{Moment, Trace};

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

struct Curves {
    /// The last above the others, and filled if `filled`.
    lines: Vec<Line>,
    filled: bool,
    values: (f64, f64),
    ticks: Vec<(f64, String)>,
    limit: Option<f64>,
    high: i32,
}

struct Line {
    /// Minutes and values.
    points: Vec<(f64, f64)>,
    color: RGBColor,
    width: u32,
}

/// An event with where its words are: in which lane, and on which side. Without words where there is no room.
struct Placed {
    event: Event,
    lane: usize,
    words: Option<Anchor>,
}

const CAPTION: i32 = 18;
const LANE: i32 = 17;
/// Most rows of bars, and lanes of marks: more would be a picture of nothing else. The list below the picture has all.
const LANES_MAX: usize = 8;

pub(super) fn panels(drawn: &Drawn, faults: &[Row], x: Axis) -> Vec<Panel> {
    let end = x.values.1;
    let scenario = &drawn.scenario;
    let objective = &scenario.objective;
    let share =
        |low_most| share_curves(drawn, |it| it.failure_rate, low_most, objective.failure_rate);
    let curves = |caption: &str, inside| Panel {
        caption: caption.to_owned(),
        inside: Inside::Curves(inside),
    };
    let all = [
        bars("what goes wrong", faults.to_vec()),
        Some(curves("objective lost", loss_curves(drawn))),
        Some(curves("p99 of validation", p99_curves(drawn, objective.validation_p99_s))),
        Some(curves("requests that fail", share(0.1))),
        bars("violations seen", spans::seen(&drawn.steered, end)),
        bars("first guess at the cause", spans::guesses(scenario, &drawn.steered, end)),
        Some(marks(events(&drawn.steered), x)),
    ];
    all.into_iter().flatten().collect()
}

/// Nothing where there are none.
fn bars(caption: &str, mut rows: Vec<Row>) -> Option<Panel> {
    let more = rows.len().saturating_sub(LANES_MAX);
    rows.truncate(LANES_MAX);
    let caption =
        if more > 0 { format!("{caption} (and {more} more)") } else { caption.to_owned() };
    (!rows.is_empty()).then_some(Panel { caption, inside: Inside::Bars(rows) })
}

fn loss_curves(drawn: &Drawn) -> Curves {
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
fn p99_curves(drawn: &Drawn, limit: f64) -> Curves {
    let lines = lines(drawn, |it| it.validation_p99_s.max(1e-3).log10());
    let all = || lines.iter().flat_map(|it| &it.points).map(|it| it.1).filter(|it| it.is_finite());
    let limit = limit.max(1e-3).log10();
    let low = all().fold(limit - 1.0, f64::min).floor();
    let high = all().fold(limit + 0.5, f64::max).min(5.0);
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

fn share_curves(drawn: &Drawn, of: fn(&Moment) -> f64, least: f64, limit: f64) -> Curves {
    let lines = lines(drawn, of);
    let all = lines.iter().flat_map(|it| &it.points).map(|it| it.1).filter(|it| it.is_finite());
    let most = all.fold(least.max(limit * 1.2), f64::max).min(1.0);
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

fn marks(events: Vec<Event>, x: Axis) -> Panel {
    // What happened in the warm-up that is not shown is in the list.
    let events = events.into_iter().filter(|it| it.at_s / 60.0 >= x.values.0);
    let mut ends = [i32::MIN; LANES_MAX];
    let mut place = |event: Event| {
        let (at, wide) = (x.at(event.at_s / 60.0), width_of(&said(&event)) + px(12));
        // After the mark if there is room, or more of it than before.
        let (before, after) = (at - px(4), x.pixels.1 - at);
        let (words, from, to) = if wide <= after || after >= before {
            (Anchor::Left, at - px(6), at + wide.min(after))
        } else {
            (Anchor::Right, at - wide.min(before), at + px(6))
        };
        match ends.iter().position(|&end| end <= from) {
            Some(lane) => {
                ends[lane] = to;
                Placed { event, lane, words: Some(words) }
            }
            None => Placed { event, lane: LANES_MAX - 1, words: None },
        }
    };
    let placed: Vec<_> = events.map(&mut place).collect();
    let caption = if placed.is_empty() { "actions: none" } else { "actions" };
    Panel { caption: caption.to_owned(), inside: Inside::Marks(placed) }
}

/// What stands beside a mark.
fn said(event: &Event) -> String {
    let words = tame(&event.words, 40);
    if event.times > 1 { format!("{words} (× {})", event.times) } else { words }
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
                    draw_bars(canvas, x, middle, row)?;
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

fn draw_bars(canvas: &Canvas<'_>, x: Axis, middle: i32, row: &Row) -> Drawing {
    let label = label(x, row);
    // Below its words, where there is no room for them beside it.
    let (top, bottom) = if label.above { (px(6), px(8)) } else { (-px(4), px(4)) };
    for bar in &row.bars {
        // What is short is still seen.
        let (from, to) = (x.at(bar.from), x.at(bar.to).max(x.at(bar.from) + px(2)));
        canvas.rectangle((from, middle + top), (to, middle + bottom), bar.color, 0.75)?;
    }
    let middle = if label.above { middle - px(1) } else { middle };
    canvas.text(&fitted(&row.name, label.room), (label.at, middle), label.anchor, INK)
}

struct Label {
    at: i32,
    anchor: Anchor,
    room: i32,
    above: bool,
}

/// Where the name of a row goes: after its bars, before them, or above.
fn label(x: Axis, row: &Row) -> Label {
    let first = row.bars.iter().map(|it| x.at(it.from)).min().unwrap_or(x.pixels.0);
    let last = row.bars.iter().map(|it| x.at(it.to)).max().unwrap_or(x.pixels.0) + px(2);
    let room = width_of(&row.name) + px(6);
    if last + room <= x.pixels.1 {
        Label { at: last + px(4), anchor: Anchor::Left, room, above: false }
    } else if first - room >= x.pixels.0 {
        Label { at: first - px(6), anchor: Anchor::Right, room, above: false }
    } else if first + room <= x.pixels.1 {
        Label { at: first, anchor: Anchor::Left, room, above: true }
    } else {
        let room = x.pixels.1 - x.pixels.0 - px(8);
        Label { at: x.pixels.1, anchor: Anchor::Right, room, above: true }
    }
}

impl Curves {
    fn draw(&self, canvas: &Canvas<'_>, x: Axis, top: i32) -> Drawing {
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

impl Placed {
    fn draw(&self, canvas: &Canvas<'_>, x: Axis, middle: i32) -> Drawing {
        let at = x.at(self.event.at_s / 60.0);
        mark(canvas, self.event.kind, (at, middle))?;
        let Some(anchor) = self.words else { return Ok(()) };
        let (from, room) = match anchor {
            Anchor::Left => (at + px(8), x.pixels.1 - at - px(8)),
            _ => (at - px(8), at - px(12)),
        };
        canvas.text(&fitted(&said(&self.event), room), (from, middle), anchor, INK)
    }
}

fn mark(canvas: &Canvas<'_>, kind: EventKind, (x, y): Point) -> Drawing {
    let r = px(5);
    match kind {
        EventKind::Done => {
            canvas.fill(vec![(x - r, y + r), (x + r, y + r), (x, y - r)], STEERED, 1.0)
        }
        EventKind::Undone => {
            canvas.fill(vec![(x - r, y - r), (x + r, y - r), (x, y + r)], SENSE, 1.0)
        }
        EventKind::Refused => {
            let r = r - px(1);
            canvas.line(vec![(x - r, y - r), (x + r, y + r)], WRONG, 4)?;
            canvas.line(vec![(x - r, y + r), (x + r, y - r)], WRONG, 4)
        }
        EventKind::Told => {
            canvas.fill(vec![(x - r, y), (x, y - r), (x + r, y), (x, y + r)], SEEN, 1.0)
        }
        EventKind::Answered => canvas.dot((x, y), r - px(1), RIGHT.filled()),
    }
}
