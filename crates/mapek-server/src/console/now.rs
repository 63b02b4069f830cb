//! *Now*: what is wrong, what is done about it, and the switch that stops it.

use std::{cmp::Reverse, collections::BTreeMap};

use axum::response::Response;
use mapek_loop::CycleReport;
use mapek_model::{Execution, Level, Quality, RankedCause, SourceName, Trend, Violation};
use maud::{Markup, html};

use super::{
    act::Act,
    cx::Cx,
    cycles,
    layout::Page,
    parts::{
        Icon, Tone, badge, bar, clock, count, direction, icon, level, nothing, number, phase,
        scroll, severity, short, when,
    },
    plans,
    plot::measured,
    steps,
};
use crate::{
    Role,
    api::{history::unit, operator, status},
};

/// Rows of a table here; the rest is counted. More is not read on a page that says how it goes.
const ROWS_MAX: usize = 25;
/// Cycles that are listed.
const CYCLES: usize = 6;

/// The first page.
pub(crate) async fn now(cx: Cx) -> Response {
    let last = cx.state.last();
    let body = html! {
        div.lead {
            section #health data-live aria-label="Health of the loop" { (health(&cx)) }
            section #pause-box data-live aria-label="Pause" { (switch(&cx)) }
        }
        section #figures data-live aria-label="In numbers" { (figures(&cx)) }
        (stuck(&cx))
        div.columns {
            div {
                section #open data-live aria-labelledby="open-title" {
                    h2 #open-title { "What is wrong" }
                    (violations(&cx, last.map_or(&[][..], |it| &it.seen.open)))
                }
                section #causes data-live aria-labelledby="causes-title" {
                    h2 #causes-title { "Why, as far as it can be known" }
                    (diagnosis(&cx, last.map(|it| &**it)))
                }
                section #waiting-plans data-live aria-labelledby="waiting-title" {
                    h2 #waiting-title { "Plans that wait for people" }
                    (waiting(&cx))
                }
                section #running data-live aria-labelledby="running-title" {
                    h2 #running-title { "Executions under way" }
                    (running(&cx))
                }
            }
            div {
                section #evidence data-live aria-labelledby="evidence-title" {
                    h2 #evidence-title { "Evidence" }
                    (evidence(last.map(|it| &**it)))
                }
                section #values data-live aria-labelledby="values-title" {
                    h2 #values-title { "Watched values" }
                    (values(last.map(|it| &**it)))
                }
                section #disabled data-live aria-label="Breaker" { (disabled(&cx)) }
                section #recent data-live aria-labelledby="recent-title" {
                    h2 #recent-title { "Latest cycles" }
                    (cycles::brief(&cx, CYCLES))
                }
            }
        }
    };
    Page { title: "Now", view: "/", body }.show(&cx)
}

/// In a word and a sentence.
fn health(cx: &Cx) -> Markup {
    let last = cx.state.last();
    let open = last.map_or(0, |it| it.seen.open.len());
    let unready = cx.unready.as_ref();
    let (tone, word) = match unready.map(mapek_loop::Unready::as_str) {
        None if open == 0 => (Tone::Good, "All is well"),
        None => (Tone::Busy, "At work"),
        Some("paused") => (Tone::Warn, "Paused"),
        Some("starting") => (Tone::Quiet, "Starting"),
        Some("stopped") => (Tone::Bad, "Stopped"),
        Some("hanging") => (Tone::Bad, "Hanging"),
        Some("needs_operator") => (Tone::Bad, "Needs an operator"),
        Some(_) => (Tone::Bad, "Faulty"),
    };
    html! {
        p class={ "state " (tone.class()) } { (badge(tone, word)) }
        p {
            @if let Some(why) = unready { (why.to_string()) ". " }
            @match last {
                None => "No cycle has ended yet.",
                Some(report) => {
                    "Cycle " a href=(cx.href(&format!("/cycles/{}", report.number))) { (report.number) }
                    " was " (when(report.at, cx.now)) ", "
                    (cycles::said(cx, report)) "."
                }
            }
            @if let Some(due) = cx.state.next_due.filter(|_| !cx.state.stopped) { " The next one is due " (when(due, cx.now)) "." }
        }
        @for fault in last.into_iter().flat_map(|it| &it.faults) {
            p.error { (icon(Icon::Warn)) (fault) }
        }
        @for told in last.into_iter().flat_map(|it| &it.escalations) {
            p.note { (icon(Icon::Warn)) (told) }
        }
    }
}

