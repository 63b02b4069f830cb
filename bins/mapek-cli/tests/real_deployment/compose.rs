//! The compose file: each path, port, flag and variable means something to whom it is given.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    files::{content, deploy, entries, installed, knows, root, strings, text, tool, yaml},
    images::{charter, instructions},
    support::{mapek, ran},
};

pub(crate) const FILE: &str = "docker-compose.staging.yml";
const SERVICES: [&str; 5] = ["alertmanager", "charter", "grafana", "mape-k", "prometheus"];

/// The services, with what is said of variables that nobody has set.
pub(crate) fn services() -> Value {
    let file: Value = serde_saphyr::from_str(&interpolated(&text(FILE))).unwrap();
    file["services"].clone()
}

/// `${NAME:-default}` is its default.
fn interpolated(text: &str) -> String {
    let mut parts = text.split("${");
    let mut whole = parts.next().unwrap().to_owned();
    for part in parts {
        let (variable, rest) = part.split_once('}').unwrap();
        let (name, default) = variable.split_once(":-").unwrap_or((variable, ""));
        assert!(name.chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{name}");
        whole.push_str(default);
        whole.push_str(rest);
    }
    whole
}

/// What a service finds in its environment.
pub(crate) fn environment(service: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    entries(&service["environment"]).map(|(name, value)| (name.to_owned(), text(value))).collect()
}

/// Ports of a service: the host's, and its own.
fn ports(service: &Value) -> Vec<(u16, u16)> {
    let ports = strings(&service["ports"]).into_iter().map(|port| {
        let parts: Vec<_> = port.split(':').collect();
        assert_eq!(
            (parts.len(), parts[0]),
            (3, "127.0.0.1"),
            "{port}: only this machine, unless told otherwise"
        );
        (parts[1].parse().unwrap(), parts[2].parse().unwrap())
    });
    ports.collect()
}

#[tokio::test]
async fn it_is_a_compose_file_with_all_parts_and_their_names() {
    let schema = ["--builtin-schema", "vendor.compose-spec", FILE];
    content(installed("check-jsonschema"), &schema).await;
    let file = yaml(FILE);
    let services = services();
    let names: Vec<_> = entries(&services).map(|(name, _)| name).collect();
    assert_eq!(names, SERVICES);
    assert_eq!(file["networks"]["westworld"]["name"], "westworld");
    assert_eq!(file["networks"]["westworld"]["driver"], "bridge");
    let mut published = BTreeSet::new();
    for (name, service) in entries(&services) {
        assert_eq!(service["container_name"], name);
        assert_eq!(strings(&service["networks"]), ["westworld"], "{name}");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
        assert!(service["healthcheck"]["test"][0] == "CMD", "{name} says how it is");
        published.extend(ports(service).into_iter().map(|(host, _)| host));
        for (other, how) in entries(&service["depends_on"]) {
            assert_eq!(how["condition"], "service_healthy", "{name} on {other}");
            assert!(names.contains(&other), "{name} on {other}");
        }
    }
    assert_eq!(published, BTreeSet::from([3000, 5000, 8000, 8001, 9090, 9091, 9093]));
    let waits: Vec<_> = entries(&services["mape-k"]["depends_on"]).map(|(name, _)| name).collect();
    assert_eq!(waits, ["alertmanager", "charter", "prometheus"]);
}

#[test]
fn what_is_mounted_and_built_is_there() {
    let services = services();
    let volumes = yaml(FILE)["volumes"].clone();
    for (name, service) in entries(&services) {
        for mount in strings(&service["volumes"]) {
            let (from, to) = mount.split_once(':').unwrap();
            assert!(to.starts_with('/'), "{name}: {mount}");
            if from.starts_with('.') {
                assert!(to.ends_with(":ro"), "{name}: {mount} is only read");
                assert!(deploy().join(from).exists(), "{name}: there is no {from}");
            } else {
                assert!(volumes.as_object().unwrap().contains_key(from), "{name}: {mount}");
            }
        }
        if let Some(build) = service["build"].as_object() {
            let context = deploy().join(build["context"].as_str().unwrap());
            assert_eq!(context.canonicalize().unwrap(), root());
            assert!(context.join(build["dockerfile"].as_str().unwrap()).is_file(), "{name}");
        }
    }
}

#[tokio::test]
async fn flags_and_health_checks_are_known_to_the_programs() {
    let services = services();
    for (name, program) in
        [("prometheus", "prometheus"), ("alertmanager", "prometheus-alertmanager")]
    {
        let help = tool(program, &["--help"]).await;
        for flag in strings(&services[name]["command"]) {
            assert!(knows(&help, flag), "{program} does not know {flag}");
        }
        assert!(!knows(&help, "--no.such.flag"));
        let listens = format!(":{}", ports(&services[name])[0].1);
        assert!(
            format!("{}{}", help.out, help.err).contains(&listens),
            "{name} listens on {listens}"
        );
    }
    let run = strings(&services["mape-k"]["command"]);
    let told = ran(mapek(&[&run[..], &["--help"]].concat()), "").await;
    assert!(told.code == Some(0) && told.out.contains("Usage: mapek run"), "{told:?}");
    let serve = strings(&services["charter"]["command"]);
    assert_eq!(tool(charter(), &[&serve[..], &["--help"]].concat()).await.code, Some(0));
    assert_ne!(tool(charter(), &["--no-such-flag", "--help"]).await.code, Some(0));
    for (name, file) in [("mape-k", "Dockerfile.mape-k"), ("charter", "Dockerfile.charter")] {
        let image = instructions(file).into_iter().find(|(it, _)| it == "HEALTHCHECK").unwrap().1;
        let check = strings(&services[name]["healthcheck"]["test"])[1..].join("\", \"");
        assert!(image.ends_with(&format!("CMD [\"{check}\"]")), "{name}: {image}");
    }
}

#[tokio::test]
async fn the_loop_understands_its_environment() {
    let services = services();
    let service = &services["mape-k"];
    let environment = environment(service);
    let mounted = strings(&service["volumes"])[0].split(':').collect::<Vec<_>>();
    assert_eq!(environment["MAPEK_CONFIG"], mounted[1]);
    let mut command = mapek(&["config", "show", "--json"]);
    command.envs(&environment).env("MAPEK_CONFIG", deploy().join(mounted[0]));
    let show = ran(command, "").await;
    assert_eq!(show.code, Some(0), "{show:?}");
    for name in environment.keys().filter(|name| *name != "MAPEK_CONFIG") {
        let told = format!(" is taken from {name}");
        assert!(show.err.contains(&told), "the loop does not know {name}: {}", show.err);
    }
    let config: Value = serde_json::from_str(&show.out).unwrap();
    for (path, value) in [
        ("/monitor/prometheus_url", "http://prometheus:9090"),
        ("/monitor/up", "up{job=\"charter\"}"),
        ("/alertmanager/url", "http://alertmanager:9093"),
        ("/execute/charter_url", "http://charter:8000"),
        ("/execute/rails/profile", "observe"),
        ("/api/host", "0.0.0.0"),
        ("/api/allowed_hosts/0", "mape-k"),
    ] {
        assert_eq!(config.pointer(path).unwrap(), value, "{path}");
    }
    let listens = [
        &config["api"]["port"],
        &config["alertmanager"]["webhook_port"],
        &config["api"]["metrics_port"],
    ];
    let own: Vec<_> = ports(service).into_iter().map(|(_, own)| Value::from(own)).collect();
    assert_eq!(listens.map(Clone::clone).to_vec(), own);
    // What it keeps is kept in the volume.
    let volume = strings(&service["volumes"])[1].split_once(':').unwrap().1;
    for path in ["/execute/state_dir", "/knowledge/sqlite_path"] {
        assert!(config.pointer(path).unwrap().as_str().unwrap().starts_with(volume), "{path}");
    }
    // The two know the same key.
    assert_eq!(
        environment["CHARTER_API_KEY"],
        self::environment(&services["charter"])["CHARTER_API_KEY"]
    );
    let scraped = yaml("prometheus/prometheus.yml")["global"]["scrape_interval"].clone();
    assert_eq!(config["monitor"]["scrape_interval"], scraped);
}

/// Whether a service of this name listens on this port.
fn listens(services: &Value, address: &str) -> bool {
    let address = address.trim_start_matches("http://");
    let (host, port) = address.split_once(':').unwrap();
    let port: u16 = port.split('/').next().unwrap().parse().unwrap();
    let own = host == "localhost" && port == 9090;
    own || services.get(host).is_some_and(|it| ports(it).iter().any(|(_, own)| *own == port))
}

#[test]
fn who_calls_whom_is_there() {
    let services = services();
    let prometheus = yaml("prometheus/prometheus.yml");
    let mut called: Vec<String> = Vec::new();
    for job in prometheus["scrape_configs"].as_array().unwrap() {
        called
            .extend(strings(&job["static_configs"][0]["targets"]).iter().map(ToString::to_string));
    }
    let alerting = &prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"];
    called.extend(strings(alerting).iter().map(ToString::to_string));
    for receiver in yaml("alertmanager/alertmanager.yml")["receivers"].as_array().unwrap() {
        called.push(receiver["webhook_configs"][0]["url"].as_str().unwrap().to_owned());
    }
    let source = yaml("grafana/provisioning/datasources/prometheus.yml")["datasources"][0].clone();
    called.push(source["url"].as_str().unwrap().to_owned());
    called.extend(
        environment(&services["mape-k"]).into_values().filter(|it| it.starts_with("http://")),
    );
    assert_eq!(called.len(), 14, "{called:?}");
    for address in &called {
        assert!(listens(&services, address), "nobody listens on {address}");
    }
    assert!(!listens(&services, "http://charter:8001") && !listens(&services, "nobody:1"));
}

#[test]
fn grafana_finds_its_source_and_its_boards() {
    let services = services();
    let source = yaml("grafana/provisioning/datasources/prometheus.yml")["datasources"][0].clone();
    let provider = yaml("grafana/provisioning/dashboards/mape-k.yml")["providers"][0].clone();
    let mounts = strings(&services["grafana"]["volumes"]);
    let at = provider["options"]["path"].as_str().unwrap();
    assert!(mounts.contains(&format!("./grafana/dashboards:{at}:ro").as_str()), "{mounts:?}");
    let home =
        environment(&services["grafana"])["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].clone();
    let home = home.strip_prefix(at).unwrap();
    assert!(deploy().join("grafana/dashboards").join(home.trim_start_matches('/')).is_file());
    let mut boards = BTreeSet::new();
    for file in std::fs::read_dir(deploy().join("grafana/dashboards")).unwrap() {
        let path = file.unwrap().path();
        let board: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert_eq!(board["uid"], name.as_str());
        let mut ids = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: an id twice");
            let room = &panel["gridPos"];
            assert!(room["x"].as_u64().unwrap() + room["w"].as_u64().unwrap() <= 24, "{panel}");
            for target in panel["targets"].as_array().into_iter().flatten() {
                assert_eq!(target["datasource"]["uid"], source["uid"], "{name}");
            }
        }
        boards.insert(name);
    }
    let three = ["charter-enforcement", "charter-violations", "mape-k"].map(str::to_owned);
    assert_eq!(boards, BTreeSet::from(three));
}
