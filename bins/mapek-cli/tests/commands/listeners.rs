//! The listeners of `mapek run` against those who come and go, who are slow, and who show certificates.

use std::path::Path;

use mapek_testkit::wait_until;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Child,
    time::timeout,
};

use crate::support::{DEADLINE, free_port, mapek, ran};

struct Started {
    child: Child,
    api: u16,
    metrics: u16,
    webhook: u16,
    directory: tempfile::TempDir,
}

impl Started {
    /// With more in its sections `api` and `alertmanager`; `{d}` is its directory.
    async fn new(api_more: &str, alertmanager_more: &str, prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        prepare(directory.path());
        let (api, metrics, webhook) = (free_port(), free_port(), free_port());
        let text = format!(
            "monitor: {{prometheus_url: 'http://127.0.0.1:1'}}\n\
             execute: {{state_dir: '{{d}}/state'}}\n\
             knowledge: {{database: memory}}\n\
             staging: {{use_mock_charter: true}}\n\
             logging: {{file: '{{d}}/mapek.log'}}\n\
             api: {{port: {api}, metrics_port: {metrics}{api_more}}}\n\
             alertmanager: {{url: 'http://127.0.0.1:1', webhook_port: {webhook}{alertmanager_more}}}\n",
        );
        let text = text.replace("{d}", &directory.path().display().to_string());
        let path = directory.path().join("mapek.yaml");
        std::fs::write(&path, text).unwrap();
        let child = mapek(&["run", "--config", path.to_str().unwrap()]).spawn().unwrap();
        wait_until(DEADLINE, "it listens", async || {
            TcpStream::connect(("127.0.0.1", webhook)).await.is_ok()
                && TcpStream::connect(("127.0.0.1", api)).await.is_ok()
        })
        .await
        .unwrap();
        Self { child, api, metrics, webhook, directory }
    }

    async fn status(&self, token: &str) -> StatusCode {
        let url = format!("http://127.0.0.1:{}/api/v1/status", self.api);
        reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap().status()
    }
}

/// A token, and its entry in a file of tokens.
async fn token(name: &str) -> (String, String) {
    let args = ["token", "new", "--name", name, "--role", "viewer", "--json"];
    let made: Value = serde_json::from_str(&ran(mapek(&args), "").await.out).unwrap();
    let hash = made["entry"]["sha256"].as_str().unwrap();
    let entry = format!("{{name: {name}, role: viewer, sha256: '{hash}'}}");
    (made["token"].as_str().unwrap().to_owned(), entry)
}

#[tokio::test]
async fn who_is_in_the_file_of_tokens_may_come_in_and_who_is_taken_out_is_out() {
    let ((old, one), (new, two)) = (token("ada").await, token("ada").await);
    let file = |directory: &Path, entries: &str| {
        let beside = directory.join("tokens.new");
        std::fs::write(&beside, format!("tokens: [{entries}]\n")).unwrap();
        std::fs::rename(beside, directory.join("tokens.yaml")).unwrap();
    };
    let more = ", auth: {tokens_file: '{d}/tokens.yaml'}";
    let mut started = Started::new(more, "", |directory| file(directory, &one)).await;
    let directory = started.directory.path();
    assert_eq!([started.status(&old).await, started.status(&new).await], [200, 401]);
    let url = format!("http://127.0.0.1:{}/api/v1/events", started.api);
    let follow = reqwest::Client::new().get(url).bearer_auth(&old).send().await.unwrap();
    assert_eq!(follow.status(), 200);

    file(directory, &format!("{one}, {two}"));
    let becomes = async |token: &str, status: u16| {
        let what = format!("{status}");
        wait_until(DEADLINE, &what, async || started.status(token).await == status).await.unwrap();
    };
    becomes(&new, 200).await;
    assert_eq!(started.status(&old).await, 200, "two are live while one is changed for the other");

    // What makes no sense changes nothing.
    std::fs::write(directory.join("tokens.yaml"), "tokens: [{name: ada}]\n").unwrap();
    let log = || std::fs::read_to_string(directory.join("mapek.log")).unwrap();
    let kept = async || log().contains("who may use the API stays as it was");
    wait_until(DEADLINE, "it is refused", kept).await.unwrap();
    assert_eq!(started.status(&old).await, 200);

    file(directory, &two);
    becomes(&old, 401).await;
    let rest = timeout(DEADLINE, follow.bytes()).await;
    assert!(rest.expect("the stream of who is out ends").is_ok());
    assert_eq!(started.status(&new).await, 200);

    // Nobody is left: nobody may read either.
    file(directory, "");
    becomes(&new, 401).await;
    let url = format!("http://127.0.0.1:{}/api/v1/status", started.api);
    assert_eq!(reqwest::get(url).await.unwrap().status(), 401);
    started.child.kill().await.unwrap();
}

