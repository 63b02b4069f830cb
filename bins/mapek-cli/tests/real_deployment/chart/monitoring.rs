//! What the chart brings to watch the loop, and who may reach that.

use super::*;

#[tokio::test]
async fn who_watches_is_reached_by_those_who_need_it_and_reaches_no_more() {
    let documents = rendered(&["--values", PRODUCTION]).await;
    let policy = |name: &str| find(&documents, "NetworkPolicy", name);
    for name in ["prometheus", "alertmanager"] {
        assert_eq!(strings(&policy(name)["spec"]["policyTypes"]), ["Ingress", "Egress"]);
        assert_eq!(policy(name)["spec"]["podSelector"]["matchLabels"]["app"], name);
        let rules = [("ingress", "from"), ("egress", "to")];
        for (way, peers) in rules {
            for rule in policy(name)["spec"][way].as_array().unwrap() {
                assert!(!rule[peers].as_array().unwrap().is_empty(), "nobody means everybody");
            }
        }
        let out = policy(name)["spec"]["egress"].as_array().unwrap();
        assert!(out.iter().any(|it| it["ports"][0]["port"] == 53), "{name} asks for names");
    }
    // Who calls is let out there and let in here: the same ports, by the number or by its name.
    for (from, to, protocol, number, name) in [
        ("prometheus", "mape-k", "TCP", 9090, "metrics"),
        ("prometheus", "alertmanager", "TCP", 9093, "web"),
        ("alertmanager", "alertmanager", "TCP", 9094, ""),
        ("alertmanager", "alertmanager", "UDP", 9094, ""),
        ("alertmanager", "mape-k", "TCP", 5000, "webhook"),
        ("mape-k", "prometheus", "TCP", 9090, "web"),
        ("mape-k", "alertmanager", "TCP", 9093, "web"),
    ] {
        let port = number.into();
        assert!(lets(policy(from), "egress", to, protocol, &port), "{from} to {to}");
        let named = if name.is_empty() { port } else { name.into() };
        assert!(lets(policy(to), "ingress", from, protocol, &named), "{to} from {from}");
    }
    assert!(lets(policy("prometheus"), "egress", "charter", "TCP", &8000.into()));
    assert!(lets(policy("prometheus"), "ingress", "grafana", "TCP", &"web".into()));
    for (from, to) in [("alertmanager", "prometheus"), ("grafana", "alertmanager")] {
        assert!(!lets(policy(to), "ingress", from, "TCP", &"web".into()), "{to} from {from}");
    }
    // No request ends it, or has it take other files.
    let args = strings(&container(find(&documents, "StatefulSet", "prometheus"))["args"]);
    assert!(args.iter().all(|it| !it.contains("lifecycle")), "{args:?}");

    // People are elsewhere.
    let out = |documents: &[Value]| {
        let egress = &find(documents, "NetworkPolicy", "alertmanager")["spec"]["egress"];
        egress.as_array().unwrap().iter().any(|it| it["ports"][0]["port"] == 443)
    };
    assert!(!out(&documents));
    let named = "monitoring.alertmanager.existingSecret=people";
    assert!(out(&rendered(&["--values", PRODUCTION, "--set", named]).await));
    let documents =
        rendered(&["--set", "monitoring.enabled=true,networkPolicy.enabled=false"]).await;
    assert!(documents.iter().all(|it| it["kind"] != "NetworkPolicy"));
}

