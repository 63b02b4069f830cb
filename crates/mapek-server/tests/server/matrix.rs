//! Who gets what: every route of the router, method, origin, host and credential, with the answer worked out from
//! [rules] that are the documents' and not the router's.

mod credentials;
mod harness;
mod rules;

use std::{collections::BTreeSet, convert::Infallible};

use axum::body::Body;
use http::{Method, Request, StatusCode};
use mapek_server::{
    Identities, Identity, Metrics, Needs, ROUTES, Role, metrics_router, webhook_router,
};

use self::{
    credentials::{Listener, Shown, in_the_morning, tokens},
    harness::{Cell, METHODS, Matrix},
    rules::{EXTRAS, Known, Origin, PAGES, RULES, Rank, Rule},
};

/// All that the API answers here.
#[cfg(feature = "console")]
const STATUSES: [u16; 10] = [200, 202, 303, 401, 403, 404, 405, 409, 415, 503];
#[cfg(not(feature = "console"))]
const STATUSES: [u16; 7] = [200, 202, 401, 403, 404, 405, 503];

/// Those of `all` that are called so.
fn picked<const N: usize>(all: &[Shown], names: [&str; N]) -> [Shown; N] {
    names.map(|name| all.iter().find(|it| it.name == name).expect(name).clone())
}

#[test]
fn the_rules_are_of_the_routes_that_there_are() {
    let ruled: BTreeSet<_> = RULES.iter().chain(PAGES).map(|it| (it.0, it.1)).collect();
    let there: BTreeSet<_> = ROUTES.iter().map(|it| (it.method.as_str(), it.path)).collect();
    assert_eq!(ruled, there);
}

#[tokio::test]
async fn every_route_method_origin_and_token() {
    let (mut matrix, _) = Matrix::in_the_evening().await;
    let mut shown = [tokens(), vec![Shown::nothing()]].concat();
    matrix.check(&mut shown).await;
    matrix.has_seen(5000, &STATUSES);
    assert!(matrix.acted > 0);
}

#[tokio::test]
async fn every_route_method_origin_and_session() {
    let (mut matrix, mut shown) = Matrix::in_the_evening().await;
    matrix.check(&mut shown).await;
    // By TLS pages in clear text are somebody else's.
    let tls = Listener::start().await.without_certificate().await;
    let names = ["viewer's session", "approver's session", "a session among others"];
    matrix.check(&mut picked(&shown, names).map(|it| it.planted(&tls))).await;
    let names = ["an unknown session", "viewer's session", "approver's session"];
    matrix.check(&mut picked(&shown, names).map(|it| it.over(&tls))).await;
    // Without the console a cookie is nothing.
    assert_eq!(matrix.acted > 0, cfg!(feature = "console"));
    if cfg!(feature = "console") {
        matrix.has_seen(5000, &STATUSES);
    }
}

#[tokio::test]
async fn every_route_method_origin_and_certificate() {
    let (mut matrix, _) = Matrix::in_the_evening().await;
    matrix.check(&mut Listener::start().await.certificates().await).await;
    matrix.has_seen(5000, &STATUSES);
    assert!(matrix.acted > 0);
}

#[tokio::test]
async fn a_token_counts_before_a_session_and_that_before_a_certificate() {
    let (mut matrix, sessions) = Matrix::in_the_evening().await;
    let listener = Listener::start().await;
    let nothing = Shown::nothing().over(&listener.without_certificate().await);
    let tokens = picked(&tokens(), ["an unknown token", "viewer's token", "admin's token"]);
    let names = ["a session whose token is gone", "viewer's session", "admin's session"];
    let sessions = picked(&sessions, names);
    let names = ["nobody's certificate", "admin's certificate"];
    let certificates = picked(&listener.certificates().await, names);
    let mut shown = Vec::new();
    for token in tokens.iter().chain([&nothing]) {
        for session in sessions.iter().chain([&nothing]) {
            for certificate in certificates.iter().chain([&nothing]) {
                shown.push(token.and(session).and(certificate));
            }
        }
    }
    shown.retain(|it| it.kinds() > 1);
    // Each has a session of its own to leave.
    for by in &mut shown {
        if let Some(token) = by.again {
            by.begin_anew(&matrix.log_in(token).await);
        }
    }
    matrix.check(&mut shown).await;
    // Nobody asks for what there is not.
    matrix.has_seen(7000, &STATUSES.into_iter().filter(|it| *it != 405).collect::<Vec<_>>());
    assert!(matrix.acted > 0);
}

#[tokio::test]
async fn every_route_where_nobody_is_known() {
    let token = Shown::token("a token", "Bearer admin", None);
    let cookie = Shown::cookie("a session of another loop", "mapek_session_8001=0", None);
    let certificates = Listener::start().await.certificates().await;
    let [certificate] = picked(&certificates, ["nobody's certificate"]);
    let both = [token.and(&cookie), cookie.and(&certificate)];
    let shown = [vec![Shown::nothing(), token, cookie, certificate], both.into()].concat();
    let visitor = Identity { person: "visitor".parse().unwrap(), role: Role::Operator };
    for (known, identities, acts) in [
        (Known::Nobody, Identities::default(), false),
        (Known::NobodyYet, Identities::default().closed(), false),
        (Known::Visitor(Rank::Operator), Identities::anyone(visitor), true),
    ] {
        let mut matrix = Matrix::api(identities, known);
        matrix.check(&mut shown.clone()).await;
        assert_eq!(matrix.acted > 0, acts, "{known:?}");
    }
}

