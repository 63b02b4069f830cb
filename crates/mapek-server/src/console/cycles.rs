//! *Why*: which cycles there were.

use axum::{
    extract::{Query, rejection::QueryRejection},
    response::Response,
};
use mapek_loop::{CycleReport, NoPlanning};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    cx::Cx,
    layout::Page,
    now::to_execution,
    parts::{Icon, Tone, badge, bar, clock, count, icon, nothing, scroll, when},
};

/// What is shown of the list.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shown {
    show: Option<String>,
}

const CHOICES: [(&str, &str); 3] =
    [("all", "All"), ("breached", "Something was wrong"), ("decided", "Something was decided")];

/// Cycles, newest first.
pub(crate) async fn cycles(cx: Cx, shown: Result<Query<Shown>, QueryRejection>) -> Response {
    let shown = shown.ok().and_then(|Query(shown)| shown.show);
    let shown =
        CHOICES.iter().find(|(word, _)| shown.as_deref() == Some(word)).unwrap_or(&CHOICES[0]).0;
    let keep = |report: &&std::sync::Arc<CycleReport>| match shown {
        "breached" => !report.seen.open.is_empty(),
        "decided" => !report.decisions.is_empty() || !report.outcomes.is_empty(),
        _ => true,
    };
    let kept: Vec<_> = cx.state.reports.iter().rev().filter(keep).collect();
    let body = html! {
        p.intro { "Each cycle looks, thinks, decides and acts once. Open one to see the whole chain. The newest "
            (mapek_loop::LoopState::REPORTS_MAX) " are kept here, and fewer while thousands of episodes are open." }
        (choices(&cx, "/cycles", &CHOICES, shown))
        section #cycles data-live aria-label="Cycles" {
            @if kept.is_empty() { (nothing("There is no such cycle.")) }
            @else { (scroll("Cycles", &html! { table.cards {
                thead { tr { th scope="col" { "Cycle" } th scope="col" { "When" } th scope="col" { "Open" }
                    th scope="col" { "Likeliest cause" } th scope="col" { "What came of it" } } }
                tbody { @for report in &kept { (row(&cx, report)) } }
            } })) }
        }
    };
    Page { title: "Why", view: "/cycles", body }.show(&cx)
}

/// Links between which one chooses.
pub(super) fn choices(cx: &Cx, path: &str, choices: &[(&str, &str)], shown: &str) -> Markup {
    html! {
        nav.choices aria-label="What is shown" {
            @for (word, name) in choices {
                a href=(cx.href(&format!("{path}?show={word}"))) aria-current=[(*word == shown).then_some("true")] { (name) }
            }
        }
    }
}

fn row(cx: &Cx, report: &CycleReport) -> Markup {
    html! {
        tr {
            th scope="row" data-label="Cycle" { a href=(cx.href(&format!("/cycles/{}", report.number))) { (report.number) } }
            td data-label="When" { (clock(report.at)) " " span.sub { (when(report.at, cx.now)) } }
            td data-label="Open" { (report.seen.open.len()) @if !report.seen.closed.is_empty() { span.sub { ", " (report.seen.closed.len()) " over" } } }
            td data-label="Cause" {
                @if let Some(one) = report.diagnosis.causes.first() { (one.cause) " " (bar(one.confidence.get())) }
                @else if report.diagnosis.is_unknown() { "unknown" } @else { "–" }
            }
            td data-label="Result" { (said(cx, report)) }
        }
    }
}

/// The newest few, in a list.
pub(super) fn brief(cx: &Cx, limit: usize) -> Markup {
    html! {
        ol.brief {
            @for report in cx.state.reports.iter().rev().take(limit) {
                li { a href=(cx.href(&format!("/cycles/{}", report.number))) { (report.number) } " " (clock(report.at)) " " (said(cx, report)) }
            }
        }
        p { a href=(cx.href("/cycles")) { "All cycles" } }
    }
}

/// A cycle in half a sentence.
pub(super) fn said(cx: &Cx, report: &CycleReport) -> Markup {
    let started = report.decisions.iter().find(|it| it.execution.is_some());
    html! {
        @if let Some(fault) = report.faults.first() { (badge(Tone::Bad, "fault")) " " (fault) }
        @else if let Some(outcome) = report.outcomes.first() { (super::parts::verdict(outcome.verdict)) " of " (outcome.signature) " was learned" }
        @else if let Some(decided) = started { (badge(Tone::Busy, "acts")) " " (decided.summary) }
        @else if let Some(decided) = report.decisions.first() { (badge(Tone::Quiet, decided.as_str().replace('_', " "))) " " (decided.summary) }
        @else if report.seen.open.is_empty() { (icon(Icon::Check)) "nothing was wrong" }
        @else if let Some(NoPlanning::Awaits { execution }) = &report.no_planning {
            (count(report.seen.open.len(), "episode")) " open; waits for " (to_execution(cx, *execution))
        }
        @else if let Some(why) = &report.no_planning { (count(report.seen.open.len(), "episode")) " open; " (why.to_string()) }
        @else { (count(report.seen.open.len(), "episode")) " open, no plan" }
    }
}
