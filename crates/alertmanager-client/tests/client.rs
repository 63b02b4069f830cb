//! The client against an Alertmanager that misbehaves.
#![allow(clippy::unwrap_used, reason = "in a test, helpers included, a panic is the report")]

use std::time::Duration;

use alertmanager_client::{
    AlertFilter, AlertmanagerApi, Auth, Config, Error, HttpAlertmanager, Labels, Matchers,
    PostableAlert, PostableSilence, SilenceId,
};
use jiff::Timestamp;
use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, body_json, header, method, path, query_param},
};

fn client() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).build().unwrap()
}

fn alertmanager(server: &MockServer, change: impl FnOnce(&mut Config)) -> HttpAlertmanager {
    let mut config = Config { url: server.uri(), ..Config::default() };
    change(&mut config);
    HttpAlertmanager::try_new(client(), &config).unwrap()
}

async fn answering(answer: ResponseTemplate) -> (MockServer, HttpAlertmanager) {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let alertmanager = alertmanager(&server, |config| config.retries_max = 0);
    (server, alertmanager)
}

fn alert() -> PostableAlert {
    PostableAlert::new(Labels::from([("alertname", "A")]))
}

fn silence() -> PostableSilence {
    let end = Timestamp::from_second(60).unwrap();
    PostableSilence::new(&"a=b".parse().unwrap(), Timestamp::UNIX_EPOCH, end, "me", "why")
}

fn recorded(name: &str) -> Vec<u8> {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/alertmanager");
    std::fs::read(format!("{fixtures}/{name}")).unwrap()
}

#[tokio::test]
async fn the_filter_is_sent_one_matcher_a_parameter_under_the_prefix() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/am/api/v2/alerts"))
        .and(query_param("filter", r#"severity=~"critical|warning""#))
        .and(query_param("filter", r#""größe"!="a&b=c""#))
        .and(query_param("active", "true"))
        .and(query_param("silenced", "false"))
        .and(query_param("inhibited", "true"))
        .and(query_param("unprocessed", "true"))
        .and(query_param("receiver", "mapek.*"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_raw(recorded("0.25/alerts.json"), "application/json"),
        )
        .expect(1)
        .mount(&server)
        .await;
    let alertmanager = alertmanager(&server, |config| config.url += "/am/");
    let matchers: Matchers = r#"{severity=~"critical|warning","größe"!="a&b=c"}"#.parse().unwrap();
    let receiver = Some("mapek.*".to_owned());
    let filter = AlertFilter { silenced: false, receiver, ..AlertFilter::matching(matchers) };
    let alerts = alertmanager.alerts(&filter).await.unwrap();
    assert!(alerts.len() > 3 && alerts.is_sorted_by_key(|alert| alert.fingerprint.clone()));
}

#[tokio::test]
async fn reads_are_repeated_until_it_is_back() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(503).set_body_string("settling");
    Mock::given(path("/api/v2/receivers")).respond_with(busy).up_to_n_times(2).mount(&server).await;
    Mock::given(path("/api/v2/receivers"))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!([{"name": "b"}, {"name": "a", "x": 1}])),
        )
        .mount(&server)
        .await;
    let alertmanager = alertmanager(&server, |_| {});
    assert_eq!(alertmanager.receivers().await.unwrap(), ["a", "b"]);
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn retries_end() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(500)).expect(2).mount(&server).await;
    let alertmanager = alertmanager(&server, |config| config.retries_max = 1);
    let error = alertmanager.status().await.unwrap_err();
    assert!(error.is_transient() && matches!(error, Error::Refused { status: 500, .. }), "{error}");
}

#[tokio::test]
async fn what_changes_something_is_sent_once() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).expect(3).mount(&server).await;
    let alertmanager = alertmanager(&server, |_| {});
    assert!(alertmanager.post_alerts(&[alert()]).await.unwrap_err().is_transient());
    assert!(alertmanager.post_silence(&silence()).await.unwrap_err().is_transient());
    let id = SilenceId::try_new("x").unwrap();
    assert!(alertmanager.delete_silence(&id).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn a_refusal_is_not_repeated_and_says_why() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(400).set_body_json("bad matcher format: x");
    Mock::given(any()).respond_with(answer).expect(1).mount(&server).await;
    let error = alertmanager(&server, |_| {}).alerts(&AlertFilter::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "alerts: status 400: bad matcher format: x");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn answers_that_are_not_api_v2_are_told_from_it() {
    for (body, content_type, expected) in [
        ("<html>sign in</html>", "text/html", "content type \"text/html\""),
        ("[{\"labels\": {\"a\": 1}}]", "application/json", "[0].labels.a: invalid type"),
        ("[{\"labels\": {", "application/json", "EOF"),
        ("", "application/json", "EOF"),
        ("{}", "application/json", "expected a sequence"),
    ] {
        let answer = ResponseTemplate::new(200).set_body_raw(body, content_type);
        let (_server, alertmanager) = answering(answer).await;
        let error = alertmanager.alerts(&AlertFilter::default()).await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_huge_answer_is_cut_off() {
    let answer = ResponseTemplate::new(200).set_body_raw("[".repeat(5_000), "application/json");
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let alertmanager = alertmanager(&server, |config| config.answer_bytes_max = 4_999);
    let error = alertmanager.receivers().await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 4_999, .. }), "{error}");
}

