//! What wakes the loop.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use mapek_model::Duration;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Why a cycle runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub enum WakeReason {
    /// It is the first.
    Start,
    /// The interval is over.
    Interval,
    /// Something is due before the interval is over: a step, a verification, the end of a lease, or a plan with what was just
    /// learned.
    Due,
    /// An alert came in.
    Alert,
    /// A person asked for it, or did something that it must react to.
    Request,
}

impl WakeReason {
    /// Whether nothing happened but that time passed.
    pub(crate) const fn is_time(self) -> bool {
        matches!(self, Self::Interval | Self::Due)
    }

    /// The word that JSON and metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Interval => "interval",
            Self::Due => "due",
            Self::Alert => "alert",
            Self::Request => "request",
        }
    }
}

/// Wakes the loop from anywhere; cheap to clone and to call.
///
/// A wake-up carries no data: the cycle that follows reads the state afresh. So many of them between two cycles are one,
/// a lost one costs an interval at most, and a doubled one costs a cycle.
///
/// ```
/// use mapek_loop::{WakeReason, Waker};
///
/// let waker = Waker::new();
/// waker.wake(WakeReason::Alert);
/// waker.wake(WakeReason::Alert);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Waker {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    reasons: Mutex<BTreeSet<WakeReason>>,
    called: Notify,
    closed: CancellationToken,
}

impl Waker {
    /// Longest time that wake-ups are gathered before the cycle that answers them: alerts come in groups, and one cycle
    /// sees them all.
    pub const DEBOUNCE_DEFAULT: Duration = Duration::from_millis(200);

    /// A waker that nobody has called.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a cycle.
    pub fn wake(&self, reason: WakeReason) {
        self.inner.reasons.lock().unwrap_or_else(PoisonError::into_inner).insert(reason);
        // One permit is kept if nobody waits at the moment, so a call between two waits is not lost.
        self.inner.called.notify_one();
    }

    /// Returns once somebody has called.
    pub(crate) async fn called(&self) {
        loop {
            let called = self.inner.called.notified();
            if !self.inner.reasons.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                return;
            }
            called.await;
        }
    }

    /// Says that nobody answers any more.
    pub(crate) fn close(&self) {
        self.inner.closed.cancel();
    }

    /// Whether nobody answers any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.inner.closed.is_cancelled()
    }

    /// Returns once nobody answers any more.
    pub(crate) async fn closed(&self) {
        self.inner.closed.cancelled().await;
    }

    /// Takes what has gathered.
    pub(crate) fn take(&self) -> BTreeSet<WakeReason> {
        std::mem::take(&mut *self.inner.reasons.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_before_the_wait_are_one_wake_up() {
        let waker = Waker::new();
        waker.wake(WakeReason::Alert);
        waker.wake(WakeReason::Alert);
        waker.wake(WakeReason::Request);
        waker.called().await;
        assert_eq!(waker.take(), BTreeSet::from([WakeReason::Alert, WakeReason::Request]));
        let again = tokio::time::timeout(Duration::from_millis(20), waker.called()).await;
        assert!(again.is_err(), "what was taken must not wake again");
    }

    #[tokio::test]
    async fn a_call_wakes_whoever_waits() {
        let waker = Waker::new();
        let waiting = tokio::spawn({
            let waker = waker.clone();
            async move { waker.called().await }
        });
        tokio::task::yield_now().await;
        waker.wake(WakeReason::Alert);
        waiting.await.unwrap();
    }
}
