//! Reading all sources at once, within one deadline.

mod deadline;
mod probe;
mod roll;
mod rule;
mod sensors;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use mapek_model::{Answer, Level, Query, Span, Timestamp};

use crate::{
    AlertFeed, ElementReading, Error, FeedAnswer, HeardSilence, ManagedElement, MetricSource,
    SilenceFeed,
};

pub(crate) use deadline::Deadline;
pub(crate) use probe::{Age, Probe};
pub(crate) use roll::RollCall;
pub(crate) use rule::{Look, RuleReport, evaluate};
pub use sensors::{ExpectedReset, Ours};
pub(crate) use sensors::{expected, queries as sensor_queries, sensors};
pub(crate) use watch::watch;

/// Where a monitor looks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    pub(crate) metrics: Option<Arc<dyn MetricSource>>,
    pub(crate) feed: Option<Arc<dyn AlertFeed>>,
    pub(crate) elements: Vec<Arc<dyn ManagedElement>>,
    pub(crate) silences: Option<Arc<dyn SilenceFeed>>,
}

/// What is to be asked of the metric source.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    /// Instant queries; equal ones are asked once.
    pub(crate) instants: BTreeSet<Query>,
    /// Range queries, in the order of their answers.
    pub(crate) ranges: Vec<(Query, Span, Duration)>,
}

/// What came back. What did not come before the deadline is missing.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    instants: BTreeMap<Query, Result<Answer, Error>>,
    ranges: BTreeMap<usize, Result<Answer, Error>>,
    pub(crate) feed: Option<Result<FeedAnswer, Error>>,
    pub(crate) elements: BTreeMap<usize, ElementReading>,
    pub(crate) silences: Option<Result<Vec<HeardSilence>, Error>>,
}

impl Readings {
    /// Whether the list of alerts is here and whole.
    pub(crate) fn feed_is_fresh(&self) -> bool {
        matches!(&self.feed, Some(Ok(answer)) if answer.quality.level() == Level::Fresh)
    }

    /// The answer to an instant query, or why there is none.
    pub(crate) fn instant(&self, query: &Query) -> Result<&Answer, String> {
        found(self.instants.get(query))
    }

    /// The answer to a range query, or why there is none.
    pub(crate) fn range(&self, place: usize) -> Result<&Answer, String> {
        found(self.ranges.get(&place))
    }
}

/// What is said of a source that did not answer before the deadline.
pub(crate) const TOO_LATE: &str = "no answer before the deadline of the cycle";

fn found(answer: Option<&Result<Answer, Error>>) -> Result<&Answer, String> {
    match answer {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) => Err(error.chain()),
        None => Err(TOO_LATE.to_owned()),
    }
}

/// One reading, as soon as it is there.
enum Reading {
    Instant(Query, Result<Answer, Error>),
    Range(usize, Result<Answer, Error>),
    Feed(Result<FeedAnswer, Error>),
    Element(usize, ElementReading),
    Silences(Result<Vec<HeardSilence>, Error>),
}

/// Asks everybody at once, the metric source at most `reads_max` questions at a time, until all have answered or the deadline
/// is over. A source that hangs delays no other.
pub(crate) async fn gather(
    sources: &Sources,
    questions: Questions,
    at: Timestamp,
    reads_max: usize,
    deadline: &mut Deadline<'_>,
) -> Readings {
    let mut lanes: Vec<BoxStream<'_, Reading>> = Vec::new();
    if let Some(metrics) = &sources.metrics {
        let reads = stream::iter(metric_reads(metrics.as_ref(), questions, at));
        lanes.push(reads.buffer_unordered(reads_max).boxed());
    }
    if let Some(feed) = &sources.feed {
        lanes.push(stream::once(feed.alerts(at).map(Reading::Feed)).boxed());
    }
    if let Some(silences) = &sources.silences {
        lanes.push(stream::once(silences.silences(at).map(Reading::Silences)).boxed());
    }
    for (place, element) in sources.elements.iter().enumerate() {
        let read = element.read(at).map(move |reading| Reading::Element(place, reading));
        lanes.push(stream::once(read).boxed());
    }
    let mut all = stream::select_all(lanes);
    let mut readings = Readings::default();
    while let Some(Some(reading)) = deadline.race(all.next()).await {
        match reading {
            Reading::Instant(query, answer) => drop(readings.instants.insert(query, answer)),
            Reading::Range(place, answer) => drop(readings.ranges.insert(place, answer)),
            Reading::Feed(answer) => readings.feed = Some(answer),
            Reading::Element(place, reading) => drop(readings.elements.insert(place, reading)),
            Reading::Silences(answer) => readings.silences = Some(answer),
        }
    }
    readings
}

fn metric_reads(
    metrics: &dyn MetricSource,
    questions: Questions,
    at: Timestamp,
) -> Vec<BoxFuture<'_, Reading>> {
    let instants = questions.instants.into_iter().map(|query| {
        async move {
            let answer = metrics.instant(&query, at).await;
            Reading::Instant(query, answer)
        }
        .boxed()
    });
    let ranges = questions.ranges.into_iter().enumerate().map(|(place, (query, span, step))| {
        async move { Reading::Range(place, metrics.range(&query, span, step).await) }.boxed()
    });
    instants.chain(ranges).collect()
}
