//! `mapek run` speaks TLS on all sides, and follows its files; `mapek check` finds what cannot be used.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use charter_sim::{InProcess, PlantConfig};
use mapek::{
    Clock as _, SystemClock,
    server::Server,
    tls::{ServerFiles, ServerTls},
};
use mapek_testkit::wait_until;
use tokio::{process::Command, task::JoinHandle};

use crate::{
    certificates::{Certificates, shown},
    support::{DEADLINE, free_port, mapek, ran},
};

/// A Charter, and somebody who waits for heartbeats, that nobody reaches without a certificate.
struct Peer {
    port: u16,
    beats: Arc<AtomicU32>,
    serving: JoinHandle<()>,
}

impl Peer {
    async fn start(certificates: &Certificates) -> Self {
        let clock = SystemClock::new();
        let charter = InProcess::try_new(PlantConfig::default(), 7, clock.now()).unwrap();
        charter.advance_by("PT10M".parse().unwrap());
        let beats = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&beats);
        let beat = axum::routing::post(async move || {
            count.fetch_add(1, Relaxed);
        });
        let router = charter_sim::Server::new(charter).router().route("/beat", beat);
        let signed = certificates.sign("spiffe://prod/charter", |_| {});
        let (certificate, key) = certificates.write("charter", &signed);
        let client_ca = Some(certificates.ca());
        let files = ServerFiles { certificate, key, client_ca, client_required: true };
        let tls = ServerTls::open(files, clock.now()).unwrap();
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().with_tls(tls);
        let port = server.local_addr().port();
        let serving = tokio::spawn(async move {
            server.serve(router, std::future::pending()).await.unwrap();
        });
        Self { port, beats, serving }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sides_speak_tls_and_follow_their_files() {
    let certificates = Certificates::new();
    let peer = Peer::start(&certificates).await;
    let mut api_certificate = certificates.sign("spiffe://prod/mapek", |_| {});
    let (certificate, key) = certificates.write("mapek", &api_certificate);
    let robot = certificates.sign("spiffe://prod/robot", |_| {});
    certificates.write("robot", &robot);
    let charter = certificates.client("mapek", "spiffe://prod/charter");
    let directory = tempfile::tempdir().unwrap();
    let (api, charter_port) = (free_port(), peer.port);
    let text = format!(
        "orchestrator: {{loop_interval: 1s}}\n\
         monitor: {{targets: [{{url: 'https://127.0.0.1:{charter_port}/metrics'}}], scrape_interval: 1s, tls: {charter}}}\n\
         execute: {{state_dir: '{state}', charter_url: 'https://127.0.0.1:{charter_port}', tls: {charter}}}\n\
         knowledge: {{database: memory}}\n\
         alertmanager: {{enabled: false, notify: {{heartbeat: {{url: 'https://127.0.0.1:{charter_port}/beat', interval: 1s, tls: {charter}}}}}}}\n\
         api:\n  port: {api}\n  tls: {{certificate_file: '{certificate}', key_file: '{key}', client_ca_file: '{ca}',\n    \
           identities: [{{name: robot, role: viewer, uri: 'spiffe://prod/robot'}}]}}\n  client_tls: {commands}\n\
         logging: {{file: '{log}'}}\n",
        state = shown(&directory.path().join("state")),
        log = shown(&directory.path().join("mapek.log")),
        certificate = shown(&certificate),
        key = shown(&key),
        ca = shown(&certificates.ca()),
        commands = certificates.client("robot", "spiffe://prod/mapek"),
    );
    let config = directory.path().join("mapek.yaml");
    std::fs::write(&config, text).unwrap();
    let config = shown(&config);
    let mut child = mapek(&["run", "-c", &config]).spawn().unwrap();
    let log = || std::fs::read_to_string(directory.path().join("mapek.log")).unwrap_or_default();
    let logged = async |words: &str| {
        let found = wait_until(DEADLINE, words, async || log().contains(words)).await;
        assert!(found.is_ok(), "{words} is not in {}", log());
    };

    // The loop gets ready only with metrics and Charter, commands are known by their certificate, and a sign of life arrives.
    let status =
        async |more: &[&str]| ran(mapek(&[&["status", "-c", &config], more].concat()), "").await;
    wait_until(DEADLINE, "ready", async || status(&[]).await.out.contains("ready       yes"))
        .await
        .unwrap_or_else(|_| panic!("{}", log()));
    let beat = async || peer.beats.load(Relaxed) > 0;
    wait_until(DEADLINE, "a heartbeat", beat).await.unwrap();
    let whoami = ran(mapek(&["whoami", "-c", &config]), "").await;
    assert!(whoami.out.contains("robot"), "{whoami:?}");
    let other = status(&["--server-id", "spiffe://prod/other"]).await;
    assert_eq!(other.code, Some(3), "{other:?}");
    assert!(
        other.err.contains("spiffe://prod/mapek") && other.err.contains("is expected"),
        "{}",
        other.err
    );

    let client = certificates.reqwest(&robot);
    let shows = async || {
        let url = format!("https://127.0.0.1:{api}/health");
        let answer = client.get(url).send().await.unwrap();
        answer
            .extensions()
            .get::<reqwest::tls::TlsInfo>()
            .unwrap()
            .peer_certificate()
            .unwrap()
            .to_vec()
    };
    let before = shows().await;

    // What does not fit together is refused with the name of the file; nothing changes.
    let renewed = certificates.sign("spiffe://prod/mapek", |_| {});
    api_certificate.certificate.clone_from(&renewed.certificate);
    certificates.write("mapek", &api_certificate);
    logged("certificates stay as they were").await;
    logged(&format!("does not belong to the certificate in {}", shown(&certificate))).await;
    assert_eq!(shows().await, before);

    // Whole, it is taken by the listener and by the clients that show it.
    certificates.write("mapek", &renewed);
    wait_until(DEADLINE, "the new certificate", async || shows().await != before).await.unwrap();
    for key in ["api.tls", "monitor.tls", "execute.tls", "alertmanager.notify.heartbeat.tls"] {
        wait_until(DEADLINE, key, async || {
            log().lines().any(|line| {
                line.contains("were read anew") && line.contains(&format!("\"key\":\"{key}\""))
            })
        })
        .await
        .unwrap();
    }

    // By signal without a second look; and the end of one is told in time.
    let now = SystemClock::new().now();
    let soon = certificates.sign("spiffe://prod/mapek", |params| {
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        let left = now + Duration::from_secs(3600);
        params.not_after = time::OffsetDateTime::from_unix_timestamp(left.as_second()).unwrap();
    });
    certificates.write("mapek", &soon);
    let id = child.id().unwrap().to_string();
    let sent = Command::new("/bin/sh").args(["-c", "kill -s HUP $0", &id]).status().await;
    assert!(sent.unwrap().success());
    logged("the certificate ends soon: renew it").await;
    assert!(status(&[]).await.out.contains("ready       yes"));
    child.kill().await.unwrap();
}

#[tokio::test]
async fn check_finds_certificates_that_cannot_be_used_or_end_soon() {
    let certificates = Certificates::new();
    let good = certificates.sign("spiffe://prod/mapek", |_| {});
    certificates.write("good", &good);
    let other = certificates.sign("spiffe://prod/other", |_| {});
    certificates.write("mixed", &crate::certificates::Signed { key: other.key, ..good });
    let old = certificates.sign("spiffe://prod/mapek", |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    certificates.write("old", &old);
    let soon = certificates.sign("spiffe://prod/mapek", |params| {
        let end = SystemClock::new().now().as_second() + 3600;
        params.not_after = time::OffsetDateTime::from_unix_timestamp(end).unwrap();
    });
    certificates.write("soon", &soon);
    std::fs::write(certificates.path("empty.pem"), "").unwrap();
    let config = certificates.path("mapek.yaml");
    let check = async |text: &str| {
        std::fs::write(&config, text.replace("{d}", &shown(&certificates.path("")))).unwrap();
        ran(mapek(&["check", "-c", &shown(&config)]), "").await
    };
    let state = "state_dir: '{d}state'";
    let client = |name: &str| {
        format!("{{certificate_file: '{{d}}{name}.pem', key_file: '{{d}}{name}.key'}}")
    };
    for (text, words) in [
        (format!("execute: {{{state}, tls: {}}}", client("old")), vec!["execute.tls", "old.pem", "has expired at 2020-01-01", "renew it"]),
        (format!("monitor: {{tls: {}}}", client("mixed")), vec!["monitor.tls", "mixed.key", "does not belong to the certificate in", "mixed.pem"]),
        (format!("alertmanager: {{tls: {}}}", client("nowhere")), vec!["alertmanager.tls", "cannot read", "nowhere.pem", "check the path"]),
        ("alertmanager: {tls: {ca_file: '{d}empty.pem'}}".to_owned(), vec!["alertmanager.tls", "empty.pem holds no certificate", "as PEM"]),
        ("execute: {tls: {server_id: 'spiffe://prod/charter'}}".to_owned(), vec!["execute.tls", "a SPIFFE ID is expected without", "trust bundle"]),
        ("api: {client_tls: {ca_file: '{d}empty.pem'}}".to_owned(), vec!["api.client_tls", "empty.pem"]),
        (format!("api: {{tls: {}}}", client("old")), vec!["api.tls", "has expired"]),
        ("api: {tls: {certificate_file: '{d}good.pem', key_file: '{d}good.key', client_ca_file: '{d}empty.pem'}}".to_owned(), vec!["api.tls", "empty.pem"]),
        (format!("alertmanager: {{webhook_tls: {}}}", client("mixed")), vec!["alertmanager.webhook_tls", "mixed.key"]),
        ("alertmanager: {notify: {webhooks: [{name: pager, url: 'https://x', tls: {ca_file: '{d}empty.pem'}}]}}".to_owned(), vec!["alertmanager.notify.webhooks.pager.tls", "empty.pem"]),
        ("alertmanager: {notify: {heartbeat: {url: 'https://x', tls: {ca_file: '{d}empty.pem'}}}}".to_owned(), vec!["alertmanager.notify.heartbeat.tls", "empty.pem"]),
    ] {
        let told = check(&text).await;
        assert_eq!(told.code, Some(2), "{text}: {told:?}");
        let line = told.out.lines().find(|line| line.starts_with("FAIL") && line.contains(words[0]));
        let line = line.unwrap_or_else(|| panic!("{text}: {told:?}"));
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    let text = format!(
        "execute: {{{state}, tls: {}}}\napi: {{tls: {}}}\n",
        client("soon"),
        client("good")
    );
    let told = check(&text).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(
        told.out.contains("note  certificate   execute.tls: the certificate ends soon"),
        "{}",
        told.out
    );
    assert!(told.out.contains("ok    certificate   api.tls: valid until 4096"), "{}", told.out);
    assert!(told.out.contains("execute.tls has no effect"), "{}", told.out);
}
