//! The parts of the page, as text and tables.

use std::fmt::Write as _;

use super::{
    super::{
        Evaluation, Figures, ScenarioResult, Verdict,
        columns::{COLUMNS, Column, of},
        goals as goals_of,
        words::{kind, plain, ratio, seconds, share, tame},
    },
    Drawn, calibration, comparison,
    escape::escape,
    page::anchor,
    timeline::{Event, EventKind, events},
};
use crate::Trace;

/// The head of the page.
pub(super) fn head(evaluation: &Evaluation, timelines: bool) -> String {
    let (meta, totals) = (&evaluation.meta, &evaluation.totals);
    let words = |text: &str| escape(&tame(text, 64));
    let seeds = match meta.seeds.as_slice() {
        [] => "no seed".to_owned(),
        [one] => format!("seed {one}"),
        many => format!("{} seeds", many.len()),
    };
    let link = if timelines { "<a href=\"#timelines\">Timelines</a>" } else { "" };
    format!(
        "<header>\n<h1>Does it heal?</h1>\n<p>{entrant} {version}, profile <b>{profile}</b>, configuration \
         <code>{config}</code>: {scenarios} scenarios, {seeds}, {runs} runs</p>\n\
         <nav><a href=\"#goals\">Goals</a><a href=\"#compared\">Compared</a><a href=\"#calibration\">Calibration</a>\
         <a href=\"#scenarios\">Scenarios</a>{link}</nav>\n</header>\n",
        entrant = words(&meta.entrant),
        version = words(&meta.version),
        profile = words(&meta.profile),
        config = words(&meta.config_hash),
        scenarios = totals.scenarios,
        runs = totals.figures.runs,
    )
}

/// The goals, each with what was reached.
pub(super) fn goals(evaluation: &Evaluation) -> String {
    let mut tiles = String::new();
    for goal in goals_of(&evaluation.totals) {
        let verdict = goal.verdict();
        let (class, sign) = match verdict {
            Verdict::Met => ("met", '✓'),
            Verdict::Missed { .. } => ("missed", '✗'),
            Verdict::Unknown => ("unknown", '–'),
        };
        writeln!(
            tiles,
            "<li class=\"{class}\"><span>{name}</span><b>{reached}</b><span>goal {wanted}</span>\
             <span class=\"verdict\">{sign} {words}</span></li>",
            name = escape(goal.name),
            reached = escape(&goal.reached()),
            wanted = escape(&goal.wanted()),
            // Numbers keep their units.
            words = escape(&verdict.words(goal.unit).replacen(' ', "\n", 1).replace(' ', "\u{a0}")),
        )
        .expect("a string takes all");
    }
    format!(
        "<section id=\"goals\"><h2>Goals</h2>\n<p class=\"about\">They are set for the shipped suite with twenty seeds, in profile \
         <code>auto</code>.</p>\n<ul class=\"tiles\">\n{tiles}</ul></section>\n"
    )
}

/// All who steer, in a table and in a picture.
pub(super) fn compared(evaluation: &Evaluation) -> String {
    let marks = comparison::marks(evaluation);
    let judged = (evaluation.meta.entrant.as_str(), &evaluation.totals.figures);
    let baselines = evaluation.baselines.iter().map(|it| (it.entrant.as_str(), &it.totals.figures));
    let mut rows = String::new();
    for ((name, figures), mark) in std::iter::once(judged).chain(baselines).zip(marks) {
        let (color, glyph) = (super::palette::hex(mark.color), mark.glyph());
        let mark = format!(
            "<svg class=\"glyph\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><text x=\"6\" y=\"10\" text-anchor=\"middle\" \
             fill=\"{color}\">{glyph}</text></svg>"
        );
        row(&mut rows, &format!("{mark}{}", escape(&tame(name, 64))), "", figures);
    }
    let picture = comparison::comparison(evaluation);
    let picture = if picture.is_empty() {
        String::new()
    } else {
        format!(
            "<figure><div class=\"picture\">{picture}</div><figcaption>How much of the objective each loses, as a multiple of what the oracle loses in the same \
             run; medians over seeds. The oracle knows the fault, and is the line at 1. Further left is better.</figcaption></figure>"
        )
    };
    format!(
        "<section id=\"compared\"><h2>Beside the others</h2>\n{}\n{picture}</section>\n",
        table("steered by", "", &rows)
    )
}

/// Whether confidences can be taken at their word.
pub(super) fn calibrated(evaluation: &Evaluation) -> String {
    let totals = &evaluation.totals;
    let interval = totals
        .calibration_interval
        .map_or_else(String::new, |it| format!(" (95 %: {} to {})", plain(it.low), plain(it.high)));
    let picture = if evaluation.calibration.is_empty() {
        "<p>Too little was stated to tell.</p>".to_owned()
    } else {
        format!("<figure>{}</figure>", calibration::calibration(&evaluation.calibration))
    };
    format!(
        "<section id=\"calibration\"><h2>Is it as sure as it may be?</h2>\n<div class=\"beside\">{picture}\n<div>\
         <dl class=\"facts\"><div><dt>calibration error</dt><dd>{error}{interval}</dd></div>\
         <div><dt>Brier score</dt><dd>{brier}</dd></div></dl>\n\
         <p class=\"about\">Of all diagnoses stated with a confidence of 80 %, 80 % should be right: then the points lie on the grey \
         line. Below it, the loop is too sure of itself; above it, it knows more than it says.</p>\n\
         <p class=\"about\">Each point is a bin of equal mass, where all that is stated in one run counts as one. Bars and the interval \
         in brackets come from drawing whole scenarios again; the error is the root mean square of the distances, less what chance adds \
         to it.</p></div></div></section>\n",
        error = of(totals.calibration_error, plain),
        brier = of(totals.figures.brier, plain),
    )
}

