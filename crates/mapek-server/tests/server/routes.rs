//! Each route, and what it says to those who ask wrongly.

use std::sync::Arc;

use mapek_loop::LoopState;
use mapek_model::TargetId;
use mapek_server::{Access, Metrics, Options, ROUTES, ServerConfig, metrics_router, router};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::sample::{Shown, at, client, execution_id, plan_id, report, state, violation};

/// A problem, checked for its form.
async fn problem(response: reqwest::Response) -> (StatusCode, String) {
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status.as_u16());
    assert_eq!(body["type"], "about:blank");
    assert_eq!(body["title"], status.canonical_reason().unwrap());
    (status, body["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn health_does_not_depend_on_the_loop() {
    let shown = Shown::start(LoopState::new(TargetId::default())).await;
    assert_eq!(shown.json("/health").await, json!({"status": "ok", "version": "1.2.3"}));
    assert_eq!(shown.get("/ready").await.status(), 503);
}

#[tokio::test]
async fn ready_says_why_not() {
    let shown = Shown::start(LoopState::new(TargetId::default())).await;
    let first =
        json!({"status": "unready", "why": "starting", "reason": "the first cycle has not run"});
    assert_eq!(shown.json("/ready").await, first);

    let mut now = state();
    shown.states.send_replace(Arc::new(now.clone()));
    let response = shown.get("/ready").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json::<Value>().await.unwrap(), json!({"status": "ready"}));

    now.paused = Some("paused by ada: maintenance".to_owned());
    shown.states.send_replace(Arc::new(now));
    let response = shown.get("/ready").await;
    assert_eq!(response.status(), 503);
    let body = response.json::<Value>().await.unwrap();
    assert_eq!(
        (&body["why"], &body["reason"]),
        (&json!("paused"), &json!("paused by ada: maintenance"))
    );
    let status = shown.json("/api/v1/status").await;
    assert_eq!((&status["ready"], &status["paused"]), (&json!(false), &status["unready"]));
}

#[tokio::test]
async fn a_loop_that_is_gone_is_not_ready() {
    let (states, watched) = watch::channel(Arc::new(state()));
    let shown = Shown::serve(router(watched, Options::default()), ServerConfig::default()).await;
    assert_eq!(shown.get("/ready").await.status(), 200);
    drop(states);
    let response = shown.get("/ready").await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.json::<Value>().await.unwrap()["reason"], "the loop has stopped");
}

#[tokio::test]
async fn every_route_answers_and_head_answers_like_get() {
    let shown = Shown::start(state()).await;
    for route in ROUTES.iter().filter(|it| !it.acts() && !it.is_endless() && !it.is_page()) {
        let id = if route.path.contains("plans") {
            plan_id(10).to_string()
        } else {
            execution_id(20).to_string()
        };
        let path = route.path.replace("{number}", "42").replace("{id}", &id);
        let got = shown.get(&path).await;
        assert_eq!(got.status(), 200, "{path}");
        assert_eq!(got.headers()["cache-control"], "no-store", "{path}");
        assert_eq!(
            got.headers()["content-security-policy"],
            "default-src 'none'; frame-ancestors 'none'"
        );
        let length = got.headers()["content-length"].clone();
        let head = client().head(shown.url(&path)).send().await.unwrap();
        assert_eq!(head.status(), 200, "{path}");
        assert_eq!(head.headers()["content-length"], length, "{path}");
        assert_eq!(head.bytes().await.unwrap().len(), 0);

        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let answer = client().request(method.clone(), shown.url(&path)).send().await.unwrap();
            assert_eq!(answer.headers()["allow"], "GET,HEAD", "{method} {path}");
            let (status, detail) = problem(answer).await;
            assert_eq!(status, 405);
            let expected =
                format!("{path} does not take {method}; the header Allow says what it takes");
            assert_eq!(detail, expected);
        }
    }
}

#[tokio::test]
async fn lists_are_in_the_order_that_people_want() {
    let shown = Shown::start(state()).await;
    let numbers = |list: &Value, pointer: &str| -> Vec<Value> {
        list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one.pointer(pointer).unwrap().clone())
            .collect()
    };
    let cycles = shown.json("/api/v1/cycles").await;
    assert_eq!(numbers(&cycles, "/number"), [42, 41]);
    assert_eq!(cycles["items"][1]["decisions"], json!({"started": 1, "await_approval": 1}));
    let diagnoses = shown.json("/api/v1/diagnoses").await;
    assert_eq!(numbers(&diagnoses, "/cycle"), [42, 41]);
    let violations = shown.json("/api/v1/violations").await;
    assert_eq!(numbers(&violations, "/severity"), ["critical", "info"]);
    let executions = shown.json("/api/v1/executions").await;
    let ids = [execution_id(20), execution_id(19)].map(|id| json!(id));
    assert_eq!(numbers(&executions, "/id"), ids);
    let plans = shown.json("/api/v1/plans").await;
    assert_eq!(numbers(&plans, "/plan/id"), [json!(plan_id(11)), json!(plan_id(10))]);
    assert_eq!(plans["items"][0]["approval"]["status"], "pending");
    assert_eq!(plans["items"][0]["decided"]["decision"]["needed"], 1);
    assert_eq!(plans["items"][1]["decided"]["execution"], json!(execution_id(20)));
    assert_eq!(plans["items"][1]["execution"], json!(execution_id(20)));
    let outcomes = shown.json("/api/v1/outcomes").await;
    assert_eq!(outcomes["items"][0]["verdict"], "success");
}

