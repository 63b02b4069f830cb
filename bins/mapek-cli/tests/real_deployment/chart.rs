//! The chart, and the plain manifests that it renders.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use mapek_testkit::wait_until;
use serde_json::Value;

use crate::{
    files::{content, deploy, entries, installed, knows, strings, tool, yaml},
    support::{DEADLINE, Ran, free_port, mapek, ran},
};

mod monitoring;

const CHART: &str = "helm/mape-k";
const PRODUCTION: &str = "helm/mape-k/values-production.yaml";
const SPIFFE: &str = "helm/mape-k/values-spiffe.yaml";
/// Kinds that belong to the Prometheus operator, whose schemas are not at hand.
const FOREIGN: [&str; 2] = ["ServiceMonitor", "PrometheusRule"];

async fn template(more: &[&str]) -> Ran {
    template_of(CHART, more).await
}

async fn template_of(chart: &str, more: &[&str]) -> Ran {
    let words = ["template", "mape-k", chart, "--namespace", "mape-k"];
    tool(installed("helm"), &[&words, more].concat()).await
}

/// What the chart renders with these arguments.
async fn rendered(more: &[&str]) -> Vec<Value> {
    documents(&template(more).await)
}

fn documents(told: &Ran) -> Vec<Value> {
    assert_eq!(told.code, Some(0), "{told:?}");
    serde_saphyr::from_multiple(&told.out).unwrap()
}

fn find<'a>(documents: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = documents.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} is called {name}"))
}

fn container(workload: &Value) -> &Value {
    &workload["spec"]["template"]["spec"]["containers"][0]
}

#[tokio::test]
async fn what_it_renders_is_what_kubernetes_takes() {
    let directory = tempfile::tempdir().unwrap();
    content(installed("helm"), &["lint", "--strict", CHART]).await;
    for values in [PRODUCTION, SPIFFE] {
        content(installed("helm"), &["lint", "--strict", CHART, "--values", values]).await;
    }
    let everything = [
        "--values",
        PRODUCTION,
        "--set",
        "image.tag=v1,imagePullSecrets[0].name=x,allowedHosts[0]=mapek.example,extraEnv[0].name=A,extraEnv[0].value=b",
        "--set",
        "persistence.storageClass=fast,priorityClassName=high,nodeSelector.a=b,podAnnotations.a=b,service.annotations.a=b",
        "--set",
        "tolerations[0].operator=Exists,monitoring.prometheus.storageClass=fast,networkPolicy.extraEgress[0].ports[0].port=443",
    ];
    // What is rendered with the shipped values is in `deploy/kubernetes`.
    let mut paths = Vec::new();
    for (name, more) in [
        ("all", &everything[..]),
        ("lost", &["--set", "persistence.enabled=false"]),
        ("spiffe", &["--values", SPIFFE, "--set", "monitoring.enabled=true"]),
    ] {
        let told = template(more).await;
        assert_eq!(told.code, Some(0), "{told:?}");
        let path = directory.path().join(name).with_extension("yaml");
        std::fs::write(&path, &told.out).unwrap();
        paths.push(path.to_str().unwrap().to_owned());
    }
    let validate = ["--strict", &paths[0], &paths[1], &paths[2]];
    let told = content(installed("kubernetes-validate"), &validate).await;
    assert!(!format!("{}{}", told.out, told.err).contains("WARN"), "{told:?}");
    // A mistake would be seen.
    let right = std::fs::read_to_string(&paths[1]).unwrap();
    std::fs::write(&paths[1], right.replace("publishNotReadyAddresses", "publishAll")).unwrap();
    let told = tool(installed("kubernetes-validate"), &["--strict", &paths[1]]).await;
    assert_ne!(told.code, Some(0), "{told:?}");
}

