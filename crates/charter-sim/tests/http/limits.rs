//! Bad input, wrong keys, and what only this server has.

use charter_sim::{Arrivals, Charter, PlantConfig};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{READ_ONLY_KEY, Running, charter};

async fn refused(server: &Running, path: &str, body: &str) -> (u16, String) {
    let request = server.post(path, &Value::Null).body(body.to_owned());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json", "{path} {body}");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status);
    (status, problem["type"].as_str().unwrap().replace("urn:charter:problem:", ""))
}

#[tokio::test]
async fn malformed_deep_and_wrongly_typed_bodies_get_a_clear_answer() {
    let server = Running::start(charter()).await;
    let scale = "/api/v1/committee/scale";
    let deep = "[".repeat(100_000);
    for (path, body, status) in [
        (scale, "", 400),
        (scale, "{", 400),
        (scale, "[]", 400),
        (scale, deep.as_str(), 400),
        (scale, r#"{"replicas": -1}"#, 400),
        (scale, r#"{"replicas": "5"}"#, 400),
        (scale, r#"{"replicas": 1e400}"#, 400),
        (scale, r#"{"replicas": 0}"#, 422),
        (scale, r#"{"replicas": 4294967295}"#, 422),
        ("/api/v1/committee/restart", r#"{"timeout": -1}"#, 400),
        ("/api/v1/committee/restart", r#"{"timeout": 3601}"#, 422),
        ("/api/v1/policies/validate", "{}", 400),
        ("/api/v1/policies/nope/rollback", "{}", 404),
        ("/api/v1/sim/faults", r#"{"kind": "earthquake"}"#, 422),
        ("/api/v1/sim/faults", r#"{"kind": "leak", "intensity": 7}"#, 422),
        ("/api/v1/sim/faults", r#"{"kind": "leak", "node": "nobody"}"#, 422),
        ("/api/v1/sim/faults", r#"{"kind": "leak", "intensty": 1}"#, 422),
        ("/api/v1/sim/advance", r#"{"seconds": 86401}"#, 422),
    ] {
        let (found, _) = refused(&server, path, body).await;
        assert_eq!(found, status, "{path} {}", &body[..body.len().min(60)]);
    }
    assert!(server.charter.ledger().is_empty());
    assert_eq!(server.charter.state().target_replicas, 3);
}

#[tokio::test]
async fn a_body_that_only_turns_out_too_large_is_cut_off() {
    let server = Running::start(charter()).await;
    let chunks = (0..32).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    let request = server.post("/api/v1/committee/scale", &Value::Null).body(body);
    assert_eq!(request.send().await.unwrap().status(), 413);
}

#[tokio::test]
async fn headers_that_mean_nothing_are_refused() {
    let server = Running::start(charter()).await;
    let long = "k".repeat(256);
    for (name, value) in [
        ("idempotency-key", ""),
        ("idempotency-key", "two words"),
        ("idempotency-key", &long),
        ("if-match", "*"),
        ("if-match", "\"a\", \"b\""),
        ("if-match", "W/\"g1\""),
        ("x-charter-epoch", "-1"),
        ("x-charter-epoch", "+1"),
        ("x-charter-epoch", "18446744073709551616"),
    ] {
        let request = server.post("/api/v1/committee/scale", &json!({"replicas": 4}));
        let answer = request.header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{name}: {value}");
    }
    let twice = server.post("/api/v1/committee/scale", &json!({"replicas": 4}));
    let twice = twice.header("x-charter-epoch", "1").header("x-charter-epoch", "2");
    assert_eq!(twice.send().await.unwrap().status(), 400);
    assert!(server.charter.ledger().is_empty());
}

#[tokio::test]
async fn keys_open_what_they_may_and_metrics_are_for_all() {
    let server = Running::start(charter()).await;
    let open = |path: &str| server.client.get(format!("{}{path}", server.base));
    assert_eq!(open("/health").send().await.unwrap().status(), 200);
    let metrics = open("/metrics").send().await.unwrap();
    assert_eq!(metrics.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let unknown = open("/api/v1/no/such/route").send().await.unwrap();
    assert_eq!(unknown.status(), 401, "who has no key learns of no routes");
    assert_eq!(unknown.headers()["www-authenticate"], "Bearer");
    for (key, status) in [("wrong", 401), (READ_ONLY_KEY, 200)] {
        let answer = open("/api/v1/policies").bearer_auth(key).send().await.unwrap();
        assert_eq!(answer.status(), status, "{key}");
    }
    let validate = server.client.post(format!("{}/api/v1/policies/validate", server.base));
    let body = json!({"action": "scale_up", "replicas": 5});
    let answer = validate.bearer_auth(READ_ONLY_KEY).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "validation only reads");
    let verdict: Value = answer.json().await.unwrap();
    assert_eq!(
        verdict,
        json!({"valid": true, "permitted": false}),
        "what it reads may not be sent"
    );
    let own = server.post("/api/v1/policies/validate", &body).send().await.unwrap();
    let verdict: Value = own.json().await.unwrap();
    assert_eq!(verdict, json!({"valid": true, "permitted": true}));
    let inject = server.client.post(format!("{}/api/v1/sim/faults", server.base));
    let answer =
        inject.bearer_auth(READ_ONLY_KEY).json(&json!({"kind": "leak"})).send().await.unwrap();
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn faults_come_are_listed_with_their_cause_and_go() {
    let server = Running::start(charter()).await;
    let fault = json!({"kind": "overload", "intensity": 0.5, "duration": 60});
    let answer = server.post("/api/v1/sim/faults", &fault).send().await.unwrap();
    let made: Value = answer.json().await.unwrap();
    assert_eq!((&made["cause"], &made["intensity"]), (&json!("overload"), &json!(0.5)));
    let advance = server.post("/api/v1/sim/advance", &json!({"seconds": 30}));
    let now: Value = advance.send().await.unwrap().json().await.unwrap();
    assert_eq!(now["now"], "2026-03-01T12:00:30Z");
    let listed = server.body("/api/v1/sim/faults").await;
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["active"]), (1, &json!(true)));
    let path = format!("{}/api/v1/sim/faults/{}", server.base, made["fault_id"].as_str().unwrap());
    let delete = || server.client.delete(&path).bearer_auth(crate::support::KEY).send();
    assert_eq!(delete().await.unwrap().status(), 204);
    assert_eq!(delete().await.unwrap().status(), 404);
    assert_eq!(server.body("/api/v1/sim/faults").await, json!([]));
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day_and_not_before() {
    // Hardly any requests, in steps of a second: this is about a day of keys, not of queues.
    let config = PlantConfig {
        arrivals: Arrivals::Constant { rate: 0.1 },
        step_ms: 1_000,
        ..PlantConfig::default()
    };
    let charter = Charter::try_new(config, 7, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let server = Running::start(charter).await;
    let restart = || async {
        let request = server.post("/api/v1/committee/restart", &json!({"node": "validator-0"}));
        let answer = request.header("idempotency-key", "k-1").send().await.unwrap();
        assert_eq!(answer.status(), 202);
        answer.headers().contains_key("idempotent-replayed")
    };
    assert!(!restart().await);
    assert!(restart().await);
    server.charter.advance_by(SignedDuration::from_secs(86_398));
    assert!(restart().await);
    server.charter.advance_by(SignedDuration::from_secs(2));
    assert!(!restart().await);
    let ledger = server.body("/api/v1/sim/ledger").await;
    let last = ledger.as_array().unwrap().iter().rev().take(2).map(|e| e["replays"].clone());
    assert_eq!(last.collect::<Vec<_>>(), [json!(0), json!(2)]);
}
