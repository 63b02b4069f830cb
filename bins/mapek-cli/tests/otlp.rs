//! `mapek run` before a collector that decodes what it gets, one that hangs, and none at all.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[cfg(test)]
#[expect(dead_code, reason = "other tests need more of it")]
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::Response,
    routing::post,
};
use charter_sim::{InProcess, PlantConfig};
use mapek::{Clock as _, SystemClock};
use mapek_testkit::wait_until;
use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    logs::v1::LogRecord,
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message as _;
use support::{DEADLINE, free_port, mapek, ran};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
};

/// What a collector got.
#[derive(Debug, Default)]
struct Got {
    spans: Vec<Span>,
    logs: Vec<LogRecord>,
    services: BTreeSet<String>,
    authorizations: BTreeSet<String>,
}

type Shared = Arc<Mutex<Got>>;

fn note(got: &mut Got, headers: &HeaderMap, resource: Option<&Resource>) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let authorization = headers.get("authorization").map(|it| it.to_str().unwrap().to_owned());
    got.authorizations.extend(authorization);
    let name = resource.and_then(|it| text(&it.attributes, "service.name"));
    got.services.extend(name);
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = &attributes.iter().find(|it| it.key == key)?.value.as_ref()?.value;
    match value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    }
}

async fn traces(State(got): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut got = got.lock().unwrap();
    for resource in request.resource_spans {
        note(&mut got, &headers, resource.resource.as_ref());
        got.spans.extend(resource.scope_spans.into_iter().flat_map(|it| it.spans));
    }
    StatusCode::OK
}

