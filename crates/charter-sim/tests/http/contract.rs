//! Every fixture of the contract that this server can be in the state for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use charter_client::{CallOptions, Epoch, PolicyId, RestartRequest, ScaleRequest};
use charter_sim::{Charter, Fault, FaultKind, Mutation};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{Running, apply, given, roll_back};

/// What another server may answer, and this one never does.
const NOT_OURS: [&str; 8] = [
    "apply-failed",           // nothing fails to load here
    "committee-minimal",      // this server tells all
    "health-plain",           // and has every extension
    "health-unknown-members", // but nothing beyond the contract
    "policies-empty",         // it is born with policies
    "policies-every-status",
    "policy-unknown-members",
    "violations-truncated", // it never holds so many
];

struct Fixture {
    name: String,
    value: Value,
}

impl Fixture {
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/charter");
        let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> =
            entries.filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
        files.sort();
        let read = |path: &PathBuf| Self {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            value: serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap(),
        };
        files.iter().map(read).collect()
    }

    fn request(&self, server: &Running) -> RequestBuilder {
        let request = &self.value["request"];
        let method: Method = request["method"].as_str().unwrap().parse().unwrap();
        let url = format!("{}{}", server.base, request["path"].as_str().unwrap());
        let mut builder = server.client.request(method, url);
        for (name, value) in request["headers"].as_object().into_iter().flatten() {
            let value = value.as_str().unwrap();
            builder = builder.header(name, value);
        }
        if self.name == "apply-body-too-large" {
            return builder.body(format!("\"{}\"", "x".repeat(1024 * 1024)));
        }
        match (&request["body"], &request["body_text"]) {
            (Value::Null, Value::String(text)) => builder.body(text.clone()),
            (Value::Null, _) => builder,
            (body, _) => builder.body(body.to_string()),
        }
    }

    /// Brings a server into the state of the fixture, or past the request that comes before it.
    async fn prepare(&self) -> Running {
        let mut charter = given();
        self.prepare_state(&mut charter);
        let server = Running::start(charter).await;
        match self.name.as_str() {
            "apply-replayed" | "scale-replayed" => {
                assert!(self.request(&server).send().await.unwrap().status().is_success());
            }
            "apply-key-reused" => {
                let first = self.request(&server).body(
                    json!({"policy": {"name": "other", "config": {"kind": "rebalance", "strategy": "weighted"}},
                           "timestamp": "2026-03-01T12:00:00Z", "source": "test"})
                    .to_string(),
                );
                assert_eq!(first.send().await.unwrap().status(), 201);
            }
            "apply-key-in-use" => {
                server.inject(json!({"kind": "api-delay", "call": "apply", "delay": 60})).await;
                tokio::spawn(self.request(&server).send());
                while !server.charter.faults().is_empty() {
                    tokio::task::yield_now().await;
                }
            }
            "scale-internal" => fail(&server, "scale", 500).await,
            "violations-rate-limited" => fail(&server, "violations", 429).await,
            "violations-unavailable" => fail(&server, "violations", 503).await,
            _ => {}
        }
        server
    }

    fn prepare_state(&self, charter: &mut Charter) {
        let throttle = json!({"kind": "throttle", "rate_limit": 900});
        match self.name.as_str() {
            "apply-epoch-stale" => {
                let options = CallOptions::new().with_epoch(Epoch(13));
                let scale = Mutation::Scale(ScaleRequest { replicas: 3 });
                charter.mutate(&scale.into(), &options).unwrap();
            }
            "committee-critical" => {
                for node in ["validator-1", "validator-2"] {
                    charter.inject(Fault::new(FaultKind::NodeDown).on_node(node)).unwrap();
                }
                let to = charter.now() + jiff::SignedDuration::from_secs(1);
                charter.advance(to);
            }
            "policies" | "rollback-conflict" => {
                apply(charter, "throttle-ingress", &throttle);
                roll_back(charter, "throttle-ingress");
            }
            "rollback-last-version" => apply(charter, "throttle-ingress", &throttle),
            "policy-encoded-id" => {
                let config = json!({"kind": "enforcement", "strictness": 0.5, "rules": []});
                (0..5).for_each(|_| apply(charter, "team/a b", &config));
            }
            "policies-every-kind" => {
                for (id, config) in [
                    ("a", json!({"kind": "rebalance", "strategy": "weighted"})),
                    ("b", json!({"kind": "configuration", "batch_size": 8})),
                    ("c", throttle),
                    ("d", json!({"kind": "emergency_override", "duration": 60})),
                    ("e", json!({"kind": "bypass_validation", "duration": 60, "scope": "all"})),
                ] {
                    apply(charter, id, &config);
                }
            }
            "scale-busy" => {
                let restart = Mutation::Restart(RestartRequest::graceful());
                charter.mutate(&restart.into(), &CallOptions::new()).unwrap();
            }
            _ => {}
        }
    }

    async fn check(&self, answer: Response) {
        let (name, wanted) = (&self.name, &self.value["response"]);
        assert_eq!(answer.status().as_u16(), wanted["status"].as_u64().unwrap() as u16, "{name}");
        for (header, value) in wanted["headers"].as_object().into_iter().flatten() {
            let found = answer.headers().get(header);
            let found = found.unwrap_or_else(|| panic!("{name}: no {header}")).to_str().unwrap();
            let value = value.as_str().unwrap();
            match header.as_str() {
                "retry-after" => assert!(found.parse::<u32>().is_ok(), "{name}: {header} {found}"),
                "allow" => assert!(found.split(',').any(|m| m == value), "{name}: {found}"),
                "location" if name.contains("id-by-server") => {
                    assert!(found.starts_with("/api/v1/policies/"))
                }
                _ => assert_eq!(found, value, "{name}: {header}"),
            }
        }
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        self.check_body(&body);
    }

    fn check_body(&self, found: &Value) {
        let (name, wanted) = (&self.name, &self.value["response"]["body"]);
        if wanted.get("type").is_some_and(Value::is_string) && wanted.get("title").is_some() {
            for member in ["type", "title", "status", "valid"] {
                assert_eq!(found.get(member), wanted.get(member), "{name}: {found}");
            }
            let fields = |body: &Value| -> Vec<String> {
                let reasons = body["reasons"].as_array().cloned().unwrap_or_default();
                reasons.iter().map(|r| r["field"].as_str().unwrap_or_default().to_owned()).collect()
            };
            // A reason may point at what holds the field: serde does not say which member was wrong.
            let named = fields(found);
            for field in fields(wanted) {
                assert!(
                    named.iter().any(|n| field.starts_with(n.as_str())),
                    "{name}: {field}: {found}"
                );
            }
            assert_eq!(named.is_empty(), fields(wanted).is_empty(), "{name}: {found}");
            return;
        }
        let sample = |body: &Value| {
            body.as_array().map_or(body.clone(), |all| all.first().cloned().unwrap_or_default())
        };
        assert_eq!(found.is_array(), wanted.is_array(), "{name}: {found}");
        let (has, should_have) = (members(&sample(found)), members(&sample(wanted)));
        // A violation names the policy that it breaches, if it breaches one.
        let may_lack = |member: &String| {
            member.ends_with("_at") || (name == "violations" && member.starts_with("policy_"))
        };
        let lacks: Vec<_> = should_have.difference(&has).filter(|m| !may_lack(m)).collect();
        assert!(lacks.is_empty(), "{name} lacks {lacks:?}: {found}");
        let more: Vec<_> =
            has.difference(&should_have).filter(|m| !OPTIONAL.contains(&m.as_str())).collect();
        assert!(more.is_empty(), "{name} has also {more:?}: {found}");
    }
}

