//! Who gets what: every route, method, origin, host and credential, with the answer worked out from the table of routes.

use axum::{Router, body::Body};
use http::{Method, Request, StatusCode};
use mapek_server::{Access, Identities, Needs, ROUTES, Role, Route};
use tower::ServiceExt as _;

use crate::{
    sample::{execution_id, plan_id},
    steered::{Steered, everybody},
};

/// Methods that people and scanners try.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];

/// What a request shows of who sends it, and the role that it proves.
const CREDENTIALS: [(&str, Option<&str>, Option<Role>); 12] = [
    ("nothing", None, None),
    ("an empty header", Some(""), None),
    ("an unknown token", Some("Bearer mapek_0000"), None),
    ("no token", Some("Bearer "), None),
    ("a role for a token", Some("Bearer Role::Admin"), None),
    ("another scheme", Some("Basic YWRtaW46YWRtaW4="), None),
    ("a token that has expired", Some("Bearer expired"), None),
    ("viewer", Some("Bearer viewer"), Some(Role::Viewer)),
    ("viewer's second token", Some("bearer viewer-next"), Some(Role::Viewer)),
    ("operator", Some("Bearer operator"), Some(Role::Operator)),
    ("approver", Some("Bearer approver"), Some(Role::Approver)),
    ("admin", Some("Bearer admin"), Some(Role::Admin)),
];

/// Where a request comes from, and whether it may.
const ORIGINS: [(&[(&str, &str)], bool); 7] = [
    (&[], true),
    (&[("origin", "http://localhost")], true),
    (&[("origin", "https://console.example")], true),
    (&[("sec-fetch-site", "same-origin")], true),
    (&[("origin", "https://evil.example")], false),
    (&[("origin", "null")], false),
    (&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], false),
];

/// What the table says of a request; `None` is for the handler to say.
fn expected(
    path: &str,
    method: &str,
    may_come: bool,
    role: Option<Role>,
    configured: bool,
) -> Option<StatusCode> {
    let as_route = if method == "HEAD" { "GET" } else { method };
    let rule: Option<&Route> =
        ROUTES.iter().find(|route| route.path == path && route.method == as_route);
    match (may_come, rule.map(|route| (route.needs, route.acts()))) {
        (false, _) => Some(StatusCode::FORBIDDEN),
        (true, None) => Some(StatusCode::METHOD_NOT_ALLOWED),
        (true, Some((Needs::Nothing, _))) => None,
        (true, Some((Needs::Role(_), acts))) if !configured => {
            acts.then_some(StatusCode::FORBIDDEN)
        }
        (true, Some((Needs::Role(least), _))) => match role {
            None => Some(StatusCode::UNAUTHORIZED),
            Some(role) if role < least => Some(StatusCode::FORBIDDEN),
            Some(_) => None,
        },
    }
}

/// What a handler answers who could do what was asked, or could not find it.
const HANDLED: [u16; 7] = [200, 202, 303, 404, 409, 415, 503];

fn sent(path: &str) -> (String, &'static str) {
    let id =
        if path.contains("plans") { plan_id(11).to_string() } else { execution_id(19).to_string() };
    let body = match path {
        "/api/v1/rearm" => r#"{"kind": "scale_up", "reason": "mended"}"#,
        path if ["approve", "reject", "rehearse"].iter().any(|it| path.ends_with(it)) => {
            r#"{"hash": "865de779f07a8baddc5500f48b228110f2dec147e72e5f6008241d2701b968f8"}"#
        }
        _ => r#"{"reason": "because"}"#,
    };
    let path = path.replace("{number}", "41").replace("{id}", &id);
    (path.replace("{version}", "0").replace("{name}", "console.css"), body)
}

async fn status(router: &Router, request: http::request::Builder, body: &str) -> StatusCode {
    let request = request.header("content-type", "application/json");
    let request: Request<Body> = request.body(Body::from(body.to_owned())).unwrap();
    router.clone().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn every_route_method_origin_and_credential() {
    let steered = Steered::new();
    let access = |identities| Access {
        identities,
        origins: ["https://console.example".to_owned()].into(),
        ..steered.access()
    };
    let mut paths: Vec<_> = ROUTES.iter().map(|route| route.path).collect();
    paths.dedup();
    // Metrics have no place in this loop.
    paths.retain(|path| *path != "/metrics");
    let (mut cells, mut admitted, mut acted) = (0, 0, 0);
    for (configured, identities) in [(true, everybody()), (false, Identities::default())] {
        let router = steered.api_with(access(identities));
        for path in &paths {
            let (uri, body) = sent(path);
            for method in METHODS {
                for (headers, may_come) in ORIGINS {
                    for (name, authorization, role) in CREDENTIALS {
                        let mut request = Request::builder().method(method).uri(&uri);
                        request = request.header("host", "localhost");
                        for (header, value) in headers {
                            request = request.header(*header, *value);
                        }
                        if let Some(value) = authorization {
                            request = request.header("authorization", value);
                        }
                        let before = steered.control.head();
                        let got = status(&router, request, body).await;
                        let cell = format!("{method} {path} {headers:?} by {name}: {got}");
                        match expected(path, method, may_come, role, configured) {
                            Some(status) => assert_eq!(got, status, "{cell}"),
                            None => {
                                assert!(HANDLED.contains(&got.as_u16()), "{cell}");
                                admitted += 1;
                            }
                        }
                        let changed = steered.control.head() != before;
                        let may_change = method == "POST" && got == StatusCode::OK;
                        assert_eq!(changed, may_change, "{cell}");
                        acted += u32::from(changed);
                        cells += 1;
                    }
                }
            }
        }
    }
    assert!(cells > 25_000, "{cells}");
    assert!(admitted > 1000, "{admitted}");
    // From four origins: three roles pause and resume, one re-arms. All else has nothing that it could change here.
    assert_eq!(acted, 4 * (3 + 3 + 1));
}

#[tokio::test]
async fn no_route_answers_to_the_name_of_another_host() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    for route in ROUTES.iter().filter(|route| route.path != "/metrics") {
        let (uri, body) = sent(route.path);
        for (host, expected) in [("evil.example", 421), ("localhost.evil.example", 421), ("", 400)]
        {
            let request = Request::builder().method(&route.method).uri(&uri);
            let request = request.header("host", host).header("authorization", "Bearer admin");
            let got = status(&router, request, body).await;
            assert_eq!(got.as_u16(), expected, "{} {} at {host}", route.method, route.path);
        }
    }
}

#[test]
fn what_acts_needs_more_than_a_viewer_and_what_reads_changes_nothing() {
    for route in ROUTES {
        let public = ["/login", "/logout", "/assets/{version}/{name}"];
        let expected = match (route.acts(), route.path.starts_with("/api/")) {
            _ if route.is_page() && !public.contains(&route.path) => {
                route.needs == Needs::Role(Role::Viewer) && route.method == Method::GET
            }
            (true, _) => route.needs >= Needs::Role(Role::Operator) && route.method == Method::POST,
            (false, true) => route.needs == Needs::Role(Role::Viewer),
            (false, false) => route.needs == Needs::Nothing,
        };
        assert!(expected, "{route:?}");
    }
}
