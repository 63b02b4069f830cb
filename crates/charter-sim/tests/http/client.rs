//! The client that will use it, against this server and against the one in process: they must not differ.

use std::time::Duration;

use charter_client::{
    ApplyRequest, CallOptions, CharterApi, Config, Epoch, Error, HttpCharter, IdempotencyKey,
    Outcome, PolicyConfig, PolicyId, PolicyKind, PolicySpec, PolicyStatus, ProblemKind,
    RestartRequest, ScaleRequest, Seconds, ValidateRequest,
};
use serde_json::json;

use crate::support::{KEY, Running, given};

fn client(server: &Running) -> HttpCharter {
    let mut config = Config::new(&server.base);
    config.api_key = Some(KEY.into());
    config.retry.pause_min_seconds = Seconds::try_new(0.01).unwrap();
    config.build(HttpCharter::client_builder().no_proxy().build().unwrap()).unwrap()
}

fn key(text: &str) -> CallOptions {
    CallOptions::new().with_idempotency_key(IdempotencyKey::try_new(text).unwrap())
}

fn throttle() -> ApplyRequest {
    let kind = PolicyKind::Throttle { rate_limit: 900.0, node: None };
    let spec = PolicySpec::new(
        PolicyId::try_new("team/a b").unwrap(),
        "Throttle",
        PolicyConfig::from(kind),
    );
    ApplyRequest::new(spec, "2026-03-01T12:00:00Z".parse().unwrap())
}

/// What the seam promises, whatever is behind it.
async fn keeps_the_contract(charter: &dyn CharterApi) {
    assert!(charter.health().await.unwrap().is_ok());
    let scaled =
        charter.scale(&ScaleRequest { replicas: 5 }, &key("s").with_epoch(Epoch(3))).await.unwrap();
    assert_eq!(scaled.value.target_replicas, Some(5));
    let again =
        charter.scale(&ScaleRequest { replicas: 5 }, &key("s").with_epoch(Epoch(1))).await.unwrap();
    assert!(again.replayed && again.value == scaled.value && again.etag == scaled.etag);
    let reused = charter.scale(&ScaleRequest { replicas: 6 }, &key("s")).await.unwrap_err();
    assert_eq!(reused.problem_kind(), Some(ProblemKind::KeyReused));
    let stale = CallOptions::new().with_epoch(Epoch(2));
    let stale = charter.scale(&ScaleRequest { replicas: 6 }, &stale).await.unwrap_err();
    assert_eq!(
        (stale.problem_kind(), stale.outcome()),
        (Some(ProblemKind::EpochStale), Outcome::NotApplied)
    );

    let tag = charter.committee().await.unwrap().etag.unwrap();
    let guarded = CallOptions::new().with_if_match(tag);
    charter.scale(&ScaleRequest { replicas: 3 }, &guarded).await.unwrap();
    let moved = charter.scale(&ScaleRequest { replicas: 4 }, &guarded).await.unwrap_err();
    assert_eq!(moved.problem_kind(), Some(ProblemKind::PreconditionFailed));

    let applied = charter.apply(&throttle(), &key("a")).await.unwrap();
    let id = applied.value.policy_id;
    assert_eq!(charter.policy(&id).await.unwrap().etag, applied.etag);
    assert_eq!(charter.versions(&id).await.unwrap().len(), 1);
    assert!(charter.policies().await.unwrap().iter().any(|p| p.policy_id == id));
    let back = charter.rollback(&id, &CallOptions::new()).await.unwrap().value;
    assert_eq!(
        (back.rolled_back_version, back.version, back.status),
        (1, None, PolicyStatus::RolledBack)
    );
    let nothing = charter.rollback(&id, &CallOptions::new()).await.unwrap_err();
    assert_eq!(nothing.problem_kind(), Some(ProblemKind::PolicyConflict));

    let unknown = RestartRequest::graceful().on_node("nobody");
    let unknown = charter.restart(&unknown, &CallOptions::new()).await.unwrap_err();
    assert_eq!(unknown.problem_kind(), Some(ProblemKind::NodeNotFound));
    let nodes = charter.restart(&RestartRequest::graceful(), &key("r")).await.unwrap().value.nodes;
    assert_eq!(nodes.len(), 3);
    let busy = charter.scale(&ScaleRequest { replicas: 9 }, &CallOptions::new()).await.unwrap_err();
    assert_eq!(busy.problem_kind(), Some(ProblemKind::CommitteeBusy));
    let request: ValidateRequest =
        serde_json::from_value(json!({"action": "scale_up", "replicas": 99})).unwrap();
    assert!(!charter.validate(&request).await.unwrap().valid);
    assert!(charter.violations().await.is_ok());
}