#[tokio::test]
async fn a_plan_that_is_proposed_again_is_listed_once_and_found_by_each_id() {
    let mut now = state();
    let mut again = now.reports[0].as_ref().clone();
    again.number = mapek_model::CycleNumber::new(43);
    again.planning.plans[0].id = plan_id(12);
    again.decisions.clear();
    crate::sample::push(&mut now, again);
    let shown = Shown::start(now).await;

    let plans = shown.json("/api/v1/plans").await;
    assert_eq!(plans["total"], 2);
    assert_eq!(plans["items"][1]["plan"]["id"], json!(plan_id(12)), "the newest");
    for (id, cycle) in [(12, json!(43)), (10, json!(41)), (9, Value::Null)] {
        let plan = shown.json(&format!("/api/v1/plans/{}", plan_id(id))).await;
        assert_eq!((&plan["plan"]["id"], &plan["cycle"]), (&json!(plan_id(id)), &cycle));
    }
}

#[tokio::test]
async fn a_limit_cuts_and_the_total_stays() {
    let shown = Shown::start(state()).await;
    let cycles = shown.json("/api/v1/cycles?limit=1").await;
    assert_eq!(cycles["total"], 2);
    assert_eq!(cycles["items"].as_array().unwrap().len(), 1);
    assert_eq!(cycles["items"][0]["number"], 42);
    assert_eq!(cycles["target"], "default");
}

#[tokio::test]
async fn bad_questions_are_answered_with_what_to_do() {
    let shown = Shown::start(state()).await;
    let long = format!("limit={}", "9".repeat(1000));
    for query in
        ["limit=0", "limit=1001", "limit=-1", "limit=many", "limt=5", "limit=1&limit=2", &long]
    {
        let (status, detail) =
            problem(shown.get(&format!("/api/v1/violations?{query}")).await).await;
        assert_eq!(status, 400, "{query}");
        let advice = "; the parameters are limit, after, severity, expectation, component";
        assert!(detail.ends_with(advice) && detail.len() < 250, "{query}: {detail}");
    }
    for (path, expected) in [
        ("/api/v1/plans/7", "a plan id must be a UUID, got \"7\""),
        ("/api/v1/executions/x", "an execution id must be a UUID, got \"x\""),
        ("/api/v1/cycles/latest", "a cycle is named by its number, got latest"),
        ("/api/v1/cycles/-1", "a cycle is named by its number, got -1"),
    ] {
        let (status, detail) = problem(shown.get(path).await).await;
        assert_eq!((status.as_u16(), detail.as_str()), (400, expected));
    }
    for (path, expected) in [
        ("/api/v1/cycles/7", "no cycle 7 is kept; memory has the newest 2 (/api/v1/cycles), and the journal those in which something was open or at work, as long as execute.journal_retention says".to_owned()),
        (
            &*format!("/api/v1/plans/{}", plan_id(99)),
            format!("no plan {} is kept; /api/v1/plans lists what is", plan_id(99)),
        ),
        (
            &*format!("/api/v1/executions/{}", execution_id(99)),
            format!("no execution {} is kept; /api/v1/executions lists what is", execution_id(99)),
        ),
    ] {
        let (status, detail) = problem(shown.get(path).await).await;
        assert_eq!((status.as_u16(), detail), (404, expected));
    }
    for path in [
        "/nothing",
        "/api",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v1/cycles/",
        "/metrics/x",
        "/%2e%2e/etc",
    ] {
        let (status, detail) = problem(shown.get(path).await).await;
        assert_eq!(status, 404, "{path}");
        assert!(detail.contains("ask for one of /health, /ready"), "{detail}");
        assert!(detail.starts_with("there is nothing at /"), "{detail}");
    }
}

#[tokio::test]
async fn hostile_texts_stay_texts() {
    let hostile = "\"},\u{0}<script>alert(1)</script>\r\nset-cookie: a=b\u{2028}\n# EOF";
    let mut now = state();
    let mut one = violation("high-latency", "warning", at(60));
    one.description = hostile.to_owned();
    one.labels.insert(hostile, hostile);
    crate::sample::push(&mut now, report(43, at(60), vec![one]));
    now.paused = Some(hostile.to_owned());
    let shown = Shown::start(now).await;

    let violations = shown.json("/api/v1/violations").await;
    assert_eq!(violations["items"][0]["description"], hostile);
    assert_eq!(violations["items"][0]["labels"][hostile], hostile);
    let ready = shown.get("/ready").await;
    assert!(ready.headers().get("set-cookie").is_none());
    assert_eq!(ready.json::<Value>().await.unwrap()["reason"], hostile);
    let (_, detail) = problem(shown.get("/%3Cscript%3E").await).await;
    assert!(detail.contains("/%3Cscript%3E"), "{detail}");
}

#[tokio::test]
async fn metrics_can_have_a_listener_of_their_own() {
    let (_states, watched) = watch::channel(Arc::new(state()));
    let api = Shown::serve(router(watched, Options::default()), ServerConfig::default()).await;
    assert_eq!(problem(api.get("/metrics").await).await.0, 404);
    let alone =
        Shown::serve(metrics_router(Metrics::new(), Access::default()), ServerConfig::default())
            .await;
    assert!(alone.get("/metrics").await.text().await.unwrap().ends_with("# EOF\n"));
    assert_eq!(problem(alone.get("/health").await).await.0, 404);
}

#[tokio::test]
async fn the_router_can_be_nested() {
    let (_states, watched) = watch::channel(Arc::new(state()));
    let host = axum::Router::new().nest("/loop", router(watched, Options::default()));
    let shown = Shown::serve(host, ServerConfig::default()).await;
    assert_eq!(shown.json("/loop/api/v1/cycles/42").await["number"], 42);
    let (_, detail) = problem(shown.get("/loop/none").await).await;
    assert!(detail.starts_with("there is nothing at /loop/none"), "{detail}");
}
