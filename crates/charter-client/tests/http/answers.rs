//! Answers outside the protocol.

use charter_client::{CallOptions, CharterApi, Error, Outcome};
use serde_json::json;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{SCALE, asked, build, committee, keyed, once};

async fn serve(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// The reason that a scale fails for with this answer; it must be a protocol error, effect unknown.
async fn reason(answer: ResponseTemplate) -> String {
    let server = serve(answer).await;
    let error = build(once(server.uri())).scale(&SCALE, &CallOptions::new()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error:?}");
    let Error::Protocol { reason, .. } = error else { panic!("{error:?}") };
    reason
}

#[tokio::test]
async fn pages_of_a_proxy_are_recognised() {
    for status in [200, 400, 403, 404, 413, 500, 502] {
        let page = ResponseTemplate::new(status).set_body_raw("<html>hello</html>", "text/html");
        assert!(reason(page).await.contains("content type is text/html"), "{status}");
    }
    let mute = ResponseTemplate::new(200);
    assert!(reason(mute).await.contains("content type is none"));
}

#[tokio::test]
async fn json_of_the_wrong_shape_is_refused() {
    for body in [json!([]), json!({"replicas": "three"}), json!(null)] {
        let answer = ResponseTemplate::new(200).set_body_json(body);
        assert!(reason(answer).await.contains("unreadable body"));
    }
    let broken = ResponseTemplate::new(200).set_body_raw("{\"status\": ", "application/json");
    assert!(reason(broken).await.contains("unreadable body"));
    let deep = ResponseTemplate::new(200).set_body_raw("[".repeat(100_000), "application/json");
    assert!(reason(deep).await.contains("unreadable body"));
}

#[tokio::test]
async fn problems_that_contradict_themselves_prove_nothing() {
    // `unavailable` promises that nothing happened, but only with its own status.
    let body = json!({"type": "urn:charter:problem:unavailable"}).to_string();
    let answer = ResponseTemplate::new(500).set_body_raw(body, "application/problem+json");
    assert!(reason(answer).await.contains("does not go with this status"));
    let broken = ResponseTemplate::new(422).set_body_raw("{", "application/problem+json");
    assert!(reason(broken).await.contains("unreadable problem"));
}

#[tokio::test]
async fn an_unknown_problem_is_still_a_refusal() {
    let body = json!({"type": "https://example.org/odd", "title": "Odd"}).to_string();
    let server =
        serve(ResponseTemplate::new(418).set_body_raw(body, "application/problem+json; v=1")).await;
    let error = build(once(server.uri())).committee().await.unwrap_err();
    assert_eq!((error.status(), error.problem_kind()), (Some(418), None));
    assert!(error.to_string().ends_with("Odd"), "{error}");
}

#[tokio::test]
async fn bodies_are_bounded() {
    let big = format!("[{}]", " ".repeat(4_000));
    let server = serve(ResponseTemplate::new(200).set_body_raw(big, "application/json")).await;
    let mut config = once(server.uri());
    config.answer_bytes_max = 2_000;
    let error = build(config).policies().await.unwrap_err();
    assert!(error.to_string().contains("larger than 2000 bytes"), "{error}");

    let long = json!({"detail": "x".repeat(100_000)}).to_string();
    let long = ResponseTemplate::new(400).set_body_raw(long, "application/problem+json");
    assert!(reason(long).await.contains("larger than 65536 bytes"));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = MockServer::start().await;
    let elsewhere = ResponseTemplate::new(303).insert_header("location", "/elsewhere");
    Mock::given(path("/api/v1/committee/scale")).respond_with(elsewhere).mount(&server).await;
    Mock::given(path("/elsewhere")).respond_with(committee()).mount(&server).await;

    let api = build(once(server.uri()));
    let error = api.scale(&SCALE, &CallOptions::new()).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { status: 303, .. }), "{error:?}");
    assert_eq!(asked(&server, "/elsewhere").await, 0);

    // A client that was built to follow them is found out.
    let follows = reqwest::Client::builder().no_proxy().build().unwrap();
    let api = once(server.uri()).build(follows).unwrap();
    let error = api.scale(&SCALE, &CallOptions::new()).await.unwrap_err();
    assert!(error.to_string().contains("redirected"), "{error}");
    assert_eq!(error.outcome(), Outcome::Unknown);
}

#[tokio::test]
async fn tags_that_are_of_no_use_are_dropped_and_broken_ones_refused() {
    let weak = serve(committee().insert_header("etag", "W/\"g7\"")).await;
    assert_eq!(build(once(weak.uri())).committee().await.unwrap().etag, None);
    let broken = serve(committee().insert_header("etag", "g7")).await;
    let error = build(once(broken.uri())).committee().await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn headers_of_the_owner_go_beside_ours_and_never_in_their_place() {
    let server = serve(committee()).await;
    let charter = build(once(server.uri())).with_headers(|headers| {
        headers.insert(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap(),
        );
        headers.insert("idempotency-key", "another".parse().unwrap());
    });
    charter.scale(&SCALE, &keyed()).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let scale = requests.iter().find(|it| it.url.path().ends_with("scale")).unwrap();
    let all = |name: &str| -> Vec<_> { scale.headers.get_all(name).iter().cloned().collect() };
    assert_eq!(all("idempotency-key"), ["exec-7/1/do"]);
    assert_eq!(all("traceparent").len(), 1);
}
