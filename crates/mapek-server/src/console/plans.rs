//! *Approve*: what waits for people, and what was proposed besides.

use axum::response::Response;
use mapek_model::Approval;
use maud::{Markup, html};

use super::{
    cx::Cx,
    layout::Page,
    now::to_execution,
    parts::{Tone, badge, nothing, percent, scroll, short, when},
    steps,
};
use crate::api::plans::{Proposed, all};

/// Plans that are listed besides those before people.
const OTHERS_MAX: usize = 30;

/// Plans, those before people first.
pub(crate) async fn plans(cx: Cx) -> Response {
    let all = all(&cx.state);
    let (pending, rest): (Vec<_>, Vec<_>) = all.iter().partition(|it| is_pending(it));
    let newest = cx.state.reports.iter().rev().find(|report| report.no_planning.is_none());
    let body = html! {
        section #pending data-live aria-labelledby="pending-title" {
            h2 #pending-title { "They wait for a decision" }
            @if pending.is_empty() { (nothing("Nothing waits for a decision.")) }
            @for one in &pending { (card(&cx, one)) }
        }
        section #others data-live aria-labelledby="others-title" {
            h2 #others-title { "Proposed lately" }
            @if rest.is_empty() { (nothing("Nothing else is proposed.")) }
            @else { (scroll("Proposed lately", &html! { table.cards {
                thead { tr { th scope="col" { "Plan" } th scope="col" { "Against" } th scope="col" { "Where it stands" } th scope="col" { "What would change that" } } }
                tbody { @for one in rest.iter().take(OTHERS_MAX) { (row(&cx, one)) } }
            } })) }
        }
        section #rejected data-live aria-labelledby="rejected-title" {
            h2 #rejected-title { "Thought of, and not proposed" }
            @match newest.filter(|it| !it.planning.rejected.is_empty()) {
                None => (nothing("Nothing was turned down in the newest cycle that planned.")),
                Some(report) => {
                    p.sub { "By cycle " a href=(cx.href(&format!("/cycles/{}", report.number))) { (report.number) } }
                    (super::cycle::rejected(&report.planning.rejected, report.planning.rejected_more))
                }
            }
        }
    };
    Page { title: "Approve", view: "/plans", body }.show(&cx)
}

/// Whether people may still say something that counts.
pub(super) const fn is_pending(one: &Proposed<'_>) -> bool {
    matches!(one.approval, Some(Approval::Pending { .. }))
}

/// Whether what people said is history: it runs, or did.
pub(super) const fn has_begun(one: &Proposed<'_>) -> bool {
    one.execution.is_some() && !is_pending(one)
}

/// A plan before people, in a card.
pub(super) fn card(cx: &Cx, one: &Proposed<'_>) -> Markup {
    let plan = one.plan;
    html! {
        article.card.waits {
            h3 { a href=(cx.href(&format!("/plans/{}", plan.id))) { (steps::title(plan)) } }
            p { "against " strong { (plan.cause) } " (" (percent(plan.confidence.get())) " sure); succeeds with "
                (percent(plan.success.get())) ", risk if wrong " (plan.risk_if_wrong) }
            p { (standing(cx, one)) ", expires " (when(plan.expires, cx.now)) }
            p { a.button href=(cx.href(&format!("/plans/{}", plan.id))) { "Look and decide" } }
        }
    }
}

fn row(cx: &Cx, one: &Proposed<'_>) -> Markup {
    html! {
        tr {
            td data-label="Plan" { a href=(cx.href(&format!("/plans/{}", one.plan.id))) { (steps::title(one.plan)) } " " (short(one.hash)) }
            td data-label="Against" { (one.plan.cause) }
            td data-label="Stands" { (standing(cx, one)) }
            td data-label="Unless" { (unless(&one.unless)) }
        }
    }
}

/// Where a plan stands, in words.
pub(super) fn standing(cx: &Cx, one: &Proposed<'_>) -> Markup {
    html! {
        @match (one.approval, one.decided, &one.waits) {
            _ if has_begun(one) => @if let Some(id) = one.execution { (badge(Tone::Busy, "started")) " as " (to_execution(cx, id)) },
            (Some(approval), ..) => (approval_of(approval)),
            (None, Some(decided), _) => { (decision(decided.decision.as_str())) " " span.sub { (decided.decision.to_string()) } }
            (None, None, Some(waits)) => { (badge(Tone::Quiet, "waits")) " " span.sub { (waits) } }
            (None, None, None) => (badge(Tone::Quiet, "was run")),
        }
    }
}

/// The rails' word.
pub(super) fn decision(word: &str) -> Markup {
    let tone = match word {
        "run" | "started" => Tone::Good,
        "refused" => Tone::Bad,
        "await_approval" => Tone::Busy,
        _ => Tone::Quiet,
    };
    badge(tone, word.replace('_', " "))
}

/// What people said.
pub(super) fn approval_of(approval: &Approval) -> Markup {
    let names =
        |by: &std::collections::BTreeSet<String>| by.iter().cloned().collect::<Vec<_>>().join(", ");
    html! {
        @match approval {
            Approval::Pending { needed, by } => {
                (badge(Tone::Busy, format!("{} of {needed} approved", by.len())))
                @if !by.is_empty() { " by " (names(by)) }
            }
            Approval::Approved { by } => { (badge(Tone::Good, "approved")) " by " (names(by)) }
            Approval::Rejected { by, reason } => { (badge(Tone::Bad, "rejected")) " by " (by) @if let Some(reason) = reason { ": " (reason) } }
            Approval::Expired => (badge(Tone::Quiet, "expired")),
            Approval::Withdrawn { reason } => { (badge(Tone::Quiet, "withdrawn")) " " (reason) }
        }
    }
}

/// The least that would have to be otherwise.
pub(super) fn unless(changes: &[String]) -> Markup {
    html! {
        @if changes.is_empty() { "–" }
        @else { ul.reasons { @for change in changes { li { (change) } } } }
    }
}
