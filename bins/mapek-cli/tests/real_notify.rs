//! People are told: `mapek run` against a receiver and a real Alertmanager.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[cfg(test)]
#[expect(dead_code, reason = "other tests need more of it")]
mod support;

use std::{path::Path, sync::Arc, time::Duration};

use mapek::{
    execute::{Body, Entry, Journal},
    model::{
        Confidence, CycleNumber, Ending, ExecutionEvent, ExecutionId, ExecutionRecord,
        IdempotencyKey, Measured, Plan, StepIndex, TargetId, Timestamp, Way, since,
    },
    store::SqliteStore,
};
use mapek_testkit::{Alertmanager, ScriptedHttp, wait_for, wait_until};
use serde_json::{Value, json};
use support::{DEADLINE, free_port, mapek, ran};
use tokio::process::Child;

/// Within this time of its detection, or of a start, what needs an operator reaches somebody.
const WITHIN: Duration = Duration::from_secs(5);

const EXECUTION: &str = "00000000-0000-0000-0000-000000000014";

/// Writes a journal in which a restart was sent, and nothing is known of what came of it, or a person is called already.
fn journal(directory: &Path, ended: bool) {
    let state = directory.join("state");
    std::fs::create_dir_all(&state).unwrap();
    let store = SqliteStore::open(state.join("journal.db")).unwrap();
    let mut journal = Journal::open(Arc::new(store), |_| ()).unwrap();
    let id: ExecutionId = EXECUTION.parse().unwrap();
    let at: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let step = json!({
        "action": {"kind": "restart_service", "graceful": true, "timeout": "30s"},
        "undo": "irreversible", "preconditions": [], "wait": "0s",
    });
    let plan: Plan = serde_json::from_value(json!({
        "id": EXECUTION, "target": "default", "diagnosis": EXECUTION, "cause": {"kind": "leak"},
        "confidence": 0.8, "explains": [], "steps": [step], "benefit": 1.0, "cost": 0.2, "score": 0.6,
        "success": 0.5, "risk_if_wrong": "medium", "priority": "high", "time_to_effect": "1m",
        "created": at, "expires": "2026-03-01T12:15:00Z", "rationale": "",
    }))
    .unwrap();
    let step = StepIndex(0);
    let (way, key) = (Way::Do, IdempotencyKey::of(id, step, Way::Do));
    let plan = Box::new(plan);
    let mut events = vec![
        ExecutionEvent::Started { plan, chosen_with: Confidence::MAX, before: Measured::default() },
        // Nothing was captured: nobody can tell whether it ran.
        ExecutionEvent::Intended { step, way, attempt: 1, key, captured: None },
    ];
    let (ending, reason) = (Ending::NeedsOperator, "nobody knows <!channel>".to_owned());
    events.extend(ended.then_some(ExecutionEvent::Ended { ending, reason }));
    for event in events {
        let record = ExecutionRecord { execution: id, at, event };
        let (target, cycle) = (Some(TargetId::default()), CycleNumber::new(1));
        journal.append(Entry { target, at, cycle, body: Body::Execution { record } }).unwrap();
    }
}

struct Told {
    directory: tempfile::TempDir,
    receiver: ScriptedHttp,
    /// Whom Alertmanager tells.
    person: ScriptedHttp,
    alertmanager: Alertmanager,
    api: u16,
}

impl Told {
    async fn new(ended: bool, tokens: &str) -> Self {
        let (receiver, person) =
            (ScriptedHttp::start().await.unwrap(), ScriptedHttp::start().await.unwrap());
        let (api, webhook) = (free_port(), free_port());
        // As people set it up: the loop is told of all alerts, its own among them.
        let loops = format!("http://127.0.0.1:{webhook}/webhooks/alerts");
        let builder = Alertmanager::builder().webhook(person.url("/")).webhook(loops);
        let alertmanager = builder.start().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        journal(directory.path(), ended);
        std::fs::write(directory.path().join("url"), receiver.url("/hook/hunter2")).unwrap();
        let d = directory.path().display();
        let text = format!(
            "orchestrator: {{loop_interval: 1s}}\n\
             monitor: {{prometheus_url: 'http://127.0.0.1:1'}}\n\
             execute: {{state_dir: '{d}/state'}}\n\
             knowledge: {{database: memory}}\n\
             staging: {{use_mock_charter: true}}\n\
             logging: {{file: '{d}/mapek.log'}}\n\
             api: {{port: {api}, auth: {{tokens: [{tokens}]}}}}\n\
             alertmanager:\n  url: '{}'\n  webhook_port: {webhook}\n  notify:\n    alerts: true\n    \
             webhooks: [{{name: pager, url_file: '{d}/url'}}]\n    \
             heartbeat: {{alert: true, url: '{}', interval: 1s}}\n",
            alertmanager.url(),
            receiver.url("/beat"),
        );
        std::fs::write(directory.path().join("mapek.yaml"), text).unwrap();
        Self { directory, receiver, person, alertmanager, api }
    }

    /// Starts the loop, and waits until its API answers.
    async fn run(&self) -> Child {
        let path = self.directory.path().join("mapek.yaml");
        let child = mapek(&["run", "--config", path.to_str().unwrap()]).spawn().unwrap();
        let url = format!("http://127.0.0.1:{}/health", self.api);
        wait_until(DEADLINE, "an answer", async || reqwest::get(&url).await.is_ok()).await.unwrap();
        child
    }

