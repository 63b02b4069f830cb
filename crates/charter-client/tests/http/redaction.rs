//! The key of access is never shown.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use charter_client::{CallOptions, CharterApi, Error, ProblemKind, SecretString};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{SCALE, build, config, problem};

const KEY: &str = "hunter2-hunter2";

/// Writes down every field of every event and span, of all crates and levels.
#[derive(Debug, Default, Clone)]
struct Everything(Arc<Mutex<String>>);

impl Visit for Everything {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut self.clone());
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn whole(error: &Error) -> String {
    let mut text = format!("{error:?} {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, " {error:?} {error}").unwrap();
        cause = error.source();
    }
    text
}

#[tokio::test]
async fn neither_debug_nor_errors_nor_logs_hold_the_key() {
    let log = Everything::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(problem(ProblemKind::Internal)).mount(&server).await;

    let mut config = config(server.uri());
    config.api_key = Some(SecretString::from(KEY));
    let mut shown = format!("{config:?} {config:#?}");
    let api = build(config.clone());
    write!(shown, "{api:?} {api:#?}").unwrap();
    shown += &whole(&api.committee().await.unwrap_err());
    shown += &whole(&api.scale(&SCALE, &CallOptions::new()).await.unwrap_err());
    config.url = "http://127.0.0.1:1".to_owned();
    shown += &whole(&build(config).committee().await.unwrap_err());

    let sent = &server.received_requests().await.unwrap()[0].headers["authorization"];
    assert_eq!(sent.to_str().unwrap(), format!("Bearer {KEY}"), "the key must have been in play");
    let log = log.0.lock().unwrap().clone();
    assert!(log.contains("asking again"), "the log must have been in play: {log}");
    assert!(!shown.contains(KEY), "{shown}");
    assert!(!log.contains(KEY), "{log}");
    assert!(shown.to_lowercase().contains("redacted"), "{shown}");
}

#[tokio::test]
async fn an_address_with_secrets_in_it_is_not_in_errors() {
    let api = build(config("http://127.0.0.1:1/tenant-secret"));
    assert!(!whole(&api.committee().await.unwrap_err()).contains("tenant-secret"));

    let server = MockServer::start().await;
    let page = ResponseTemplate::new(302).insert_header("location", "http://x/?token=hunter2");
    Mock::given(any()).respond_with(page).mount(&server).await;
    let error = build(config(server.uri())).committee().await.unwrap_err();
    assert!(!whole(&error).contains("hunter2"), "{error:?}");
}
