//! What is turned away before anybody asks who it is, and what is said to those who are not known.

use std::time::Duration;

use axum::{Router, body::Body};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use mapek_server::{
    Access, Identities, Identity, Metrics, Rate, Role, ServerConfig, metrics_router, webhook_router,
};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::{
    sample::{Shown, at, client},
    steered::{Steered, everybody},
};

async fn ask(router: &Router, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

const STATUS: &str = "/api/v1/status";

#[tokio::test]
async fn who_is_not_known_is_told_how_to_be_and_nothing_else() {
    let steered = Steered::new();
    let shown = Shown::serve(steered.api(everybody()), ServerConfig::default()).await;
    let nobody = shown.get(STATUS).await;
    assert_eq!(nobody.status(), 401);
    assert_eq!(nobody.headers()["www-authenticate"], "Bearer realm=\"mapek\"");
    assert_eq!(nobody.headers()["content-type"], "application/problem+json");
    for (token, words) in
        [("wrong", "the token is not known"), ("expired", "the token has expired")]
    {
        let answer = client().get(shown.url(STATUS)).bearer_auth(token).send().await.unwrap();
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.ends_with("error=\"invalid_token\""), "{challenge}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["detail"], words);
        assert!(!problem.to_string().contains(token) || token == "expired", "{problem}");
    }
    let twice = client().get(shown.url(STATUS));
    let twice = twice.header("authorization", "Bearer wrong");
    let twice = twice.header("authorization", "Bearer admin").send().await.unwrap();
    assert_eq!(twice.status(), 401);
    let query = shown.get("/api/v1/status?access_token=admin").await;
    assert_eq!(query.status(), 401, "a token in an address ends up in logs");
}

#[tokio::test]
async fn a_token_is_shown_in_one_way_whatever_its_case() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    for (value, expected) in [
        ("Bearer viewer", 200),
        ("bearer viewer", 200),
        ("BEARER  viewer ", 200),
        ("Basic viewer", 401),
        ("Bearers viewer", 401),
        ("viewer", 401),
        ("", 401),
    ] {
        let answer = ask(&router, STATUS, &[("authorization", value)]).await;
        assert_eq!(answer.status(), expected, "{value:?}");
    }
}

#[tokio::test]
async fn where_somebody_is_meant_by_whoever_shows_nothing_they_are_known_so() {
    let steered = Steered::new();
    let visitor = Identity { person: "visitor".parse().unwrap(), role: Role::Operator };
    let router = steered.api(Identities::anyone(visitor));
    let answer = ask(&router, "/api/v1/whoami", &[]).await;
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.as_ref(), br#"{"person":"visitor","role":"operator"}"#);
    let wrong = [("authorization", "Bearer wrong")];
    assert_eq!(ask(&router, STATUS, &wrong).await.status(), 401, "who shows something means it");
    // A browser shows by itself what another loop at this address has left with it.
    let left = [("cookie", "mapek_session=of-another-loop")];
    assert_eq!(ask(&router, STATUS, &left).await.status(), 200);
}

#[tokio::test]
async fn a_token_that_expires_ends_in_the_middle_of_the_day() {
    let steered = Steered::new();
    let router = steered.api(everybody());
    let late = [("authorization", "Bearer late")];
    assert_eq!(ask(&router, STATUS, &late).await.status(), 200);
    steered.clock.advance_to(at(59));
    assert_eq!(ask(&router, STATUS, &late).await.status(), 200);
    steered.clock.advance_to(at(60));
    assert_eq!(ask(&router, STATUS, &late).await.status(), 401);
}