#[tokio::test]
async fn plain_manifests_are_what_kubernetes_takes_and_each_is_listed() {
    let mut paths = vec!["--strict".to_owned()];
    for set in ["kubernetes/base", "kubernetes/production"] {
        let kustomization = yaml(&format!("{set}/kustomization.yaml"));
        let listed: BTreeSet<_> =
            strings(&kustomization["resources"]).into_iter().map(str::to_owned).collect();
        let names = std::fs::read_dir(deploy().join(set)).unwrap();
        let mut there: BTreeSet<_> =
            names.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        assert!(there.remove("kustomization.yaml"), "{set}");
        assert_eq!(listed, there, "{set}");
        paths.extend(listed.iter().map(|name| format!("{set}/{name}")));
    }
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    content(installed("kubernetes-validate"), &paths).await;
}

#[tokio::test]
async fn bad_values_are_refused_with_their_name() {
    for (bad, named) in [
        ("replicas=2", "replicas: Must be less than or equal to 1"),
        ("replicas=two", "replicas: Invalid type"),
        ("image.repositry=x", "repositry is not allowed"),
        ("secrets.tls=A_B", "secrets.tls: Does not match"),
        ("persistence.enabled=maybe", "persistence.enabled: Invalid type"),
        ("persistence.size=much", "persistence.size: Does not match"),
        ("probes.liveness.path=/metrics", "probes.liveness.path"),
        ("service.type=None", "service.type"),
        ("networkPolicy.clients[0].podselector=x", "podselector is not allowed"),
        ("monitoring.prometheus.retention=long", "monitoring.prometheus.retention: Does not match"),
        ("config.orchestrator.loop_intervall=3", "loop_intervall is not allowed"),
        ("config.plan.min_violations=many", "config.plan.min_violations: Invalid type"),
        ("config.execute.rails.profile=all", "config.execute.rails.profile"),
        ("monitoring.alertmanager.existingSecret=A_B", "existingSecret: Does not match"),
        ("extraVolumeMounts[0].mountPath=run", "extraVolumeMounts"),
        ("initContainers[0].name=helper", "initContainers"),
    ] {
        let told = template(&["--set", bad]).await;
        assert!(told.code == Some(1) && told.err.contains(named), "{bad}: {told:?}");
    }
}

#[tokio::test]
async fn a_cluster_that_is_too_old_is_told_so() {
    let on = async |version: &str, more: &[&str]| {
        template(&[&["--kube-version", version], more].concat()).await
    };
    let sidecar = ["--values", SPIFFE];
    for (version, more, named) in [
        ("1.24.17", &[][..], "chart requires kubeVersion: >=1.25.0"),
        ("1.25.0", &sidecar, "needs Kubernetes 1.29; this is v1.25.0"),
        ("v1.28.15-eks-2d5f260", &sidecar, "spiffe-helper has restartPolicy Always"),
    ] {
        let told = on(version, more).await;
        assert!(told.code == Some(1) && told.err.contains(named), "{version}: {told:?}");
    }
    let ends = ["--set", "initContainers[0].name=a,initContainers[0].image=b"];
    for (version, more) in
        [("1.25.0", &[][..]), ("1.25.0", &ends), ("1.29.0", &sidecar), ("v1.29.0-gke.1", &sidecar)]
    {
        documents(&on(version, more).await);
    }
}

#[tokio::test]
async fn one_loop_runs_with_no_right_that_it_does_not_use() {
    let documents = rendered(&[]).await;
    let kinds: BTreeSet<_> = documents.iter().map(|it| it["kind"].as_str().unwrap()).collect();
    let expected = [
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "Service",
    ];
    assert_eq!(kinds, BTreeSet::from(expected), "no role, no account, no secret");
    for document in &documents {
        assert_eq!(document["metadata"]["labels"]["app"], "mape-k", "{document}");
    }
    let deployment = find(&documents, "Deployment", "mape-k");
    let (spec, pod) = (&deployment["spec"], &deployment["spec"]["template"]["spec"]);
    assert_eq!((&spec["replicas"], &spec["strategy"]["type"]), (&1.into(), &"Recreate".into()));
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["enableServiceLinks"], false, "MAPE_K_… of a Service is no setting");
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let security = &container(deployment)["securityContext"];
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(strings(&security["capabilities"]["drop"]), ["ALL"]);
    let user = crate::images::instructions("Dockerfile.mape-k");
    let user = &user.iter().find(|(name, _)| name == "USER").unwrap().1;
    assert_eq!(*user, format!("{0}:{0}", pod["securityContext"]["runAsUser"]));
    for what in ["requests", "limits"] {
        assert!(container(deployment)["resources"][what]["memory"].is_string(), "{what}");
    }
    for (probe, path) in
        [("startupProbe", "/health"), ("livenessProbe", "/health"), ("readinessProbe", "/ready")]
    {
        let get = &container(deployment)[probe]["httpGet"];
        assert_eq!(
            (&get["path"], &get["port"], &get["scheme"]),
            (&path.into(), &"api".into(), &"HTTP".into())
        );
    }
    let budget = find(&documents, "PodDisruptionBudget", "mape-k");
    assert_eq!(
        budget["spec"]["maxUnavailable"], 1,
        "one replica must not keep a node from being drained"
    );
}

