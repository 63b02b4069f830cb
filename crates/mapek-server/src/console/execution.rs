//! *Executions*, one: its steps as they are done, its log, and what a person may do about it.

use axum::{extract::Path, response::Response};
use mapek_model::{Execution, ExecutionEvent, ExecutionId, Phase, Timestamp};
use maud::{Markup, html};

use super::{
    act::Act,
    cx::Cx,
    layout::Page,
    parts::{
        Tone, badge, clock, count, exactly, nothing, percent, phase, scroll, sight, span, verdict,
        when,
    },
    plan::missing,
    steps,
};
use crate::Role;

fn unknown(cx: &Cx) -> Response {
    missing(cx, "/executions", "execution", "/executions", "all executions that are kept")
}

/// One execution.
pub(crate) async fn execution(cx: Cx, Path(asked): Path<String>) -> Response {
    let Ok(id) = asked.parse::<ExecutionId>() else {
        return unknown(&cx);
    };
    if let Some(damaged) = cx.state.damaged.iter().find(|it| it.execution == id) {
        let body = html! {
            p.error { "Its log cannot be followed: " (damaged.reason) ". Nobody can tell what of it took effect." }
            (resolve(&cx, id))
        };
        return Page { title: "Damaged execution", view: "/executions", body }.show(&cx);
    }
    let Some(run) = cx.state.executions.get(&id) else {
        return unknown(&cx);
    };
    let title = steps::title(&run.plan);
    let body = html! {
        section #stands data-live aria-labelledby="stands-title" {
            h2 #stands-title { "Where it stands" }
            (stands(&cx, run))
        }
        div.columns {
            div {
                section #steps data-live aria-labelledby="steps-title" { h2 #steps-title { "Steps" } (steps::list(run)) (rehearsal(run)) }
                section #looks data-live aria-labelledby="looks-title" { h2 #looks-title { "Does it help?" } (looks(run)) (judgement(run)) }
                section #log data-live aria-labelledby="log-title" { h2 #log-title { "What happened" } (log(&cx, run)) }
            }
            div {
                section #acts data-live aria-labelledby="acts-title" { h2 #acts-title { "What you can do" } (acts(&cx, run)) }
                section aria-labelledby="plan-title" {
                    h2 #plan-title { "Plan" }
                    dl.facts {
                        div { dt { "Plan" } dd { a href=(cx.href(&format!("/plans/{}", run.plan.id))) { (steps::title(&run.plan)) } } }
                        div { dt { "Cause" } dd { (run.plan.cause) } }
                        div { dt { "Believed to succeed with" } dd { (percent(run.plan.success.get())) } }
                        div { dt { "Chosen with" } dd { (percent(run.chosen_with.get())) } }
                        div { dt { "Effect expected after" } dd { (span(run.plan.time_to_effect)) } }
                        div { dt { "Begun" } dd { (exactly(run.started)) } }
                        div { dt { "Execution" } dd { code.hash { (run.id) } } }
                    }
                }
            }
        }
    };
    Page { title: &title, view: "/executions", body }.show(&cx)
}

fn stands(cx: &Cx, run: &Execution) -> Markup {
    let waits = cx
        .state
        .reports
        .iter()
        .rev()
        .find_map(|report| report.progress.iter().find(|it| it.state.id == run.id));
    html! {
        p.state { (phase(&run.status)) span.sub { " since " (when(run.updated, cx.now)) } }
        @if let Some(reason) = &run.reason { p { (reason) } }
        @if run.status.is_live() { @if let Some(waits) = waits.and_then(|it| it.advance.waits.as_ref()) { p.sub { "waits for " (waits) } } }
        @if let Phase::Holding { until } = run.status.phase() { p { "It is taken back at " (clock(*until)) " at the latest, " (when(*until, cx.now)) "." } }
    }
}

fn rehearsal(run: &Execution) -> Markup {
    html! {
        @match &run.irreversible {
            None => {}
            Some(steps) if steps.is_empty() => p { (badge(Tone::Good, "rehearsed")) " each step could be undone" },
            Some(steps) => {
                p { (badge(Tone::Warn, "rehearsed")) " " (count(steps.len(), "step")) " could not be undone:" }
                ul.reasons { @for one in steps { li { "step " (one.step.0 + 1) ": " (one.reason) } } }
            }
        }
    }
}

