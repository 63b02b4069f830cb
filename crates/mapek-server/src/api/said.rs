//! What people say: the body of a request that changes something.

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Request, rejection::JsonRejection},
};
use http::{HeaderMap, StatusCode, header, request::Parts};
use mapek_model::{ActionKind, PlanHash};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};

use super::{Problem, repeated};
use crate::Identity;

/// Characters of a reason: a paragraph or two.
const REASON_CHARS_MAX: usize = 2000;

/// Who acts. Their name comes from what they have proven, never from what they send.
#[derive(Debug)]
pub(crate) struct Acting(pub(crate) Identity);

impl<S: Send + Sync> FromRequestParts<S> for Acting {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let identity = parts.extensions.get::<Identity>().cloned();
        // A route that acts is always behind a rule; this is the second line.
        let unknown = || Problem::new(StatusCode::UNAUTHORIZED, "nobody is known to ask for this");
        identity.map(Self).ok_or_else(unknown)
    }
}

/// Why, for what needs a reason.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    reason: String,
}

/// What is decided about a plan.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Verdict {
    #[serde(default)]
    pub(super) hash: Option<PlanHash>,
    #[serde(default)]
    reason: Option<String>,
}

/// Which kind of action is trusted again, and why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rearm {
    pub(super) kind: ActionKind,
    reason: String,
}

/// What has a reason that people gave.
pub(super) trait Reasoned {
    fn reason(&self) -> Option<&str>;
}

impl Reasoned for Because {
    fn reason(&self) -> Option<&str> {
        Some(&self.reason)
    }
}

impl Reasoned for Verdict {
    fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

impl Reasoned for Rearm {
    fn reason(&self) -> Option<&str> {
        Some(&self.reason)
    }
}

/// A body of JSON, understood and within its limits.
#[derive(Debug)]
pub(super) struct Said<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Reasoned> FromRequest<S> for Said<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(said) = Json::<T>::from_request(request, state).await.map_err(|rejection| {
            let detail = match &rejection {
                JsonRejection::MissingJsonContentType(_) => {
                    "send JSON, as `Content-Type: application/json`".to_owned()
                }
                other => repeated(&other.body_text()),
            };
            Problem::new(rejection.status(), detail)
        })?;
        if let Some(reason) = said.reason() {
            let unfit = |detail: String| Err(Problem::new(StatusCode::BAD_REQUEST, detail));
            if reason.trim().is_empty() {
                return unfit("a reason must be given".to_owned());
            }
            if reason.chars().count() > REASON_CHARS_MAX {
                return unfit(format!("a reason has at most {REASON_CHARS_MAX} characters"));
            }
            // It is read in terminals and logs, for years.
            if reason.chars().any(char::is_control) {
                return unfit("a reason is one line, without control characters".to_owned());
            }
        }
        Ok(Self(said))
    }
}

/// Which plan somebody decides about: what `If-Match` and the body say must be one, and there must be one.
pub(super) fn bound(headers: &HeaderMap, said: Option<PlanHash>) -> Result<PlanHash, Problem> {
    let mut tags = headers.get_all(header::IF_MATCH).iter();
    let tagged = match (tags.next(), tags.next()) {
        (None, _) => None,
        (Some(tag), None) => {
            let tag = tag.to_str().unwrap_or_default().trim().trim_matches('"');
            Some(tag.parse().map_err(|_| {
                Problem::new(StatusCode::BAD_REQUEST, "If-Match is the hash of one plan, quoted")
            })?)
        }
        (Some(_), Some(_)) => {
            let detail = "there are several If-Match headers";
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
    };
    match (tagged, said) {
        (Some(one), Some(other)) if one != other => {
            let detail = "If-Match and the body name different plans";
            Err(Problem::new(StatusCode::BAD_REQUEST, detail))
        }
        (Some(hash), _) | (None, Some(hash)) => Ok(hash),
        (None, None) => Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "say what you saw: send the plan's hash as `hash` in the body or as If-Match",
        )),
    }
}
