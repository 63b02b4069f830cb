//! What people do.
//!
//! A name comes from the identity alone. What is done is in the journal, with that name, before it is answered.

use axum::{
    Extension, Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use mapek_loop::{Error, LoopHandle, Obstacle, Rehearsed, WakeReason};
use mapek_model::{
    ActionKind, Approval, CycleNumber, ExecutionId, ExecutionStatus, InvalidName, PlanHash, PlanId,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    App, Problem, plans,
    said::{Acting, Because, Rearm, Reasoned, Said, Verdict, bound},
};
use crate::{Identity, Person, Role};

type Answer = Result<Response, Problem>;

/// Who asks; nobody, where nobody has to be known.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Who {
    person: Option<Person>,
    role: Role,
}

/// Whether the loop is paused now, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Latch {
    paused: Option<String>,
}

/// The newest cycle when another one was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Newest {
    newest: Option<CycleNumber>,
}

/// Where a plan stands that somebody has decided about.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Decided {
    plan: PlanId,
    hash: PlanHash,
    approval: Approval,
}

/// What the managed system says of a plan before anything is sent.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DryRun {
    plan: PlanId,
    hash: PlanHash,
    /// Whether each step would be accepted now.
    accepted: bool,
    steps: Vec<Rehearsed>,
    /// The same in words.
    said: String,
}

/// Where an execution stands; nothing, if its log could never be followed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Stands {
    execution: ExecutionId,
    status: Option<ExecutionStatus>,
}

/// What is trusted again.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Rearmed {
    rearmed: ActionKind,
}

/// Who asks, and what they may do; nobody, where nobody has to be known.
pub(super) async fn whoami(identity: Option<Extension<Identity>>) -> Response {
    let identity = identity.map(|Extension(identity)| identity);
    let role = identity.as_ref().map_or(Role::Viewer, |identity| identity.role);
    let person = identity.map(|identity| identity.person);
    Json(Who { person, role }).into_response()
}

pub(super) async fn pause(
    State(app): State<App>,
    Acting(who): Acting,
    Said(said): Said<Because>,
) -> Answer {
    let handle = done(&app, &who, "pause", &said, LoopHandle::pause).await?;
    Ok(Json(Latch { paused: handle.state().paused.clone() }).into_response())
}

pub(super) async fn resume(
    State(app): State<App>,
    Acting(who): Acting,
    Said(said): Said<Because>,
) -> Answer {
    let handle = done(&app, &who, "resume", &said, LoopHandle::resume).await?;
    Ok(Json(Latch { paused: handle.state().paused.clone() }).into_response())
}

/// Asks for a cycle and does not wait for it: it may take as long as the systems that it reads.
pub(super) async fn cycle(State(app): State<App>, Acting(who): Acting) -> Answer {
    let handle = handle(&app)?;
    let newest = handle.state().last().map(|report| report.number);
    handle.wake(WakeReason::Request);
    tracing::info!(person = %who.person, act = "cycle", "a person acted");
    Ok((StatusCode::ACCEPTED, Json(Newest { newest })).into_response())
}

pub(super) async fn approve(
    state: State<App>,
    acting: Acting,
    id: Path<String>,
    headers: HeaderMap,
    said: Said<Verdict>,
) -> Answer {
    decided(state, acting, id, &headers, said, "approve", LoopHandle::approve).await
}

pub(super) async fn reject(
    state: State<App>,
    acting: Acting,
    id: Path<String>,
    headers: HeaderMap,
    said: Said<Verdict>,
) -> Answer {
    decided(state, acting, id, &headers, said, "reject", LoopHandle::reject).await
}

async fn decided(
    State(app): State<App>,
    Acting(who): Acting,
    Path(id): Path<String>,
    headers: &HeaderMap,
    Said(said): Said<Verdict>,
    act: &'static str,
    decide: impl FnOnce(&LoopHandle, &PlanHash, &str, Option<&str>) -> Result<Approval, Error>
    + Send
    + 'static,
) -> Answer {
    let (plan, hash) = seen(&app, &id, headers, said.hash)?;
    let reason = said.reason().map(str::to_owned);
    let approval = blocking(&app, &who, act, move |handle, person| {
        decide(handle, &hash, person, reason.as_deref())
    })
    .await?;
    Ok(Json(Decided { plan, hash, approval }).into_response())
}

/// The plan with this id, which must do what somebody has seen.
fn seen(
    app: &App,
    id: &str,
    headers: &HeaderMap,
    said: Option<PlanHash>,
) -> Result<(PlanId, PlanHash), Problem> {
    let plan: PlanId = id
        .parse()
        .map_err(|error: InvalidName| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let seen = bound(headers, said)?;
    let hash = plans::hash_of(&app.state(), plan)
        .ok_or_else(|| Problem::missing("plan", plan, "/api/v1/plans"))?;
    if hash != seen {
        let detail = format!("plan {plan} does something else than what you saw; look at it again");
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail));
    }
    Ok((plan, hash))
}

