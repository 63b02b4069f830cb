//! What compose starts, started without an engine: the same files, flags and variables, on ports that are free here.

use std::{collections::BTreeMap, process::Stdio};

use mapek_testkit::{Alertmanager, Prometheus, wait_until};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::{
    compose::{environment, services},
    files::{deploy, strings, text},
    images::charter,
    support::{DEADLINE, free_port, mapek, ran},
};

/// Charter as compose starts it; answers where it listens.
async fn start_charter(service: &Value) -> (Child, String) {
    let mut command = Command::new(charter());
    let flags = strings(&service["command"]).into_iter();
    command.args(flags.map(|flag| flag.replace("0.0.0.0:8000", "127.0.0.1:0")));
    command.env_clear().envs(environment(service));
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = said.next_line().await.unwrap().unwrap();
    (child, line.trim_start_matches("listening on http://").to_owned())
}

/// Names and ports of compose, and what they are here.
type Places = BTreeMap<&'static str, String>;

fn moved(text: &str, places: &Places) -> String {
    places.iter().fold(text.to_owned(), |text, (there, here)| text.replace(there, here))
}

async fn start_prometheus(places: &Places, alertmanager: &Alertmanager) -> Prometheus {
    let file = moved(&text("prometheus/prometheus.yml"), places);
    let file: Value = serde_saphyr::from_str(&file).unwrap();
    let mut builder = Prometheus::builder().alertmanager(alertmanager.url());
    for job in file["scrape_configs"].as_array().unwrap() {
        builder = builder.scrape_config(job.clone());
    }
    for name in ["charter", "mape-k"] {
        // Nobody waits for half a minute here.
        let rules = text(&format!("prometheus/rules/{name}.rules.yml"));
        builder = builder.rules(name, &rules.replace("interval: 30s", "interval: 1s"));
    }
    builder.start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_parts_of_staging_find_each_other() {
    let services = services();
    let (charter, charter_at) = start_charter(&services["charter"]).await;
    let directory = tempfile::tempdir().unwrap();
    let (api, webhook, metrics) = (free_port(), free_port(), free_port());
    let mut places = Places::from([
        ("charter:8000", charter_at),
        ("mape-k:5000", format!("127.0.0.1:{webhook}")),
        ("mape-k:9090", format!("127.0.0.1:{metrics}")),
        ("/var/lib/mape-k", directory.path().display().to_string()),
        // Nobody waits for a minute here.
        ("group_wait: 10s", "group_wait: 0s".to_owned()),
        ("group_interval: 1m", "group_interval: 1s".to_owned()),
    ]);
    let routes = moved(&text("alertmanager/alertmanager.yml"), &places);
    let alertmanager = Alertmanager::builder().config(routes).start().await.unwrap();
    places.insert("alertmanager:9093", alertmanager.address().to_string());
    let prometheus = start_prometheus(&places, &alertmanager).await;
    places.insert("prometheus:9090", prometheus.address().to_string());
    for (name, url) in [("prometheus", prometheus.url()), ("alertmanager", alertmanager.url())] {
        let check = strings(&services[name]["healthcheck"]["test"]);
        let (_, path) = check.last().unwrap().split_once("/-/").unwrap();
        assert_eq!(reqwest::get(format!("{url}/-/{path}")).await.unwrap().status(), 200, "{path}");
    }

    let config = deploy().join("../config/mape_k_config.yaml");
    let mut variables = environment(&services["mape-k"]);
    variables.values_mut().for_each(|value| *value = moved(value, &places));
    variables.extend([
        ("MAPEK_CONFIG".to_owned(), config.display().to_string()),
        ("MAPEK__API__PORT".to_owned(), api.to_string()),
        ("MAPEK__API__METRICS_PORT".to_owned(), metrics.to_string()),
        ("WEBHOOK_PORT".to_owned(), webhook.to_string()),
        ("MAPE_K_INTERVAL".to_owned(), "1".to_owned()),
    ]);
    let ours = |args: &[&str]| {
        let mut command = mapek(args);
        command.envs(&variables);
        command
    };

    // Metrics of Charter, rules, receivers, the key, and a test alert on its way through the routes.
    let query = r#"up{job="charter"} == 1 and on () westworld_charter_committee_size"#;
    prometheus.wait_for(query, DEADLINE).await.unwrap();
    let checked = ran(ours(&["check", "--live"]), "").await;
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    assert!(checked.out.contains("19 loaded"), "{}", checked.out);

    let mut looped = ours(&["run"]).spawn().unwrap();
    let ready = async || ran(ours(&["health", "--ready"]), "").await.code == Some(0);
    wait_until(DEADLINE, "the loop is ready", ready).await.unwrap();
    prometheus.wait_for(r#"up{job="mapek"} == 1"#, DEADLINE).await.unwrap();
    // It does not know its own port here before it has it.
    prometheus.wait_for(r#"count(up{job!="prometheus"} == 1) == 3"#, DEADLINE).await.unwrap();

    // An alert goes by the routes to the loop, which believes what Alertmanager then says.
    let alert = json!([{"labels": {"alertname": "ForbiddenMetricSpike", "severity": "warning", "team": "security"}}]);
    alertmanager.post("/api/v2/alerts", &alert).await.unwrap();
    prometheus.wait_for("mape_k_alerts_received_total > 0", DEADLINE).await.unwrap();
    let seen = async || {
        let said = ran(ours(&["violations", "--json"]), "").await;
        said.out.contains("forbidden-metric-spike")
    };
    wait_until(DEADLINE, "the loop sees it", seen).await.unwrap();

    // Each rule can be evaluated on what is scraped.
    let well = async || {
        let told = prometheus.get("/api/v1/rules", &[]).await.unwrap();
        let groups = told["data"]["groups"].as_array().unwrap().clone();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
        rules.filter(|rule| rule["health"] == "ok").count() == 19
    };
    wait_until(DEADLINE, "all rules are well", well).await.unwrap();
    looped.kill().await.unwrap();
    drop(charter);
}