#[tokio::test]
async fn a_slow_answer_is_given_up_in_time() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(60));
    Mock::given(any()).respond_with(slow).mount(&server).await;
    let alertmanager = alertmanager(&server, |config| config.timeout_seconds = 0.1);
    for error in [
        alertmanager.ready().await.unwrap_err(),
        alertmanager.status().await.unwrap_err(),
        alertmanager.post_alerts(&[alert()]).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::Timeout { .. }) && error.is_transient(), "{error}");
    }
}

#[tokio::test]
async fn nobody_there_is_transient() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let config = Config { url, retries_max: 1, ..Config::default() };
    let alertmanager = HttpAlertmanager::try_new(client(), &config).unwrap();
    let error = alertmanager.status().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn alerts_and_silences_are_posted_as_alertmanager_wants_them() {
    let server = MockServer::start().await;
    let posted = json!([{"labels": {"alertname": "A"}, "endsAt": "1970-01-01T00:00:00Z"}]);
    Mock::given(method("POST"))
        .and(path("/api/v2/alerts"))
        .and(body_json(posted))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let posted = json!({
        "matchers": [{"name": "a", "value": "b", "isRegex": false, "isEqual": true}],
        "startsAt": "1970-01-01T00:00:00Z", "endsAt": "1970-01-01T00:01:00Z",
        "createdBy": "me", "comment": "why"
    });
    Mock::given(method("POST"))
        .and(path("/api/v2/silences"))
        .and(body_json(posted))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"silenceID": "abc-1"})))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("DELETE"))
        .and(path("/api/v2/silence/abc-1"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let alertmanager = alertmanager(&server, |_| {});
    let resolved = alert().resolved(Timestamp::UNIX_EPOCH);
    alertmanager.post_alerts(&[resolved]).await.unwrap();
    let id = alertmanager.post_silence(&silence()).await.unwrap();
    alertmanager.delete_silence(&id).await.unwrap();
}

#[tokio::test]
async fn every_versions_way_to_say_that_there_is_no_such_silence() {
    let id = SilenceId::try_new("abc").unwrap();
    let old = ResponseTemplate::new(500).set_body_json("silence not found");
    for answer in [old, ResponseTemplate::new(404)] {
        let (_server, alertmanager) = answering(answer).await;
        let error = alertmanager.delete_silence(&id).await.unwrap_err();
        assert!(
            matches!(&error, Error::NoSuchSilence { id: asked, .. } if *asked == id),
            "{error}"
        );
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn signs_in_and_never_shows_the_secret() {
    for (auth, expected) in [
        (Auth::Bearer("hunter2".into()), "Bearer hunter2"),
        (
            Auth::Basic { username: "me".into(), password: "hunter2".into() },
            "Basic bWU6aHVudGVyMg==",
        ),
    ] {
        let server = MockServer::start().await;
        Mock::given(header("authorization", expected))
            .respond_with(ResponseTemplate::new(200))
            .expect(1)
            .mount(&server)
            .await;
        let alertmanager = alertmanager(&server, |config| config.auth = Some(auth));
        alertmanager.ready().await.unwrap();
        assert!(!format!("{alertmanager:?}").contains("hunter2"));
    }
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let key = |change: fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        match HttpAlertmanager::try_new(client(), &config) {
            Err(error @ Error::Config { key, .. }) => {
                assert!(!error.to_string().contains("hunter2"), "{error}");
                key
            }
            other => panic!("{other:?}"),
        }
    };
    for url in ["", "localhost:9093", "ftp://am", "http://am?x=1", "http://am#x"] {
        let config = Config { url: url.to_owned(), ..Config::default() };
        assert!(HttpAlertmanager::try_new(client(), &config).is_err(), "{url}");
    }
    assert_eq!(key(|config| config.url = "http://me:hunter2@am".into()), "url");
    assert_eq!(key(|config| config.timeout_seconds = 0.0), "timeout_seconds");
    assert_eq!(key(|config| config.timeout_seconds = f64::NAN), "timeout_seconds");
    assert_eq!(key(|config| config.retries_max = 11), "retries_max");
    assert_eq!(key(|config| config.auth = Some(Auth::Bearer("hunter2\n".into()))), "auth");
}
