//! Against a real Alertmanager, from an alert by API v2 to its webhook and back.
//!
//! `prometheus-alertmanager` is looked for in `PATH`; put the directory of another version first to test that.
#![allow(clippy::unwrap_used, reason = "in a test, helpers included, a panic is the report")]

use std::{
    fs::{self, File},
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use alertmanager_client::{
    Alert, AlertFilter, AlertStateKind, AlertStatus, AlertmanagerApi, Config, Delivery, Error,
    HttpAlertmanager, Intake, IntakeError, Labels, Matchers, Notification, PostableAlert,
    PostableSilence, Sequel, SilenceId, SilenceState, WebhookServer, async_trait,
};
use jiff::{Timestamp, ToSpan};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

const PROGRAM: &str = "prometheus-alertmanager";

/// No test waits longer for anything.
const DEADLINE: Duration = Duration::from_secs(30);

/// A real Alertmanager in a temporary directory, killed when dropped.
struct Real {
    process: Child,
    directory: tempfile::TempDir,
    api: HttpAlertmanager,
}

impl Drop for Real {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Real {
    /// One that tells `webhook` of each alert by itself, at once, and again every second.
    async fn start(webhook: SocketAddr) -> Self {
        // Another program may take the port between our look and Alertmanager's.
        for _ in 0..5 {
            if let Some(real) = Self::try_start(webhook).await {
                return real;
            }
        }
        panic!("no free port for {PROGRAM}");
    }

    /// `None` if the port was taken.
    async fn try_start(webhook: SocketAddr) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("am.yml"), configuration(webhook)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = File::create(at("log")).unwrap();
        let process = Command::new(PROGRAM)
            .arg(format!("--config.file={}", at("am.yml").display()))
            .arg(format!("--storage.path={}", at("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn();
        let process = process.unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                panic!("{PROGRAM} is not in PATH: install {PROGRAM}; `cargo xtask ci` does")
            }
            _ => panic!("{PROGRAM}: {error}"),
        });
        let url = format!("http://127.0.0.1:{port}");
        let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        let api = HttpAlertmanager::try_new(client, &Config { url, ..Config::default() }).unwrap();
        let mut real = Self { process, directory, api };
        real.wait_until_ready().await.then_some(real)
    }

    async fn wait_until_ready(&mut self) -> bool {
        let ready = async {
            loop {
                if let Some(status) = self.process.try_wait().unwrap() {
                    let log = log(self.directory.path());
                    assert!(log.contains("address already in use"), "{status}: {log}");
                    return false;
                }
                if self.api.ready().await.is_ok() {
                    return true;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        match timeout(DEADLINE, ready).await {
            Ok(ready) => ready,
            Err(_) => panic!("{PROGRAM} is not ready: {}", log(self.directory.path())),
        }
    }
}

fn configuration(webhook: SocketAddr) -> String {
    format!(
        "route:
  receiver: mapek-loop
  group_by: ['...']
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1s
receivers:
- name: mapek-loop
  webhook_configs:
  - url: http://{webhook}/webhooks/alerts
    send_resolved: true
- name: nobody
"
    )
}

fn log(directory: &Path) -> String {
    fs::read_to_string(directory.join("log")).unwrap_or_default()
}

/// Hands on what it receives.
#[derive(Debug)]
struct Inbox(mpsc::Sender<Notification>);

#[async_trait]
impl Intake for Inbox {
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
        self.0.try_send(delivery.notification).map_err(|_| IntakeError::full())
    }
}

struct Heard(mpsc::Receiver<Notification>);

impl Heard {
    async fn start() -> (SocketAddr, Self) {
        let (sender, receiver) = mpsc::channel(1_000);
        let any = "127.0.0.1:0".parse().unwrap();
        let server = WebhookServer::bind(any, "/webhooks/alerts", Inbox(sender)).await.unwrap();
        let address = server.local_addr();
        tokio::spawn(server.serve(std::future::pending()));
        (address, Self(receiver))
    }

    /// The next alert of that name and status.
    async fn next(&mut self, name: &str, status: AlertStatus) -> Alert {
        let wanted =
            |alert: &Alert| alert.labels.alertname() == Some(name) && alert.status == status;
        let found = async {
            loop {
                let notification = self.0.recv().await.expect("the server lives");
                assert_eq!(notification.receiver, "mapek-loop");
                assert!(notification.is_complete());
                if let Some(alert) = notification.alerts.into_iter().find(wanted) {
                    return alert;
                }
            }
        };
        let late = |_| panic!("no webhook told of {name} {status}");
        timeout(DEADLINE, found).await.unwrap_or_else(late)
    }
}

fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the real Alertmanager lives in real time")]
    Timestamp::now()
}

fn alert(name: &str) -> PostableAlert {
    let labels =
        Labels::from([("alertname", name), ("severity", "critical"), ("zone", "größe \"1\"")]);
    PostableAlert { starts_at: Some(now()), ..PostableAlert::new(labels) }
}

fn named(name: &str) -> Matchers {
    format!("alertname={name}").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_fires_repeats_is_silenced_and_resolves() {
    let (webhook, mut heard) = Heard::start().await;
    let real = Real::start(webhook).await;
    let api = &real.api;

    // Fires, and is told again with the same key.
    let latency = alert("Latency");
    api.post_alerts(std::slice::from_ref(&latency)).await.unwrap();
    let first = heard.next("Latency", AlertStatus::Firing).await;
    assert_eq!(Some(first.starts_at), latency.starts_at);
    assert_eq!(first.fingerprint, latency.labels.fingerprint());
    assert_eq!((first.ends_at, &first.labels), (None, &latency.labels));
    let again = heard.next("Latency", AlertStatus::Firing).await;
    assert_eq!(again.dedupe_key(), first.dedupe_key());
    assert_eq!(again.dedupe_key().sequel(&first.dedupe_key()), Sequel::Repeat);

    // The API shows it under the same key, and filters as our matchers do.
    let filter = AlertFilter::matching(
        r#"{severity=~"crit.*",zone="größe \"1\"",job!="x"}"#.parse().unwrap(),
    );
    assert!(filter.matchers.matches(&latency.labels));
    let shown = api.alerts(&filter).await.unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].dedupe_key(), first.dedupe_key());
    assert_eq!(shown[0].receivers[0].name, "mapek-loop");
    let none = AlertFilter::matching(r#"severity=~"crit""#.parse().unwrap());
    assert!(api.alerts(&none).await.unwrap().is_empty());
    let nobodys = AlertFilter { receiver: Some("nobody".into()), ..AlertFilter::default() };
    assert!(api.alerts(&nobodys).await.unwrap().is_empty());

    // Silenced: still shown, no longer told.
    let until = now() + 10.minutes();
    let silence = PostableSilence::new(&named("Latency"), now(), until, "real.rs", "a test");
    let id = api.post_silence(&silence).await.unwrap();
    suppressed(api, 1).await;
    let silences = api.silences(&named("Latency")).await.unwrap();
    assert_eq!((silences.len(), &silences[0].id), (1, &id));
    assert_eq!(silences[0].to_matchers().unwrap(), named("Latency"));
    assert!(api.silences(&named("Other")).await.unwrap().is_empty());

    // It ends in silence: another alert is told meanwhile, its end never is.
    api.post_alerts(&[latency.resolved(now()), alert("Overload")]).await.unwrap();
    heard.next("Overload", AlertStatus::Firing).await;
    api.delete_silence(&id).await.unwrap();
    api.delete_silence(&id).await.unwrap();
    let silences = api.silences(&Matchers::any()).await.unwrap();
    assert_eq!(silences[0].status.state, SilenceState::Expired);

    // An end outside silence is told.
    let overload = api.alerts(&AlertFilter::matching(named("Overload"))).await.unwrap().remove(0);
    let ended = PostableAlert::new(overload.labels.clone()).resolved(now());
    api.post_alerts(&[PostableAlert { starts_at: Some(overload.starts_at), ..ended }])
        .await
        .unwrap();
    let resolved = heard.next("Overload", AlertStatus::Resolved).await;
    assert!(resolved.ends_at.is_some());
    assert_eq!(resolved.dedupe_key().sequel(&overload.dedupe_key()), Sequel::End);
}

async fn suppressed(api: &HttpAlertmanager, count: usize) {
    let wait = async {
        loop {
            let filter = AlertFilter { active: false, ..AlertFilter::default() };
            let alerts = api.alerts(&filter).await.unwrap();
            let all = alerts.iter().all(|a| a.status.state == AlertStateKind::Suppressed);
            if all && alerts.len() == count {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, wait).await.expect("the alert is suppressed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn says_who_it_is_and_what_it_does_not_take() {
    let (webhook, _heard) = Heard::start().await;
    let real = Real::start(webhook).await;
    let api = &real.api;
    assert_eq!(api.receivers().await.unwrap(), ["mapek-loop", "nobody"]);
    let status = api.status().await.unwrap();
    assert!(status.version_info.version.starts_with("0."));
    assert_eq!(status.cluster.status, "disabled");
    assert!(status.config.original.contains("mapek-loop"));

    let nameless = PostableAlert::new(Labels::from([("a", "")]));
    let error = api.post_alerts(&[nameless]).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { status: 400, .. }), "{error}");
    assert!(error.to_string().contains("label"), "{error}");
    let everything: Matchers = "a=~.*".parse().unwrap();
    let silence = PostableSilence::new(&everything, now(), now() + 1.minute(), "real.rs", "a test");
    let error = api.post_silence(&silence).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 400, .. }), "{error}");
    let nobodys = SilenceId::try_new("00000000-0000-0000-0000-000000000000").unwrap();
    let error = api.delete_silence(&nobodys).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchSilence { .. }), "{error}");
}
