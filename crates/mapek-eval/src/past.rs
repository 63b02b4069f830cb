//! The past, as a Prometheus recorded it: what a loop would have seen and proposed in it.
//!
//! [`backtest`] runs the same cycles as production through a span of the past, on a clock that is moved by hand. What was measured is asked of
//! Prometheus as of then; alerts that fired are read from the series `ALERTS` that Prometheus itself writes. Nothing is sent to anyone:
//! the [`PastCharter`] refuses all that would change it, and knows of its own past only what is in its metrics. Which policies there
//! were, and which nodes were well, is not in them, so plans that need to know do not appear.
//!
//! It is here rather than in `mapek-loop` because it judges a loop, as scenarios do; a loop does not need it to run.

mod alerts;
mod charter;
mod summary;

use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc};

use mapek_loop::{Cycle, CycleReport, ManualClock, WakeReason};
use mapek_model::{Duration, Query, Span, later};
use mapek_monitor::MetricSource;

pub use alerts::PastAlerts;
pub use charter::PastCharter;
pub use summary::{CauseSeen, Effect, PlanSeen, Summary};

use crate::Error;

/// Most cycles of one backtest: half a year of one every 30 s. Each asks Prometheus some thirty questions.
const CYCLES_MAX: u128 = 500_000;

/// A stretch of the past.
#[derive(Debug, Clone)]
pub struct Past {
    /// What is told. Before it, the loop learns what is usual for as long as `warm_up`.
    pub span: Span,
    /// How long the loop may learn before.
    pub warm_up: Duration,
    /// From one cycle to the next; above 0.
    pub step: Duration,
    /// Where its metrics are.
    pub metrics: Arc<dyn MetricSource>,
    /// What time it is there. Whatever the loop is built from must go by it.
    pub clock: ManualClock,
}

impl Past {
    /// What must be so for it to be looked at: there is time in it, and Prometheus knows of it.
    ///
    /// # Errors
    ///
    /// [`Error::Past`] says what is wrong with the span or its step; or that there are no samples in it.
    pub async fn check(&self) -> Result<(), Error> {
        let past = |reason: String| Error::Past { reason, source: None };
        if self.step.is_zero() {
            return Err(past("the step must be above 0".to_owned()));
        }
        let length = self.span.length() + self.warm_up;
        let cycles = length.as_millis() / self.step.as_millis().max(1);
        if cycles > CYCLES_MAX {
            return Err(past(format!(
                "{cycles} cycles are more than {CYCLES_MAX}: choose a shorter span or a longer step"
            )));
        }
        let up = Query::try_new("up").map_err(|error| past(error.to_string()))?;
        // A hundred looks are enough to find out whether there is anything at all.
        let step = (self.span.length() / 100).max(self.step);
        let known = self.metrics.range(&up, self.span, step).await;
        let known = known.map_err(|error| Error::Past {
            reason: format!("{} does not tell", self.metrics.name()),
            source: Some(Box::new(error)),
        })?;
        if known.series.is_empty() {
            return Err(past(format!(
                "{} has no sample of `up` from {} to {}: is that beyond its retention?",
                self.metrics.name(),
                self.span.from(),
                self.span.to()
            )));
        }
        Ok(())
    }
}

/// Runs `cycle` through the past, and hands the report of each cycle of the span to `take`, until that breaks.
///
/// The same past gives the same reports.
///
/// # Errors
///
/// [`Error::Past`], as [`Past::check`].
pub async fn backtest(
    past: &Past,
    mut cycle: Cycle,
    mut take: impl FnMut(&CycleReport) -> ControlFlow<()>,
) -> Result<(), Error> {
    past.check().await?;
    let mut now = mapek_model::earlier(past.span.from(), past.warm_up);
    while now <= past.span.to() {
        past.clock.advance_to(now);
        let report = cycle.run_once(now, BTreeSet::from([WakeReason::Interval])).await;
        if now >= past.span.from() && take(&report).is_break() {
            break;
        }
        now = later(now, past.step);
    }
    Ok(())
}
