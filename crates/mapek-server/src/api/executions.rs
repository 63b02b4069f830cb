//! What was done, and what came of it.

use std::cmp::Reverse;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use mapek_model::{ExecutionId, InvalidName};

use super::{
    App, Problem,
    page::{self, Limit},
};

/// Newest first.
pub(super) async fn list(State(app): State<App>, limit: Limit) -> Response {
    let state = app.state();
    let mut executions: Vec<_> = state.executions.values().collect();
    executions.sort_by_key(|execution| Reverse((execution.started, execution.id)));
    page::list(&state, executions.into_iter(), limit)
}

pub(super) async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let wanted: ExecutionId = id
        .parse()
        .map_err(|error: InvalidName| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let state = app.state();
    let found = state.executions.get(&wanted);
    let found = found.ok_or_else(|| Problem::missing("execution", wanted, "/api/v1/executions"))?;
    Ok(Json(found).into_response())
}

/// Newest first.
pub(super) async fn outcomes(State(app): State<App>, limit: Limit) -> Response {
    let state = app.state();
    page::list(&state, state.outcomes.iter().rev(), limit)
}

/// What was learned, in words, in the order in which Knowledge tells it.
pub(super) async fn insights(State(app): State<App>, limit: Limit) -> Response {
    let state = app.state();
    page::list(&state, state.insights.iter(), limit)
}
