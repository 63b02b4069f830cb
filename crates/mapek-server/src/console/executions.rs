//! *Executions*: what was done.

use std::cmp::Reverse;

use axum::{
    extract::{Query, rejection::QueryRejection},
    response::Response,
};
use mapek_model::Execution;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    cx::Cx,
    cycles::choices,
    layout::Page,
    parts::{nothing, phase, scroll, verdict, when},
    steps,
};

/// Executions on a page.
const PAGE: usize = 50;

/// What is shown of the list.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shown {
    show: Option<String>,
    /// The last one of the page before.
    after: Option<String>,
}

const CHOICES: [(&str, &str); 3] =
    [("all", "All"), ("live", "Under way"), ("stuck", "Need an operator")];

/// Executions, newest first.
pub(crate) async fn executions(cx: Cx, shown: Result<Query<Shown>, QueryRejection>) -> Response {
    let Shown { show, after } = shown.map(|Query(shown)| shown).unwrap_or_default();
    let shown =
        CHOICES.iter().find(|(word, _)| show.as_deref() == Some(word)).unwrap_or(&CHOICES[0]).0;
    let keep = |one: &&Execution| match shown {
        "live" => one.status.is_live(),
        "stuck" => one.status.needs_operator(),
        _ => true,
    };
    let mut kept: Vec<_> = cx.state.executions.values().filter(keep).collect();
    kept.sort_by_key(|one| Reverse((one.started, one.id)));
    let from = after.and_then(|after| kept.iter().position(|it| it.id.to_string() == after));
    let from = from.map_or(0, |place| place + 1);
    let page: Vec<_> = kept.iter().skip(from).take(PAGE).collect();
    let next = page.last().filter(|_| from + PAGE < kept.len()).map(|it| it.id);
    let damaged = shown != "live" && from == 0;
    let body = html! {
        (choices(&cx, "/executions", &CHOICES, shown))
        section #executions data-live aria-label="Executions" {
            @for one in cx.state.damaged.iter().filter(|_| damaged) {
                div.alarm role="alert" { p { "The log of " a href=(cx.href(&format!("/executions/{}", one.execution))) { (one.execution) }
                    " cannot be followed: " (one.reason) "." } }
            }
            @if page.is_empty() { (nothing("There is none.")) }
            @else { (scroll("Executions", &html! { table.cards {
                thead { tr { th scope="col" { "What" } th scope="col" { "Against" } th scope="col" { "Where it stands" } th scope="col" { "Effect" } th scope="col" { "Begun" } } }
                tbody { @for one in &page { (row(&cx, one)) } }
            } })) }
        }
        @if let Some(next) = next { p { a.button href=(cx.href(&format!("/executions?show={shown}&after={next}"))) { "Older ones" } } }
    };
    Page { title: "Executions", view: "/executions", body }.show(&cx)
}

fn row(cx: &Cx, one: &Execution) -> Markup {
    html! {
        tr {
            td data-label="What" { a href=(cx.href(&format!("/executions/{}", one.id))) { (steps::title(&one.plan)) } }
            td data-label="Against" { (one.plan.cause) }
            td data-label="Stands" { (phase(&one.status)) }
            td data-label="Effect" { @if let Some(judged) = &one.judgement { (verdict(judged.verdict)) } @else { "–" } }
            td data-label="Begun" { (when(one.started, cx.now)) }
        }
    }
}
