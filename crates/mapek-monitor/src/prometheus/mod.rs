//! Metrics from a Prometheus server, by its HTTP API v1.
//!
//! Requests go through `prometheus-http-query` where it serves. Two things it cannot do are done here: it drops the
//! `warnings` of an answer and limits no body, so raw answers are read by us; and its ranges begin and end at whole seconds,
//! so they are sent over its inner client.

mod chunks;
mod config;
mod fault;
mod wire;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use mapek_model::{
    Answer, DoubtKind, Labels, Quality, Query, Sample, Series, SourceName, Span, Timestamp,
};
use prometheus_http_query::{Client, RuleKind};
use reqwest::Response;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

use self::{
    fault::Asked,
    wire::{Data, Envelope, Rules, Status},
};
use crate::{AlertRule, Error, MetricSource, Selector, promql::selectors};

pub use config::PrometheusConfig;

/// A Prometheus server, or what speaks like one.
///
/// ```
/// use mapek_monitor::{PrometheusConfig, PrometheusSource};
///
/// // For http alone: without a set of trusted certificates no system bundle is read.
/// let client = reqwest::Client::builder()
///     .timeout(std::time::Duration::from_secs(10))
///     .tls_certs_only([])
///     .build()?;
/// let source = PrometheusSource::try_new(client, PrometheusConfig::at("http://localhost:9090"))?;
/// # drop(source);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PrometheusSource {
    client: Client,
    config: PrometheusConfig,
}

impl std::fmt::Debug for PrometheusSource {
    /// Without the client and the URL, which may hold credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrometheusSource").field("name", &self.config.name).finish_non_exhaustive()
    }
}

impl PrometheusSource {
    /// Asks over `client`, which brings credentials, headers, TLS and above all a timeout: one without a timeout waits for
    /// ever.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a limit is zero or the URL cannot be one.
    pub fn try_new(client: reqwest::Client, config: PrometheusConfig) -> Result<Self, Error> {
        config.check()?;
        // The client crate would double a slash at the end.
        let client = Client::from(client, config.url.trim_end_matches('/'))
            .map_err(|error| Error::config("prometheus_url", error.to_string()))?;
        Ok(Self { client, config })
    }

    /// Succeeds when the server is ready to answer queries (`/-/ready`).
    ///
    /// # Errors
    ///
    /// [`Error`] when it is not, or cannot be reached.
    pub async fn ready(&self) -> Result<(), Error> {
        let asked = self.asked("ready");
        match self.client.is_server_ready().await {
            Ok(_) => Ok(()),
            Err(error) => Err(status_of(&error).map_or_else(
                || asked.client(&error),
                |status| asked.foreign(status, b"not ready", "it is not ready"),
            )),
        }
    }

    fn asked(&self, doing: impl Into<String>) -> Asked {
        Asked { source_name: self.config.name.to_string(), doing: doing.into() }
    }

    /// Reads a whole body within the limit, and what is in its envelope.
    async fn open<T: DeserializeOwned>(
        &self,
        mut response: Response,
        asked: &Asked,
    ) -> Result<(T, Quality), Error> {
        let status = response.status().as_u16();
        let limit = self.config.body_bytes_max;
        let too_large = || Error::too_large(&asked.source_name, &asked.doing, limit, "bytes");
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| asked.transport(&error))? {
            if (body.len() + part.len()) as u64 > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&part);
        }
        let envelope: Envelope<T> = serde_json::from_slice(&body)
            .map_err(|error| asked.foreign(status, &body, &error.to_string()))?;
        if envelope.status == Status::Error {
            return Err(asked.reported(status, &envelope.error_type, &envelope.error));
        }
        let quality = self.annotations(&envelope, &asked.doing);
        let data = envelope.data.ok_or_else(|| asked.protocol("a success without data"))?;
        Ok((data, quality))
    }

    fn annotations<T>(&self, envelope: &Envelope<T>, subject: &str) -> Quality {
        let infos = envelope.infos.iter().filter(|_| self.config.infos_are_doubts);
        envelope.warnings.iter().chain(infos).fold(Quality::fresh(), |quality, text| {
            quality.with(DoubtKind::Warning, subject, wire::cut(text))
        })
    }

    async fn answer(&self, response: Response, asked: &Asked) -> Result<Answer, Error> {
        let (data, mut quality) = self.open::<Data>(response, asked).await?;
        let (series, doubts) = data.series().map_err(|reason| asked.protocol(reason))?;
        quality.merge(doubts);
        Ok(Answer { series, quality })
    }

    async fn part(
        &self,
        query: &Query,
        span: Span,
        step: Duration,
        asked: &Asked,
    ) -> Result<Answer, Error> {
        let base = self.client.base_url().as_str().trim_end_matches('/');
        let form = [
            ("query", query.as_str().to_owned()),
            ("start", chunks::seconds(span.from())),
            ("end", chunks::seconds(span.to())),
            ("step", format!("{:.3}", step.as_secs_f64())),
        ];
        let request = self.client.inner().post(format!("{base}/api/v1/query_range")).form(&form);
        let exchange = async {
            let response = request.send().await.map_err(|error| asked.transport(&error))?;
            self.answer(response, asked).await
        };
        exchange.instrument(called("query_range")).await
    }
}