/// The looks at its effect.
pub(super) fn looks(run: &Execution) -> Markup {
    html! {
        @if !run.looks.is_empty() {
            ol.events { @for look in &run.looks {
                li { (clock(look.at)) " " (sight(look.sight)) " " (look.reason)
                    @if let Some(left) = look.left { span.sub { ", " (percent(left)) " of it is left" } } }
            } }
        }
    }
}

/// What it achieved.
pub(super) fn judgement(run: &Execution) -> Markup {
    html! {
        @match &run.judgement {
            Some(judged) => {
                p { (verdict(judged.verdict)) " " (judged.reason)
                    @if let Some(time) = judged.time_to_effect { ", " (span(time)) " after the last step" } }
                (compared(run))
            }
            None if run.status.is_live() => (nothing("Not known yet.")),
            None => (nothing("It ended before its effect could be measured.")),
        }
    }
}

/// What was measured before and after.
fn compared(run: &Execution) -> Markup {
    let after = run.judgement.as_ref().map(|it| &it.after.values);
    let pairs: Vec<_> = run
        .before
        .values
        .iter()
        .filter_map(|(name, before)| Some((name, *before, *after?.get(name)?)))
        .collect();
    html! {
        @if !pairs.is_empty() {
            details { summary { "Before and after" }
                (scroll("Before and after", &html! { table {
                    thead { tr { th scope="col" { "Value" } th.right scope="col" { "Before" } th.right scope="col" { "After" } } }
                    tbody { @for (name, before, after) in pairs {
                        tr { th scope="row" { (name) } td.right { (super::parts::number(before)) } td.right { (super::parts::number(after)) } }
                    } }
                } }))
            }
        }
    }
}

/// What is known of its log: the cycles that are kept hold what happened in them.
fn log(cx: &Cx, run: &Execution) -> Markup {
    let events: Vec<(Timestamp, &ExecutionEvent)> = cx
        .state
        .reports
        .iter()
        .flat_map(|report| report.progress.iter().map(move |it| (report.at, it)))
        .filter(|(_, progress)| progress.state.id == run.id)
        .flat_map(|(at, progress)| progress.advance.events.iter().map(move |event| (at, event)))
        .collect();
    html! {
        @if events.is_empty() { (nothing("The cycles in which it happened are no longer kept.")) }
        @else { ol.events { @for (at, event) in events { li { (clock(at)) " " (steps::event(&run.plan, event)) } } } }
    }
}

fn acts(cx: &Cx, run: &Execution) -> Markup {
    let took_effect = !run.status.may_have_run().is_empty();
    html! {
        @if run.status.needs_operator() { (resolve(cx, run.id)) }
        @else if matches!(run.status.phase(), Phase::Undoing { .. }) { (nothing("It is being undone.")) }
        @else if took_effect {
            p.sub { "Undoing goes back over all steps that may have run, last first, even while the loop is paused." }
            (Act {
                name: "rollback",
                path: format!("/api/v1/executions/{}/rollback", run.id),
                least: Role::Operator,
                label: "Undo it",
                reason: "Reason to undo it",
                look: "stop",
                done: "It is being undone.",
                needs_reason: true,
                fields: &[],
            }.form(cx))
        }
        @else { (nothing("Nothing of it is in effect.")) }
    }
}

fn resolve(cx: &Cx, id: ExecutionId) -> Markup {
    html! {
        p.sub { "Look at the managed system first: nobody can tell what of this took effect. Closing it lets the loop act on the target again." }
        (Act {
            name: "resolve",
            path: format!("/api/v1/executions/{id}/resolve"),
            least: Role::Operator,
            label: "I have looked: close it",
            reason: "What you found and did",
            look: "go",
            done: "Closed. The loop may act on the target again.",
            needs_reason: true,
            fields: &[],
        }.form(cx))
    }
}
