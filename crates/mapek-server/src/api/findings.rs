//! What is wrong, and why.

use std::cmp::Reverse;

use axum::{extract::State, response::Response};
use mapek_model::{CycleNumber, Diagnosis, Fingerprint, Severity, Violation};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    App, Problem,
    doc::{Param, shape},
    page::{self, AFTER, All, Asked, Filter, LIMIT},
};

/// An episode, with the fingerprint by which findings, causes and plans name it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Episode {
    fingerprint: Fingerprint,
    #[serde(flatten)]
    violation: Violation,
}

/// Which violations are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    severity: Option<Severity>,
    expectation: Option<String>,
    component: Option<String>,
}

impl Filter for Wanted {
    const PARAMS: &'static [Param] = &[
        LIMIT,
        AFTER,
        Param { name: "severity", what: "how bad it is", shape: shape::<Severity> },
        Param { name: "expectation", what: "what is breached", shape: shape::<String> },
        Param { name: "component", what: "where", shape: shape::<String> },
    ];

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "severity" => self.severity = Some(page::word(value, Severity::ALL, Severity::as_str)?),
            "expectation" => self.expectation = Some(value.to_owned()),
            _ => self.component = Some(value.to_owned()),
        }
        Ok(())
    }
}

impl Wanted {
    fn holds(&self, violation: &Violation) -> bool {
        let component = violation.component.as_ref().map(|it| it.as_str());
        self.severity.is_none_or(|severity| severity == violation.severity)
            && self.expectation.as_ref().is_none_or(|it| it == violation.expectation.as_str())
            && self.component.as_ref().is_none_or(|it| Some(it.as_str()) == component)
    }
}

/// What is open as of the newest cycle: worst first, then oldest.
pub(super) async fn violations(
    State(app): State<App>,
    asked: Asked<Wanted>,
) -> Result<Response, Problem> {
    let state = app.state();
    let mut open: Vec<_> = state.last().into_iter().flat_map(|report| &report.seen.open).collect();
    open.sort_by_key(|one| (Reverse(one.severity), one.onset, one.expectation.clone()));
    let episode =
        |one: &Violation| Episode { fingerprint: one.fingerprint(), violation: one.clone() };
    let key = |one: &&Violation| one.fingerprint().to_string();
    page::list(&state, open, &asked, |wanted, one| wanted.holds(one), key, episode)
}

/// A diagnosis, and the cycle that made it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Diagnosed {
    cycle: CycleNumber,
    #[serde(flatten)]
    diagnosis: Diagnosis,
}

/// Newest first, those of healthy cycles included: that nothing was wrong is an answer.
pub(super) async fn diagnoses(
    State(app): State<App>,
    asked: Asked<All>,
) -> Result<Response, Problem> {
    let state = app.state();
    page::list(
        &state,
        state.reports.iter().rev(),
        &asked,
        |_, _| true,
        |report| report.number.to_string(),
        |report| Diagnosed { cycle: report.number, diagnosis: report.diagnosis.clone() },
    )
}
