//! The outside as it was.

use std::sync::Arc;

use mapek_execute::Effector;
use mapek_loop::ManualClock;
use mapek_model::{Duration, Query, Span, later};
use mapek_monitor::{AlertFeed, ManagedElement, MetricSource};

use super::{
    BacktestError, Immutable, PastCommittee,
    alerts::PastAlerts,
    record::{Recorded, extent, grain, whereabouts},
};

/// What is to be looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct BacktestConfig {
    /// From the first cycle to the last moment at which there may be one.
    pub span: Span,
    /// From cycle to cycle, as the loop is configured: above 0.
    pub step: Duration,
    /// How often the metrics were scraped: alerts are read as finely.
    pub scrape_interval: Duration,
    /// Expressions of which at least one answers a series wherever there is a record; none if nothing is to be asked about that.
    pub present: Vec<Query>,
    /// Whether alerts are read, and wake the loop.
    pub alerts: bool,
}

impl BacktestConfig {
    /// Most cycles: a month at the usual interval. Each asks a few dozen questions.
    pub const CYCLES_MAX: u64 = 100_000;

    fn check(&self) -> Result<(), BacktestError> {
        let (length, step) = (self.span.length(), self.step);
        let cycles = length.as_millis() / step.as_millis().max(1);
        let cycles = u64::try_from(cycles).unwrap_or(u64::MAX).saturating_add(1);
        let most = Self::CYCLES_MAX;
        if cycles > most {
            return Err(BacktestError::TooLong { length, step, cycles, most });
        }
        Ok(())
    }
}

/// A stretch of the past, as everything outside of a loop.
#[derive(Debug)]
pub struct Past {
    pub(super) span: Span,
    pub(super) record: Span,
    pub(super) clock: ManualClock,
    pub(super) metrics: Arc<Recorded>,
    pub(super) alerts: Option<Arc<PastAlerts>>,
}

impl Past {
    /// Looks whether `source` has a record of the span, and which alerts fired.
    ///
    /// # Errors
    ///
    /// [`BacktestError::TooLong`] if it is too many cycles, [`BacktestError::NoRecord`] if there is none, with where there is one, and
    /// [`BacktestError::Unreadable`] if the source cannot be asked.
    pub async fn open(
        source: Arc<dyn MetricSource>,
        config: &BacktestConfig,
    ) -> Result<Self, BacktestError> {
        config.check()?;
        let (span, present) = (config.span, &config.present);
        let found = extent(source.as_ref(), present, span).await;
        let Some(record) = found.map_err(BacktestError::unreadable)? else {
            let record = whereabouts(source.as_ref(), present, span).await;
            let record = record.map_err(BacktestError::unreadable)?;
            return Err(BacktestError::NoRecord { span, record });
        };
        let alerts = if config.alerts {
            let read = PastAlerts::read(source.as_ref(), span, config.scrape_interval).await;
            Some(Arc::new(read.map_err(BacktestError::unreadable)?))
        } else {
            None
        };
        let clock = ManualClock::at(span.from());
        Ok(Self { span, record, clock, metrics: Arc::new(Recorded::over(source)), alerts })
    }

    /// What was asked for.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Of that, what is recorded: from the first look that finds anything to the last, to five minutes.
    #[must_use]
    pub const fn record(&self) -> Span {
        self.record
    }

    /// Whether the record begins later than the span, or ends earlier, by more than can be told apart.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        let grain = grain(self.span);
        let (asked, found) = (self.span, self.record);
        later(asked.from(), grain) < found.from() || later(found.to(), grain) < asked.to()
    }

    /// The time, at the beginning of the span.
    #[must_use]
    pub fn clock(&self) -> ManualClock {
        self.clock.clone()
    }

    /// The metrics of then.
    #[must_use]
    pub fn metrics(&self) -> Arc<dyn MetricSource> {
        Arc::clone(&self.metrics) as Arc<dyn MetricSource>
    }

    /// The alerts of then, if they are read.
    #[must_use]
    pub fn feed(&self) -> Option<Arc<dyn AlertFeed>> {
        self.alerts.clone().map(|it| it as Arc<dyn AlertFeed>)
    }

    /// The managed system of then, as far as its metrics tell of it.
    #[must_use]
    pub fn element(&self) -> Arc<dyn ManagedElement> {
        Arc::new(PastCommittee::new(self.metrics()))
    }

    /// Who refuses to change it.
    #[must_use]
    pub fn effector(&self) -> Arc<dyn Effector> {
        Arc::new(Immutable)
    }
}
