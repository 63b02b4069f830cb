//! `PrometheusSource` against servers and proxies that misbehave.
#![cfg(feature = "prometheus")]
#![cfg_attr(
    feature = "prometheus",
    expect(clippy::unwrap_used, reason = "a test may fail where it stands")
)]

use std::time::Duration;

use mapek_model::{DoubtKind, Level, Query, Span, Timestamp, later};
use mapek_monitor::{Error, MetricSource, PrometheusConfig, PrometheusSource};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path},
};

const EMPTY: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;

fn client(timeout: Duration) -> reqwest::Client {
    reqwest::Client::builder().timeout(timeout).tls_certs_only([]).build().unwrap()
}

fn source(url: &str) -> PrometheusSource {
    let client = client(Duration::from_secs(10));
    PrometheusSource::try_new(client, PrometheusConfig::at(url)).unwrap()
}

fn at() -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_123).unwrap()
}

fn query(text: &str) -> Query {
    Query::try_new(text).unwrap()
}

fn json(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body.to_owned(), "application/json")
}

/// A server that answers everything with one reply.
async fn always(reply: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(reply).mount(&server).await;
    server
}

async fn fails(reply: ResponseTemplate) -> Error {
    let server = always(reply).await;
    source(&server.uri()).instant(&query("up"), at()).await.unwrap_err()
}

fn form(request: &Request) -> Vec<(String, String)> {
    let text = String::from_utf8(request.body.clone()).unwrap();
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn field(request: &Request, name: &str) -> String {
    form(request).into_iter().find(|it| it.0 == name).unwrap().1
}

#[tokio::test]
async fn an_answer_is_read_and_asked_for_to_the_millisecond() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"__name__":"up","node":"b"},"value":[1700000000.123,"0"]},
        {"metric":{"__name__":"up","node":"a"},"value":[1700000000.123,"1"]}]}}"#;
    let server = always(json(200, body)).await;
    let source = source(&format!("{}/behind/a/proxy/", server.uri()));
    let answer = source.instant(&query("up"), at()).await.unwrap();
    assert_eq!(answer.quality.level(), Level::Fresh);
    assert_eq!(answer.series[0].labels.get("node"), Some("a"));
    assert_eq!(answer.series[0].samples[0].at, at());
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.url.path(), "/behind/a/proxy/api/v1/query");
    assert_eq!(field(request, "time"), "1700000000.123");
}

#[tokio::test]
async fn warnings_and_infos_are_doubts() {
    let body = r#"{"status":"success","data":{"resultType":"vector","result":[]},
        "warnings":["remote read: partial"],"infos":["metric might not be a counter"]}"#;
    let server = always(json(200, body)).await;
    let answer = source(&server.uri()).instant(&query("up"), at()).await.unwrap();
    let doubts: Vec<_> = answer.quality.doubts().map(|it| (it.kind, it.detail.as_str())).collect();
    assert_eq!(
        doubts,
        [
            (DoubtKind::Warning, "metric might not be a counter"),
            (DoubtKind::Warning, "remote read: partial"),
        ]
    );
    assert!(!answer.quality.permits_action());

    let config = PrometheusConfig { infos_are_doubts: false, ..PrometheusConfig::at(server.uri()) };
    let lenient = PrometheusSource::try_new(client(Duration::from_secs(10)), config).unwrap();
    let answer = lenient.instant(&query("up"), at()).await.unwrap();
    assert_eq!(answer.quality.doubts().len(), 1);
}

#[tokio::test]
async fn a_range_warns_as_well() {
    let body =
        r#"{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["w"]}"#;
    let server = always(json(200, body)).await;
    let span = Span::ending_at(at(), Duration::from_secs(60));
    let answer =
        source(&server.uri()).range(&query("up"), span, Duration::from_secs(10)).await.unwrap();
    assert_eq!(answer.quality.level(), Level::Partial);
}

#[tokio::test]
async fn a_proxys_page_is_no_answer() {
    let page = "<html><body>Sign in, please</body></html>";
    let html = |status| ResponseTemplate::new(status).set_body_raw(page, "text/html");
    let error = fails(html(200)).await;
    assert!(matches!(error, Error::Protocol { .. }) && error.is_transient(), "{error}");
    assert!(error.to_string().contains("Sign in"), "{error}");
    assert!(matches!(fails(html(404)).await, Error::Protocol { .. }));
    let error = fails(html(503)).await;
    assert!(matches!(error, Error::Unavailable { status: 503, .. }) && error.is_transient());
    let error = fails(html(403)).await;
    assert!(matches!(error, Error::Refused { .. }) && !error.is_transient());
}

