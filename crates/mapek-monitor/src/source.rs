//! The seam to metrics.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use mapek_model::{Answer, MetricName, Query, SourceName, Span, Timestamp};

use crate::Error;

/// Raw series that an expression is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    /// What selects them, as a query for their newest samples.
    pub query: Query,
    /// Whether the expression says nothing without them. The other side of an `or` may be missing.
    pub required: bool,
}

impl Selector {
    /// The name of the metric that it selects, where it selects one by its name.
    ///
    /// ```
    /// let query = mapek_model::Query::try_new(r#"errors_total{job="a"} > 1"#)?;
    /// let found = mapek_monitor::selectors(&query).expect("it is PromQL");
    /// assert_eq!(found[0].metric().expect("it has a name"), "errors_total");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn metric(&self) -> Option<MetricName> {
        let query = self.query.as_str();
        let name = query.split_once('{').map_or(query, |(name, _)| name);
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let name = name.trim();
        name.chars().all(plain).then(|| MetricName::try_new(name).ok()).flatten()
    }

    /// The one metric family that all of them select; `None` if that cannot be told, or there are several: what rests on several
    /// is no independent witness beside what rests on one of them.
    pub(crate) fn only_family<'a>(them: impl IntoIterator<Item = &'a Self>) -> Option<MetricName> {
        let mut names = them.into_iter().map(Self::metric);
        let first = names.next()??;
        names.all(|name| name.is_some_and(|it| it.family() == first.family())).then_some(first)
    }
}

/// What makes an alert fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRule {
    /// What is true while it does; of several rules of one name, any of them.
    pub expression: Query,
    /// How long that must have been so before the alert fires: the breach began so much earlier than the alert. Of several
    /// rules of one name, the shortest.
    pub hold: Duration,
}

/// Where metrics come from.
///
/// # Contract
///
/// *Repeating*: calling twice is safe. Sources read; they never change the managed system.
/// *Cancelling*: a dropped future has no effect.
/// *Ordering*: none between concurrent calls; many are made at once. Answers are sorted by labels, samples by time.
/// *Time*: an evaluation is at the instant that was asked for, never at the source's own *now*.
/// *Limits*: a source bounds how much it reads and how long it waits, and says so with an error.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MetricSource: fmt::Debug + Send + Sync {
    /// What the configuration calls it.
    fn name(&self) -> SourceName;

    /// Evaluates `query` at `at`: series of one sample each, and how far the answer can be trusted.
    ///
    /// The samples carry the time of evaluation; how old the data is must be asked with PromQL's `timestamp(…)`.
    ///
    /// # Errors
    ///
    /// [`Error`] if the source cannot be reached, refuses the query, or answers outside its protocol. Data that is there
    /// but doubtful is no error: see [`Answer::quality`].
    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error>;

    /// Evaluates `query` at the beginning of `span` and every `step` after it, to its end.
    ///
    /// # Errors
    ///
    /// As [`instant`](Self::instant); and if `step` is zero or too small for the span.
    async fn range(&self, query: &Query, span: Span, step: Duration) -> Result<Answer, Error>;

    /// The alerting rule of that name, where the source evaluates rules and has such a one. It is how an alert that came by
    /// webhook alone is confirmed, and what it rests on is found.
    ///
    /// # Errors
    ///
    /// As [`instant`](Self::instant).
    async fn alert_rule(&self, _alert: &str) -> Result<Option<AlertRule>, Error> {
        Ok(None)
    }

    /// The raw series that an expression is made of, each as a query of its own, so that it can be asked how old they are and
    /// which parts of the system they speak of. `None` where that cannot be told: the source then answers for it by itself,
    /// with [`Answer::quality`]. It asks nobody.
    fn selectors(&self, _expression: &Query) -> Option<Vec<Selector>> {
        None
    }
}

const _: Option<&dyn MetricSource> = None; // stays usable as a trait object

#[async_trait]
impl<T: MetricSource + ?Sized> MetricSource for Arc<T> {
    fn name(&self) -> SourceName {
        (**self).name()
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        (**self).instant(query, at).await
    }

    async fn range(&self, query: &Query, span: Span, step: Duration) -> Result<Answer, Error> {
        (**self).range(query, span, step).await
    }

    async fn alert_rule(&self, alert: &str) -> Result<Option<AlertRule>, Error> {
        (**self).alert_rule(alert).await
    }

    fn selectors(&self, expression: &Query) -> Option<Vec<Selector>> {
        (**self).selectors(expression)
    }
}

/// A name that is written in this crate.
pub(crate) fn source_name(name: &'static str) -> SourceName {
    SourceName::try_new(name).expect("it is a short word in small letters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_arc_forwards() {
        let query = Query::try_new("up").unwrap();
        let mut source = MockMetricSource::new();
        source.expect_name().times(1).returning(|| source_name("mock"));
        source.expect_instant().times(1).returning(|_, _| Ok(Answer::default()));
        source.expect_range().times(1).returning(|_, _, _| Ok(Answer::default()));
        source.expect_alert_rule().times(1).returning(|_| Ok(None));
        source.expect_selectors().times(1).returning(|_| None);
        let shared = Arc::new(source);
        let shared: &dyn MetricSource = &shared;
        let at = Timestamp::UNIX_EPOCH;
        assert_eq!(shared.name(), "mock");
        assert!(shared.instant(&query, at).await.is_ok());
        let span = Span::ending_at(at, Duration::from_secs(1));
        assert!(shared.range(&query, span, Duration::from_secs(1)).await.is_ok());
        assert!(shared.alert_rule("A").await.unwrap().is_none());
        assert_eq!(shared.selectors(&query), None);
    }
}
