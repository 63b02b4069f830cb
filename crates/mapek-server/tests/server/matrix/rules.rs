//! What the documents say of who may do what (`docs/api.md`), written down once more: nothing here asks the code that
//! is tested.

use super::credentials::{Proves, Shown};

/// Who somebody is at least. Each may do what those before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Nobody,
    Viewer,
    Operator,
    Approver,
    Admin,
}

/// Method, path, who may at least, and what the handler answers here to whoever may.
pub(super) type Rule = (&'static str, &'static str, Rank, u16);

/// What the router has to have, no more and no less.
pub(super) const RULES: &[Rule] = &[
    ("GET", "/health", Rank::Nobody, 200),
    ("GET", "/ready", Rank::Nobody, 503),
    ("GET", "/metrics", Rank::Nobody, 200),
    ("GET", "/openapi.json", Rank::Nobody, 200),
    ("GET", "/api/v1/status", Rank::Viewer, 200),
    ("GET", "/api/v1/events", Rank::Viewer, 200),
    ("GET", "/api/v1/cycles", Rank::Viewer, 200),
    ("GET", "/api/v1/cycles/{number}", Rank::Viewer, 404),
    ("GET", "/api/v1/history", Rank::Viewer, 200),
    ("GET", "/api/v1/violations", Rank::Viewer, 200),
    ("GET", "/api/v1/diagnoses", Rank::Viewer, 200),
    ("GET", "/api/v1/plans", Rank::Viewer, 200),
    ("GET", "/api/v1/plans/rejected", Rank::Viewer, 200),
    ("GET", "/api/v1/plans/{id}", Rank::Viewer, 404),
    ("GET", "/api/v1/executions", Rank::Viewer, 200),
    ("GET", "/api/v1/executions/{id}", Rank::Viewer, 404),
    ("GET", "/api/v1/needs-operator", Rank::Viewer, 200),
    ("GET", "/api/v1/outcomes", Rank::Viewer, 200),
    ("GET", "/api/v1/insights", Rank::Viewer, 200),
    ("GET", "/api/v1/whoami", Rank::Viewer, 200),
    ("POST", "/api/v1/pause", Rank::Operator, 200),
    ("POST", "/api/v1/resume", Rank::Operator, 200),
    ("POST", "/api/v1/cycles", Rank::Operator, 202),
    ("POST", "/api/v1/plans/{id}/approve", Rank::Approver, 404),
    ("POST", "/api/v1/plans/{id}/reject", Rank::Approver, 404),
    ("POST", "/api/v1/plans/{id}/rehearse", Rank::Approver, 404),
    ("POST", "/api/v1/executions/{id}/rollback", Rank::Operator, 404),
    ("POST", "/api/v1/executions/{id}/resolve", Rank::Operator, 404),
    ("POST", "/api/v1/rearm", Rank::Admin, 200),
];

/// What it has besides for people with browsers.
#[cfg(feature = "console")]
pub(super) const PAGES: &[Rule] = &[
    ("GET", "/", Rank::Viewer, 200),
    ("GET", "/cycles", Rank::Viewer, 200),
    ("GET", "/cycles/{number}", Rank::Viewer, 404),
    ("GET", "/plans", Rank::Viewer, 200),
    ("GET", "/plans/{id}", Rank::Viewer, 404),
    ("GET", "/executions", Rank::Viewer, 200),
    ("GET", "/executions/{id}", Rank::Viewer, 404),
    ("GET", "/knowledge", Rank::Viewer, 200),
    ("GET", "/timeline", Rank::Viewer, 200),
    ("GET", "/login", Rank::Nobody, 200),
    // What is sent here is no form.
    ("POST", "/login", Rank::Nobody, 415),
    ("POST", "/logout", Rank::Nobody, 303),
    ("GET", "/assets/{version}/{name}", Rank::Nobody, 404),
];
#[cfg(not(feature = "console"))]
pub(super) const PAGES: &[Rule] = &[];

/// What a service adds to the console, which is no part of the router's list.
#[cfg(feature = "console")]
pub(super) const EXTRAS: &[Rule] =
    &[("GET", "/lamps", Rank::Viewer, 200), ("POST", "/lamps/{act}", Rank::Operator, 409)];
#[cfg(not(feature = "console"))]
pub(super) const EXTRAS: &[Rule] = &[];

/// Whose page makes a browser send a request, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// None: a program says nothing.
    Program,
    /// One of ours, or none, and there is no `Origin` that would say which.
    Unsaid,
    /// One that came from this very host, by TLS.
    Own,
    /// One that came from this host in clear text: not the same origin where we speak TLS.
    InClear,
    /// One of `api.allowed_origins`.
    Allowed,
    /// Somebody else's, on which a link was followed.
    Link,
    /// Somebody else's.
    Foreign,
}

