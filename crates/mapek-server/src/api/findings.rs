//! What is wrong, and why.

use std::cmp::Reverse;

use axum::{extract::State, response::Response};
use mapek_model::{CycleNumber, Diagnosis, Fingerprint, Violation};
use serde::Serialize;

use super::{
    App,
    page::{self, Limit},
};

/// An episode, with the fingerprint by which findings, causes and plans name it.
#[derive(Debug, Serialize)]
struct Episode {
    fingerprint: Fingerprint,
    #[serde(flatten)]
    violation: Violation,
}

/// What is open as of the newest cycle: worst first, then oldest.
pub(super) async fn violations(State(app): State<App>, limit: Limit) -> Response {
    let state = app.state();
    let mut open: Vec<_> = state.last().into_iter().flat_map(|report| &report.seen.open).collect();
    open.sort_by_key(|one| (Reverse(one.severity), one.onset, one.expectation.clone()));
    let episode =
        |one: &Violation| Episode { fingerprint: one.fingerprint(), violation: one.clone() };
    page::list(&state, open.into_iter().map(episode), limit)
}

/// A diagnosis, and the cycle that made it.
#[derive(Debug, Serialize)]
struct Diagnosed {
    cycle: CycleNumber,
    #[serde(flatten)]
    diagnosis: Diagnosis,
}

/// Newest first, those of healthy cycles included: that nothing was wrong is an answer.
pub(super) async fn diagnoses(State(app): State<App>, limit: Limit) -> Response {
    let state = app.state();
    let diagnosed = state
        .reports
        .iter()
        .rev()
        .map(|report| Diagnosed { cycle: report.number, diagnosis: report.diagnosis.clone() });
    page::list(&state, diagnosed, limit)
}
