//! The store as a source of metrics for the monitor.

mod course;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use mapek_model::{Answer, Labels, Quality, Query, Sample, Series, SourceName, Span, Timestamp};
use mapek_monitor::{Error, MetricSource, Selector};
use promql_parser::parser::Expr;

use crate::{
    MetricStore,
    promql::{self, Element, Evaluation, Fault, Options, Run, Value},
    store::{as_ms, floor_ms},
};

use course::Courses;

/// Most evaluations of one range, as in Prometheus.
const POINTS_MAX: i64 = 11_000;
/// Parsed expressions that are kept. Rules are far fewer, and are asked in every cycle.
const PARSED_MAX: usize = 1_024;

/// Answers PromQL from a [`MetricStore`].
///
/// Instants are cut to milliseconds, as Prometheus does. Expressions that [`conforms`](crate::conforms) refuses are refused
/// here, too. Whether data is fresh must be asked as with a real server: `timestamp(metric)` is the sample's own time,
/// `up` tells which targets are down, and a series that has ended is not answered.
///
/// See [`Scraper`](crate::Scraper) for an example.
pub struct EmbeddedSource {
    name: SourceName,
    store: Arc<MetricStore>,
    options: Options,
    parsed: Mutex<BTreeMap<String, Arc<Expr>>>,
    courses: Mutex<Courses>,
}

impl fmt::Debug for EmbeddedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedSource").field("name", &self.name).finish_non_exhaustive()
    }
}

impl EmbeddedSource {
    /// A source over `store` with Prometheus's defaults: an instant query looks back five minutes, and a subquery without a
    /// step of its own takes steps of a minute.
    #[must_use]
    pub fn new(name: SourceName, store: Arc<MetricStore>) -> Self {
        Self {
            name,
            store,
            options: Options::default(),
            parsed: Mutex::default(),
            courses: Mutex::default(),
        }
    }

    /// How old a sample may be that answers an instant query (`--query.lookback-delta`).
    #[must_use]
    pub fn with_lookback(mut self, lookback: Duration) -> Self {
        self.options.lookback_ms = as_ms(lookback);
        self
    }

    /// The step of subqueries that name none (Prometheus: the global evaluation interval); at least a millisecond.
    #[must_use]
    pub fn with_subquery_step(mut self, step: Duration) -> Self {
        self.options.subquery_step_ms = as_ms(step).max(1);
        self
    }

    fn parsed(&self, query: &Query) -> Result<Arc<Expr>, Error> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = parsed.get(query.as_str()) {
            return Ok(known.clone());
        }
        let expr = promql::prepare(query.as_str()).map_err(|why| self.refused(query, why))?;
        if parsed.len() >= PARSED_MAX {
            parsed.clear();
        }
        let expr = Arc::new(expr);
        parsed.insert(query.to_string(), expr.clone());
        Ok(expr)
    }

    fn refused(&self, query: &Query, reason: impl Into<String>) -> Error {
        Error::refused(self.name.as_str(), format!("query `{query}`"), reason)
    }

    fn fault(&self, query: &Query, fault: Fault) -> Error {
        match fault {
            Fault::Refused(reason) => self.refused(query, reason),
            Fault::TooMuch { limit } => {
                Error::too_large(self.name.as_str(), format!("query `{query}`"), limit, "samples")
            }
        }
    }
}

#[async_trait]
impl MetricSource for EmbeddedSource {
    fn name(&self) -> SourceName {
        self.name.clone()
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        let at_ms = floor_ms(at);
        let expr = self.parsed(query)?;
        let stored = self.store.read();
        let value = Evaluation::new(&stored, self.options, (at_ms, at_ms)).at(at_ms).eval(&expr);
        let found = value.and_then(|value| at_instant(at_ms, value));
        Ok(answer(found.map_err(|fault| self.fault(query, fault))?))
    }

    async fn range(&self, query: &Query, span: Span, step: Duration) -> Result<Answer, Error> {
        let (from, to, step) = (floor_ms(span.from()), floor_ms(span.to()), as_ms(step));
        if step == 0 {
            return Err(self.refused(query, "the step of a range must be a millisecond or more"));
        }
        if (to - from) / step >= POINTS_MAX {
            let reason = format!("the step is too small: more than {POINTS_MAX} evaluations");
            return Err(self.refused(query, reason));
        }
        let expr = self.parsed(query)?;
        let stored = self.store.read();
        let evaluation = Evaluation::new(&stored, self.options, (from, to));
        let mut courses = self.courses.lock().unwrap_or_else(PoisonError::into_inner);
        let course = courses.of(query, &expr, &stored, from);
        let mut found = BTreeMap::new();
        for at_ms in (0..=(to - from) / step).map(|i| from + i * step) {
            let elements = course.at(at_ms, || instant_vector(evaluation.at(at_ms).eval(&expr)?));
            for element in &*elements.map_err(|fault| self.fault(query, fault))? {
                let samples = found.entry(element.labels.clone()).or_insert_with(Vec::new);
                samples.push(sample(at_ms, element.value));
            }
        }
        Ok(answer(found))
    }

    fn selectors(&self, expression: &Query) -> Option<Vec<Selector>> {
        mapek_monitor::selectors(expression)
    }
}

type Found = BTreeMap<Labels, Vec<Sample>>;

/// What an instant query answers.
fn at_instant(at_ms: i64, value: Value) -> Result<Found, Fault> {
    let Value::Matrix(matrix) = value else {
        let elements = instant_vector(value)?.into_iter();
        let one = |it: Element| (it.labels, vec![sample(at_ms, it.value)]);
        return Ok(elements.map(one).collect());
    };
    let samples = |run: Run| {
        let samples = run.points.iter().map(|&(at_ms, value)| sample(at_ms, value)).collect();
        (run.labels, samples)
    };
    Ok(matrix.runs.into_iter().map(samples).collect())
}

/// What a range query answers for one of its instants.
fn instant_vector(value: Value) -> Result<Vec<Element>, Fault> {
    match value {
        Value::Scalar(value) => Ok(vec![Element { labels: Labels::default(), value }]),
        Value::Vector(elements) => Ok(elements),
        Value::Matrix(_) => Err(Fault::refused("a range of a range vector; wrap it in a function")),
        Value::Text(_) => Err(Fault::refused("the expression answers a text")),
    }
}

fn sample(at_ms: i64, value: f64) -> Sample {
    let at = Timestamp::from_millisecond(at_ms).unwrap_or(if at_ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    Sample { at, value }
}

fn answer(found: Found) -> Answer {
    let series = found.into_iter().map(|(labels, samples)| Series { labels, samples }).collect();
    Answer { series, quality: Quality::fresh() }
}

#[cfg(test)]
mod tests;