#[tokio::test]
async fn http_and_in_process_keep_the_same_contract() {
    let server = Running::start(given()).await;
    keeps_the_contract(&client(&server)).await;
    let over_http = server.charter.ledger();
    let server = Running::start(given()).await;
    keeps_the_contract(&server.charter).await;
    assert_eq!(server.charter.ledger(), over_http, "the same effects, keys and replays");
}

#[tokio::test]
async fn an_injected_failure_hits_its_call_only_and_leaves_no_trace() {
    let server = Running::start(given()).await;
    let before = server.charter.state();
    server.inject(json!({"kind": "api-failure", "call": "apply", "status": 422})).await;
    let client = client(&server);
    client.scale(&ScaleRequest { replicas: 5 }, &key("1")).await.unwrap();
    let refused = client.apply(&throttle(), &key("2")).await.unwrap_err();
    assert_eq!((refused.status(), refused.outcome()), (Some(422), Outcome::NotApplied));
    client.scale(&ScaleRequest { replicas: 3 }, &key("1-undo")).await.unwrap();
    assert_eq!(server.charter.state().target_replicas, before.target_replicas);
    client.apply(&throttle(), &key("2")).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_lost_after_its_effect_is_found_again_by_its_key() {
    let server = Running::start(given()).await;
    let effects = server.charter.ledger().len();
    server.inject(json!({"kind": "api-lost-answer", "call": "scale"})).await;
    let answer = client(&server).scale(&ScaleRequest { replicas: 5 }, &key("1")).await.unwrap();
    assert!(answer.replayed, "the first attempt had its effect, the second its answer");
    assert_eq!(server.charter.ledger().len(), effects + 1);
    server.inject(json!({"kind": "api-lost-answer", "call": "scale"})).await;
    let lost = client(&server).scale(&ScaleRequest { replicas: 4 }, &CallOptions::new()).await;
    assert!(matches!(lost, Err(Error::Unanswered { .. })), "{lost:?}");
    assert_eq!(server.charter.state().target_replicas, 4);
    // In process the same fault is the same error.
    server.inject(json!({"kind": "api-lost-answer", "call": "scale"})).await;
    let lost = server.charter.scale(&ScaleRequest { replicas: 3 }, &CallOptions::new()).await;
    assert_eq!(lost.unwrap_err().outcome(), Outcome::Unknown);
    assert_eq!(server.charter.state().target_replicas, 3);
}

#[tokio::test]
async fn a_key_is_given_back_when_the_client_of_a_delayed_request_goes_away() {
    let server = Running::start(given()).await;
    server.inject(json!({"kind": "api-delay", "call": "scale", "delay": 60})).await;
    let request = || {
        let request = server.post("/api/v1/committee/scale", &json!({"replicas": 5}));
        request.header("idempotency-key", "k").timeout(Duration::from_millis(300))
    };
    assert!(request().send().await.unwrap_err().is_timeout());
    for attempt in 0.. {
        let status = request().send().await.unwrap().status().as_u16();
        if status == 200 {
            break;
        }
        assert!(status == 409 && attempt < 500, "{status} at attempt {attempt}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.charter.ledger().last().unwrap().replays, 0);
}
