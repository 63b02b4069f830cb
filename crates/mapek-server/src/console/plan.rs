//! *Approve*, one plan: all that a person needs to decide, and the two buttons.

use axum::{extract::Path, response::Response};
use http::StatusCode;
use mapek_loop::{Insight, Posterior, Topic};
use mapek_model::{Approval, Execution, PlanId};
use maud::{Markup, html};

use super::{
    act::Act,
    cx::Cx,
    layout::Page,
    now::to_execution,
    parts::{Tone, badge, bar, count, nothing, number, percent, phase, span, when},
    plans::{approval_of, has_begun, is_pending, standing, unless},
    steps,
};
use crate::{
    Role,
    api::plans::{Proposed, find},
};

/// One plan.
pub(crate) async fn plan(cx: Cx, Path(id): Path<String>) -> Response {
    let found = id.parse::<PlanId>().ok().and_then(|id| find(&cx.state, id));
    let Some(one) = found else {
        return missing(&cx, "/plans", "plan", "/plans", "all plans that are kept");
    };
    let plan = one.plan;
    let title = steps::title(plan);
    let body = html! {
        section #decision data-live aria-labelledby="decision-title" {
            h2 #decision-title { "Decision" }
            (decide(&cx, &one))
        }
        div.columns {
            div {
                section aria-labelledby="does-title" { h2 #does-title { "What it does" } (steps::planned(plan)) p { (plan.rationale) }
                    p.sub { "Before anything is sent the undo of each step is rehearsed, and each step is checked with the managed system: what that refuses is not done." } }
                section aria-labelledby="why-title" {
                    h2 #why-title { "Why" }
                    dl.facts {
                        div { dt { "Cause" } dd { (plan.cause) } }
                        div { dt { "Confidence" } dd { (bar(plan.confidence.get())) } }
                        div { dt { "Explains" } dd { (count(plan.explains.len(), "open episode")) } }
                        div { dt { "Proposed" } dd { (when(plan.created, cx.now))
                            @if let Some(cycle) = one.cycle { " in cycle " a href=(cx.href(&format!("/cycles/{cycle}"))) { (cycle) } } } }
                    }
                }
                section aria-labelledby="effect-title" { h2 #effect-title { "What to expect" } (effect(&cx, &one)) }
            }
            div {
                section aria-labelledby="worth-title" {
                    h2 #worth-title { "What it is worth" }
                    dl.facts {
                        div { dt { "Benefit" } dd { (number(plan.benefit.get())) } }
                        div { dt { "Cost" } dd { (number(plan.cost.get())) } }
                        div { dt { "Score" } dd { strong { (number(plan.score.get())) } } }
                        div { dt { "Priority" } dd { (plan.priority) } }
                        div { dt { "Risk if wrong" } dd { (plan.risk_if_wrong) } }
                    }
                }
                @if is_pending(&one) {
                    section aria-labelledby="trial-title" { h2 #trial-title { "Dry run" } (dry_run(&cx, &one)) }
                }
                section #rails data-live aria-labelledby="rails-title" { h2 #rails-title { "What the rails say" } (rails(&one)) }
                section #runs data-live aria-labelledby="runs-title" { h2 #runs-title { "It was run before" } (runs(&cx, &one)) }
                section aria-labelledby="bound-title" {
                    h2 #bound-title { "What an approval binds to" }
                    p.sub { "An approval is for what the plan does. If the loop proposes the same again, it counts; if it proposes anything else, it does not." }
                    p { code.hash { (one.hash) } }
                }
            }
        }
    };
    Page { title: &title, view: "/plans", body }.show(&cx)
}

/// A page for what is not there.
pub(super) fn missing(cx: &Cx, view: &'static str, what: &str, list: &str, rest: &str) -> Response {
    let body = html! {
        p { "No such " (what) " is kept: it may be too old, or never have been. " a href=(cx.href(list)) { "Here are " (rest) "." } }
    };
    Page { title: "Not here", view, body }.show_as(StatusCode::NOT_FOUND, cx)
}

fn decide(cx: &Cx, one: &Proposed<'_>) -> Markup {
    let hash = [("hash", one.hash.to_string())];
    let approve = Act {
        name: "approve",
        path: format!("/api/v1/plans/{}/approve", one.plan.id),
        least: Role::Approver,
        label: "Approve",
        reason: "Reason to approve",
        look: "go",
        done: "Approved.",
        needs_reason: false,
        fields: &hash,
    };
    let reject = Act {
        name: "reject",
        path: format!("/api/v1/plans/{}/reject", one.plan.id),
        label: "Reject",
        reason: "Reason to reject",
        look: "stop",
        done: "Rejected.",
        needs_reason: true,
        ..approve
    };
    let mine = cx
        .who
        .as_ref()
        .zip(one.given)
        .is_some_and(|(who, it)| it.contains_key(who.person.as_str()));
    html! {
        p { (standing(cx, one)) }
        @if let Some(given) = one.given.filter(|it| !it.is_empty()) {
            ul.reasons { @for (by, at) in given { li { (by) " approved " (when(*at, cx.now)) } } }
        }
        @if is_pending(one) {
            p { @if let Some(since) = one.since { "People were asked " (when(since, cx.now)) ". " }
                "It expires " strong { (when(one.plan.expires, cx.now)) } "." }
            @if mine { p.note { "You have approved it; it needs somebody else, too." } }
            div.decide { @if !mine { (approve.form(cx)) } (reject.form(cx)) }
        } @else if has_begun(one) {
            p.sub { "What becomes of it is told there." }
        } @else if let Some(Approval::Approved { .. }) = one.approval {
            p.sub { "It begins in the next cycle, if the rails still let it. Until then it can be rejected." }
            div.decide { (reject.form(cx)) }
        } @else if one.approval.is_none() {
            p.sub { "Nobody is asked about it." }
        }
    }
}

/// A button that asks the managed system, and sends it nothing.
fn dry_run(cx: &Cx, one: &Proposed<'_>) -> Markup {
    let refused = cx.may(Role::Approver).err();
    html! {
        p.sub { "Asks the managed system what it would say now to each step, and to its undo. Nothing is done." }
        form.act method="post" action=(cx.href(&format!("/api/v1/plans/{}/rehearse", one.plan.id))) data-act="rehearse" {
            input type="hidden" name="hash" value=(one.hash);
            button.plain type="submit" disabled[refused.is_some()] aria-describedby=[refused.as_ref().map(|_| "trial-why")] { "Try it without doing it" }
            @if let Some(text) = &refused { p #trial-why .why { (text) } }
            output.answer role="status" {}
        }
    }
}

fn effect(cx: &Cx, one: &Proposed<'_>) -> Markup {
    let plan = one.plan;
    let about = |insight: &&Insight| {
        insight.cause == plan.cause.kind
            && matches!(&insight.topic, Topic::Plan { signature } if *signature == plan.signature())
    };
    html! {
        dl.facts {
            div { dt { "Succeeds with" } dd { (bar(plan.success.get())) } }
            div { dt { "Effect is looked for after" } dd { (span(plan.time_to_effect)) } }
            @if plan.is_temporary() { div { dt { "Temporary" } dd { "it is taken back once the cause is gone" } } }
        }
        @match cx.state.insights.iter().find(about) {
            Some(insight) => {
                @let posterior = Posterior::of(&insight.tally);
                p { "So far: " (insight.text) "." }
                p { (super::knowledge::interval(&posterior)) }
            }
            None => p.sub { "Nobody has tried this against " (plan.cause.kind) " here, so what it is believed to achieve is a guess." },
        }
    }
}

fn rails(one: &Proposed<'_>) -> Markup {
    html! {
        @match one.decided {
            _ if has_begun(one) => p { "They let it begin." },
            Some(decided) => { p { (decided.decision.to_string()) } }
            None => @match one.approval {
                Some(approval) => p { (approval_of(approval)) },
                None => p.sub { "They have not been asked in a cycle that is kept." },
            },
        }
        @if !one.unless.is_empty() { h3 { "It would run if" } (unless(&one.unless)) }
    }
}

fn runs(cx: &Cx, one: &Proposed<'_>) -> Markup {
    let same = |run: &&Execution| run.plan.hash() == one.hash;
    let runs: Vec<_> = cx.state.executions.values().rev().filter(same).take(5).collect();
    html! {
        @if runs.is_empty() { (nothing("Not as far as executions are kept.")) }
        @else { ul.brief { @for run in &runs {
            li { (to_execution(cx, run.id)) " " (phase(&run.status)) " " (when(run.started, cx.now))
                @if let Some(steps) = &run.irreversible {
                    " " @if steps.is_empty() { (badge(Tone::Good, "rehearsed: all could be undone")) }
                    @else { (badge(Tone::Warn, format!("rehearsed: {} could not be undone", count(steps.len(), "step")))) }
                }
                @if let Some(judged) = &run.judgement { " " (super::parts::verdict(judged.verdict)) " " span.sub { (judged.reason) } }
            }
        } } }
        @if let Some(share) = success_of(&runs) { p.sub { (percent(share)) " of these helped" } }
    }
}

/// The share of judged runs that succeeded.
fn success_of(runs: &[&Execution]) -> Option<f64> {
    let judged: Vec<_> = runs.iter().filter_map(|run| run.judgement.as_ref()).collect();
    let good = judged.iter().filter(|it| it.verdict == mapek_model::Verdict::Success).count();
    #[expect(clippy::cast_precision_loss, reason = "five at most")]
    let share = good as f64 / judged.len() as f64;
    (!judged.is_empty()).then_some(share)
}