#[async_trait]
impl MetricSource for PrometheusSource {
    fn name(&self) -> SourceName {
        self.config.name.clone()
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        let asked = self.asked(format!("query `{}`", wire::cut(query.as_str())));
        let request = self.client.query(query).query("time", chunks::seconds(at));
        let exchange = async {
            let response = request.post_raw().await.map_err(|error| asked.client(&error))?;
            self.answer(response, &asked).await
        };
        exchange.instrument(called("query")).await
    }

    async fn range(&self, query: &Query, span: Span, step: Duration) -> Result<Answer, Error> {
        let asked = self.asked(format!("range `{}`", wire::cut(query.as_str())));
        let step = Duration::from_millis(u64::try_from(step.as_millis()).unwrap_or(u64::MAX));
        if step.is_zero() {
            let reason = "a step must be a millisecond or more";
            return Err(Error::refused(asked.source_name, asked.doing, reason));
        }
        if chunks::points(span, step) > self.config.points_max {
            let limit = self.config.points_max;
            return Err(Error::too_large(asked.source_name, asked.doing, limit, "points"));
        }
        let mut quality = Quality::fresh();
        let mut series: BTreeMap<Labels, Vec<Sample>> = BTreeMap::new();
        for part in chunks::chunks(span, step, PrometheusConfig::POINTS_PER_REQUEST) {
            let answer = self.part(query, part, step, &asked).await?;
            quality.merge(answer.quality);
            for one in answer.series {
                series.entry(one.labels).or_default().extend(one.samples);
            }
        }
        let series =
            series.into_iter().map(|(labels, samples)| Series { labels, samples }).collect();
        Ok(Answer { series, quality })
    }

    async fn alert_rule(&self, alert: &str) -> Result<Option<AlertRule>, Error> {
        let asked = self.asked(format!("rule `{}`", wire::cut(alert)));
        // Servers before 2.46 do not filter by name, so it is done here again.
        let request = self.client.rules().kind(RuleKind::Alerting).name(alert);
        let exchange = async {
            let response = request.get_raw().await.map_err(|error| asked.client(&error))?;
            self.open::<Rules>(response, &asked).await
        };
        let (rules, _) = exchange.instrument(called("rules")).await?;
        let rules: Vec<_> = rules
            .groups
            .into_iter()
            .flat_map(|group| group.rules)
            .filter(|rule| rule.kind == "alerting" && rule.name == alert)
            .collect();
        let mut expressions: Vec<_> = rules.iter().map(|it| format!("({})", it.query)).collect();
        expressions.sort();
        expressions.dedup();
        let Some(hold) = rules.iter().map(|rule| rule.duration).reduce(f64::min) else {
            return Ok(None);
        };
        let expression = Query::try_new(expressions.join(" or "))
            .map_err(|error| asked.protocol(error.to_string()))?;
        let hold = Duration::try_from_secs_f64(hold)
            .map_err(|error| asked.protocol(format!("its duration: {error}")))?;
        Ok(Some(AlertRule { expression, hold }))
    }

    fn selectors(&self, expression: &Query) -> Option<Vec<Selector>> {
        selectors(expression)
    }
}

/// One request and its answer.
fn called(call: &'static str) -> tracing::Span {
    tracing::info_span!("prometheus", otel.kind = "client", call)
}

/// The HTTP status that the client crate made an error of.
fn status_of(error: &prometheus_http_query::Error) -> Option<u16> {
    let source = std::error::Error::source(error)?;
    Some(source.downcast_ref::<reqwest::Error>()?.status()?.as_u16())
}