/// The switch. It is there on its own so that nobody has to look for it.
fn switch(cx: &Cx) -> Markup {
    let pause = Act {
        name: "pause",
        path: "/api/v1/pause".to_owned(),
        least: Role::Operator,
        label: "Pause all actions",
        look: "stop",
        done: "Paused. Nothing is done by itself any more.",
        reason: "Reason to pause",
        needs_reason: true,
        fields: &[],
    };
    html! {
        div #pause class=(if cx.state.paused.is_some() { "switch off" } else { "switch on" }) tabindex="-1" {
            @match &cx.state.paused {
                Some(why) => {
                    h2 { (icon(Icon::Pause)) "Actions are paused" }
                    p { (why) "." }
                    (Act { name: "resume", path: "/api/v1/resume".to_owned(), label: "Resume actions", reason: "Reason to resume", look: "go",
                        done: "Resumed. What the rails allow is done again.", ..pause }.form(cx))
                }
                None => {
                    h2 { (icon(Icon::Play)) "Actions are allowed" }
                    p { "Pausing stops the next step of everything, at once. Watching goes on." }
                    (pause.form(cx))
                }
            }
        }
    }
}

fn figures(cx: &Cx) -> Markup {
    let violations = status::violations(&cx.state);
    let of = |word: &str| violations.get(word).copied().unwrap_or_default();
    let live = cx.state.executions.values().filter(|it| it.status.is_live()).count();
    let figure = |number: usize, [one, many]: [&str; 2], tone: &str, path: &str| {
        let class = if number == 0 { "figure" } else { tone };
        let what = if number == 1 { one } else { many };
        html! { a class=(class) href=(cx.href(path)) { strong { (number) } span { (what) } } }
    };
    html! {
        div.figures {
            (figure(of("critical"), ["critical"; 2], "figure bad", "/#open"))
            (figure(of("warning"), ["warning", "warnings"], "figure warn", "/#open"))
            (figure(of("info"), ["info", "infos"], "figure", "/#open"))
            (figure(status::awaiting_approval(&cx.state), ["plan to decide", "plans to decide"], "figure busy", "/plans"))
            (figure(live, ["execution under way", "executions under way"], "figure busy", "/executions?show=live"))
            (figure(cx.state.needing_operator(), ["needs an operator", "need an operator"], "figure bad", "/executions?show=stuck"))
        }
    }
}

/// What only a person can close stands above everything else.
fn stuck(cx: &Cx) -> Markup {
    let stuck = operator::all(&cx.state);
    html! {
        section #stuck data-live aria-label="Needs an operator" {
            @for one in &stuck {
                div.alarm role="alert" {
                    p { (icon(Icon::Warn)) strong { "Needs an operator: " } (one.why) "." }
                    p {
                        @if let Some(did) = &one.did { "It was to " (did) ". " }
                        @match &one.frozen {
                            Some(target) => { "Target " (target) " is frozen" }
                            None => "All targets are frozen",
                        }
                        @if let Some(since) = one.since { ", since " (clock(since)) ", " (when(since, cx.now)) }
                        ". " a href=(cx.href(&format!("/executions/{}", one.execution))) { "Look and resolve" }
                    }
                }
            }
        }
    }
}

