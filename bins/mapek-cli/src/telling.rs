//! A cycle in the words of people.

use mapek::{
    CycleReport, Decided, NoPlanning, Progress,
    model::{ExecutionEvent, Verdict, Violation, Way},
};

/// What a cycle has to say, each line with its colour.
pub(crate) fn lines(report: &CycleReport) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    lines.extend(report.seen.open.iter().map(|it| ("33", format!("sees     {}", violation(it)))));
    lines
        .extend(report.seen.closed.iter().map(|it| ("32", format!("over     {}", it.expectation))));
    for ranked in report.diagnosis.causes.iter().take(2) {
        let why = ranked.reasons.first().map_or("", String::as_str);
        let percent = ranked.confidence.get() * 100.0;
        lines.push(("36", format!("thinks   {} ({percent:.0} %): {why}", ranked.cause)));
    }
    lines.extend(report.planning.waiting.iter().map(|waiting| {
        let what: Vec<_> = waiting.plan.steps.iter().map(|step| step.action.to_string()).collect();
        ("", format!("waits    to {}: {}", what.join(", then "), waiting.reason))
    }));
    lines.extend(report.decisions.iter().map(|it| ("35", format!("decides  {}", decided(it)))));
    lines.extend(report.progress.iter().flat_map(progress));
    if let Some(no @ NoPlanning::Fault) = &report.no_planning {
        lines.push(("31", format!("plans nothing: {no}")));
    }
    lines.extend(report.faults.iter().map(|fault| ("31", format!("fault    {fault}"))));
    for outcome in &report.outcomes {
        let colour = if outcome.verdict == Verdict::Success { "32;1" } else { "33;1" };
        lines.push((colour, format!("learns   {}: {}", outcome.verdict, outcome.reason)));
    }
    lines
}

fn violation(violation: &Violation) -> String {
    let component = violation.component.as_ref().map_or(String::new(), |it| format!(" at {it}"));
    let value = match (violation.value, violation.threshold) {
        (Some(value), Some(threshold)) => format!(": {value:.2}, must not cross {threshold}"),
        (Some(value), None) => format!(": {value:.2}"),
        _ => String::new(),
    };
    format!("{}{component} ({}){value}", violation.expectation, violation.severity)
}

fn decided(decided: &Decided) -> String {
    match decided.execution {
        Some(_) => format!("to act {}", decided.summary),
        None => format!("not to act {}: {}", decided.summary, decided.decision),
    }
}

fn progress(progress: &Progress) -> Vec<(&'static str, String)> {
    let name = |step: &mapek::model::StepIndex| {
        let planned = progress.state.plan.steps.get(usize::from(step.0));
        planned.map_or_else(|| format!("step {step}"), |planned| planned.action.to_string())
    };
    progress
        .advance
        .events
        .iter()
        .filter_map(|event| {
            Some(match event {
                ExecutionEvent::Applied { step, way: Way::Do, .. } => {
                    ("34", format!("does     {}", name(step)))
                }
                ExecutionEvent::Applied { step, way: Way::Undo, .. } => {
                    ("34", format!("undoes   {}", name(step)))
                }
                ExecutionEvent::Refused { step, reason, .. } => {
                    ("31", format!("refused  {}: {reason}", name(step)))
                }
                ExecutionEvent::Unclear { step, reason, .. } => {
                    ("31", format!("unclear  {}: {reason}", name(step)))
                }
                ExecutionEvent::UndoBegan { reason, .. } => {
                    ("33", format!("takes it back: {reason}"))
                }
                ExecutionEvent::VerificationBegan => {
                    ("", "checks   on fresh metrics whether it helps".to_owned())
                }
                ExecutionEvent::Ended { ending, reason } => {
                    ("", format!("ended    {ending}: {reason}"))
                }
                _ => return None,
            })
        })
        .collect()
}