#[tokio::test]
async fn what_prometheus_reports_keeps_its_meaning() {
    let report =
        |kind: &str| format!(r#"{{"status":"error","errorType":"{kind}","error":"because"}}"#);
    let error = fails(json(400, &report("bad_data"))).await;
    assert!(matches!(error, Error::Refused { .. }) && !error.is_transient(), "{error}");
    assert!(error.to_string().ends_with("bad_data: because"), "{error}");
    assert!(matches!(fails(json(422, &report("execution"))).await, Error::Refused { .. }));
    assert!(matches!(fails(json(503, &report("timeout"))).await, Error::Timeout { .. }));
    assert!(matches!(fails(json(500, &report("internal"))).await, Error::Unavailable { .. }));
}

#[tokio::test]
async fn values_that_cannot_be_read_are_errors() {
    for result in [
        r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"many"]}]}"#,
        r#"{"resultType":"vector","result":[{"metric":{},"value":[1e300,"1"]}]}"#,
        r#"{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"1"]}]}"#,
        r#"{"resultType":"string","result":[1,"text"]}"#,
        r#"{"resultType":"novelty","result":[]}"#,
    ] {
        let error = fails(json(200, &format!(r#"{{"status":"success","data":{result}}}"#))).await;
        assert!(matches!(error, Error::Protocol { .. }), "{result}: {error}");
    }
    assert!(matches!(fails(json(200, r#"{"status":"success"}"#)).await, Error::Protocol { .. }));
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let server = always(json(200, EMPTY).set_delay(Duration::from_secs(30))).await;
    let client = client(Duration::from_millis(200));
    let source = PrometheusSource::try_new(client, PrometheusConfig::at(server.uri())).unwrap();
    let error = source.instant(&query("up"), at()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }) && error.is_transient(), "{error}");
}

/// Answers one connection with these bytes, then hangs up.
async fn raw(reply: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0);
        stream.write_all(reply.as_bytes()).await.unwrap();
    });
    url
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_answer() {
    let half = &EMPTY[..EMPTY.len() / 2];
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let counted = raw(format!("{head}content-length: {}\r\n\r\n{half}", EMPTY.len())).await;
    let error = source(&counted).instant(&query("up"), at()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error}");

    let uncounted = raw(format!("{head}connection: close\r\n\r\n{half}")).await;
    let error = source(&uncounted).instant(&query("up"), at()).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }) && error.is_transient(), "{error}");
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_tells_no_password() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let source = source(&format!("http://user:hunter2@{address}"));
    let error = source.instant(&query("up"), at()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let error = format!("{} {error:?} {source:?}", error.chain());
    assert!(!error.contains("hunter2"), "{error}");
    let error = source.ready().await.unwrap_err();
    assert!(!format!("{} {error:?}", error.chain()).contains("hunter2"));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read() {
    let limited = |url: String| {
        let config = PrometheusConfig { body_bytes_max: 1_000, ..PrometheusConfig::at(url) };
        PrometheusSource::try_new(client(Duration::from_secs(10)), config).unwrap()
    };
    let server = always(json(200, &" ".repeat(1_001))).await;
    let error = limited(server.uri()).instant(&query("up"), at()).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 1_000, .. }), "{error}");
    assert!(!error.is_transient());

    // Without a length it is noticed on the way.
    let endless = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", " ".repeat(5_000));
    let error = limited(raw(endless).await).instant(&query("up"), at()).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_long_range_is_asked_for_in_parts() {
    let server = MockServer::start().await;
    let reply = |request: &Request| {
        let start: f64 = field(request, "start").parse().unwrap();
        json(
            200,
            &format!(
                r#"{{"status":"success","data":{{"resultType":"matrix","result":[
                {{"metric":{{"node":"a"}},"values":[[{start},"1"]]}}]}}}}"#
            ),
        )
    };
    Mock::given(method("POST"))
        .and(path("/api/v1/query_range"))
        .respond_with(reply)
        .mount(&server)
        .await;
    let step = Duration::from_millis(1_500);
    let span = Span::try_new(at(), later(at(), step * 24_999)).unwrap();
    let answer = source(&server.uri()).range(&query("up"), span, step).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    assert_eq!(field(&requests[0], "start"), "1700000000.123");
    assert_eq!(field(&requests[0], "step"), "1.500");
    for request in &requests {
        let number = |name| field(request, name).parse::<f64>().unwrap();
        assert!((number("end") - number("start")) / number("step") < 11_000.0);
    }
    assert_eq!(answer.series.len(), 1);
    assert_eq!(answer.series[0].samples.len(), 3);
    assert!(answer.series[0].samples.is_sorted_by_key(|sample| sample.at));
}

#[tokio::test]
async fn a_range_without_end_or_step_is_not_asked_for() {
    let server = always(json(200, EMPTY)).await;
    let source = source(&server.uri());
    let span = Span::ending_at(at(), Duration::from_secs(3_600));
    let error = source.range(&query("up"), span, Duration::from_nanos(1)).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    let error = source.range(&query("up"), span, Duration::from_millis(1)).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_rule_is_found_by_its_alert() {
    let body = r#"{"status":"success","data":{"groups":[
        {"name":"g","rules":[
            {"type":"alerting","name":"Slow","query":"b > 2","duration":300,"novelty":1},
            {"type":"recording","name":"Slow","query":"c"},
            {"type":"alerting","name":"Other","query":"d > 1"}]},
        {"name":"h","rules":[{"type":"alerting","name":"Slow","query":"a > 1","duration":60}]}]}}"#;
    let server = always(json(200, body)).await;
    let source = source(&server.uri());
    let found = source.alert_rule("Slow").await.unwrap().unwrap();
    assert_eq!(found.expression.as_str(), "(a > 1) or (b > 2)");
    assert_eq!(found.hold, Duration::from_secs(60));
    assert_eq!(source.alert_rule("Unknown").await.unwrap(), None);
}

#[tokio::test]
async fn ready_is_what_the_server_says() {
    let ready = always(ResponseTemplate::new(200)).await;
    source(&ready.uri()).ready().await.unwrap();
    let starting = always(ResponseTemplate::new(503)).await;
    let error = source(&starting.uri()).ready().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { status: 503, .. }), "{error}");
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    for (url, bytes) in [("localhost:9090", 1), ("http://", 1), ("http://x", 0)] {
        let config = PrometheusConfig { body_bytes_max: bytes, ..PrometheusConfig::at(url) };
        let refused = PrometheusSource::try_new(client(Duration::from_secs(1)), config);
        assert!(matches!(refused, Err(Error::Config { .. })), "{url}");
    }
}
