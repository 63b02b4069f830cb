//! What only the reference server has.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use charter_client::{ProblemKind, Reason, Seconds};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::read;
use super::reply::{self, Failure};
use super::router::App;
use crate::core::{AnyFault, Refusal};

/// Most time that one call may let pass: a day takes seconds to compute.
const ADVANCE_S_MAX: u32 = 86_400;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: Seconds,
}

#[derive(Debug, Serialize)]
struct Advanced {
    now: jiff::Timestamp,
}

pub(super) async fn faults(State(app): State<App>) -> Response {
    reply::json(200, &app.charter.faults())
}

pub(super) async fn inject(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let body = read::json(request).await?;
    let record = app.charter.inject(AnyFault::read(body)?)?;
    Ok(reply::json(201, &record))
}

pub(super) async fn clear(State(app): State<App>, Path(id): Path<String>) -> Response {
    if app.charter.clear_fault(&id) {
        return StatusCode::NO_CONTENT.into_response();
    }
    let refusal = Refusal::new(ProblemKind::NotFound, format!("no fault `{id}`"));
    Failure::from(refusal).into_response()
}

pub(super) async fn ledger(State(app): State<App>) -> Response {
    reply::json(200, &app.charter.ledger())
}

pub(super) async fn advance(State(app): State<App>, request: Request) -> Result<Response, Failure> {
    let body = read::json(request).await?;
    let Advance { seconds } = read::shape(&body)?;
    if seconds > Seconds::whole(ADVANCE_S_MAX) {
        let reason = Reason::new("seconds", format!("must be at most {ADVANCE_S_MAX}"));
        return Err(Refusal::invalid("time does not pass", vec![reason]).into());
    }
    let charter = app.charter.clone();
    let passed = SignedDuration::from_secs_f64(seconds.as_f64());
    // A day of virtual time is seconds of work, which must not hold up other connections.
    let advanced = tokio::task::spawn_blocking(move || {
        charter.advance_by(passed);
        charter.now()
    });
    let now =
        advanced.await.map_err(|error| Refusal::new(ProblemKind::Internal, error.to_string()))?;
    Ok(reply::json(200, &Advanced { now }))
}
