use std::{io, time::Duration};

use super::*;
use crate::MockIntake;
use http_body_util::{BodyExt, channel::Channel};

const EMPTY: &str = r#"{"alerts": []}"#;

fn post(body: impl Into<String>) -> Request<Full<Bytes>> {
    Request::post("/hook")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body.into()))
        .unwrap()
}

fn taking() -> MockIntake {
    let mut intake = MockIntake::new();
    intake.expect_accept().returning(|_| Ok(()));
    intake
}

fn never() -> MockIntake {
    let mut intake = MockIntake::new();
    intake.expect_accept().never();
    intake
}

fn answering(answer: fn() -> Result<(), IntakeError>) -> MockIntake {
    let mut intake = MockIntake::new();
    intake.expect_accept().times(1).returning(move |_| answer());
    intake
}

async fn ask<B>(service: &WebhookService<MockIntake>, request: Request<B>) -> (u16, String)
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    let response = service.clone().call(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn with(intake: MockIntake, change: impl FnOnce(&mut WebhookConfig)) -> WebhookService<MockIntake> {
    let mut config = WebhookConfig { path: Some("/hook".to_owned()), ..WebhookConfig::default() };
    change(&mut config);
    WebhookService::with_config(intake, config)
}

fn service(intake: MockIntake) -> WebhookService<MockIntake> {
    with(intake, |_| {})
}

#[tokio::test]
async fn hands_over_what_was_said_and_the_bytes_themselves() {
    let mut intake = MockIntake::new();
    let body = r#"{"alerts": [], "receiver": "loop", "tenant": 7}"#;
    intake
        .expect_accept()
        .withf(|delivery| {
            delivery.notification.receiver == "loop" && delivery.body == body.as_bytes()
        })
        .times(1)
        .returning(|_| Ok(()));
    assert_eq!(ask(&service(intake), post(body)).await, (204, String::new()));
}

#[tokio::test]
async fn the_intakes_word_decides_the_answer() {
    let full =
        answering(|| Err(IntakeError::Full { retry_after: Some(Duration::from_millis(2_100)) }));
    let response = service(full).call(post(EMPTY)).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()[header::RETRY_AFTER], "3");

    let (status, body) =
        ask(&service(answering(|| Err(IntakeError::rejected("tenant")))), post(EMPTY)).await;
    assert_eq!(status, 400);
    assert!(body.contains("tenant"), "{body}");

    let (status, body) =
        ask(&service(answering(|| Err(IntakeError::failed("secret path")))), post(EMPTY)).await;
    assert_eq!(status, 500);
    assert!(!body.contains("secret"), "what failed inside is not the sender's: {body}");

    let (status, _) = ask(&service(answering(|| panic!("a bug"))), post(EMPTY)).await;
    assert_eq!(status, 500);
}

#[tokio::test]
async fn path_method_and_type_are_checked_before_the_body() {
    let service = service(never());
    let request = |change: fn(http::request::Builder) -> http::request::Builder| {
        let json = Request::post("/hook").header(header::CONTENT_TYPE, "application/json");
        change(json).body(Full::<Bytes>::from(EMPTY)).unwrap()
    };
    assert_eq!(ask(&service, request(|request| request.uri("/other"))).await.0, 404);
    assert_eq!(ask(&service, request(|request| request.uri("/hook/"))).await.0, 404);
    assert_eq!(ask(&service, request(|request| request.method("GET"))).await.0, 405);
    assert_eq!(ask(&service, request(|r| r.header(header::CONTENT_ENCODING, "gzip"))).await.0, 415);
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "", "application/xjson"]
    {
        let mut request = post(EMPTY);
        request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        assert_eq!(ask(&service, request).await.0, 415, "{content_type}");
    }
    assert_eq!(service.counts().refused, 8);
    let response = service.clone().call(request(|request| request.method("PUT"))).await.unwrap();
    assert_eq!(response.headers()[header::ALLOW], "POST");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
}

