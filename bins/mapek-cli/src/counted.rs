//! Seams with a meter on them: what passes is counted and timed, and goes on unchanged.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use mapek::{
    Clock, WakeReason, Waker,
    alertmanager::{Delivery, Intake, IntakeError},
    charter::{
        Applied, ApplyRequest, CallOptions, CharterApi, CommitteeState, Error, Health, Policy,
        PolicyId, PolicyVersion, RestartAccepted, RestartRequest, RolledBack, ScaleRequest, Tagged,
        ValidateRequest, Validation, Violations,
    },
    monitor::{AlertBatch, AlertInbox, Error as MonitorError, InboxPosition, PendingAlert, Stored},
    notify::{Meter, Told},
    server::{ClientTimer, EventCounter, NotificationCounter},
};

/// Takes webhooks, counts their alerts and wakes the loop, once they are durable.
#[derive(Debug)]
pub(crate) struct WakingIntake<I> {
    pub(crate) inner: I,
    pub(crate) waker: Waker,
    pub(crate) received: EventCounter,
}

#[async_trait]
impl<I: Intake> Intake for WakingIntake<I> {
    async fn accept(&self, delivery: Delivery) -> Result<(), IntakeError> {
        let alerts = delivery.notification.alerts.len() as u64;
        self.inner.accept(delivery).await?;
        self.received.add(alerts);
        self.waker.wake(WakeReason::Alert);
        Ok(())
    }
}

/// Counts the alerts that are taken out of an inbox and dealt with.
#[derive(Debug)]
pub(crate) struct CountedInbox {
    inner: Arc<dyn AlertInbox>,
    processed: EventCounter,
    /// What was read and is not dealt with yet; as many as one cycle reads.
    read: Mutex<BTreeSet<InboxPosition>>,
}

impl CountedInbox {
    pub(crate) fn new(inner: Arc<dyn AlertInbox>, processed: EventCounter) -> Self {
        Self { inner, processed, read: Mutex::default() }
    }
}

#[async_trait]
impl AlertInbox for CountedInbox {
    async fn store(&self, batch: &AlertBatch) -> Result<Stored, MonitorError> {
        self.inner.store(batch).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<PendingAlert>, MonitorError> {
        let pending = self.inner.pending(limit).await?;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) =
            pending.iter().map(|alert| alert.position).collect();
        Ok(pending)
    }

    async fn acknowledge(&self, up_to: InboxPosition) -> Result<(), MonitorError> {
        self.inner.acknowledge(up_to).await?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let left = read.split_off(&InboxPosition(up_to.0.saturating_add(1)));
        self.processed.add(std::mem::replace(&mut *read, left).len() as u64);
        Ok(())
    }
}

/// Counts messages to people.
#[derive(Debug)]
pub(crate) struct CountedMessages(pub(crate) NotificationCounter);

impl Meter for CountedMessages {
    fn count(&self, channel: &str, kind: &str, told: Told, messages: u64) {
        self.0.add(channel, kind, told.as_str(), messages);
    }
}

/// Times every call to Charter.
#[derive(Debug)]
pub(crate) struct TimedCharter {
    inner: Arc<dyn CharterApi>,
    clock: Arc<dyn Clock>,
    timer: ClientTimer,
}

impl TimedCharter {
    pub(crate) fn new(
        inner: Arc<dyn CharterApi>,
        clock: Arc<dyn Clock>,
        timer: ClientTimer,
    ) -> Self {
        Self { inner, clock, timer }
    }

    async fn timed<T>(
        &self,
        call: &str,
        answer: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let begun = self.clock.stopwatch();
        let answer = answer.await;
        let took = self.clock.stopwatch().saturating_sub(begun);
        let status = match &answer {
            Ok(_) => "ok".to_owned(),
            Err(error) => {
                error.status().map_or_else(|| "no_answer".to_owned(), |it| it.to_string())
            }
        };
        self.timer.observe(call, &status, took);
        answer
    }
}

#[async_trait]
impl CharterApi for TimedCharter {
    async fn health(&self) -> Result<Health, Error> {
        self.timed("health", self.inner.health()).await
    }

    async fn policies(&self) -> Result<Vec<Policy>, Error> {
        self.timed("policies", self.inner.policies()).await
    }

    async fn policy(&self, id: &PolicyId) -> Result<Tagged<Policy>, Error> {
        self.timed("policy", self.inner.policy(id)).await
    }

    async fn versions(&self, id: &PolicyId) -> Result<Vec<PolicyVersion>, Error> {
        self.timed("versions", self.inner.versions(id)).await
    }

    async fn apply(
        &self,
        request: &ApplyRequest,
        options: &CallOptions,
    ) -> Result<Tagged<Applied>, Error> {
        self.timed("apply", self.inner.apply(request, options)).await
    }

    async fn validate(&self, request: &ValidateRequest) -> Result<Validation, Error> {
        self.timed("validate", self.inner.validate(request)).await
    }

    async fn rollback(
        &self,
        id: &PolicyId,
        options: &CallOptions,
    ) -> Result<Tagged<RolledBack>, Error> {
        self.timed("rollback", self.inner.rollback(id, options)).await
    }

    async fn committee(&self) -> Result<Tagged<CommitteeState>, Error> {
        self.timed("committee", self.inner.committee()).await
    }

    async fn scale(
        &self,
        request: &ScaleRequest,
        options: &CallOptions,
    ) -> Result<Tagged<CommitteeState>, Error> {
        self.timed("scale", self.inner.scale(request, options)).await
    }

    async fn restart(
        &self,
        request: &RestartRequest,
        options: &CallOptions,
    ) -> Result<Tagged<RestartAccepted>, Error> {
        self.timed("restart", self.inner.restart(request, options)).await
    }

    async fn violations(&self) -> Result<Violations, Error> {
        self.timed("violations", self.inner.violations()).await
    }
}
