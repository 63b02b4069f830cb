//! Receivers that are there, gone, busy or picky, over real sockets.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use alertmanager_client::{AlertFilter, AlertmanagerApi as _, InMemoryAlertmanager};
use boon::{Compiler, Schemas};
use mapek_execute::Damaged;
use mapek_loop::{LoopState, ManualClock, SystemClock};
use mapek_model::{ExecutionId, TargetId, Timestamp};
use mapek_notify::{
    Alerts, Chat, Config, FileMemory, Kind, Meter, Notice, Notifier, Template, Told, Webhook,
};
use mapek_testkit::{Reply, ScriptedHttp, wait_until};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(20);

fn client() -> reqwest::Client {
    // No certificates are needed, and none may be installed.
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy();
    client.timeout(Duration::from_secs(5)).build().unwrap()
}

#[derive(Debug, Default)]
struct Counts(Mutex<BTreeMap<(String, String, &'static str), u64>>);

impl Meter for Counts {
    fn count(&self, channel: &str, kind: &str, told: Told, messages: u64) {
        let key = (channel.to_owned(), kind.to_owned(), told.as_str());
        *self.0.lock().unwrap().entry(key).or_default() += messages;
    }
}

impl Counts {
    fn of(&self, channel: &str, kind: Kind, told: Told) -> u64 {
        let key = (channel.to_owned(), kind.as_str().to_owned(), told.as_str());
        self.0.lock().unwrap().get(&key).copied().unwrap_or_default()
    }
}

fn quiet() -> LoopState {
    LoopState::new(TargetId::default())
}

/// A loop that needs somebody, with a text that somebody else has chosen.
fn stuck(reason: &str) -> LoopState {
    let execution = ExecutionId::from_uuid(Uuid::from_u128(7));
    let damaged = Damaged { execution, target: None, reason: reason.to_owned() };
    let mut state = quiet();
    state.damaged.push(damaged);
    state
}

struct Following {
    states: watch::Sender<Arc<LoopState>>,
    counts: Arc<Counts>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Following {
    fn start(state: LoopState, notifier: Notifier) -> Self {
        let (states, watched) = watch::channel(Arc::new(state));
        let counts = Arc::new(Counts::default());
        let stop = CancellationToken::new();
        let notifier = notifier.meter(Arc::clone(&counts) as Arc<dyn Meter>);
        let task = tokio::spawn(notifier.follow(watched, stop.clone()));
        Self { states, counts, stop, task }
    }

    fn show(&self, state: LoopState) {
        self.states.send_replace(Arc::new(state));
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.task).await.unwrap().unwrap();
    }
}

fn notifier() -> Notifier {
    Notifier::new(Arc::new(SystemClock::new()))
}

fn webhook(receiver: &ScriptedHttp) -> Notifier {
    let address = receiver.url("/hook?secret=hunter2").parse().unwrap();
    notifier().channel("pager".parse().unwrap(), Arc::new(Webhook::new(client(), address)))
}

async fn requests(receiver: &ScriptedHttp, count: u64) {
    let what = format!("{count} requests");
    wait_until(DEADLINE, &what, async || receiver.request_count() >= count).await.unwrap();
}

fn body(receiver: &ScriptedHttp, at: usize) -> Value {
    let request = receiver.requests().swap_remove(at);
    request.json().unwrap_or_else(|error| panic!("{error}: {request:?}"))
}

fn schema() -> Value {
    serde_json::to_value(schemars::schema_for!(Notice)).unwrap()
}

#[tokio::test]
async fn a_webhook_gets_what_its_schema_says_once_and_is_told_when_it_is_over() {
    let receiver = ScriptedHttp::start().await.unwrap();
    let hostile = "\"},\u{0}<!channel>\r\nX-Evil: 1\u{2028}";
    let following = Following::start(stuck(hostile), webhook(&receiver));
    requests(&receiver, 1).await;
    let began = body(&receiver, 0);
    assert!(began["text"].as_str().unwrap().contains(hostile), "{began}");
    assert_eq!((&began["kind"], &began["phase"]), (&json!("needs_operator"), &json!("began")));
    let request = &receiver.requests()[0];
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["idempotency-key"], began["id"].as_str().unwrap());
    assert!(!request.headers.contains_key("x-evil"));

    // The same once more is no news.
    following.show(stuck(hostile));
    following.show(quiet());
    requests(&receiver, 2).await;
    let ended = body(&receiver, 1);
    assert_eq!(ended["phase"], "ended");
    assert_ne!(ended["id"], began["id"]);
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("notice.json", schema()).unwrap();
    let schema = compiler.compile("notice.json", &mut schemas).unwrap();
    for one in [&began, &ended] {
        schemas.validate(one, schema).unwrap();
    }
    let mut wrong = began;
    wrong["kind"] = json!("fire");
    assert!(schemas.validate(&wrong, schema).is_err());
    assert_eq!(following.counts.of("pager", Kind::NeedsOperator, Told::Sent), 2);
    following.stop().await;
}

#[test]
fn the_schema_in_the_documentation_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/notification.schema.json");
    let expected = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), expected, "UPDATE_DOCS=1 writes it");
}

