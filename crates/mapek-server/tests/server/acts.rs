//! What people do over HTTP, in whose name, and what is said when it cannot be done.

use mapek_execute::LOOP;
use mapek_model::{Duration, Plan, later};
use mapek_server::ServerConfig;
use serde_json::{Value, json};

use crate::{
    sample::{Shown, at, client, execution_id, plan, plan_id, violation},
    steered::{Steered, everybody},
};

struct People {
    steered: Steered,
    shown: Shown,
}

impl People {
    async fn new() -> Self {
        let steered = Steered::new();
        let shown = Shown::serve(steered.api(everybody()), ServerConfig::default()).await;
        Self { steered, shown }
    }

    async fn post(&self, who: &str, path: &str, body: Value) -> (u16, Value) {
        let request = client().post(self.shown.url(path)).bearer_auth(who).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let request = client().get(self.shown.url(path)).bearer_auth("viewer");
        request.send().await.unwrap().json().await.unwrap()
    }

    /// A plan that lies before people.
    fn proposed(&self, needed: u8) -> Plan {
        let action = json!({"kind": "bypass_validation", "duration": "1m", "scope": "all"});
        let mut plan = plan(plan_id(11), action, &violation("slow", "critical", at(0)));
        plan.expires = later(at(0), Duration::from_secs(86_400));
        self.steered.control.propose(&plan, needed, LOOP, at(0)).unwrap();
        self.steered.refresh();
        plan
    }
}

fn detail(answer: &Value) -> &str {
    answer["detail"].as_str().unwrap()
}

#[tokio::test]
async fn a_pause_has_the_name_of_who_has_the_token_and_no_other() {
    let people = People::new().await;
    let because = json!({"reason": "3 a.m."});
    let (status, answer) = people.post("operator", "/api/v1/pause", because).await;
    assert_eq!(status, 200, "{answer}");
    let paused = answer["paused"].as_str().unwrap();
    assert!(paused.starts_with("paused by operator at ") && paused.ends_with(": 3 a.m."));
    assert_eq!(people.get("/api/v1/status").await["paused"], paused);

    let forged = json!({"reason": "morning", "by": "admin"});
    let (status, answer) = people.post("operator", "/api/v1/resume", forged).await;
    assert_eq!((status, people.steered.control.paused().is_some()), (422, true), "{answer}");
    let (status, answer) =
        people.post("operator", "/api/v1/resume", json!({"reason": "morning"})).await;
    assert_eq!((status, &answer["paused"]), (200, &Value::Null));
    assert!(people.steered.control.paused().is_none());
}