#[tokio::test]
async fn who_is_slow_is_cut_off_by_every_listener_and_others_are_served() {
    let mut started = Started::new("", "", |_| ()).await;
    let slow = [started.api, started.metrics, started.webhook].map(|port| {
        tokio::spawn(async move {
            let mut streams = Vec::new();
            // Nothing, half of the headers, and half of a body.
            let halves: [&[u8]; 3] = [
                b"",
                b"POST / HTTP/1.1\r\nhost: localhost\r\n",
                b"POST /webhooks/alerts HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
            ];
            for half in halves {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                stream.write_all(half).await.unwrap();
                streams.push(stream);
            }
            for mut stream in streams {
                let mut answer = Vec::new();
                let read = timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
                read.expect("it is closed").ok();
                let answer = String::from_utf8_lossy(&answer);
                assert!(!answer.starts_with("HTTP/1.1 2"), "{port}: {answer}");
            }
        })
    });
    for path in ["health", "ready"] {
        assert!(reqwest::get(format!("http://127.0.0.1:{}/{path}", started.api)).await.is_ok());
    }
    for one in slow {
        one.await.unwrap();
    }
    let metrics = format!("http://127.0.0.1:{}/metrics", started.metrics);
    assert_eq!(reqwest::get(metrics).await.unwrap().status(), 200);
    started.child.kill().await.unwrap();
}

/// What a listener of `mapek run` is for.
#[derive(Debug, Clone, Copy)]
enum Listens {
    Api,
    Metrics,
    Webhook,
}

/// Who asks a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Nobody,
    Somebody,
    Ada,
    Alertmanager,
}

/// What the documents say that a listener answers where Ada may read the API and Alertmanager may send alerts.
fn expected(listens: Listens, path: &str, method: &str, by: By) -> u16 {
    let takes = |taken: &str| method == taken || method == "HEAD" && taken == "GET";
    let answer = |taken: &str| if takes(taken) { 200 } else { 405 };
    match (listens, path) {
        (Listens::Webhook, _) if by != By::Alertmanager => 401,
        (Listens::Webhook, "/webhooks/alerts") if takes("POST") => 204,
        (Listens::Webhook, "/webhooks/alerts") => 405,
        (Listens::Metrics, "/metrics") | (Listens::Api, "/health") => answer("GET"),
        (Listens::Api, "/api/v1/whoami") if takes("GET") && by != By::Ada => 401,
        (Listens::Api, "/api/v1/whoami") => answer("GET"),
        _ => 404,
    }
}

