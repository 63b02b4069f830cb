//! Traces and logs for an OpenTelemetry collector, by OTLP over HTTP.
//!
//! What is sent waits in bounded queues of the SDK that nobody waits for: when the collector is slow or gone, what does not fit is
//! dropped, and no cycle takes longer.

mod collector;

use std::{path::Path, time::Duration};

use mapek::server::Metrics;
use opentelemetry::{KeyValue, propagation::TextMapPropagator as _, trace::TracerProvider as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::HeaderInjector;
use opentelemetry_otlp::{
    LogExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::{
    Resource,
    logs::{self, BatchLogProcessor, SdkLoggerProvider},
    propagation::TraceContextPropagator,
    trace::{self, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use reqwest::header::HeaderMap;
use secrecy::SecretString;
use tokio::{runtime::Handle, task::spawn_blocking};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::{EnvFilter, Layer as _, reload};

use crate::{
    bounded,
    compose::{BuildError, Tls},
    config::{Config, LogLevel, OtlpSection},
    logging::{LevelSwitch, OneLayer, Others},
};
use collector::Collector;

/// Where it is configured.
const KEY: &str = "logging.otlp";

/// How often what waits is sent, if there is not a whole batch before.
const SEND_EVERY: Duration = Duration::from_secs(1);

/// How long what is still queued at the end may take, for spans and for the log.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// What sends, if anything is to be sent. [Close](Self::close) it in the end: what is queued is lost otherwise.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    spans: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
}

/// What can go wrong is found here, before anything is sent. Needs a runtime.
pub(crate) fn check(config: &Config, tls: &Tls) -> Result<(), BuildError> {
    exporters(config, tls, &Metrics::new()).map(drop)
}

/// Puts the context of the present span into the headers of a request, as W3C says (`traceparent`).
pub(crate) fn propagate(headers: &mut HeaderMap) {
    let context = tracing::Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(headers));
}

impl Telemetry {
    /// Sends what the configuration asks for until it is closed. Needs a runtime.
    pub(crate) fn start(
        config: &Config,
        tls: &Tls,
        metrics: &Metrics,
    ) -> Result<(Self, Others), BuildError> {
        let section = &config.logging.otlp;
        let Exporters { spans, logs } = exporters(config, tls, metrics)?;
        let (mut telemetry, mut others) = (Self::default(), Others::default());
        if let Some(exporter) = spans {
            let provider = tracer_provider(section, exporter);
            others.layers.push(spans_to(&provider));
            telemetry.spans = Some(provider);
        }
        if let Some(exporter) = logs {
            let provider = logger_provider(section, exporter);
            let (layer, switch) = log_to(&provider, config.log_level());
            others.layers.push(layer);
            others.level = Some(switch);
            telemetry.logs = Some(provider);
        }
        Ok((telemetry, others))
    }

    /// Sends what is queued, for a while, and nothing more.
    pub(crate) async fn close(self) {
        // They wait for their threads, which need the runtime to send.
        let closed = spawn_blocking(move || {
            let spans = self.spans.map(|it| it.shutdown_with_timeout(CLOSE_WITHIN));
            let logs = self.logs.map(|it| it.shutdown_with_timeout(CLOSE_WITHIN));
            spans.into_iter().chain(logs).collect::<Result<(), _>>()
        });
        if !matches!(closed.await, Ok(Ok(()))) {
            tracing::warn!("the end of the traces and of the log could not be sent");
        }
    }
}

fn tracer_provider(section: &OtlpSection, exporter: SpanExporter) -> SdkTracerProvider {
    let batches = trace::BatchConfigBuilder::default()
        .with_max_queue_size(section.queue as usize)
        .with_scheduled_delay(SEND_EVERY)
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    let sampler = Sampler::TraceIdRatioBased(section.sample_ratio);
    SdkTracerProvider::builder()
        .with_resource(resource(section))
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_span_processor(processor)
        .build()
}

fn logger_provider(section: &OtlpSection, exporter: LogExporter) -> SdkLoggerProvider {
    let batches = logs::BatchConfigBuilder::default()
        .with_max_queue_size(section.queue as usize)
        .with_scheduled_delay(SEND_EVERY)
        .build();
    let processor = BatchLogProcessor::builder(exporter).with_batch_config(batches).build();
    SdkLoggerProvider::builder()
        .with_resource(resource(section))
        .with_log_processor(processor)
        .build()
}

fn spans_to(provider: &SdkTracerProvider) -> OneLayer {
    let layer = OpenTelemetryLayer::new(provider.tracer("mapek"))
        .with_threads(false)
        .with_location(false)
        .with_tracked_inactivity(false);
    layer.with_filter(ours(LogLevel::Info)).boxed()
}

fn log_to(provider: &SdkLoggerProvider, level: LogLevel) -> (OneLayer, LevelSwitch) {
    let (filter, handle) = reload::Layer::new(ours(level));
    let layer = OpenTelemetryTracingBridge::new(provider).with_filter(filter).boxed();
    (layer, LevelSwitch::new(move |level| handle.reload(ours(level))))
}

/// What can be sent by this configuration.
#[derive(Default)]
struct Exporters {
    spans: Option<SpanExporter>,
    logs: Option<LogExporter>,
}

fn exporters(config: &Config, tls: &Tls, metrics: &Metrics) -> Result<Exporters, BuildError> {
    let section = &config.logging.otlp;
    let Some(endpoint) = &section.endpoint else { return Ok(Exporters::default()) };
    let http = tls.http_client("logging.otlp.tls", &section.tls, section.timeout)?;
    let token = section.token_file.as_deref().map(token).transpose()?;
    let collector = |signal| {
        let failed = metrics.telemetry_failed(signal);
        Collector::new(Handle::current(), http.clone(), token.clone(), signal, failed)
    };
    let spans = section.traces.then(|| {
        towards(SpanExporter::builder().with_http(), collector("traces"), endpoint, "traces")
            .build()
    });
    let logs = section.logs.then(|| {
        towards(LogExporter::builder().with_http(), collector("logs"), endpoint, "logs").build()
    });
    Ok(Exporters {
        spans: spans.transpose().map_err(BuildError::of(KEY))?,
        logs: logs.transpose().map_err(BuildError::of(KEY))?,
    })
}

/// An exporter's builder that knows where it sends, and by whom. Nothing is sent twice: what is sent again is late, and what waits for it is dropped.
fn towards<B: WithHttpConfig + WithExportConfig>(
    builder: B,
    collector: Collector,
    endpoint: &str,
    path: &str,
) -> B {
    builder
        .with_http_client(collector)
        .with_retry_policy(RetryPolicy::disabled())
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/{path}", endpoint.trim_end_matches('/')))
}

fn token(path: &Path) -> Result<SecretString, BuildError> {
    let text = bounded::read(path).map_err(|error| {
        let what = format!("logging.otlp.token_file: {}", path.display());
        BuildError::new(what, error).with_help("check the path, and that this user may read it")
    })?;
    Ok(SecretString::from(text.trim().to_owned()))
}

/// Who sends; `OTEL_RESOURCE_ATTRIBUTES` may say more.
fn resource(section: &OtlpSection) -> Resource {
    Resource::builder()
        .with_service_name(section.service_name.clone())
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

/// What our crates say, at `level`; not what this module says, which would feed itself.
fn ours(level: LogLevel) -> EnvFilter {
    let level = level.as_str();
    EnvFilter::new(format!(
        "off,mapek={level},charter={level},alertmanager={level},mapek_cli::telemetry=off"
    ))
}