/// All scenarios in a table, with links to those that are drawn.
pub(super) fn scenarios(evaluation: &Evaluation, drawn: &[Drawn]) -> String {
    let mut rows = String::new();
    for ScenarioResult { scenario, kind: of, figures } in &evaluation.by_scenario {
        let name = escape(&tame(scenario, 80));
        let name = match drawn.iter().position(|it| it.scenario.name == *scenario) {
            Some(place) => format!("<a href=\"#{}\">{name}</a>", anchor(place)),
            None => name,
        };
        let kind = kind(*of);
        let cell = format!("<td class=\"left\"><span class=\"kind {kind}\">{kind}</span></td>");
        row(&mut rows, &name, &cell, figures);
    }
    let table = table("scenario", "<th scope=\"col\" class=\"left\">kind</th>", &rows);
    let columns = columns();
    format!("<section id=\"scenarios\"><h2>Every scenario</h2>\n{table}\n{columns}</section>\n")
}

/// The heads in words, for those who cannot point at them.
fn columns() -> String {
    let about = |it: &Column| format!("<dt>{}</dt><dd>{}</dd>", escape(it.head), escape(it.about));
    let all: String = COLUMNS.iter().map(about).collect();
    format!(
        "<details><summary>What the columns mean</summary><dl class=\"columns\">{all}</dl></details>"
    )
}

fn table(first: &str, second: &str, rows: &str) -> String {
    let mut heads = String::new();
    for column in COLUMNS {
        let (about, head) = (escape(column.about), escape(column.head));
        write!(heads, "<th scope=\"col\"><abbr title=\"{about}\">{head}</abbr></th>")
            .expect("a string takes all");
    }
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">{first}</th>{second}{heads}</tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>"
    )
}

/// A row; `name` and `second` are elements already.
fn row(rows: &mut String, name: &str, second: &str, figures: &Figures) {
    write!(rows, "<tr><th scope=\"row\">{name}</th>{second}").expect("a string takes all");
    for column in COLUMNS {
        let cell = escape(&(column.cell)(figures));
        write!(rows, "<td>{cell}</td>").expect("a string takes all");
    }
    rows.push_str("</tr>\n");
}

/// What the lines and marks of timelines mean.
pub(super) fn key() -> String {
    "<p class=\"about\">The run whose loss is nearest to the median. Time 0 is the end of the warm-up; shaded is when something goes \
     wrong.</p>\n<ul class=\"key\">\
     <li><i class=\"line steered\"></i>the loop</li>\
     <li><i class=\"line oracle\"></i>the oracle</li>\
     <li><i class=\"line nothing\"></i>nothing is done</li>\
     <li><i class=\"line limit\"></i>limit</li>\
     <li><i class=\"glyph done\">▲</i>action</li>\
     <li><i class=\"glyph undone\">▼</i>taken back</li>\
     <li><i class=\"glyph refused\">✕</i>refused</li>\
     <li><i class=\"glyph told\">◆</i>people told</li>\
     <li><i class=\"glyph answered\">●</i>people answered</li>\
     <li><i class=\"glyph right\">■</i>guess right</li>\
     <li><i class=\"glyph wrong\">■</i>guess wrong</li></ul>\n"
        .to_owned()
}

/// The figures of one scenario over all seeds, in a line.
pub(super) fn facts(figures: &Figures, seed: u64) -> String {
    let facts = [
        ("mitigated", of(figures.mitigated_share, share)),
        ("first guess right", of(figures.cause_at_1, share)),
        ("seen in", of(figures.time_to_detect_s.map(|it| it.median), seconds)),
        ("healed in", of(figures.time_to_mitigate_s.map(|it| it.median), seconds)),
        ("lost, of the oracle's", of(figures.loss_vs_oracle_median, ratio)),
        ("actions in all runs", figures.actions.to_string()),
        ("drawn: seed", seed.to_string()),
    ];
    let facts =
        facts.map(|(term, value)| format!("<div><dt>{term}</dt><dd>{}</dd></div>", escape(&value)));
    format!("<dl class=\"facts\">{}</dl>\n", facts.concat())
}

/// Longest list of what happened: beyond it, a run that flaps would make the page unreadable.
const LISTED_MAX: usize = 200;

/// All that happened, in words.
pub(super) fn happened(trace: &Trace) -> String {
    let events = events(trace);
    if events.is_empty() {
        return String::new();
    }
    let mut items: String = events.iter().take(LISTED_MAX).map(item).collect();
    if let Some(more) = events.len().checked_sub(LISTED_MAX).filter(|it| *it > 0) {
        write!(items, "<li>and {more} more</li>").expect("a string takes all");
    }
    format!(
        "<details><summary>What happened, in words ({})</summary><ol>{items}</ol></details>\n",
        events.len()
    )
}

fn item(event: &Event) -> String {
    let (class, sign) = match event.kind {
        EventKind::Done => ("done", '▲'),
        EventKind::Undone => ("undone", '▼'),
        EventKind::Refused => ("refused", '✕'),
        EventKind::Told => ("told", '◆'),
        EventKind::Answered => ("answered", '●'),
    };
    let times = if event.times > 1 { format!(" (× {})", event.times) } else { String::new() };
    format!(
        "<li><time>{}</time> <i class=\"glyph {class}\">{sign}</i> {}{times}</li>",
        clock(event.at_s),
        escape(&tame(&event.words, 400))
    )
}

/// `12:35`, minutes and seconds.
fn clock(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "−" } else { "" };
    let whole = seconds.abs().round() as u64;
    format!("{sign}{}:{:02}", whole / 60, whole % 60)
}
