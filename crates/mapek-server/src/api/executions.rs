//! What was done, and what came of it.

use std::cmp::Reverse;

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use mapek_model::{Ending, Execution, ExecutionId, InvalidName, Outcome, Verdict};

use super::{
    App, Problem,
    doc::{Param, shape},
    page::{self, AFTER, All, Asked, Filter, LIMIT, Period, SINCE, UNTIL},
};

/// Which executions are wanted: those that began in a period, and those that are live or ended in a way.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    period: Period,
    live: Option<bool>,
    ending: Option<Ending>,
}

impl Filter for Wanted {
    const PARAMS: &'static [Param] = &[
        LIMIT,
        AFTER,
        SINCE,
        UNTIL,
        Param { name: "live", what: "whether it goes on", shape: shape::<bool> },
        Param { name: "ending", what: "how it ended", shape: shape::<Ending> },
    ];

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "live" => self.live = Some(page::parsed(value, "true or false")?),
            "ending" => self.ending = Some(page::word(value, &Ending::ALL, Ending::as_str)?),
            _ => self.period.set(name, value)?,
        }
        Ok(())
    }
}

impl Wanted {
    fn holds(&self, execution: &Execution) -> bool {
        self.live.is_none_or(|live| live == execution.status.is_live())
            && self.ending.is_none_or(|ending| execution.status.ending() == Some(ending))
            && self.period.holds(execution.started)
    }
}

/// Newest first.
pub(super) async fn list(
    State(app): State<App>,
    asked: Asked<Wanted>,
) -> Result<Response, Problem> {
    let state = app.state();
    let mut executions: Vec<_> = state.executions.values().collect();
    executions.sort_by_key(|execution| Reverse((execution.started, execution.id)));
    page::list(
        &state,
        executions,
        &asked,
        |wanted, execution| wanted.holds(execution),
        |execution| execution.id.to_string(),
        |execution| execution,
    )
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

/// Which outcomes are wanted: those that were judged in a period, with a verdict.
#[derive(Debug, Default)]
pub(super) struct Judged {
    period: Period,
    verdict: Option<Verdict>,
}

impl Filter for Judged {
    const PARAMS: &'static [Param] = &[
        LIMIT,
        AFTER,
        SINCE,
        UNTIL,
        Param { name: "verdict", what: "what it achieved", shape: shape::<Verdict> },
    ];

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "verdict" => self.verdict = Some(page::word(value, Verdict::ALL, Verdict::as_str)?),
            _ => self.period.set(name, value)?,
        }
        Ok(())
    }
}

impl Judged {
    fn holds(&self, outcome: &Outcome) -> bool {
        self.verdict.is_none_or(|it| it == outcome.verdict) && self.period.holds(outcome.judged)
    }
}

/// Newest first.
pub(super) async fn outcomes(
    State(app): State<App>,
    asked: Asked<Judged>,
) -> Result<Response, Problem> {
    let state = app.state();
    page::list(
        &state,
        state.outcomes.iter().rev(),
        &asked,
        |wanted, outcome| wanted.holds(outcome),
        |outcome| outcome.execution.to_string(),
        |outcome| outcome,
    )
}

/// What was learned, in words, in the order in which Knowledge tells it.
pub(super) async fn insights(
    State(app): State<App>,
    asked: Asked<All>,
) -> Result<Response, Problem> {
    let state = app.state();
    let places = state.insights.iter().enumerate();
    page::list(&state, places, &asked, |_, _| true, |(i, _)| i.to_string(), |(_, insight)| insight)
}
