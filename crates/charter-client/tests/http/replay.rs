//! Every fixture through the client: it sends what the fixture has and understands what it answers.

use charter_client::{
    CallOptions, CharterApi, ETag, Epoch, Error, IdempotencyKey, Outcome, PolicyId, SecretString,
    Tagged,
};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::fixture::{self, Fixture};
use crate::support::{build, once};

/// What a call came to, in the shape of the fixture's answer.
type Seen = (Value, Option<ETag>, bool);

fn tagged<T: serde::Serialize>(answer: Tagged<T>) -> Seen {
    (serde_json::to_value(answer.value).unwrap(), answer.etag, answer.replayed)
}

fn plain<T: serde::Serialize>(value: T) -> Seen {
    (serde_json::to_value(value).unwrap(), None, false)
}

fn body<T: serde::de::DeserializeOwned>(fixture: &Fixture) -> T {
    serde_json::from_value(fixture.request.body.clone().unwrap()).unwrap()
}

/// The id in the path of a fixture, as the client is given it.
fn id(fixture: &Fixture) -> PolicyId {
    let segment = fixture.request.path.split('/').nth(4).unwrap();
    PolicyId::try_new(segment.replace("%2F", "/").replace("%20", " ")).unwrap()
}

fn options(fixture: &Fixture) -> CallOptions {
    let header = |name: &str| fixture.request.headers.get(name).map(String::as_str);
    CallOptions {
        idempotency_key: header("idempotency-key").map(|key| IdempotencyKey::try_new(key).unwrap()),
        if_match: header("if-match").map(|tag| ETag::try_new(tag).unwrap()),
        epoch: header("x-charter-epoch").map(|epoch| Epoch(epoch.parse().unwrap())),
    }
}

async fn ask(api: &dyn CharterApi, fixture: &Fixture) -> Result<Seen, Error> {
    let options = options(fixture);
    Ok(match fixture.call.as_deref().unwrap() {
        "health" => plain(api.health().await?),
        "policies" => plain(api.policies().await?),
        "policy" => tagged(api.policy(&id(fixture)).await?),
        "versions" => plain(api.versions(&id(fixture)).await?),
        "apply" => tagged(api.apply(&body(fixture), &options).await?),
        "validate" => plain(api.validate(&body(fixture)).await?),
        "rollback" => tagged(api.rollback(&id(fixture), &options).await?),
        "committee" => tagged(api.committee().await?),
        "scale" => tagged(api.scale(&body(fixture), &options).await?),
        "restart" => tagged(api.restart(&body(fixture), &options).await?),
        "violations" => {
            let violations = api.violations().await?;
            let truncated = fixture.response.headers.contains_key("x-charter-truncated");
            assert_eq!(violations.truncated, truncated, "{}", fixture.name);
            plain(violations.items)
        }
        other => panic!("no call {other}"),
    })
}

async fn serve(fixture: &Fixture) -> MockServer {
    let server = MockServer::start().await;
    let mut answer = ResponseTemplate::new(fixture.response.status);
    for (name, value) in &fixture.response.headers {
        answer = answer.insert_header(name.as_str(), value.as_str());
    }
    let body = fixture.response.body.to_string();
    let media_type = fixture.response.headers["content-type"].clone();
    Mock::given(any()).respond_with(answer.set_body_raw(body, &media_type)).mount(&server).await;
    server
}

/// The one request that arrived is, header by header, the fixture's.
async fn assert_sent(server: &MockServer, fixture: &Fixture) {
    let requests = server.received_requests().await.unwrap();
    let [request] = &requests[..] else { panic!("{}: {} requests", fixture.name, requests.len()) };
    let expected = &fixture.request;
    assert_eq!(request.method.as_str(), expected.method, "{}", fixture.name);
    assert_eq!(request.url.path(), expected.path, "{}", fixture.name);
    for (name, value) in &expected.headers {
        let sent = request.headers.get(name).unwrap_or_else(|| panic!("{}: {name}", fixture.name));
        assert_eq!(sent.to_str().unwrap(), value, "{}: {name}", fixture.name);
    }
    for name in ["idempotency-key", "if-match", "x-charter-epoch", "content-type"] {
        let (sent, expected) = (request.headers.contains_key(name), &expected.headers);
        assert_eq!(sent, expected.contains_key(name), "{}: {name}", fixture.name);
    }
    if let Some(expected) = &expected.body {
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(&sent, expected, "{}", fixture.name);
    }
}

fn assert_understood(fixture: &Fixture, result: Result<Seen, Error>) {
    let (name, response) = (&fixture.name, &fixture.response);
    if fixture.call.as_deref() == Some("validate") && response.status == 422 {
        let (verdict, ..) = result.unwrap();
        assert_eq!(verdict, json!({"valid": false, "reasons": response.body["reasons"]}), "{name}");
        return;
    }
    if response.status < 400 {
        let given = &fixture.given;
        let (_, etag, replayed) =
            result.unwrap_or_else(|error| panic!("{name}, given {given}: {error:?}"));
        assert_eq!(
            etag.as_ref().map(ETag::as_str),
            response.headers.get("etag").map(String::as_str)
        );
        assert_eq!(replayed, response.headers.contains_key("idempotent-replayed"), "{name}");
        return;
    }
    let error = result.unwrap_err();
    assert_eq!(error.status(), Some(response.status), "{name}: {error:?}");
    let uri = error.problem_kind().unwrap().uri();
    assert_eq!(uri, response.body["type"], "{name}");
    let retry_after = error.retry_after().map(|after| after.as_secs().to_string());
    assert_eq!(retry_after.as_ref(), response.headers.get("retry-after"), "{name}");
    let unknown = name.ends_with("in-use") || name.ends_with("internal");
    let expected = if unknown { Outcome::Unknown } else { Outcome::NotApplied };
    assert_eq!(error.outcome(), expected, "{name}");
}

#[tokio::test]
async fn every_fixture_is_sent_and_understood() {
    let mut played = 0;
    for fixture in fixture::all() {
        if fixture.call.is_none() || fixture.request.body_text.is_some() {
            continue; // the client has no way to ask this
        }
        let server = serve(&fixture).await;
        let key = fixture.request.headers["authorization"].strip_prefix("Bearer ").unwrap();
        let mut config = once(server.uri());
        config.api_key = Some(SecretString::from(key));
        let api = build(config);
        assert_understood(&fixture, ask(&api, &fixture).await);
        assert_sent(&server, &fixture).await;
        played += 1;
    }
    assert!(played > 45, "{played}");
}

#[tokio::test]
async fn a_path_prefix_is_kept() {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::path("/charter/v2/health"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"status": "ok"})))
        .expect(1)
        .mount(&server)
        .await;
    let api = build(once(format!("{}/charter/v2/", server.uri())));
    assert!(api.health().await.unwrap().is_ok());
}

#[tokio::test]
async fn without_a_key_no_authorization_is_sent() {
    let server = MockServer::start().await;
    crate::support::mount_health(&server, false).await;
    build(once(server.uri())).health().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert!(!requests[0].headers.contains_key("authorization"));
}
