//! *Why*, one cycle: the whole chain, from what was seen to what came of it.

use axum::{
    extract::{Path, State},
    response::Response,
};
use mapek_loop::{CycleReport, Decided, Decision};
use mapek_model::{CycleNumber, Execution, ExecutionId, Plan};
use maud::{Markup, html};

use super::{
    cx::Cx,
    execution,
    layout::Page,
    lookback, now,
    parts::{
        Icon, Tone, badge, bar, count, exactly, icon, nothing, number, percent, phase, scroll, when,
    },
    plan::missing,
    plans::{decision, unless},
    steps,
};
use crate::api::{App, cycles};

/// One cycle.
pub(crate) async fn cycle(cx: Cx, State(app): State<App>, Path(asked): Path<String>) -> Response {
    let kept = match asked.parse().map(CycleNumber::new) {
        Ok(number) => cycles::found(&app, number).await.ok(),
        Err(_) => None,
    };
    let Some(report) = kept.as_deref() else {
        return missing(
            &cx,
            "/cycles",
            "cycle",
            "/cycles",
            "the cycles that are kept; the journal keeps those in which something was open or at work",
        );
    };
    let body = html! {
        (around(&cx, report))
        p.intro { (exactly(report.at)) ", " (when(report.at, cx.now)) "."
            @if !report.woken_by.is_empty() { " Woken by " (report.woken_by.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ")) "." } }
        @if !report.unknown.is_empty() {
            p.note { (icon(Icon::Clock)) "This cycle has left memory. What follows is what the journal keeps of it; nobody remembers its "
                (report.unknown.iter().map(|it| it.replace('_', " ")).collect::<Vec<_>>().join(", ")) "." }
        }
        @if let Some(why) = &report.paused { p.note { (icon(Icon::Pause)) "Paused: " (why) "." } }
        @for fault in &report.faults { p.error { (icon(Icon::Warn)) (fault) } }
        @for told in &report.escalations { p.note { (icon(Icon::Warn)) (told) } }
        ol.chain {
            li { section aria-labelledby="saw" { h2 #saw { "What it saw" } (saw(&cx, report)) } }
            li { section aria-labelledby="found" { h2 #found { "What stood out" } (found(report)) } }
            li { section aria-labelledby="causes" { h2 #causes { "What it believes" } (believed(report)) } }
            li { section aria-labelledby="plans" { h2 #plans { "What it thought of doing" } (thought(&cx, report)) } }
            li { section #did data-live aria-labelledby="did-title" { h2 #did-title { "What it did" } (did(&cx, report)) } }
            li { section #came data-live aria-labelledby="came-title" { h2 #came-title { "What came of it" } (came(&cx, report)) } }
            @let plots = lookback::around(&cx, report);
            @if !plots.0.is_empty() {
                li { section #plots data-live aria-labelledby="plots-title" { h2 #plots-title { "What was measured before, during and after" } (plots) } }
            }
        }
    };
    Page { title: &format!("Cycle {}", report.number), view: "/cycles", body }.show(&cx)
}

/// The cycles before and after.
fn around(cx: &Cx, report: &CycleReport) -> Markup {
    let mut numbers = cx.state.reports.iter().map(|it| it.number);
    let before = numbers.clone().take_while(|it| *it < report.number).last();
    let after = numbers.find(|it| *it > report.number);
    let link = |number: CycleNumber, rel: &str, text: &str| {
        html! { a rel=(rel) href=(cx.href(&format!("/cycles/{number}"))) { (text) " " (number) } }
    };
    html! {
        nav.choices aria-label="Other cycles" {
            a href=(cx.href("/cycles")) { "All cycles" }
            @if let Some(number) = before { (link(number, "prev", "Before:")) }
            @if let Some(number) = after { (link(number, "next", "After:")) }
        }
    }
}

fn saw(cx: &Cx, report: &CycleReport) -> Markup {
    let seen = &report.seen;
    html! {
        (now::violations(cx, &seen.open))
        @if !seen.closed.is_empty() {
            p { (badge(Tone::Good, "over")) " " (seen.closed.iter().map(|it| it.expectation.to_string()).collect::<Vec<_>>().join(", ")) }
        }
        @if !seen.gone.is_empty() {
            p { (badge(Tone::Warn, "lost sight of")) " " (seen.gone.iter().map(|it| it.expectation.to_string()).collect::<Vec<_>>().join(", ")) }
        }
        h3 { "How far that can be trusted" }
        ul.sources { @for (source, quality) in &seen.quality { (now::source_of(source, quality)) } }
        @if seen.sensors.bad > 0 { p.note { (icon(Icon::Warn)) (seen.sensors.bad) " of " (count(seen.sensors.total as usize, "sensor")) " are bad." } }
    }
}

fn found(report: &CycleReport) -> Markup {
    let findings = &report.diagnosis.findings;
    html! {
        @if findings.is_empty() { (nothing("No detector reported anything.")) }
        @else { (scroll("Findings", &html! { table.cards {
            thead { tr { th scope="col" { "Detector" } th scope="col" { "What it may mean" } th scope="col" { "Where" } th scope="col" { "Sure" } } }
            tbody { @for one in findings { tr {
                td data-label="Detector" { (one.kind) }
                td data-label="Meaning" { (one.hypothesis) " " span.sub { "(" (count(one.episodes.len(), "episode")) ")" } }
                td data-label="Where" { @if let Some(component) = &one.component { (component) } @else { "–" } }
                td data-label="Sure" { (bar(one.confidence.get())) }
            } } }
        } })) }
    }
}

fn believed(report: &CycleReport) -> Markup {
    let diagnosis = &report.diagnosis;
    html! {
        @if diagnosis.is_healthy() { (nothing("Nothing was wrong.")) }
        @if diagnosis.is_unknown() { p.note { (icon(Icon::Warn)) "The cause is unknown: no known cause explains any of it." } }
        (now::causes(&diagnosis.causes))
        @if let Some(risk) = diagnosis.risk { p { "Left alone, the risk is " strong { (risk) } "." } }
        @if !diagnosis.unexplained.is_empty() && !diagnosis.is_unknown() { p.note { "No cause explains " (count(diagnosis.unexplained.len(), "episode")) "." } }
        @if !diagnosis.recommendations.is_empty() {
            h3 { "What a person might do" }
            ul.reasons { @for one in &diagnosis.recommendations { li { (one) } } }
        }
    }
}

fn thought(cx: &Cx, report: &CycleReport) -> Markup {
    let planning = &report.planning;
    let of = |plan: &Plan| report.decisions.iter().find(|it| it.plan == plan.id);
    html! {
        @if let Some(why) = &report.no_planning { p.note { "It did not plan: " (why.to_string()) "." } }
        @if let Some(why) = &planning.escalate { p.note { (icon(Icon::Warn)) (why) } }
        @for plan in &planning.plans { (proposed(cx, plan, of(plan))) }
        @for waiting in &planning.waiting {
            article.card {
                h3 { a href=(cx.href(&format!("/plans/{}", waiting.plan.id))) { (steps::title(&waiting.plan)) } " " (badge(Tone::Quiet, "waits")) }
                (worth(&waiting.plan))
                p { (waiting.reason.to_string()) "." }
                p.sub { "Sooner, if any of these is so:" }
                (unless(&waiting.reason.changes()))
            }
        }
        @if planning.plans.is_empty() && planning.waiting.is_empty() && report.no_planning.is_none() { (nothing("No plan was proposed.")) }
        @if !planning.rejected.is_empty() {
            details open[planning.plans.is_empty()] {
                summary { "Thought of, and not proposed: " (planning.rejected.len() + planning.rejected_more as usize) }
                (rejected(&planning.rejected, planning.rejected_more))
            }
        }
    }
}

/// A plan with what was decided about it, and what would have flipped that.
fn proposed(cx: &Cx, plan: &Plan, decided: Option<&Decided>) -> Markup {
    html! {
        article.card {
            h3 { a href=(cx.href(&format!("/plans/{}", plan.id))) { (steps::title(plan)) } " "
                @match decided {
                    Some(decided) => (decision(decided.as_str())),
                    None => (badge(Tone::Quiet, "not decided")),
                }
            }
            (worth(plan))
            p { (plan.rationale) }
            @if let Some(decided) = decided {
                @if let Decision::Refused { refusals } = &decided.decision {
                    ul.refusals { @for one in refusals {
                        li { (badge(Tone::Bad, &one.rail)) " " (one.reason)
                            @if let Some(unless) = &one.unless { p.sub { "unless " (unless) } } }
                    } }
                } @else if decided.execution.is_none() { p { (decided.decision.to_string()) } }
                @let changes = decided.decision.changes(None);
                @if matches!(decided.decision, Decision::AwaitApproval { .. } | Decision::ObserveOnly) { p.sub { "It would have run if all of this were so:" } (unless(&changes)) }
            }
        }
    }
}

/// Benefit, cost and score in a line.
fn worth(plan: &Plan) -> Markup {
    html! {
        p.worth {
            span { "benefit " strong { (number(plan.benefit.get())) } } " " span { "cost " strong { (number(plan.cost.get())) } } " "
            span { "score " strong { (number(plan.score.get())) } } " " span { "succeeds with " strong { (percent(plan.success.get())) } } " "
            span { "against " strong { (plan.cause) } }
        }
    }
}

/// What was not proposed, why, and what would have flipped that.
pub(super) fn rejected(all: &[mapek_loop::RejectedPlan], more: u32) -> Markup {
    html! {
        (scroll("Plans that were not proposed", &html! { table.cards {
            thead { tr { th scope="col" { "Against" } th scope="col" { "What, and why not" } th scope="col" { "It would have been proposed if" } } }
            tbody { @for one in all { tr {
                td data-label="Against" { (one.cause) }
                td data-label="Why not" { (one.text) }
                td data-label="Unless" { (unless(&one.reason.changes())) }
            } } }
        } }))
        @if more > 0 { p.sub { "and " (more) " more" } }
    }
}

fn did(cx: &Cx, report: &CycleReport) -> Markup {
    let started = |id: &ExecutionId| report.decisions.iter().any(|it| it.execution == Some(*id));
    html! {
        @if report.progress.is_empty() && !report.decisions.iter().any(|it| it.execution.is_some()) { (nothing("Nothing.")) }
        @for progress in &report.progress {
            article.card {
                h3 { a href=(cx.href(&format!("/executions/{}", progress.state.id))) { (steps::title(&progress.state.plan)) } }
                p { (phase(&progress.advance.status)) @if started(&progress.state.id) { " begun in this cycle" } }
                @if !progress.advance.events.is_empty() {
                    ul.events { @for event in &progress.advance.events { li { (steps::event(&progress.state.plan, event)) } } }
                }
                @if let Some(waits) = &progress.advance.waits { p.sub { "waits for " (waits) } }
                @if let Some(held) = &progress.advance.held_back { p.note { "held back by the rails: " (held.to_string()) } }
            }
        }
    }
}

fn came(cx: &Cx, report: &CycleReport) -> Markup {
    // What ran on from here has its end elsewhere, and that is what people want to know.
    let touched = report
        .progress
        .iter()
        .map(|it| it.state.id)
        .chain(report.decisions.iter().filter_map(|it| it.execution));
    let mut ids: Vec<_> = touched.collect();
    ids.sort();
    ids.dedup();
    let runs: Vec<&Execution> = ids.iter().filter_map(|id| cx.state.executions.get(id)).collect();
    html! {
        @if runs.is_empty() && report.outcomes.is_empty() { (nothing("Nothing was done, so nothing came of it.")) }
        @for run in &runs {
            article.card {
                h3 { a href=(cx.href(&format!("/executions/{}", run.id))) { (steps::title(&run.plan)) } }
                p { (phase(&run.status)) " " (when(run.updated, cx.now)) }
                (execution::looks(run))
                (execution::judgement(run))
            }
        }
        @for outcome in report.outcomes.iter().filter(|it| !ids.contains(&it.execution)) {
            p { (super::parts::verdict(outcome.verdict)) " of " (outcome.signature) ": " (outcome.reason) }
        }
    }
}
