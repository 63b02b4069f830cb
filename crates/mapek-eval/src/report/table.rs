//! An evaluation for a terminal.

use std::fmt::Write as _;

use super::{
    Evaluation, Figures, Goal,
    columns::{COLUMNS, Column, of},
    goals,
    words::{NONE, kind, plain, tame},
};

/// Narrowest name that can still be told from another.
const NAME_MIN: usize = 14;
/// Between two columns.
const GAP: usize = 2;

/// The evaluation in plain text, a row for each scenario, then the totals beside the baselines, then the goals. Where `width`
/// characters do not hold all columns, those that matter less are left out; never less than the names and one column.
#[must_use]
pub fn table(evaluation: &Evaluation, width: usize) -> String {
    let scenarios: Vec<_> = evaluation
        .by_scenario
        .iter()
        .map(|it| Row { name: &it.scenario, note: kind(it.kind), figures: &it.figures })
        .collect();
    let loop_row =
        Row { name: &evaluation.meta.entrant, note: "", figures: &evaluation.totals.figures };
    let baselines = evaluation.baselines.iter();
    let baselines =
        baselines.map(|it| Row { name: &it.entrant, note: "", figures: &it.totals.figures });
    let entrants: Vec<_> = std::iter::once(loop_row).chain(baselines).collect();
    let layout = Layout::fit([("scenario", &scenarios), ("in total", &entrants)], width);
    let mut text = heading(evaluation);
    text.push('\n');
    layout.write(&mut text, "scenario", &scenarios);
    text.push('\n');
    layout.write(&mut text, "in total", &entrants);
    text.push('\n');
    goal_lines(&mut text, evaluation);
    text
}

fn heading(evaluation: &Evaluation) -> String {
    let (meta, totals) = (&evaluation.meta, &evaluation.totals);
    let words = |it: &str| tame(it, 64);
    format!(
        "{} {}, profile {}, configuration {}\n{} scenarios, {} seeds, {} runs\n",
        words(&meta.entrant),
        words(&meta.version),
        words(&meta.profile),
        words(&meta.config_hash),
        totals.scenarios,
        meta.seeds.len(),
        totals.figures.runs
    )
}

fn goal_lines(text: &mut String, evaluation: &Evaluation) {
    let totals = &evaluation.totals;
    text.push_str("goals (shipped suite, twenty seeds, profile auto)\n");
    for goal in goals(totals) {
        line(text, &format!("  {goal}"));
        if let Some(interval) = totals.calibration_interval.filter(|_| is_calibration(&goal)) {
            let (low, high) = (plain(interval.low), plain(interval.high));
            line(text, &format!("  {:<27} {low} to {high}  (95 %)", ""));
        }
    }
    let brier = of(totals.figures.brier, plain);
    line(text, &format!("  {:<27} {brier:>8}", "Brier score"));
}

fn is_calibration(goal: &Goal) -> bool {
    goal.name == "calibration error"
}

struct Row<'a> {
    name: &'a str,
    note: &'a str,
    figures: &'a Figures,
}

/// Which columns there are, and how wide: the same for both tables, so that they can be compared.
struct Layout {
    name: usize,
    kind: bool,
    columns: Vec<Fitted>,
}

/// A column, how wide it is, and how early it goes.
struct Fitted {
    column: &'static Column,
    width: usize,
    spare: u8,
}

/// The widest kind.
const KIND: usize = 8;
/// How early the kind goes where there is little room.
const KIND_SPARE: u8 = 4;

impl Layout {
    fn fit(tables: [(&str, &[Row<'_>]); 2], width: usize) -> Self {
        let rows = || tables.iter().flat_map(|it| it.1);
        let names = rows().map(|row| row.name).chain(tables.map(|it| it.0));
        let longest = names.map(chars).max().unwrap_or(0);
        let wide = |column: &Column| {
            rows()
                .map(|row| chars(&(column.cell)(row.figures)))
                .max()
                .unwrap_or(0)
                .max(chars(column.head))
        };
        // What nobody has a figure for says least.
        let says = |column: &Column| rows().any(|row| (column.cell)(row.figures) != NONE);
        let spare = |it: &Column| if says(it) || it.spare == 0 { it.spare } else { u8::MAX };
        let fitted = |column| Fitted { column, width: wide(column), spare: spare(column) };
        let columns = COLUMNS.iter().map(fitted).collect();
        let mut layout = Self { name: longest, kind: true, columns };
        let least = longest.min(NAME_MIN.max(longest * 3 / 4));
        while layout.columns.len() > 1 && least + layout.room() > width {
            layout.narrow();
        }
        layout.name = longest.min(width.saturating_sub(layout.room()).max(NAME_MIN));
        layout
    }

    /// What all columns but the names take.
    fn room(&self) -> usize {
        let kind = if self.kind { KIND + GAP } else { 0 };
        self.columns.iter().map(|it| it.width + GAP).sum::<usize>() + kind
    }

    /// Leaves out what matters least.
    fn narrow(&mut self) {
        let most = self.columns.iter().map(|it| it.spare).max().unwrap_or(0);
        self.columns.retain(|it| it.spare < most);
        self.kind &= KIND_SPARE < most;
    }

    fn write(&self, text: &mut String, head: &str, rows: &[Row<'_>]) {
        let heads = self.columns.iter().map(|it| it.column.head.to_owned());
        let note = if rows.iter().any(|row| !row.note.is_empty()) { "kind" } else { "" };
        line(text, &self.cells(head, note, heads));
        for row in rows {
            let values = self.columns.iter().map(|it| (it.column.cell)(row.figures));
            line(text, &self.cells(&tame(row.name, self.name), row.note, values));
        }
    }

    fn cells(&self, name: &str, kind: &str, values: impl Iterator<Item = String>) -> String {
        let mut line = format!("{name:<wide$}", wide = self.name);
        if self.kind {
            write!(line, "{:GAP$}{kind:<KIND$}", "").expect("a string takes all");
        }
        for (value, Fitted { width, .. }) in values.zip(&self.columns) {
            write!(line, "{:GAP$}{value:>width$}", "").expect("a string takes all");
        }
        line
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

fn chars(text: &str) -> usize {
    text.chars().count()
}
