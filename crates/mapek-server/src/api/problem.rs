//! Errors as people and programs can read them: RFC 9457 problem details.

use axum::{
    Json,
    extract::OriginalUri,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::ROUTES;

/// Characters of a path, an id or a parameter that an error repeats: enough to recognise it.
const REPEATED_MAX: usize = 100;

/// An error as `application/problem+json`. Its detail says what to do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip)]
    #[schemars(skip)]
    code: StatusCode,
}

impl Problem {
    pub(crate) fn new(code: StatusCode, detail: impl Into<String>) -> Self {
        // With this type, the title is that of the status code (RFC 9457, section 4.2.1).
        let title = code.canonical_reason().unwrap_or("Error");
        Self { r#type: "about:blank", title, status: code.as_u16(), detail: detail.into(), code }
    }

    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// What went wrong, and what to do.
    #[cfg(feature = "console")]
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Something that can be named is not there.
    pub(crate) fn missing(what: &str, name: impl ToString, list: &str) -> Self {
        let name = repeated(&name.to_string());
        let detail = format!("no {what} {name} is kept; {list} lists what is");
        Self::new(StatusCode::NOT_FOUND, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.code, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

pub(super) async fn not_found(OriginalUri(uri): OriginalUri) -> Problem {
    let path = repeated(uri.path());
    let read: Vec<_> =
        ROUTES.iter().filter(|it| !it.acts() && !it.is_page()).map(|route| route.path).collect();
    let detail = format!("there is nothing at {path}; ask for one of {}", read.join(", "));
    Problem::new(StatusCode::NOT_FOUND, detail)
}

pub(super) async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> Problem {
    let (method, path) = (repeated(method.as_str()), repeated(uri.path()));
    let detail = format!("{path} does not take {method}; the header Allow says what it takes");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// What a client sent, cut to a length that fits into a sentence.
pub(crate) fn repeated(text: &str) -> String {
    let mut cut: String = text.chars().take(REPEATED_MAX).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}