/// Asks the managed system, and changes nothing. It is an act all the same: it costs that system something, and names who asked.
pub(super) async fn rehearse(
    State(app): State<App>,
    Acting(who): Acting,
    Path(id): Path<String>,
    headers: HeaderMap,
    Said(said): Said<Verdict>,
) -> Answer {
    let (id, hash) = seen(&app, &id, &headers, said.hash)?;
    let handle = handle(&app)?;
    let plan = plans::find(&app.state(), id).map(|one| one.plan.clone());
    let plan = plan.ok_or_else(|| Problem::missing("plan", id, "/api/v1/plans"))?;
    tracing::info!(person = %who.person, act = "rehearse", plan = %hash.short(), "a person acted");
    let steps = handle.rehearse(&plan).await.map_err(|error| refused(&error))?;
    let accepted = steps.iter().all(|it| it.refused.is_none());
    let said = in_words(&steps);
    Ok(Json(DryRun { plan: id, hash, accepted, steps, said }).into_response())
}

fn in_words(steps: &[Rehearsed]) -> String {
    let mut against = Vec::new();
    for Rehearsed { action, refused, no_way_back, .. } in steps {
        against.extend(refused.iter().map(|why| format!("not accepted: {action} ({why})")));
        against.extend(no_way_back.iter().map(|why| format!("no way back: {action} ({why})")));
    }
    if against.is_empty() {
        return "Each step would be accepted now, and could be undone.".to_owned();
    }
    format!("As things are, {}.", against.join("; "))
}

pub(super) async fn rollback(
    State(app): State<App>,
    Acting(who): Acting,
    Path(id): Path<String>,
    Said(said): Said<Because>,
) -> Answer {
    let id = execution(&id)?;
    let rollback = move |handle: &LoopHandle, by: &str, why: &str| handle.rollback(id, by, why);
    let handle = done(&app, &who, "rollback", &said, rollback).await?;
    Ok(after(&handle, id))
}

pub(super) async fn resolve(
    State(app): State<App>,
    Acting(who): Acting,
    Path(id): Path<String>,
    Said(said): Said<Because>,
) -> Answer {
    let id = execution(&id)?;
    let resolve = move |handle: &LoopHandle, by: &str, why: &str| handle.resolve(id, by, why);
    let handle = done(&app, &who, "resolve", &said, resolve).await?;
    Ok(after(&handle, id))
}

pub(super) async fn rearm(
    State(app): State<App>,
    Acting(who): Acting,
    Said(said): Said<Rearm>,
) -> Answer {
    let kind = said.kind.clone();
    let rearm = move |handle: &LoopHandle, by: &str, why: &str| handle.rearm(kind, by, why);
    done(&app, &who, "rearm", &said, rearm).await?;
    Ok(Json(Rearmed { rearmed: said.kind }).into_response())
}

fn execution(id: &str) -> Result<ExecutionId, Problem> {
    id.parse()
        .map_err(|error: InvalidName| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))
}

/// Where an execution stands now; nothing, if its log could never be followed.
fn after(handle: &LoopHandle, id: ExecutionId) -> Response {
    let state = handle.state();
    let status = state.executions.get(&id).map(|execution| execution.status.clone());
    Json(Stands { execution: id, status }).into_response()
}

/// Does what a person asks for, with their reason.
async fn done(
    app: &App,
    who: &Identity,
    act: &'static str,
    said: &impl Reasoned,
    deed: impl FnOnce(&LoopHandle, &str, &str) -> Result<(), Error> + Send + 'static,
) -> Result<LoopHandle, Problem> {
    let reason = said.reason().unwrap_or_default().to_owned();
    blocking(app, who, act, move |handle, person| deed(handle, person, &reason)).await?;
    handle(app)
}

/// Writes to the journal, which may wait for a disk, where nobody else waits for it. Once begun it is done to its end, whoever hangs up.
async fn blocking<T: Send + 'static>(
    app: &App,
    who: &Identity,
    act: &'static str,
    deed: impl FnOnce(&LoopHandle, &str) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let (handle, person) = (handle(app)?, who.person.clone());
    let ended = tokio::task::spawn_blocking(move || {
        let ended = deed(&handle, person.as_str());
        match &ended {
            Ok(_) => tracing::info!(%person, act, "a person acted"),
            Err(error) => {
                let why = why(error);
                tracing::warn!(%person, act, why, "what a person asked for was not done");
            }
        }
        ended
    });
    let ended = ended.await.map_err(|error| {
        tracing::error!(%error, act, "a person's deed broke off");
        let detail = "this is a defect; the log has the details";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    })?;
    ended.map_err(|error| refused(&error))
}

fn handle(app: &App) -> Result<LoopHandle, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "this loop cannot be steered from here");
    app.handle.clone().ok_or_else(absent)
}

fn refused(error: &Error) -> Problem {
    let status = match error.obstacle() {
        Obstacle::Unknown => StatusCode::NOT_FOUND,
        Obstacle::Forbidden => StatusCode::FORBIDDEN,
        Obstacle::Conflict => StatusCode::CONFLICT,
        Obstacle::Unsigned => StatusCode::BAD_REQUEST,
        Obstacle::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, why(error))
}

/// An error and what caused it, without the layer that says that there was one.
fn why(error: &Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    if cause.is_none() {
        return error.to_string();
    }
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
