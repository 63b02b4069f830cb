//! Lanes: what lasted from when to when.

use std::sync::Arc;

use mapek_loop::{Episode, Note, Pause, Track};
use mapek_model::{Level, Severity, Timestamp, later, since};
use maud::{Markup, html};

use crate::{
    api::history::{Row, Table, worst_first},
    console::{
        cx::Cx,
        lookback,
        parts::count,
        plot::{Across, clock_of, markers, time_axis},
    },
};

/// Height of a bar, and from one to the next.
const BAR: usize = 16;
const PITCH: usize = 20;
/// Bars above each other that a lane shows; the rest is counted.
const STACK_MAX: usize = 8;
/// Cycles that are shown one by one, each with a link.
const SINGLE_MAX: usize = 60;
/// Bars of a lane: beyond that nobody finds anything.
const BARS_MAX: usize = 200;

/// The share of the width that a bar needs for its label to begin.
const LABEL_MIN: f64 = 0.06;

/// Something that lasted.
struct Bar {
    from: Timestamp,
    to: Option<Timestamp>,
    class: &'static str,
    /// What stands in it, as far as there is room.
    label: String,
    /// All of it, in words.
    title: String,
    href: Option<String>,
    marks: Markup,
}

/// All lanes, and the axis below them.
pub(super) fn lanes(cx: &Cx, across: Across, table: &Table) -> Markup {
    let (from, to) = (across.from(), across.to());
    let chronicle = &cx.state.chronicle;
    let episodes = worst_first(chronicle.episodes(from, to));
    let (alerts, others): (Vec<_>, Vec<_>) = episodes.iter().partition(|it| it.alerted);
    let breached = others.iter().map(|it| episode(it)).collect();
    let alerted = alerts.iter().map(|it| episode(it)).collect();
    let done = chronicle.tracks(from, to).iter().map(|it| track(cx, it, across)).collect();
    let pauses = chronicle.pauses(from, to).iter().map(pause).collect();
    let notes = chronicle.notes(from, to).iter().map(|it| note(cx, it)).collect();
    html! {
        div.lanes {
            (lane(across, "Cycles", PITCH, cycles(cx, across, table), 0))
            (stack(across, "Violations", breached))
            (stack(across, "Alerts", alerted))
            (stack(across, "Executions", done))
            (stack(across, "Pauses", pauses))
            (stack(across, "Escalations", notes))
            div.lane aria-hidden="true" {
                span.label {}
                svg.strip aria-hidden="true" width="100%" height="20" { (time_axis(across, 0.0, 2.0)) }
            }
        }
    }
}

/// A lane: its name, and what is in it; nothing where there is nothing.
fn stack(across: Across, name: &str, bars: Vec<Bar>) -> Markup {
    if bars.is_empty() {
        return html! {};
    }
    let (rows, left_out) = packed(bars, across);
    let drawn = html! {
        @for (row, bar) in &rows { (drawn(bar, across, row * PITCH + 2)) }
    };
    let height = (rows.iter().map(|(row, _)| row + 1).max().unwrap_or(1)) * PITCH;
    lane(across, name, height, drawn, left_out)
}

fn lane(across: Across, name: &str, height: usize, drawn: Markup, left_out: usize) -> Markup {
    html! {
        div.lane {
            span.label { (name) @if left_out > 0 { span.sub { " and " (left_out) " more" } } }
            svg.strip role="group" aria-label=(name) width="100%" height=(height) {
                g aria-hidden="true" { @for (at, _) in crate::console::plot::times(across) {
                    @let x = across.percent(at);
                    line.grid x1=(x) x2=(x) y1="0" y2=(height) {}
                } }
                (drawn)
            }
        }
    }
}

/// Bars in rows so that none covers another, and how many have no room.
fn packed(mut bars: Vec<Bar>, across: Across) -> (Vec<(usize, Bar)>, usize) {
    // What came first, the worst, has its place before the rest.
    let mut left_out = bars.len().saturating_sub(BARS_MAX);
    bars.truncate(BARS_MAX);
    bars.sort_by_key(|bar| bar.from);
    // A moment is drawn so wide that it can be seen; the next one begins behind that.
    let seen = |bar: &Bar| {
        let end = bar.to.map_or(1.0, |to| across.share(to));
        end.max(across.share(bar.from) + 0.004)
    };
    let mut ends: Vec<f64> = Vec::new();
    let mut rows = Vec::new();
    for bar in bars {
        let begin = across.share(bar.from);
        let row = ends.iter().position(|end| *end <= begin);
        match row {
            Some(row) => {
                ends[row] = seen(&bar);
                rows.push((row, bar));
            }
            None if ends.len() < STACK_MAX => {
                ends.push(seen(&bar));
                rows.push((ends.len() - 1, bar));
            }
            None => left_out += 1,
        }
    }
    (rows, left_out)
}

