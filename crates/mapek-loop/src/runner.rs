//! The loop itself: when cycles run.

use std::{collections::BTreeSet, future::Future, pin::pin, sync::Arc};

use mapek_model::{Duration, Timestamp, later};
use tokio::sync::watch;
use tracing::{Instrument as _, info, info_span, warn};

use crate::{Builder, Clock, Cycle, CycleReport, LoopHandle, WakeReason, Waker, handle::Shown};

/// Runs [`Cycle`]s: at intervals, when one is due, and when it is woken.
///
/// # Guarantees
///
/// - One cycle at a time.
/// - A wake-up carries no data, so a lost or doubled one costs time, never correctness.
/// - Shutting down lets the running cycle finish. Executions that are not finished are parked: the journal has them,
///   and the next start goes on with them.
///
/// # Assumptions
///
/// - Effectors bound how long they wait: one that hangs for ever would hang the cycle. Reads have a deadline.
#[derive(Debug)]
pub struct Loop {
    cycle: Cycle,
    handle: LoopHandle,
    /// When the next [`step`](Self::step) has something to do though nobody asks for it, and why; at once if there was none yet.
    due: Option<(Timestamp, WakeReason)>,
}

impl Loop {
    /// Puts a loop together.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(cycle: Cycle, waker: Waker) -> Self {
        let (shown, _) = watch::channel(Arc::new(cycle.state()));
        let handle = LoopHandle {
            archive: cycle.parts.control.archive(),
            control: cycle.control(),
            clock: Arc::clone(&cycle.parts.clock),
            waker,
            shown: Arc::new(shown),
        };
        Self { cycle, handle, due: None }
    }

    /// Steers the loop and looks at it, while it runs.
    #[must_use]
    pub fn handle(&self) -> LoopHandle {
        self.handle.clone()
    }

    /// Runs until `shutdown` is ready, and the cycle that runs then has finished. Answers the last cycle's report, if there
    /// was one.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Option<Arc<CycleReport>> {
        let Self { mut cycle, handle, .. } = self;
        let LoopHandle { clock, waker, shown, .. } = &handle;
        let debounce = cycle.parts.config.debounce;
        let mut shutdown = pin!(shutdown);
        let mut woken_by = BTreeSet::from([WakeReason::Start]);
        let last = loop {
            let report = run_one(&mut cycle, &handle, woken_by).await;
            let next_due = report.next_due;
            // Neither a noisy webhook nor a slow source may make cycles run back to back.
            let soonest = later(clock.now(), cycle.parts.config.min_gap);
            tokio::select! {
                biased;
                () = &mut shutdown => break Some(report),
                reasons = woken(clock.as_ref(), waker, debounce, soonest, (next_due, cycle.due_for())) => woken_by = reasons,
            }
        };
        end(&cycle, waker, shown);
        last
    }

    /// Runs one cycle if one is due by the clock, or somebody has asked for one; for hosts that move the clock themselves, and so are the
    /// ones to wait between cycles. Nothing is gathered: a wake-up is answered by the first step after it.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use mapek_loop::{Clock as _, Loop, ManualClock, WakeReason};
    /// # use mapek_model::Duration;
    /// # async fn doc(mut looped: Loop, clock: ManualClock) {
    /// assert!(looped.step().await.is_some(), "the first cycle is due at once");
    /// assert!(looped.step().await.is_none());
    /// looped.handle().wake(WakeReason::Request);
    /// assert!(looped.step().await.is_some());
    /// clock.advance(Duration::from_secs(30));
    /// assert!(looped.step().await.is_some(), "the interval is over");
    /// # }
    /// ```
    pub async fn step(&mut self) -> Option<Arc<CycleReport>> {
        let now = self.handle.clock.now();
        let mut woken_by = self.handle.waker.take();
        match self.due {
            None => drop(woken_by.insert(WakeReason::Start)),
            Some((due, why)) if now >= due => drop(woken_by.insert(why)),
            Some(_) if woken_by.is_empty() => return None,
            Some(_) => {}
        }
        let report = run_one(&mut self.cycle, &self.handle, woken_by).await;
        self.due = Some((report.next_due, self.cycle.due_for()));
        Some(report)
    }

    /// Says to all who look that no [`step`](Self::step) will come any more. What is not finished is parked, as when [`run`](Self::run) ends.
    pub fn stop(self) {
        let Self { cycle, handle, .. } = self;
        end(&cycle, &handle.waker, &handle.shown);
    }
}

fn end(cycle: &Cycle, waker: &Waker, shown: &Shown) {
    for execution in cycle.control().executions() {
        if execution.status.is_live() {
            info!(execution = %execution.id, "parked until the next start");
        }
    }
    shown.send_modify(|state| Arc::make_mut(state).stopped = true);
    waker.close();
}

/// Returns when a cycle is to run, and says why.
async fn woken(
    clock: &dyn Clock,
    waker: &Waker,
    debounce: Duration,
    soonest: Timestamp,
    (next_due, due_for): (Timestamp, WakeReason),
) -> BTreeSet<WakeReason> {
    tokio::select! {
        biased;
        () = clock.sleep_until(next_due) => {
            let mut reasons = waker.take();
            reasons.insert(due_for);
            reasons
        }
        () = waker.called() => {
            // Alerts come in groups: wait a little for the others.
            clock.sleep_until(soonest.max(later(clock.now(), debounce))).await;
            waker.take()
        }
    }
}

async fn run_one(
    cycle: &mut Cycle,
    handle: &LoopHandle,
    woken_by: BTreeSet<WakeReason>,
) -> Arc<CycleReport> {
    let span = info_span!("cycle", number = cycle.next_number().get());
    async {
        let report = cycle.run_once(handle.clock.now(), woken_by).await;
        handle.shown.send_replace(Arc::new(cycle.state()));
        log(&report);
        report
    }
    .instrument(span)
    .await
}

fn log(report: &CycleReport) {
    for decided in &report.decisions {
        info!(plan = %decided.hash.short(), decision = decided.as_str(), what = decided.summary, "decided");
    }
    for progress in &report.progress {
        let status = &progress.advance.status;
        info!(execution = %progress.advance.execution, %status, "execution");
    }
    for outcome in &report.outcomes {
        info!(execution = %outcome.execution, verdict = %outcome.verdict, why = outcome.reason, "outcome");
    }
    for text in &report.escalations {
        warn!(text, "a person is needed");
    }
    let cause = report.diagnosis.causes.first().map(|it| it.cause.to_string());
    info!(open = report.seen.open.len(), cause, "cycle ended");
}
