//! A server on a free port, and a Charter in the state that the fixtures speak of.

use charter_client::{ApplyRequest, CallOptions, PolicyConfig, PolicyId, PolicySpec, ScaleRequest};
use charter_sim::{
    AccessKeys, Charter, InProcess, Mutation, MutationRequest, PlantConfig, Server, serve,
};
use jiff::SignedDuration;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) const KEY: &str = "test-key";
pub(crate) const READ_ONLY_KEY: &str = "read-key";

/// A server that ends with its value.
pub(crate) struct Running {
    pub(crate) charter: InProcess,
    pub(crate) base: String,
    pub(crate) client: Client,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(charter: Charter) -> Self {
        let charter = InProcess::over(charter);
        let keys = AccessKeys::new().with_key(KEY).unwrap();
        let keys = keys.with_read_only_key(READ_ONLY_KEY).unwrap();
        let router = Server::new(charter.clone()).with_keys(keys).with_manual_time().router();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            serve(listener, router, std::future::pending()).await.unwrap();
        });
        let client = Client::builder().no_proxy().build().unwrap();
        Self { charter, base, client, task }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base)).bearer_auth(KEY)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.base)).bearer_auth(KEY).json(body)
    }

    pub(crate) async fn inject(&self, fault: Value) {
        let answer = self.post("/api/v1/sim/faults", &fault).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{fault}");
    }

    pub(crate) async fn body(&self, path: &str) -> Value {
        self.get(path).send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A Charter of three replicas without delays, a minute old.
pub(crate) fn charter() -> Charter {
    let config = PlantConfig {
        replicas: 3,
        arrivals: charter_sim::Arrivals::Constant { rate: 200.0 },
        warm_up_s: 0.0,
        approval_s: 0.0,
        propagation_s: 0.0,
        ..PlantConfig::default()
    };
    let start = "2026-03-01T11:59:00Z".parse().unwrap();
    let mut charter = Charter::try_new(config, 7, start).unwrap();
    wait(&mut charter, 60);
    charter
}

/// The same with its committee at generation 7, and the policy privacy-baseline at version 5 in effect.
pub(crate) fn given() -> Charter {
    let mut charter = charter();
    for replicas in [4, 3, 4, 3, 4, 3] {
        mutate(&mut charter, Mutation::Scale(ScaleRequest { replicas }));
    }
    let config = json!({"kind": "enforcement", "strictness": 0.5, "rules": []});
    for _ in 0..4 {
        apply(&mut charter, "privacy-baseline", &config);
    }
    assert_eq!(charter.committee().generation, Some(7));
    charter
}

pub(crate) fn apply(charter: &mut Charter, id: &str, config: &Value) {
    let config: PolicyConfig = serde_json::from_value(config.clone()).unwrap();
    let spec = PolicySpec::new(PolicyId::try_new(id).unwrap(), "Privacy baseline", config);
    let request = ApplyRequest::new(spec, charter.now());
    mutate(charter, Mutation::Apply(request));
}

pub(crate) fn roll_back(charter: &mut Charter, id: &str) {
    mutate(charter, Mutation::Rollback(PolicyId::try_new(id).unwrap()));
}

fn mutate(charter: &mut Charter, mutation: Mutation) {
    charter.mutate(&MutationRequest::from(mutation), &CallOptions::new()).unwrap();
    wait(charter, 2);
}

fn wait(charter: &mut Charter, seconds: i64) {
    let to = charter.now() + SignedDuration::from_secs(seconds);
    charter.advance(to);
}