#[tokio::test]
async fn ports_and_policies_fit_each_other() {
    let documents = rendered(&[]).await;
    let service = find(&documents, "Service", "mape-k");
    assert_eq!(
        service["spec"]["publishNotReadyAddresses"], true,
        "who is paused has to be resumed"
    );
    let opened: Vec<_> = container(find(&documents, "Deployment", "mape-k"))["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it["containerPort"].as_u64().unwrap()))
        .collect();
    let served: Vec<_> = service["spec"]["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["targetPort"].as_str().unwrap(), it["port"].as_u64().unwrap()))
        .collect();
    assert_eq!(opened, served);
    assert_eq!(served, [("api", 8001), ("webhook", 5000), ("metrics", 9090)]);
    let config = config(&documents);
    assert_eq!(config["api"]["port"], 8001);
    assert_eq!(config["alertmanager"]["webhook_port"], 5000);
    assert_eq!(config["api"]["metrics_port"], 9090);

    let deny = &find(&documents, "NetworkPolicy", "mape-k-default-deny")["spec"];
    assert_eq!(strings(&deny["policyTypes"]), ["Ingress", "Egress"]);
    assert!(deny["ingress"].is_null() && deny["egress"].is_null(), "{deny}");
    let allow = &find(&documents, "NetworkPolicy", "mape-k")["spec"];
    let ingress: BTreeSet<_> = allow["ingress"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            assert!(!it["from"].as_array().unwrap().is_empty(), "from nobody means from everybody");
            it["ports"][0]["port"].as_str().unwrap()
        })
        .collect();
    assert_eq!(ingress, opened.iter().map(|(name, _)| *name).collect());
    for rule in allow["egress"].as_array().unwrap() {
        assert!(!rule["to"].as_array().unwrap().is_empty(), "to nobody means to everybody");
    }
    // What the loop is told to call, it may call.
    for path in ["/monitor/prometheus_url", "/alertmanager/url", "/execute/charter_url"] {
        let url = config.pointer(path).unwrap().as_str().unwrap();
        let (host, port) = url.trim_start_matches("http://").split_once(':').unwrap();
        let allowed = allow["egress"].as_array().unwrap().iter().any(|rule| {
            rule["to"][0]["podSelector"]["matchLabels"]["app"] == host
                && rule["ports"][0]["port"] == port.parse::<u16>().unwrap()
        });
        assert!(allowed, "{url}");
    }
}

/// Whether a policy lets it pass, in (`ingress`) or out (`egress`), from or to pods with this label `app`.
fn lets(policy: &Value, way: &str, app: &str, protocol: &str, port: &Value) -> bool {
    let peers = if way == "ingress" { "from" } else { "to" };
    let has =
        |list: &Value, found: &dyn Fn(&Value) -> bool| list.as_array().unwrap().iter().any(found);
    has(&policy["spec"][way], &|rule| {
        has(&rule[peers], &|it| it["podSelector"]["matchLabels"]["app"] == app)
            && has(&rule["ports"], &|it| it["protocol"] == protocol && it["port"] == *port)
    })
}

/// The loop's configuration in a release.
fn config(documents: &[Value]) -> Value {
    let map = find(documents, "ConfigMap", "mape-k-config");
    serde_saphyr::from_str(map["data"]["mape_k_config.yaml"].as_str().unwrap()).unwrap()
}

/// What the loop says of the configuration in a release, with the files that its secrets bring.
async fn checked(documents: &[Value], directory: &Path) -> Ran {
    let (path, _) = brought(documents, directory).await;
    ran(mapek(&["check", "--config", path.to_str().unwrap()]), "").await
}

/// The configuration in a release, in a place with the files that its secrets bring, and the token of an admin.
async fn brought(documents: &[Value], directory: &Path) -> (PathBuf, String) {
    let text = find(documents, "ConfigMap", "mape-k-config")["data"]["mape_k_config.yaml"].clone();
    let here = directory.display().to_string();
    let text = ["/etc/mape-k", "/var/lib/mape-k", "/run"]
        .iter()
        .fold(text.as_str().unwrap().to_owned(), |text, there| text.replace(there, &here));
    let made = rcgen::generate_simple_self_signed(["mape-k".to_owned()]).unwrap();
    let token =
        ran(mapek(&["token", "new", "--name", "ada", "--role", "admin", "--json"]), "").await;
    let token: Value = serde_json::from_str(&token.out).unwrap();
    for (name, text) in [
        ("config.yaml", text),
        ("charter/api-key", "key\n".to_owned()),
        ("tokens/tokens.yaml", format!("tokens: [{}]\n", token["entry"])),
        ("tls/tls.crt", made.cert.pem()),
        ("tls/tls.key", made.signing_key.serialize_pem()),
        ("tls/ca.crt", made.cert.pem()),
        ("trust/ca.crt", made.cert.pem()),
        ("svid/svid.pem", made.cert.pem()),
        ("svid/key.pem", made.signing_key.serialize_pem()),
        ("svid/bundle.pem", made.cert.pem()),
    ] {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    (directory.join("config.yaml"), token["token"].as_str().unwrap().to_owned())
}

/// As in the production pod: TLS with a certificate for the names of the Service, and no shell to help oneself with.
#[tokio::test(flavor = "multi_thread")]
async fn commands_in_the_pod_reach_the_loop_that_runs_there() {
    for more in
        [&["--values", PRODUCTION][..], &["--values", PRODUCTION, "--set", "trust.configMap=ca"]]
    {
        let documents = rendered(more).await;
        let directory = tempfile::tempdir().unwrap();
        let (config, token) = brought(&documents, directory.path()).await;
        let ports = [free_port(), free_port(), free_port()].map(|port| port.to_string());
        let in_pod = |args: &[&str]| {
            let mut command = mapek(args);
            command.env("MAPEK_CONFIG", &config).env("MAPEK__API__PORT", &ports[0]);
            command.env("MAPEK__API__METRICS_PORT", &ports[1]).env("WEBHOOK_PORT", &ports[2]);
            command
        };
        let mut looped = in_pod(&["run"]).spawn().unwrap();
        let lives = async || ran(in_pod(&["health"]), "").await.out == "it lives\n";
        wait_until(DEADLINE, "the loop lives", lives).await.unwrap();
        // `kubectl exec -i` brings the token on the standard input.
        let said = async |act: &str| {
            let args = [act, "--reason", "x", "--token-file", "/dev/stdin"];
            ran(in_pod(&args), token.clone()).await
        };
        let paused = said("pause").await;
        assert!(paused.code == Some(0) && paused.out.starts_with("paused by ada"), "{paused:?}");
        assert!(!directory.path().join("data/PAUSE").exists(), "it was heard");
        assert_eq!(said("resume").await.out, "resumed\n");
        looped.kill().await.unwrap();
    }
}

#[tokio::test]
async fn the_loop_takes_its_configuration() {
    let trusted = ["--values", PRODUCTION, "--set", "trust.configMap=ca"];
    for more in [&[][..], &["--values", PRODUCTION], &trusted] {
        let documents = rendered(more).await;
        let directory = tempfile::tempdir().unwrap();
        let told = checked(&documents, directory.path()).await;
        assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
        let config = config(&documents);
        assert_eq!(config["orchestrator"]["mode"], "production");
        assert_eq!(config["execute"]["rails"]["profile"], "observe");
        assert_eq!(config["api"]["tls"].is_object(), !more.is_empty());
        assert_eq!(config["api"]["client_tls"].is_object(), !more.is_empty());
        // Every file that it names is mounted.
        let deployment = find(&documents, "Deployment", "mape-k");
        let mounts: Vec<_> = container(deployment)["volumeMounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["mountPath"].as_str().unwrap().to_owned())
            .collect();
        for path in files(&config) {
            assert!(
                mounts.iter().any(|mount| path.starts_with(mount)),
                "{path} is in none of {mounts:?}"
            );
        }
        let volumes = deployment["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
        assert_eq!(volumes.len(), mounts.len());
    }
    // Without anybody who is known, production refuses to begin.
    let documents = rendered(&["--set", "secrets.tokens="]).await;
    let told = checked(&documents, tempfile::tempdir().unwrap().path()).await;
    assert!(told.code == Some(2) && told.err.contains("production refuses"), "{told:?}");
}

#[tokio::test]
async fn the_workload_api_comes_to_the_loop_as_files() {
    let documents = rendered(&["--values", SPIFFE]).await;
    let deployment = find(&documents, "Deployment", "mape-k");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false, "its account is for others to go by");
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container(deployment)[probe]["httpGet"]["scheme"], "HTTPS", "{probe}");
    }
    let helper = &pod["initContainers"][0];
    assert_eq!(helper["restartPolicy"], "Always", "it renews what it has written");
    let mounted = |container: &Value, name: &str| {
        let mounts = container["volumeMounts"].as_array().unwrap();
        let mount = mounts.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("{name}"));
        mount["mountPath"].as_str().unwrap().to_owned()
    };
    for name in ["agent", "spiffe-helper", "svid"] {
        let volumes = pod["volumes"].as_array().unwrap();
        assert!(volumes.iter().any(|it| it["name"] == name), "{name}");
        mounted(helper, name);
    }
    assert_eq!(mounted(container(deployment), "svid"), mounted(helper, "svid"));

    // What the document has the helper write is what the loop is told to read.
    let security = std::fs::read_to_string(deploy().join("../docs/security.md")).unwrap();
    let section = security.split("### On Kubernetes").nth(1).unwrap();
    let block = section.split("```hcl\n").nth(1).unwrap().split("```").next().unwrap();
    let word = |key: &str| {
        let line = block.lines().find(|it| it.split_whitespace().next() == Some(key));
        let value = line.and_then(|it| it.split('=').nth(1)).unwrap_or_else(|| panic!("{key}"));
        value.split('#').next().unwrap().trim().trim_matches('"').to_owned()
    };
    assert_eq!(word("cert_dir"), mounted(helper, "svid"));
    assert!(word("agent_address").starts_with(&mounted(helper, "agent")), "{block}");
    let written: BTreeSet<_> = ["svid_file_name", "svid_key_file_name", "svid_bundle_file_name"]
        .map(|key| format!("{}/{}", word("cert_dir"), word(key)))
        .into();
    let config = config(&documents);
    let read: BTreeSet<_> =
        files(&config).into_iter().filter(|it| it.starts_with(&word("cert_dir"))).collect();
    assert_eq!(written, read);
    let get = &helper["startupProbe"]["httpGet"];
    assert_eq!(get["path"], word("readiness_path"));
    assert_eq!(get["port"].to_string(), word("bind_port"));
}

/// The absolute paths in a configuration, but for that of the webhook.
fn files(config: &Value) -> Vec<String> {
    match config {
        Value::String(text) if text.starts_with('/') => vec![text.clone()],
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "webhook_path")
            .flat_map(|(_, it)| files(it))
            .collect(),
        Value::Array(items) => items.iter().flat_map(files).collect(),
        _ => Vec::new(),
    }
}