async fn logs(State(got): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let mut got = got.lock().unwrap();
    for resource in request.resource_logs {
        note(&mut got, &headers, resource.resource.as_ref());
        got.logs.extend(resource.scope_logs.into_iter().flat_map(|it| it.log_records));
    }
    StatusCode::OK
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// A collector, and what it got.
async fn collector() -> (String, Shared) {
    let got = Shared::default();
    let router = Router::new().route("/v1/traces", post(traces)).route("/v1/logs", post(logs));
    (serve(router.with_state(Arc::clone(&got))).await, got)
}

/// A Charter, and the contexts of the traces that its callers say they are in.
async fn charter() -> (String, Arc<Mutex<BTreeSet<String>>>) {
    let clock = SystemClock::new();
    let plant = InProcess::try_new(PlantConfig::default(), 7, clock.now()).unwrap();
    plant.advance_by("PT10M".parse().unwrap());
    let heard = Arc::new(Mutex::new(BTreeSet::new()));
    async fn hear(
        State(heard): State<Arc<Mutex<BTreeSet<String>>>>,
        request: Request,
        next: Next,
    ) -> Response {
        let context = request.headers().get("traceparent");
        heard.lock().unwrap().extend(context.map(|it| it.to_str().unwrap().to_owned()));
        next.run(request).await
    }
    let router = charter_sim::Server::new(plant).router();
    let router = router.layer(middleware::from_fn_with_state(Arc::clone(&heard), hear));
    (serve(router).await, heard)
}

struct Running {
    child: Child,
    api: String,
    directory: TempDir,
}

impl Running {
    async fn start(charter: &str, otlp: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let text = format!(
            "orchestrator: {{loop_interval: 1s}}\n\
             monitor: {{scrape_interval: 1s, targets: [{{url: '{charter}/metrics'}}]}}\n\
             execute: {{charter_url: '{charter}', state_dir: '{}'}}\n\
             knowledge: {{database: memory}}\n\
             alertmanager: {{enabled: false}}\n\
             api: {{port: {port}}}\n\
             logging: {{file: '{}', otlp: {otlp}}}\n",
            path("state"),
            path("mapek.log"),
        );
        std::fs::write(path("mapek.yaml"), text.replace("{d}", &path(""))).unwrap();
        let child = mapek(&["run", "--config", &path("mapek.yaml")]).spawn().unwrap();
        let running = Self { child, api: format!("http://127.0.0.1:{port}"), directory };
        running.until("it listens", "ready").await;
        running
    }

    /// Until a path of the API answers 200.
    async fn until(&self, what: &str, path: &str) {
        let url = format!("{}/{path}", self.api);
        let well = async || reqwest::get(&url).await.is_ok_and(|it| it.status() == 200);
        let done = wait_until(DEADLINE, what, well).await;
        let log = || std::fs::read_to_string(self.directory.path().join("mapek.log"));
        done.unwrap_or_else(|error| panic!("{error}: {}", log().unwrap_or_default()));
    }

    /// A number among the metrics, all series of it together.
    async fn metric(&self, name: &str) -> f64 {
        let text =
            reqwest::get(format!("{}/metrics", self.api)).await.unwrap().text().await.unwrap();
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    async fn metric_reaches(&self, name: &str, least: f64) {
        let reached = async || self.metric(name).await >= least;
        wait_until(DEADLINE, name, reached).await.unwrap();
    }

    async fn stop(mut self) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("/bin/sh").args(["-c", "kill -s TERM $0", &id]).status().await;
        assert!(sent.unwrap().success());
        let ended = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        assert_eq!(ended.expect("it stops").unwrap().code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_is_a_trace_down_to_the_calls_and_charter_hears_of_it() {
    let (endpoint, got) = collector().await;
    let (charter, heard) = charter().await;
    let otlp = format!("{{endpoint: '{endpoint}/', service_name: 'mapek test'}}");
    let running = Running::start(&charter, &otlp).await;
    let whole = || {
        let got = got.lock().unwrap();
        let cycle = got.spans.iter().find(|it| {
            it.name == "cycle"
                && got
                    .spans
                    .iter()
                    .any(|other| other.name == "charter" && other.trace_id == it.trace_id)
        })?;
        let of: Vec<_> =
            got.spans.iter().filter(|it| it.trace_id == cycle.trace_id).cloned().collect();
        Some((cycle.clone(), of))
    };
    wait_until(DEADLINE, "a whole cycle", async || whole().is_some()).await.unwrap();
    let (cycle, spans) = whole().unwrap();
    assert!(cycle.parent_span_id.is_empty(), "a cycle begins a trace");
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (span.span_id.clone(), span)).collect();
    let names: BTreeSet<_> = spans.iter().map(|span| span.name.as_str()).collect();
    for stage in ["monitor", "analyze", "execute", "knowledge", "plan"] {
        assert!(names.contains(stage), "{stage} is not in {names:?}");
    }
    for span in &spans {
        let mut at = span;
        while at.span_id != cycle.span_id {
            at = by_id[&at.parent_span_id];
        }
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    let call = spans.iter().find(|span| span.name == "charter").unwrap();
    assert_eq!(call.kind, SpanKind::Client as i32);
    assert_eq!(by_id[&call.parent_span_id].name, "monitor");
    assert!(text(&call.attributes, "call").is_some(), "{call:?}");
    assert!(text(&call.attributes, "http.response.status_code").unwrap().contains("200"));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let context = format!("00-{}-{}-01", hex(&call.trace_id), hex(&call.span_id));
    assert!(heard.lock().unwrap().contains(&context), "{context}: {heard:?}");

    // What is queued at the end is sent, logs too; each names its service.
    running.stop().await;
    let got = got.lock().unwrap();
    assert_eq!(got.services, BTreeSet::from(["mapek test".to_owned()]));
    let said = |record: &LogRecord| match record.body.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    };
    let last = got.logs.iter().filter_map(said).find(|it| it == "the loop has stopped");
    assert!(last.is_some(), "{:?}", got.logs.iter().filter_map(said).collect::<Vec<_>>());
    assert!(got.authorizations.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_what_the_configuration_says() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "s3cret\n").unwrap();
    let token = format!("token_file: '{}'", token.path().display());
    let (charter, _) = charter().await;
    let sent = async |more: &str| {
        let (endpoint, got) = collector().await;
        let running =
            Running::start(&charter, &format!("{{endpoint: '{endpoint}', {more}}}")).await;
        running.metric_reaches("mape_k_cycles_total", 3.0).await;
        running.stop().await;
        let got = got.lock().unwrap();
        (!got.spans.is_empty(), !got.logs.is_empty(), got.authorizations.clone())
    };
    let (none, bearer) = (BTreeSet::new(), BTreeSet::from(["Bearer s3cret".to_owned()]));
    let (ratio, traces, logs) =
        tokio::join!(sent("sample_ratio: 0.0"), sent("traces: false"), sent("logs: false"));
    assert_eq!(ratio, (false, true, none.clone()));
    assert_eq!(traces, (false, true, none.clone()));
    assert_eq!(logs, (true, false, none));
    assert_eq!(sent(&token).await, (true, true, bearer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_or_is_not_there_costs_what_is_sent_and_nothing_else() {
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hangs = format!("http://{}", silent.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            held.push(silent.accept().await.unwrap());
        }
    });
    let (charter, _) = charter().await;
    let tried = async |endpoint: &str| {
        let otlp = format!("{{endpoint: '{endpoint}', queue: 4, timeout: 1s}}");
        let running = Running::start(&charter, &otlp).await;
        running.metric_reaches("mape_k_telemetry_failed_total", 1.0).await;
        let cycles = running.metric("mape_k_cycles_total").await;
        running.metric_reaches("mape_k_cycles_total", cycles + 3.0).await;
        running.until("it is ready", "ready").await;
        running.stop().await;
    };
    tokio::join!(tried(&hangs), tried("http://127.0.0.1:1"));
}

#[tokio::test]
async fn check_finds_what_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mapek.yaml");
    for (otlp, words) in [
        (
            "{endpoint: 'http://x', token_file: /nowhere/token}",
            "logging.otlp.token_file: /nowhere/token",
        ),
        ("{endpoint: 'https://x', tls: {ca_file: /nowhere/ca}}", "cannot read /nowhere/ca"),
        ("{endpoint: 'x:4317'}", "must be a URL"),
        ("{endpoint: 'http://x', sample_ratio: 1.5}", "sample_ratio"),
        ("{endpoint: 'http://x', queue: 0}", "queue"),
    ] {
        std::fs::write(&path, format!("logging: {{otlp: {otlp}}}\n")).unwrap();
        let told = ran(mapek(&["check", "-c", path.to_str().unwrap()]), "").await;
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(format!("{}{}", told.out, told.err).contains(words), "{otlp}: {told:?}");
    }
}
