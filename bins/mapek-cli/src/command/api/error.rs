//! Why the loop did not do what was asked, and what to do next.

use reqwest::StatusCode;
use serde_json::Value;

use crate::command::output::plain;

/// Why the loop did not do what was asked.
#[derive(Debug)]
pub(in crate::command) enum Refusal {
    /// It does not answer, or answers that it cannot.
    Down(String),
    /// It answers that it will not.
    Said(StatusCode, String),
}

/// The same, for people.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub(crate) enum ApiError {
    /// Nobody answers there, or nobody who can.
    #[error("the loop at {base} cannot be asked: {why}")]
    #[diagnostic(help(
        "is `mapek run` running there? Say where its API is with --url or MAPEK_URL, or with --config"
    ))]
    Down {
        /// Where.
        base: String,
        /// Why.
        why: String,
    },
    /// Who asks is not known.
    #[error("the loop at {base} does not know you: {why}")]
    #[diagnostic(help(
        "set MAPEK_TOKEN, or say where the token is with --token-file; `mapek token new` makes one, and its line goes \
         into api.auth.tokens"
    ))]
    Unknown {
        /// Where.
        base: String,
        /// Why.
        why: String,
    },
    /// Who asks may not do this.
    #[error("the loop at {base} refuses: {why}")]
    #[diagnostic(help(
        "ask somebody with that role, or have it given to you in api.auth.tokens; `mapek whoami` shows what you are"
    ))]
    Forbidden {
        /// Where.
        base: String,
        /// Why.
        why: String,
    },
    /// What was asked is not to be had.
    #[error("the loop at {base} refuses: {why}")]
    Refused {
        /// Where.
        base: String,
        /// Why.
        why: String,
        /// What to do next.
        #[help]
        next: Option<&'static str>,
    },
}

impl ApiError {
    /// The exit code that tells scripts which of these it is.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Refused { .. } => 1,
            Self::Down { .. } => 3,
            Self::Unknown { .. } | Self::Forbidden { .. } => 4,
        }
    }
}

impl Refusal {
    /// What answers is something else.
    pub(in crate::command) fn strange() -> Self {
        Self::Down("what answers there is not the loop's API".to_owned())
    }

    /// What an answer that is no success says.
    pub(super) fn said(status: StatusCode, answer: Option<&Value>) -> Self {
        let detail = answer.and_then(|answer| answer["detail"].as_str());
        let detail = detail.map_or_else(|| status.to_string(), plain);
        if status.is_server_error() { Self::Down(detail) } else { Self::Said(status, detail) }
    }

    /// With where that was.
    pub(in crate::command) fn at(self, base: &str) -> ApiError {
        let base = base.to_owned();
        match self {
            Self::Down(why) => ApiError::Down { base, why },
            Self::Said(StatusCode::UNAUTHORIZED, why) => ApiError::Unknown { base, why },
            Self::Said(StatusCode::FORBIDDEN, why) => ApiError::Forbidden { base, why },
            Self::Said(status, why) => ApiError::Refused { base, why, next: next(status) },
        }
    }
}

/// What to do where the answer does not say it.
fn next(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::CONFLICT => {
            Some("it is not as it was when you looked: show it again, and decide anew")
        }
        StatusCode::GONE => Some("the list went on while it was read: ask again"),
        StatusCode::PRECONDITION_FAILED | StatusCode::PRECONDITION_REQUIRED => Some(
            "the plan is another one than you saw: `mapek plans show` it, and decide about what it would do now",
        ),
        StatusCode::MISDIRECTED_REQUEST => {
            Some("call it by a name that it knows, or list this one in api.allowed_hosts")
        }
        StatusCode::TOO_MANY_REQUESTS => {
            Some("api.requests_per_second and api.requests_burst say how many it takes")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(status: u16) -> (u8, String) {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = json!({"detail": "because\u{1b}[31m"});
        let error = Refusal::said(status, Some(&answer)).at("http://x");
        let code = error.code();
        (code, format!("{:?}", miette::Report::new(error)))
    }

    #[test]
    fn each_answer_has_its_code_and_says_what_to_do_next() {
        for (status, code, words) in [
            (401, 4, "MAPEK_TOKEN"),
            (403, 4, "mapek whoami"),
            (404, 1, "because"),
            (409, 1, "it is not as it was"),
            (410, 1, "ask again"),
            (412, 1, "another one than you saw"),
            (421, 1, "api.allowed_hosts"),
            (428, 1, "another one than you saw"),
            (429, 1, "api.requests_per_second"),
            (503, 3, "mapek run"),
        ] {
            let (told, text) = told(status);
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(told, code, "{status}");
            assert!(text.contains(words), "{status}: {text}");
            assert!(text.contains("because\\u{1b}[31m"), "{status}: {text}");
        }
    }
}
