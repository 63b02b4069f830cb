//! A budget for retries.
//!
//! A fixed number of retries per call multiplies the load on a server exactly when it has none to spare. A
//! budget bounds retries as a *share* of calls: when everything fails, three attempts a call become 1.2.

use std::sync::Mutex;

use tokio::time::Instant;

/// A token bucket: each call pays in a part of a retry, time pays in some more, each retry takes one out.
#[derive(Debug)]
pub(super) struct Budget {
    ratio: f64,
    per_second: f64,
    max: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    at: Option<Instant>,
}

/// What can be saved up is what this many seconds pay in, and at least that many retries: enough for a burst
/// of calls that meets a server's restart, too little to prolong it.
const SAVED_SECONDS: f64 = 10.0;

impl Budget {
    /// A full budget. With neither ratio nor rate there is nothing in it, ever.
    pub(super) fn new(ratio: f64, per_second: f64) -> Self {
        let max = if ratio + per_second > 0.0 { SAVED_SECONDS * per_second.max(1.0) } else { 0.0 };
        Self { ratio, per_second, max, state: Mutex::new(State { tokens: max, at: None }) }
    }

    /// A call is made.
    pub(super) fn deposit(&self, now: Instant) {
        self.change(now, |tokens| *tokens += self.ratio);
    }

    /// Takes out one retry, if there is one.
    pub(super) fn withdraw(&self, now: Instant) -> bool {
        self.change(now, |tokens| {
            let there = *tokens >= 1.0;
            if there {
                *tokens -= 1.0;
            }
            there
        })
    }

    fn change<T>(&self, now: Instant, change: impl FnOnce(&mut f64) -> T) -> T {
        // A panic while the lock was held cannot have left half a change: it is one number.
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let passed = state.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        state.at = Some(now);
        state.tokens = (state.tokens + passed * self.per_second).min(self.max);
        let result = change(&mut state.tokens);
        state.tokens = state.tokens.min(self.max);
        result
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    #[tokio::test(start_paused = true)]
    async fn it_runs_dry_and_refills_with_calls_and_with_time() {
        let budget = Budget::new(0.2, 1.0);
        let now = Instant::now();
        let taken = (0..100).filter(|_| budget.withdraw(now)).count();
        assert_eq!(taken, 10, "full at the start");

        (0..4).for_each(|_| budget.deposit(now));
        assert!(!budget.withdraw(now), "four calls are not yet a retry");
        (0..2).for_each(|_| budget.deposit(now));
        assert!(budget.withdraw(now), "six are");

        let later = now + Duration::from_secs(3);
        assert_eq!((0..100).filter(|_| budget.withdraw(later)).count(), 3);
        let much_later = later + Duration::from_secs(1_000);
        assert_eq!((0..100).filter(|_| budget.withdraw(much_later)).count(), 10, "no more saved");
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_budget_allows_nothing() {
        let budget = Budget::new(0.0, 0.0);
        budget.deposit(Instant::now());
        assert!(!budget.withdraw(Instant::now() + Duration::from_secs(1_000)));
    }

    proptest! {
        /// Whatever comes in whatever order: retries never exceed what was saved and paid in.
        #[test]
        fn retries_stay_within_what_was_paid_in(
            steps in proptest::collection::vec((any::<bool>(), 0_u64..2_000), 1..200),
        ) {
            let budget = Budget::new(0.2, 1.0);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut now = runtime.block_on(async { Instant::now() });
            let (mut paid_in, mut taken) = (10.0, 0.0);
            for (call, passed_ms) in steps {
                now += Duration::from_millis(passed_ms);
                paid_in += passed_ms as f64 / 1_000.0;
                if call {
                    budget.deposit(now);
                    paid_in += 0.2;
                } else if budget.withdraw(now) {
                    taken += 1.0;
                }
                prop_assert!(taken <= paid_in + 1e-6, "{taken} of {paid_in}");
            }
        }
    }
}
