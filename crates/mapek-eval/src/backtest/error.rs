//! What can go wrong with a backtest.

use mapek_model::{Duration, Span, duration};

/// A backtest cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BacktestError {
    /// Nothing was recorded then.
    #[error("nothing is recorded from {} to {}; {}", span.from(), span.to(), whereabouts(record.as_ref()))]
    #[non_exhaustive]
    NoRecord {
        /// What was asked for.
        span: Span,
        /// What is recorded, to five minutes; absent if nothing is within 400 days.
        record: Option<Span>,
    },
    /// It would be more cycles than anybody waits for.
    #[error("{} in steps of {} are {cycles} cycles, {most} are the most", duration::format(*length), duration::format(*step))]
    #[non_exhaustive]
    TooLong {
        /// How long the span is.
        length: Duration,
        /// From cycle to cycle.
        step: Duration,
        /// How many cycles that is.
        cycles: u64,
        /// How many there may be.
        most: u64,
    },
    /// The record cannot be read.
    #[error("the record cannot be read")]
    #[non_exhaustive]
    Unreadable {
        /// Why.
        #[source]
        source: mapek_monitor::Error,
    },
}

impl BacktestError {
    /// For `map_err`: the record cannot be read.
    pub(super) fn unreadable(source: mapek_monitor::Error) -> Self {
        Self::Unreadable { source }
    }
}

fn whereabouts(record: Option<&Span>) -> String {
    record.map_or_else(
        || "within 400 days before and after there is no record either".to_owned(),
        |span| format!("the record is from {} to {}", span.from(), span.to()),
    )
}