#[tokio::test]
async fn a_reason_is_given_and_is_one_line() {
    let people = People::new().await;
    let head = people.steered.control.head();
    for (body, expected, words) in [
        (json!({}), 422, "missing field"),
        (json!({"reason": " "}), 400, "a reason must be given"),
        (json!({"reason": "a\nlevel=ERROR all is lost"}), 400, "one line"),
        (json!({"reason": "\u{1b}[2J"}), 400, "without control characters"),
        (json!({"reason": "x".repeat(2001)}), 400, "at most 2000 characters"),
        (json!("reason"), 422, "invalid type"),
    ] {
        let (status, answer) = people.post("operator", "/api/v1/pause", body).await;
        assert_eq!(status, expected, "{answer}");
        assert!(detail(&answer).contains(words), "{answer}");
    }
    let plain = client().post(people.shown.url("/api/v1/pause")).bearer_auth("operator");
    let plain = plain.header("content-type", "text/plain").body(r#"{"reason": "x"}"#);
    assert_eq!(plain.send().await.unwrap().status(), 415, "a form of another page can send this");
    assert_eq!(people.steered.control.head(), head);
}

#[tokio::test]
async fn two_people_approve_what_they_saw() {
    let people = People::new().await;
    let plan = people.proposed(2);
    let path = format!("/api/v1/plans/{}", plan.id);
    let approve = format!("{path}/approve");
    let hash = plan.hash().to_string();

    let (status, answer) = people.post("approver", &approve, json!({})).await;
    assert_eq!(status, 428, "{answer}");
    let other = json!({"hash": "0".repeat(64)});
    let (status, answer) = people.post("approver", &approve, other).await;
    assert_eq!(status, 412, "{answer}");
    assert!(detail(&answer).ends_with("does something else than what you saw; look at it again"));

    let seen = json!({"hash": hash, "reason": "go"});
    let (status, answer) = people.post("approver", &approve, seen.clone()).await;
    assert_eq!((status, &answer["approval"]["status"]), (200, &json!("pending")), "{answer}");
    let (_, again) = people.post("approver", &approve, seen).await;
    assert_eq!(again["approval"], json!({"status": "pending", "needed": 2, "by": ["approver"]}));
    assert_eq!(people.get(&path).await["approval"]["by"], json!(["approver"]));

    // By If-Match, as a client that caches does.
    let tagged = client().post(people.shown.url(&approve)).bearer_auth("grace").json(&json!({}));
    let tagged = tagged.header("if-match", format!("\"{hash}\"")).send().await.unwrap();
    let answer: Value = tagged.json().await.unwrap();
    assert_eq!(answer["approval"], json!({"status": "approved", "by": ["approver", "grace"]}));
    assert_eq!(answer["hash"], json!(hash));

    let rejected = format!("{path}/reject");
    let (status, answer) =
        people.post("approver", &rejected, json!({"hash": hash, "reason": "no"})).await;
    assert_eq!((status, &answer["approval"]["by"]), (200, &json!("approver")));
    let (status, answer) = people.post("approver", &approve, json!({"hash": hash})).await;
    assert_eq!(status, 409, "{answer}");
    assert!(detail(&answer).contains("approved cannot follow rejected"), "{answer}");
}

#[tokio::test]
async fn a_dry_run_is_of_what_was_seen_and_decides_nothing() {
    let people = People::new().await;
    let plan = people.proposed(1);
    let path = format!("/api/v1/plans/{}/rehearse", plan.id);
    let head = people.steered.control.head();
    let seen = json!({"hash": plan.hash()});
    for (who, body, expected, words) in [
        ("operator", &seen, 403, "this needs approver"),
        ("approver", &json!({}), 428, "say what you saw"),
        ("approver", &json!({"hash": "0".repeat(64)}), 412, "look at it again"),
        // This loop has nothing that it could ask.
        ("approver", &seen, 409, "cannot be acted on: nothing is configured for it"),
    ] {
        let (status, answer) = people.post(who, &path, body.clone()).await;
        assert_eq!(status, expected, "{answer}");
        assert!(detail(&answer).contains(words), "{answer}");
    }
    assert_eq!(people.steered.control.head(), head);
}

#[tokio::test]
async fn who_asked_for_a_plan_does_not_approve_it() {
    let people = People::new().await;
    let action = json!({"kind": "scale_up", "replicas": 9});
    let mut plan = plan(plan_id(12), action, &violation("slow", "critical", at(0)));
    plan.expires = later(at(0), Duration::from_secs(86_400));
    people.steered.control.propose(&plan, 1, "Approver", at(0)).unwrap();
    people.steered.refresh();
    let path = format!("/api/v1/plans/{}/approve", plan.id);
    let (status, answer) = people.post("approver", &path, json!({"hash": plan.hash()})).await;
    assert_eq!(status, 403, "{answer}");
    assert_eq!(detail(&answer), "approver asked for this plan and cannot approve it");
    let (status, _) = people.post("grace", &path, json!({"hash": plan.hash()})).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let people = People::new().await;
    let because = || json!({"reason": "looked at it"});
    for act in ["rollback", "resolve"] {
        let path = format!("/api/v1/executions/{}/{act}", execution_id(7));
        let (status, answer) = people.post("operator", &path, because()).await;
        assert_eq!(status, 404, "{answer}");
        assert!(detail(&answer).starts_with("no execution "), "{answer}");
        let path = format!("/api/v1/executions/7/{act}");
        assert_eq!(people.post("operator", &path, because()).await.0, 400);
    }
    let (status, answer) =
        people.post("admin", "/api/v1/rearm", json!({"kind": "Scale Up!", "reason": "x"})).await;
    assert_eq!(status, 422, "{answer}");
    let path = format!("/api/v1/plans/{}/approve", plan_id(7));
    let (status, answer) = people.post("approver", &path, json!({"hash": "0".repeat(64)})).await;
    assert_eq!(status, 404, "{answer}");
}

#[tokio::test]
async fn a_cycle_is_asked_for_and_not_waited_for() {
    let people = People::new().await;
    let (status, answer) = people.post("operator", "/api/v1/cycles", json!({})).await;
    assert_eq!((status, answer), (202, json!({"newest": null})));
}

#[tokio::test]
async fn everybody_can_ask_who_they_are() {
    let people = People::new().await;
    assert_eq!(people.get("/api/v1/whoami").await, json!({"person": "viewer", "role": "viewer"}));
}

#[tokio::test]
async fn what_needs_an_operator_is_listed_oldest_first_with_its_age() {
    let mut now = crate::sample::state();
    let late = violation("slow", "critical", at(0));
    let scale = plan(plan_id(13), json!({"kind": "scale_up", "replicas": 4}), &late);
    let ended = crate::sample::ended(mapek_model::Ending::NeedsOperator);
    let stuck = crate::sample::execution(execution_id(21), &scale, vec![ended]);
    now.executions.insert(stuck.id, stuck);
    let mut last = now.reports[1].as_ref().clone();
    last.number = last.number.next();
    last.at = at(90);
    crate::sample::push(&mut now, last);
    let shown = Shown::start(now.clone()).await;
    let list = shown.json("/api/v1/needs-operator").await;
    assert_eq!(list["total"], 1);
    let expected = json!({
        "execution": execution_id(21), "frozen": "default", "since": at(0),
        "did": "scale up to 4 replicas",
        "why": "it cannot be known what of it has taken effect, or an undo failed",
    });
    assert_eq!(list["items"][0], expected);
    let age = "mape_k_needs_operator_age_seconds{target=\"default\"} 90.0\n";
    mapek_testkit::wait_until(std::time::Duration::from_secs(20), age, async || {
        shown.get("/metrics").await.text().await.unwrap().contains(age)
    })
    .await
    .unwrap();

    // One whose log is damaged has no age, and comes first.
    now.damaged.push(mapek_execute::Damaged {
        execution: execution_id(22),
        target: None,
        reason: "record 7 is missing".to_owned(),
    });
    shown.states.send_replace(std::sync::Arc::new(now));
    let list = shown.json("/api/v1/needs-operator").await;
    let (first, total) = (&list["items"][0], &list["total"]);
    assert_eq!((&first["execution"], total), (&json!(execution_id(22)), &json!(2)));
    assert_eq!(first["why"], "its log cannot be followed: record 7 is missing");
    assert_eq!(shown.json("/api/v1/status").await["executions_needing_operator"], 2);
}

/// Reads events until as many have come.
async fn events(answer: &mut reqwest::Response, count: usize) -> Vec<String> {
    let mut text = String::new();
    let whole = |text: &str| -> Vec<String> {
        let blocks = text.split("\n\n").filter(|block| block.contains("data: "));
        blocks.map(str::to_owned).collect()
    };
    while whole(&text).len() < count || !text.ends_with("\n\n") {
        let chunk = answer.chunk().await.unwrap().expect("it goes on");
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    whole(&text)
}

#[tokio::test]
async fn events_tell_what_changes_and_what_was_missed_and_end_with_the_loop() {
    let mut now = crate::sample::state();
    let shown = Shown::start(now.clone()).await;
    let follow = async |last: Option<&str>| {
        let mut request = client().get(shown.url("/api/v1/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.send().await.unwrap()
    };
    let mut fresh = follow(None).await;
    assert_eq!(fresh.headers()["content-type"], "text/event-stream");
    let told = events(&mut fresh, 2).await;
    assert!(told[0].starts_with("event: state\ndata: {\"ready\":true"), "{told:?}");
    assert!(told[1].starts_with("event: cycle\n") && told[1].contains("id: 42"), "{told:?}");
    let missed = events(&mut follow(Some("40")).await, 3).await;
    assert!(missed[1].contains("id: 41") && missed[2].contains("id: 42"), "{missed:?}");

    now.paused = Some("paused by ada\n\nevent: forged".to_owned());
    shown.states.send_replace(std::sync::Arc::new(now.clone()));
    let told = events(&mut fresh, 1).await;
    assert!(told[0].contains(r#""paused":"paused by ada\n\nevent: forged""#), "{told:?}");
    now.stopped = true;
    shown.states.send_replace(std::sync::Arc::new(now));
    events(&mut fresh, 1).await;
    assert!(fresh.chunk().await.unwrap().is_none(), "nothing follows");
}

#[tokio::test]
async fn who_follows_does_not_hold_up_the_end() {
    let shown = Shown::start(crate::sample::state()).await;
    let mut following = client().get(shown.url("/api/v1/events")).send().await.unwrap();
    events(&mut following, 2).await;
    shown.stop().await.unwrap();
}
