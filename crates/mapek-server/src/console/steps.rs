//! Plans and executions, step by step.

use mapek_model::{Execution, ExecutionEvent, Plan, StepIndex, UndoClass, Way, duration};
use maud::{Markup, html};

use super::parts::{Tone, badge, step, verdict};

/// What a plan does, in a line.
pub(super) fn title(plan: &Plan) -> String {
    let steps: Vec<_> = plan.steps.iter().map(|step| step.action.to_string()).collect();
    let text = steps.join(", then ");
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The steps of a plan, with how each is undone.
pub(super) fn planned(plan: &Plan) -> Markup {
    html! {
        ol.steps {
            @for one in &plan.steps {
                li {
                    span.do { (one.action.to_string()) }
                    span.sub {
                        (undo(one.undo))
                        @if !one.wait.is_zero() { "; then waits " (duration::format(one.wait)) }
                        @if !one.preconditions.is_empty() { "; " (one.preconditions.len()) " checked before it is sent" }
                    }
                }
            }
        }
    }
}

const fn undo(class: UndoClass) -> &'static str {
    match class {
        UndoClass::RestoreCaptured => "undone by putting back what was before",
        UndoClass::Rollback => "undone by rolling it back",
        UndoClass::Irreversible => "cannot be undone",
    }
}

/// The steps of an execution, with where each stands.
pub(super) fn list(execution: &Execution) -> Markup {
    let at = |index: usize| execution.status.steps().get(index).copied();
    html! {
        ol.steps {
            @for (index, one) in execution.plan.steps.iter().enumerate() {
                li {
                    span.do { (one.action.to_string()) }
                    @if let Some(status) = at(index) { (step(status)) }
                }
            }
        }
    }
}

/// One event of an execution's log, as people say it.
pub(super) fn event(plan: &Plan, event: &ExecutionEvent) -> Markup {
    use ExecutionEvent as E;
    let name = |index: StepIndex| {
        let planned = plan.steps.get(usize::from(index.0));
        planned.map_or_else(|| format!("step {index}"), |planned| planned.action.to_string())
    };
    let way = |way: Way| if way == Way::Do { "" } else { "undo of " };
    html! {
        @match event {
            E::Started { chosen_with, .. } => {
                (badge(Tone::Busy, "begins"))
                @if chosen_with.get() < 1.0 { " chosen with a probability of " (super::parts::percent(chosen_with.get())) }
            }
            E::Rehearsed { irreversible } if irreversible.is_empty() => { (badge(Tone::Good, "rehearsed")) " each step could be undone" }
            E::Rehearsed { irreversible } => {
                (badge(Tone::Warn, "rehearsed")) " cannot be undone: "
                @for one in irreversible { (name(one.step)) " (" (one.reason) ") " }
            }
            E::Intended { step, way: which, attempt, .. } => {
                (badge(Tone::Busy, "sends")) " " (way(*which)) (name(*step)) @if *attempt > 1 { ", attempt " (attempt) }
            }
            E::Applied { step, way: which, .. } => { (badge(Tone::Good, "in effect")) " " (way(*which)) (name(*step)) }
            E::Refused { step, way: which, reason, transient } => {
                (badge(Tone::Bad, "refused")) " " (way(*which)) (name(*step)) ": " (reason) @if *transient { " (to be tried again)" }
            }
            E::Unclear { step, way: which, reason } => { (badge(Tone::Bad, "unclear")) " " (way(*which)) (name(*step)) ": " (reason) }
            E::Skipped { step, reason } => { (badge(Tone::Warn, "skipped")) " " (name(*step)) ": " (reason) }
            E::VerificationBegan => { (badge(Tone::Busy, "verifies")) " on fresh metrics whether it helps" }
            E::Looked { sight, left, reason } => {
                (super::parts::sight(*sight)) " " (reason)
                @if let Some(left) = left { "; " (super::parts::percent(*left)) " of it is left" }
            }
            E::Judged { verdict: what, reason, .. } => { (verdict(*what)) " " (reason) }
            E::Held { until } => { (badge(Tone::Busy, "holds")) " until " (super::parts::clock(*until)) " at the latest" }
            E::UndoBegan { why, reason, .. } => { (badge(Tone::Warn, "takes it back")) " " (reason) " (" (why.to_string()) ")" }
            E::Ended { ending, reason } => { (badge(Tone::Quiet, ending.to_string().replace('_', " "))) " " (reason) }
            E::Closed { by, reason } => { (badge(Tone::Quiet, "closed")) " by " (by) ": " (reason) }
        }
    }
}