fn drawn(bar: &Bar, across: Across, y: usize) -> Markup {
    let (x, width) = across.extent(bar.from, bar.to);
    let shape = html! {
        // What does not fit into it is cut off by the drawing around it.
        svg role="img" class={ "bar " (bar.class) @if bar.to.is_none() { " open" } } x=(x) y=(y) width=(width) height=(BAR) {
            title { (bar.title) }
            rect width="100%" height=(BAR) rx="3" {}
            // A letter or two would tell nobody anything.
            @if across.share(bar.to.unwrap_or(across.to())) - across.share(bar.from) > LABEL_MIN { text x="5" y="12" aria-hidden="true" { (bar.label) } }
        }
        g transform={ "translate(0 " (y) ")" } { (bar.marks) }
    };
    match &bar.href {
        Some(href) => html! { a href=(href) aria-label=(bar.title) { (shape) } },
        None => shape,
    }
}

/// From when to when, in words.
fn lasted(from: Timestamp, to: Option<Timestamp>) -> String {
    match to {
        Some(to) => format!("{} to {} UTC", clock_of(from), clock_of(to)),
        None => format!("since {} UTC", clock_of(from)),
    }
}

const fn of_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn episode(episode: &Arc<Episode>) -> Bar {
    let place = episode.component.as_ref().map(|it| format!(" at {it}")).unwrap_or_default();
    let label = format!("{}{place}", episode.expectation);
    let gone = if episode.gone { ", then lost sight of" } else { "" };
    let lasted = lasted(episode.from, episode.to);
    Bar {
        from: episode.from,
        to: episode.to,
        class: of_severity(episode.severity),
        title: format!("{label}, {}, {lasted}{gone}", episode.severity),
        label,
        href: None,
        marks: html! {},
    }
}

fn track(cx: &Cx, track: &Arc<Track>, across: Across) -> Bar {
    let what = track.steps.join(", then ");
    let from = track.from().unwrap_or(across.from());
    let end = track.verdict().or(track.ending()).unwrap_or("under way");
    let marks = lookback::marks_of(track);
    let class = match track.verdict().or(track.ending()) {
        None => "busy",
        Some("success" | "completed") => "good",
        Some("degradation" | "needs_operator") => "bad",
        Some(_) => "warn",
    };
    Bar {
        from,
        to: track.to(),
        class,
        title: format!("{what}, against {}, {}: {end}", track.cause, lasted(from, track.to())),
        label: format!("{what}: {end}"),
        href: Some(cx.href(&format!("/executions/{}", track.id))),
        marks: markers(&marks, across, BAR as f64 / 2.0, None),
    }
}

fn pause(pause: &Pause) -> Bar {
    Bar {
        from: pause.from,
        to: pause.to,
        class: "paused",
        title: format!("{}, {}", pause.why, lasted(pause.from, pause.to)),
        label: pause.why.to_string(),
        href: None,
        marks: html! {},
    }
}

fn note(cx: &Cx, note: &Arc<Note>) -> Bar {
    Bar {
        from: note.from,
        to: Some(note.to),
        class: "told",
        title: format!("{}, {}", note.text, lasted(note.from, Some(note.to))),
        label: note.text.to_string(),
        href: Some(cx.href(&format!("/cycles/{}", note.cycle))),
        marks: html! {},
    }
}

/// What cycles saw, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Quiet,
    Open(Severity),
    Blind,
    Faulty,
}

impl State {
    fn of(row: &Row) -> Self {
        match row.open.worst() {
            _ if row.faulty > 0 => Self::Faulty,
            Some(Severity::Critical) => Self::Open(Severity::Critical),
            _ if row.level >= Level::Stale => Self::Blind,
            Some(severity) => Self::Open(severity),
            None => Self::Quiet,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Quiet => "run quiet",
            Self::Open(severity) => match severity {
                Severity::Critical => "run critical",
                Severity::Warning => "run warning",
                Severity::Info => "run info",
            },
            Self::Blind => "run blind",
            Self::Faulty => "run faulty",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Quiet => "nothing open",
            Self::Open(severity) => match severity {
                Severity::Critical => "critical violations",
                Severity::Warning => "warnings",
                Severity::Info => "infos",
            },
            Self::Blind => "evidence stale or unknown",
            Self::Faulty => "a fault inside the loop",
        }
    }
}

