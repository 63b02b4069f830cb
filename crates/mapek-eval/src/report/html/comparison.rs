//! Those who steer beside each other: how many times the oracle's loss each has.

use plotters::style::{Color, RGBColor};

use super::{
    super::{BaselineResult, Evaluation, ScenarioResult, words::rounded},
    palette::{ANOTHER, GRID, INK, LIMIT, MUTED, NOTHING, ORACLE, OTHER, SENSE, STEERED},
    plot::{Anchor, Axis, Canvas, Drawing, Point, fitted, px, svg, width_of},
};

/// One who steers, as a kind of mark.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) color: RGBColor,
    shape: Shape,
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Dot,
    Ring,
    Square,
    Triangle,
    Cross,
    Diamond,
}

const JUDGED: Mark = Mark { color: STEERED, shape: Shape::Dot };
/// The two that timelines know, too, keep their colours.
const KNOWN: [(&str, Mark); 2] = [
    ("nothing", Mark { color: NOTHING, shape: Shape::Square }),
    ("oracle", Mark { color: ORACLE, shape: Shape::Ring }),
];
const OTHERS: [Mark; 4] = [
    Mark { color: SENSE, shape: Shape::Triangle },
    Mark { color: OTHER, shape: Shape::Cross },
    Mark { color: ANOTHER, shape: Shape::Diamond },
    Mark { color: MUTED, shape: Shape::Dot },
];

/// The mark of whoever is judged, and of each of the baselines.
pub(super) fn marks(evaluation: &Evaluation) -> Vec<Mark> {
    let mut others = OTHERS.into_iter().cycle();
    let mark = |it: &BaselineResult| {
        let known = KNOWN.iter().find(|(name, _)| it.entrant.ends_with(name));
        known.map(|it| it.1).or_else(|| others.next()).unwrap_or(JUDGED)
    };
    let baselines = evaluation.baselines.iter().map(mark);
    std::iter::once(JUDGED).chain(baselines).collect()
}

impl Mark {
    /// A character that looks like it.
    pub(super) const fn glyph(self) -> char {
        match self.shape {
            Shape::Dot => '●',
            Shape::Ring => '○',
            Shape::Square => '■',
            Shape::Triangle => '▲',
            Shape::Cross => '✕',
            Shape::Diamond => '◆',
        }
    }

    fn draw(self, canvas: &Canvas<'_>, (x, y): Point) -> Drawing {
        let (color, r) = (self.color, px(4));
        match self.shape {
            Shape::Dot => canvas.dot((x, y), r + px(1), color.filled()),
            Shape::Ring => canvas.dot((x, y), r, color.stroke_width(3)),
            Shape::Square => {
                canvas.rectangle((x - r + 1, y - r + 1), (x + r - 1, y + r - 1), color, 1.0)
            }
            Shape::Triangle => {
                canvas.fill(vec![(x - r, y + r - 1), (x + r, y + r - 1), (x, y - r)], color, 1.0)
            }
            Shape::Cross => {
                canvas.line(vec![(x - r + 1, y - r + 1), (x + r - 1, y + r - 1)], color, 4)?;
                canvas.line(vec![(x - r + 1, y + r - 1), (x + r - 1, y - r + 1)], color, 4)
            }
            Shape::Diamond => {
                canvas.fill(vec![(x - r, y), (x, y - r), (x + r, y), (x, y + r)], color, 1.0)
            }
        }
    }
}

/// A row of the picture: its name, and for each who steers how many times the oracle's loss it has.
struct Row {
    name: String,
    losses: Vec<Option<f64>>,
}

/// By scenario and in total, wide and narrow. Empty where there is nobody to compare with.
pub(super) fn comparison(evaluation: &Evaluation) -> String {
    let rows = rows(evaluation);
    if rows.iter().all(|row| row.losses.iter().all(Option::is_none)) {
        return String::new();
    }
    let marks = marks(evaluation);
    picture("wide", 1000, 240, &rows, &marks) + &picture("narrow", 370, 132, &rows, &marks)
}

