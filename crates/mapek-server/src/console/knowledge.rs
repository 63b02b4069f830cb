//! *Knowledge*: what works against which cause.

use std::collections::BTreeMap;

use axum::response::Response;
use mapek_loop::{Insight, Posterior, Topic};
use mapek_model::{CauseKind, Outcome};
use maud::{Markup, html};

use super::{
    cx::Cx,
    layout::Page,
    now::to_execution,
    parts::{Tone, badge, nothing, number, percent, scroll, span, verdict, when},
};

/// What was learned.
pub(crate) async fn knowledge(cx: Cx) -> Response {
    let mut by_cause: BTreeMap<&CauseKind, Vec<&Insight>> = BTreeMap::new();
    for insight in &cx.state.insights {
        by_cause.entry(&insight.cause).or_default().push(insight);
    }
    let body = html! {
        section #works data-live aria-labelledby="works-title" {
            h2 #works-title { "What works against which cause" }
            p.intro { "How likely a plan is to succeed next time, by all that it did so far: the dot is what is expected, and the bar is where "
                "it lies with 95 % probability. A long bar means that little is known." }
            @if by_cause.is_empty() { (nothing("Nothing was learned yet: an outcome is needed for that.")) }
            @for (cause, insights) in &by_cause { (against(cause, insights)) }
        }
        section #outcomes data-live aria-labelledby="outcomes-title" {
            h2 #outcomes-title { "What came of what was done" }
            (outcomes(&cx))
        }
    };
    Page { title: "Knowledge", view: "/knowledge", body }.show(&cx)
}

fn against(cause: &CauseKind, insights: &[&Insight]) -> Markup {
    let best = insights.iter().find_map(|it| match &it.topic {
        Topic::Best { signature } => Some(signature),
        _ => None,
    });
    html! {
        h3 { (cause) }
        (scroll(cause.as_ref(), &html! { table.cards.learned {
            thead { tr { th scope="col" { "Plan" } th scope="col" { "Success next time" } th.right scope="col" { "Succeeded" }
                th.right scope="col" { "In part" } th.right scope="col" { "In vain" } th.right scope="col" { "Did harm" } th scope="col" { "Works after" } } }
            tbody { @for one in insights.iter().filter(|it| !matches!(it.topic, Topic::Best { .. })) {
                @let posterior = Posterior::of(&one.tally);
                tr {
                    th scope="row" data-label="Plan" { @match &one.topic {
                        Topic::Plan { signature } => { (signature) @if best == Some(signature) { " " (badge(Tone::Good, "best")) } }
                        _ => { em { "left alone" } }
                    } }
                    td data-label="Success" { (interval(&posterior)) }
                    td.right data-label="Succeeded" { (one.tally.success) }
                    td.right data-label="In part" { (one.tally.partial) }
                    td.right data-label="In vain" { (one.tally.ineffective) }
                    td.right data-label="Harm" { (one.tally.degradation) }
                    td data-label="After" { @if let Some(time) = one.tally.time_to_effect { (span(time)) } @else { "–" } }
                }
            } }
        } }))
    }
}

/// A posterior as a bar from 0 to 100 %, with its numbers.
pub(super) fn interval(posterior: &Posterior) -> Markup {
    let [mean, low, high] =
        [posterior.mean, posterior.low, posterior.high].map(|it| 100.0 * it.get());
    html! {
        span.interval {
            svg viewBox="0 0 104 12" aria-hidden="true" {
                line.axis x1="2" y1="6" x2="102" y2="6" {}
                line.range x1=(number(2.0 + low)) y1="6" x2=(number(2.0 + high)) y2="6" {}
                circle.mean cx=(number(2.0 + mean)) cy="6" r="3.5" {}
            }
            span.number { (percent(posterior.mean.get())) span.sub { " (" (number(low.round())) "–" (percent(posterior.high.get())) ")" } }
        }
    }
}

fn outcomes(cx: &Cx) -> Markup {
    html! {
        @if cx.state.outcomes.is_empty() { (nothing("Nothing was judged yet.")) }
        @else { (scroll("Outcomes", &html! { table.cards {
            thead { tr { th scope="col" { "When" } th scope="col" { "What" } th scope="col" { "Against" } th scope="col" { "Verdict" } th scope="col" { "Why" } th.right scope="col" { "Expected" } } }
            tbody { @for one in cx.state.outcomes.iter().rev() { (outcome(cx, one)) } }
        } })) }
    }
}

fn outcome(cx: &Cx, one: &Outcome) -> Markup {
    html! {
        tr {
            td data-label="When" { (when(one.judged, cx.now)) }
            td data-label="What" { (one.signature) " " (to_execution(cx, one.execution)) }
            td data-label="Against" { (one.cause) }
            td data-label="Verdict" { (verdict(one.verdict)) }
            td data-label="Why" { (one.reason) }
            td.right data-label="Expected" { (percent(one.predicted.get())) }
        }
    }
}