    fn messages(&self) -> Vec<Value> {
        let requests = self.receiver.requests();
        let messages = requests.iter().filter(|request| request.path == "/hook/hunter2");
        messages.map(|request| request.json().unwrap()).collect()
    }

    /// The next message that is not among the first `known`.
    async fn message(&self, known: usize, within: Duration) -> Value {
        let next = async || self.messages().into_iter().nth(known);
        wait_for(within, "a message", next).await.unwrap()
    }

    /// Waits until Alertmanager has told of an alert.
    async fn person_is_told(&self, alert: &str, status: &str, within: Duration) {
        let told = async || {
            self.person.requests().iter().any(|request| {
                let group = request.json().unwrap();
                let alerts = group["alerts"].as_array().unwrap();
                alerts.iter().any(|it| it["labels"]["alertname"] == alert && it["status"] == status)
            })
        };
        wait_until(within, &format!("{alert} {status}"), told).await.unwrap();
    }

    async fn ask(&self, path: &str, token: &str) -> Value {
        let url = format!("http://127.0.0.1:{}{path}", self.api);
        let request = reqwest::Client::new().get(url).bearer_auth(token);
        request.send().await.unwrap().json().await.unwrap()
    }
}

/// A token of somebody who may resolve, and its entry in the configuration.
async fn operator() -> (String, String) {
    let args = ["token", "new", "--name", "grace", "--role", "operator", "--json"];
    let made: Value = serde_json::from_str(&ran(mapek(&args), "").await.out).unwrap();
    let hash = made["entry"]["sha256"].as_str().unwrap();
    let entry = format!("{{name: grace, role: operator, sha256: '{hash}'}}");
    (made["token"].as_str().unwrap().to_owned(), entry)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_needed_at_a_start_is_told_at_once_by_all_ways_and_at_each_start_until_it_is_resolved()
 {
    let (token, entry) = operator().await;
    let told = Told::new(true, &entry).await;
    let mut running = told.run().await;
    let first = told.message(0, WITHIN).await;
    assert_eq!((&first["kind"], &first["phase"]), (&json!("needs_operator"), &json!("began")));
    assert_eq!(first["subject"], EXECUTION);
    told.person_is_told("MapekNeedsOperator", "firing", WITHIN).await;
    told.person_is_told("MapekHeartbeat", "firing", DEADLINE).await;
    let beats = async || {
        told.receiver.requests().iter().filter(|request| request.path == "/beat").count() > 1
    };
    wait_until(DEADLINE, "two heartbeats", beats).await.unwrap();
    let ready = told.ask("/ready", &token).await;
    assert_eq!(ready["why"], "needs_operator", "{ready}");
    // Its own alerts are no trouble of the managed system, by whichever way they come back.
    let received = async || {
        let metrics = format!("http://127.0.0.1:{}/metrics", told.api);
        let text = reqwest::get(metrics).await.unwrap().text().await.unwrap();
        let count = text.lines().find_map(|it| it.strip_prefix("mape_k_alerts_processed_total "));
        count.is_some_and(|count| count != "0")
            && text.contains("kind=\"needs_operator\",result=\"sent\"")
    };
    wait_until(DEADLINE, "its own alerts come back", received).await.unwrap();
    let violations = told.ask("/api/v1/violations", &token).await.to_string();
    assert!(!violations.to_lowercase().contains("mapek"), "{violations}");
    running.kill().await.unwrap();

    let known = told.messages().len();
    let mut running = told.run().await;
    let again = told.message(known, WITHIN).await;
    assert_eq!((&again["kind"], &again["phase"]), (&json!("needs_operator"), &json!("lasts")));
    let url = format!("http://127.0.0.1:{}", told.api);
    let mut resolve =
        mapek(&["executions", "resolve", EXECUTION, "--reason", "looked", "--url", &url]);
    resolve.env("MAPEK_TOKEN", &token);
    let resolved = ran(resolve, "").await;
    assert_eq!(resolved.code, Some(0), "{resolved:?}");
    let over = async || {
        told.messages().iter().any(|it| it["phase"] == "ended" && it["subject"] == EXECUTION)
    };
    wait_until(DEADLINE, "it is over", over).await.unwrap();
    told.person_is_told("MapekNeedsOperator", "resolved", DEADLINE).await;
    let fires = told.alertmanager.alerts().await.unwrap().to_string();
    assert!(!fires.contains("MapekNeedsOperator"), "{fires}");
    running.kill().await.unwrap();
    let log = std::fs::read_to_string(told.directory.path().join("mapek.log")).unwrap();
    assert!(!log.contains("hunter2"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_needed_is_told_when_it_is_found_out() {
    let told = Told::new(false, "").await;
    let mut running = told.run().await;
    let is_needed = async || told.messages().into_iter().find(|it| it["kind"] == "needs_operator");
    let message = wait_for(DEADLINE, "a message", is_needed).await.unwrap();
    assert_eq!((&message["phase"], &message["subject"]), (&json!("began"), &json!(EXECUTION)));
    assert!(message["text"].as_str().unwrap().contains("nothing was captured"), "{message}");
    let time = |field: &str| -> Timestamp { message[field].as_str().unwrap().parse().unwrap() };
    // Since the cycle that found it out began; the receiver is on this machine.
    assert!(since(time("at"), time("since")) < WITHIN, "{message}");
    told.person_is_told("MapekNeedsOperator", "firing", WITHIN).await;
    running.kill().await.unwrap();
}
