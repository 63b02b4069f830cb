//! The calls of the contract.

use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use charter_client::{Call, CallOptions, PolicyId, Problem, ProblemKind, ValidateRequest};
use serde_json::{Value, json};

use super::access::Access;
use super::read;
use super::reply::{self, Failure};
use super::router::App;
use crate::core::{Charter, Mutation, MutationRequest, Refusal, Trouble};
use crate::in_process::InProcess;
use crate::text::METRICS_CONTENT_TYPE;

type Reply = Result<Response, Failure>;

pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let text = app.charter.metrics();
    ([(header::CONTENT_TYPE, METRICS_CONTENT_TYPE)], text)
}

pub(super) async fn health(State(app): State<App>) -> Reply {
    let manual_time = app.manual_time;
    read(&app, Call::Health, |charter| {
        let mut health = charter.health();
        if manual_time {
            health.extensions.insert(charter_client::Extension::ManualTime);
        }
        Ok(reply::json(200, &health))
    })
    .await
}

pub(super) async fn policies(State(app): State<App>) -> Reply {
    read(&app, Call::Policies, |charter| Ok(reply::json(200, &charter.policies()))).await
}

pub(super) async fn policy(State(app): State<App>, Path(id): Path<String>) -> Reply {
    read(&app, Call::Policy, |charter| {
        let policy = charter.policy(&policy_id(&id)?)?;
        Ok(reply::tagged(&policy, policy.etag.as_ref()))
    })
    .await
}

pub(super) async fn versions(State(app): State<App>, Path(id): Path<String>) -> Reply {
    read(&app, Call::Versions, |charter| Ok(reply::json(200, &charter.versions(&policy_id(&id)?)?)))
        .await
}

pub(super) async fn committee(State(app): State<App>) -> Reply {
    read(&app, Call::Committee, |charter| {
        Ok(reply::tagged(&charter.committee(), Some(&charter.committee_etag())))
    })
    .await
}

pub(super) async fn violations(State(app): State<App>) -> Reply {
    read(&app, Call::Violations, |charter| Ok(reply::json(200, &charter.violations()))).await
}

pub(super) async fn validate(
    State(app): State<App>,
    Extension(access): Extension<Access>,
    request: Request,
) -> Reply {
    let body = read::json(request).await?;
    let request: ValidateRequest = read::shape(&body)?;
    read(&app, Call::Validate, |charter| {
        let verdict = charter.validate(&request);
        let permitted = access == Access::Full;
        if verdict.valid {
            return Ok(reply::json(200, &verdict.with_permission(permitted)));
        }
        let mut problem = Problem::new(ProblemKind::ValidationFailed).with_reasons(verdict.reasons);
        problem.extra.insert("valid".to_owned(), json!(false));
        problem.extra.insert("permitted".to_owned(), json!(permitted));
        Err(problem.into())
    })
    .await
}

pub(super) async fn apply(State(app): State<App>, request: Request) -> Reply {
    mutate(&app, request, |body| Ok(Mutation::Apply(read::shape(body)?))).await
}

pub(super) async fn scale(State(app): State<App>, request: Request) -> Reply {
    mutate(&app, request, |body| Ok(Mutation::Scale(read::shape(body)?))).await
}

pub(super) async fn restart(State(app): State<App>, request: Request) -> Reply {
    mutate(&app, request, |body| Ok(Mutation::Restart(read::shape(body)?))).await
}

pub(super) async fn rollback(
    State(app): State<App>,
    Path(id): Path<String>,
    request: Request,
) -> Reply {
    mutate(&app, request, |_| Ok(Mutation::Rollback(policy_id(&id)?))).await
}

/// An id that no policy can have is the id of no policy.
fn policy_id(text: &str) -> Result<PolicyId, Refusal> {
    PolicyId::try_new(text)
        .map_err(|error| Refusal::new(ProblemKind::PolicyNotFound, error.to_string()))
}

/// Answers a call that reads, and what is injected into it.
async fn read(
    app: &App,
    call: Call,
    answer: impl FnOnce(&Charter) -> Result<Response, Refusal> + Send,
) -> Reply {
    let trouble = app.charter.lock().trouble(call);
    before(trouble.as_ref()).await?;
    let response = answer(&app.charter.lock())?;
    Ok(after(trouble.as_ref(), response).await)
}

/// Answers a mutation, and what is injected into it.
async fn mutate(
    app: &App,
    request: Request,
    parse: impl FnOnce(&Value) -> Result<Mutation, Refusal> + Send,
) -> Reply {
    let headers: HeaderMap = request.headers().clone();
    let path = request.uri().path().to_owned();
    let body = if path.ends_with("/rollback") {
        read::json_or_nothing(request).await?
    } else {
        read::json(request).await?
    };
    let mutation = parse(&body)?;
    let options = read::options(&headers)?;
    let request = MutationRequest { mutation, path, body };
    let (trouble, reservation) = Reservation::begin(&app.charter, &request, &options);
    before(trouble.as_ref()).await?;
    drop(reservation);
    let answer = app.charter.lock().mutate(&request, &options)?;
    Ok(after(trouble.as_ref(), reply::mutation(&answer)).await)
}

/// Holds a key while its request waits; gives it back however the waiting ends, also when the client goes away.
struct Reservation<'a> {
    charter: &'a InProcess,
    options: &'a CallOptions,
}

impl<'a> Reservation<'a> {
    /// Finds out what happens to a request. If it is to wait, its key is taken in the same moment.
    fn begin(
        charter: &'a InProcess,
        request: &MutationRequest,
        options: &'a CallOptions,
    ) -> (Option<Trouble>, Option<Self>) {
        let mut locked = charter.lock();
        let trouble = locked.trouble(request.mutation.call());
        let waits = matches!(trouble, Some(Trouble::Delay(_)));
        let reserved = waits && locked.reserve(request, options);
        drop(locked);
        // Made only if there is something to give back: dropping one gives it back.
        (trouble, reserved.then(|| Self { charter, options }))
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.charter.lock().release(self.options);
    }
}

async fn before(trouble: Option<&Trouble>) -> Result<(), Failure> {
    match trouble {
        Some(Trouble::Fail(problem)) => Err(Failure::from((**problem).clone())),
        Some(Trouble::Delay(delay)) => {
            tokio::time::sleep(*delay).await;
            Ok(())
        }
        _ => Ok(()),
    }
}

async fn after(trouble: Option<&Trouble>, response: Response) -> Response {
    match trouble {
        Some(Trouble::LoseAnswer(delay)) => {
            tokio::time::sleep(*delay).await;
            reply::cut_off(response)
        }
        _ => response,
    }
}