#[tokio::test]
async fn who_scrapes_and_who_sends_alerts_speaks_tls_where_the_workload_api_certifies() {
    let more = ["--values", SPIFFE, "--set", "monitoring.enabled=true,serviceMonitor.enabled=true"];
    let documents = rendered(&more).await;
    let told = checked(&documents, tempfile::tempdir().unwrap().path()).await;
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    assert!(config(&documents)["alertmanager"]["webhook_tls"]["certificate_file"].is_string());

    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ca.crt"), "").unwrap();
    let here = directory.path().display().to_string();
    let kept = async |kind: &str, name: &str, field: &str, file: &str| {
        let text = find(&documents, kind, name)[field][file].as_str().unwrap().to_owned();
        let path = directory.path().join(file);
        std::fs::write(&path, text.replace("/etc/mape-k-tls", &here)).unwrap();
        (path.to_str().unwrap().to_owned(), serde_saphyr::from_str::<Value>(&text).unwrap())
    };
    let (path, scraped) = kept("ConfigMap", "prometheus-config", "data", "prometheus.yml").await;
    content("promtool", &["check", "config", &path]).await;
    for (job, at) in [("charter", "charter:8000"), ("mapek", "mape-k:9090")] {
        let jobs = scraped["scrape_configs"].as_array().unwrap();
        let job = jobs.iter().find(|it| it["job_name"] == job).unwrap();
        assert_eq!(job["static_configs"][0]["targets"][0], at);
        assert_eq!(job["scheme"], "https", "{job}");
        assert_eq!(job["tls_config"]["ca_file"], "/etc/mape-k-tls/ca.crt", "{job}");
    }
    let (path, routes) =
        kept("Secret", "alertmanager-config", "stringData", "alertmanager.yml").await;
    content("amtool", &["check-config", &path]).await;
    let hook = &routes["receivers"][0]["webhook_configs"][0];
    assert_eq!(hook["url"], "https://mape-k:5000/webhooks/alerts");
    assert_eq!(hook["http_config"]["tls_config"]["ca_file"], "/etc/mape-k-tls/ca.crt");
    // The bundle is where they look for it.
    for name in ["prometheus", "alertmanager"] {
        let set = find(&documents, "StatefulSet", name);
        let mounts = container(set)["volumeMounts"].as_array().unwrap();
        let mount = mounts.iter().find(|it| it["mountPath"] == "/etc/mape-k-tls").unwrap();
        let volumes = set["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|it| it["name"] == mount["name"]).unwrap();
        let bundle = serde_json::json!({"name": "spire-bundle", "items": [{"key": "bundle.crt", "path": "ca.crt"}]});
        assert_eq!(volume["configMap"], bundle, "{name}");
    }
    let endpoint = &find(&documents, FOREIGN[0], "mape-k")["spec"]["endpoints"][0];
    assert_eq!(
        (&endpoint["scheme"], &endpoint["tlsConfig"]["serverName"]),
        (&"https".into(), &"mape-k".into())
    );
    assert_eq!(
        endpoint["tlsConfig"]["ca"]["configMap"],
        serde_json::json!({"name": "spire-bundle", "key": "bundle.crt"})
    );
    // A certificate that nobody could believe is no release.
    for who in ["monitoring", "serviceMonitor"] {
        let set = format!("{who}.enabled=true,trust.configMap=");
        let told = template(&["--values", SPIFFE, "--set", &set]).await;
        assert!(told.code == Some(1) && told.err.contains("set trust.configMap"), "{told:?}");
    }
}

#[tokio::test]
async fn production_keeps_a_month_and_tells_three_alertmanagers() {
    let documents = rendered(&["--values", PRODUCTION]).await;
    let directory = tempfile::tempdir().unwrap();
    let map = &find(&documents, "ConfigMap", "prometheus-config")["data"];
    for (name, text) in entries(map) {
        // The certificate comes with the secret.
        let text = text
            .as_str()
            .unwrap()
            .replace("/etc/mape-k-tls", &directory.path().display().to_string());
        let text = text.replace("/etc/prometheus", &directory.path().display().to_string());
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    std::fs::write(directory.path().join("ca.crt"), "").unwrap();
    let path = directory.path().join("prometheus.yml");
    let told = content("promtool", &["check", "config", path.to_str().unwrap()]).await;
    assert!(told.out.contains("2 rule files found"), "{told:?}");
    let config: Value = serde_saphyr::from_str(map["prometheus.yml"].as_str().unwrap()).unwrap();
    let peers = strings(&config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]);
    assert_eq!(peers.len(), 3);
    let jobs: Vec<_> = config["scrape_configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["job_name"].clone())
        .collect();
    let staging = yaml("prometheus/prometheus.yml");
    let shipped: Vec<_> = staging["scrape_configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["job_name"].clone())
        .collect();
    assert_eq!(jobs, shipped);
    assert_eq!(config["global"], staging["global"]);
    assert_eq!(config["scrape_configs"][1]["scheme"], "https");

    let routes =
        &find(&documents, "Secret", "alertmanager-config")["stringData"]["alertmanager.yml"];
    assert_eq!(
        routes.as_str().unwrap().matches("https://mape-k:5000").count(),
        1,
        "the others refer to it"
    );
    let path = directory.path().join("alertmanager.yml");
    let here = routes
        .as_str()
        .unwrap()
        .replace("/etc/mape-k-tls", &directory.path().display().to_string());
    std::fs::write(&path, here).unwrap();
    content("amtool", &["check-config", path.to_str().unwrap()]).await;

    for (name, program) in
        [("prometheus", "prometheus"), ("alertmanager", "prometheus-alertmanager")]
    {
        let set = find(&documents, "StatefulSet", name);
        let help = tool(program, &["--help"]).await;
        for flag in strings(&container(set)["args"]) {
            assert!(knows(&help, flag), "{program} does not know {flag}");
        }
    }
    let prometheus = strings(&container(find(&documents, "StatefulSet", "prometheus"))["args"]);
    assert!(prometheus.contains(&"--storage.tsdb.retention.time=30d"), "{prometheus:?}");
    let alertmanager = find(&documents, "StatefulSet", "alertmanager");
    let peers = strings(&container(alertmanager)["args"]);
    assert_eq!(peers.iter().filter(|it| it.starts_with("--cluster.peer=")).count(), 3);
    assert_eq!(alertmanager["spec"]["replicas"], 3);
    let headless = alertmanager["spec"]["serviceName"].as_str().unwrap();
    assert_eq!(find(&documents, "Service", headless)["spec"]["clusterIP"], "None");
    let balanced = find(&documents, "Service", "alertmanager");
    assert_eq!(balanced["spec"]["sessionAffinity"], "ClientIP", "the loop tells one of them");
    for service in ["prometheus", "alertmanager"] {
        assert!(find(&documents, "Service", service)["spec"]["ports"].is_array());
    }
}

#[tokio::test]
async fn addresses_of_people_are_in_no_release_and_no_upgrade_takes_them_away() {
    let named = "monitoring.alertmanager.existingSecret=people";
    let documents = rendered(&["--values", PRODUCTION, "--set", named]).await;
    assert!(documents.iter().all(|it| it["kind"] != "Secret"), "nothing is written over theirs");
    let pod = &find(&documents, "StatefulSet", "alertmanager")["spec"]["template"]["spec"];
    assert_eq!(
        pod["volumes"][0],
        serde_json::json!({"name": "config", "secret": {"secretName": "people"}})
    );
    // What the document says to patch is where it says.
    let text = std::fs::read_to_string(deploy().join("../docs/deployment.md")).unwrap();
    assert!(text.contains("path: /spec/template/spec/volumes/0/secret/secretName"));
    // One that a release has is gone with the next that has it not.
    let own = "monitoring.enabled=true,monitoring.alertmanager.existingSecret=alertmanager-config";
    let told = template(&["--set", own]).await;
    assert!(told.code == Some(1) && told.err.contains("take another name"), "{told:?}");
}

/// Copies the chart, so that a test can change it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

#[tokio::test]
async fn new_rules_and_new_routes_are_taken_up_by_an_upgrade() {
    let directory = tempfile::tempdir().unwrap();
    copy(&deploy().join(CHART), directory.path());
    let chart = directory.path().to_str().unwrap();
    let sums = async |more: &[&str]| {
        let told =
            template_of(chart, &[&["--set", "monitoring.enabled=true"][..], more].concat()).await;
        let documents = documents(&told);
        ["prometheus", "alertmanager"].map(|name| {
            let pod = &find(&documents, "StatefulSet", name)["spec"]["template"];
            pod["metadata"]["annotations"]["checksum/config"].clone()
        })
    };
    let before = sums(&[]).await;
    assert!(before.iter().all(Value::is_string), "{before:?}");
    assert_eq!(sums(&["--set", "replicas=0"]).await, before, "nobody is restarted for nothing");
    for (file, changed) in
        [("mape-k.rules.yml", [true, false]), ("alertmanager.yml", [false, true])]
    {
        let path = directory.path().join("files").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}# another one\n")).unwrap();
        let after = sums(&[]).await;
        std::fs::write(&path, text).unwrap();
        assert_eq!([after[0] != before[0], after[1] != before[1]], changed, "{file}");
    }
    // What it cannot see it does not vouch for.
    let named = sums(&["--set", "monitoring.alertmanager.existingSecret=people"]).await;
    assert_eq!(named, [before[0].clone(), Value::Null]);
}

#[tokio::test]
async fn an_operator_is_told_where_to_scrape_and_by_which_rules() {
    let documents = rendered(&[
        "--values",
        PRODUCTION,
        "--set",
        "serviceMonitor.enabled=true,serviceMonitor.labels.release=x,prometheusRule.enabled=true",
    ])
    .await;
    let monitor = find(&documents, FOREIGN[0], "mape-k");
    assert_eq!(monitor["metadata"]["labels"]["release"], "x");
    let endpoint = &monitor["spec"]["endpoints"][0];
    let service = find(&documents, "Service", "mape-k");
    let named = |port: &Value| port["name"] == endpoint["port"];
    assert!(service["spec"]["ports"].as_array().unwrap().iter().any(named), "{endpoint}");
    for (label, value) in entries(&monitor["spec"]["selector"]["matchLabels"]) {
        assert_eq!(service["metadata"]["labels"][label], *value);
    }
    assert_eq!(endpoint["scheme"], "https");
    assert_eq!(endpoint["relabelings"][0]["replacement"], "mapek", "rules and boards call it so");
    for name in ["charter", "mape-k"] {
        let rule = find(&documents, FOREIGN[1], &format!("{name}-rules"));
        assert_eq!(rule["spec"], yaml(&format!("prometheus/rules/{name}.rules.yml")), "{name}");
    }
}
