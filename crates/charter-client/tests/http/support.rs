//! What the tests share.

use std::time::Duration;

use charter_client::{
    ApplyRequest, CallOptions, Config, HttpCharter, IdempotencyKey, PolicyConfig, PolicyId,
    PolicyKind, PolicySpec, RetryConfig, ScaleRequest, Seconds,
};
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) const SCALE: ScaleRequest = ScaleRequest { replicas: 5 };

/// A configuration whose pauses take no time worth waiting for.
pub(crate) fn config(url: impl Into<String>) -> Config {
    let mut config = Config::new(url);
    config.retry.pause_min_seconds = Seconds::try_new(0.001).unwrap();
    config.retry.pause_max_seconds = Seconds::try_new(0.002).unwrap();
    config
}

/// The same without any retry.
pub(crate) fn once(url: impl Into<String>) -> Config {
    Config { retry: RetryConfig::never(), ..config(url) }
}

pub(crate) fn build(config: Config) -> HttpCharter {
    // The environment's proxies have no business between a test and its server.
    config.build(HttpCharter::client_builder().no_proxy().build().unwrap()).unwrap()
}

pub(crate) fn keyed() -> CallOptions {
    CallOptions::new().with_idempotency_key(IdempotencyKey::try_new("exec-7/1/do").unwrap())
}

pub(crate) fn throttle() -> ApplyRequest {
    let config = PolicyConfig::from(PolicyKind::Throttle { rate_limit: 200.0, node: None });
    let id = PolicyId::try_new("throttle-ingress").unwrap();
    let policy = PolicySpec::new(id, "Throttle ingress", config);
    ApplyRequest::new(policy, "2026-03-01T12:00:00Z".parse().unwrap())
}

/// The committee as a JSON answer.
pub(crate) fn committee() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({
        "status": "normal", "replicas": 3, "healthy_nodes": 3, "timestamp": "2026-03-01T12:00:00Z"
    }))
}

pub(crate) fn problem(kind: charter_client::ProblemKind) -> ResponseTemplate {
    let body = serde_json::to_string(&charter_client::Problem::new(kind)).unwrap();
    ResponseTemplate::new(kind.status()).set_body_raw(body, "application/problem+json")
}

/// Mounts a `/health` that says whether keys are honoured.
pub(crate) async fn mount_health(server: &MockServer, honours_keys: bool) {
    let extensions = if honours_keys { vec!["idempotency-key"] } else { vec![] };
    let body = json!({"status": "ok", "extensions": extensions});
    Mock::given(method("GET"))
        .and(path("/health"))
        .respond_with(ResponseTemplate::new(200).set_body_json(body))
        .mount(server)
        .await;
}

/// How often a path was asked.
pub(crate) async fn asked(server: &MockServer, path: &str) -> usize {
    let requests = server.received_requests().await.unwrap();
    requests.iter().filter(|request| request.url.path() == path).count()
}

pub(crate) fn seconds(seconds: f64) -> Seconds {
    Seconds::try_from(Duration::from_secs_f64(seconds)).unwrap()
}