/// What the contract lets a server add to the answers that have no need of it.
const OPTIONAL: [&str; 3] = ["etag", "applied_at", "resolved_at"];

/// The names of an object's members.
fn members(object: &Value) -> BTreeSet<String> {
    object.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

async fn fail(server: &Running, call: &str, status: u16) {
    server.inject(json!({"kind": "api-failure", "call": call, "status": status})).await;
}

#[tokio::test]
async fn the_server_answers_every_fixture_as_the_contract_says() {
    let mut asked = 0;
    for fixture in Fixture::all() {
        if NOT_OURS.contains(&fixture.name.as_str()) {
            continue;
        }
        let server = fixture.prepare().await;
        if fixture.name == "violations" {
            // There is nothing to see in the state of the fixture; make something.
            server.charter.inject(Fault::new(FaultKind::NodeDown).on_node("validator-1")).unwrap();
            server.charter.advance_by(jiff::SignedDuration::from_secs(5));
        }
        let answer = fixture.request(&server).send().await.unwrap();
        fixture.check(answer).await;
        asked += 1;
    }
    assert!(asked >= 40, "{asked} fixtures were found");
}

#[tokio::test]
async fn tags_follow_the_generations_of_the_fixtures() {
    let server = Running::start(given()).await;
    let tag = |answer: &Response| answer.headers()["etag"].to_str().unwrap().to_owned();
    let policy = server.get("/api/v1/policies/privacy-baseline").send().await.unwrap();
    assert_eq!(tag(&policy), "\"g5\"");
    let body: Value = policy.json().await.unwrap();
    assert_eq!((&body["version"], &body["status"]), (&json!(5), &json!("active")));
    let id = PolicyId::try_new("privacy-baseline").unwrap();
    assert_eq!(server.charter.ledger().iter().filter(|e| e.subject == id.as_str()).count(), 4);
}
