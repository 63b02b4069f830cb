//! *Timeline*: what happened over hours, on one axis of time.
//!
//! The address holds all that is shown, so that it can be handed on. Without a script one moves by links; with one, by wheel, drag and keys,
//! and the page is asked for anew at each step: there is one place where a picture is made, and it is not in the browser.

mod asked;
mod lanes;

use std::collections::BTreeSet;

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use mapek_loop::Chronicle;
use mapek_model::{Duration, Timestamp, earlier, later};
use maud::{Markup, html};

use super::{
    cx::Cx,
    layout::Page,
    lookback,
    parts::{Icon, icon, nothing},
    plot::Across,
};
use crate::api::{App, history::Table};
use asked::Asked;

/// Buckets of a picture: about what a screen can tell apart, and no more than a page should weigh.
const ROWS_MAX: usize = 360;
/// Plots that a page can be asked for, and those that it shows by itself.
const PLOTS_MAX: usize = 24;
const PLOTS: usize = 4;

/// Spans that people ask for.
const SPANS: [(&str, &str); 5] =
    [("15m", "15 min"), ("1h", "1 h"), ("6h", "6 h"), ("12h", "12 h"), ("24h", "24 h")];

/// What happened over hours.
pub(crate) async fn timeline(
    cx: Cx,
    State(app): State<App>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = Asked::read(query.as_deref().unwrap_or_default(), app.now());
    let chronicle = &cx.state.chronicle;
    let across = Across::new(asked.from, asked.to);
    let table =
        Table::of(chronicle, (asked.from, asked.to), None, ROWS_MAX, &BTreeSet::new(), usize::MAX);
    let chosen = chosen(&asked, chronicle, &table);
    let (first, last) = (asked.from, asked.to);
    let body = html! {
        (controls(&cx, &asked))
        @if let Some(why) = &asked.wrong { p.error role="alert" { (icon(Icon::Warn)) (why) ". This is what is shown without it." } }
        section #timeline data-live aria-label="What happened" { div data-timeline data-from=(first) data-to=(last) {
            @if table.rows.is_empty() { (nothing("No cycle is remembered in this time. A day is kept; of what was before a restart, what the journal has.")) }
            (lanes::lanes(&cx, across, &table))
            div.plots {
                @for (place, name) in chosen.iter().enumerate() {
                    (lookback::panel(&format!("plot-{place}"), name, across, &table, chronicle))
                }
            }
            (choice(&cx, &asked, &table, &chosen))
        } }
        p.sub #timeline-help { "Drag to move, wheel to zoom (with Ctrl over a plot), double click for a closer look; on the keyboard: "
            kbd { "←" } " " kbd { "→" } " " kbd { "+" } " " kbd { "−" } " and " kbd { "0" } " for the last six hours. "
            "The address holds what is shown: hand it on." }
    };
    Page { title: "Timeline", view: "/timeline", body }.show(&cx)
}

/// The values whose plots are shown: those that were asked for, or those that something in sight is about.
fn chosen(asked: &Asked, chronicle: &Chronicle, table: &Table) -> Vec<String> {
    if !asked.values.is_empty() {
        let known = asked.values.iter().filter(|it| table.names.contains(it));
        return known.take(PLOTS_MAX).cloned().collect();
    }
    let episodes = chronicle.episodes(asked.from, asked.to);
    let spoken_of = |name: &&String| episodes.iter().any(|it| it.speaks_of(name));
    let first = table.names.iter().filter(spoken_of);
    let rest = table.names.iter().filter(|name| !spoken_of(name));
    first.chain(rest).take(PLOTS).cloned().collect()
}

/// Where to from here, by links.
fn controls(cx: &Cx, asked: &Asked) -> Markup {
    let length = asked.length();
    let to = |from: Timestamp, to: Timestamp| asked.href(cx, &from.to_string(), &to.to_string());
    let wide = length.saturating_mul(2).min(Chronicle::AGE_MAX);
    let middle = later(asked.from, length / 2);
    let around = |length: Duration| to(earlier(middle, length / 2), later(middle, length / 2));
    html! {
        nav.choices.zoom aria-label="Time" {
            a rel="prev" href=(to(earlier(asked.from, length / 2), earlier(asked.to, length / 2))) { "Earlier" }
            a rel="next" href=(to(later(asked.from, length / 2), later(asked.to, length / 2))) { "Later" }
            a href=(around(length / 2)) { "Closer" }
            a href=(around(wide)) { "Wider" }
            @for (span, name) in SPANS {
                a href=(asked.href(cx, &format!("-{span}"), "now")) aria-current=[(asked.span() == Some(span)).then_some("true")] { (name) }
            }
        }
        p.intro #shown { time #window datetime=(asked.from) { (window(asked)) }
            " · " a #permalink href=(to(asked.from, asked.to)) { "link to exactly this" } }
    }
}

fn window(asked: &Asked) -> String {
    let same_day = asked.from.strftime("%F").to_string() == asked.to.strftime("%F").to_string();
    let end = if same_day { "%H:%M:%S UTC" } else { "%b %-d %H:%M:%S UTC" };
    format!("{} to {}", asked.from.strftime("%b %-d %H:%M:%S"), asked.to.strftime(end))
}

/// Which values are plotted.
fn choice(cx: &Cx, asked: &Asked, table: &Table, chosen: &[String]) -> Markup {
    html! {
        details.choice {
            summary { "Which values (" (chosen.len()) " of " (table.names.len()) ")" }
            form method="get" action=(cx.href("/timeline")) {
                input type="hidden" name="from" value=(asked.from_text);
                input type="hidden" name="to" value=(asked.to_text);
                fieldset {
                    legend { "Plot" }
                    div.boxes { @for name in &table.names {
                        label { input type="checkbox" name="value" value=(name) checked[chosen.contains(name)]; " " (name) }
                    } }
                }
                button type="submit" { "Show" }
            }
        }
    }
}