/// Cycles that follow each other and saw the same.
struct Run<'a> {
    from: Timestamp,
    to: Timestamp,
    state: State,
    first: &'a Row,
    cycles: u32,
}

fn cycles(cx: &Cx, across: Across, table: &Table) -> Markup {
    let single = table.step.is_none() && table.rows.len() <= SINGLE_MAX;
    html! {
        @for run in runs(table, across.to(), single) {
            @let (x, width) = across.extent(run.from, Some(run.to));
            @let number = run.first.first;
            @let suspect = run.first.suspect.as_ref().map(|it| format!("; {} ({:.0} %)", it.cause, 100.0 * it.confidence.get())).unwrap_or_default();
            @let rect = html! {
                rect class=(run.state.class()) x=(x) width=(width) y="2" height=(BAR) {
                    title { "Cycle " (number) ", " (clock_of(run.from)) " UTC, " (count(run.cycles as usize, "cycle")) ": " (run.state.word()) (suspect) }
                }
            };
            @if single || run.state != State::Quiet {
                a href=(cx.href(&format!("/cycles/{number}"))) aria-label={ "Cycle " (number) ": " (run.state.word()) } { (rect) }
            } @else { (rect) }
        }
    }
}

/// Each row lasts until the next one; where nobody knows what was next, as long as rows do.
fn runs(table: &Table, end: Timestamp, single: bool) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut gap = true;
    let pairs = table.rows.windows(2).filter(|pair| pair.iter().all(|(_, row)| row.is_some()));
    let usual =
        table.step.or(pairs.map(|pair| since(pair[1].0, pair[0].0)).min()).unwrap_or_default();
    for (place, (at, row)) in table.rows.iter().enumerate() {
        let Some(row) = row else {
            gap = true;
            continue;
        };
        let to = match table.rows.get(place + 1) {
            Some((next, Some(_))) => *next,
            // Nobody knows what was in a gap, or what follows.
            Some((gap, None)) => later(*at, usual).min(*gap),
            None => later(*at, usual).min(end),
        };
        let state = State::of(row);
        match runs.last_mut() {
            Some(run) if !gap && !single && run.state == state => {
                (run.to, run.cycles) = (to, run.cycles + row.cycles);
            }
            _ => runs.push(Run { from: *at, to, state, first: row, cycles: row.cycles }),
        }
        gap = false;
    }
    runs
}

#[cfg(test)]
mod tests {
    use mapek_model::{Duration, later};
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    fn bar(from: u64, length: u64) -> Bar {
        let (label, title) = (String::new(), String::new());
        let to = (length < 900).then(|| at(from + length));
        Bar { from: at(from), to, class: "info", label, title, href: None, marks: html! {} }
    }

    #[test]
    fn what_nobody_knows_is_not_filled_in() {
        let row = |number| Row {
            first: mapek_model::CycleNumber::new(number),
            cycles: 1,
            open: mapek_loop::Open::default(),
            level: Level::Fresh,
            faulty: 0,
            suspect: None,
            values: Vec::new(),
        };
        let rows = vec![
            (at(0), Some(row(1))),
            (at(30), Some(row(2))),
            (at(200), None),
            (at(400), Some(row(9))),
        ];
        let table = Table { names: Vec::new(), rows, step: None, more: 0 };
        let of = |single| -> Vec<_> {
            runs(&table, at(1000), single).iter().map(|it| (it.from, it.to, it.cycles)).collect()
        };
        assert_eq!(of(false), [(at(0), at(60), 2), (at(400), at(430), 1)]);
        assert_eq!(of(true).len(), 3);
    }

    proptest! {
        #[test]
        fn no_bar_covers_another_and_none_is_forgotten(
            spans in prop::collection::vec((0_u64..1000, 0_u64..1000), 0..300),
        ) {
            let across = Across::new(at(0), at(1000));
            let bars = spans.iter().map(|(from, length)| bar(*from, *length)).collect();
            let (rows, left_out) = packed(bars, across);
            prop_assert_eq!(rows.len() + left_out, spans.len());
            for (i, (row, bar)) in rows.iter().enumerate() {
                prop_assert!(*row < STACK_MAX);
                for (other_row, other) in &rows[..i] {
                    let apart = row != other_row || other.to.is_some_and(|to| to <= bar.from);
                    prop_assert!(apart);
                }
            }
        }
    }
}