/// Open episodes, the worst first.
pub(super) fn violations(cx: &Cx, open: &[Violation]) -> Markup {
    if open.is_empty() {
        return nothing("Nothing is breached.");
    }
    let mut open: Vec<_> = open.iter().collect();
    open.sort_by_key(|one| (Reverse(one.severity), one.onset, one.expectation.clone()));
    let more = open.len().saturating_sub(ROWS_MAX);
    html! {
        (scroll("Open violations", &html! {
            table.cards {
                thead { tr { th scope="col" { "Severity" } th scope="col" { "What is breached" } th scope="col" { "Where" }
                    th.right scope="col" { "Value" } th.right scope="col" { "Limit" } th scope="col" { "Since" } } }
                tbody {
                    @for one in open.into_iter().take(ROWS_MAX) { (violation(cx, one)) }
                }
            }
        }))
        @if more > 0 { p.note { "And " (count(more, "more episode")) ": " a href=(cx.href("/api/v1/violations?limit=1000")) { "all of them" } } }
    }
}

fn violation(cx: &Cx, one: &Violation) -> Markup {
    let component = one.component.as_ref().map_or("everywhere", |it| it.as_str());
    html! {
        tr {
            td data-label="Severity" { (severity(one.severity)) }
            td data-label="What" {
                strong { (one.expectation) }
                @if !one.is_confirmed() { " " (badge(Tone::Warn, "unconfirmed")) }
                @if !one.description.is_empty() { p.sub { (one.description) } }
                details {
                    summary { (one.witnesses.len()) @if one.witnesses.len() == 1 { " witness" } @else { " witnesses" } ", " (count(one.labels.len(), "label")) }
                    dl.pairs {
                        @for witness in &one.witnesses {
                            div { dt { (witness.by) } dd { (witness.name) @if let Some(family) = &witness.family { " (" (family) ")" } } }
                        }
                        @for (name, value) in one.labels.iter() { div { dt { (name) } dd { (value) } } }
                    }
                }
            }
            td data-label="Where" { (component) }
            td.right data-label="Value" { @if let Some(value) = one.value { (number(value)) } @else { "–" } }
            td.right data-label="Limit" { @if let Some(limit) = one.threshold { (number(limit)) } @else { "–" } }
            td data-label="Since" { (when(one.onset, cx.now)) }
        }
    }
}

fn diagnosis(cx: &Cx, last: Option<&CycleReport>) -> Markup {
    let Some(report) = last else { return nothing("No cycle has ended yet.") };
    let diagnosis = &report.diagnosis;
    html! {
        @if diagnosis.is_healthy() { (nothing("Nothing is wrong, so nothing has a cause.")) }
        @if diagnosis.is_unknown() {
            p.note { (icon(Icon::Warn)) "Something is wrong, and no known cause explains any of it. Nothing is done about what is not understood." }
        }
        (causes(&diagnosis.causes))
        @if !diagnosis.causes.is_empty() && !diagnosis.unexplained.is_empty() {
            p.note { "No cause explains " (count(diagnosis.unexplained.len(), "other episode")) "." }
        }
        @if !diagnosis.is_healthy() { p { a href=(cx.href(&format!("/cycles/{}", report.number))) { "The whole chain, from what was seen to what was decided" } } }
    }
}

/// Causes with what speaks for them, likeliest first.
pub(super) fn causes(causes: &[RankedCause]) -> Markup {
    html! {
        ol.causes {
            @for one in causes {
                li {
                    div.cause { strong { (one.cause) } (bar(one.confidence.get())) }
                    @if !one.reasons.is_empty() {
                        ul.reasons { @for reason in &one.reasons { li { (reason) } } }
                    }
                    p.sub { "explains " (count(one.explains.len(), "open episode")) ", seen " (count(one.persisted_cycles as usize, "cycle")) " in a row" }
                }
            }
        }
    }
}

fn waiting(cx: &Cx) -> Markup {
    let all = crate::api::plans::all(&cx.state);
    let waiting: Vec<_> = all.iter().filter(|it| plans::is_pending(it)).collect();
    html! {
        @if waiting.is_empty() { (nothing("Nothing waits for a decision.")) }
        @for one in waiting { (plans::card(cx, one)) }
    }
}