#[tokio::test]
async fn too_many_requests_are_put_off_by_address_and_by_person() {
    let steered = Steered::new();
    let access = |identities| Access { identities, rate: Rate::new(1, 3), ..steered.access() };
    let router = steered.api_with(access(Identities::default()));
    for _ in 0..3 {
        assert_eq!(ask(&router, STATUS, &[]).await.status(), 200);
    }
    let refused = ask(&router, STATUS, &[]).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    for probe in ["/health", "/ready"] {
        assert_ne!(ask(&router, probe, &[]).await.status(), 429, "{probe}");
    }
    steered.clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&router, STATUS, &[]).await.status(), 200);

    // One person from many addresses is one person.
    let router = steered.api_with(access(everybody()));
    let from = async |last: u8, token: &str| {
        let peer = std::net::SocketAddr::from(([10, 0, 0, last], 1));
        let request = Request::builder().uri(STATUS).header("host", "localhost");
        let request = request.extension(axum::extract::ConnectInfo(peer));
        let request = request.header("authorization", format!("Bearer {token}"));
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    };
    for address in 0..3 {
        assert_eq!(from(address, "viewer").await, 200);
    }
    assert_eq!(from(3, "viewer-next").await, 429, "two tokens make nobody two");
    assert_eq!(from(3, "operator").await, 200, "somebody else");
    // Guesses are paid for by the address alone.
    for _ in 0..3 {
        assert_eq!(from(4, "guess").await, 401);
    }
    assert_eq!(from(4, "guess").await, 429);
    assert_eq!(from(5, "operator").await, 200);

    // A probe that says who it is asks as often as one that does not.
    let viewer = [("authorization", "Bearer viewer")];
    for probe in ["/health", "/ready"] {
        assert_ne!(ask(&router, probe, &viewer).await.status(), 429, "{probe}");
    }
}

#[tokio::test]
async fn metrics_alone_have_the_same_guard() {
    let access = Access { rate: Rate::new(1, 2), ..Access::default() };
    let shown = Shown::serve(metrics_router(Metrics::new(), access), ServerConfig::default()).await;
    let evil = client().get(shown.url("/metrics")).header("host", "evil.example");
    assert_eq!(evil.send().await.unwrap().status(), 421);
    let page = client().get(shown.url("/metrics")).header("origin", "https://evil.example");
    assert_eq!(page.send().await.unwrap().status(), 403);
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(shown.get("/metrics").await.status().as_u16());
    }
    assert_eq!(statuses[..2], [200, 200]);
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn a_webhook_is_put_off_and_not_refused_and_may_want_a_token() {
    let steered = Steered::new();
    let taken = tower::service_fn(async |_: Request<Body>| {
        Ok::<_, std::convert::Infallible>(StatusCode::NO_CONTENT)
    });
    let path = "/webhooks/alerts";
    let access = Access { rate: Rate::new(1, 2), ..steered.access() };
    let open = webhook_router(taken, access.clone());
    assert_eq!(ask(&open, path, &[]).await.status(), 204);
    assert_eq!(ask(&open, path, &[]).await.status(), 204);
    let put_off = ask(&open, path, &[]).await;
    assert_eq!(put_off.status(), 503, "Alertmanager gives up at 429");
    assert_eq!(put_off.headers()["retry-after"], "1");

    let closed = webhook_router(taken, Access { identities: everybody(), ..steered.access() });
    assert_eq!(ask(&closed, path, &[]).await.status(), 401);
    assert_eq!(ask(&closed, path, &[("authorization", "Bearer viewer")]).await.status(), 204);
    assert_eq!(ask(&closed, path, &[("origin", "https://evil.example")]).await.status(), 403);
}

#[tokio::test]
async fn without_a_handle_nothing_can_be_changed_by_anybody() {
    let steered = Steered::new();
    let options = mapek_server::Options {
        access: Access { identities: everybody(), ..steered.access() },
        ..mapek_server::Options::default()
    };
    let router = mapek_server::router(steered.handle.watch(), options);
    for route in mapek_server::ROUTES.iter().filter(|route| route.acts()) {
        let request = Request::post(route.path).header("host", "localhost");
        let request = request.header("authorization", "Bearer admin").body(Body::empty()).unwrap();
        let status = router.clone().oneshot(request).await.unwrap().status().as_u16();
        assert!([404, 405].contains(&status), "{} {status}", route.path);
    }
}