fn rows(evaluation: &Evaluation) -> Vec<Row> {
    // Nothing below nought can be drawn on this axis, and what is infinite is drawn at its end.
    let drawable = |it: Option<f64>| it.filter(|it| *it >= 0.0);
    let baselines = &evaluation.baselines;
    let totals = std::iter::once(&evaluation.totals).chain(baselines.iter().map(|it| &it.totals));
    let all = Row {
        name: "all, median".to_owned(),
        losses: totals.map(|it| drawable(it.figures.loss_vs_oracle_median)).collect(),
    };
    let by_scenario = evaluation.by_scenario.iter().enumerate().map(|(place, result)| {
        let find = |results: &[ScenarioResult]| {
            let same = |it: &&ScenarioResult| it.scenario == result.scenario;
            let found = results.get(place).filter(same).or_else(|| results.iter().find(same));
            drawable(found?.figures.loss_vs_oracle_median)
        };
        let losses = std::iter::once(drawable(result.figures.loss_vs_oracle_median));
        let losses = losses.chain(baselines.iter().map(|it| find(&it.by_scenario)));
        Row { name: result.scenario.clone(), losses: losses.collect() }
    });
    // Where nothing is lost, controls for the most part, nothing can be a multiple of it.
    let told = by_scenario.filter(|row| row.losses.iter().any(Option::is_some));
    std::iter::once(all).chain(told).collect()
}

const ROW: i32 = 19;
const TOP: i32 = 8;

/// The loss of the oracle, and multiples of it.
const TICKS: [f64; 9] = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0];

fn picture(class: &str, width: i32, names: i32, rows: &[Row], marks: &[Mark]) -> String {
    let count = i32::try_from(rows.len()).unwrap_or(i32::MAX / 100);
    let bottom = TOP + count * ROW + 4;
    let (low, high) = ends(rows);
    let x = Axis { values: (low.log10(), high.log10()), pixels: (px(names), px(width - 14)) };
    let title = "Objective lost by each who steers, as a multiple of the oracle's, by scenario";
    svg(class, (width, bottom + 34), title, |canvas| {
        let mut free = i32::MIN;
        for tick in TICKS.into_iter().filter(|it| (low..=high).contains(it)) {
            let at = x.at(tick.log10());
            let oracle = (tick - 1.0).abs() < 1e-9;
            let (color, wide) = if oracle { (LIMIT, 3) } else { (GRID, 2) };
            canvas.line(vec![(at, px(TOP)), (at, px(bottom))], color, wide)?;
            let words = format!("{} ×", rounded(tick, 1));
            let wide = width_of(&words);
            let (anchor, from) = if at == x.pixels.1 {
                (Anchor::Right, at - wide)
            } else {
                (Anchor::Middle, at - wide / 2)
            };
            // Those that would run into each other are left out.
            if from > free {
                canvas.text(&words, (at, px(bottom + 10)), anchor, MUTED)?;
                free = from + wide + px(6);
            }
            if oracle {
                canvas.text("oracle", (at, px(bottom + 25)), Anchor::Middle, INK)?;
            }
        }
        let mut middle = px(TOP + ROW / 2);
        for (place, row) in rows.iter().enumerate() {
            draw_row(canvas, x, middle, row, place == 0)?;
            // Whoever is judged comes last, above the others.
            for (loss, mark) in row.losses.iter().zip(marks).rev() {
                if let Some(loss) = loss {
                    mark.draw(canvas, (x.at(loss.max(1e-9).log10()), middle))?;
                }
            }
            middle += px(ROW);
        }
        Ok(())
    })
}

fn draw_row(canvas: &Canvas<'_>, x: Axis, middle: i32, row: &Row, total: bool) -> Drawing {
    canvas.line(vec![(x.pixels.0, middle), (x.pixels.1, middle)], GRID, 1)?;
    let (name, at) = (fitted(&row.name, x.pixels.0 - px(12)), (x.pixels.0 - px(8), middle));
    if total {
        canvas.bold(&name, at, Anchor::Right, INK)
    } else {
        canvas.text(&name, at, Anchor::Right, INK)
    }
}

/// The ticks around all that is drawn, the oracle's with them.
fn ends(rows: &[Row]) -> (f64, f64) {
    let all = || rows.iter().flat_map(|row| row.losses.iter().flatten().copied());
    let (least, most) = (all().fold(1.0, f64::min), all().fold(1.0, f64::max));
    let low = TICKS.into_iter().rfind(|it| *it <= least).unwrap_or(TICKS[0]);
    let high = TICKS.into_iter().find(|it| *it >= most).unwrap_or(TICKS[TICKS.len() - 1]);
    // Between one and the same there is no axis.
    (low.min(0.3), high.max(3.0))
}