fn running(cx: &Cx) -> Markup {
    let live: Vec<_> =
        cx.state.executions.values().rev().filter(|it| it.status.is_live()).collect();
    html! {
        @if live.is_empty() { (nothing("Nothing is under way.")) }
        @for one in live { (execution(cx, one)) }
    }
}

/// An execution in a card.
fn execution(cx: &Cx, one: &Execution) -> Markup {
    html! {
        article.card {
            h3 { a href=(cx.href(&format!("/executions/{}", one.id))) { (steps::title(&one.plan)) } }
            p { (phase(&one.status)) " against " strong { (one.plan.cause) } ", begun " (when(one.started, cx.now)) }
            (steps::list(one))
        }
    }
}

fn evidence(last: Option<&CycleReport>) -> Markup {
    let Some(report) = last else { return nothing("No cycle has ended yet.") };
    let sensors = report.seen.sensors;
    html! {
        ul.sources { @for (source, quality) in &report.seen.quality { (source_of(source, quality)) } }
        @if report.seen.quality.is_empty() { (nothing("There is no source.")) }
        @if sensors.total > 0 { p.sub { (sensors.total.saturating_sub(sensors.bad)) " of " (count(sensors.total as usize, "sensor")) " work" } }
    }
}

/// A source with its doubts.
pub(super) fn source_of(source: &SourceName, quality: &Quality) -> Markup {
    html! {
        li {
            span.name { (source) } (level(quality.level()))
            @if quality.level() != Level::Fresh || quality.doubts().len() > 0 {
                ul.reasons { @for doubt in quality.doubts().take(5) { li { (doubt.subject) ": " (doubt.detail) } }
                    @if quality.doubts().len() > 5 { li { "and " (quality.doubts().len() - 5) " more" } } }
            }
        }
    }
}

fn values(last: Option<&CycleReport>) -> Markup {
    let Some(report) = last else { return nothing("No cycle has ended yet.") };
    let trends: BTreeMap<&str, &Trend> =
        report.seen.trends.iter().map(|it| (it.name.as_str(), it)).collect();
    let more = report.seen.values.len().saturating_sub(ROWS_MAX);
    html! {
        @if report.seen.values.is_empty() { (nothing("No value is watched.")) }
        @else {
            (scroll("Values", &html! { table {
                thead { tr { th scope="col" { "Value" } th.right scope="col" { "Now" } th scope="col" { "Trend" } } }
                tbody { @for (name, value) in report.seen.values.iter().take(ROWS_MAX) {
                    tr { th scope="row" { (name) } td.right { (measured(*value, unit(name))) }
                        td { @if let Some(trend) = trends.get(name.as_str()) { (direction(trend.direction)) } } }
                } }
            } }))
        }
        @if more > 0 { p.sub { "and " (more) " more" } }
    }
}

/// Kinds of actions that nobody trusts at the moment.
fn disabled(cx: &Cx) -> Markup {
    html! {
        @if !cx.state.disabled.is_empty() {
            h2 { "Disabled by the breaker" }
            @for (kind, at) in &cx.state.disabled {
                div.card {
                    p { strong { (kind) } " did harm " (when(*at, cx.now)) " and is not done any more." }
                    (Act { name: &format!("rearm-{kind}"), path: "/api/v1/rearm".to_owned(), least: Role::Admin, label: "Trust it again", reason: "Reason",
                        look: "plain", done: "It is trusted again.", needs_reason: true, fields: &[("kind", kind.to_string())] }.form(cx))
                }
            }
        }
    }
}

/// An id that links to what it names.
pub(super) fn to_execution(cx: &Cx, id: mapek_model::ExecutionId) -> Markup {
    html! { a href=(cx.href(&format!("/executions/{id}"))) { (short(id)) } }
}