type Headers = &'static [(&'static str, &'static str)];

/// The host that requests call here, unless they say otherwise.
pub(super) const HOST: &str = "localhost:8001";
pub(super) const ALLOWED_ORIGIN: &str = "https://console.example";

/// How many kinds of origins there are.
pub(super) const KINDS: usize = 7;

/// What requests say of where they come from; first one of each kind.
pub(super) const ORIGINS: [(Headers, Origin); 14] = [
    (&[], Origin::Program),
    (&[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")], Origin::Unsaid),
    (&[("origin", "https://localhost:8001")], Origin::Own),
    (&[("origin", "http://localhost:8001")], Origin::InClear),
    (&[("origin", ALLOWED_ORIGIN), ("sec-fetch-site", "cross-site")], Origin::Allowed),
    (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], Origin::Link),
    (&[("origin", "https://evil.example")], Origin::Foreign),
    (&[("origin", "null")], Origin::Foreign),
    (&[("origin", "https://localhost:8002")], Origin::Foreign),
    (&[("origin", "https://localhost")], Origin::Foreign),
    (&[("origin", "https://localhost:8001.evil.example")], Origin::Foreign),
    (&[("origin", "https://localhost:8001"), ("origin", "https://evil.example")], Origin::Foreign),
    (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], Origin::Foreign),
    (&[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")], Origin::Foreign),
];

/// Who is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Those whose credentials are shown.
    People,
    /// Nobody: everybody may read, and nobody may act.
    Nobody,
    /// Nobody yet: nobody may do anything.
    NobodyYet,
    /// Whoever shows nothing is one of these.
    Visitor(Rank),
}

/// A request, in words of the rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) origin: Origin,
    pub(super) shown: &'a Shown,
}

/// What has to come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It does not reach its handler.
    Refused(u16),
    /// Its handler answers.
    Handled(u16),
}

/// By what somebody is known who shows several things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Nothing,
    Token,
    Cookie,
    Certificate,
}

impl Known {
    /// A token counts before a session, and that before a certificate. A token counts if it is wrong, too; a session
    /// that has ended, by itself or with its token, hides nobody.
    fn counts(self, shown: &Shown) -> (By, Proves) {
        let known = |proves: Proves| proves.filter(|_| self == Self::People);
        let cookie = shown.cookie.filter(|_| cfg!(feature = "console")).map(known);
        match (shown.token, cookie, shown.certificate, self) {
            (Some(token), ..) => (By::Token, known(token)),
            (None, Some(Some(rank)), ..) => (By::Cookie, Some(rank)),
            (None, _, Some(certificate), _) => (By::Certificate, known(certificate)),
            (None, _, None, Self::Visitor(rank)) => (By::Nothing, Some(rank)),
            (None, Some(None), None, _) => (By::Cookie, None),
            (None, None, None, _) => (By::Nothing, None),
        }
    }
}

/// What the documents say that has to come of a request to a host of ours.
pub(super) fn expected(rules: &[Rule], known: Known, asked: Asked<'_>) -> Answer {
    let Asked { method, path, origin, shown } = asked;
    let reads = ["GET", "HEAD"].contains(&method);
    let own = origin == Origin::Own || origin == Origin::InClear && !shown.is_by_tls();
    let may_come = match origin {
        Origin::Program | Origin::Unsaid | Origin::Allowed => true,
        Origin::Own | Origin::InClear => own,
        Origin::Link => reads,
        Origin::Foreign => false,
    };
    let (by, proves) = known.counts(shown);
    let meant = match by {
        By::Nothing | By::Token => true,
        By::Cookie => own,
        By::Certificate => own || matches!(origin, Origin::Program | Origin::Unsaid),
    };
    let changes = !reads && method != "OPTIONS";
    if !may_come || changes && !meant {
        return Answer::Refused(403);
    }
    let as_rule = if method == "HEAD" { "GET" } else { method };
    let Some((.., least, answer)) = rules.iter().find(|it| (it.0, it.1) == (as_rule, path)) else {
        let is_there = rules.iter().any(|it| it.1 == path);
        return Answer::Refused(if is_there { 405 } else { 404 });
    };
    match proves {
        _ if *least == Rank::Nobody => Answer::Handled(*answer),
        _ if known == Known::Nobody && reads => Answer::Handled(*answer),
        _ if known == Known::Nobody => Answer::Refused(403),
        None => Answer::Refused(401),
        Some(rank) if rank < *least => Answer::Refused(403),
        Some(_) => Answer::Handled(*answer),
    }
}
