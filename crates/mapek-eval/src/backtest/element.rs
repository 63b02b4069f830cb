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

    async fn rehearse(&self, _: &Action, _: &Captured) -> Result<(), EffectError> {
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
