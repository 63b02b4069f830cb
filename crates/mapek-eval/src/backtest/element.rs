//! The managed system of then: what its metrics tell of it, and nothing that could be done to it.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use mapek_execute::{EffectError, Effector, Presence, Repeat, Sending};
use mapek_model::{
    Action, ActionKind, Captured, DoubtKind, Quality, Query, Resource, Series, SourceName,
    Timestamp, Way,
};
use mapek_monitor::{ElementReading, ManagedElement, MetricSource};
use serde_json::{Value, json};

/// How many replicas there are.
const SIZE: &str = "max(westworld_charter_committee_size)";

/// The committee as its metrics show it: how many replicas it has.
///
/// Which of them are healthy, what was asked for, and which policies there are is in no metric of Charter's. That is left out, not
/// guessed: what is not there speaks neither for a cause nor against it.
#[derive(Debug)]
pub struct PastCommittee {
    name: SourceName,
    metrics: Arc<dyn MetricSource>,
}

impl PastCommittee {
    /// Reads from `metrics`; called as the element that reads Charter itself.
    ///
    /// # Panics
    ///
    /// Never: the name is a valid one.
    #[must_use]
    pub fn new(metrics: Arc<dyn MetricSource>) -> Self {
        let name = SourceName::try_new("charter").expect("it is a short word");
        Self { name, metrics }
    }

    async fn replicas(&self, at: Timestamp) -> Result<u64, Quality> {
        let query = Query::try_new(SIZE).expect("it is written here");
        let answer = self.metrics.instant(&query, at).await;
        let answer = answer.map_err(|error| Quality::unreachable("committee", error.chain()))?;
        let size = answer.series.first().and_then(Series::last).map(|it| it.value);
        let size = size.filter(|it| *it >= 0.0 && *it <= f64::from(u32::MAX));
        size.map(|it| it.round() as u64).ok_or_else(|| {
            let detail = format!("{SIZE} is not in the record");
            answer.quality.with(DoubtKind::MissingSeries, "committee", detail)
        })
    }
}

#[async_trait]
impl ManagedElement for PastCommittee {
    fn name(&self) -> SourceName {
        self.name.clone()
    }

    async fn read(&self, at: Timestamp) -> ElementReading {
        match self.replicas(at).await {
            Ok(replicas) => {
                let committee = Resource {
                    kind: "committee".to_owned(),
                    id: "committee".to_owned(),
                    status: String::new(),
                    generation: None,
                    changed: None,
                    attributes: BTreeMap::from([("replicas".to_owned(), json!(replicas))]),
                };
                ElementReading { resources: vec![committee], ..ElementReading::default() }
            }
            Err(quality) => ElementReading { quality, ..ElementReading::default() },
        }
    }
}

/// What is past does not change: whatever is asked for is refused, and nothing leaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Immutable;

impl Immutable {
    fn refusal<T>() -> Result<T, EffectError> {
        Err(EffectError::refused("what is past does not change"))
    }
}

#[async_trait]
impl Effector for Immutable {
    fn repeat(&self, _: &ActionKind, _: Way) -> Option<Repeat> {
        None
    }

    async fn capture(&self, _: &Action) -> Result<Value, EffectError> {
        Self::refusal()
    }

    async fn rehearse(&self, _: &Action, _: Way, _: &Captured) -> Result<(), EffectError> {
        Self::refusal()
    }

    async fn apply(&self, _: &Action, _: &Captured, _: &Sending) -> Result<Value, EffectError> {
        Self::refusal()
    }

    async fn undo(
        &self,
        _: &Action,
        _: &Captured,
        _: &Value,
        _: &Sending,
    ) -> Result<Value, EffectError> {
        Self::refusal()
    }

    async fn read_back(
        &self,
        _: &Action,
        _: Way,
        _: &Captured,
        _: &Value,
    ) -> Result<Presence, EffectError> {
        Self::refusal()
    }
}

#[cfg(test)]
mod tests {
    use mapek_model::{Answer, Duration, Labels, Level, Sample, Span};
    use mapek_monitor::Error;

    use super::*;

    /// A record in which the committee has this size, if any.
    #[derive(Debug)]
    struct Size(Option<f64>);

    #[async_trait]
    impl MetricSource for Size {
        fn name(&self) -> SourceName {
            SourceName::try_new("size").unwrap()
        }

        async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
            assert_eq!((query.as_str(), at), (SIZE, Timestamp::UNIX_EPOCH));
            let of =
                |value| Series { labels: Labels::default(), samples: vec![Sample { at, value }] };
            Ok(Answer { series: self.0.map(of).into_iter().collect(), ..Answer::default() })
        }

        async fn range(&self, _: &Query, _: Span, _: Duration) -> Result<Answer, Error> {
            unreachable!("it is asked for a moment")
        }
    }

    async fn read(size: Option<f64>) -> ElementReading {
        PastCommittee::new(Arc::new(Size(size))).read(Timestamp::UNIX_EPOCH).await
    }

    #[tokio::test]
    async fn a_committee_is_as_large_as_its_metric_says_and_nothing_is_guessed() {
        let known = read(Some(6.0)).await;
        assert_eq!(known.quality.level(), Level::Fresh);
        let [committee] = &known.resources[..] else { panic!("{:?}", known.resources) };
        assert_eq!(committee.attributes, BTreeMap::from([("replicas".to_owned(), json!(6))]));
        for unknown in [None, Some(f64::NAN), Some(-1.0), Some(1e300)] {
            let reading = read(unknown).await;
            assert_eq!((reading.quality.level(), reading.resources.len()), (Level::Unknown, 0));
        }
    }

    #[tokio::test]
    async fn the_past_refuses_whatever_is_asked_of_it() {
        let action = Action::ScaleUp { replicas: 9 };
        assert_eq!(Immutable.repeat(&action.kind(), Way::Do), None);
        let refused = Immutable.capture(&action).await.unwrap_err();
        assert!(!refused.is_transient(), "it would be tried again");
        let captured = Captured { at: Timestamp::UNIX_EPOCH, state: Value::Null };
        assert_eq!(Immutable.rehearse(&action, Way::Do, &captured).await, Err(refused));
    }
}