#[tokio::test]
async fn json_types_and_any_path_if_mounted() {
    let service = WebhookService::new(taking());
    for content_type in
        ["application/json; charset=utf-8", "Application/JSON", "application/cloudevents+json"]
    {
        let mut request = post(EMPTY);
        *request.uri_mut() = "/anything".parse().unwrap();
        request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        assert_eq!(ask(&service, request).await.0, 204, "{content_type}");
    }
}

#[tokio::test]
async fn bad_bodies_are_refused_with_the_place() {
    let service = service(never());
    let (status, body) = ask(&service, post("{\n\"alerts\": [{\"status\": 3}]}")).await;
    assert_eq!(status, 400);
    let problem: serde_json::Value = serde_json::from_str(&body).unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("alerts[0].status") && detail.contains("line 2"), "{detail}");
    assert_eq!(problem["status"], 400);
    assert_eq!(ask(&service, post("[".repeat(100))).await.0, 400);
    assert_eq!(ask(&service, post("")).await.0, 400);
}

#[tokio::test]
async fn size_is_limited_as_announced_and_as_sent() {
    let service = with(never(), |config| config.limits.body_bytes_max = 10);
    let mut announced = post("");
    announced.headers_mut().insert(header::CONTENT_LENGTH, 11.into());
    assert_eq!(ask(&service, announced).await.0, 413);
    assert_eq!(ask(&service, post("x".repeat(11))).await.0, 413);
    assert_eq!(ask(&service, post("x".repeat(10))).await.0, 400);

    let crowd = format!(r#"{{"alerts":[{}]}}"#, vec!["{}"; 10_001].join(","));
    let service = self::service(never());
    assert_eq!(ask(&service, post(crowd)).await.0, 413);
}

#[tokio::test]
async fn a_large_body_is_parsed_beside_the_runtime_all_the_same() {
    let body = format!(r#"{{"alerts": [], "x": "{}"}}"#, "x".repeat(PARSE_BESIDE_BYTES));
    assert_eq!(ask(&service(taking()), post(body)).await.0, 204);
    let body = format!(r#"{{"alerts": 5, "x": "{}"}}"#, "x".repeat(PARSE_BESIDE_BYTES));
    assert_eq!(ask(&service(never()), post(body)).await.0, 400);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_dawdles_is_given_up() {
    let service = service(never());
    let (mut sender, channel) = Channel::<Bytes, Infallible>::new(1);
    sender.send_data(Bytes::from_static(b"{")).await.unwrap();
    let request = post("").map(|_| channel);
    assert_eq!(ask(&service, request).await.0, 408);
    assert_eq!(service.counts().in_flight_bytes, 0);
}

#[tokio::test]
async fn bytes_in_flight_are_limited_over_all_requests_and_given_back() {
    let service = with(taking(), |config| config.in_flight_bytes_max = 20);
    let (mut sender, channel) = Channel::<Bytes, Infallible>::new(1);
    let slow = tokio::spawn({
        let service = service.clone();
        async move { ask(&service, post("").map(|_| channel)).await }
    });
    sender.send_data(Bytes::from_static(br#"{"alerts": "#)).await.unwrap();
    while service.counts().in_flight_bytes < 11 {
        tokio::task::yield_now().await;
    }
    // Neither what is announced nor what simply comes fits beside it.
    assert_eq!(ask(&service, post(EMPTY)).await.0, 503);
    let mut announced = post("");
    announced.headers_mut().insert(header::CONTENT_LENGTH, 10.into());
    assert_eq!(ask(&service, announced).await.0, 503);
    assert_eq!(service.counts().overloaded, 2);

    sender.send_data(Bytes::from_static(b"[]}")).await.unwrap();
    drop(sender);
    assert_eq!(slow.await.unwrap().0, 204);
    assert_eq!(ask(&service, post(EMPTY)).await.0, 204);
    let counts = service.counts();
    assert_eq!((counts.accepted, counts.in_flight_bytes), (2, 0));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused() {
    let (sender, channel) = Channel::<Bytes, io::Error>::new(1);
    sender.abort(io::Error::other("reset"));
    assert_eq!(ask(&service(never()), post("").map(|_| channel)).await.0, 400);
}
