//! Lists: a page of them, from a cursor on, and of what was asked for.

use axum::{
    Json,
    extract::{FromRequestParts, Query},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use mapek_loop::LoopState;
use mapek_model::{TargetId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Problem,
    doc::{Param, shape},
    problem::repeated,
};

/// Items that a list answers unless it is asked for more: a screenful or two.
const LIMIT_DEFAULT: usize = 50;
/// Most items that can be asked for. Lists of cycles and outcomes are shorter anyway; violations can be many.
const LIMIT_MAX: usize = 1000;

/// Which items of a list are wanted, by parameters of their own.
pub(crate) trait Filter: Default + Send {
    /// Its parameters.
    const PARAMS: &'static [Param];
    /// Those of them that may be there more than once.
    const REPEATED: &'static [&'static str] = &[];

    /// Takes one of them.
    ///
    /// # Errors
    ///
    /// What it must be like.
    fn set(&mut self, name: &str, value: &str) -> Result<(), String>;
}

/// All items.
#[derive(Debug, Default)]
pub(super) struct All;

impl Filter for All {
    const PARAMS: &'static [Param] = &[LIMIT, AFTER];

    fn set(&mut self, _: &str, _: &str) -> Result<(), String> {
        Ok(())
    }
}

pub(super) const LIMIT: Param = Param {
    name: "limit",
    what: "how many items at most, 1 to 1000; 50 by default",
    shape: shape::<u16>,
};
pub(super) const AFTER: Param = Param {
    name: "after",
    what: "`next` of the page before: go on behind it",
    shape: shape::<String>,
};
pub(super) const SINCE: Param =
    Param { name: "since", what: "not before this moment", shape: shape::<Timestamp> };
pub(super) const UNTIL: Param =
    Param { name: "until", what: "not after this moment", shape: shape::<Timestamp> };

/// A time, from when to when.
#[derive(Debug, Default)]
pub(super) struct Period {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Period {
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at <= until)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let at = parsed(value, "a time such as 2026-03-01T12:00:00Z")?;
        *(if name == "since" { &mut self.since } else { &mut self.until }) = Some(at);
        Ok(())
    }
}

/// A value of a parameter, or what it must be.
pub(super) fn parsed<T: std::str::FromStr>(value: &str, what: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("must be {what}, got {}", repeated(value)))
}

/// One of several words that JSON uses for a type.
pub(super) fn word<T: Copy>(
    value: &str,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    all.iter().copied().find(|one| as_str(*one) == value).ok_or_else(|| {
        let words: Vec<_> = all.iter().map(|one| as_str(*one)).collect();
        format!("must be one of {}, got {}", words.join(", "), repeated(value))
    })
}

/// What of a list was asked for.
#[derive(Debug)]
pub(crate) struct Asked<F> {
    limit: usize,
    after: Option<String>,
    pub(crate) filter: F,
}

impl<S: Send + Sync, F: Filter> FromRequestParts<S> for Asked<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let problem = |why: String| {
            let names: Vec<_> = F::PARAMS.iter().map(|param| param.name).collect();
            let detail = format!("{why}; the parameters are {}", names.join(", "));
            Problem::new(StatusCode::BAD_REQUEST, detail)
        };
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = pairs.map_err(|error| problem(repeated(&error.body_text())))?;
        let mut asked = Self { limit: LIMIT_DEFAULT, after: None, filter: F::default() };
        for (i, (name, value)) in pairs.iter().enumerate() {
            if !F::PARAMS.iter().any(|param| param.name == name) {
                return Err(problem(format!("there is no parameter {}", repeated(name))));
            }
            let once = !F::REPEATED.contains(&name.as_str());
            if once && pairs[..i].iter().any(|(other, _)| other == name) {
                return Err(problem(format!("{name} is there twice")));
            }
            let taken = match name.as_str() {
                "limit" => limit(value).map(|limit| asked.limit = limit),
                "after" => {
                    asked.after = Some(value.clone());
                    Ok(())
                }
                _ => asked.filter.set(name, value),
            };
            taken.map_err(|why| problem(format!("{name} {why}")))?;
        }
        Ok(asked)
    }
}

fn limit(value: &str) -> Result<usize, String> {
    let what = "a number in 1..=1000";
    let limit = parsed(value, what)?;
    if (1..=LIMIT_MAX).contains(&limit) { Ok(limit) } else { Err(format!("must be {what}")) }
}

/// A list: a page of its items, and how many there are of those that were asked for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "List_of_{T}")]
pub(super) struct List<T> {
    target: TargetId,
    /// How many there are, on all pages.
    total: usize,
    /// What `after` is for the next page; null on the last one.
    next: Option<String>,
    items: Vec<T>,
}

/// A page of `items`, which have a `key` each that stays what it is. What is not on it is not made.
///
/// # Errors
///
/// 410 if what the page before ended with is no longer there.
pub(super) fn list<I, T: Serialize, F: Filter>(
    state: &LoopState,
    items: impl IntoIterator<Item = I>,
    asked: &Asked<F>,
    keep: impl Fn(&F, &I) -> bool,
    key: impl Fn(&I) -> String,
    show: impl Fn(I) -> T,
) -> Result<Response, Problem> {
    let items: Vec<_> = items.into_iter().collect();
    let wanted = |item: &I| keep(&asked.filter, item);
    let total = items.iter().filter(|item| wanted(item)).count();
    // The cursor is looked for among all: what it names may no longer be what is asked for.
    let from = match &asked.after {
        None => 0,
        Some(after) => {
            let place = items.iter().position(|item| key(item) == *after);
            place.map(|place| place + 1).ok_or_else(|| {
                let detail = "what `after` names is no longer here; begin again without it";
                Problem::new(StatusCode::GONE, detail)
            })?
        }
    };
    let mut rest = items.into_iter().skip(from).filter(|item| wanted(item)).peekable();
    let (mut page, mut last) = (Vec::new(), None);
    while page.len() < asked.limit
        && let Some(item) = rest.next()
    {
        last = rest.peek().is_some().then(|| key(&item));
        page.push(show(item));
    }
    Ok(Json(List { target: state.target.clone(), total, next: last, items: page }).into_response())
}
