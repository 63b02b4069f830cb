//! Whether to ask again, and when.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use super::RetryConfig;
use super::budget::Budget;
use crate::Error;

/// The pauses of one call.
#[derive(Debug)]
pub(super) struct Pauses {
    backoff: ExponentialBackoff,
    retry_after_max: Duration,
    deadline: Instant,
}

impl Pauses {
    /// The pauses of a call that has to end by `deadline`; none at all unless it is `repeatable`.
    pub(super) fn new(config: &RetryConfig, repeatable: bool, deadline: Instant) -> Self {
        let times = if repeatable { config.attempts_max.saturating_sub(1) } else { 0 };
        let backoff = ExponentialBuilder::default()
            .with_factor(2.0)
            .with_min_delay(config.pause_min_seconds.to_duration())
            .with_max_delay(config.pause_max_seconds.to_duration())
            .with_max_times(times as usize)
            .with_jitter()
            .build();
        let retry_after_max = config.retry_after_max_seconds.to_duration();
        Self { backoff, retry_after_max, deadline }
    }

    /// The pause before asking again after `error`, or nothing if that is to be the answer.
    pub(super) fn after(
        &mut self,
        error: &Error,
        budget: &Budget,
        now: Instant,
    ) -> Option<Duration> {
        if !error.is_transient() {
            return None;
        }
        let asked_for = error.retry_after().unwrap_or_default();
        let pause = self.backoff.next()?.max(asked_for);
        let in_time = asked_for <= self.retry_after_max && now + pause < self.deadline;
        // Last, because it costs something.
        (in_time && budget.withdraw(now)).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Problem, ProblemKind};

    fn unavailable(retry_after_seconds: u64) -> Error {
        let problem = Problem::new(ProblemKind::Unavailable);
        Error::problem(Call::Health, 503, problem, Some(Duration::from_secs(retry_after_seconds)))
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_may_ask_for_longer_but_not_for_ever() {
        let (config, budget, now) = (RetryConfig::default(), Budget::new(0.2, 1.0), Instant::now());
        let mut pauses = Pauses::new(&config, true, now + Duration::from_secs(60));
        let pause = pauses.after(&unavailable(7), &budget, now);
        assert_eq!(pause, Some(Duration::from_secs(7)));
        assert_eq!(pauses.after(&unavailable(31), &budget, now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_pause_reaches_beyond_the_deadline() {
        let (config, budget, now) = (RetryConfig::default(), Budget::new(0.2, 1.0), Instant::now());
        let mut pauses = Pauses::new(&config, true, now + Duration::from_secs(5));
        assert_eq!(pauses.after(&unavailable(6), &budget, now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_end() {
        let (config, budget, now) = (RetryConfig::default(), Budget::new(0.2, 1.0), Instant::now());
        let mut pauses = Pauses::new(&config, true, now + Duration::from_secs(60));
        let error = Error::unanswered(Call::Health, "reset");
        let first = pauses.after(&error, &budget, now).unwrap();
        let second = pauses.after(&error, &budget, now).unwrap();
        assert!((200..=400).contains(&first.as_millis()), "{first:?}");
        assert!((400..=800).contains(&second.as_millis()), "{second:?}");
        assert_eq!(pauses.after(&error, &budget, now), None);
        let mut none = Pauses::new(&config, false, now + Duration::from_secs(60));
        assert_eq!(none.after(&error, &budget, now), None);
    }
}
