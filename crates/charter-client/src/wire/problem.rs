//! Problem details (RFC 9457), the body of every error answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The body of an error answer, `application/problem+json` (RFC 9457).
///
/// ```
/// use charter_client::{Problem, ProblemKind};
///
/// let problem = Problem::new(ProblemKind::PolicyNotFound).with_detail("no policy `p-7`");
/// assert_eq!(problem.status, Some(404));
/// assert_eq!(problem.kind(), Some(ProblemKind::PolicyNotFound));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem, as a URI; `about:blank` if the status says it all.
    #[serde(rename = "type", default = "about_blank")]
    pub type_uri: String,
    /// The kind, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The status code again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// This occurrence, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// This occurrence, as a URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Field by field what was wrong, for `validation-failed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One reason why something is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The field, dotted from the top of the request; empty if it is the whole.
    #[serde(default)]
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Reason {
    /// A reason for a field.
    #[must_use]
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

impl Problem {
    /// A problem of a kind, with its status and title.
    #[must_use]
    pub fn new(kind: ProblemKind) -> Self {
        Self {
            type_uri: kind.uri(),
            title: Some(kind.title().to_owned()),
            status: Some(kind.status()),
            detail: None,
            instance: None,
            reasons: Vec::new(),
            extra: Map::new(),
        }
    }

    /// Says what happened, for people. Never put a secret here: it is shown and logged.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says field by field what was wrong.
    #[must_use]
    pub fn with_reasons(mut self, reasons: Vec<Reason>) -> Self {
        self.reasons = reasons;
        self
    }

    /// The kind, if this version knows it.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        let name = self.type_uri.strip_prefix(ProblemKind::PREFIX)?;
        ProblemKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.title.as_deref().unwrap_or(&self.type_uri))?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        for Reason { field, reason } in &self.reasons {
            write!(f, "; {field}: {reason}")?;
        }
        Ok(())
    }
}

/// Declares the kinds once: variant, name, status, title.
macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $title:literal;)*) => {
        /// The kinds of problem in the contract. Each has one status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum ProblemKind { $($(#[$doc])* $variant,)* }

        impl ProblemKind {
            /// All kinds, in the order of the document.
            pub const ALL: [Self; [$($status),*].len()] = [$(Self::$variant),*];

            /// The last part of the type URI.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The status code that goes with it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// The kind, for people.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

problem_kinds! {
    /// The body is not JSON, not of the documented shape, or a header cannot be read.
    BadRequest = "bad-request", 400, "Malformed request";
    /// No key, or not one that the server knows.
    Unauthorized = "unauthorized", 401, "Authentication needed";
    /// The key may not do this.
    Forbidden = "forbidden", 403, "Not allowed";
    /// No such route.
    NotFound = "not-found", 404, "No such resource";
    /// No such policy.
    PolicyNotFound = "policy-not-found", 404, "No such policy";
    /// No such node, or no such fault.
    NodeNotFound = "node-not-found", 404, "No such node";
    /// The route exists, the method does not.
    MethodNotAllowed = "method-not-allowed", 405, "Method not allowed";
    /// The state of the policy does not allow this: nothing to roll back, say.
    PolicyConflict = "policy-conflict", 409, "Policy state does not allow this";
    /// The committee is busy with a restart.
    CommitteeBusy = "committee-busy", 409, "Committee is busy";
    /// A newer epoch was seen.
    EpochStale = "epoch-stale", 409, "A newer leader was seen";
    /// The first request with this key is still being worked on.
    KeyInUse = "idempotency-key-in-use", 409, "Request with this key is in progress";
    /// `If-Match` names another state than the present one.
    PreconditionFailed = "precondition-failed", 412, "State has changed";
    /// The body is larger than the server accepts.
    BodyTooLarge = "body-too-large", 413, "Body too large";
    /// The body is not declared as `application/json`.
    UnsupportedMediaType = "unsupported-media-type", 415, "Body must be application/json";
    /// Well formed, but not acceptable; `reasons` say why.
    ValidationFailed = "validation-failed", 422, "Not valid";
    /// The key was used for another request.
    KeyReused = "idempotency-key-reused", 422, "Key was used for another request";
    /// Too many requests; `Retry-After` says when again.
    RateLimited = "rate-limited", 429, "Too many requests";
    /// The server failed. Whether the request took effect is not known.
    Internal = "internal", 500, "Internal error";
    /// The server does not serve now, and did not touch the request.
    Unavailable = "unavailable", 503, "Not available";
}

impl ProblemKind {
    /// What every type URI of the contract starts with.
    pub const PREFIX: &'static str = "urn:charter:problem:";

    /// The type URI.
    #[must_use]
    pub fn uri(self) -> String {
        format!("{}{}", Self::PREFIX, self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_again_by_its_uri() {
        for kind in ProblemKind::ALL {
            let written = serde_json::to_string(&Problem::new(kind)).unwrap();
            let read: Problem = serde_json::from_str(&written).unwrap();
            assert_eq!(read.kind(), Some(kind), "{written}");
            assert_eq!(read.status, Some(kind.status()));
        }
    }

    #[test]
    fn an_empty_object_is_a_problem_and_unknown_members_are_kept() {
        let empty: Problem = serde_json::from_str("{}").unwrap();
        assert_eq!((empty.type_uri.as_str(), empty.kind()), ("about:blank", None));
        let more: Problem = serde_json::from_str(r#"{"balance": 30}"#).unwrap();
        assert_eq!(more.extra["balance"], 30);
    }

    #[test]
    fn it_reads_as_a_sentence() {
        let problem = Problem::new(ProblemKind::ValidationFailed)
            .with_detail("2 of 3 nodes refused")
            .with_reasons(vec![Reason::new("replicas", "is 0")]);
        assert_eq!(problem.to_string(), "Not valid: 2 of 3 nodes refused; replicas: is 0");
    }
}
