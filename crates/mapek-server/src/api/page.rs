//! Lists with a limit.

use axum::{
    Json,
    extract::{FromRequestParts, Query, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use mapek_loop::LoopState;
use mapek_model::TargetId;
use serde::{Deserialize, Serialize};

use super::{Problem, problem::repeated};

/// Items that a list answers unless it is asked for more: a screenful or two.
const LIMIT_DEFAULT: usize = 50;
/// Most items that can be asked for. Lists of cycles and outcomes are shorter anyway; violations can be many.
const LIMIT_MAX: usize = 1000;

/// The parameter `limit` of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit(usize);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    limit: Option<usize>,
}

impl<S: Send + Sync> FromRequestParts<S> for Limit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asked = Query::<Parameters>::from_request_parts(parts, state).await;
        let problem = |why: String| {
            let detail = format!("{why}; the only parameter is limit, a number in 1..={LIMIT_MAX}");
            Problem::new(StatusCode::BAD_REQUEST, detail)
        };
        match asked {
            Ok(Query(Parameters { limit })) => match limit.unwrap_or(LIMIT_DEFAULT) {
                limit @ 1..=LIMIT_MAX => Ok(Self(limit)),
                limit => Err(problem(format!("limit={limit} is out of range"))),
            },
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                Err(problem(repeated(&error.body_text())))
            }
            Err(error) => Err(problem(repeated(&error.to_string()))),
        }
    }
}

/// A list: its first items, and how many there are.
#[derive(Debug, Serialize)]
struct List<T> {
    target: TargetId,
    total: usize,
    items: Vec<T>,
}

/// The first items, as many as were asked for. What is not among them is not made.
pub(super) fn list<T: Serialize>(
    state: &LoopState,
    items: impl ExactSizeIterator<Item = T>,
    limit: Limit,
) -> Response {
    let total = items.len();
    let items = items.take(limit.0).collect();
    Json(List { target: state.target.clone(), total, items }).into_response()
}