#[test]
fn the_example_in_the_documentation_fits_the_schema() {
    let page = include_str!("../../../docs/notifications.md");
    let example = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("notice.json", schema()).unwrap();
    let schema = compiler.compile("notice.json", &mut schemas).unwrap();
    schemas.validate(&example, schema).unwrap();
    for kind in Kind::ALL {
        let row = format!("| `{kind}` | `{}` | {} |", kind.alertname(), kind.severity());
        assert!(page.contains(&row), "{row}");
    }
}

#[tokio::test]
async fn a_chat_gets_a_text_that_mentions_nobody() {
    let receiver = ScriptedHttp::start().await.unwrap();
    let template: Template = "*{severity}* {title}\n{text}".parse().unwrap();
    let chat = Chat::new(client(), receiver.url("/T0/B0").parse().unwrap(), template);
    let notifier = notifier().channel("chat".parse().unwrap(), Arc::new(chat));
    let hostile = "<!channel> & <https://evil.example|us>\nfake line";
    let following = Following::start(stuck(hostile), notifier);
    requests(&receiver, 1).await;
    let sent = body(&receiver, 0);
    let text = sent["text"].as_str().unwrap();
    assert!(text.starts_with("*critical* an execution needs an operator\n"), "{text}");
    assert!(
        text.contains("&lt;") && text.contains("&amp;") && text.contains("fake line"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(!text.contains('<') && !text.contains("://"), "{text}");
    let settings = ["mrkdwn", "link_names", "unfurl_links", "unfurl_media"].map(|it| &sent[it]);
    assert_eq!(settings, [&json!(false); 4]);
    following.stop().await;
}

#[tokio::test]
async fn who_is_busy_is_asked_again_and_who_refuses_is_not() {
    let receiver = ScriptedHttp::start().await.unwrap();
    receiver.push(Reply::new(503, &[("retry-after", "1")], ""));
    receiver.push(Reply::raw([]));
    let following = Following::start(stuck("x"), webhook(&receiver));
    requests(&receiver, 3).await;
    let ids: Vec<_> = (0..3).map(|at| body(&receiver, at)["subject"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    let counts = Arc::clone(&following.counts);
    let sent = async || counts.of("pager", Kind::NeedsOperator, Told::Sent) == 1;
    wait_until(DEADLINE, "it is told", sent).await.unwrap();
    assert_eq!(counts.of("pager", Kind::NeedsOperator, Told::Failed), 2);

    receiver.push(Reply::status(422));
    let mut paused = stuck("x");
    paused.paused = Some("paused by ada".to_owned());
    following.show(paused);
    let refused = async || counts.of("pager", Kind::Paused, Told::Refused) == 1;
    wait_until(DEADLINE, "it is refused", refused).await.unwrap();
    // What comes next is told, and what was refused is not.
    following.show(quiet());
    requests(&receiver, 6).await;
    let phases: Vec<_> = (4..6).map(|at| body(&receiver, at)["phase"].clone()).collect();
    assert_eq!(phases, ["ended", "ended"]);
    following.stop().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_no_other() {
    let (hung, well) = (ScriptedHttp::start().await.unwrap(), ScriptedHttp::start().await.unwrap());
    hung.otherwise(Reply::hang());
    let channel = Webhook::new(client(), well.url("/").parse().unwrap());
    let notifier = webhook(&hung).channel("well".parse().unwrap(), Arc::new(channel));
    let following = Following::start(stuck("x"), notifier);
    requests(&well, 1).await;
    requests(&hung, 1).await;
    following.stop().await;
}

#[tokio::test]
async fn a_restart_tells_again_what_needs_an_operator_and_nothing_else() {
    let receiver = ScriptedHttp::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let memory = || Arc::new(FileMemory::in_directory(directory.path()));
    let mut state = stuck("x");
    state.paused = Some("paused by ada".to_owned());
    let following = Following::start(state.clone(), webhook(&receiver).memory(memory()));
    requests(&receiver, 2).await;
    let file = directory.path().join("notify/pager.json");
    let noted =
        async || std::fs::read_to_string(&file).is_ok_and(|text| text.contains("\"pause\""));
    wait_until(DEADLINE, "both are written down", noted).await.unwrap();
    following.stop().await;

    let following = Following::start(state, webhook(&receiver).memory(memory()));
    requests(&receiver, 3).await;
    assert_eq!(
        (&body(&receiver, 2)["kind"], &body(&receiver, 2)["phase"]),
        (&json!("needs_operator"), &json!("lasts"))
    );
    // Only then it is resumed: what is told next is that, not the pause.
    following.show(stuck("x"));
    requests(&receiver, 4).await;
    assert_eq!(
        (&body(&receiver, 3)["kind"], &body(&receiver, 3)["phase"]),
        (&json!("paused"), &json!("ended"))
    );
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    following.stop().await;
}

#[tokio::test]
async fn alerts_fire_while_it_is_so_and_end_with_it_or_with_the_loop() {
    let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let alertmanager = Arc::new(InMemoryAlertmanager::new(now));
    let clock = ManualClock::at(now);
    let notifier = Notifier::new(Arc::new(clock.clone())).alerts(Alerts::new(alertmanager.clone()));
    let following = Following::start(stuck("see <!channel>"), notifier);
    let firing = async || alertmanager.alerts(&AlertFilter::default()).await.unwrap();
    wait_until(DEADLINE, "it fires", async || firing().await.len() == 1).await.unwrap();
    let alert = firing().await.remove(0);
    assert_eq!(alert.labels.alertname(), Some("MapekNeedsOperator"));
    assert_eq!(
        (alert.labels.value("severity"), alert.labels.value("target")),
        ("critical", "default")
    );
    assert_eq!(alert.labels.value("team"), Alerts::TEAM, "routes go by it");
    assert!(!alert.annotations.value("description").contains("<!"));
    assert_eq!(mapek_model::since(alert.ends_at, now), Config::default().alert_interval * 4);

    clock.advance(Config::default().alert_interval);
    let prolonged = async || firing().await.iter().any(|it| it.ends_at > alert.ends_at);
    wait_until(DEADLINE, "it is told again", prolonged).await.unwrap();
    following.show(quiet());
    let sent = |counts: &Counts| counts.of("alertmanager", Kind::NeedsOperator, Told::Sent);
    wait_until(DEADLINE, "it ends", async || sent(&following.counts) == 3).await.unwrap();
    alertmanager.advance_to(clock_now(&clock));
    assert_eq!(firing().await, []);
    following.stop().await;
}

fn clock_now(clock: &ManualClock) -> Timestamp {
    mapek_loop::Clock::now(clock)
}