/// Hosts that a request may name, and what comes of it; `None` is for the rules to say.
const HOSTS: [(&[&str], Option<u16>); 16] = [
    (&["localhost"], None),
    (&["LOCALHOST:443"], None),
    (&["127.0.0.1:8001"], None),
    (&["[::1]:8001"], None),
    (&["mapek.example"], None),
    (&["MAPEK.example:443"], None),
    (&["evil.example"], Some(421)),
    (&["evil.example:8001"], Some(421)),
    (&["localhost.evil.example:8001"], Some(421)),
    (&["x.mapek.example"], Some(421)),
    (&["mapek.example."], Some(421)),
    (&["192.0.2.8:8001"], Some(421)),
    (&[""], Some(400)),
    (&["admin@localhost:8001"], Some(400)),
    (&[], Some(400)),
    (&["localhost:8001", "localhost:8001"], Some(400)),
];

/// Asks every route of a router by every name, from pages that came from there and from nowhere.
async fn by_every_name(matrix: &mut Matrix, rules: &[Rule], shown: &[Shown]) {
    for (method, path, ..) in rules {
        for (hosts, refused) in HOSTS {
            let page = format!("https://{}", hosts.first().unwrap_or(&"localhost:8001"));
            let page = [("origin", page.as_str())];
            for (headers, origin) in [(&[][..], Origin::Program), (&page, Origin::Own)] {
                for by in shown {
                    let cell = Cell { hosts, origin: headers, ..Cell::new(method, path, by) };
                    match refused {
                        Some(status) => assert_eq!(matrix.ask(cell).await, status, "{cell:?}"),
                        None => drop(matrix.cell(cell, origin).await),
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn no_route_answers_to_the_name_of_another_host() {
    let (mut matrix, sessions) = Matrix::in_the_evening().await;
    let certificates = Listener::start().await.certificates().await;
    let [token] = picked(&tokens(), ["admin's token"]);
    let [certificate] = picked(&certificates, ["admin's certificate"]);
    let rules = [RULES, PAGES, EXTRAS].concat();
    by_every_name(&mut matrix, &rules, &[Shown::nothing(), token, certificate]).await;
    // A page that makes its own name mean this address gets no session to see, whatever it is that the browser sends.
    let [session] = picked(&sessions, ["admin's session"]);
    let page = [("origin", "https://evil.example:8001")];
    for (method, path, ..) in rules {
        let hosts = &["evil.example:8001"];
        let cell = Cell { hosts, origin: &page, ..Cell::new(method, path, &session) };
        assert_eq!(matrix.ask(cell).await, 421, "{cell:?}");
    }
}

/// What people show to listeners that have no login, and what of it proves most, but for cookies: those are of a port.
async fn shown_elsewhere() -> (Vec<Shown>, [Shown; 3]) {
    let cookie = Shown::cookie("a session of the API", "mapek_session_8001=0", None);
    let certificates = Listener::start().await.certificates().await;
    let shown = [tokens(), vec![Shown::nothing(), cookie], certificates].concat();
    let most = picked(&shown, ["nothing", "admin's token", "admin's certificate"]);
    (shown, most)
}

/// Whom listeners may know, and whether that is everybody.
fn people_and_nobody() -> [(Known, Identities); 2] {
    let people = Identities::try_new(in_the_morning()).unwrap();
    [(Known::People, people), (Known::Nobody, Identities::default())]
}

#[tokio::test]
async fn metrics_alone_are_read_by_everybody_and_nothing_else_is_there() {
    let rules = vec![("GET", "/metrics", Rank::Nobody, 200)];
    let nowhere = &["/", "/health", "/api/v1/status", "/api/v1/pause", "/login", "/metrics/x"];
    let (mut shown, most) = shown_elsewhere().await;
    for (known, identities) in people_and_nobody() {
        let router = |_: &_, access| metrics_router(Metrics::new(), access);
        let mut matrix = Matrix::with(identities, known, rules.clone(), nowhere, router);
        matrix.pass_the_day();
        matrix.check(&mut shown).await;
        by_every_name(&mut matrix, &rules, &most).await;
        matrix.has_seen(1000, &[200, 403, 404, 405]);
        assert_eq!(matrix.acted, 0);
    }
}

#[tokio::test]
async fn a_webhook_is_told_by_those_who_are_known_whatever_path_and_method() {
    let taken =
        tower::service_fn(async |_: Request<Body>| Ok::<_, Infallible>(StatusCode::NO_CONTENT));
    let (mut shown, most) = shown_elsewhere().await;
    for (known, identities) in people_and_nobody() {
        // Where nobody is configured whoever reaches it may tell of alerts.
        let (least, statuses) = match known {
            Known::People => (Rank::Viewer, &[204, 401, 403][..]),
            _ => (Rank::Nobody, &[204, 403][..]),
        };
        let rules =
            ["/webhooks/alerts", "/health"].map(|path| METHODS.map(|it| (it, path, least, 204)));
        let rules = rules.concat();
        let router = |_: &_, access| webhook_router(taken, access);
        let mut matrix = Matrix::with(identities, known, rules.clone(), &[], router);
        matrix.pass_the_day();
        matrix.check(&mut shown).await;
        by_every_name(&mut matrix, &rules[..METHODS.len()], &most).await;
        matrix.has_seen(4000, statuses);
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
