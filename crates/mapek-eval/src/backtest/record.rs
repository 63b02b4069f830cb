//! A metric source that is asked for its past, and where that begins and ends.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mapek_model::{Answer, Duration, Query, SourceName, Span, Timestamp, earlier, later};
use mapek_monitor::{AlertRule, Error, MetricSource};

/// Passes every question on, rounds what is answered, and remembers if nothing was.
///
/// Prometheus adds series up in no particular order, so the last digits of a sum differ from one time to the next. They mean nothing;
/// without them the same record gives the same bytes.
///
/// A source that hangs for a moment is an everyday matter to a loop at work, and part of what it sees. In a backtest it would be written
/// down as if it had been so then: it has to be told apart.
#[derive(Debug)]
pub(super) struct Recorded {
    source: Arc<dyn MetricSource>,
    failed: Mutex<Option<Error>>,
}

impl Recorded {
    pub(super) fn over(source: Arc<dyn MetricSource>) -> Self {
        Self { source, failed: Mutex::default() }
    }

    /// The first failure since the last time that somebody asked.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What is refused is refused each time, and so part of what the loop would see: a query that is none, for one.
    fn noted(&self, answer: Result<Answer, Error>) -> Result<Answer, Error> {
        answer.map(rounded).map_err(|error| {
            if !error.is_transient() {
                return error;
            }
            let stands_for = Error::unreachable(self.name().as_str(), "the past", "see the record");
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert(error);
            stands_for
        })
    }
}

#[async_trait]
impl MetricSource for Recorded {
    fn name(&self) -> SourceName {
        self.source.name()
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        self.noted(self.source.instant(query, at).await)
    }

    async fn range(&self, query: &Query, span: Span, step: Duration) -> Result<Answer, Error> {
        self.noted(self.source.range(query, span, step).await)
    }

    /// None: the rules of today say nothing of those of then.
    async fn alert_rule(&self, _: &str) -> Result<Option<AlertRule>, Error> {
        Ok(None)
    }
}

fn rounded(mut answer: Answer) -> Answer {
    let samples = answer.series.iter_mut().flat_map(|it| &mut it.samples);
    samples.for_each(|sample| sample.value = round(sample.value));
    answer
}

/// From here on numbers are taken for times in Unix seconds, of which milliseconds count.
const TIMES: f64 = 1e8;

/// To nine digits; a time to milliseconds. The noise is in the sixteenth.
fn round(value: f64) -> f64 {
    if !value.is_finite() {
        value
    } else if value.abs() >= TIMES {
        (value * 1_000.0).round() / 1_000.0
    } else {
        format!("{value:.8e}").parse().unwrap_or(value)
    }
}

/// How finely it is told where a record begins and ends. Prometheus answers with samples that are up to five minutes old, so a finer step
/// would tell no more.
const GRAIN: Duration = Duration::from_secs(300);
/// Most points that a look at the whole span takes.
const POINTS_MAX: u32 = 10_000;
/// How far before and after the span it is looked for a record.
const DAY: Duration = Duration::from_secs(86_400);
const DAYS: u32 = 400;

/// Where the series of `present` begin and end within `span`, to five minutes or a ten thousandth of it; none if there are none.
pub(super) async fn extent(
    source: &dyn MetricSource,
    present: &[Query],
    span: Span,
) -> Result<Option<Span>, Error> {
    let Some(any) = any_of(present) else { return Ok(Some(span)) };
    // A record that is shorter than a grain lies between two points.
    let grain = grain(span).min(span.length()).max(Duration::from_secs(1));
    Ok(outline(&source.range(&any, span, grain).await?))
}

/// How finely it is told of `span` where its record begins and ends.
pub(super) fn grain(span: Span) -> Duration {
    GRAIN.max(span.length() / POINTS_MAX)
}

/// Where they are to be found at all, near `span`.
pub(super) async fn whereabouts(
    source: &dyn MetricSource,
    present: &[Query],
    span: Span,
) -> Result<Option<Span>, Error> {
    let daily = any_of(present).and_then(|any| {
        Query::try_new(format!("count_over_time(({})[1d:{}s])", any.as_str(), GRAIN.as_secs())).ok()
    });
    let Some(daily) = daily else { return Ok(None) };
    let around = Span::try_new(earlier(span.from(), DAY * DAYS), later(span.to(), DAY * DAYS));
    let around = around.unwrap_or(span);
    let Some(days) = outline(&source.range(&daily, around, DAY).await?) else { return Ok(None) };
    // Each point speaks of the day before it.
    let first = extent(source, present, Span::ending_at(days.from(), DAY)).await?;
    let last = extent(source, present, Span::ending_at(days.to(), DAY)).await?;
    let from = first.map_or(days.from(), Span::from);
    let to = last.map_or(days.to(), Span::to);
    Ok(Span::try_new(from, to).ok())
}

