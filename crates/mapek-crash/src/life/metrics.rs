//! What can be measured: two values, each too high as long as the story says so.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use async_trait::async_trait;
use mapek_execute::Control;
use mapek_model::{
    Answer, Duration, Phase, Quality, Query, Sample, Series, SourceName, Span, Timestamp,
};
use mapek_monitor::{Error, MetricSource};

/// What the plan treats.
pub(super) const LATENCY: &str = "latency_seconds";
/// What gets worse by it.
pub(super) const FAILURES: &str = "failures_ratio";

/// A metric source that answers at once.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    slow: AtomicBool,
    failing: AtomicBool,
}

impl Metrics {
    /// Follows the story: it is slow until the plan has been applied, and if the plan does harm, then still, and worse.
    pub(super) fn show(&self, control: &Control, degrades: bool, is_slow: bool) {
        let executions = control.executions();
        let ended = executions.iter().any(|it| it.status.ending().is_some());
        let applied = executions
            .iter()
            .any(|it| !matches!(it.status.phase(), Phase::Running) && it.last_applied.is_some());
        self.slow.store(is_slow && !ended && (degrades || !applied), Relaxed);
        self.failing.store(degrades && applied && !ended, Relaxed);
    }

    fn value(&self, query: &str) -> f64 {
        let high = if query.contains(FAILURES) { &self.failing } else { &self.slow };
        if high.load(Relaxed) { 2.0 } else { 0.2 }
    }
}

#[async_trait]
impl MetricSource for Metrics {
    fn name(&self) -> SourceName {
        SourceName::try_new("story").expect("it is short and plain")
    }

    async fn instant(&self, query: &Query, at: Timestamp) -> Result<Answer, Error> {
        let text = query.as_str();
        let value = self.value(text);
        let shown = match text.contains("timestamp(") {
            true => Some(at.as_second() as f64),
            // A comparison keeps the series only where it holds.
            false if text.contains("Inf") || text.contains("!=") => None,
            false if text.contains('>') => (value > 1.0).then_some(value),
            false => Some(value),
        };
        let name = if text.contains(FAILURES) { FAILURES } else { LATENCY };
        let series = shown.map(|value| Series {
            labels: [("__name__", name)].into_iter().collect(),
            samples: vec![Sample { at, value }],
        });
        Ok(Answer { series: series.into_iter().collect(), quality: Quality::fresh() })
    }

    async fn range(&self, _: &Query, _: Span, _: Duration) -> Result<Answer, Error> {
        Ok(Answer::default())
    }
}