#[tokio::test]
async fn each_listener_has_paths_methods_and_people_of_its_own_and_hosts_that_are_ours() {
    let ((ada, known), (alertmanager, sends)) = (token("ada").await, token("alertmanager").await);
    let hash = sends.split('\'').nth(1).unwrap();
    let api = format!(
        ", allowed_hosts: [mapek.example], auth: {{tokens: [{known}]}}, requests_per_second: 1000000, \
         requests_burst: 1000000"
    );
    let webhook = format!(", webhook_token_sha256: '{hash}'");
    let mut started = Started::new(&api, &webhook, |_| ()).await;
    let credentials = [
        (By::Nobody, None),
        (By::Somebody, Some("mapek_0000")),
        (By::Ada, Some(ada.as_str())),
        (By::Alertmanager, Some(alertmanager.as_str())),
    ];
    let paths = ["/webhooks/alerts", "/webhooks/alerts/", "/metrics", "/health", "/api/v1/whoami"];
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];
    let alert = json!({"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-01-01T00:00:00Z"});
    let body = json!({"version": "4", "receiver": "r", "alerts": [alert]});
    // Whoever is refused may be hung up on: each request has a connection of its own.
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().pool_max_idle_per_host(0);
    let client = client.build().unwrap();
    let mut taken = 0;
    for (listens, port) in [
        (Listens::Api, started.api),
        (Listens::Metrics, started.metrics),
        (Listens::Webhook, started.webhook),
    ] {
        for (path, method) in paths.iter().flat_map(|path| methods.map(|method| (path, method))) {
            for (host, ours) in
                [("localhost", true), ("mapek.example", true), ("evil.example", false)]
            {
                for (by, token) in credentials {
                    let url = format!("http://127.0.0.1:{port}{path}");
                    let request = client.request(method.parse().unwrap(), url).header("host", host);
                    let request =
                        token.into_iter().fold(request, |it, token| it.bearer_auth(token));
                    let got = request.json(&body).send().await.unwrap().status().as_u16();
                    let right = if ours { expected(listens, path, method, by) } else { 421 };
                    assert_eq!(got, right, "{listens:?}: {method} {path} at {host} by {by:?}");
                    taken += usize::from(got == 204);
                }
            }
        }
    }
    // Alertmanager at two names of ours, and nobody else.
    assert_eq!(taken, 2);
    let metrics = format!("http://127.0.0.1:{}/metrics", started.metrics);
    let metrics = client.get(metrics).send().await.unwrap().text().await.unwrap();
    let counts = metrics.lines().filter(|line| line.starts_with("mape_k_alerts_received_total"));
    let counts: Vec<_> = counts.filter_map(|line| line.rsplit_once(' ')).map(|it| it.1).collect();
    assert_eq!(counts, ["2"], "{metrics}");
    started.child.kill().await.unwrap();
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate with this DNS name or SPIFFE ID, and its key.
fn signed(by: &Authority, name: &str) -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = vec![match name.starts_with("spiffe://") {
        true => SanType::URI(name.try_into().unwrap()),
        false => SanType::DnsName(name.try_into().unwrap()),
    }];
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, by).unwrap().pem(), key.serialize_pem())
}

#[tokio::test]
async fn the_webhook_speaks_tls_and_knows_who_sends() {
    let (servers, clients) = (authority(), authority());
    let (certificate, key) = signed(&servers, "localhost");
    let more = ", webhook_tls: {certificate_file: '{d}/cert', key_file: '{d}/key', client_ca_file: '{d}/ca', \
                identities: [{name: am, role: viewer, dns: alertmanager.example}, \
                {name: peer, role: viewer, uri: 'spiffe://prod/alertmanager'}]}";
    let prepare = |directory: &Path| {
        let files = [("cert", &certificate), ("key", &key), ("ca", &clients.pem())];
        for (name, pem) in files {
            std::fs::write(directory.join(name), pem).unwrap();
        }
    };
    let mut started = Started::new("", more, prepare).await;
    let url = format!("https://localhost:{}/webhooks/alerts", started.webhook);
    let post = async |identity: Option<(String, String)>| {
        let root = reqwest::Certificate::from_pem(servers.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([root]).no_proxy();
        let client = match identity {
            Some((certificate, key)) => {
                let pem = format!("{certificate}{key}");
                client.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap())
            }
            None => client,
        };
        let body = json!({"version": "4", "alerts": []});
        client.build().unwrap().post(&url).json(&body).send().await.unwrap().status().as_u16()
    };
    for (name, status) in [
        ("alertmanager.example", 204),
        ("spiffe://prod/alertmanager", 204),
        ("somebody.example", 401),
        ("x.alertmanager.example", 401),
        ("spiffe://prod/alertmanager/2", 401),
        ("spiffe://prod/alert", 401),
        ("spiffe://test/alertmanager", 401),
    ] {
        assert_eq!(post(Some(signed(&clients, name))).await, status, "{name}");
    }
    assert_eq!(post(None).await, 401);
    let clear = format!("http://127.0.0.1:{}/webhooks/alerts", started.webhook);
    assert!(reqwest::get(clear).await.is_err(), "nothing is said in clear text");
    started.child.kill().await.unwrap();
}