/// Answers something where any of the expressions does; none if there are none, or they are too long together.
fn any_of(present: &[Query]) -> Option<Query> {
    let counted: Vec<_> = present.iter().map(|it| format!("count({})", it.as_str())).collect();
    Query::try_new(counted.join(" or ")).ok()
}

/// From the first sample to the last.
fn outline(answer: &Answer) -> Option<Span> {
    let times = || answer.series.iter().flat_map(|it| &it.samples).map(|it| it.at);
    Span::try_new(times().min()?, times().max()?).ok()
}

#[cfg(test)]
mod tests {
    use mapek_model::{Labels, Quality, Sample, Series, since};

    use super::*;

    /// A source with a sample of 1 every 30 s for an hour, that can be made to hang.
    #[derive(Debug, Default)]
    struct Hour {
        hangs: bool,
    }

    fn at(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(1_750_000_000 + seconds))
    }

    fn span(from: u64, to: u64) -> Span {
        Span::try_new(at(from), at(to)).unwrap()
    }

    #[async_trait]
    impl MetricSource for Hour {
        fn name(&self) -> SourceName {
            SourceName::try_new("hour").unwrap()
        }

        async fn instant(&self, _: &Query, _: Timestamp) -> Result<Answer, Error> {
            if self.hangs {
                return Err(Error::timeout("hour", "query `x`"));
            }
            Err(Error::refused("hour", "query `x`", "it is none"))
        }

        async fn range(&self, query: &Query, span: Span, step: Duration) -> Result<Answer, Error> {
            // Where something is counted over days, samples are seen for a day.
            let kept = if query.as_str().contains("[1d:") { DAY } else { Duration::from_secs(300) };
            let steps = 0..=(span.length().as_secs() / step.as_secs());
            let times = steps.map(|n| later(span.from(), step * u32::try_from(n).unwrap()));
            let hour = self::span(0, 3_600);
            let seen = times.filter(|time| *time >= hour.from() && since(*time, hour.to()) < kept);
            let samples: Vec<_> = seen.map(|at| Sample { at, value: 1.0 }).collect();
            let series = vec![Series { labels: Labels::default(), samples }];
            Ok(Answer { series, quality: Quality::fresh() })
        }
    }

    fn present() -> Vec<Query> {
        ["up", "x"].map(|it| Query::try_new(it).unwrap()).to_vec()
    }

    #[tokio::test]
    async fn a_record_begins_and_ends_where_it_does_to_five_minutes() {
        let source = Hour::default();
        let found = async |asked: Span| extent(&source, &present(), asked).await.unwrap();
        assert_eq!(found(span(600, 1_200)).await, Some(span(600, 1_200)));
        assert_eq!(found(span(600, 600)).await, Some(span(600, 600)), "a moment");
        assert_eq!(found(span(600, 9_600)).await, Some(span(600, 3_600)));
        assert_eq!(found(span(9_000, 9_600)).await, None);
        let shorter = Span::try_new(earlier(at(0), Duration::from_secs(60)), at(60)).unwrap();
        assert_eq!(found(shorter).await, Some(span(60, 60)), "than five minutes");
        let any = extent(&source, &[], span(9_000, 9_600)).await.unwrap();
        assert_eq!(any, Some(span(9_000, 9_600)), "nobody asked");
    }

    #[tokio::test]
    async fn where_nothing_is_recorded_it_is_found_what_is() {
        let source = Hour::default();
        for days in [2, 300] {
            let asked = span(days * 86_400, days * 86_400 + 600);
            let found = whereabouts(&source, &present(), asked).await.unwrap().unwrap();
            assert!(since(found.from(), at(0)) <= GRAIN, "{found:?}");
            assert!(found.to() >= at(3_300) && found.to() < at(3_900), "{found:?}");
        }
        let years = span(500 * 86_400, 501 * 86_400);
        assert_eq!(whereabouts(&source, &present(), years).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_hangs_is_remembered_and_what_is_refused_is_not() {
        let ask = async |hangs| {
            let recorded = Recorded::over(Arc::new(Hour { hangs }));
            assert!(recorded.instant(&present()[0], at(0)).await.is_err());
            (recorded.failure().map(|it| it.to_string()), recorded.failure().is_none())
        };
        let (hung, over) = ask(true).await;
        assert_eq!(hung.as_deref(), Some("query `x`: no answer from hour in time"));
        assert!(over, "it is told once");
        assert_eq!(ask(false).await.0, None);
    }

    #[test]
    fn noise_is_rounded_away_and_times_keep_their_milliseconds() {
        assert!(round(0.1 + 0.2).total_cmp(&0.3).is_eq());
        assert!(round(1_750_000_000.123).total_cmp(&1_750_000_000.123).is_eq());
        assert!(round(-12_345.678_912_345).total_cmp(&-12_345.678_9).is_eq());
        assert!(round(0.0).total_cmp(&0.0).is_eq());
        assert!(round(f64::NAN).is_nan() && round(f64::NEG_INFINITY).is_infinite());
    }
}
